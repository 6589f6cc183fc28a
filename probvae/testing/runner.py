"""Running all checks of a component, one of them, or one of them on one case."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Any

import keras

from probvae.core import Factory
from probvae.errors import PluginError, UnknownNameError, UserError, did_you_mean
from probvae.registry import Registry, default
from probvae.testing.case import Case
from probvae.testing.checking import Check, Profile
from probvae.testing.checks import iter_checks
from probvae.testing.report import Listener, Report, Result
from probvae.testing.search import Search
from probvae.testing.strategies import shapes_of
from probvae.testing.subject import Subject

SHRINKING = {"fast": 6.0, "deep": 60.0}
"""Limit in seconds on the search for the smallest case that fails."""


def check(
    kind: str,
    of: str | Factory,
    *,
    profile: Profile = "fast",
    seed: int = 0,
    only: Collection[str] | None = None,
    registry: Registry | None = None,
    listener: Listener = lambda _: None,
) -> Report:
    """Run every check that applies to a component.

    Args:
        kind: prior, encoder, decoder, classifier, network, posterior, likelihood, objective, or bijector.
        of: the component's registered name, or its class.
        profile: "fast", within a minute for most components; "deep", many more cases.
        seed: determines all random cases.
        only: the names of the checks to run, instead of all.
        registry: where names are looked up; the default one if left out.
        listener: called with each result as soon as it is there.

    Raises:
        UnknownNameError: there is no such kind, component, check or profile.
        PluginError: the component's class or signature cannot be used.
        UserError: the class is not of that kind, or none of the named checks applies.
    """
    subject = Subject(kind, of, registry)
    checks = checks_for(subject, [only] if isinstance(only, str) else only)
    if not checks:
        names = ", ".join(found.name for found in checks_for(subject))
        raise UserError(f"{subject.name}: expected a check that applies to it; got none. These apply: {names}.")
    results = []
    for found in checks:
        results.append(run(found, subject, profile, seed))
        listener(results[-1])
    return Report(kind, subject.name, profile, seed, tuple(results))


def checks_for(subject: Subject, only: Collection[str] | None = None) -> list[Check]:
    """The checks that apply to a subject, or those of them that are named.

    Raises:
        UnknownNameError: there is no check of that name.
        PluginError: the component expects a failure of an unknown check.
    """
    known = {found.name: found for found in iter_checks(subject.kind)}
    for name in only or ():
        if name not in known:
            raise UnknownNameError(f"No check of a {subject.kind} is named {name!r}. {did_you_mean(name, known)}")
    for name in subject.promises.expected_failures:
        if name not in known:
            raise PluginError(
                f"{subject.name}: its promises expect a failure of {name!r}, which is not a check of a "
                f"{subject.kind}. {did_you_mean(name, known)}"
            )
    return [found for found in known.values() if found.applies(subject) and (only is None or found.name in only)]


def replay(check: str, kind: str, of: str | Factory, plugin: str = "", **case: Any) -> None:
    """Run one check on one case, as a report's line does.

    Args:
        check: its name.
        kind: the component's kind.
        of: its registered name, or its class.
        plugin: the file that gives the name, if it is a single-file plugin.
        case: what `Case` takes.

    Raises:
        Violation: it does not hold.
        Refused: the component does not support the configuration.
        Inconclusive: the check does not decide for this case.
    """
    if plugin:
        default().load_file(plugin)
    subject = Subject(kind, of)
    known = {found.name: found for found in iter_checks(kind)}
    if check not in known:
        raise UnknownNameError(f"No check of a {kind} is named {check!r}. {did_you_mean(check, known)}")
    found = Case(**case)
    keras.utils.set_random_seed(found.seed)
    known[check](subject, found)


def run(check: Check, subject: Subject, profile: Profile = "fast", seed: int = 0) -> Result:
    """Run one check on random cases, on the defaults, and on the cases that the component adds.

    Raises:
        UnknownNameError: there is no such profile.
    """
    if profile not in SHRINKING:
        raise UnknownNameError(f"No profile is named {profile!r}. {did_you_mean(profile, SHRINKING)}")
    start = time.monotonic()
    keras.utils.set_random_seed(seed)
    searches = {part: Search(check, subject, region, SHRINKING[profile]) for part, region in check.regions.items()}
    failure, count = None, check.examples[profile]
    for search in searches.values():
        if count:
            search.try_random(max(1, count // len(searches)), seed)
        if not search.failure:
            search.try_defaults(seed)
        if failure := search.failure:
            break
    seconds = time.monotonic() - start
    tried = sum(search.tried for search in searches.values())
    untried = {part: search for part, search in searches.items() if not search.tried}
    reason = subject.promises.expected_failures.get(check.name)

    def result(status: Any, message: str, case: Case | None = None) -> Result:
        arguments = ", ".join(filter(None, [subject.reference, case.arguments() if case else ""]))
        call = f"replay({check.name!r}, {subject.kind!r}, {arguments})"
        line = f"{subject.imports}from probvae.testing import replay; {call}"
        return Result(
            check.name,
            check.holds,
            status,
            message,
            check.mandatory,
            tried,
            seconds,
            case,
            case.of(shapes_of(subject, {})) if case else "",
            line if case else "",
            check.page,
        )

    if failure:
        case, message = failure
        return result("expected", reason) if reason else result("failed", message, case)
    if impossible := next((search.impossible for search in searches.values() if search.impossible), ""):
        return result("not_run", impossible)
    if not tried:
        everywhere = {key: message for search in untried.values() for key, message in search.reasons.items()}
        return result("expected", reason) if reason else result("not_run", _message(everywhere))
    if reason:
        return result("unexpected", f"expected a failure ({reason}); got none. Remove it from expected_failures.")
    refused = {part: search.reasons for part, search in untried.items() if search.refused}
    return result("passed", " ".join(f"Not in {part}: {_message(reasons)}" for part, reasons in refused.items()))


def _message(reasons: Mapping[str, str]) -> str:
    """The first few reasons why no case could be tried."""
    found = list(reasons.values())[:3] or ["no case could be drawn"]
    return "; ".join(reason.rstrip(".") for reason in found) + "."
