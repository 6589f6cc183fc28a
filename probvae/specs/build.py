"""From a plan to objects: the only place where names become components."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np

from probvae.core import (
    BINARY,
    KINDS,
    REAL,
    UNIT,
    VAE,
    Array,
    ArrayLike,
    Data,
    DataInfo,
    Dataset,
    Decoder,
    Encoder,
    LazyIntensities,
    Network,
    Objective,
    Shape,
    dtype_policy,
    full_scale,
)
from probvae.core.words import with_article
from probvae.errors import ConfigError, DataWarning, ProbvaeError, SpecError, TooLargeError, explained
from probvae.specs.document import Document, show
from probvae.specs.plan import DATA, MODEL, OBJECTIVE, Part, Plan, conflict

Supply = Mapping[str, Callable[[], Any]]
"""Context parameter -> how to get its value, when a component first asks for it."""

NETWORKS = (Encoder.kind, Decoder.kind, Network.kind)
"""The kinds whose layers compute in the precision of [train]; densities are float32 whatever it says."""


class Assembly(NamedTuple):
    """What a plan builds.

    Args:
        vae: the model.
        objective: what is minimised.
        choices: what the objective's parameters leave open, as decided for this model.
    """

    vae: VAE
    objective: Objective
    choices: dict[str, str]


class Source:
    """The dataset of a plan, whose complaints point into the spec.

    Args:
        document: what the plan was made from.
        part: the checked [data] table.
    """

    def __init__(self, document: Document, part: Part) -> None:
        self._document = document
        self._part = part
        self._dataset: Dataset = _build(document, part, {})

    @cached_property
    def info(self) -> DataInfo:
        """What the data is, without fetching it."""
        with blamed(self._document, self._part):
            return self._dataset.info()

    @cached_property
    def data(self) -> Data:
        """The data, loaded once."""
        with blamed(self._document, self._part):
            return self._dataset.load()

    def examples(self) -> ArrayLike:
        """The training examples [N, *E], not binarised, for components that start from data."""
        train = self.data.train
        return train.intensities() if isinstance(train.stored, np.ndarray) else LazyIntensities(train)


def data_source(plan: Plan) -> Source:
    """The dataset that a plan names.

    Raises:
        SpecError: it names none, or its parameters do not fit together.
    """
    part = plan.components.get(DATA.path)
    if part is None:
        hint = 'Write a table [data] with use = "fashion_mini", say.'
        raise SpecError([plan.document.problem(DATA.path, "a table", "no such table", hint)])
    return Source(plan.document, part)


def assemble(
    plan: Plan,
    event_shape: Shape,
    examples: Callable[[], ArrayLike] | None = None,
    train_examples: int | None = None,
) -> Assembly:
    """Build the model and the objective of a plan. Initial weights come from Keras' global seed.

    Args:
        plan: a checked spec.
        event_shape: E, the shape of one example.
        examples: gives training examples [N, *E], for components that start from data.
        train_examples: how many training examples there are, for schedules that count epochs.

    Raises:
        SpecError: parts that are right by themselves do not fit together.
    """
    train = plan.setting("train")
    supply: dict[str, Callable[[], Any]] = {
        "latent_dim": lambda: plan.latent_dim,
        "event_shape": lambda: tuple(event_shape),
    }
    if examples is not None:
        supply["examples"] = examples
    if train_examples is not None:
        steps = -(-train_examples // train.batch_size)
        supply["steps_per_epoch"] = lambda: steps
        with blamed(plan.document, plan.settings["train"]):
            train.check(steps)
    parts = {}
    for slot in MODEL:
        name = slot.path[-1]
        parts[name] = _build(plan.document, plan.components[slot.path], supply, train.precision)
        supply[name] = partial(parts.__getitem__, name)
    try:
        vae = VAE(**parts)
    except (TooLargeError, KeyboardInterrupt):
        raise
    except BaseException as error:  # a component is anyone's code, and may call sys.exit
        problem = plan.document.problem(("model",), "parts that work together", "these", explained(error))
        raise SpecError([problem]) from error
    part = plan.components[OBJECTIVE.path]
    objective = _build(plan.document, part, supply)
    with blamed(plan.document, part):
        objective.check(vae)
        return Assembly(vae, objective, objective.describe(vae))


def placeholder(event_shape: Shape) -> Callable[[], Array]:
    """What loading supplies in the place of the training examples: one example of zeros, as weights follow."""
    return lambda: np.zeros((1, *event_shape), np.float32)


def check_support(plan: Plan, vae: VAE, info: DataInfo) -> None:
    """Compare the values of the data with those that the likelihood gives probability to.

    A `DataWarning` is for values that a likelihood of all numbers gives hardly any, as raw 8-bit images.

    Raises:
        SpecError: some data would have none; said before training rather than by a NaN in it.
    """
    support = vae.decoder.support
    if info.values in support:
        if support == REAL and (reason := _out_of_scale(info, plan.components[DATA.path])):
            warnings.warn(reason, DataWarning, stacklevel=2)
        return
    part = plan.components[DATA.path]
    hints = []
    if support in UNIT and info.values.low >= 0 and info.values.high > 1:
        scale = full_scale(info.values, info.event_shape)
        if scale is None or len(info.event_shape) == 1:
            hints.append(_COUNTS)
        if scale is not None:
            start = "If they are intensities: " if hints else ""
            binary = " and data.binarize = 'dynamic'" if support == BINARY else ", so that they lie from 0 to 1"
            hints.append(f"{start}{_scaling(part, scale)}{binary}.")
    elif support.one_hot and info.values in BINARY:
        hints.append("Each example needs exactly one 1 along its last axis, as numpy.eye(K)[categories] has.")
    elif support.open and info.values in replace(support, open=False):
        hints.append("Some values lie at an end, where it has no density: move them a little inside.")
    elif support == BINARY and info.values in UNIT:
        hints.append("Set data.binarize = 'dynamic', or model.decoder.likelihood.use = 'continuous_bernoulli'.")
    elif support in UNIT:
        hints.append("Set model.decoder.likelihood.use = 'normal', which takes all numbers.")
    found = f"{info.values}, from {part.use!r}"
    path = ("model", "decoder", "likelihood")
    expected = f"data that the likelihood supports, {support}"
    raise SpecError([plan.document.problem(path, expected, found, " ".join(hints))])


_COUNTS = (
    "If they are counts, take a likelihood that supports them (`probvae list likelihood`), or "
    "model.decoder.likelihood.use = 'normal' for numpy.log1p of them: binarising keeps little of a count."
)
_FAR = 100.0  # from 0: where a normal whose scale is near 1 gives a loss of thousands of nats for each element


def _out_of_scale(info: DataInfo, part: Part) -> str:
    """Why a likelihood whose scale starts near 1 gives the values hardly any probability; "" if it gives some."""
    values, shape = info.values, info.event_shape
    scale = full_scale(values, shape) if values.low >= 0 else max(-values.low, values.high)
    if scale is None:
        scale = values.high
    if not _FAR < scale < math.inf:
        return ""
    found = f"The values of the data are {values}, far from the scale near 1 at which the likelihood starts"
    return f"{found}: the loss may begin with millions of nats. {_scaling(part, scale)}, or standardise the data."


def _scaling(part: Part, scale: float) -> str:
    """How to divide the values of a dataset."""
    if "divide_by" in part.signature.all:
        return f"Set data.divide_by = {scale:g}"
    return f"Divide the values by {scale:g}"


@contextmanager
def blamed(document: Document, part: Part) -> Iterator[None]:
    """Turn what a component refuses into a problem with its place in the spec."""
    try:
        yield
    except ConfigError as error:
        raise SpecError([conflict(document, part, error)]) from error
    except (ProbvaeError, MemoryError, KeyboardInterrupt):
        raise
    except BaseException as error:  # a component is anyone's code, and may call sys.exit
        expected = f"{with_article(part.kind)} that works" if part.kind else "settings that work"
        raise SpecError([document.problem(part.path, expected, show(part.use), explained(error))]) from error


def _build(document: Document, part: Part, supply: Supply, precision: str = "float32") -> Any:
    """A component, its own components first, with the context that its parameters name."""
    arguments = dict(part.values)
    arguments |= {name: _build(document, inner, supply, precision) for name, inner in part.parts.items()}
    for name in part.signature.context:
        if name in supply:
            arguments[name] = supply[name]()
        elif part.signature.all[name].required:
            expected, found = f"a place where {name!r} is known", f"{part.use!r}, which asks for it"
            raise SpecError([document.problem(part.path, expected, found)])
    with blamed(document, part):
        with dtype_policy(precision if part.kind in NETWORKS else "float32"):
            built = part.signature.factory(**arguments)
        contract = KINDS[part.kind]
        if not isinstance(built, contract):
            raise TypeError(f"expected a subclass of probvae.{contract.__name__}; got {type(built).__name__}")
        return built
