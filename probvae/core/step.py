"""One step of gradient descent: the same for the trainer, `VAE.fit`, and hand-written loops."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from probvae.core.losses import Losses
from probvae.core.types import Tensor
from probvae.core.variables import named_variables
from probvae.errors import TrainingError


def gradient_step(
    model: keras.Model, losses: Callable[[], Losses], optimizer: keras.optimizers.Optimizer
) -> dict[str, Tensor]:
    """Take one step on the mean of `losses()`; returns the batch means of the loss and its terms, in nats.

    An optimizer that scales the loss, as Keras' for float16 does, undoes that in its step.

    Raises:
        TrainingError: a variable is used but not owned by the model, or owned but unused.
    """
    gradients, means = gradients_and_means(model, losses, scaled=optimizer.scale_loss)
    optimizer.apply(gradients, model.trainable_variables)
    return means


def gradients_and_means(
    model: keras.Model,
    losses: Callable[[], Losses],
    weights: Tensor | None = None,
    scaled: Callable[[Tensor], Tensor] = tf.identity,
) -> tuple[list[Tensor], dict[str, Tensor]]:
    """The gradient of a batch's mean loss, and the means of the loss and its terms, in nats per example.

    Args:
        model: owns the variables.
        losses: computes the losses [B] from the variables.
        weights: [B], how much each example counts; 1/B if left out. With weights that sum to 1 over several
            replicas, what these return sums to the gradient and the means of the whole batch.
        scaled: the mean loss -> what the gradient is of; the means are not scaled.

    Returns:
        A gradient for each of the model's trainable variables, in their order, and the means by name.

    Raises:
        TrainingError: a variable is used but not owned by the model, or owned but unused.
    """
    variables = model.trainable_variables
    with tf.GradientTape() as tape:
        means = losses().means(weights)
        loss = scaled(means["loss"])
    gradients = tape.gradient(loss, [variable.value for variable in variables])
    _audit(model, tape.watched_variables(), variables, gradients)
    return [tf.convert_to_tensor(gradient) for gradient in gradients], means


def _audit(
    model: keras.Model, watched: list[tf.Variable], variables: list[keras.Variable], gradients: list[Tensor]
) -> None:
    """Raise if a trainable variable is used but not owned by the model, or owned but unused.

    It reads the tape's records, not values, so it runs once, while the step is traced.
    """
    names = {id(variable.value): name for name, variable in named_variables(model).items()}
    not_owned = [variable.name for variable in watched if id(variable) not in names]
    if not_owned:
        raise TrainingError(
            f"The model uses trainable variables that belong to no component: {', '.join(sorted(not_owned))}. "
            "They would be neither trained nor saved. Assign what holds them to an attribute of the component "
            "(a closure hides them), or call self.adopt(thing, name)."
        )
    unused = [
        names[id(variable.value)]
        for variable, gradient in zip(variables, gradients, strict=True)
        if gradient is None
    ]
    if unused:
        raise TrainingError(
            f"The loss does not depend on these trainable variables: {', '.join(unused)}. Build the distribution "
            "from them inside the method that returns it (one stored at construction holds copies), remove "
            "them, or create them with trainable=False."
        )
