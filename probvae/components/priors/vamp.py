"""The variational mixture of posteriors."""

from __future__ import annotations

from typing import Literal

import keras
import tensorflow as tf

from probvae.components.mixtures import mixture
from probvae.components.priors.chosen import checked_examples, random_starts
from probvae.core import Array, ArrayLike, Distribution, Encoder, Positive, Prior, Shape
from probvae.errors import ConfigError


class Vamp(Prior):
    """The VampPrior: the mixture of the posteriors of K learned pseudo-inputs, batch [] and event [D].

    p(z) = sum_k w_k q(z|u_k) (Tomczak and Welling, VAE with a VampPrior, 2018). The pseudo-inputs u are
    unconstrained: any real input defines a valid prior.

    Args:
        encoder: q(z|x); the prior learns it together with the model.
        event_shape: E, the shape of one example.
        examples: training examples [N, *E], where the pseudo-inputs start from data.
        pseudo_inputs: K, how many pseudo-inputs.
        initial: start the pseudo-inputs as random training examples ("data"; with noise where one is used again)
            or as N(0.5, 0.1²) ("noise").
        learned_weights: learn the weights w, instead of 1 / K for all.

    Raises:
        ConfigError: the pseudo-inputs should start from data and there are no examples, or the encoder takes a
            condition.
    """

    def __init__(
        self,
        encoder: Encoder,
        event_shape: Shape,
        examples: ArrayLike | None = None,
        pseudo_inputs: Positive = 100,
        initial: Literal["data", "noise"] = "data",
        learned_weights: bool = False,
    ) -> None:
        super().__init__()
        if encoder.condition_dim:
            raise ConfigError(
                "vamp prior: expected an encoder without a condition, as pseudo-inputs have none; got one with a "
                "condition. Set model.encoder.condition = false, or use the prior 'conditional'."
            )
        self.encoder = encoder
        self.support = encoder.support

        def some(shape: Shape, dtype: str | None = None) -> Array:  # made only once there is room for the variable
            what, fix = "pseudo-inputs that start from data", "Give examples, or set initial = 'noise'."
            found = checked_examples("vamp", what, examples, event_shape, fix, "initial")
            return random_starts(found, pseudo_inputs)

        start = some if initial == "data" else keras.initializers.RandomNormal(0.5, 0.1)
        self.pseudo_inputs = self.add_weight(
            shape=(pseudo_inputs, *event_shape), initializer=start, name="pseudo_inputs"
        )
        self.logits = self.add_weight(
            shape=(pseudo_inputs,),
            initializer="zeros",
            name="logits",
            trainable=learned_weights and pseudo_inputs > 1,
        )

    def distribution(self) -> Distribution:
        """p(z): [], [D]."""
        posteriors = self.encoder.posterior(tf.convert_to_tensor(self.pseudo_inputs.value))  # [K], [D]
        return mixture(self.logits.value, posteriors)  # [], [D]
