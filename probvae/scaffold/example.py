"""The components that a new package may begin with, one of each kind."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("examples")

PLACES = {
    "prior": "model.prior",
    "posterior": "model.encoder.posterior",
    "likelihood": "model.decoder.likelihood",
    "network": "model.encoder.network",
    "encoder": "model.encoder",
    "decoder": "model.decoder",
    "classifier": "model.classifier",
    "objective": "objective",
    "dataset": "data",
    "metric": "",
}
"""Each kind, and the table of a spec that names a component of it; a metric is called in Python."""

CHECKED = tuple(kind for kind in PLACES if kind not in ("dataset", "metric"))
"""The kinds that the contract kit checks."""


@dataclass(frozen=True)
class Example:
    """A component, as its template has it.

    Args:
        kind: its kind.
        class_name: the name of its class.
        summary: the first line of the class's docstring.
    """

    kind: str
    class_name: str
    summary: str

    @classmethod
    def of(cls, kind: str) -> Example:
        """The example of a kind."""
        (found,) = (node for node in ast.parse(source(f"{kind}.py")).body if isinstance(node, ast.ClassDef))
        return cls(kind, found.name, (ast.get_docstring(found) or "").partition("\n")[0])

    @property
    def name(self) -> str:
        """Its name in a spec after the namespace, which is also that of its module: `student_t` of `StudentT`."""
        return re.sub("(?<=[a-z])(?=[A-Z])", "_", self.class_name).lower()

    @property
    def place(self) -> str:
        """The table of a spec that names it; empty for a metric."""
        return PLACES[self.kind]


def source(file: str) -> str:
    """The template of a component (`prior.py`), or of its test (`test_prior.py`)."""
    return (FOLDER / f"{file}.template").read_text(encoding="utf-8")
