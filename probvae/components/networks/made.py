"""An autoregressive network by masking."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from probvae.core import Array, Component, Tensor


class MADE(Component):
    """Outputs for each input that depend only on the inputs before it, and on a context.

    output_i = f_i(context, input_1, ..., input_{i-1}), by zeroing weights of dense layers (Germain et al., MADE:
    masked autoencoder for distribution estimation, 2015). Output i depends on all inputs before it if each hidden
    layer has D - 1 units or more, with a context D. With fewer, it depends on those up to a number below i, and
    every input has an influence on the last output. `tfb.AutoregressiveNetwork` does the same as a tf_keras
    layer, whose variables Keras 3 cannot see.

    Args:
        size: D, how many inputs.
        outputs: P, how many outputs for each input.
        hidden: the sizes of the hidden layers.
        context: C, how many numbers all outputs may depend on; they are inputs of degree 0.
    """

    def __init__(self, size: int, outputs: int, hidden: Sequence[int], context: int = 0) -> None:
        super().__init__()
        self.size = size
        self.outputs_per_input = outputs
        self.context = context
        lowest = 0 if context else 1
        degrees = np.concatenate([np.zeros(context, int), np.arange(1, size + 1)])
        self.hidden = []
        self.units_of_degree = []  # [D + 1, U] of each hidden layer: the units of each degree, and -1
        for units in hidden if size > lowest else ():  # without a context a bias is all that one input needs
            layer = MaskedDense(len(degrees), units, "silu", "he_normal")
            next_degrees = _degrees(units, lowest, size - 1)
            layer.set_mask(next_degrees[None, :] >= degrees[:, None])
            self.hidden.append(layer)
            self.units_of_degree.append(_units_of_degree(next_degrees, size))
            degrees = next_degrees
        # Small, so that a flow starts near the identity, yet with a gradient to every layer.
        small = keras.initializers.VarianceScaling(1e-4)
        self.last = MaskedDense(len(degrees), size * outputs, None, small, any_weight=size > lowest)
        self.last.set_mask(np.repeat(np.arange(1, size + 1), outputs)[None, :] > degrees[:, None])

    def parameters(self, x: Tensor, context: Tensor = None) -> Tensor:
        """The outputs [..., D, P] of inputs [..., D], and of a context that broadcasts to [..., C]."""
        features = x
        if self.context:
            spread = tf.broadcast_to(context, tf.concat([tf.shape(x)[:-1], [self.context]], axis=0))
            features = tf.concat([spread, x], axis=-1)
        for layer in [*self.hidden, self.last]:
            features = layer(features)
        features = tf.cast(features, tf.float32)  # whatever precision the layers compute in
        return tf.reshape(features, tf.concat([tf.shape(x), [self.outputs_per_input]], axis=0))

    def solve(
        self, next_input: Callable[[Tensor, Tensor], Tensor], rows: Tensor, context: Tensor = None
    ) -> tuple[Tensor, Tensor]:
        """The inputs x with x_i = next_input(i, output_i), one after another, and the outputs at x.

        Each unit is computed once, when the inputs before it are known, so that all D steps together cost about
        one pass. What is not known yet is 0 and adds nothing: no mask is needed.

        Args:
            next_input: from i [] and the outputs of the i-th input [P, N] to this input [N].
            rows: N.
            context: [N, C], if there is one.

        Returns:
            x [N, D] and the outputs [N, D, P].
        """

        def step(i: Tensor, outputs: Tensor, x: Tensor, *features: Tensor) -> tuple[Tensor, ...]:
            columns = i * self.outputs_per_input + tf.range(self.outputs_per_input)
            output = self.last.units((features or (x,))[-1], columns)  # [P, N]
            x = _with_rows(x, self.context + i[None], next_input(i, output)[None])
            updated = self._with_units(i + 1, x, features)
            return i + 1, _with_rows(outputs, i[None], output[None]), x, *updated

        outputs, x = (tf.zeros((*shape, rows)) for shape in ((self.size, self.outputs_per_input), (self.size,)))
        features: Sequence[Tensor] = [tf.zeros((layer.bias.shape[0] + 1, rows)) for layer in self.hidden]
        if self.context:
            x = tf.concat([tf.transpose(context), x], axis=0)
            features = self._with_units(0, x, features)
        start = (tf.constant(0), outputs, x, *features)
        _, outputs, x, *_ = tf.while_loop(lambda *_: True, step, start, maximum_iterations=self.size)
        return tf.transpose(x[self.context :]), tf.transpose(outputs, (2, 0, 1))

    def _with_units(self, degree: Tensor, known: Tensor, features: Sequence[Tensor]) -> Sequence[Tensor]:
        """The features [U + 1, N] of each hidden layer, with its units of a degree, whose inputs are known now."""
        updated = []
        for layer, units, before in zip(self.hidden, self.units_of_degree, features, strict=True):
            new = layer.units(known, tf.maximum(units[degree], 0))
            known = _with_rows(before, units[degree] % before.shape[0], new)
            updated.append(known)
        return updated


class MaskedDense(keras.layers.Layer):
    """activation((mask * W) x + b).

    The weights are made before the mask, which is as large: whoever counts variables can still refuse them.

    Args:
        inputs: I.
        units: O.
        activation: as in Keras.
        initializer: of W.
        any_weight: whether the mask lets any weight through; there are none otherwise.
    """

    def __init__(
        self,
        inputs: int,
        units: int,
        activation: str | None,
        initializer: str | keras.initializers.Initializer,
        any_weight: bool = True,
    ) -> None:
        super().__init__()
        self.activation = keras.activations.get(activation)
        self.any_weight = any_weight
        if any_weight:
            self.kernel = self.add_weight(shape=(inputs, units), initializer=initializer, name="kernel")
        self.bias = self.add_weight(shape=(units,), initializer="zeros", name="bias")
        self.built = True

    def set_mask(self, mask: Array) -> None:
        """Let weights through where `mask` [I, O] is true: where an output may depend on an input."""
        self.mask = tf.constant(mask, tf.float32)

    def call(self, x: Tensor) -> Tensor:
        """[..., I] -> [..., O]."""
        mask = tf.cast(self.mask, self.compute_dtype)
        kernel = self.kernel * mask if self.any_weight else mask
        return self.activation(tf.tensordot(x, kernel, axes=1) + self.bias)

    def units(self, x: Tensor, units: Tensor) -> Tensor:
        """Some of the outputs, [U, N] of x [I, N] or more rows, where all that the mask would hide is 0."""
        bias = tf.gather(self.bias.value[None], units, axis=1)  # along axis 0 its gradient would be IndexedSlices
        outputs = tf.transpose(bias) + tf.zeros_like(x[:1])
        if self.any_weight:
            kernel = tf.cast(tf.gather(self.kernel.value, units, axis=1), self.compute_dtype)
            inputs = tf.cast(x[: self.kernel.shape[0]], self.compute_dtype)
            outputs += tf.cast(tf.matmul(kernel, inputs, transpose_a=True), tf.float32)
        return self.activation(outputs)


def _degrees(units: int, lowest: int, highest: int) -> Array:
    """Degrees for hidden units, spread evenly over `lowest` to `highest`: one of degree d sees the inputs 1 to d.

    >>> _degrees(7, 1, 3), _degrees(4, 1, 10), _degrees(1, 1, 10)
    (array([1, 2, 3, 1, 2, 3, 1]), array([10,  7,  4,  1]), array([10]))
    """
    count = highest - lowest + 1
    if units >= count:
        return lowest + np.arange(units) % count
    return np.linspace(highest, lowest, units).round().astype(int)  # the highest first: no input is cut off


def _units_of_degree(degrees: Array, size: int) -> Tensor:
    """Row i holds the units of degree i, filled with -1: [size + 1, U].

    >>> _units_of_degree(np.array([1, 2, 1]), 3).numpy().tolist()
    [[-1, -1], [0, 2], [1, -1], [-1, -1]]
    """
    found = [np.flatnonzero(degrees == degree) for degree in range(size + 1)]
    table = np.full((size + 1, max(map(len, found))), -1)
    for row, units in zip(table, found, strict=True):
        row[: len(units)] = units
    return tf.constant(table, tf.int32)


def _with_rows(matrix: Tensor, places: Tensor, rows: Tensor) -> Tensor:
    return tf.tensor_scatter_nd_update(matrix, places[:, None], rows)
