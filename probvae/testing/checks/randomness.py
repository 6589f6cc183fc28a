"""Whether draws are functions of their seed."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from probvae.testing.case import Case
from probvae.testing.checking import Violation, check
from probvae.testing.subject import Subject
from probvae.testing.views import ANSWERS, f64, stateless, view


@check(*ANSWERS, fast=5, deep=60)
def draws_are_functions_of_the_seed(subject: Subject, case: Case) -> None:
    """The same seed gives the same draw whatever came before, and another seed another one.

    A run that was killed goes on as if nothing had been only if all noise is a function of seed and step. A seed
    that is ignored, or used for two things, makes noise that is the same in every step.
    """
    found = view(subject, case)
    p = found.answer()
    seed = stateless(case)
    tf.random.set_seed(1)
    first = f64(p.sample(16, seed=seed))
    tf.random.set_seed(2)
    tf.random.normal((3,))
    if not np.array_equal(first, f64(found.answer().sample(16, seed=seed)), equal_nan=True):
        raise Violation("two draws with the same seed differ: something random is not a function of the seed.")
    if all(np.array_equal(first, f64(p.sample(16, seed=stateless(case, salt)))) for salt in (1, 2, 3)):
        raise Violation("draws with different seeds are all the same: the seed is ignored.")
    rows = first.reshape(16, -1)
    if rows.shape[0] > 1 and np.all(rows == rows[0]) and len(np.unique(rows)) <= rows.shape[1]:
        many = f64(p.sample(256, seed=seed)).reshape(256, -1)
        if np.all(many == many[0]):
            raise Violation("256 draws in one call are all the same.")
