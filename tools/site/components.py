"""The reference of components: a page for each built-in one, from what `probvae show` prints, with its figure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from figures import of_a_run
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from probvae.cli.catalogue import described
from probvae.cli.descriptions import Description
from probvae.registry import ComponentSpec, Registry


class Kind(NamedTuple):
    """What the pages of a kind share.

    Args:
        table: where a spec names a component of it.
        purpose: what a component of it is.
        page: the page in docs/ about it.
        caption: what the figures show.
    """

    table: str
    purpose: str
    page: str
    caption: str


KINDS = {
    "encoder": Kind(
        "model.encoder",
        "The posterior q(z given x): a network with a posterior head.",
        "concepts.md",
        "The posterior means of test images, over the mass of the prior.",
    ),
    "decoder": Kind(
        "model.decoder",
        "The likelihood p(x given z): a network with a likelihood head.",
        "concepts.md",
        "The decoder's means at the quantiles of the prior.",
    ),
    "prior": Kind(
        "model.prior",
        "The distribution p(z) of the latents.",
        "priors.md",
        "Test images in latent space and the prior, which were trained together.",
    ),
    "classifier": Kind(
        "model.classifier",
        "The distribution q(y given x) of labels.",
        "labels.md",
        "The probabilities that the classifier gives to test images of each class.",
    ),
    "network": Kind(
        "model.encoder.network",
        "Functions inside encoders, decoders, classifiers and conditional priors.",
        "networks.md",
        "Test images and their reconstructions by a model with this network.",
    ),
    "posterior": Kind(
        "model.encoder.posterior",
        "Heads that make q(z given x) from a network's outputs.",
        "posteriors.md",
        "Draws from the posteriors of five test images, after a training with this posterior.",
    ),
    "likelihood": Kind(
        "model.decoder.likelihood",
        "Heads that make p(x given z) from a network's outputs.",
        "likelihoods.md",
        "The likelihood of one element, its parameters fitted to real values.",
    ),
    "objective": Kind(
        "objective",
        "What is minimised, in nats per example.",
        "objectives.md",
        "Learning curves of a small model with this objective.",
    ),
    "dataset": Kind(
        "data",
        "Training, validation and test examples.",
        "your_data.md",
        "Some of its examples, or of data that it can read.",
    ),
    "metric": Kind(
        "evaluate",
        "Named numbers of a trained model, with their errors.",
        "metrics.md",
        "The metric for small models that differ in β, or in what the axis says.",
    ),
}

NO_FIGURE = "*No figure: its files could not be downloaded where the figures were made.*"

API = """::: {}
    options:
      members: false
      show_docstring_description: false
      show_docstring_parameters: false
      show_root_toc_entry: false
      heading_level: 3
"""

FORMULA = re.compile(r"(?!.*\b(?:19|20)\d\d\b)(?!.*\. [A-Z])\S.* [=∝] .*")
"""A line of a docstring that is a formula: neither a source nor a sentence is in it."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages into the navigation, below Reference."""
    (reference,) = [section["Reference"] for section in config.nav if "Reference" in section]
    for kind, specs in _built_in().items():
        pages = [{spec.name: f"{_folder(kind)}/{spec.name}.md"} for spec in specs]
        reference.append({_title(kind): [f"{_folder(kind)}/index.md", *pages]})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each component, and one for each kind."""
    for kind, specs in _built_in().items():
        files.append(File.generated(config, f"{_folder(kind)}/index.md", content=index(kind, specs)))
        for spec in specs:
            path = Path(config.docs_dir) / "components" / "figures" / f"{kind}.{spec.name}.png"
            content = page(described(spec), spec.target, figure(kind, spec.name) if path.exists() else NO_FIGURE)
            files.append(File.generated(config, f"{_folder(kind)}/{spec.name}.md", content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Link the names of components in the tables of the page on their kind."""
    for kind, specs in _built_in().items():
        if page.file.src_uri == KINDS[kind].page:
            names = "|".join(spec.name for spec in specs)
            markdown = re.sub(rf"\| `({names})` \|", rf"| [`\1`]({_folder(kind)}/\1.md) |", markdown)
    return markdown


def index(kind: str, specs: list[ComponentSpec]) -> str:
    """The page of a kind."""
    rows = "".join(f"| [`{spec.name}`]({spec.name}.md) | {_cell(spec.summary())} |\n" for spec in specs)
    more = f"[More about it](../../{KINDS[kind].page})."
    return f"# {_title(kind)}\n\n{KINDS[kind].purpose} {more}\n\n| name | is |\n|---|---|\n{rows}"


