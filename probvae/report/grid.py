"""The latent grid: the decoder's means over the latent plane, or along its two axes for each class."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from probvae.core import VAE, Array, DataInfo, Seed, Stream, Surface, fold_in
from probvae.report.columns import column_names
from probvae.report.examples import decoded, room_for, rows_of
from probvae.report.quantiles import quantile_grid
from probvae.report.style import COLOURS, INK, NoPictureError, distinct, name_axes, plane, side_legend
from probvae.report.tiles import form_of, mosaic, row_labels

_MOST_TILES = 20
_FEWEST_TILES = 8
_PIXELS = 640  # approximate width of all images
_LEVELS = 11  # of each latent, where there is a row for each class; odd


def latent_grid(vae: VAE, seed: Seed = 0, info: DataInfo | None = None) -> Figure:
    """The decoder's mean at the quantiles of a prior of two latents, so that equal areas have equal mass.

    Where the model is conditional on a class, there is a row for each class along each of the two latents.

    Args:
        vae: the model.
        seed: seed of the samples that locate the prior.
        info: description of the data, for the names of its columns and of its classes.

    Raises:
        NoPictureError: the model does not have two latents, they lie on a surface, it is conditional on numbers or
            very many classes, or examples of its shape cannot be drawn.
    """
    if vae.latent_dim != 2:
        raise NoPictureError(f"A grid of the latent space needs two latents; this model has {vae.latent_dim}.")
    if isinstance(vae.prior.support, Surface):
        raise NoPictureError(
            "A grid at the prior's quantiles needs latents that fill the plane; these live on "
            f"{vae.prior.support}."
        )
    if vae.prior.condition_dim or vae.decoder.condition_dim:
        return _of_classes(vae, seed, info)
    form = form_of(vae.event_shape)
    side = int(np.clip(_PIXELS // vae.event_shape[1], _FEWEST_TILES, _MOST_TILES)) if form == "image" else 12
    if form == "points":
        side = 25
    levels = (np.arange(side) + 0.5) / side
    prior = vae.prior.distribution()
    z = quantile_grid(prior, levels, levels, fold_in(seed, Stream.FIGURES, 6))  # [M, N, 2]
    flat = tf.constant(z.reshape(-1, 2), tf.float32)
    c = tf.zeros((len(flat), vae.condition_dim)) if vae.condition_dim else None  # the encoder alone takes it
    x, what = decoded(vae, flat, fold_in(seed, Stream.FIGURES, 7), c)
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


def _of_classes(vae: VAE, seed: Seed, info: DataInfo | None) -> Figure:
    """The decoder's mean along each of two latents, the other at its median: a row for each class."""
    columns = info.condition if info else None
    names = rows_of(columns)
    if columns is None or not names or form_of(vae.event_shape) == "points":
        raise NoPictureError(
            "A grid of the latent space is of one prior and one decoder, or has a row for each class; this model "
            "has another condition, or its examples are points."
        )
    K, levels = len(names), (np.arange(_LEVELS) + 0.5) / _LEVELS  # the one in the middle is 0.5
    one_hot = np.eye(K, dtype=np.float32)
    if vae.prior.condition_dim:
        priors = [tfp.distributions.BatchReshape(vae.prior_given(c[None]), []) for c in one_hot]
    else:
        priors = [vae.prior.distribution()]
    places = []  # the latents of each prior along z1, and along z2: [2, levels, 2]
    for prior in priors:
        grid = quantile_grid(prior, levels, levels, fold_in(seed, Stream.FIGURES, 6))  # [levels, levels, 2]
        places.append([grid[:, _LEVELS // 2], grid[_LEVELS // 2]])
    z = np.broadcast_to(places, (K, 2, _LEVELS, 2)).swapaxes(0, 1)  # [2, K, levels, 2]
    flat = tf.constant(z.reshape(-1, 2), tf.float32)
    c = np.broadcast_to(one_hot[:, None], (2, K, _LEVELS, K)).reshape(-1, K)
    x, what = decoded(vae, flat, fold_in(seed, Stream.FIGURES, 7), c)
    p = "p(z|c)" if vae.prior.condition_dim else "p(z)"
    subtitle = f"{what} at quantiles of {p}, one row for each class c: along z₁, and below along z₂."
    panels = [*x.reshape(2, K, _LEVELS, *vae.event_shape)]
    figure = mosaic(panels, "Latent space", subtitle, left=room_for(names) + 0.2, bottom=0.55, between=0.6)
    for axes, label in zip(figure.axes, ("z₁, z₂ at its median", "z₂, z₁ at its median"), strict=True):
        row_labels(axes, distinct(names))
        axes.set_xticks(np.arange(_LEVELS)[::2] + 0.5, [f"{level:.2f}" for level in levels[::2]])
        axes.set_xlabel(f"quantile of {label}", color=INK, size=9)
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
