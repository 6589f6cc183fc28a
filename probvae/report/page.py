"""The report of a run as one HTML file: nothing in it is loaded from elsewhere, and no script runs."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tomli_w

from probvae.core import Table
from probvae.registry import Registry
from probvae.report.chart import charts, constants
from probvae.report.findings import Finding, findings, finished, stopped_early
from probvae.report.html import picture, rendered
from probvae.report.numbers import Number, notes, numbers, plain_values
from probvae.report.series import Rows, best
from probvae.report.words import GIVEN, commands, data_in_words, introduction, parts, table_of

_CAPTIONS = {
    "samples": "Samples: latents drawn from the prior, decoded.",
    "reconstructions": "Reconstructions: test examples, encoded and decoded again.",
    "latent_map": "Latent map: where the posterior places the test examples.",
    "latent_grid": "Latent grid: what is decoded at evenly spaced quantiles of the prior.",
}
"""The figures of a run that are shown, in this order; its learning curves are drawn as SVG."""

_HEADLINE = 4  # how many numbers come first


@dataclass(frozen=True)
class Facts:
    """What a report is made from: the content of a run's folder.

    Args:
        folder: the path of the run, as commands name it.
        spec: the filled spec.
        environment: what else it depends on: `versions`, `platform`, `plugins`, and others.
        data: what the data was: `event_shape`, `values`, `sizes`, `protocol`, and others.
        rows: of metrics.jsonl, one for each epoch.
        evaluation: the content of evaluation.json; empty if there is none.
        figures: the folder of PNG files, which need not exist.
    """

    folder: str
    spec: Table
    environment: Table
    data: Table
    rows: Rows
    evaluation: Table
    figures: Path


def render(facts: Facts, registry: Registry) -> str:
    """The HTML text of a report, a function of its facts and of the installed components."""
    found = numbers(facts.evaluation)
    pictures = [picture(facts.figures / f"{name}.png", caption) for name, caption in _CAPTIONS.items()]
    return rendered(
        "page.html",
        facts=facts,
        run=shlex.quote(facts.folder),
        title=Path(facts.folder).name or facts.folder,
        introduction=introduction(facts.spec, facts.data),
        parts=parts(facts.spec, registry),
        best=best(facts.rows),
        headline=_headline(found),
        numbers=found,
        protocol=plain_values(facts.evaluation),
        findings=[*findings(facts.rows, facts.spec), *remarks(facts, found)],
        charts=charts(facts.rows),
        constants=constants(facts.rows),
        pictures=[each for each in pictures if each],
        data=data_in_words(facts.data),
        environment=plain_values({key: value for key, value in facts.environment.items() if key != "run"}),
        commands=commands(
            facts.folder,
            facts.spec,
            facts.environment.get("plugins", []),
            finished(facts.rows, facts.spec),
            stopped_early(facts.rows, facts.spec),
            facts.data.get("columns", ()),
        ),
        given=table_of(facts.spec, "data").get("use") == GIVEN,
        spec=tomli_w.dumps(facts.spec),
    )


def _headline(found: Sequence[Number]) -> list[tuple[Number, Number | None]]:
    """The first numbers of the model, each with the same in bits per dimension; the tightest bound first."""
    bits = {number.path.rpartition(".")[2]: number for number in found if number.unit == "bits per dimension"}
    others = [
        number
        for number in found
        if number not in bits.values() and isinstance(number.value, float) and "convergence" not in number.path
    ]
    others.sort(key=lambda number: number.path != "importance_weighted")
    return [(number, bits.get(number.path)) for number in others[:_HEADLINE]]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


def remarks(facts: Facts, found: Sequence[Number]) -> list[Finding]:
    """What the evaluation says in words, idle latents, and whether the numbers are of the best epoch."""
    remarks = [Finding("warning", name.capitalize(), _sentence(text)) for name, text in notes(facts.evaluation)]
    latents = table_of(facts.spec, "model").get("latent_dim")
    several = table_of(facts.evaluation, "elbo").get("examples") != 1
    for number in found:
        title, value = number.name[0].upper() + number.name[1:], number.value
        remarks += [
            Finding("warning" if "collapse" in text else "note", title, _sentence(text)) for text in number.notes
        ]
        if number.path.endswith("active_units") and isinstance(value, float) and isinstance(latents, int):
            text = f"{latents - value:g} of {latents} do not depend on x."
            remarks += [Finding("note", "Inactive latents", text)] if value < latents and several else []
    epoch, lowest = facts.evaluation.get("epoch"), best(facts.rows)
    if epoch is not None and lowest is not None and epoch != lowest.epoch:
        text = (
            f"They are of the weights of epoch {epoch}; the lowest loss is now that of epoch {lowest.epoch:g}. "
            f"Make them anew with `probvae evaluate {shlex.quote(facts.folder)}`."
        )
        remarks.append(Finding("warning", "The numbers are of other weights", text))
    return remarks
