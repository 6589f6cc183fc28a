"""The model card of a run: a README.md with a header that the Hugging Face Hub reads."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from probvae.core import Table
from probvae.registry import Registry
from probvae.report.html import rendered
from probvae.report.numbers import Number, numbers, plain_values
from probvae.report.page import Facts, remarks
from probvae.report.series import best
from probvae.report.words import data_in_words, introduction, parts, table_of

_TAGS = ("probvae", "variational-autoencoder", "tensorflow", "tensorflow-probability", "density-estimation")
_SHOWN = ("samples", "reconstructions")
_IMAGES = "unconditional-image-generation"
_RANKS_OF_IMAGES = (2, 3)
_MARK = re.compile(r"\n<!-- written by probvae, (\w+) -->\n$")
"""The end of a card, with a hash of the rest."""


def render_card(facts: Facts, registry: Registry, repository: str, requires: Mapping[str, str]) -> str:
    """The Markdown text of a model card.

    Args:
        facts: the content of the run's folder.
        registry: the installed components.
        repository: the name on the hub, as `user/name`.
        requires: the components of plugins in the model, each with what it comes from.
    """
    found = numbers(facts.evaluation)
    text = rendered(
        "card.md",
        facts=facts,
        header=_header(facts, repository, found),
        repository=repository,
        name=repository.rpartition("/")[2],
        requires=requires,
        introduction=introduction(facts.spec, facts.data),
        parts=parts(facts.spec, registry),
        best=best(facts.rows),
        numbers=[number for number in found if isinstance(number.value, float)],
        protocol=plain_values({key: facts.evaluation.get(key) for key in ("measure", "protocol", "split")}),
        data=data_in_words(facts.data),
        remarks=[remark for remark in remarks(facts, found) if remark.level != "good"],
        pictures=[name for name in _SHOWN if (facts.figures / f"{name}.png").is_file()],
    )
    return f"{text}\n<!-- written by probvae, {_hash(text)} -->\n"


def is_edited(card: str) -> bool:
    """Whether a card is not as it was written."""
    mark = _MARK.search(card)
    return mark is None or mark[1] != _hash(card[: mark.start()])


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _header(facts: Facts, repository: str, found: Sequence[Number]) -> str:
    """The header in YAML, each value in JSON, which is YAML too."""
    shape = facts.data.get("event_shape") or ()
    images = len(shape) in _RANKS_OF_IMAGES and not facts.data.get("condition")
    fields: Table = {
        "library_name": "probvae",
        "tags": list(_TAGS),
        **({"pipeline_tag": _IMAGES} if images else {}),
        **({"model-index": [_results(facts, repository, found)]} if found else {}),
    }
    # Without JSON's escapes of characters beyond 16 bits, which are pairs that YAML does not have.
    return "\n".join(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items())


def _results(facts: Facts, repository: str, found: Sequence[Number]) -> Table:
    """The numbers of the evaluation in the hub's form."""
    dataset = str(table_of(facts.spec, "data").get("use", "unknown"))
    metrics = [
        {
            "type": _key(number),
            "value": number.value,
            "name": f"{number.name}, {number.unit}".rstrip(", "),
        }
        for number in found
        if isinstance(number.value, float) and "convergence" not in number.path
    ]
    result = {
        "task": {"type": "density-estimation", "name": "Density estimation"},
        "dataset": {"type": dataset, "name": dataset, "split": str(facts.evaluation.get("split", "test"))},
        "metrics": metrics,
    }
    return {"name": Path(repository).name, "results": [result]}


def _key(number: Number) -> str:
    """The place of a number in evaluation.json, without the tables that every metric has."""
    return ".".join(key for key in number.path.split(".") if key not in ("metrics", "numbers"))
