"""Running checks: hypothesis draws the cases and shrinks what fails to the smallest."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity, given, reject
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException

from probvae.errors import PluginError, UnknownNameError, did_you_mean
from probvae.registry import Registry, default
from probvae.testing.case import Case
from probvae.testing.checking import CannotTell, Check, Draws, Profile, Violation
from probvae.testing.checks import iter_checks
from probvae.testing.report import Listener, Report, Result
from probvae.testing.strategies import (
    batch_shapes,
    configurations_of,
    event_shapes,
    latent_dims,
    leading_shapes,
    sample_shapes,
    seeds,
)
from probvae.testing.subject import Refused, Subject, why

SHRINKING = {"fast": 15.0, "deep": 90.0}
"""How many seconds may go into finding the smallest case that fails."""

IDLE = 40
"""How many cases in a row may be refused before a stratum is left."""


def check(
    kind: str,
    of: str | Callable[..., Any],
    *,
    profile: Profile = "fast",
    seed: int = 0,
    only: Collection[str] | None = None,
    registry: Registry | None = None,
    listener: Listener = lambda _: None,
) -> Report:
    """Run every check that a component owes.

    Args:
        kind: prior, encoder, decoder, posterior, likelihood, objective, or bijector.
        of: the component's registered name, or its class.
        profile: "fast", within a minute for most components; "deep", many more cases.
        seed: what all random cases are functions of; the default gives the same ones each time.
        only: the names of the checks to run, instead of all.
        registry: where names are looked up; the default one if left out.
        listener: is given each result as soon as it is there.

    Raises:
        UnknownNameError: there is no such kind, component or check.
        PluginError: the component's class or signature cannot be used.
        UserError: the profile is unknown, or the class is none of that kind.
    """
    subject = Subject(kind, of, registry)
    results = []
    for found in chosen(subject, only):
        results.append(run(found, subject, profile, seed))
        listener(results[-1])
    return Report(kind, subject.name, profile, seed, tuple(results))


def chosen(subject: Subject, only: Collection[str] | None = None) -> list[Check]:
    """The checks that a subject owes, or those of them that are named.

    Raises:
        UnknownNameError: a name is that of no check.
        PluginError: the component expects a failure of a check that there is not.
    """
    known = {found.name: found for found in iter_checks(subject.kind)}
    for name in only or ():
        if name not in known:
            raise UnknownNameError(f"No check of a {subject.kind} is named {name!r}. {did_you_mean(name, known)}")
    for name in subject.contract.expected_failures:
        if name not in known:
            raise PluginError(
                f"{subject.name}: its contract expects a failure of {name!r}, which is no check of a "
                f"{subject.kind}. {did_you_mean(name, known)}"
            )
    return [found for found in known.values() if found.applies(subject) and (only is None or found.name in only)]


def replay(check: str, kind: str, of: str | Callable[..., Any], plugin: str = "", **case: Any) -> None:
    """Run one check on one case, as a report says.

    Args:
        check: its name.
        kind: the component's kind.
        of: its registered name, or its class.
        plugin: the file that gives the name, if it is a single-file plugin.
        case: what `Case` takes.

    Raises:
        Violation: it does not hold.
        Refused: the component does not support the configuration.
        CannotTell: the check says nothing about this case.
    """
    if plugin:
        default().load_file(plugin)
    subject = Subject(kind, of)
    known = {found.name: found for found in iter_checks(kind)}
    if check not in known:
        raise UnknownNameError(f"No check of a {kind} is named {check!r}. {did_you_mean(check, known)}")
    known[check](subject, Case(**case))


def run(check: Check, subject: Subject, profile: Profile = "fast", seed: int = 0) -> Result:
    """Run one check on random cases, on the defaults, and on those that the component adds."""
    start = time.monotonic()
    searches = {
        part: _Search(check, subject, stratum, SHRINKING[profile]) for part, stratum in check.strata.items()
    }
    failure = None
    for search in searches.values():
        search.explore(max(1, check.examples[profile] // len(searches)), seed)
        if not search.failure:
            search.visit(seed)
        if failure := search.failure:
            break
    seconds = time.monotonic() - start
    tried = sum(search.tried for search in searches.values())
    untried = {part: search.reasons for part, search in searches.items() if not search.tried}
    reason = subject.contract.expected_failures.get(check.name)

    def result(status: Any, message: str, case: Case | None = None) -> Result:
        arguments = ", ".join(filter(None, [subject.reference, case.arguments() if case else ""]))
        line = f"from probvae.testing import replay; replay({check.name!r}, {subject.kind!r}, {arguments})"
        return Result(
            check.name,
            check.holds,
            status,
            message,
            check.mandatory,
            tried,
            seconds,
            case,
            line if case else "",
            check.page,
        )

    if failure:
        case, message = failure
        return result("expected", reason) if reason else result("failed", message, case)
    if not tried:
        everywhere = {key: told for reasons in untried.values() for key, told in reasons.items()}
        return result("expected", reason) if reason else result("not_run", _told(everywhere))
    if reason:
        return result("unexpected", f"it was expected to fail: {reason} Take it out of expected_failures.")
    return result("passed", " ".join(f"Not in {part}: {_told(reasons)}" for part, reasons in untried.items()))


@dataclass
class _Search:
    """The search in one stratum for a case that fails, and then for a smaller one."""

    check: Check
    subject: Subject
    stratum: Draws
    patience: float
    tried: int = 0
    idle_cases: int = 0
    failure: tuple[Case, str] | None = None
    drawn: Case | None = None
    deadline: float = field(default=float("inf"))
    reasons: dict[str, str] = field(default_factory=dict)

    def explore(self, count: int, seed: int) -> None:
        """Try random cases; what fails is made smaller while there is time."""

        @hypothesis.seed(seed)
        @hypothesis.settings(
            max_examples=count,
            database=None,
            deadline=None,
            derandomize=False,
            report_multiple_bugs=False,
            verbosity=Verbosity.quiet,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        @given(_cases(self.subject, self.stratum))
        def attempt(case: Case) -> None:
            if not self.tried and self.idle_cases > IDLE:
                return  # nothing here can be tried: let hypothesis run to its end
            late = time.monotonic() > self.deadline
            if late and case != self.drawn:
                return  # no time to look for a smaller one: pretend that this one is none
            if not self.attempt(case):
                reject()

        try:
            attempt()
        except Violation:
            pass
        except (HypothesisException, BaseExceptionGroup) as error:
            if not self.failure:
                self._because(why(error))

    def visit(self, seed: int) -> None:
        """Try the defaults, and the cases that the component adds."""
        tables: list[Mapping[str, Any]] = [*self.subject.contract.cases]
        if not any(parameter.required for parameter in self.subject.signature.plain.values()):
            tables.insert(0, {})
        for table in tables:
            for case in _ordinary(_shapes(self.subject, self.stratum), seed):
                try:
                    if self.attempt(Case(**{**case, "configuration": dict(table)})):
                        break
                except Violation:
                    return

    def attempt(self, case: Case) -> bool:
        """Whether the case could be tried, or one near it.

        Of parameters that exclude each other the class names one when it refuses; that one is left at its default.

        Raises:
            Violation: the check does not hold.
        """
        drawn = case
        while True:
            try:
                self.check(self.subject, case)
            except Refused as error:
                smaller = case.without(error.parameter) if error.parameter else None
                if smaller is None:
                    return self._passed_over(str(error))
                case = smaller
            except CannotTell as error:
                return self._passed_over(str(error))
            except Violation as error:
                self._fail(drawn, case, str(error))
                raise
            except Exception as error:  # a component is anyone's code
                self._fail(drawn, case, f"it raised {why(error)}")
                raise Violation from error
            else:
                self.tried += 1
                return True

    def _passed_over(self, reason: str) -> bool:
        self._because(reason)
        self.idle_cases += 1
        return False

    def _because(self, reason: str) -> None:
        """Keep why a case could not be tried, once for all cases that differ in their numbers only."""
        self.reasons.setdefault(re.sub(r"\d+", "0", reason), reason)

    def _fail(self, drawn: Case | None, case: Case, message: str) -> None:
        self.tried += 1
        if not self.failure:
            self.deadline = time.monotonic() + self.patience
        self.drawn, self.failure = drawn, (case, message)


def _told(reasons: Mapping[str, str]) -> str:
    """Why no case could be tried: the first few reasons."""
    found = list(reasons.values())[:3] or ["no case could be drawn"]
    return "; ".join(reason.rstrip(".") for reason in found) + "."


def _shapes(subject: Subject, stratum: Draws) -> dict[str, st.SearchStrategy[Any]]:
    """What is drawn for a case beside its configuration; what the component does not look at is left alone."""
    drawn: dict[str, st.SearchStrategy[Any]] = {
        "moved": st.sampled_from((0.0, 0.1, 0.3)),
        "seed": seeds(),
        "samples": sample_shapes(),
    }
    if subject.kind != "likelihood":
        drawn["latent_dim"] = latent_dims()
    if subject.kind in ("encoder", "decoder", "likelihood") or "event_shape" in subject.context:
        drawn["event_shape"] = event_shapes()
    if subject.kind in ("encoder", "posterior", "objective", "bijector"):
        drawn["batch"] = batch_shapes()
    if subject.kind in ("decoder", "likelihood"):
        drawn["batch"] = leading_shapes()
    answered = "event_shape" if subject.kind in ("decoder", "likelihood") else "latent_dim"
    sizes = {"event_shape", "latent_dim"} - {answered}  # what a stratum says of sizes is said of the answer's
    return drawn | {name: found for name, found in stratum.items() if name in drawn and name not in sizes}


def _cases(subject: Subject, stratum: Draws) -> st.SearchStrategy[Case]:
    drawn = _shapes(subject, stratum)
    return st.builds(Case, configuration=configurations_of(subject), **drawn)


def _ordinary(drawn: dict[str, st.SearchStrategy[Any]], seed: int) -> Iterator[dict[str, Any]]:
    """A few tables of shapes, for configurations that are given: not every shape suits every configuration."""
    found: list[dict[str, Any]] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(max_examples=25, database=None, deadline=None, phases=(Phase.generate,))
    @given(st.fixed_dictionaries(drawn))
    def collect(table: dict[str, Any]) -> None:
        found.append(table)

    collect()
    # The first that hypothesis draws are the smallest; the last are as ordinary as any.
    return reversed(found)
