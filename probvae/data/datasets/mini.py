"""Fashion-MNIST in small, inside the package: real images for examples and tests, with no download."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from probvae.core import Binarize, Data, DataInfo, Dataset
from probvae.data.datasets.mnist import FASHION
from probvae.data.feeding.binarize import binarize_splits, image_values, images, protocol

FILE = Path(__file__).parents[1] / "fashion_mini" / "fashion_mini.npz"
"""The images and labels; `tools/make_fashion_mini.py` makes it."""


class FashionMini(Dataset):
    """8,000 images of Fashion-MNIST that come with probvae: clothes in 28x28 grey pixels, ten classes.

    6,000 for training and 1,000 for validation from the original training set, 1,000 for test from the
    original test set, every class equally often. Numbers on it are not comparable with numbers on all of
    Fashion-MNIST.

    Args:
        binarize: dynamic (training images afresh at every step), static (all images once), or none.
    """

    def __init__(self, binarize: Binarize = "dynamic") -> None:
        self.binarize = binarize

    def info(self) -> DataInfo:
        """The description of the data."""
        return DataInfo(
            event_shape=(28, 28, 1),
            values=image_values(self.binarize),
            sizes=(6_000, 1_000, 1_000),
            protocol=protocol(self.binarize),
            source="a subset of Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017; MIT licence) inside probvae",
            classes=FASHION,
        )

    def load(self) -> Data:
        """The three splits."""
        info = self.info()
        with np.load(FILE, allow_pickle=False) as file:
            train, validation, test = (
                images(file[name], file[f"{name}_labels"]) for name in ("train", "validation", "test")
            )
        return Data(info, *binarize_splits(train, validation, test, self.binarize))
