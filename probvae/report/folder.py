"""All figures of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from probvae.core import VAE, Data
from probvae.report.examples import reconstructions, samples
from probvae.report.grid import latent_grid
from probvae.report.history import curves
from probvae.report.map import latent_map
from probvae.report.style import NoPictureError, save


@dataclass(frozen=True)
class Drawn:
    """The figures that were written and those that were not.

    Args:
        written: the files.
        left_out: name of each figure that was not drawn -> the reason.
    """

    written: tuple[Path, ...]
    left_out: dict[str, str]


def draw(vae: VAE, data: Data, rows: Sequence[Mapping[str, float]], folder: Path, seed: int = 0) -> Drawn:
    """Draw every figure that applies to this model and data.

    Args:
        vae: the trained model.
        data: what it was trained on; the figures show the test examples.
        rows: one for each epoch, as in a run's `metrics.jsonl`.
        folder: where the PNG files go; it is created.
        seed: seed of the figures.
    """
    figures: dict[str, Callable[[], Figure]] = {
        "curves": lambda: curves(rows),
        "samples": lambda: samples(vae, seed, data.test, info=data.info, columns=data.info.condition),
        "reconstructions": lambda: reconstructions(vae, data.test, seed, info=data.info),
        "latent_grid": lambda: latent_grid(vae, seed, data.info),
        "latent_map": lambda: latent_map(vae, data.test, seed, info=data.info),
    }
    folder.mkdir(parents=True, exist_ok=True)
    written, left_out = [], {}
    for name, figure in figures.items():
        path = folder / f"{name}.png"
        try:
            save(figure(), path)
        except NoPictureError as reason:
            left_out[name] = str(reason)
        else:
            written.append(path)
    return Drawn(tuple(written), left_out)
