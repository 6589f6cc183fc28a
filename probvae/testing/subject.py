"""A component's class, and how an instance of it is built for a case."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial
from typing import Any, get_args

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend.common import global_state
from tensorflow.python.eager import context

from probvae.components import Bernoulli, Dense, DiagonalNormal, NetworkDecoder, NetworkEncoder
from probvae.core import (
    KINDS,
    Array,
    Classifier,
    Component,
    Context,
    Decoder,
    Encoder,
    Factory,
    Group,
    LikelihoodHead,
    Network,
    Parameter,
    PosteriorHead,
    Prior,
    Promises,
    Signature,
    Table,
    Tag,
    named_variables,
)
from probvae.errors import ConfigError, PluginError, UnknownNameError, UserError, did_you_mean
from probvae.registry import Registry, default
from probvae.specs import placeholder
from probvae.testing.case import Case

EXAMPLES = 40
"""The number of training examples."""
OTHER = 10**6 + 3
"""Added to the seed of the instance that is restored into, so that it starts as another one."""
CHECKED_KINDS = (*(kind for kind in KINDS if kind not in ("dataset", "metric")), "bijector")
"""The kinds that have checks."""


class Refused(Exception):  # noqa: N818  # not an error: the class states what it does not support
    """A configuration that a component refuses with a typed error.

    Args:
        error: what it raised; may name the parameter.
    """

    def __init__(self, error: UserError) -> None:
        super().__init__(str(error))
        self.parameter = error.parameter if isinstance(error, ConfigError) else None


class Subject:
    """What is checked: a component's class, its kind, and its promises.

    A bijector's class has a method `bijector()`, as flow priors have; the name of such a prior is taken too.

    Args:
        kind: one of `CHECKED_KINDS`.
        of: the registered name, or the class.
        registry: where names are looked up.

    Raises:
        UnknownNameError: there is no such kind or name.
        PluginError: the class cannot be loaded, its signature cannot be read, or its promises are invalid.
        UserError: it is not a class of that kind.
    """

    def __init__(self, kind: str, of: str | Factory, registry: Registry | None = None) -> None:
        if kind not in CHECKED_KINDS:
            raise UnknownNameError(f"No kind with checks is named {kind!r}. {did_you_mean(kind, CHECKED_KINDS)}")
        if not isinstance(of, str) and (isinstance(of, tuple(KINDS.values())) or not callable(of)):
            name = type(of).__name__
            raise UserError(
                f"expected a registered name or a class; got {of!r}. Give {name} itself, not an instance."
            )
        self.kind = kind
        self.registry = registry or default()
        self._lookup = "prior" if kind == "bijector" else kind
        self.name = of if isinstance(of, str) else getattr(of, "__qualname__", repr(of))
        self.factory = self.registry[self._lookup, of].load() if isinstance(of, str) else of
        if isinstance(self.factory, type):
            _is_of(kind, self.name, self.factory)
        self.signature = Signature.of(self.factory)
        self.promises = _promises(self.name, self.factory, self.signature)

    @property
    def registered(self) -> str | None:
        """The name in the registry, None for a class that was given as such."""
        return self.name if (self._lookup, self.name) in self.registry else None

    @property
    def reference(self) -> str:
        """How to name it in Python, with the file that gives it if it is in a single-file plugin."""
        if not self.registered:
            return self.name
        files = [plugin.source for plugin in self.registry.plugins if plugin.name == self.name.rpartition(".")[0]]
        return repr(self.name) + "".join(f", plugin={file!r}" for file in files if file.endswith(".py"))

    @property
    def imports(self) -> str:
        """An import statement for a class that is not registered and is in a module; else empty."""
        top = self.name.partition(".")[0]
        known = not self.registered and "<" not in self.name and self.factory.__module__ != "__main__"
        return f"from {self.factory.__module__} import {top}; " if known else ""

    @property
    def asks(self) -> Parameter | None:
        """The parameter by which it asks for a condition, which of a likelihood head is the library size."""
        return self.signature.all.get("library_column" if self.kind == "likelihood" else "condition_dim")

    @cached_property
    def context(self) -> set[str]:
        """The context parameters that it, or a component that it may hold, asks for."""
        signatures = [self.signature, *self._inner(self.signature)]
        return {name for signature in signatures for name in signature.context}

    def choices(self, kind: str) -> list[str]:
        """The names that a parameter of a kind may use: the built-in ones, and those of the same plugin.

        Components that hold one of their own kind are left out, which could go on without end.
        """
        namespace = self.name.rpartition(".")[0]
        return [
            name
            for name in self.registry.names(kind)
            if name.rpartition(".")[0] in ("", namespace)
            and not any(
                part.kind == kind for part in Signature.of(self.registry[kind, name].load()).components.values()
            )
        ]

    def build(self, case: Case, restoring: bool = False, others: Array | None = None) -> Any:
        """A component for a case, with all of its variables.

        Args:
            case: its configuration, and what the assembler supplies.
            restoring: build it as loading a run does, before its weights are assigned: with other initial values,
                and with zeros instead of the training examples.
            others: the training examples [40, *E]; None for those of the case.

        Raises:
            Refused: the class does not support the configuration, and said so with a typed error.
        """
        trained_on = examples(case) if others is None else others
        given = placeholder(case.event_shape) if restoring else lambda: trained_on
        component = _seeded(lambda: self._initial(case, given), case.seed + OTHER * restoring)
        if not restoring and case.perturbation:  # initial values hide mistakes: a flow is the identity at first
            next(perturb(component, 1, (case.perturbation,), np.random.default_rng([case.seed, 1])), None)
        return component

    def _initial(self, case: Case, given: Callable[[], object]) -> Any:
        """A component with all of its variables at their initial values.

        Raises:
            Refused: as `build`.
        """
        try:
            context = self._context(case, given)
            component = self._make(self.factory, self.signature, case.configuration, context)
            if isinstance(component, Network):
                component.connect(*case.network_shapes)
        except PluginError:  # a mistake in the class, whatever the configuration
            raise
        except UserError as error:
            raise Refused(error) from error
        contract = KINDS.get(self.kind)
        if contract is not None and not isinstance(component, contract):
            raise TypeError(f"expected a probvae.{contract.__name__}; got {type(component).__name__}")
        if isinstance(component, Component):
            component.adopt_again()
            if any(map(_is_unbuilt, component._flatten_layers())):
                _run_once(component, case)
                component.adopt_again()
        return component

    def _context(self, case: Case, given: Callable[[], object]) -> Context:
        """What the assembler supplies, by name."""
        small = partial(Dense, (5,), "tanh")
        return {
            "latent_dim": lambda: case.latent_dim,
            "event_shape": lambda: case.event_shape,
            "condition_dim": lambda: case.condition_dim or None,
            "library_column": lambda: 0 if case.condition_dim == 1 else None,
            "column_groups": lambda: _groups(case),
            "classes": lambda: case.classes,
            "encoder": lambda: NetworkEncoder(small(), DiagonalNormal(case.latent_dim), case.event_shape),
            "decoder": lambda: NetworkDecoder(small(), Bernoulli(case.event_shape), case.latent_dim),
            "examples": given,
            "steps_per_epoch": lambda: 10,
            "train_size": lambda: EXAMPLES,
        }

    def _make(self, factory: Factory, signature: Signature, table: Mapping[str, Any], context: Context) -> Any:
        arguments = dict(table)
        for name, parameter in signature.components.items():
            kind = str(parameter.kind)
            inner: Table = dict(table.get(name) or {})
            use = inner.pop("use", parameter.use or self.choices(kind)[0])
            if name in table or parameter.required or parameter.use:
                part = self.registry[kind, use].load()
                theirs = signature.context_for(name, table, context)
                arguments[name] = self._make(part, Signature.of(part), inner, theirs)
        arguments |= {name: context[name]() for name in signature.context if name not in table}
        return factory(**arguments)

    def _inner(self, signature: Signature) -> Iterator[Signature]:
        for parameter in signature.components.values():
            for name in self.choices(str(parameter.kind)):
                inner = Signature.of(self.registry[str(parameter.kind), name].load())
                yield inner
                yield from self._inner(inner)


def _groups(case: Case) -> tuple[Group, ...]:
    """The elements of an example in groups: numbers, counts, and categories of two, by the case's seed.

    Raises:
        ConfigError: an example is no vector.
    """
    if len(case.event_shape) > 1:
        raise ConfigError(f"expected examples of shape [n], in groups; got {list(case.event_shape)}.")
    rng, (left,) = np.random.default_rng([case.seed, 15]), case.event_shape
    groups: list[Group] = []
    while left:
        kind: Any = rng.choice(["numbers", "counts", *["categories"] * (left > 1)])
        groups.append((kind, 2 if kind == "categories" else 1))
        left -= groups[-1][1]
    return tuple(groups)


def seed_initial_values(seed: int) -> None:
    """Seed what initial values are drawn from: Keras takes the seeds of its initializers from Python's generator.

    `keras.utils.set_random_seed` seeds TensorFlow too, which clears its cache of kernels: each operation that
    follows is made anew, which takes longer than a case does. It is called once for each check.
    """
    random.seed(seed)
    np.random.seed(seed % 2**32)


def _seeded(make: Callable[[], Any], seed: int) -> Any:
    """What a function makes, with initial values that are functions of the seed.

    Where some were drawn from the generators of TensorFlow or Keras, these are seeded too, and it is made again.
    """
    seed_initial_values(seed)
    if context.global_seed() is None:  # then TensorFlow's draws are functions of nothing
        keras.utils.set_random_seed(seed)
    before = _global_generators()
    made = make()
    if _global_generators() != before:
        keras.utils.set_random_seed(seed)
        made = make()
    return made


def _global_generators() -> tuple[object, object]:
    """The states of TensorFlow's generator of seeds and of that of Keras; they have no public name."""
    generator = global_state.get_global_attribute("global_seed_generator")
    return context.context()._rng.getstate(), generator and generator.state.numpy().tolist()


