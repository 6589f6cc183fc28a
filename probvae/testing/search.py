"""The search for a case that fails: hypothesis draws the cases and shrinks what fails to the smallest."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity, given, reject
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException

from probvae.core import Table
from probvae.errors import explained
from probvae.testing.case import Case
from probvae.testing.checking import Check, Inconclusive, NotApplicable, Region, Violation
from probvae.testing.strategies import cases_of, shapes_of
from probvae.testing.subject import Refused, Subject

CLEAR = 2.0
"""A failure whose excess is at least this ends the search and is shrunk."""
IDLE = 40
"""How many cases may be skipped before a region in which none could be tried is given up."""
ENOUGH = 4
"""How many cases in which a check is not applicable are enough to give it up."""


@dataclass
class Search:
    """The search in one region for a case that fails, and then for the smallest such case.

    Args:
        check: what must hold.
        subject: the component.
        region: what is drawn for a case in addition to the configuration.
        patience: limit in seconds on the search for the smallest case; 0: the first that fails is kept.

    Attributes:
        tried: how many cases were tried.
        failure: the smallest case that fails clearly, or the clearest of those that fail by little, and the
            message.
        excess: by how much it fails.
        reasons: why cases could not be tried.
        refused: whether the component refused one of them.
        impossible: why no random case can be drawn; "" if some can.
    """

    check: Check
    subject: Subject
    region: Region
    patience: float
    tried: int = 0
    skipped: int = 0
    not_applicable_cases: int = 0
    failure: tuple[Case, str] | None = None
    excess: float = 0.0
    drawn: Case | None = None
    violation: Violation | None = None
    deadline: float = field(default=float("inf"))
    reasons: dict[str, str] = field(default_factory=dict)
    refused: bool = False
    impossible: str = ""

    @property
    def not_applicable(self) -> bool:
        """Whether the check was not applicable in enough cases to give it up."""
        return not self.tried and self.not_applicable_cases >= ENOUGH

    def try_random(self, count: int, seed: int) -> None:
        """Try random cases; a case that fails is shrunk while there is time."""
        drawn = False

        @hypothesis.seed(seed)
        @hypothesis.settings(
            max_examples=count,
            database=None,
            deadline=None,
            derandomize=False,
            report_multiple_bugs=False,
            verbosity=Verbosity.quiet,
            phases=(Phase.generate, Phase.shrink) if self.patience else (Phase.generate,),
            suppress_health_check=list(HealthCheck),
        )
        @given(cases_of(self.subject, self.region))
        def attempt(case: Case) -> None:
            nonlocal drawn
            drawn = True
            if self.not_applicable or (not self.tried and self.skipped > IDLE):
                return  # nothing can be tried here: let hypothesis finish
            if self.violation and case == self.drawn:
                raise self.violation  # hypothesis repeats the case that failed
            if time.monotonic() > self.deadline:
                return  # no time left to look for a smaller one
            try:
                tried = self.try_case(case)
            except Violation as error:
                self.violation = error
                raise
            if not tried:
                reject()

        try:
            attempt()
        except Violation:
            pass
        except (HypothesisException, BaseExceptionGroup) as error:
            if not self.failure:
                self._keep_reason(explained(error))
            if not drawn:
                self.impossible = f"no configuration could be drawn at random: {explained(error)}"

    def try_defaults(self, seed: int) -> None:
        """Try the defaults, and the cases that the component adds."""
        tables: list[Mapping[str, object]] = [*self.subject.promises.cases]
        if not any(parameter.required for parameter in self.subject.signature.plain.values()):
            tables.insert(0, {})
        for table in tables:
            for case in _ordinary(shapes_of(self.subject, self.region), seed):
                try:
                    if self.try_case(Case(**{**case, "configuration": dict(table)})) or self.not_applicable:
                        break
                except Violation:
                    return

    def try_case(self, case: Case) -> bool:
        """Try a case, or one near it; whether that was possible.

        A class that refuses parameters that exclude each other names one of them; it is then left at its default.

        Raises:
            Violation: the check fails clearly. Where it fails by little, the search continues for a clearer case.
        """
        drawn = case
        while True:
            try:
                self.check(self.subject, case)
            except Refused as error:
                smaller = case.without(error.parameter) if error.parameter else None
                if smaller is None:
                    self.refused = True
                    return self._skip(str(error))
                case = smaller
            except Inconclusive as error:
                self.not_applicable_cases += isinstance(error, NotApplicable)
                return self._skip(str(error))
            except Violation as error:
                self._fail(drawn, case, str(error), error.excess)
                if error.excess >= CLEAR:
                    raise
                return True
            except Exception as error:  # a component is anyone's code
                self._fail(drawn, case, f"it raised {explained(error)}")
                raise Violation from error
            else:
                self.tried += 1
                return True

    def _skip(self, reason: str) -> bool:
        self._keep_reason(reason)
        self.skipped += 1
        return False

    def _keep_reason(self, reason: str) -> None:
        """Keep why a case was skipped, once for all reasons that differ in numbers only."""
        self.reasons.setdefault(re.sub(r"\d+", "0", reason), reason)

    def _fail(self, drawn: Case | None, case: Case, message: str, excess: float = float("inf")) -> None:
        self.tried += 1
        if excess >= CLEAR > self.excess:
            self.deadline = time.monotonic() + self.patience
        if excess >= CLEAR or not excess <= self.excess:
            self.drawn, self.failure, self.excess = drawn, (case, message), excess


def _ordinary(drawn: dict[str, st.SearchStrategy[object]], seed: int) -> Iterator[Table]:
    """A few tables of shapes for given configurations: not every shape suits every configuration."""
    known = f"{drawn} {seed}"  # strategies say in words what they draw, the same for many checks
    if known not in _ORDINARY:
        _ORDINARY[known] = _drawn(drawn, seed)
    # The first that hypothesis draws are the smallest; the last are as ordinary as any.
    return reversed(_ORDINARY[known])


_ORDINARY: dict[str, list[Table]] = {}
"""The tables that have been drawn, which takes longer than some checks do."""


def _drawn(drawn: dict[str, st.SearchStrategy[object]], seed: int) -> list[Table]:
    found: list[Table] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(max_examples=25, database=None, deadline=None, phases=(Phase.generate,))
    @given(st.fixed_dictionaries(drawn))
    def collect(table: Table) -> None:
        found.append(table)

    collect()
    return found
