"""Components that are right, which the contract kit must let pass: distributions of TensorFlow Probability.

A public class in one of these files is one; its name here is that of the class in snake case. A flow is there
twice, as a prior and as a bijector.
"""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from . import decoders, encoders, flows, likelihoods, networks, objectives, posteriors, priors


@dataclass(frozen=True)
class Correct:
    """A component that is right.

    Args:
        kind: what it is, as for the contract kit.
        factory: its class.
    """

    kind: str
    factory: Callable[..., Any]


def _found(kind: str, module: ModuleType) -> dict[str, Correct]:
    found = {}
    for name, value in vars(module).items():
        if inspect.isclass(value) and value.__module__ == module.__name__ and not name.startswith("_"):
            words = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
            found[f"{kind}_{words}"] = Correct(kind, value)
    return found


CORRECT: dict[str, Correct] = {
    **_found("prior", priors),
    **_found("prior", flows),
    **_found("encoder", encoders),
    **_found("decoder", decoders),
    **_found("network", networks),
    **_found("posterior", posteriors),
    **_found("likelihood", likelihoods),
    **_found("objective", objectives),
    **_found("bijector", flows),
}
