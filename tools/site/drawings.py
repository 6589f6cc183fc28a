"""The figures of components that a run does not draw by itself."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import probvae
from probvae.core import BINARY, COUNTS, UNIT, Array, Data, LikelihoodHead, Values
from probvae.data import FashionMini, as_dataset
from probvae.registry import default
from probvae.report.style import COLOURS, HAIRLINE, INK, chart, plain
from probvae.report.tiles import mosaic
from probvae.runs.loading import load_examples
from probvae.runs.selection import TEST

EXAMPLES = Path(__file__).parents[2] / "examples"
CELLS = Path(__file__).parents[2] / "tests" / "data" / "files" / "cells.h5ad"
CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 3**0.5 / 2]])
"""Of the triangle on which three probabilities are drawn."""


def posteriors(folder: Path) -> Figure:
    """Draws of the posterior of a run for some test images."""
    _, built, _, data = load_examples(folder, TEST)
    rows = [int(np.argmax(data.test.labels == label)) for label in (1, 4, 7, 8, 9)]
    names = [data.info.classes[label] for label in data.test.labels[rows]]
    q = built.vae.posterior(data.test.batch(rows, seed=0).x)
    z = q.sample(2000, seed=0).numpy()  # [2000, images, D]
    title = "Draws from q(z|x)"
    figure = chart(6.6, 4.0, title, f"For {len(rows)} test images, 2,000 draws each.")
    axes = plain(figure.add_subplot(aspect="equal"))
    if z.shape[-1] == 3:
        z = np.exp(z) @ CORNERS
        axes.plot(*CORNERS[[0, 1, 2, 0]].T, color=HAIRLINE)
        axes.set_axis_off()
    for draws, name, colour in zip(z.swapaxes(0, 1), names, COLOURS, strict=False):
        axes.scatter(*draws.T, s=3, lw=0, alpha=0.4, color=colour, label=name)
    axes.legend(frameon=False, markerscale=3, fontsize=8, bbox_to_anchor=(1, 1), loc="upper left")
    return figure


def classes(folder: Path) -> Figure:
    """The mean of q(y|x) over the test images of each class."""
    _, built, _, data = load_examples(folder, TEST)
    labels, names = data.test.labels, data.info.classes
    x = data.test.batch(np.arange(len(labels)), seed=0).x
    found = built.vae.labels(x).probs_parameter().numpy()  # [N, K]
    means = np.stack([found[labels == label].mean(axis=0) for label in range(len(names))])
    figure = chart(
        6.6, 4.6, "The mean of q(y|x)", "Over the test images of each class, after training with 600 labels."
    )
    axes = figure.add_subplot()
    shades = axes.imshow(means, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set(xlabel="probability of", ylabel="images of")
    figure.colorbar(shades, ax=axes, shrink=0.7).outline.set_visible(False)
    return figure


def likelihood(name: str) -> Figure:
    """The likelihood of one element, fitted to real values of its kind."""
    if name == "mixed":
        return _mixed()
    head = default()["likelihood", name].load()((1,))
    x, what, shown = _values(head.support)
    figure = chart(6.6, 2.8, f"{name}, fitted", f"To {what}.")
    _fitted(plain(figure.add_subplot()), head, x, shown)
    return figure


def _mixed() -> Figure:
    """Two columns of penguins: a number and a category."""
    rows = [row for row in csv.DictReader((EXAMPLES / "data" / "penguins.csv").open()) if row["bill_length_mm"]]
    lengths = np.array([float(row["bill_length_mm"]) for row in rows])
    islands = sorted({row["island"] for row in rows})
    numbers = (lengths - lengths.mean()) / lengths.std()
    one_hot = np.eye(3)[[islands.index(row["island"]) for row in rows]]
    x = np.concatenate([numbers[:, None], one_hot], axis=1).astype(np.float32)
    normal = default()["likelihood", "normal"].load()((1,))
    head = default()["likelihood", "mixed"].load()((("numbers", 1), ("categories", 3)), normal, None)
    outputs = fit(head, x)
    p = head.likelihood(outputs)
    figure = chart(
        6.6,
        2.8,
        "mixed, fitted",
        "To two columns of the penguins: the bill's length, standardised, and the island.",
    )
    left, right = (plain(figure.add_subplot(1, 2, place)) for place in (1, 2))
    grid = np.linspace(-3, 3, 200, dtype=np.float32)
    points = np.concatenate([grid[:, None], np.tile([1.0, 0, 0], (200, 1))], axis=1).astype(np.float32)
    island = np.log(p.mean().numpy()[0, 1])
    left.hist(x[:, 0], 30, density=True, color=HAIRLINE)
    left.plot(grid, np.exp(p.log_prob(points) - island), color=COLOURS[0])
    right.bar(islands, one_hot.mean(axis=0), color=HAIRLINE, width=0.7)
    right.plot(islands, p.mean().numpy()[0, 1:], "o", color=COLOURS[0])
    return figure


def _values(support: object) -> tuple[Array, str, Array]:
    """Real values of a support [N], what they are, and the points at which to show a density or mass."""
    images = FashionMini(binarize="none").load().train.stored
    if support == BINARY:
        return (
            (images[:, 14, 14, 0] > 127).astype(np.float32),
            "the middle pixel of images of clothes, black or white",
            np.arange(2),
        )
    if support == UNIT:
        return images[:, 10, 8, 0] / np.float32(255), "one pixel of images of clothes", np.linspace(0, 1, 400)
    if support == COUNTS:
        split = default()["dataset", "arrays"].load()(str(EXAMPLES / "data" / "words.npz")).load().train
        words = split.batch(np.arange(len(split)), seed=0).x.numpy()
        column = int(np.argsort(words.mean(axis=0))[-6])
        return words[:, column], f"how often one word occurs in {len(split):,} pages", np.arange(25)
    if support == Values():
        with np.load(EXAMPLES / "colour_patches.npz") as file:
            grey = file["train"].astype(np.float32).mean(axis=-1)
        steps = (grey[:, :, 1:] - grey[:, :, :-1]).ravel()[::29]
        return (
            steps / steps.std(),
            "differences of neighbouring pixels in photographs, by their deviation",
            np.linspace(-4, 4, 400),
        )
    assert isinstance(support, Values)
    with np.load(EXAMPLES / "colour_patches.npz") as file:
        values = file["train"][:, 8, 8, 2].astype(np.float32)
    scale = np.float32(255) if support.high == 1 else np.float32(1)
    return values / scale, "one colour of one pixel in patches of photographs", np.arange(256) / scale


def _fitted(axes: Axes, head: LikelihoodHead, x: Array, shown: Array) -> None:
    outputs = fit(head, x[:, None])
    p = head.likelihood(outputs)
    mass = np.exp(p.log_prob(tf.constant(shown[:, None], tf.float32)).numpy())
    discrete = len(shown) <= 256
    if discrete:
        step = shown[1] - shown[0]
        share = np.histogram(x, np.append(shown - step / 2, shown[-1] + step / 2))[0] / len(x)
        axes.bar(shown, share, width=step, color=HAIRLINE, label="data")
        axes.plot(shown, mass, "o-" if len(shown) < 40 else "-", ms=4, lw=1.2, color=COLOURS[0], label="p(x|z)")
    else:
        axes.hist(x, np.linspace(shown[0], shown[-1], 80), density=True, color=HAIRLINE, label="data")
        axes.plot(shown, mass, color=COLOURS[0], label="p(x|z)")
    axes.set(xlabel="x", ylabel="probability" if discrete else "density")
    if discrete and len(shown) == 2:
        axes.set_xticks([0, 1])
    axes.legend(frameon=False, labelcolor=INK)


def fit(head: LikelihoodHead, x: Array, steps: int = 1000) -> tf.Tensor:
    """The outputs [1, *O] that make values [N, *E] most probable; what the head learns is fitted too."""
    outputs = tf.Variable(tf.zeros((1, *head.output_shape)))
    variables = [outputs, *head.trainable_variables]
    optimizer = tf.keras.optimizers.Adam(0.05)
    optimizer.build(variables)

    @tf.function(autograph=False)
    def step() -> None:
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(head.likelihood(outputs).log_prob(x))
        optimizer.apply(tape.gradient(loss, variables), variables)

    for _ in range(steps):
        step()
    return outputs.value()


def dataset(name: str) -> Figure:
    """The first examples of a dataset."""
    load = DATASETS.get(name, lambda: default()["dataset", name].load()(binarize="none").load())
    found = load()
    if isinstance(found, Figure):
        return found
    x = found.train.batch(np.arange(60), seed=0).x.numpy()
    tiles = x.reshape(5, 12, *x.shape[1:])
    return mosaic([tiles], f"The first examples of {name}", f"{found.info.source}.")


def _images() -> Data:
    """A folder of PNG files, made of colour patches."""
    from PIL import Image

    folder = Path(tempfile.mkdtemp())
    with np.load(EXAMPLES / "colour_patches.npz") as file:
        for number, patch in enumerate(file["train"][:200]):
            Image.fromarray(patch).save(folder / f"{number:03}.png")
    return default()["dataset", "images"].load()(str(folder), size=(16, 16)).load()


def _rows(title: str, columns: list[str], rows: list[list[str]]) -> Figure:
    figure = chart(8, 0.32 * (len(rows) + 1), title)
    axes = figure.add_subplot()
    axes.set_axis_off()
    table = axes.table(rows, colLabels=columns, loc="center", cellLoc="right", edges="horizontal")
    table.auto_set_font_size(False)
    table.set_fontsize(8)
    for cell in table.get_celld().values():
        cell.set_edgecolor(HAIRLINE)
    return figure


def _table() -> Figure:
    rows = [*csv.reader((EXAMPLES / "data" / "penguins.csv").open())][:9]
    keep = [0, 1, 2, 3, 4, 6, 7]
    cut = [[row[column] for column in keep] for row in rows]
    return _rows("The first rows of examples/data/penguins.csv", cut[0], cut[1:])


def _cells() -> Figure:
    data = default()["dataset", "anndata"].load()(str(CELLS)).load()
    rows = [
        [str(name), *(f"{value:g}" for value in row)]
        for name, row in zip(data.train.ids, data.train.stored[:], strict=True)
    ]
    return _rows(
        "Counts of genes in cells, from an .h5ad file", ["cell", *(f"gene {n}" for n in range(5))], rows[:8]
    )


def _arrays() -> Data:
    file = EXAMPLES / "colour_patches.npz"
    return default()["dataset", "arrays"].load()(str(file), divide_by=255.0).load()


def _given() -> Data:
    rng = np.random.default_rng(0)
    time = np.linspace(0, 4 * np.pi, 64)
    waves = np.sin(time + rng.uniform(0, 7, (300, 1))) * rng.uniform(
        0.3, 1, (300, 1)
    ) + 0.05 * rng.standard_normal((300, 64))
    return as_dataset(waves.astype(np.float32)[..., None]).load()


DATASETS: dict[str, Callable[[], Data | Figure]] = {
    "images": _images,
    "table": _table,
    "anndata": _cells,
    "arrays": _arrays,
    "given": _given,
}
"""Datasets of a user's files, by files of the examples and the tests."""


def metric(name: str, runs: dict[str, Path], number: str) -> Figure:
    """A number of a metric for several runs.

    Args:
        name: the metric.
        runs: folders, by what distinguishes the runs.
        number: which of its numbers.
    """
    from rich.console import Console

    found = []
    for folder in runs.values():
        record = probvae.evaluate(
            folder, [f'evaluate.metrics=["{name}"]', "evaluate.samples=10"], console=Console(quiet=True)
        )
        found.append(record["metrics"][name]["numbers"][number])
    values = [one["value"] for one in found]
    errors = [one["standard_error"] or 0.0 for one in found]
    what, _, _ = next(iter(runs)).partition(" = ")
    figure = chart(6.6, 2.8, f"{number.replace('_', ' ')}, by {what}", "Of trained models, with standard errors.")
    axes = plain(figure.add_subplot())
    axes.errorbar(
        [text.partition(" = ")[2] for text in runs], values, errors, fmt="o-", capsize=3, color=COLOURS[0]
    )
    axes.set(xlabel=what, ylabel=found[0]["unit"])
    return figure
