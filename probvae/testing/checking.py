"""What a check is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isnan
from typing import Any, Literal, TypeAlias

from hypothesis.strategies import SearchStrategy

from probvae.core import Tag, free_traces
from probvae.testing.case import Case
from probvae.testing.subject import Subject

Profile: TypeAlias = Literal["fast", "deep"]
Region: TypeAlias = Mapping[str, SearchStrategy[object]]

ALPHA = 1e-6
"""Largest probability that a statistical check fails for a correct component."""


class Violation(AssertionError):  # noqa: N818  # a result, not an error in the program
    """A check that does not hold.

    Args:
        message: what was expected, and what was found.
        excess: the deviation in multiples of its limit, where there is one; above 1 is an alarm.
    """

    def __init__(self, message: str = "", excess: float = float("inf")) -> None:
        super().__init__(message)
        self.excess = float("inf") if isnan(excess) else excess


class Inconclusive(Exception):  # noqa: N818  # not an error: the case decides nothing
    """The check does not decide for this case; the message says why."""


class NotApplicable(Inconclusive):
    """The check does not decide for this component in any case, as far as one case shows."""


@dataclass(frozen=True)
class Check:
    """One thing that must hold for every component of some kinds.

    It is called with a subject and a case, and raises `Violation` where it does not hold.

    Args:
        function: the check itself; the first line of its docstring says what must hold.
        kinds: the kinds that it is for.
        examples: how many random cases are tried, by profile.
        regions: what is drawn for a case in addition to the configuration: one table for each region that must be
            searched, by name.
        mandatory: whether a report is red if it could not run.
        tag: it applies only to classes that promise this tag.
        conditional: whether it applies only to classes that ask for a condition.
        rows: whether it applies only to priors that take the rows of training examples.
        statistical: whether it is a statistical test, with an error rate of `ALPHA` in all.
    """

    function: Callable[[Subject, Case], None]
    kinds: tuple[str, ...]
    examples: Mapping[Profile, int]
    regions: Mapping[str, Region] = field(default_factory=lambda: {"any shape": {}})
    mandatory: bool = True
    tag: Tag | None = None
    conditional: bool = False
    rows: bool = False
    statistical: bool = False
    name: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.function.__name__)

    @property
    def holds(self) -> str:
        """What must hold, in one sentence."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @property
    def page(self) -> str:
        """Where the check is explained."""
        return f"docs/checks.md#{self.name}"

    def applies(self, subject: Subject) -> bool:
        """Whether it applies to a subject."""
        if self.conditional and subject.asks is None:
            return False
        if self.rows and not getattr(subject.factory, "takes_rows", False):
            return False
        return subject.kind in self.kinds and (self.tag is None or self.tag in subject.promises.tags)

    def __call__(self, subject: Subject, case: Case) -> None:
        """Run it on one case."""
        try:
            self.function(subject, case)
        finally:
            free_traces()


ALL: list[Check] = []
"""Every check, in the order of their modules."""


def check(*kinds: str, fast: int, deep: int, **options: Any) -> Callable[[Callable[[Subject, Case], None]], Check]:
    """A decorator that makes a check of a function and lists it."""

    def decorate(function: Callable[[Subject, Case], None]) -> Check:
        made = Check(function, kinds, {"fast": fast, "deep": deep}, **options)
        ALL.append(made)
        return made

    return decorate
