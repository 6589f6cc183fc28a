"""Figures of samples and of reconstructions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import tensorflow as tf
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from probvae.core import VAE, Array, DataInfo, Seed, Split, Stream, Tensor, fold_in, mean_of
from probvae.evaluation import over_examples
from probvae.report.columns import column_names, pairs, profiles
from probvae.report.style import COLOURS, FAINT, INK, NoPictureError, name_axes, plane, side_legend
from probvae.report.tiles import form_of, mosaic, row_labels, shared_range

_SIDE = 10  # tiles per row, and rows of samples
_PAIRED_ROWS = 4
_COUNTS = {"points": 2_000, "columns": 200}  # samples, of other forms a mosaic's
_PAIRED = {"points": 200, "columns": 12}


def samples(
    vae: VAE,
    seed: Seed = 0,
    data: Split | None = None,
    count: int | None = None,
    info: DataInfo | None = None,
) -> Figure:
    """Random samples from the prior: the decoder's means, or draws where an example is a point or a table's row.

    Args:
        vae: the model.
        seed: seed of the samples.
        data: examples drawn behind points or rows, for comparison.
        count: how many samples; by default 100 tiles, 2,000 points or 200 rows.
        info: description of the data, for the names of its columns.

    Raises:
        NoPictureError: examples of this shape cannot be drawn, or the outputs are not finite.
    """
    title = "Samples from the prior"
    form = form_of(vae.event_shape)
    flat = form in _COUNTS
    count = count or _COUNTS.get(form, _SIDE**2)
    z = vae.prior.distribution().sample(count, seed=fold_in(seed, 0))  # [S, D], and all that follows as VAE.sample
    noise = fold_in(seed, 1)
    if not flat:
        x, what = decoded(vae, z, noise)
        columns = math.ceil(math.sqrt(count))
        whole = count // columns * columns
        panels = [x[:whole].reshape(-1, columns, *vae.event_shape)]
        panels += [x[None, whole:]] if whole < count else []
        return mosaic(panels, title, f"{what} at z\u00a0~\u00a0p(z).", between=0)
    x = vae.decoder.likelihood(z).sample(seed=noise).numpy()
    shared_range(x)
    clouds = {"samples": (x, COLOURS[0])}
    subtitle = "x\u00a0~\u00a0p(x|z) at z\u00a0~\u00a0p(z)"
    if data is not None:
        subtitle += ", over the data"
        behind = some(data, _COUNTS[form], fold_in(seed, Stream.FIGURES, 2))
        clouds = {"data": (behind, "#b5b5b5" if form == "points" else INK)} | clouds
    draw = _plane if form == "points" else profiles
    return draw(title, f"{subtitle}.", clouds, column_names(vae.event_shape, info))


def reconstructions(
    vae: VAE, split: Split, seed: Seed = 0, name: str = "test", info: DataInfo | None = None
) -> Figure:
    """Random examples of a split and their reconstructions.

    Args:
        vae: the model.
        split: the examples.
        seed: seed of the choice of examples and of the latent noise.
        name: name of the split in the figure.
        info: description of the data, for the names of its columns.

    Raises:
        NoPictureError: examples of this shape cannot be drawn, or the outputs are not finite.
    """
    form = form_of(vae.event_shape)
    count = min(_PAIRED.get(form, _SIDE * _PAIRED_ROWS), len(split))
    rows = chosen(len(split), count, fold_in(seed, Stream.FIGURES, 3))
    shown = over_examples(split, lambda x, noise: {"x": x, "z": vae.posterior(x).sample(seed=noise)}, seed, rows)
    x = shown["x"]  # [B, *E]
    again, what = decoded(vae, shown["z"], fold_in(seed, Stream.FIGURES, 5))
    shared_range(x, again)
    made = f"{what[0].lower()}{what[1:]} at one z\u00a0~\u00a0q(z|x)"
    if form == "points":
        subtitle = f"Random {name} examples, each joined to its reconstruction: {made}."
        clouds = {"data": (x, FAINT), "model": (again, COLOURS[0])}
        figure = _plane("Reconstructions", subtitle, clouds, column_names(vae.event_shape, info))
        joined = list(np.stack([x, again], axis=1))
        figure.axes[0].add_collection(LineCollection(joined, colors="#b5b5b5", linewidths=0.7, zorder=0.5))
        return figure
    if form == "columns":
        subtitle = f"Random {name} examples, and the reconstruction of each: {made}."
        return pairs("Reconstructions", subtitle, x, again, column_names(vae.event_shape, info))
    both = np.stack([x, again])  # [2, B, *E]
    panels = [both[:, start : start + _SIDE] for start in range(0, count, _SIDE)]  # [2, columns, *E] each
    figure = mosaic(
        panels,
        "Reconstructions",
        f"Random {name} examples, and below each its reconstruction: {made}.",
        left=0.75,
        colours=(FAINT, COLOURS[0]),
    )
    for axes in figure.axes:
        row_labels(axes, ("data", "model"))
    return figure


def _plane(title: str, subtitle: str, clouds: Mapping[str, tuple[Array, str]], names: Sequence[str]) -> Figure:
    """Points [N, 2] in the plane, under the names of the clouds and in their colours."""
    figure, axes = plane(title, subtitle, *(points for points, _ in clouds.values()))
    name_axes(axes, names)
    for name, (points, colour) in clouds.items():
        size = float(np.clip(6_000 / len(points), 4, 14))
        axes.scatter(points[:, 0], points[:, 1], s=size, color=colour, alpha=0.7, lw=0, label=name)
    side_legend(axes)
    return figure


def decoded(vae: VAE, z: Tensor, seed: Seed) -> tuple[Array, str]:
    """The means of p(x|z) at latents [B, D], or samples where a likelihood has no mean: [B, *E], and which.

    Raises:
        NoPictureError: they are not finite.
    """
    likelihood = vae.decoder.likelihood(z)
    x, what = mean_of(likelihood), "The decoder's mean"
    if x is None:
        x, what = likelihood.sample(seed=seed), "A draw from p(x|z), which has no mean,"
    x = np.asarray(x, np.float32)
    shared_range(x)
    return x, what


def some(split: Split, count: int, seed: Seed) -> Array:
    """Random examples of a split, prepared as for a model, in their stored order: [B, *E]."""
    kept = chosen(len(split), count, fold_in(seed, 0))
    return np.asarray(replace(split, stored=split.stored[kept]).prepare(split.stored[kept], fold_in(seed, 1)))


def chosen(size: int, count: int, seed: Seed) -> Array:
    """Sorted indices of at most `count` of `size` examples.

    Raises:
        NoPictureError: there are none.
    """
    if not size:
        raise NoPictureError("There are no examples to draw.")
    order = tf.random.experimental.stateless_shuffle(tf.range(size), fold_in(seed))
    return np.sort(order.numpy()[:count])
