"""The result of each check, and the report of all."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, TypeAlias

from probvae.core import Table
from probvae.testing.case import Case
from probvae.testing.checking import Profile

Status: TypeAlias = Literal["passed", "failed", "expected", "unexpected", "not_run"]
GREEN: tuple[Status, ...] = ("passed", "expected")


@dataclass(frozen=True)
class Result:
    """The result of one check.

    Args:
        check: its name.
        holds: what must hold.
        status: "passed"; "failed"; "expected", it fails or cannot run, and the component says why;
            "unexpected", it passes although the component expects a failure; "not_run".
        message: what was found, why it did not run, or where a check that passed could not be tried.
        mandatory: whether the report is red if it did not run.
        cases: how many cases were tried.
        seconds: how long it took.
        case: the smallest case that shows a failure.
        smallest: that case in words, with the shapes that the component depends on.
        replay: a line of Python that repeats it.
        page: where the check is explained.
    """

    check: str
    holds: str
    status: Status
    message: str
    mandatory: bool
    cases: int
    seconds: float
    case: Case | None = None
    smallest: str = ""
    replay: str = ""
    page: str = ""

    @property
    def ok(self) -> bool:
        """Whether it leaves the report green."""
        return self.status in GREEN or (self.status == "not_run" and not self.mandatory)

    def __str__(self) -> str:
        if self.status == "passed":
            return self.check
        lines = [f"{self.check}: {WORDS[self.status]}", f"  must hold  {self.holds}"]
        lines += textwrap.wrap(self.message, 110, initial_indent=self._label, subsequent_indent=" " * 13)
        if self.case is not None:
            lines += [f"  smallest   {self.smallest}", f"  repeat     {self.replay}", f"  see        {self.page}"]
        return "\n".join(lines)

    def after(self, earlier: Sequence[Result]) -> str:
        """The result in words; short where an earlier result may be its cause, or has given the same reason."""
        if self.status not in ("failed", "not_run"):
            return str(self)
        same = [other for other in earlier if (other.status, other.message) == (self.status, self.message)]
        cause = next((other for other in earlier if other.check in FIRST and other.status == "failed"), None)
        lines = [f"{self.check}: {WORDS[self.status]}"]
        if cause is not None:
            lines += [] if same else [self._label + textwrap.shorten(self.message, 110)]
            return "\n".join([*lines, f"  see        {cause.check} first: this may follow from it."])
        if same and self.status == "not_run":
            return "\n".join([*lines, f"  because    the same as for {same[0].check}."])
        return str(self)

    @property
    def _label(self) -> str:
        return "  found      " if self.status == "failed" else "  because    "


FIRST = ("builds", "shapes")
"""Checks whose failure may cause those of all later checks."""

WORDS: dict[Status, str] = {
    "passed": "passed",
    "failed": "FAILED",
    "expected": "fails, as expected",
    "unexpected": "PASSES although a failure is expected",
    "not_run": "did not run",
}

Listener: TypeAlias = Callable[[Result], None]


@dataclass(frozen=True)
class Report:
    """The results of all checks of one component.

    Args:
        kind: the component's kind.
        name: its name.
        profile: how many cases were tried.
        seed: determines all random cases.
        results: one for each check that applies.
    """

    kind: str
    name: str
    profile: Profile
    seed: int
    results: tuple[Result, ...]

    @property
    def ok(self) -> bool:
        """Whether every check holds, every mandatory one ran, and every expected failure occurred."""
        return all(result.ok for result in self.results)

    def __str__(self) -> str:
        messages = [r.after(self.results[:n]) for n, r in enumerate(self.results) if r.status != "passed"]
        return "\n\n".join([*messages, self.summary])

    @property
    def summary(self) -> str:
        """One line: how many checks on how many cases, and the verdict."""
        counts = {word: sum(r.status == status for r in self.results) for status, word in WORDS.items()}
        said = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
        cases, seconds = sum(r.cases for r in self.results), sum(r.seconds for r in self.results)
        verdict = "keeps its contract" if self.ok else "does NOT keep its contract"
        return (
            f"{self.kind} {self.name} {verdict}: {said} ({cases} cases, {seconds:.0f} s, {self.profile}, seed "
            f"{self.seed})."
        )

    def to_json(self) -> Table:
        """The report as plain values."""
        return {"ok": self.ok, **asdict(self)}
