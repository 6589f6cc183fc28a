"""Written by tools/stubs.py."""

from probvae.core import available_memory as available_memory
from probvae.core import readable as readable
from probvae.data.datasets.anndata import AnnDataFile as AnnDataFile
from probvae.data.datasets.arrays import Arrays as Arrays
from probvae.data.datasets.given import Given as Given
from probvae.data.datasets.given import as_dataset as as_dataset
from probvae.data.datasets.images import ImageFolder as ImageFolder
from probvae.data.datasets.mini import FashionMini as FashionMini
from probvae.data.datasets.mnist import FashionMnist as FashionMnist
from probvae.data.datasets.mnist import Kmnist as Kmnist
from probvae.data.datasets.mnist import Mnist as Mnist
from probvae.data.datasets.tables import TableFile as TableFile
from probvae.data.feeding.batches import Batches as Batches
from probvae.data.feeding.batches import batches_in_order as batches_in_order
from probvae.data.feeding.binarize import binarize_splits as binarize_splits
from probvae.data.feeding.binarize import not_probabilities as not_probabilities
from probvae.data.feeding.binarize import protocol as protocol
from probvae.data.files.kinds import kind_of as kind_of
from probvae.data.settings import DataSettings as DataSettings
