"""The gradient of an objective on a batch: the same for the trainer, `VAE.fit`, and loops of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import tensorflow as tf

from probvae.core.contracts import Losses, Objective
from probvae.core.seeds import Seed, Tensor
from probvae.core.variables import named_variables
from probvae.errors import TrainingError

if TYPE_CHECKING:
    from probvae.core.vae import VAE

FINAL_STEP = 2**31 - 1
"""The step at which every schedule of an objective has ended: validation is measured there."""


def losses_of(
    objective: Objective, vae: VAE, x: Tensor, seed: Seed, step: Tensor, weights: Tensor | None = None
) -> Losses:
    """An objective's losses on x [B, *E]; if it couples rows, it gets their weights [B]."""
    more = {"weights": weights} if objective.couples_rows else {}
    return objective(vae, x, seed, step, **more)


def gradient_step(
    vae: VAE, objective: Objective, optimizer: keras.optimizers.Optimizer, x: Tensor, seed: Seed, step: Tensor
) -> dict[str, Tensor]:
    """Descend the mean loss of x [B, *E] once; returns the batch means of the loss and its terms, in nats.

    Raises:
        TrainingError: a variable is used but belongs to no component, or belongs to one and is not used.
    """
    gradients, means = gradients_and_means(vae, objective, x, seed, step)
    optimizer.apply(gradients, vae.trainable_variables)
    return means


def gradients_and_means(
    vae: VAE, objective: Objective, x: Tensor, seed: Seed, step: Tensor, weights: Tensor | None = None
) -> tuple[list[Tensor], dict[str, Tensor]]:
    """The gradient of the mean loss of x [B, *E], and the means of the loss and its terms, in nats.

    Args:
        vae: the model.
        objective: what is minimised.
        x: [B, *E].
        seed: what the noise is a function of.
        step: the number of the step, for schedules.
        weights: [B], how much each example counts; 1/B if left out. With weights that sum to 1 over several
            replicas, what these return sums to the gradient and the means of the whole batch.

    Returns:
        A gradient for each of the model's trainable variables, in their order, and the means by name.

    Raises:
        TrainingError: a variable is used but belongs to no component, or belongs to one and is not used.
    """
    variables = vae.trainable_variables
    with tf.GradientTape() as tape:
        means = batch_means(losses_of(objective, vae, x, seed, step, weights), weights)
    gradients = tape.gradient(means["loss"], [variable.value for variable in variables])
    _audit(vae, tape.watched_variables(), variables, gradients)
    return [tf.convert_to_tensor(gradient) for gradient in gradients], means


def batch_means(losses: Losses, weights: Tensor | None = None) -> dict[str, Tensor]:
    """The means over a batch of the loss and its terms, or sums with weights [B]: scalars, nats per example."""

    def mean(values: Tensor) -> Tensor:
        return tf.reduce_mean(values) if weights is None else tf.reduce_sum(weights * values)

    return {"loss": mean(losses.per_example)} | {name: mean(term) for name, term in losses.terms.items()}


def _audit(vae: VAE, watched: list[tf.Variable], variables: list[keras.Variable], gradients: list[Tensor]) -> None:
    """Refuse to train what would not be saved, and to carry along what is never trained.

    It reads the tape's records, not values, so it runs once, while the step is traced.
    """
    names = {id(variable.value): name for name, variable in named_variables(vae).items()}
    strangers = [variable.name for variable in watched if id(variable) not in names]
    if strangers:
        raise TrainingError(
            f"The model uses trainable variables that belong to no component: {', '.join(sorted(strangers))}. "
            "They would be neither trained nor saved. Assign what holds them to an attribute of the component "
            "(a closure hides them), or call self.adopt(thing, name)."
        )
    idle = [
        names[id(variable.value)]
        for variable, gradient in zip(variables, gradients, strict=True)
        if gradient is None
    ]
    if idle:
        raise TrainingError(
            f"The loss does not depend on these trainable variables: {', '.join(idle)}. Build the distribution "
            "from them inside the method that returns it (one stored at construction holds copies), remove "
            "them, or create them with trainable=False."
        )
