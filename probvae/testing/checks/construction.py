"""Construction: a class accepts what its signature allows, and refuses all else."""

from __future__ import annotations

from dataclasses import replace

from probvae.errors import UserError, explained
from probvae.testing.case import Case
from probvae.testing.checking import Violation, check
from probvae.testing.strategies import wrong_values
from probvae.testing.subject import CHECKED_KINDS, Refused, Subject

NO_PARAMETER = "no_such_parameter"


@check(*CHECKED_KINDS, fast=20, deep=150)
def builds(subject: Subject, case: Case) -> None:
    """Every configuration that the signature allows builds, and what it does not allow is refused.

    The signature is the schema: a spec is checked against it, so a value within its types and bounds that crashes
    the class reaches a user as a traceback, and a keyword that is swallowed hides a misspelling. A class that does
    not support a combination says so with a typed error (`probvae.errors.ConfigError`).
    """
    try:
        subject.build(case)
    except Refused:
        raise
    except Exception as error:
        raise Violation(
            f"the signature allows this configuration, and building it raised {explained(error)}. Fix the class, "
            "narrow the parameter's type, or refuse with probvae.errors.ConfigError."
        ) from error
    _refused(subject, case, NO_PARAMETER, 1)
    for name, parameter in subject.signature.plain.items():
        for value in wrong_values(parameter):
            _refused(subject, case, name, value)


def _refused(subject: Subject, case: Case, name: str, value: object) -> None:
    wrong = replace(case, configuration={**case.configuration, name: value})
    try:
        subject.build(wrong)
    except (Refused, UserError):
        return
    except TypeError as error:
        if name == NO_PARAMETER:
            return  # Python's own refusal of an unknown keyword
        raise Violation(
            f"{name} = {value!r} raised {explained(error)} instead of a probvae.errors.UserError."
        ) from error
    except Exception as error:
        raise Violation(
            f"{name} = {value!r} raised {explained(error)} instead of a probvae.errors.UserError."
        ) from error
    if name == NO_PARAMETER:
        raise Violation(f"the unknown keyword {name} was swallowed. Take **keywords out of __init__.")
    raise Violation(f"{name} = {value!r} was accepted, which its type in the signature does not allow.")
