"""Randomness: draws are functions of their seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import tensorflow as tf

from probvae.core import Values
from probvae.testing.case import Case
from probvae.testing.checking import ALPHA, Inconclusive, Violation, check
from probvae.testing.dependence import dependence
from probvae.testing.subject import Subject
from probvae.testing.views import DISTRIBUTIONS, LATENT, f64, stateless, view_of

DRAWS = 10_000
"""How many draws of two seeds are compared."""


@check(*DISTRIBUTIONS, fast=5, deep=60)
def draws_are_functions_of_the_seed(subject: Subject, case: Case) -> None:
    """The same seed gives the same draw whatever came before, and another seed another one.

    A killed run resumes to the same weights only if all noise is a function of seed and step. A seed
    that is ignored, or used for two things, makes noise that is the same in every step.
    """
    view = view_of(subject, case)
    p = view.distribution()
    seed = stateless(case)
    tf.random.set_seed(1)
    first = f64(p.sample(16, seed=seed))
    tf.random.set_seed(2)
    tf.random.normal((3,))
    if not np.array_equal(first, f64(view.distribution().sample(16, seed=seed)), equal_nan=True):
        raise Violation("two draws with the same seed differ: something random is not a function of the seed.")
    discrete = isinstance(view.support, Values) and view.support.discrete
    if discrete and np.all(np.exp(f64(p.log_prob(first))) > 0.5):
        raise Inconclusive("its draws are nearly certain")
    if all(np.array_equal(first, f64(p.sample(16, seed=stateless(case, salt)))) for salt in (1, 2, 3)):
        raise Violation("draws with different seeds are all the same: the seed is ignored.")
    rows = first.reshape(16, -1)
    if rows.shape[0] > 1 and np.all(rows == rows[0]) and len(np.unique(rows)) <= rows.shape[1]:
        many = f64(p.sample(256, seed=seed)).reshape(256, -1)
        if np.all(many == many[0]):
            raise Violation("256 draws in one call are all the same.")


@check(*DISTRIBUTIONS, fast=4, deep=40, statistical=True)
def draws_of_other_seeds_are_independent(subject: Subject, case: Case) -> None:
    """The draws of different seeds are independent: all of the noise follows the seed, not a part.

    A mixture whose component is drawn with a constant seed, while the rest follows the one that is given, chooses
    the same components in every step. Within one call nothing is wrong with its draws.
    """
    view = view_of(subject, replace(case, batch=(1,), perturbation=max(case.perturbation, 1.0)))
    inputs = view.inputs()
    rows = view.kind in LATENT and inputs is not None  # draws for one row may be spread evenly over a mixture
    p = view.call(tf.repeat(inputs, DRAWS, axis=0) if rows else inputs)

    def draws(seed: tf.Tensor) -> np.ndarray:
        return f64(p.sample(() if rows else DRAWS, seed=seed)).reshape(DRAWS, -1)

    seed = stateless(case)
    first = draws(seed)
    for which, step in (("first", [1, 0]), ("second", [0, 1])):
        excess, element = dependence(first, draws(seed + step), ALPHA / 1000)
        if not excess <= 1:
            raise Violation(
                f"element {element} of draws with two seeds that differ in their {which} number is correlated: "
                f"{excess:.3g} times what chance explains. A part of the noise does not follow the seed. Split it "
                "for each use, tfp.random.split_seed(seed, n), and pass every part on."
            )
