"""Uniform access to every component that returns a distribution.

prior          distribution()         [], [D]; with a condition [B, C]: [B], [D]
encoder        posterior(x)           x [B, *E] -> [B], [D]
posterior      posterior(outputs)     outputs [B, *O] -> [B], [D]
decoder        likelihood(z)          z [..., D] -> [...], [*E]
likelihood     likelihood(outputs)    outputs [..., *O] -> [...], [*E]
network        outputs(inputs)        inputs [..., *I] -> the means [..., *O] of a normal with scale 1
classifier     labels(x)              x [B, *E] -> [B], []; seen as one-hot vectors: [B], [K]

A network returns tensors, and a classifier TensorFlow's own categorical distribution; the checks see both through
distributions that are right, so that those of their inputs, variables and gradients apply.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from probvae.core import ONE_HOT, REAL, Array, Distribution, Shape, Support, Tensor, trainable_names
from probvae.errors import explained
from probvae.testing.case import Case
from probvae.testing.checking import Inconclusive, Violation
from probvae.testing.floats import Floats
from probvae.testing.spaces import space_of
from probvae.testing.subject import Refused, Subject

tfd = tfp.distributions

DISTRIBUTIONS = ("prior", "encoder", "posterior", "decoder", "likelihood")
"""The kinds that return a distribution of their own."""
FUNCTIONS = ("network", "classifier")
"""The kinds that return numbers, which the checks see as those of a distribution that is right."""
VIEWED = (*DISTRIBUTIONS, *FUNCTIONS)
POSTERIORS = ("encoder", "posterior")
LIKELIHOODS = ("decoder", "likelihood")
OF_DATA = ("encoder", "classifier")
"""What reads examples: they may be rounded, so that no gradient reaches them."""
WITH_INPUTS = (*POSTERIORS, *LIKELIHOODS)
LATENT = ("prior", *POSTERIORS)

METHODS = {
    "prior": "distribution",
    "encoder": "posterior",
    "posterior": "posterior",
    "decoder": "likelihood",
    "likelihood": "likelihood",
    "network": "outputs",
    "classifier": "labels",
}


class View:
    """A component, called in the way of its kind.

    Args:
        kind: its kind.
        component: the instance.
        case: the shapes that it was made for.
    """

    def __init__(self, kind: str, component: Any, case: Case) -> None:
        self.kind = kind
        self.component = component
        self.case = case

    @property
    def input_shape(self) -> Shape:
        """The shape of one row of the input; with a condition, that of a vector of all numbers of both."""
        shape = self.own_input_shape
        return (prod(shape) * (self.kind != "prior") + self.condition_dim,) if self.condition_dim else shape

    @property
    def own_input_shape(self) -> Shape:
        """The shape of one row of the input, without its condition."""
        match self.kind:
            case "network":
                return self.case.network_shapes[0]
            case "encoder" | "classifier":
                return self.case.event_shape
            case "decoder":
                return (self.case.latent_dim,)
            case "prior":
                return ()
        return tuple(self.component.output_shape)

    @property
    def batch(self) -> Shape:
        """The batch shape that the distribution must have."""
        return () if self.kind == "prior" and not self.condition_dim else self.case.batch

    @property
    def condition_dim(self) -> int:
        """C, the size of the condition that the component takes; 0 for none. A library size is one number."""
        if self.kind == "likelihood":
            return int(self.component.library_column is not None)
        return int(getattr(self.component, "condition_dim", 0))

    @property
    def event(self) -> Shape:
        """The event shape that the distribution must have."""
        if self.kind == "network":
            return self.case.network_shapes[1]
        if self.kind == "classifier":
            return (self.case.classes,)
        return (self.case.latent_dim,) if self.kind in LATENT else self.case.event_shape

    @property
    def support(self) -> Support:
        """The declared support of the distribution."""
        if self.kind in FUNCTIONS:
            return REAL if self.kind == "network" else ONE_HOT
        support: Support = self.component.support
        return support

    @property
    def takes_data(self) -> bool:
        """Whether its inputs are examples [*E]."""
        return self.kind in ("encoder", "classifier") or (self.kind == "network" and not self.case.decodes)

    @property
    def variables(self) -> dict[str, tf.Variable]:
        """The trainable variables by name."""
        return {name: variable.value for name, variable in trainable_names(self.component).items()}

    def inputs(self, batch: Shape | None = None) -> Tensor:
        """Ordinary inputs, a function of the case's seed, or None for a prior without a condition.

        They are normal; every other time examples lie between 0 and 1 instead, as images do.
        """
        if self.kind == "prior" and not self.condition_dim:
            return None
        rng = np.random.default_rng([self.case.seed, 2])
        shape = (*(self.case.batch if batch is None else batch), *self.input_shape)
        x = rng.random(shape) if self.takes_data and self.case.seed % 2 else rng.normal(size=shape)
        return tf.constant(x, tf.float32)

    def call(self, inputs: Tensor) -> Distribution:
        """The component's distribution for these inputs.

        Raises:
            Violation: it is not a distribution.
        """
        method = getattr(self.component, METHODS[self.kind])
        answer = method(*self.arguments(inputs))
        if self.kind == "network":
            return tfd.Independent(tfd.Normal(answer, 1.0), reinterpreted_batch_ndims=len(self.event))
        if not hasattr(answer, "event_shape"):
            raise Violation(f"{METHODS[self.kind]}(): expected a tfd.Distribution; got {answer!r}.")
        if self.kind == "classifier":
            if not isinstance(answer, tfd.Categorical):
                raise Violation(f"labels(): expected a tfd.Categorical; got a {type(answer).__name__}.")
            return tfd.OneHotCategorical(logits=answer.logits_parameter(), dtype=tf.float32)
        return answer

    def arguments(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """What the method gets: nothing, the inputs, the condition, or both."""
        if not self.condition_dim:
            return () if self.kind == "prior" else (inputs,)
        if self.kind == "prior":
            return (inputs,)
        shape = self.own_input_shape
        own, condition = tf.split(inputs, [prod(shape), self.condition_dim], axis=-1)
        condition = condition[..., 0] if self.kind == "likelihood" else condition
        return tf.reshape(own, tf.concat([tf.shape(own)[:-1], shape], axis=0)), condition

    def distribution(self) -> Distribution:
        """The distribution for ordinary inputs."""
        return self.call(self.inputs())

    def points(self, p: Distribution, count: int) -> Tensor:
        """Points [count, 1 ..., event] all over the support of a distribution, most of them where its mass is."""
        pilot = f64(p.sample(64, seed=stateless(self.case, 10))).reshape(-1, prod(self.event))
        if not np.all(np.isfinite(pilot)):
            raise Violation("a sample is not finite.")
        rng = np.random.default_rng([self.case.seed, 3])
        return self.spread(space_of(self.support, self.event).propose(count, rng.permutation(pilot), rng))

    def spread(self, points: Floats) -> Tensor:
        """Points [N, event] as [N, 1 ..., event], to be broadcast against every row of the batch."""
        return tf.constant(points.reshape(len(points), *[1] * len(self.batch), *self.event), tf.float32)


def stateless(case: Case, salt: int = 0) -> Tensor:
    """A seed of shape [2] for draws, a function of the case's."""
    return tf.constant([case.seed, 1000 + salt], tf.int32)


def f64(tensor: Tensor) -> Floats:
    """A tensor as float64."""
    return np.asarray(tensor, np.float64)


def view_of(subject: Subject, case: Case) -> View:
    """A component built for a case.

    Raises:
        Refused: the component does not support the configuration.
        Inconclusive: it does not build, which the check `builds` reports.
    """
    return View(subject.kind, built(subject, case), case)


def built(subject: Subject, case: Case, others: Array | None = None) -> Any:
    """A component for a case, as `Subject.build`; the check `builds` reports what does not build.

    Args:
        subject: the class.
        case: its configuration.
        others: the training examples [40, *E]; None for those of the case.

    Raises:
        Refused: the component does not support the configuration.
        Inconclusive: it does not build.
    """
    try:
        return subject.build(case, others=others)
    except Refused:
        raise
    except Exception as error:
        raise Inconclusive(f"it does not build: {explained(error)}") from error
