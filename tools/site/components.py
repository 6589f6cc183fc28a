"""The reference of components: a page for each built-in one, from what `probvae show` prints, with its figure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import tomli_w
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from probvae.cli.catalogue import described
from probvae.cli.descriptions import Description
from probvae.registry import KINDS, ComponentSpec, Registry

TABLES = {
    "encoder": "model.encoder",
    "decoder": "model.decoder",
    "prior": "model.prior",
    "classifier": "model.classifier",
    "network": "model.encoder.network",
    "posterior": "model.encoder.posterior",
    "likelihood": "model.decoder.likelihood",
    "objective": "objective",
    "dataset": "data",
}
"""Where a spec names a component of a kind; metrics are a list."""

PURPOSES = {
    "encoder": "The posterior q(z given x): a network with a posterior head.",
    "decoder": "The likelihood p(x given z): a network with a likelihood head.",
    "prior": "The distribution p(z) of the latents. [Which to choose](../../priors.md)",
    "classifier": "The distribution q(y given x) of labels. [Missing labels](../../labels.md)",
    "network": "Functions inside encoders, decoders, classifiers and conditional priors. "
    "[Which network goes where](../../networks.md)",
    "posterior": "Heads that make q(z given x) from a network's outputs. [Which to choose](../../posteriors.md)",
    "likelihood": "Heads that make p(x given z) from a network's outputs. "
    "[Which for which data](../../likelihoods.md)",
    "objective": "What is minimised, in nats per example. [What each is for](../../objectives.md)",
    "dataset": "Training, validation and test examples. [Your own data](../../your_data.md)",
    "metric": "Named numbers of a trained model, with their errors. [What each says](../../metrics.md)",
}


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
            figure = f"figures/{kind}.{spec.name}.png"
            there = (Path(config.docs_dir) / "components" / figure).exists()
            content = page(described(spec), spec.target, figure if there else "")
            files.append(File.generated(config, f"{_folder(kind)}/{spec.name}.md", content=content))
    return files


def index(kind: str, specs: list[ComponentSpec]) -> str:
    """The page of a kind."""
    rows = "".join(f"| [`{spec.name}`]({spec.name}.md) | {_cell(spec.summary())} |\n" for spec in specs)
    return f"# {_title(kind)}\n\n{PURPOSES[kind]}\n\n| name | is |\n|---|---|\n{rows}"


def page(found: Description, target: str, figure: str) -> str:
    """The page of a component.

    Args:
        found: its description.
        target: its class, as `package.module:Class`.
        figure: the path of its figure, from the folder components/; empty if there is none.
    """
    parts = [
        f"# `{found['name']}` ({found['kind']})",
        escaped(found["summary"]),
        *paragraphs(found["description"]),
    ]
    if figure:
        parts.append(f"![{found['summary']}](../{figure})")
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
    parts += ["## In Python", f"```python\nfrom {package} import {name}\n```"]
    return "\n\n".join(parts) + "\n"


def snippet(found: Description) -> str:
    """A part of a spec that names the component with its defaults."""
    values = {p["name"]: _value(p) for p in found["parameters"] if not p["required"] and p["default"] is not None}
    if found["kind"] == "metric":
        table = {"evaluate": {"metrics": [{"use": found["name"], **values} if values else found["name"]]}}
        return tomli_w.dumps(table)
    lines = [f"[{TABLES[found['kind']]}]\n", tomli_w.dumps({"use": found["name"]})]
    for p in found["parameters"]:
        if p["name"] in values:
            lines.append(_toml(p["name"], values[p["name"]]))
        else:
            lines.append(f"# {p['name']}: {p['expected']}{', required' if p['required'] else ''}\n")
    return "".join(lines)


def _toml(name: str, value: object) -> str:
    return (
        f"{name} = {{ use = {json.dumps(value['use'])} }}\n"
        if isinstance(value, dict)
        else tomli_w.dumps({name: value})
    )


def _value(parameter: Description) -> object:
    return {"use": parameter["default"]} if parameter["kind"] else parameter["default"]


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
