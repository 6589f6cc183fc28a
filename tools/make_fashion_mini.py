"""Make probvae/data/fashion_mini/fashion_mini.npz: a balanced subset of Fashion-MNIST, the same every time.

    python tools/make_fashion_mini.py [FOLDER] [--out FILE]

FOLDER holds the four IDX files of Fashion-MNIST. By default that is where Debian's package
dataset-fashion-mnist puts them, or else they are downloaded.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from probvae import Array, Split
from probvae.data import FashionMnist
from probvae.data.datasets.mini import FILE
from probvae.data.feeding.binarize import fixed_order

CLASSES = 10


def subset(folder: str = "") -> dict[str, Array]:
    """The arrays of the file: 600, 100 and 100 images of each class, each from its split of Fashion-MNIST."""
    data = FashionMnist(binarize="none", folder=folder).load()
    splits = {"train": (data.train, 600), "validation": (data.validation, 100), "test": (data.test, 100)}
    arrays: dict[str, Array] = {}
    for name, (split, per_class) in splits.items():
        labels = _labels(split)
        chosen = _balanced(labels, per_class)
        arrays[name] = split.stored[chosen, :, :, 0]
        arrays[f"{name}_labels"] = labels[chosen]
    return arrays


def _labels(split: Split) -> Array:
    assert split.labels is not None  # Fashion-MNIST always has them
    return split.labels


def _balanced(labels: Array, per_class: int) -> Array:
    """The places of `per_class` examples of each class, drawn in the fixed order, then sorted."""
    order = fixed_order(len(labels))
    drawn = [order[labels[order] == label][:per_class] for label in range(CLASSES)]
    return np.sort(np.concatenate(drawn))


def main() -> None:
    """Write the file and say how large it is."""
    parser = argparse.ArgumentParser(description="Make the subset of Fashion-MNIST that travels inside probvae.")
    parser.add_argument("folder", nargs="?", default="", help="holds the four IDX files of Fashion-MNIST")
    parser.add_argument("--out", type=Path, default=FILE, help="the file to write")
    options = parser.parse_args()
    np.savez_compressed(options.out, allow_pickle=False, **subset(options.folder))
    print(f"{options.out}: {options.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
