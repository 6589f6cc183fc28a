"""Networks: the seed decides the initial values, and copies are independent."""

from __future__ import annotations

import copy
from dataclasses import replace

import keras
import numpy as np

from probvae.testing.case import Case
from probvae.testing.checking import Violation, check
from probvae.testing.floats import Floats
from probvae.testing.restoring import variables_of
from probvae.testing.subject import Subject
from probvae.testing.views import f64, view_of


@check("network", fast=3, deep=30)
def initial_values_are_functions_of_the_seed(subject: Subject, case: Case) -> None:
    """The seed of Keras decides the initial values: the same seed gives the same ones, another seed others.

    A kernel from a generator of NumPy, or from one with a constant seed, makes runs that cannot be repeated, or
    repetitions with several seeds that are all the same.
    """
    case = replace(case, perturbation=0.0)

    def values(seed: int) -> list[Floats]:
        keras.utils.set_random_seed(seed)
        view = view_of(subject, replace(case, seed=seed))
        return [f64(variable) for variable in variables_of(view.component).values()]

    one, same, other = map(values, (case.seed, case.seed, case.seed + 1))
    if any(not np.array_equal(a, b) for a, b in zip(one, same, strict=True)):
        raise Violation("two networks made after the same keras.utils.set_random_seed have other initial values.")
    if any(np.ptp(values) for values in one) and all(
        np.array_equal(a, b) for a, b in zip(one, other, strict=True)
    ):
        raise Violation("networks made after different seeds have the same initial values.")


@check("network", fast=3, deep=30)
def copies_are_independent(subject: Subject, case: Case) -> None:
    """A deep copy gives the same outputs, and has variables of its own.

    A layer that is held in a function, a closure or a bound method, is not copied: the copy trains the original.
    """
    view = view_of(subject, case)
    inputs = view.inputs()
    expected = f64(view.component.outputs(inputs))
    copied = copy.deepcopy(view.component)
    if not np.allclose(f64(copied.outputs(inputs)), expected, 1e-4, 1e-4):
        raise Violation("the outputs of a deep copy differ from those of the original.")
    for variable in variables_of(view.component).values():
        variable.assign(np.full(variable.shape, 0.5, np.float32))
    if not np.allclose(f64(copied.outputs(inputs)), expected, 1e-4, 1e-4):
        raise Violation(
            "the outputs of a deep copy change with the variables of the original. Keep layers in attributes, "
            "and not in a function."
        )
