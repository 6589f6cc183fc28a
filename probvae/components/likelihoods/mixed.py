"""The likelihood of tables whose columns are of several kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from annotated_types import MinLen

from probvae.core import (
    OF_KIND,
    Array,
    Context,
    CustomDistribution,
    Distribution,
    Group,
    GroupedValues,
    LikelihoodHead,
    Shape,
    Tensor,
    Use,
    factors,
)
from probvae.errors import ConfigError

tfd = tfp.distributions


class Mixed(LikelihoodHead):
    """A likelihood for each kind of columns, batch [...] and event [n].

    p(x|z) = prod_i p(x_i|z) prod_j softmax(outputs_j)[x_j], over the columns i of numbers and of counts, each with
    the likelihood of its kind, and the columns j of categories (Nazábal, Olmos, Ghahramani and Valera, Handling
    incomplete heterogeneous data using VAEs, 2020). With numbers it is a density, and otherwise a probability.

    A category is a one-hot vector of several elements, which are observed together. Its log-probability is that of
    the element that is 1, and those of the others are 0.

    Args:
        column_groups: what the elements of an example are: numbers, counts, or the one-hot vector of a category.
        numbers: the likelihood of the columns of numbers.
        counts: the likelihood of the columns of counts.

    Raises:
        ConfigError: a likelihood does not support the values of its columns, has none, or is no product over them.
    """

    def __init__(
        self,
        column_groups: Annotated[tuple[Group, ...], MinLen(1)],
        numbers: Annotated[LikelihoodHead | None, Use("normal")] = None,
        counts: Annotated[LikelihoodHead | None, Use("negative_binomial")] = None,
    ) -> None:
        super().__init__()
        given = {"numbers": numbers, "counts": counts}
        sizes = [size for _, size in column_groups]
        places: dict[str, list[Array]] = {kind: [] for kind in OF_KIND}
        for (kind, _), place in zip(
            column_groups, np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1]), strict=True
        ):
            places[kind].append(place)
        for name, head in given.items():
            if head is not None and not places[name] and any(head.output_shape):
                raise ConfigError(
                    f"mixed likelihood: expected no likelihood of {name}, as there are no such columns; got "
                    f"{type(head).__name__}, of outputs {list(head.output_shape)}. Leave it out.",
                    parameter=name,
                )
        of_heads = {kind: np.concatenate(places[kind]) for kind in given if places[kind]}
        self.heads = [_checked(kind, given[kind], len(place)) for kind, place in of_heads.items()]
        self.places = (*of_heads.values(), *places["categories"])
        self.sizes = [*(head.output_shape[0] for head in self.heads), *map(len, places["categories"])]
        self.output_shape = (sum(self.sizes),)
        self.support = GroupedValues(column_groups)

    @staticmethod
    def inner_context(name: str, settings: Mapping[str, Any], context: Context) -> Context:
        """The likelihood of a kind of columns is one of examples of these columns alone."""

        def event_shape() -> Shape:
            groups: tuple[Group, ...] = context["column_groups"]()
            return (sum(size for kind, size in groups if kind == name),)

        return {**context, "event_shape": event_shape} if "column_groups" in context else context

    def likelihood(self, outputs: Tensor) -> Distribution:
        """p(x|z) from outputs [..., O]: [...], [n]."""
        own = tf.split(outputs, self.sizes, axis=-1)
        columns = [_elements(head, part) for head, part in zip(self.heads, own, strict=False)]
        categories = [self.category(logits) for logits in own[len(columns) :]]
        return tfd.Independent(_in_places([*columns, *categories], self.places), reinterpreted_batch_ndims=1)

    def category(self, logits: Tensor) -> Distribution:
        """A category as a one-hot vector, drawn as a whole, from logits [..., K]: [..., K], []."""
        log_shares = logits - tf.reduce_logsumexp(logits, axis=-1, keepdims=True)

        def sample(n: Tensor, seed: Tensor) -> Tensor:
            one_hot = tfd.OneHotCategorical(logits=logits, dtype=tf.float32)
            return one_hot.sample(n, seed=seed)

        def log_prob(x: Tensor) -> Tensor:
            return x * log_shares

        def mean() -> Tensor:
            return tf.exp(log_shares)

        return CustomDistribution(sample, log_prob, tf.shape(logits), (), mean, reparameterized=False)


def _checked(name: str, head: LikelihoodHead | None, size: int) -> LikelihoodHead:
    """The likelihood of some columns.

    Raises:
        ConfigError: it does not support their values, is of another number of them, or is no product over them.
    """

    def refused(expected: str, got: str, fix: str) -> ConfigError:
        return ConfigError(f"mixed likelihood: expected {expected}; got {got}. {fix}", parameter=name)

    use = f"Set {name} to another likelihood."
    if head is None or head.support != OF_KIND[name]:
        got = "none" if head is None else f"{type(head).__name__}, of {head.support}"
        raise refused(f"a likelihood of {name}, {OF_KIND[name]}", got, use)
    if head.library_column is not None:
        raise refused("data without a library size", "library_size = true", "Leave it out of [data].")
    p = head.likelihood(tf.zeros((1, *head.output_shape)))
    if tuple(p.event_shape) != (size,):
        raise refused(f"a likelihood of {size} columns of {name}", f"one of shape {list(p.event_shape)}", use)
    if factors(p) is None:
        raise refused("a likelihood that is a product over the columns", type(head).__name__, use)
    return head


def _elements(head: LikelihoodHead, outputs: Tensor) -> Distribution:
    """The distributions of the elements of a likelihood that is a product over them: [..., n], []."""
    found = factors(head.likelihood(outputs))
    assert found is not None  # as `_checked` has seen
    return found


def _in_places(parts: Sequence[Distribution], places: Sequence[Array]) -> Distribution:
    """Distributions of some elements each as one of all of them: [..., n], [].

    Args:
        parts: of n_k elements each, [..., n_k], [].
        places: where these are among all n, [n_k].
    """
    back = np.argsort(np.concatenate(places))

    def joined(values: list[Tensor]) -> Tensor:
        return tf.gather(tf.concat(values, axis=-1), back, axis=-1)

    def sample(n: Tensor, seed: Tensor) -> Tensor:
        seeds = tfp.random.split_seed(seed, n=len(parts))
        return joined([part.sample(n, seed=one) for part, one in zip(parts, tf.unstack(seeds), strict=True)])

    def log_prob(x: Tensor) -> Tensor:
        return joined(
            [part.log_prob(tf.gather(x, place, axis=-1)) for part, place in zip(parts, places, strict=True)]
        )

    def mean() -> Tensor:
        return joined([part.mean() for part in parts])

    shape = tf.concat([parts[0].batch_shape_tensor()[:-1], [len(back)]], axis=0)
    return CustomDistribution(sample, log_prob, shape, (), mean, reparameterized=False)
