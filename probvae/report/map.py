"""The latent map: examples in latent space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from probvae.core import SPHERE, VAE, Array, DataInfo, Seed, Split, Stream, Surface, fold_in, mean_of
from probvae.report.density import Regions, regions
from probvae.report.examples import chosen
from probvae.report.style import COLOURS, FAINT, INK, NoPictureError, distinct, plane, side_legend, subscripted

_MOST = 10_000
_BATCH = 500
_SHARES = (0.5, 0.9, 0.99)
_GREYS = ("#eeeeee", "#dfdfdf", "#cccccc")  # from the outermost region in
_CIRCLE = np.stack([np.cos(np.linspace(0, 2 * np.pi, 400)), np.sin(np.linspace(0, 2 * np.pi, 400))], axis=-1)


def latent_map(vae: VAE, split: Split, seed: Seed = 0, name: str = "test", info: DataInfo | None = None) -> Figure:
    """The examples of a split in latent space, coloured by label, over regions that hold the prior's mass.

    With more than two latents it shows the two along which the posterior means vary most over the examples,
    which is the criterion for active latents (Burda, Grosse, Salakhutdinov, Importance weighted
    autoencoders, 2016), and says so. Latents on a surface, such as a sphere, are drawn without the regions, as
    the plane has none of the prior's mass, and so are those of a prior that depends on a condition; a circle is
    drawn as a circle.

    Args:
        vae: the model.
        split: the examples; 10,000 at most are drawn.
        seed: seed of the figure.
        name: name of the split in the figure.
        info: description of the data, for the names of its classes.

    Raises:
        NoPictureError: the model has a single latent, there are no examples, or a latent is not finite.
    """
    if vae.latent_dim < 2:
        raise NoPictureError("A map of the latent space needs at least two latents; this model has one.")
    places = _places(vae, split, fold_in(seed, Stream.FIGURES, 8))
    shown = places.latents[:, places.axes]  # [N, 2]
    support = vae.prior.support
    on_surface = isinstance(support, Surface)
    noise = fold_in(seed, Stream.FIGURES, 9)
    one_prior = not on_surface and not vae.prior.condition_dim
    prior = regions(vae.prior.distribution(), places.axes, _SHARES, noise) if one_prior else None
    outline = [_CIRCLE] if support == SPHERE else [] if prior is None else [prior.corners]
    count = f"{len(shown):,} of {len(split):,}" if len(shown) < len(split) else f"{len(shown):,}"
    subtitle = f"{count} {name} examples, each {places.found_at}."
    if vae.latent_dim > 2:
        subtitle += f" Of {vae.latent_dim} latents, the two that vary most over the examples."
    held = (
        "Grey: where the prior has 50, 90 and 99\u00a0% of its mass."
        if one_prior
        else "The prior is p(z|c), and not drawn."
    )
    subtitle += f" All live on {support}." if on_surface else f" {held}"
    figure, axes = plane("Data in latent space", subtitle, shown, *outline)
    if prior is not None:
        _regions(axes, prior)
    elif support == SPHERE:  # the circle, or the outline of a sphere
        axes.plot(*_CIRCLE.T, color=INK, lw=0.6, alpha=0.55, zorder=0)
    _points(axes, shown, places.labels, info.classes if info else ())
    for axis, latent in zip((axes.xaxis, axes.yaxis), places.axes, strict=True):
        spread = f" (variance {np.var(places.latents[:, latent]):.2f})" if vae.latent_dim > 2 else ""
        axis.set_label_text(f"{subscripted('z', latent + 1)}{spread}")
    return figure


@dataclass(frozen=True)
class _Places:
    """The latents [N, D] of examples, how they were computed, labels [N], and the two of the D to draw."""

    latents: Array
    found_at: str
    labels: Array | None
    axes: tuple[int, int]


def _places(vae: VAE, split: Split, seed: Seed) -> _Places:
    kept = chosen(len(split), _MOST, fold_in(seed, 0))
    labels = None if split.labels is None else np.asarray(split.labels)[kept]
    found_at, parts = "at its posterior mean", []
    for number, start in enumerate(range(0, len(kept), _BATCH)):
        batch = split.batch(kept[start : start + _BATCH], fold_in(seed, 1, Stream.BINARIZE, number))
        q = vae.posterior(batch.x, vae.with_condition(batch).condition)  # [B], [D]
        z = mean_of(q)
        if z is None:
            found_at = "at one z\u00a0~\u00a0q(z|x)"
            z = q.sample(seed=fold_in(seed, 2, number))
        parts.append(np.asarray(z, np.float64))
    latents = np.concatenate(parts)  # [N, D]
    if not np.isfinite(latents).all():
        raise NoPictureError("The encoder's outputs are not all finite numbers.")
    first, second = sorted(np.argsort(-latents.var(axis=0), kind="stable")[:2].tolist())
    return _Places(latents, found_at, labels, (first, second))


def _regions(axes: Axes, prior: Regions) -> None:
    table, levels = prior.table, prior.levels
    bands = [*levels, 1.01 * float(table.density.max())]
    place = (*table.centres, table.density.T)
    axes.contourf(*place, levels=bands, colors=_GREYS[-len(levels) :], zorder=0)
    axes.contour(*place, levels=levels, colors=INK, linewidths=0.6, alpha=0.55, zorder=3)


def _points(axes: Axes, shown: Array, labels: Array | None, classes: Sequence[str]) -> None:
    order = np.random.default_rng(0).permutation(len(shown))  # so that no class covers the others
    x, y = shown[order].T
    size = float(np.clip(30_000 / len(shown), 4, 20))
    if labels is None:
        axes.scatter(x, y, s=size, color=COLOURS[0], alpha=0.75, lw=0)
        return
    known = labels[order] != -1
    if not known.all():
        axes.scatter(x[~known], y[~known], s=size, color=FAINT, alpha=0.4, lw=0, label="no label")
        order, x, y = order[known], x[known], y[known]
    found, numbers = np.unique(labels[order], return_inverse=True)
    if len(found) > len(COLOURS):
        dots = axes.scatter(x, y, s=size, c=labels[order], cmap="viridis", lw=0)
        bar = axes.figure.colorbar(dots, ax=axes, shrink=0.6, aspect=25, label="label")
        bar.outline.set_visible(False)
        bar.ax.tick_params(colors=FAINT, labelsize=8, length=0)
        return
    axes.scatter(x, y, s=size, c=np.array(COLOURS)[numbers], alpha=0.75, lw=0)
    names = distinct([classes[label] if 0 <= label < len(classes) else str(label) for label in found.tolist()])
    for label, name, colour in zip(found.tolist(), names, COLOURS, strict=False):
        axes.scatter([], [], color=colour, lw=0, label=name)
        # A name among its points, for readers who cannot distinguish the colours.
        place = np.median(shown[labels == label], axis=0)
        text = axes.text(place[0], place[1], name, weight="bold", ha="center", va="center", parse_math=False)
        text.set(size=10 if len(name) < 3 else 8, color=INK, zorder=5)
        text.set_path_effects([withStroke(linewidth=2.5, foreground="white")])
    side_legend(axes, title="class" if classes else "label")
