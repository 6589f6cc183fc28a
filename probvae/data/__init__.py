"""Datasets, and the order in which their examples come: a function of a seed and a step.

Importing this package imports no TensorFlow; each name below is loaded when it is first used.
"""

from probvae._lazy import lazy

__all__ = [
    "FashionMini",
    "FashionMnist",
    "Mnist",
    "Kmnist",
    "Arrays",
    "TFRecords",
    "Batches",
    "batches_of",
    "chunks",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "FashionMini": "probvae.data.mini",
        "FashionMnist": "probvae.data.mnist",
        "Mnist": "probvae.data.mnist",
        "Kmnist": "probvae.data.mnist",
        "Arrays": "probvae.data.arrays",
        "TFRecords": "probvae.data.tfrecords",
        "Batches": "probvae.data.batches",
        "batches_of": "probvae.data.batches",
        "chunks": "probvae.data.batches",
    },
)
