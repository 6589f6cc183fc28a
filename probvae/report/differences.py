"""Differences between runs: a dot for each, with twice its standard error to either side."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from probvae.report.style import COLOURS, FAINT, HAIRLINE, INK, chart, distinct, plain, short


def run_differences(
    names: Sequence[str], values: Sequence[float], errors: Sequence[float], reference: str
) -> Figure:
    """Paired differences of log p(x) from one run, from the top down.

    Args:
        names: of the other runs.
        values: by how much each is above the reference, in nats per example.
        errors: the standard errors.
        reference: the name of the run that they are compared with.
    """
    subtitle = (
        f"Importance-weighted bound above that of {short(reference)}: means over the same test examples, with two "
        "standard errors. Each run is one training; other seeds of the training would differ too."
    )
    figure = chart(6.5, 0.8 + 0.32 * len(names), "Differences between runs", subtitle)
    axes = plain(figure.add_subplot())
    places = range(len(names))
    axes.axvline(0, color=FAINT, lw=0.8)
    axes.errorbar(
        values, places, xerr=[2 * error for error in errors], fmt="o", color=COLOURS[0], ms=5, lw=1.4, capsize=2
    )
    axes.set_yticks(places, distinct(names), parse_math=False, color=INK)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(axis="x", color=HAIRLINE, lw=0.5, alpha=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel("nats per example, more is better")
    return figure
