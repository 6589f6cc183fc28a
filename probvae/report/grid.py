"""The latent grid: the decoder's means over the latent plane."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from probvae.core import VAE, Array, DataInfo, Seed, Stream, Surface, fold_in
from probvae.report.columns import column_names
from probvae.report.examples import decoded
from probvae.report.quantiles import quantile_grid
from probvae.report.style import COLOURS, INK, NoPictureError, name_axes, plane, side_legend
from probvae.report.tiles import form_of, mosaic

_MOST_TILES = 20
_FEWEST_TILES = 8
_PIXELS = 640  # approximate width of all images


def latent_grid(vae: VAE, seed: Seed = 0, info: DataInfo | None = None) -> Figure:
    """The decoder's mean at the quantiles of a prior of two latents, so that equal areas have equal mass.

    Args:
        vae: the model.
        seed: seed of the samples that locate the prior.
        info: description of the data, for the names of its columns.

    Raises:
        NoPictureError: the model does not have two latents, they lie on a surface, it is conditional, or examples
            of its shape cannot be drawn.
    """
    if vae.latent_dim != 2:
        raise NoPictureError(f"A grid of the latent space needs two latents; this model has {vae.latent_dim}.")
    if isinstance(vae.prior.support, Surface):
        raise NoPictureError(
            "A grid at the prior's quantiles needs latents that fill the plane; these live on "
            f"{vae.prior.support}."
        )
    if vae.condition_dim:
        raise NoPictureError(
            "A grid of the latent space is of one prior and one decoder; those of this model depend on the "
            "condition."
        )
    form = form_of(vae.event_shape)
    side = int(np.clip(_PIXELS // vae.event_shape[1], _FEWEST_TILES, _MOST_TILES)) if form == "image" else 12
    if form == "points":
        side = 25
    levels = (np.arange(side) + 0.5) / side
    prior = vae.prior.distribution()
    z = quantile_grid(prior, levels, levels, fold_in(seed, Stream.FIGURES, 6))  # [M, N, 2]
    flat = tf.constant(z.reshape(-1, 2), tf.float32)
    x, what = decoded(vae, flat, fold_in(seed, Stream.FIGURES, 7))
    x = x.reshape(side, side, *vae.event_shape)
    if form == "points":
        return _mesh(x, what, column_names(vae.event_shape, info))
    tiles = x.swapaxes(0, 1)[::-1]  # z1 to the right, z2 upwards
    subtitle = f"{what} at the prior's quantiles: equal areas hold equal shares of p(z)."
    if form == "columns":
        subtitle += f" In each cell, from left to right: {', '.join(column_names(vae.event_shape, info))}."
    figure = mosaic(
        [tiles],
        "Latent space",
        subtitle,
        width=1150,
        gap=0 if form == "image" else 2,
        left=0.85,
        bottom=0.7,
    )
    (axes,) = figure.axes
    ticks = np.linspace(0, 1, 5)
    axes.set_xticks(side * ticks, [f"{tick:g}" for tick in ticks])
    axes.set_yticks(side * (1 - ticks), [f"{tick:g}" for tick in ticks])
    axes.set_xlabel("quantile of z₁", color=INK, size=9)
    axes.set_ylabel("quantile of z₂ given z₁", color=INK, size=9)
    return figure


def _mesh(x: Array, what: str, names: tuple[str, ...]) -> Figure:
    """Means [M, N, 2] in data space, joined along both latents."""
    subtitle = f"{what} at the prior's quantiles, joined along each of the two latents."
    figure, axes = plane("Latent space", subtitle, x.reshape(-1, 2))
    for lines, colour, label in [(x.swapaxes(0, 1), COLOURS[0], "along z₁"), (x, COLOURS[2], "along z₂")]:
        axes.add_collection(LineCollection(list(lines), colors=colour, linewidths=0.8, alpha=0.8, label=label))
    name_axes(axes, names)
    side_legend(axes)
    return figure
