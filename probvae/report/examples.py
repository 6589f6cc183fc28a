"""Figures of samples and of reconstructions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from probvae.core import (
    VAE,
    Array,
    Batch,
    Condition,
    DataInfo,
    Seed,
    Split,
    Stream,
    Tensor,
    fold_in,
    mean_of,
)
from probvae.evaluation import over_examples
from probvae.report.columns import Cloud, column_names, pairs, profiles
from probvae.report.style import COLOURS, FAINT, INK, NoPictureError, distinct, name_axes, plane, side_legend
from probvae.report.tiles import form_of, mosaic, row_labels, shared_range

_SIDE = 10  # tiles per row, and rows of samples
_MOST_CLASSES = 40  # in a figure with a row for each
_PAIRED_ROWS = 4
_COUNTS = {"points": 2_000, "columns": 200}  # samples, of other forms a mosaic's
_PAIRED = {"points": 200, "columns": 12}


def samples(
    vae: VAE,
    seed: Seed = 0,
    data: Split | None = None,
    count: int | None = None,
    info: DataInfo | None = None,
    columns: Condition | None = None,
    condition: Array | None = None,
) -> Figure:
    """Random samples from the prior: the decoder's means, or draws where an example is a point or a table's row.

    Where the condition is a class, each class has a row of samples, or a colour.

    Args:
        vae: the model.
        seed: seed of the samples.
        data: examples drawn behind points or rows, for comparison; their conditions are those of the samples of a
            conditional model, unless they are classes.
        count: how many samples; by default 100 tiles, 2,000 points or 200 rows, of classes 10 tiles each.
        info: description of the data, for the names of its columns.
        columns: what the condition of a conditional model is.
        condition: [C], the condition of all samples; None for each class in turn, or those of examples.

    Raises:
        NoPictureError: examples of this shape cannot be drawn, the outputs are not finite, or there are no
            conditions to take.
    """
    title = "Samples from the prior"
    form = form_of(vae.event_shape)
    flat = form in _COUNTS
    classes = rows_of(columns) if condition is None else ()
    count = count or _COUNTS.get(form, _SIDE * len(classes) if classes else _SIDE**2)
    noise = fold_in(seed, 1)
    c = conditions_of_samples(vae, count, columns, data, condition, fold_in(seed, Stream.FIGURES, 10))
    z = vae.sample_latents(count, fold_in(seed, 0), c)  # [S, D], and all that follows as VAE.sample
    at = "z\u00a0~\u00a0p(z|c)" if vae.prior.condition_dim else "z\u00a0~\u00a0p(z)"
    if not flat:
        x, what = decoded(vae, z, noise, c)
        if classes and count % len(classes) == 0:
            rows = x.reshape(-1, len(classes), *vae.event_shape).swapaxes(0, 1)  # one for each class
            subtitle = f"{what} at {at}, one row for each class c."
            figure = mosaic([rows], title, subtitle, left=room_for(classes), between=0)
            row_labels(figure.axes[0], distinct(classes))
            return figure
        across = math.ceil(math.sqrt(count))
        whole = count // across * across
        panels = [x[:whole].reshape(-1, across, *vae.event_shape)]
        panels += [x[None, whole:]] if whole < count else []
        return mosaic(panels, title, f"{what} at {at}.", between=0)
    x = vae.likelihood(z, c).sample(seed=noise).numpy()
    shared_range(x)
    clouds = [("samples", x, COLOURS[0])]
    if 1 < len(classes) <= len(COLOURS):
        clouds = [
            (name, x[number :: len(classes)], COLOURS[number]) for number, name in enumerate(classes[:count])
        ]
    subtitle = f"x\u00a0~\u00a0p(x|z{', c' * bool(vae.decoder.condition_dim)}) at {at}"
    if data is not None:
        subtitle += ", over the data"
        behind = some(data, _COUNTS[form], fold_in(seed, Stream.FIGURES, 2))
        behind = behind[~np.isnan(behind).any(axis=1)] if form == "points" else behind
        if len(behind):
            clouds.insert(0, ("data", behind, "#b5b5b5" if form == "points" else INK))
    draw = _plane if form == "points" else profiles
    return draw(title, f"{subtitle}.", clouds, column_names(vae.event_shape, info))


def conditions_of_samples(
    vae: VAE, count: int, columns: Condition | None, data: Split | None, condition: Array | None, seed: Seed
) -> Array | None:
    """The conditions of samples [S, C]: the given one, each class in turn, or those of random examples.

    Raises:
        NoPictureError: a conditional model needs them, and there are none.
    """
    if not vae.condition_dim:
        return None
    if condition is not None:
        return np.tile(condition, (count, 1))
    if columns and columns.one_hot:
        return np.eye(columns.size, dtype=np.float32)[np.arange(count) % columns.size]
    if data is None or data.condition is None:
        raise NoPictureError("Samples of a conditional model need conditions; none were given.")
    return data.condition[np.resize(chosen(len(data), count, seed), count)]


def rows_of(columns: Condition | None) -> tuple[str, ...]:
    """The classes that have a row of their own in a figure; none of other conditions, or where there are many."""
    return columns.names if columns and columns.one_hot and columns.size <= _MOST_CLASSES else ()


def room_for(names: Sequence[str]) -> float:
    """The space at the left that names of rows take, in inches."""
    return 0.35 + 0.065 * max(map(len, distinct(names)))


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

    def encoded(batch: Batch, noise: Tensor) -> dict[str, Tensor]:
        condition = vae.with_condition(batch).condition
        z = vae.posterior(batch.x, condition).sample(seed=noise)
        return {"x": batch.x, "z": z} | ({} if condition is None else {"condition": condition})

    shown = over_examples(vae, split, encoded, seed, rows)
    x = shown["x"]  # [B, *E]
    again, what = decoded(vae, shown["z"], fold_in(seed, Stream.FIGURES, 5), shown.get("condition"))
    shared_range(x, again)
    made = f"{what[0].lower()}{what[1:]} at one z\u00a0~\u00a0q(z|x)"
    if form == "points":
        if split.observed is not None:
            known = split.observed[rows].all(axis=1)
            if not known.any():
                raise NoPictureError("Points in a plane need examples without missing values; there are none.")
            x, again = x[known], again[known]
        subtitle = f"Random {name} examples, each joined to its reconstruction: {made}."
        clouds = [("data", x, FAINT), ("model", again, COLOURS[0])]
        figure = _plane("Reconstructions", subtitle, clouds, column_names(vae.event_shape, info))
        joined = list(np.stack([x, again], axis=1))
        figure.axes[0].add_collection(LineCollection(joined, colors="#b5b5b5", linewidths=0.7, zorder=0.5))
        return figure
    if form == "columns":
        subtitle = f"Random {name} examples, and the reconstruction of each: {made}."
        if split.observed is not None:
            x = np.where(split.observed[rows], x, np.nan)
            subtitle += " Gaps in the data are missing values."
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


def _plane(title: str, subtitle: str, clouds: Sequence[Cloud], names: Sequence[str]) -> Figure:
    """Points [N, 2] in the plane, under the names of the clouds and in their colours."""
    figure, axes = plane(title, subtitle, *(points for _, points, _ in clouds))
    name_axes(axes, names)
    labels = distinct([name for name, _, _ in clouds])
    for label, (_, points, colour) in zip(labels, clouds, strict=True):
        size = float(np.clip(6_000 / len(points), 4, 14))
        axes.scatter(points[:, 0], points[:, 1], s=size, color=colour, alpha=0.7, lw=0, label=label)
    side_legend(axes)
    return figure


def decoded(vae: VAE, z: Tensor, seed: Seed, condition: Tensor = None) -> tuple[Array, str]:
    """The means of p(x|z) at latents [B, D], or samples where a likelihood has no mean: [B, *E], and which.

    Args:
        vae: the model.
        z: [B, D].
        seed: seed of the samples.
        condition: [B, C], for a conditional model.

    Raises:
        NoPictureError: they are not finite.
    """
    likelihood = vae.likelihood(z, condition)
    x, what = mean_of(likelihood), "The decoder's mean"
    if x is None:
        x, what = likelihood.sample(seed=seed), "A draw from p(x|z), which has no mean,"
    x = np.asarray(x, np.float32)
    shared_range(x)
    return x, what


def some(split: Split, count: int, seed: Seed) -> Array:
    """Random examples of a split in their stored order, prepared as for a model; NaN is missing: [B, *E]."""
    kept = chosen(len(split), count, fold_in(seed, 0))
    batch = split.batch(kept, fold_in(seed, 1))
    return np.asarray(batch.x) if batch.observed is None else np.where(batch.observed, batch.x, np.nan)


def chosen(size: int, count: int, seed: Seed) -> Array:
    """Sorted indices of at most `count` of `size` examples.

    Raises:
        NoPictureError: there are none.
    """
    if not size:
        raise NoPictureError("There are no examples to draw.")
    order = tf.random.experimental.stateless_shuffle(tf.range(size), fold_in(seed))
    return np.sort(order.numpy()[:count])