def page(found: Description, target: str, figure: str) -> str:
    """The page of a component.

    Args:
        found: its description.
        target: its class, as `package.module:Class`.
        figure: its figure, with a caption.
    """
    parts = [f"# `{found['name']}` ({found['kind']})", escaped(found["summary"])]
    parts += [*paragraphs(found["description"]), figure]
    parts += ["## In a spec", f"```toml\n{snippet(found)}```"]
    if found["parameters"]:
        rows = "".join(map(_row, found["parameters"]))
        parts.append(f"| parameter | accepts | default | is |\n|---|---|---|---|\n{rows}")
    else:
        parts.append("It has no parameters in a spec.")
    if found["context"]:
        parts.append(f"Supplied by the assembler: {', '.join(f'`{name}`' for name in found['context'])}.")
    module, _, name = target.partition(":")
    package = ".".join(module.split(".")[:2])
    parts += ["## In Python", f"```python\nfrom {package} import {name}\n```", API.format(f"{module}.{name}")]
    return "\n\n".join(parts) + "\n"


def figure(kind: str, name: str) -> str:
    """The figure of a component with its caption, and the command that trains the model in it."""
    caption = KINDS[kind].caption
    text = f"![{caption}](../figures/{kind}.{name}.png)\n\n*{caption}*"
    shown = of_a_run(kind, name)
    if shown is None:
        return text
    settings = (f"--set '{setting}'" for setting in shown.settings)
    command = " \\\n    ".join(["probvae train examples/first.toml", *settings])
    summary = "<summary>The model in this figure</summary>"
    return f"{text}\n\n<details markdown>{summary}\n\n```\n{command}\n```\n\n</details>"


def snippet(found: Description) -> str:
    """A part of a spec that names the component with its defaults."""
    values, others = {"use": json.dumps(found["name"])}, []  # JSON's strings, numbers and lists are TOML's too
    for parameter in found["parameters"]:
        name, value = parameter["name"], json.dumps(parameter["default"])
        if parameter["default"] is not None:
            values[name] = f"{{ use = {value} }}" if parameter["kind"] else value
        else:
            others.append(f"# {name}: {parameter['expected']}{', required' if parameter['required'] else ''}\n")
    lines = [f"{name} = {value}" for name, value in values.items()]
    table = "model.decoder.network" if found["name"] == "conv_transpose" else KINDS[found["kind"]].table
    if found["kind"] == "metric":
        lines = [f"metrics = [{{ {', '.join(lines)} }}]"]
    return "".join([f"[{table}]\n", *(f"{line}\n" for line in lines), *others])


def _row(parameter: Description) -> str:
    shown = "required" if parameter["required"] else "not set"
    if parameter["default"] is not None:
        shown = f"`{json.dumps(parameter['default'], default=str)}`"
    cells = (f"`{parameter['name']}`", parameter["expected"], shown, parameter["description"])
    return f"| {' | '.join(map(_cell, cells))} |\n"


def _cell(text: str) -> str:
    return escaped(text).replace("|", "\\|")


def escaped(text: str) -> str:
    r"""Plain text in Markdown, in which only `code` has a meaning.

    >>> escaped("y_<i of `maf_prior`")
    'y\\_&lt;i of `maf_prior`'
    """
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(
        p if p.startswith("`") else re.sub(r"([\\_*#\[\]])", r"\\\1", p).replace("<", "&lt;") for p in parts
    )


def paragraphs(text: str) -> Iterator[str]:
    r"""The paragraphs of a docstring; the formulas that one starts with as code.

    >>> list(paragraphs("p(z) = N(z; 0, I)\nNothing is learned.\n\nIt is quick."))
    ['```text\np(z) = N(z; 0, I)\n```', 'Nothing is learned.', 'It is quick.']
    """
    for paragraph in filter(None, text.split("\n\n")):
        lines = paragraph.splitlines()
        starts = [n for n in range(len(lines) + 1) if n == len(lines) or lines[n][0].isupper()]
        formulas = max((n for n in starts if all(map(FORMULA.fullmatch, lines[:n]))), default=0)
        if formulas:
            yield "\n".join(["```text", *lines[:formulas], "```"])
        if lines[formulas:]:
            yield escaped("\n".join(lines[formulas:]))


def _built_in() -> dict[str, list[ComponentSpec]]:
    """The components of this package, by kind."""
    registry = Registry()
    return {kind: [registry[kind, name] for name in registry.names(kind) if "." not in name] for kind in KINDS}


def _folder(kind: str) -> str:
    return f"components/{kind}"


def _title(kind: str) -> str:
    return f"{kind.capitalize()}s".replace("ys", "ies")
