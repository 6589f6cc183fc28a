"""Written by tools/stubs.py."""

from probvae.data.datasets.arrays import Arrays as Arrays
from probvae.data.datasets.mini import FashionMini as FashionMini
from probvae.data.datasets.mnist import FashionMnist as FashionMnist
from probvae.data.datasets.mnist import Kmnist as Kmnist
from probvae.data.datasets.mnist import Mnist as Mnist
from probvae.data.feeding.batches import Batches as Batches
from probvae.data.feeding.batches import batches_in_order as batches_in_order
from probvae.data.tfrecords import TFRecords as TFRecords
