"""Written by tools/stubs.py."""

from probvae.data.arrays import Arrays as Arrays
from probvae.data.batches import Batches as Batches
from probvae.data.batches import batches_of as batches_of
from probvae.data.batches import chunks as chunks
from probvae.data.mini import FashionMini as FashionMini
from probvae.data.mnist import FashionMnist as FashionMnist
from probvae.data.mnist import Kmnist as Kmnist
from probvae.data.mnist import Mnist as Mnist
from probvae.data.tfrecords import TFRecords as TFRecords
