"""Whether a bijector is one, and its log-determinant that of its Jacobian."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from probvae.core import Tensor
from probvae.testing.case import Case
from probvae.testing.checking import Violation, check
from probvae.testing.spaces import Floats
from probvae.testing.subject import Subject
from probvae.testing.views import f64, stateless, view

POINTS = 6
FAR = 6.0
"""How many standard deviations out the tails are tried."""


@check("bijector", fast=12, deep=100)
def round_trips(subject: Subject, case: Case) -> None:
    """Forward and inverse undo each other on vectors [D], in both orders, without the help of a cache.

    TFP's bijectors answer inverse(forward(x)) from memory, so that an inverse that is wrong looks right unless
    the tensor is another one. Samples come from the tails too, where a search that is cut short, or a clip, is
    off by more than rounding.
    """
    bijector, x = _asked(subject, case)
    y = bijector.forward(x)
    if tuple(y.shape) != tuple(x.shape) or y.dtype != x.dtype:
        raise Violation(f"forward of {x.shape.as_list()} gave {y.dtype.name} {y.shape.as_list()}.")
    _back("inverse(forward(x))", bijector.inverse(tf.identity(y)), x)
    _back("forward(inverse(y))", bijector.forward(tf.identity(bijector.inverse(tf.identity(x)))), x)
    far = FAR * x
    y = bijector.forward(far)
    if np.all(np.abs(y) < 1e3):  # else single precision says little
        _back("far out, inverse(forward(x))", bijector.inverse(tf.identity(y)), far, tolerance=0.05)


def _back(what: str, found: Tensor, expected: Tensor, tolerance: float = 5e-3) -> None:
    one, other = f64(found), f64(expected)
    wrong = ~(np.abs(one - other) <= tolerance * (1 + np.abs(other)))
    if np.any(wrong):
        at = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
        raise Violation(f"{what} is {one[at]:.6g} at element {at[-1]} where it should be {other[at]:.6g}.")


@check("bijector", fast=12, deep=100)
def log_det_is_that_of_the_jacobian(subject: Subject, case: Case) -> None:
    """The log-determinants are those of the Jacobian by automatic differentiation, one number for each vector.

    Added once per dimension, with the sign of the other direction, or taken for a triangular matrix that is not
    triangular, it trains without complaint: the density is then no density.
    """
    bijector, x = _asked(subject, case)
    expected = _log_det(bijector.forward, x)
    y = tf.identity(bijector.forward(x))
    found = {
        "forward_log_det_jacobian": (bijector.forward_log_det_jacobian(tf.identity(x), event_ndims=1), expected),
        "inverse_log_det_jacobian": (bijector.inverse_log_det_jacobian(y, event_ndims=1), -expected),
    }
    square = (2, POINTS // 2, case.latent_dim)  # as many leading axes as an importance-weighted bound has
    found |= {
        f"{name} of {list(square)}": (
            getattr(bijector, name)(tf.reshape(tf.identity(at), square), event_ndims=1),
            right.reshape(square[:-1]),
        )
        for (name, (_, right)), at in zip(found.items(), (x, y), strict=True)
    }
    for name, (value, right) in found.items():
        if tuple(value.shape) not in ((), right.shape):
            raise Violation(f"{name}: expected shape {list(right.shape)} or []; got {value.shape.as_list()}.")
        values = np.broadcast_to(f64(value), right.shape)
        wrong = ~(np.abs(values - right) <= 1e-2 * (1 + np.abs(right)))
        if np.any(wrong):
            at = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
            raise Violation(
                f"{name} is {values[at]:.5g} where automatic differentiation gives {right[at]:.5g} "
                f"(D = {case.latent_dim})."
            )


def _asked(subject: Subject, case: Case) -> tuple[Any, Tensor]:
    found = view(subject, case)
    return found.component.bijector(), tf.random.stateless_normal((POINTS, case.latent_dim), stateless(case))


def _log_det(function: Callable[[Tensor], Tensor], x: Tensor) -> Floats:
    with tf.GradientTape(persistent=True) as tape:  # as batch_jacobian wants it outside of a graph
        tape.watch(x)
        y = function(x)
    jacobian = tape.batch_jacobian(y, x, experimental_use_pfor=False)  # [N, D, D]
    return np.asarray(np.linalg.slogdet(f64(jacobian))[1])
