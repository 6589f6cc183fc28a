"""A mixture around training examples."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from annotated_types import Ge

from probvae.components.mixtures import normal_log_probs
from probvae.components.priors.chosen import checked_examples, random_rows
from probvae.components.scales import raw_scale, softplus_scale
from probvae.core import (
    Array,
    ArrayLike,
    CustomDistribution,
    Distribution,
    Encoder,
    Positive,
    Prior,
    Promises,
    Shape,
    Tensor,
    fold_in,
    mean_of,
    normal_noise,
)
from probvae.errors import ConfigError

tfd = tfp.distributions


class Exemplar(Prior):
    """A mixture of equal normals around the encodings of K training examples, batch [] and event [D].

    p(z) = 1/K sum_k N(z; E[q(z|x_k)], scale² I) (Norouzi, Fleet, Norouzi, Exemplar VAE, 2020), with one learned
    scale, softplus(raw + 1e-5) + 1e-4. The exemplars x_k are random training examples as they are stored, not
    binarised, and are saved with the model. The encoder is that of the model, and learns from them too.

    In training an example leaves itself out of the mixture: of an example that is an exemplar, p(z) is the mean
    over the K - 1 others. Otherwise each of them could be encoded to a narrow mode of its own, which would say
    nothing of other data. In validation and evaluation nothing is left out. The paper takes K other examples in
    each step, of all of them; here they stay the same, so that the density does not depend on the step.

    Args:
        encoder: q(z|x), whose means are taken.
        event_shape: E, the shape of one example.
        examples: training examples [N, *E].
        train_size: N; the number of examples if left out. Of fewer examples some are taken several times, as where
            the exemplars are about to be restored.
        exemplars: K, how many exemplars, or all training examples where these are fewer. A step encodes all of
            them.

    Raises:
        ConfigError: there are fewer than two examples, or the encoder takes a condition or has no mean.
    """

    promises: ClassVar[Promises] = Promises(tags=("reparameterized",))

    def __init__(
        self,
        encoder: Encoder,
        event_shape: Shape,
        examples: ArrayLike | None = None,
        train_size: Positive | None = None,
        exemplars: Annotated[int, Ge(2)] = 500,
    ) -> None:
        super().__init__()
        if encoder.condition_dim:
            raise ConfigError(
                "exemplar prior: expected an encoder without a condition; got one with a condition. Set "
                "model.encoder.condition = false, or use the prior 'conditional'."
            )
        found = checked_examples("exemplar", "exemplars", examples, event_shape, "Give examples.", "exemplars")
        train_size = train_size or len(found)
        count = min(exemplars, train_size)
        if count < 2:
            raise ConfigError(f"exemplar prior: expected at least two training examples; got {count}. Give more.")
        if mean_of(encoder.posterior(tf.zeros((1, *event_shape)))) is None:
            raise ConfigError(
                "exemplar prior: expected a posterior with a mean; got one without, from "
                f"{type(encoder).__name__}. Use the posterior 'diagonal_normal', or the prior 'vamp'."
            )
        self.encoder = encoder
        rows = random_rows(train_size, count)  # none of them twice, so that not all can be left out
        self.rows = self.add_weight(
            shape=(count,), initializer=lambda *_, **__: rows, dtype="int64", trainable=False, name="rows"
        )

        def chosen(shape: Shape, dtype: str | None = None) -> Array:  # read only once there is room for them
            return np.asarray(found[rows % len(found)], np.float32)

        self.exemplars = self.add_weight(
            shape=(count, *event_shape), initializer=chosen, trainable=False, name="exemplars"
        )
        self.raw_scale = self.add_weight(shape=(), initializer=lambda *_, **__: raw_scale(1.0), name="raw_scale")

    def distribution(self, rows: Tensor = None) -> Distribution:
        """p(z): [], [D]; or for training examples by their row numbers [B], each of which is left out: [B], [D].

        A row of -1, or of an example that is no exemplar, leaves nothing out.
        """
        means = self.encoder.posterior(tf.convert_to_tensor(self.exemplars.value)).mean()  # [K, D]
        scale = softplus_scale(self.raw_scale.value)  # []
        left_out = (
            tf.zeros(self.rows.shape, tf.bool)
            if rows is None
            else tf.cast(rows, tf.int64)[:, None] == self.rows.value
        )
        log_weights = tf.nn.log_softmax(tf.where(left_out, -np.inf, 0.0))  # [K], or [B, K]
        return mixture(log_weights, means, scale)


def mixture(log_weights: Tensor, means: Tensor, scale: Tensor) -> Distribution:
    """sum_k w_k N(z; mean_k, scale² I), from log w [..., K], means [K, D] and a scale []: [...], [D]."""
    scales = tf.fill(tf.shape(means), scale)  # [K, D]

    def sample(n: Tensor, seed: Tensor) -> Tensor:
        number = tfd.Categorical(logits=log_weights).sample(n, seed=fold_in(seed, 0))  # [n, ...]
        chosen = tf.gather(means, number)  # [n, ..., D]
        return chosen + scale * normal_noise(tf.shape(chosen), fold_in(seed, 1))

    def log_prob(z: Tensor) -> Tensor:
        return tf.reduce_logsumexp(log_weights + normal_log_probs(z, means, scales), axis=-1)

    def mean() -> Tensor:
        return tf.tensordot(tf.exp(log_weights), means, axes=1)  # [..., D]

    return CustomDistribution(sample, log_prob, tf.shape(log_weights)[:-1], means.shape[-1:], mean)
