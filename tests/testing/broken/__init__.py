"""Components that are wrong on purpose, each by one mistake that people make: what the contract kit must find.

A public class in one of these files is a mutant; its name here is that of the class in snake case, and the first
paragraph of its docstring says what is wrong with it. Everything else about it is right.
"""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from . import bijectors, classifiers, decoders, encoders, likelihoods, networks, objectives, posteriors, priors


@dataclass(frozen=True)
class Mutant:
    """A broken component.

    Args:
        kind: what it is, as for the contract kit.
        factory: its class.
        mistake: what is wrong with it, in one sentence.
    """

    kind: str
    factory: Callable[..., Any]
    mistake: str


def _mutants(kind: str, module: ModuleType) -> dict[str, Mutant]:
    found = {}
    for name, value in vars(module).items():
        if inspect.isclass(value) and value.__module__ == module.__name__ and not name.startswith("_"):
            words = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
            paragraph = inspect.cleandoc(value.__doc__).split("\n\n")[0]
            found[f"{kind}_{words}"] = Mutant(kind, value, " ".join(paragraph.split()))
    return found


BROKEN: dict[str, Mutant] = {
    **_mutants("prior", priors),
    **_mutants("encoder", encoders),
    **_mutants("decoder", decoders),
    **_mutants("classifier", classifiers),
    **_mutants("network", networks),
    **_mutants("posterior", posteriors),
    **_mutants("likelihood", likelihoods),
    **_mutants("objective", objectives),
    **_mutants("bijector", bijectors),
}
