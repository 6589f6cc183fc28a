"""What an exported model computes: functions from tensors to tensors, of one model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import tensorflow as tf

from probvae.core import VAE, Table, Tensor, as_seed, fold_in, mean_of, sample_and_log_prob, without_autograph

Tensors: TypeAlias = dict[str, Tensor]
"""Tensors by name."""

Exported: TypeAlias = Callable[[Tensors], Tensors]
"""An exported function: inputs -> outputs, as arrays."""


@dataclass(frozen=True)
class Value:
    """A tensor that a signature takes or returns.

    Args:
        shape: its shape, with None for a size that the caller chooses.
        meaning: what it is.
        dtype: its type.
        drawn: whether it is a random draw.
    """

    shape: tuple[int | None, ...]
    meaning: str
    dtype: str = "float32"
    drawn: bool = False

    def record(self) -> Table:
        """The value in JSON; a size that the caller chooses is null."""
        return {"shape": list(self.shape), "dtype": self.dtype, "is": self.meaning}


@dataclass(frozen=True)
class Signature:
    """A function of an exported model.

    Args:
        name: its name.
        meaning: what it computes.
        inputs: its arguments by name, in their order.
        outputs: what it returns, by name.
        function: (*inputs) -> outputs.
    """

    name: str
    meaning: str
    inputs: dict[str, Value]
    outputs: dict[str, Value]
    function: Callable[..., Tensors]

    def traced(self, vae: VAE) -> tf.types.experimental.PolymorphicFunction:
        """The function of the model as a graph, for any size of the axes that the caller chooses."""
        given = [tf.TensorSpec(value.shape, value.dtype, name) for name, value in self.inputs.items()]
        return tf.function(without_autograph(self.function, vae), input_signature=given)

    def __str__(self) -> str:
        return f"{self.name}({_listed(self.inputs)}) -> {_listed(self.outputs)}"


def _listed(values: dict[str, Value]) -> str:
    return ", ".join(
        f"{name} [{', '.join('B' if size is None else str(size) for size in value.shape)}]"
        for name, value in values.items()
    )


def operations(function: tf.types.experimental.PolymorphicFunction) -> set[str]:
    """The types of all operations in a function and in those that it calls."""
    graph = function.get_concrete_function().graph.as_graph_def()
    nodes = [*graph.node, *(node for inner in graph.library.function for node in inner.node_def)]
    return {node.op for node in nodes}


def signatures(vae: VAE) -> Iterator[Signature]:
    """The signatures of a model: `encode`, `decode`, `sample`, `bounds` and `log_weight`.

    Those that depend on the condition c take it as their last argument. A model with a classifier has `classify`
    too.

    Args:
        vae: the model.
    """
    encoded, decoded, joint = (
        _condition(vae, bool(taken))
        for taken in (
            vae.encoder.condition_dim,
            vae.decoder.condition_dim,
            vae.decoder.condition_dim or vae.prior.condition_dim,
        )
    )
    both = encoded | joint
    yield _encode(vae, encoded)
    yield _decode(vae, decoded)
    yield _sample(vae, joint)
    yield _bounds(vae, both)
    yield _log_weight(vae, both)
    if vae.classifier is not None:
        yield _classify(vae)


def _condition(vae: VAE, taken: bool) -> dict[str, Value]:
    """The argument `condition`, if a function takes it."""
    return {"condition": Value((None, vae.condition_dim), "the conditions c")} if taken else {}


def _given(vae: VAE, condition: Tensor) -> Tensor:
    """The condition for the methods of the model, which ask for one also where the part in use ignores it."""
    return tf.zeros(vae.condition_dim) if condition is None and vae.condition_dim else condition


def _x(vae: VAE) -> Value:
    return Value((None, *vae.event_shape), "examples, prepared as the training data was")


def _z(vae: VAE, drawn: bool = False) -> Value:
    return Value((None, vae.latent_dim), "latents", drawn=drawn)


_SEED = Value((), "the seed of all draws", "int64")


def _encode(vae: VAE, condition: dict[str, Value]) -> Signature:
    x = {"x": _x(vae)}
    try:
        q = vae.posterior(vae.zeros(1).x, _given(vae, None))
        _ = q.mean(), q.stddev()
    except NotImplementedError:

        def draw(x: Tensor, seed: Tensor, condition: Tensor = None) -> Tensors:
            return {"z": vae.posterior(x, _given(vae, condition)).sample(seed=as_seed(seed))}

        meaning = "one draw from q(z|x), which has no mean"
        return Signature("encode", meaning, x | {"seed": _SEED} | condition, {"z": _z(vae, drawn=True)}, draw)

    def encode(x: Tensor, condition: Tensor = None) -> Tensors:
        q = vae.posterior(x, _given(vae, condition))  # [B], [D]
        return {"mean": q.mean(), "stddev": q.stddev()}

    outputs = {name: Value((None, vae.latent_dim), f"of q(z|x), the {name}") for name in ("mean", "stddev")}
    return Signature("encode", "the mean and the standard deviation of q(z|x)", x | condition, outputs, encode)


def _decode(vae: VAE, condition: dict[str, Value]) -> Signature:
    z, shape = {"z": _z(vae)}, (None, *vae.event_shape)
    if _has_mean(vae):

        def decode(z: Tensor, condition: Tensor = None) -> Tensors:
            return {"mean": mean_of(vae.likelihood(z, _given(vae, condition)))}

        outputs = {"mean": Value(shape, "the mean of p(x|z)")}
        return Signature("decode", "the mean of p(x|z)", z | condition, outputs, decode)

    def draw(z: Tensor, seed: Tensor, condition: Tensor = None) -> Tensors:
        return {"x": vae.likelihood(z, _given(vae, condition)).sample(seed=as_seed(seed))}

    meaning, outputs = "one draw from p(x|z), which has no mean", {"x": Value(shape, "draws", drawn=True)}
    return Signature("decode", meaning, z | {"seed": _SEED} | condition, outputs, draw)


def _sample(vae: VAE, condition: dict[str, Value]) -> Signature:
    has_mean, shape = _has_mean(vae), (None, *vae.event_shape)

    def draw(seed: Tensor, count: Tensor, condition: Tensor = None) -> Tensors:
        c = _given(vae, condition)
        z = vae.sample_latents(count, fold_in(seed, 0), c)  # [B, D], and all that follows as VAE.sample
        p = vae.likelihood(z, c)  # [B], [*E]
        return {"x": p.sample(seed=fold_in(seed, 1)), **({"mean": mean_of(p)} if has_mean else {})}

    def draw_given(seed: Tensor, condition: Tensor) -> Tensors:
        return draw(seed, tf.shape(condition)[0], condition)

    outputs = {"x": Value(shape, "draws x ~ p(x|z) at z ~ p(z)", drawn=True)}
    outputs |= {"mean": Value(shape, "the mean of p(x|z) at the same z", drawn=True)} if has_mean else {}
    if condition:
        return Signature("sample", "a sample for each condition", {"seed": _SEED} | condition, outputs, draw_given)
    inputs = {"seed": _SEED, "count": Value((), "how many samples", "int32")}
    return Signature("sample", "samples", inputs, outputs, draw)


def _bounds(vae: VAE, condition: dict[str, Value]) -> Signature:
    def bounds(x: Tensor, seed: Tensor, samples: Tensor, condition: Tensor = None) -> Tensors:
        c = _given(vae, condition)
        z, log_q = sample_and_log_prob(vae.posterior(x, c), samples, seed)  # [S, B, D], [S, B]
        # One sample after the other, so that the memory does not grow with S.
        log_joint = tf.map_fn(lambda z: vae.log_joint(x, z, c), z)  # [S, B]
        log_weights = log_joint - log_q  # those of VAE.log_weights
        count = tf.cast(samples, tf.float32)
        return {
            "elbo": tf.reduce_mean(log_weights, axis=0),
            "importance_weighted": tf.reduce_logsumexp(log_weights, axis=0) - tf.math.log(count),
        }

    p = "log p(x|c)" if vae.decoder.condition_dim or vae.prior.condition_dim else "log p(x)"
    outputs = {
        "elbo": Value((None,), f"the evidence lower bound on {p}, in nats"),
        "importance_weighted": Value((None,), f"the importance-weighted bound on {p}, in nats"),
    }
    inputs = {"x": _x(vae), "seed": _SEED, "samples": Value((), "S, the draws per example", "int32")} | condition
    return Signature("bounds", f"two lower bounds on {p} of each example", inputs, outputs, bounds)


def _log_weight(vae: VAE, condition: dict[str, Value]) -> Signature:
    def log_weight(x: Tensor, z: Tensor, condition: Tensor = None) -> Tensors:
        c = _given(vae, condition)
        return {"log_weight": vae.log_joint(x, z, c) - vae.posterior(x, c).log_prob(z)}

    meaning = "log p(x, z) - log q(z|x), whose mean over z ~ q(z|x) is the evidence lower bound"
    outputs = {"log_weight": Value((None,), f"{meaning}, in nats")}
    return Signature("log_weight", meaning, {"x": _x(vae), "z": _z(vae)} | condition, outputs, log_weight)


def _classify(vae: VAE) -> Signature:
    def classify(x: Tensor) -> Tensors:
        return {"class_probabilities": vae.labels(x).probs_parameter()}

    outputs = {"class_probabilities": Value((None, vae.condition_dim), "of each class")}
    return Signature("classify", "the probabilities of the classes, q(y|x)", {"x": _x(vae)}, outputs, classify)


def _has_mean(vae: VAE) -> bool:
    return mean_of(vae.likelihood(tf.zeros((1, vae.latent_dim)), _given(vae, None))) is not None
