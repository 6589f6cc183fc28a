"""Using a trained run: samples, reconstructions and encodings, as a picture or as arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from probvae.core import VAE, Array, Data, Split, Table, Tensor, available_memory, mean_of, readable
from probvae.core.room import largest_tensor
from probvae.errors import UserError
from probvae.evaluation import over
from probvae.report import reconstructions, samples, save
from probvae.runs.loading import load_run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_IN_A_PICTURE = 10_000


def sample(
    folder: str | Path, count: int, seed: int = 0, out: Path | None = None, plugins: Sequence[str | Path] = ()
) -> str:
    """Samples of a run's model: a picture of means, or arrays `mean` and `x` [S, *E], where x ~ p(x|z).

    Where p(x|z) has no mean, the picture is of draws, and the array `mean` is left out.
    """
    run, built, _ = load_run(folder, plugins=plugins)
    vae = built.vae
    path = out or run.folder / f"samples-seed-{seed}.png"
    _check_room(vae, count)
    if path.suffix == ".png" and count > MOST_IN_A_PICTURE:
        raise UserError(
            f"--count: expected at most {MOST_IN_A_PICTURE:,} samples in a picture; got {count:,}. Lower it, or "
            "write arrays: --out NAME.npz."
        )

    def arrays() -> dict[str, Array]:
        # The same seed gives the same latents to the means, to the draws and to the picture.
        means = {"mean": vae.sample(count, seed, mean=True).numpy()} if _has_means(vae) else {}
        return {**means, "x": vae.sample(count, seed).numpy()}

    return _write(path, lambda: samples(vae, seed, count=count), arrays)


def _check_room(vae: VAE, count: int) -> None:
    """Refuse more samples than fit into the memory, before any is drawn.

    Raises:
        UserError: their means and draws do not.
    """
    available, size = available_memory(), 2 * 4 * count * math.prod(vae.event_shape)
    if available is None:
        return
    what = f"whose means and draws take {readable(size)}"
    if size <= available and count > MOST_IN_A_PICTURE:  # what the decoder computes on its way may be larger
        largest = largest_tensor(tf.autograph.experimental.do_not_convert(lambda: vae.sample(count)))
        size, what = largest.bytes, f"whose decoding takes a tensor {largest}"
    if size > available:
        raise UserError(
            f"--count: expected samples that fit into the available memory, {readable(available)}; got {count}, "
            f"{what}. Lower it."
        )


def reconstruct(
    folder: str | Path, split: str, seed: int = 0, out: Path | None = None, plugins: Sequence[str | Path] = ()
) -> str:
    """Reconstructions of a run's data: a picture of some, or arrays `x` and `mean` [N, *E] of all.

    The same seed gives the same binarisation and latents to both. Where p(x|z) has no mean, reconstructions are
    draws, and the array is named `draw`.
    """
    run, built, _ = load_run(folder, plugins=plugins)
    vae = built.vae
    path = out or run.folder / f"reconstructions-{split}-seed-{seed}.png"
    data = built.data.loaded
    examples = _split(data, split)

    def arrays() -> dict[str, Array]:
        made = "mean" if _has_means(vae) else "draw"
        return over(examples, lambda x, noise: {"x": x, made: vae.reconstruct(x, noise)}, seed)

    return _write(path, lambda: reconstructions(vae, examples, seed, split, data.info), arrays)


def encode(folder: str | Path, split: str, out: Path | None = None, plugins: Sequence[str | Path] = ()) -> str:
    """Encodings of a run's data: arrays `mean` and `stddev` [N, D], and `labels` where the data has them."""
    run, built, _ = load_run(folder, plugins=plugins)
    vae = built.vae
    path = out or run.folder / f"encodings-{split}.npz"
    examples = _split(built.data.loaded, split)

    def arrays() -> dict[str, Array]:
        found = over(examples, lambda x, _: _moments(vae, x), seed=0)
        return found if examples.labels is None else {**found, "labels": examples.labels}

    return _write(path, None, arrays)


def _has_means(vae: VAE) -> bool:
    return mean_of(vae.decoder.likelihood(tf.zeros((1, vae.latent_dim)))) is not None


def _moments(vae: VAE, x: Tensor) -> Table:
    q = vae.posterior(x)
    try:
        return {"mean": q.mean(), "stddev": q.stddev()}
    except NotImplementedError as error:
        name = type(vae.encoder).__name__
        raise UserError(
            f"encode: expected q(z|x) with a mean and a standard deviation; that of {name} lacks one of them. "
            "Add it to the distribution."
        ) from error


def _split(data: Data, name: str) -> Split:
    splits = {"train": data.train, "validation": data.validation, "test": data.test}
    if name not in splits:
        raise UserError(f"split: expected one of {', '.join(splits)}; got {name!r}.")
    return splits[name]


def _write(path: Path, figure: Callable[[], Figure] | None, arrays: Callable[[], dict[str, Array]]) -> str:
    """Write a picture or arrays, after the suffix, and say what is where."""
    kinds = [".npz"] if figure is None else [".png", ".npz"]
    if path.suffix not in kinds:
        raise UserError(f"--out {path}: expected a name that ends in {' or '.join(kinds)}; got {path.suffix!r}.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".png" and figure is not None:
            save(figure(), path)
            return str(path)
        found = arrays()
        np.savez_compressed(path, **found)  # type: ignore[arg-type]
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error}. Choose another with --out.") from error
    shapes = ", ".join(f"{name} {list(array.shape)}" for name, array in found.items())
    return f"{path}: {shapes}"
