"""Draw the figures of components: `python tools/site/figures.py [KIND [NAME]]`, into docs/components/figures.

Most are of a run of a small model, with the settings of `of_a_run`. All take half an hour.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "components" / "figures"
SPEC = ROOT / "examples" / "first.toml"
WIDTH, COLOURS, LARGEST = 800, 64, 90_000
"""Of the files: pixels, different colours, and bytes; larger ones have fewer pixels."""


class Shown(NamedTuple):
    """What a figure shows of a run.

    Args:
        figure: the name of one of the run's own figures, or of a function in drawings.py.
        settings: how the run's spec differs from examples/first.toml.
    """

    figure: str
    settings: tuple[str, ...]


def of_a_run(kind: str, name: str) -> Shown | None:
    """What the figure of a component shows; None if it is not of a run."""
    if kind == "prior":
        figure = "simplex" if name == "concrete" else "latent_map"
        return Shown(figure, (*SMALL, f"model.prior.use={name}", *NEEDS.get((kind, name), ())))
    if kind == "posterior":
        return Shown("posteriors", (*SMALL, f"model.encoder.posterior.use={name}", *NEEDS.get((kind, name), ())))
    if kind == "network":
        return Shown("reconstructions", (*SMALL, *NEEDS[kind, name]))
    if kind == "objective":
        return Shown("curves", (*SMALL, f"objective.use={name}", *NEEDS.get((kind, name), ())))
    return {
        "encoder": Shown("latent_map", SMALL),
        "decoder": Shown("latent_grid", SMALL),
        "classifier": Shown("classes", (*SMALL, *CLASSES)),
    }.get(kind)


def _dense(part: str, size: int = 200) -> str:
    return f'model.{part}.network={{ use = "dense", hidden = [{size}] }}'


SMALL = (_dense("encoder"), _dense("decoder"), "train.epochs=20")
CLASSES = (
    'model.classifier={ network = { use = "dense", hidden = [128] } }',
    "objective.use=semi_supervised",
    "objective.alpha=100.0",
    "data.condition=labels",
    "data.labelled=600",
)
SIMPLEX = ("model.latent_dim=3", "model.prior.use=concrete", "model.encoder.posterior.use=concrete")
LAYERS = ("model.prior.use=hierarchical", "model.encoder.posterior.use=hierarchical")
NEEDS: dict[tuple[str, str], tuple[str, ...]] = {
    ("prior", "concrete"): SIMPLEX,
    ("prior", "conditional"): ("data.condition=labels",),
    ("prior", "hierarchical"): LAYERS,
    ("posterior", "concrete"): SIMPLEX,
    ("posterior", "hierarchical"): LAYERS,
    ("network", "dense"): (),
    ("network", "conv"): ('model.encoder.network={ use = "conv" }', "model.latent_dim=16", "train.epochs=3"),
    ("network", "conv_transpose"): (
        'model.decoder.network={ use = "conv_transpose" }', "model.latent_dim=16", "train.epochs=3",
    ),
    ("network", "resnet"): ('model.encoder.network={ use = "resnet" }', "model.latent_dim=16", "train.epochs=3"),
    ("network", "parallel"): ('model.encoder.network={ use = "parallel" }', "model.latent_dim=16"),
    ("objective", "beta_tc"): ("model.prior.use=standard_normal", "model.latent_dim=8", "objective.beta=6.0"),
    ("objective", "info_vae"): ("model.prior.use=standard_normal", "model.latent_dim=4"),
    ("objective", "semi_supervised"): CLASSES[:1] + CLASSES[2:],
}  # fmt: skip
"""What components need besides their name."""


def _metric(name: str) -> Any:
    """A metric of models that differ in β; of classifiers, that differ in the number of labels."""
    from drawings import metric

    latents = 32 if name == "active_units" else 8
    common = (*SMALL, "model.prior.use=standard_normal", f"model.latent_dim={latents}")
    if name == "accuracy":
        labels = (50, 200, 600, 6000)
        cases = {f"labels = {n}": (run((*SMALL, *CLASSES[:-1], f"data.labelled={n}")), "") for n in labels}
    elif name == "annealed_importance":  # of one model: its own exactness
        folder = run((*common, "objective.beta=1.0"))
        cases = {f"steps = {n}": (folder, f", max_examples = 20, steps = {n}") for n in (50, 200, 800)}
    else:
        cases = {f"β = {beta:g}": (run((*common, f"objective.beta={beta}")), "") for beta in (0.1, 1.0, 4.0, 16.0)}
    return metric(name, NUMBERS.get(name, name), cases)


NUMBERS = {"rate_distortion": "rate", "precision_recall": "precision", "annealed_importance": "simulated_gap"}
"""The number of a metric that is shown, where it has not the metric's name."""


def draw(kind: str, name: str) -> Any:
    """The figure of a component, as one of matplotlib's, or the path of a PNG file."""
    import drawings

    if kind == "metric":
        return _metric(name)
    shown = of_a_run(kind, name)
    if shown is None:
        return getattr(drawings, kind)(name)
    folder = run(shown.settings)
    path = folder / "figures" / f"{shown.figure}.png"
    return path if path.exists() else getattr(drawings, shown.figure)(folder)


@cache
def run(settings: tuple[str, ...]) -> Path:
    """The folder of a run with these settings; `rate` is the objective of a refitted prior."""
    from rich.console import Console

    import probvae

    folder, quiet = Path(tempfile.mkdtemp()) / "run", Console(quiet=True)
    fast = ("evaluate.samples=10",)
    if "objective.use=rate" in settings:
        before = run(tuple(text for text in settings if text != "objective.use=rate"))
        return probvae.refit(before, "realnvp", folder, overrides=fast, console=quiet).folder
    return probvae.train(SPEC, folder, overrides=(*settings, *fast), console=quiet).folder


def save(figure: Any, path: Path) -> None:
    """Write a figure as a small PNG file."""
    from PIL import Image

    if not isinstance(figure, Path):
        buffer = io.BytesIO()
        figure.savefig(buffer, dpi=150)
        image = Image.open(buffer)
    else:
        image = Image.open(figure)
    image, width = image.convert("RGB"), min(WIDTH, image.width)
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        smaller = image.resize((width, round(image.height * width / image.width)), Image.Resampling.LANCZOS)
        smaller.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
        if path.stat().st_size <= LARGEST:
            break
        width = round(0.9 * width)


def main(chosen: Sequence[str]) -> None:
    """Draw the figures of all components, of a kind, or of one."""
    from probvae.registry import Registry

    for kind, name in Registry():
        if "." not in name and (kind, name)[: len(chosen)] == tuple(chosen):
            print(kind, name, flush=True)
            save(draw(kind, name), FOLDER / f"{kind}.{name}.png")


if __name__ == "__main__":
    main(sys.argv[1:])
