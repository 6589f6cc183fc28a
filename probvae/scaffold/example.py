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
    "metric": "evaluate.metrics",
}
"""Each kind, and the table of a spec that names a component of it; of a metric the list that does."""

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

    def in_a_spec(self, use: str) -> str:
        """The lines of a spec that name it, by its name with the namespace."""
        place = PLACES[self.kind]
        if self.kind == "metric":
            table, _, key = place.rpartition(".")
            return f'[{table}]\n{key} = ["{use}"]'
        return f'[{place}]\nuse = "{use}"'

    def on_the_command_line(self, use: str) -> str:
        """A command that names it in the place of what a spec or a run names."""
        if self.kind == "metric":
            return f"probvae evaluate RUN --metrics {use}"
        return f"probvae train SPEC --set {PLACES[self.kind]}.use={use}"


def source(file: str) -> str:
    """The template of a component (`prior.py`), or of its test (`test_prior.py`)."""
    return (FOLDER / f"{file}.template").read_text(encoding="utf-8")
