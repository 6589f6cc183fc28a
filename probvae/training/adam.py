"""The optimizer."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf

from probvae.core import Tensor


class Adam(keras.optimizers.Adam):
    """Adam (Kingma and Ba, Adam: a method for stochastic optimization, 2015) whose step can be left out.

    A step that is left out changes nothing but the number of steps. Each variable is changed by a value or by 0,
    in the one pass over it that makes the change: under XLA a condition would copy all variables, and to undo a
    step takes a second pass.
    """

    _applied: Tensor = True

    def apply_if(self, applied: Tensor, gradients: Sequence[Tensor], variables: Sequence[keras.Variable]) -> None:
        """Take a step if `applied`, else only count it.

        Args:
            applied: a bool, the same in all replicas.
            gradients: of the loss; those of all replicas are added.
            variables: what they belong to.
        """
        self._applied = applied
        self.apply(gradients, variables)
        self._applied = True

    def assign_add(self, variable: keras.Variable, value: Tensor) -> None:
        """Add a value, or 0."""
        super().assign_add(variable, tf.where(self._applied, value, tf.zeros_like(value)))

    def assign_sub(self, variable: keras.Variable, value: Tensor) -> None:
        """Subtract a value, or 0."""
        super().assign_sub(variable, tf.where(self._applied, value, tf.zeros_like(value)))