def _is_of(kind: str, name: str, factory: type) -> None:
    """Refuse a class of another kind.

    Raises:
        UserError: it is none of that kind.
    """
    if kind == "bijector":
        if not hasattr(factory, "bijector"):
            raise UserError(
                f"{name}: expected a class with a method bijector(), a tfb.Bijector; got none. "
                "Only flows have one; check the prior itself: kind 'prior'."
            )
    elif not issubclass(factory, KINDS[kind]):
        found = next((contract for contract in KINDS.values() if issubclass(factory, contract)), None)
        way = f"It is a probvae.{found.__name__}: check it as {found.kind!r}." if found else "Derive it from that."
        raise UserError(f"{name}: expected a class that derives from probvae.{KINDS[kind].__name__}. {way}")


def _promises(name: str, factory: Factory, signature: Signature) -> Promises:
    """The promises of a class, validated.

    Raises:
        PluginError: they are invalid.
    """
    promises = getattr(factory, "promises", Promises())
    if not isinstance(promises, Promises):
        raise PluginError(f"{name}: expected promises = probvae.Promises(...); got a {type(promises).__name__}.")
    for tag in promises.tags:
        if tag not in get_args(Tag):
            raise PluginError(f"{name}: its promises have the tag {tag!r}. {did_you_mean(tag, get_args(Tag))}")
    for number, table in enumerate(promises.cases):
        for key in table:
            if key not in signature.all:
                known = did_you_mean(key, signature.settable)
                raise PluginError(f"{name}: promises.cases[{number}] sets {key!r}, not a parameter. {known}")
    return promises


