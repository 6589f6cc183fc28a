"""Make `examples/colour_patches.npz`: patches of the two photographs that scikit-learn ships.

    pip install scikit-learn pillow && python tools/make_colour_patches.py

Patches of 16 by 16 pixels that do not overlap; the right columns of each photograph are for validation and test.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import load_sample_images

FILE = Path(__file__).parents[1] / "examples" / "colour_patches.npz"
SIZE = 16
COLUMNS = {"train": (0, 32), "validation": (32, 36), "test": (36, 40)}


def patches(photograph: np.ndarray) -> np.ndarray:
    """The patches of a photograph [height, width, 3], by row and column: [rows, columns, SIZE, SIZE, 3]."""
    rows, columns = (size // SIZE for size in photograph.shape[:2])
    cut = photograph[: rows * SIZE, : columns * SIZE]
    return cut.reshape(rows, SIZE, columns, SIZE, 3).swapaxes(1, 2)


def main() -> None:
    """Write the file."""
    photographs = [patches(photograph) for photograph in load_sample_images().images]
    arrays = {
        part: np.concatenate(
            [photograph[:, slice(*columns)].reshape(-1, SIZE, SIZE, 3) for photograph in photographs]
        )
        for part, columns in COLUMNS.items()
    }
    np.savez_compressed(FILE, **arrays)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
