"""Using a trained run: samples, reconstructions and encodings, as a picture or as arrays."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import tensorflow as tf

from probvae.core import VAE, Array, Data, Table, Tensor, available_memory, mean_of, readable
from probvae.core.room import largest_tensor
from probvae.errors import UserError
from probvae.evaluation import over_examples
from probvae.report import reconstructions, samples, save
from probvae.runs.folder import Run
from probvae.runs.loading import data_of, load_run, other_data
from probvae.runs.results import ALL, Output, check_suffix, collect, select, write_arrays, writing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_IN_A_PICTURE = 10_000


def sample(
    folder: str | os.PathLike[str],
    count: int,
    seed: int = 0,
    out: Path | None = None,
    plugins: Sequence[str | Path] = (),
) -> Output:
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
    folder: str | os.PathLike[str],
    split: str | None = None,
    seed: int = 0,
    out: Path | None = None,
    plugins: Sequence[str | Path] = (),
    overrides: Sequence[str] = (),
    data: str | Path | None = None,
    allow_other_data: bool = False,
) -> Output:
    """Reconstructions of a run's data: a picture of some, or arrays `x` and `mean` [N, *E] of all, with `row` [N].

    The same seed gives the same binarisation and latents to both. Where p(x|z) has no mean, reconstructions are
    draws, and the array is named `draw`.
    """
    run, vae, examples, split = _examples(folder, split, plugins, overrides, data, allow_other_data)
    path = out or run.folder / f"reconstructions-{'data-' if data or overrides else ''}{split}-seed-{seed}.png"
    made = "mean" if _has_means(vae) else "draw"

    def arrays() -> dict[str, Array]:
        def function(x: Tensor, noise: Tensor) -> dict[str, Tensor]:
            return {"x": x, made: vae.reconstruct(x, noise)}

        return collect(examples, split, lambda part: over_examples(part, function, seed))

    def picture() -> Figure:
        if split == ALL:
            raise UserError("--split: expected one split for a picture; got all. Choose one, or --out NAME.npz.")
        return reconstructions(vae, select(examples, split)[split], seed, split, examples.info)

    return _write(path, picture, arrays, examples)


def encode(
    folder: str | os.PathLike[str],
    split: str | None = None,
    out: Path | None = None,
    plugins: Sequence[str | Path] = (),
    overrides: Sequence[str] = (),
    data: str | Path | None = None,
    allow_other_data: bool = False,
) -> Output:
    """Encodings of a run's data: arrays `mean` and `stddev` [N, D], `row` [N], and `labels` where it has them."""
    run, vae, examples, split = _examples(folder, split, plugins, overrides, data, allow_other_data)
    path = out or run.folder / f"encodings-{'data-' if data or overrides else ''}{split}.npz"

    def arrays() -> dict[str, Array]:
        return collect(examples, split, lambda part: over_examples(part, lambda x, seed: _moments(vae, x), seed=0))

    return _write(path, None, arrays, examples)


def _examples(
    folder: str | os.PathLike[str],
    split: str | None,
    plugins: Sequence[str | Path],
    overrides: Sequence[str],
    data: str | Path | None,
    allow_other_data: bool,
) -> tuple[Run, VAE, Data, str]:
    """A run, its model, its data or other data, and the name of the split to use.

    Raises:
        UserError: an override is of another table than [data], or the data differs from that of the run.
    """
    if others := [setting for setting in overrides if not setting.startswith("data.")]:
        raise UserError(f"Expected settings of the [data] table; got {', '.join(others)}.")
    overrides = [*(other_data(data) if data else ()), *overrides]
    run, built, _ = load_run(folder, overrides, plugins)
    examples = data_of(run, built, overrides, allow_other_data)
    split = split or (ALL if data else "test")
    select(examples, split)
    return run, built.vae, examples, split


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


def _write(
    path: Path,
    figure: Callable[[], Figure] | None,
    arrays: Callable[[], dict[str, Array]],
    data: Data | None = None,
) -> Output:
    """Write a picture or arrays, depending on the suffix.

    Raises:
        UserError: the suffix is another one, or the file cannot be written.
    """
    check_suffix(path, [*([".png"] if figure else []), ".npz", *([".csv"] if data else [])])
    if path.suffix == ".png" and figure is not None:
        with writing(path):
            save(figure(), path)
        return Output(path, {})
    return write_arrays(path, arrays(), data.info.classes if data else ())
