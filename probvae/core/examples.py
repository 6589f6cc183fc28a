"""Checks of what a user gives to a model: examples, which of their elements are known, and latents."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf

from probvae.core.types import Array, Tensor
from probvae.core.values import BINARY, REAL, UNIT, DataValues, Values, rounding
from probvae.errors import ShapeError, UserError

_BLOCK = 2**22  # values at a time, so that temporary arrays stay small


def as_examples(x: Tensor, event_shape: Sequence[int], support: DataValues = REAL) -> Tensor:
    """A user's x as a float32 tensor [B, *E], checked as by `check_examples`.

    A shape that is unknown in a graph is checked when the graph runs: see `plain_assertions`.

    Raises:
        ShapeError: x is not [B, *E].
        UserError: x is not an array of real numbers, or an element is not finite or outside of the support.
    """
    x = as_numbers(x)
    check_examples(x, event_shape, support)
    x = tf.cast(x, tf.float32)
    known = x.shape.rank is not None and x.shape[1:].is_fully_defined()
    return x if known else tf.ensure_shape(x, [None, *event_shape])


def as_observed(observed: Tensor, x: Tensor) -> Tensor:
    """A user's mask of which elements of x [B, *E] are known, as a bool tensor of the same shape.

    Raises:
        ShapeError: it has another shape.
        UserError: it is no array of bools.
    """
    try:
        mask = tf.convert_to_tensor(observed)
    except (TypeError, ValueError):  # rows of several lengths
        mask = None
    if mask is None or mask.dtype != tf.bool:
        found = f"a {type(observed).__name__}" if mask is None else mask.dtype.name
        raise UserError(
            f"observed: expected bools, True where an element of x is known; got {found}. Convert them: "
            "numpy.array(observed, bool)."
        )
    shape = tf.TensorShape(x.shape)
    if not mask.shape.is_compatible_with(shape):
        raise ShapeError(
            f"observed: expected one bool for each element of x, {shape.as_list()}; got shape "
            f"{mask.shape.as_list()}. numpy.broadcast_to repeats one over several elements or examples."
        )
    return mask


def as_latents(z: Tensor, latent_dim: int, count: int | None = None) -> Tensor:
    """A user's latents as a float32 tensor [..., D], or [..., B, D].

    Args:
        z: numbers.
        latent_dim: D.
        count: B, where there is one z for each of B examples and their number is known.

    Raises:
        ShapeError: they have another shape.
        UserError: they are no numbers.
    """
    try:
        z = tf.cast(z, tf.float32)
    except (TypeError, ValueError, tf.errors.UnimplementedError):
        raise UserError(f"z: expected numbers [..., {latent_dim}]; got a {type(z).__name__}.") from None
    expected = [latent_dim] if count is None else [count, latent_dim]
    if not z.shape[-len(expected) :].is_compatible_with(expected):
        sizes = ", ".join(map(str, expected))
        what = "of the model" if count is None else f"of the model for each of the {count} examples"
        raise ShapeError(
            f"z: expected latents [..., {sizes}], {what}; got shape {z.shape.as_list()}. "
            "They are what posterior(x).sample() or sample_latents(...) returns."
        )
    return z


def as_numbers(x: Tensor) -> Tensor:
    """A user's x, which may be a list or a table, as an array or a tensor of real numbers.

    Raises:
        UserError: it cannot be converted, or has missing values.
    """
    dense = {tf.SparseTensor: "tf.sparse.to_dense(x)", tf.RaggedTensor: "x.to_tensor()"}.get(type(x))
    if dense or hasattr(x, "toarray"):  # SciPy's matrices have that method
        raise UserError(
            f"x: expected a dense array; got {type(x).__name__}. Convert it: {dense or 'x.toarray()'}."
        )
    if x is None or isinstance(x, str):
        raise UserError(f"x: expected an array of examples; got {x!r}. Load them first, as with numpy.load.")
    if isinstance(x, dict):
        names = ", ".join(map(str, x))
        raise UserError(
            f'x: expected an array; got a dict of {names}. Take the examples out of it, as in x["image"].'
        )
    if isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x):
        raise UserError(
            "x: expected an array without missing values; got a masked array. Fill it: x.filled(value)."
        )
    if isinstance(x, (tf.Variable, keras.Variable)):
        x = tf.convert_to_tensor(x)
    try:
        x = x if tf.is_tensor(x) else np.asarray(x)
        dtype = tf.as_dtype(x.dtype)
    except (TypeError, ValueError):  # rows of several lengths, or dates
        dtype = tf.string
    if not (dtype.is_floating or dtype.is_integer or dtype.is_bool):
        found = (
            f"values of type {x.dtype}"
            if hasattr(x, "dtype")
            else f"a {type(x).__name__} whose rows differ in shape"
        )
        raise UserError(f"x: expected an array of real numbers; got {found}. Convert it: x.astype('float32').")
    return x


def is_array(x: Tensor) -> bool:
    """Whether x is one array, and not batches (a dataset or a generator)."""
    plain = isinstance(x, (list, tuple, dict, str, int, float, np.generic, tf.RaggedTensor)) or x is None
    return plain or hasattr(x, "__array__") or hasattr(x, "shape")


def check_examples(x: Tensor, event_shape: Sequence[int], support: DataValues = REAL) -> None:
    """Check the shape of x [B, *E], and its values unless it is a symbolic tensor in a graph.

    Args:
        x: an array or a tensor.
        event_shape: E.
        support: the values that the examples may take.

    Raises:
        ShapeError: x is not [B, *E].
        UserError: an element is not finite, or outside of the support.
    """
    check_shape(x.shape, event_shape)
    if isinstance(x, np.ndarray):
        _check_values(x, support)
    elif hasattr(x, "numpy"):  # an eager tensor, which a graph may have captured: there its slices have no values
        _check_values(x.numpy(), support)


def check_shape(shape: Sequence[int | None], event_shape: Sequence[int]) -> None:
    """Check that a shape, with None for unknown sizes, may be [B, *E].

    Raises:
        ShapeError: it is not; suggests how to reshape it.
    """
    found, event = tf.TensorShape(shape), list(event_shape)
    if found.is_compatible_with([None, *event]):
        return
    sizes = found.as_list()
    if found.is_compatible_with(event):
        fix = "Add the batch axis: x[None]."
    elif found.is_compatible_with([None, *event[:-1]]) and event[-1] == 1:
        fix = "Add the channel axis: x[..., None]."
    elif len(sizes) == 4 and len(event) == 3 and found[1:].is_compatible_with([event[2], event[0], event[1]]):
        fix = "Put the channels last: np.moveaxis(x, 1, -1)."
    elif None not in sizes[1:] and math.prod(sizes[1:]) == math.prod(event):
        fix = f"Reshape them: x.reshape(-1, {', '.join(map(str, event))})."
    else:
        fix = "Build the model for this shape."
    raise ShapeError(f"x: expected examples [B, {', '.join(map(str, event))}]; got shape {sizes}. {fix}")


def _check_values(x: Tensor, support: DataValues) -> None:
    """Check the values of an array.

    Raises:
        UserError: an element is not finite, or outside of the support.
    """
    wrong = [start + row for start, block in _blocks(x) for row in _rows_not_finite(block)]
    if wrong:
        raise UserError(
            f"x: expected finite numbers; got NaN or infinity in {len(wrong):,} of {len(x):,} examples, the first "
            f"of them example {wrong[0]}. Remove those examples, or fill in their missing values."
        )
    for values, part in support.parts_of(x):
        if values == REAL or not len(x):
            continue
        found = Values.of_all(Values.of(block, values.steps) for _, block in _blocks(part))
        if found not in values:
            raise UserError(f"{_expected(values)}; got {found}. {_fix(values, found)}")


def _blocks(x: Tensor) -> Iterator[tuple[int, Array]]:
    """The examples in blocks, each with the number of its first example."""
    rows = max(1, _BLOCK // max(1, math.prod(x.shape[1:])))
    for start in range(0, len(x), rows):
        with np.errstate(over="ignore"):  # values too large for float32 become infinite
            yield start, np.asarray(x[start : start + rows]).astype(np.float32)


def _rows_not_finite(block: Array) -> list[int]:
    finite = np.isfinite(block.reshape(len(block), -1)).all(axis=1)
    return np.flatnonzero(~finite).tolist()


def _expected(support: Values) -> str:
    return f"x: expected values that the likelihood supports, {support}"


def _fix(support: Values, found: Values) -> str:
    if support.one_hot and found in BINARY:
        return "Put exactly one 1 into the last axis of each, as in numpy.eye(K)[categories]."
    if support.open and found in replace(support, open=False):
        return "Some are at an end, where it has no density: move them a little inside."
    if support not in UNIT or found.low < 0:
        return "Transform x, or use a likelihood that supports these values."
    if support.steps > 1 and found in UNIT:
        return (
            f"Round them, as in np.round({support.steps} * x) / {support.steps}, or use a likelihood of numbers."
        )
    scaled = "x" if found in UNIT else f"x / {found.high:g}"
    if support == BINARY:
        return f"Binarize them, as in ({scaled} > 0.5), or use a likelihood for values from 0 to 1."
    return f"Scale them: {scaled}."


def asserted(x: Tensor, support: DataValues) -> Tensor:
    """x, with a check of its values when the graph runs, but not with XLA. See `plain_assertions`."""
    finite = tf.reduce_all(tf.math.is_finite(x))
    checks = [tf.debugging.Assert(finite, ["x: expected finite numbers; got NaN or infinity."])]
    for values, part in support.parts_of(x):
        checks.append(tf.debugging.Assert(_inside(part, values), [f"{_expected(values)}; got others."]))
    with tf.control_dependencies(checks):
        return tf.identity(x)


def _inside(x: Tensor, values: Values) -> Tensor:
    """Whether all of x [..., *E] are values of these: a bool."""
    inside = tf.reduce_all((x > values.low) & (x < values.high) if values.open
                           else (x >= values.low) & (x <= values.high))  # fmt: skip
    if values.integer:
        multiples = x * values.steps
        slack = rounding(multiples) if values.steps > 1 else 0.0
        inside &= tf.reduce_all(tf.abs(multiples - tf.round(multiples)) <= slack)
    if values.one_hot:
        inside &= tf.reduce_all(tf.reduce_sum(x, axis=-1) == 1)
    return inside


@contextmanager
def plain_assertions(event_shape: Sequence[int]) -> Iterator[None]:
    """Raise a failed check of `asserted`, or of `as_examples` in a graph, as a UserError.

    Raises:
        ShapeError: an x is not [B, *E].
        UserError: a check of the values failed.
    """
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        expected = re.escape("[" + ",".join(map(str, ["?", *event_shape])) + "]")
        found = rf"Shape of tensor \S* \[([\d,]*)\] is not compatible with expected shape {expected}"
        if shape := re.search(found, str(error)):
            check_shape([int(size) for size in shape[1].split(",") if size], event_shape)
        failed = re.search(r"(x|condition): expected .*\.", str(error))
        if failed is None:
            raise
        raise UserError(f"{failed[0]} They are in a batch of the dataset or generator.") from None