def examples(case: Case) -> Array:
    """Training examples [40, *E] between 0 and 1, for components that start from data."""
    return np.random.default_rng(case.seed).random((EXAMPLES, *case.event_shape), np.float32)


def _is_unbuilt(layer: keras.layers.Layer) -> bool:
    """Whether Keras will make variables of a layer on first use."""
    own = type(layer).build is not keras.layers.Layer.build
    return own and not layer.built and not isinstance(layer, Component)


def _run_once(component: Component, case: Case) -> None:
    """Make the variables of layers that Keras builds on first use, as `VAE` does, by the same calls."""
    condition = [tf.zeros((2, case.condition_dim))] if getattr(component, "condition_dim", 0) else []
    with suppress(Exception):  # what fails here fails in every check, with a better message
        match component:
            case Encoder():
                component.posterior(tf.zeros((2, *case.event_shape)), *condition)
            case Decoder():
                component.likelihood(tf.zeros((2, case.latent_dim)), *condition)
            case Prior():
                component.distribution(*condition).sample(2, seed=(0, 0))
            case Classifier():
                component.labels(tf.zeros((2, *case.event_shape)))
            case PosteriorHead():
                component.posterior(tf.zeros((2, *component.output_shape)))
            case LikelihoodHead():
                log_size = [] if component.library_column is None else [tf.zeros(2)]
                component.likelihood(tf.zeros((2, *component.output_shape)), *log_size)


def perturb(component: Any, draws: int, sizes: Sequence[float], rng: np.random.Generator) -> Iterator[None]:
    """Perturb a component's trainable variables, once for each draw, always from their first values.

    Args:
        component: the instance; without variables it stays as it is.
        draws: how many times.
        sizes: how far the variables are perturbed, from their values, in turns, in multiples of their spread.
        rng: source of the perturbations.
    """
    if not isinstance(component, keras.layers.Layer):
        yield
        return
    variables = [variable for variable in named_variables(component).values() if variable.trainable]
    start = [(variable.value, variable.numpy(), _spread(variable)) for variable in variables]
    for draw in range(draws):
        for raw, value, spread in start:  # the variable of TensorFlow: Keras takes its time
            change = rng.standard_normal(value.shape, np.float32)
            raw.assign(value + np.float32(sizes[draw % len(sizes)] * spread) * change)
        yield


def _spread(variable: Any) -> float:
    """The size of a move that changes a component without throwing it off: networks compound small ones."""
    spread = float(np.std(variable.numpy()))
    if len(variable.shape) < 2:
        return max(spread, 1.0)
    return max(0.5 * spread, 0.25 * float(np.prod(variable.shape[:-1])) ** -0.5)
