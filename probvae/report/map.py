"""Where the encoder puts the data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from probvae.core import VAE, Array, Seed, Split, Stream, fold_in
from probvae.data.batches import chunks
from probvae.report.examples import chosen
from probvae.report.quantiles import Table, draws, smoothed, tabulate
from probvae.report.style import COLOURS, FAINT, INK, NoPictureError, chart, plain

_MOST = 10_000
_PRIOR_SAMPLES = 20_000
_SHARES = (0.5, 0.9, 0.99)
_GREYS = ("#eeeeee", "#dfdfdf", "#cccccc")  # from the outermost region in


def latent_map(vae: VAE, split: Split, seed: Seed = 0) -> Figure:
    """The examples of a split in latent space, coloured by label, over regions that hold the prior's mass.

    With more than two latents it shows the two along which the posterior means vary most over the examples,
    which is how active latents are told from idle ones (Burda, Grosse, Salakhutdinov, Importance weighted
    autoencoders, 2016), and says so.

    Args:
        vae: the model.
        split: the examples, usually those for testing; 10,000 at most are drawn.
        seed: what is random about it is a function of.

    Raises:
        NoPictureError: the model has a single latent, or there are no examples, or they have no finite place.
    """
    if vae.latent_dim < 2:
        raise NoPictureError("A map of the latent space needs at least two latents; this model has one.")
    places, labels = _places(vae, split, fold_in(seed, Stream.FIGURES, 8))
    shown = places.latents[:, places.axes]  # [N, 2]
    table = _prior(vae, places.axes, fold_in(seed, Stream.FIGURES, 9))
    figure = chart(6.6, 5.4, "Test data in latent space", _subtitle(vae, places, len(split)))
    axes = plain(figure.add_subplot())
    axes.set_aspect("equal", adjustable="datalim")
    _regions(axes, table)
    _points(axes, shown, labels)
    low, high = _extent(table, shown)
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    for axis, latent in zip((axes.xaxis, axes.yaxis), places.axes, strict=True):
        name = f"z{str(latent + 1).translate(str.maketrans('0123456789', '₀₁₂₃₄₅₆₇₈₉'))}"
        spread = f" (variance {np.var(places.latents[:, latent]):.2g})" if vae.latent_dim > 2 else ""
        axis.set_label_text(name + spread)
    return figure


@dataclass(frozen=True)
class _Places:
    """Where examples lie: latents [N, D], what they are, and which two of the D are drawn."""

    latents: Array
    what: str
    axes: tuple[int, int]


def _places(vae: VAE, split: Split, seed: Seed) -> tuple[_Places, Array | None]:
    if not len(split):
        raise NoPictureError("There are no examples to draw.")
    kept = chosen(len(split), _MOST, fold_in(seed, 0))
    labels = None if split.labels is None else np.asarray(split.labels)[kept]
    part = Split(split.stored[kept], labels, split.divide_by, split.dynamic)
    what = "posterior mean"
    latents = []
    for number, x in enumerate(chunks(part, 500, fold_in(seed, 1))):
        q = vae.posterior(x)  # [B], [D]
        try:
            latents.append(np.asarray(q.mean(), np.float64))
        except NotImplementedError:
            what = "one z\u00a0~\u00a0q(z|x)"
            latents.append(np.asarray(q.sample(seed=fold_in(seed, 2, number)), np.float64))
    found = np.concatenate(latents)  # [N, D]
    if not np.isfinite(found).all():
        raise NoPictureError("The encoder's outputs are not all finite numbers.")
    first, second = sorted(np.argsort(-found.var(axis=0), kind="stable")[:2].tolist())
    return _Places(found, what, (first, second)), labels


def _prior(vae: VAE, axes: tuple[int, int], seed: Seed) -> Table:
    """The prior's density over two of its latents: exactly where there are no others, else from samples."""
    prior = vae.prior.distribution()
    if vae.latent_dim == 2:
        try:
            return tabulate(prior, seed)
        except (NoPictureError, NotImplementedError):
            pass  # a prior without a usable density can still be sampled
    return smoothed(draws(prior, _PRIOR_SAMPLES, seed)[:, axes])


def _subtitle(vae: VAE, places: _Places, size: int) -> str:
    count = len(places.latents)
    which = f"{count:,} of {size:,} test examples" if count < size else f"{size:,} test examples"
    text = (
        f"{which}, each at its {places.what}."
        if "mean" in places.what
        else f"{which}, each at {places.what}."
    )
    if vae.latent_dim > 2:
        text += f" Of {vae.latent_dim} latents, the two that vary most over the examples."
    return f"{text} Grey: where the prior has 50, 90 and 99 % of its mass."


def _regions(axes: Axes, table: Table) -> None:
    levels = table.levels(*_SHARES)
    first, second = table.centres
    density = table.density.T
    above = [*levels, float(density.max()) * 1.01]
    axes.contourf(first, second, density, levels=above, colors=_GREYS[-len(levels) :], zorder=0)
    axes.contour(first, second, density, levels=levels, colors=INK, linewidths=0.6, alpha=0.55, zorder=3)


def _extent(table: Table, shown: Array) -> tuple[Array, Array]:
    """The corners of a box around the points and the outermost region."""
    inside = table.density >= table.levels(*_SHARES)[0]
    first, second = (
        centres[inside.any(axis=other)] for centres, other in zip(table.centres, (1, 0), strict=True)
    )
    corners = np.array([[first.min(), second.min()], [first.max(), second.max()]])
    low, high = np.minimum(corners[0], shown.min(axis=0)), np.maximum(corners[1], shown.max(axis=0))
    room = 0.03 * (high - low)
    return low - room, high + room


def _points(axes: Axes, shown: Array, labels: Array | None) -> None:
    size = float(np.clip(30_000 / len(shown), 4, 20))
    order = np.random.default_rng(0).permutation(len(shown))  # no class covers the others
    x, y = shown[order].T
    if labels is None:
        axes.scatter(x, y, s=size, color=COLOURS[0], alpha=0.7, lw=0)
        return
    names, numbers = np.unique(labels[order], return_inverse=True)
    if len(names) <= len(COLOURS):
        axes.scatter(x, y, s=size, c=np.array(COLOURS)[numbers], alpha=0.75, lw=0)
        _legend(axes, [str(name) for name in names])
        for name in names:
            _name(axes, str(name), np.median(shown[labels == name], axis=0))
    else:
        dots = axes.scatter(x, y, s=size, c=labels[order], cmap="viridis", alpha=0.75, lw=0)
        bar = axes.figure.colorbar(dots, ax=axes, shrink=0.6, aspect=25, label="label")
        bar.outline.set_visible(False)
        bar.ax.tick_params(colors=FAINT, labelsize=8, length=0)
        bar.solids.set_alpha(1)


def _name(axes: Axes, name: str, place: Array) -> None:
    """A label's name in the middle of its points, for those who cannot go by the colours."""
    text = axes.text(*place, name, size=10, weight="bold", color=INK, ha="center", va="center", zorder=5)
    text.set_path_effects([withStroke(linewidth=2.5, foreground="white")])
    text.set_clip_on(True)


def _legend(axes: Axes, names: list[str]) -> None:
    for name, colour in zip(names, COLOURS, strict=False):
        axes.plot([], [], "o", ms=6, color=colour, label=name)
    axes.legend(
        title="label", title_fontsize=9, frameon=False, fontsize=9, labelcolor=INK, loc="center left",
        bbox_to_anchor=(1, 0.5), handletextpad=0.2,
    )  # fmt: skip
