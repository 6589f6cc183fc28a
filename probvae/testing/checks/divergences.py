"""Kullback-Leibler divergences: a closed form is the mean of the log ratio over samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import tensorflow as tf

from probvae.core import Distribution, exact_kl
from probvae.testing.case import Case
from probvae.testing.checking import Inconclusive, NotApplicable, Violation, check
from probvae.testing.subject import Refused, Subject
from probvae.testing.views import POSTERIORS, View, f64, stateless, view_of

DRAWS = 5000
SIGMAS = 7.5
ROWS = 3


@check("prior", *POSTERIORS, fast=4, deep=40, mandatory=False, statistical=True)
def exact_kl_is_that_of_the_samples(subject: Subject, case: Case) -> None:
    """A KL in closed form, where one is registered, is the mean of log q(z) - log p(z) over samples of q.

    The evidence lower bound takes the closed form wherever there is one. A class that derives from a distribution
    of TensorFlow Probability, to draw or to weigh in another way, inherits its closed forms too.
    """
    one = view_of(subject, replace(case, batch=(ROWS,)))
    compared = False
    for other in _counterparts(subject, one):
        posterior, prior = (other, one) if subject.kind == "prior" else (one, other)
        q, p = posterior.distribution(), prior.distribution()
        exact = exact_kl(q, p) if posterior.component.support in prior.component.support else None
        if exact is not None:
            _agree(q, p, f64(exact), case)
            compared = True
    if not compared:
        raise NotApplicable("no closed form of a KL is registered for it")


def _counterparts(subject: Subject, one: View) -> Iterator[View]:
    """The priors to compare a posterior with, or the posteriors to compare a prior with, at their defaults."""
    kind = "posterior" if subject.kind == "prior" else "prior"
    for name in subject.choices(kind):
        other = Subject(kind, name, subject.registry)
        if not any(parameter.required for parameter in other.signature.plain.values()):
            try:
                yield view_of(other, replace(one.case, configuration={}))
            except (Refused, Inconclusive):
                continue


def _agree(q: Distribution, p: Distribution, exact: np.ndarray, case: Case) -> None:
    if exact.shape != (ROWS,):
        raise Violation(f"expected a KL of shape {[ROWS]}; got {list(exact.shape)}.")
    z = q.sample(DRAWS, seed=stateless(case, 12))  # [DRAWS, B, D]
    ratios = f64(q.log_prob(tf.identity(z)) - p.log_prob(tf.identity(z)))
    mean, error = ratios.mean(0), ratios.std(0, ddof=1) / np.sqrt(DRAWS)
    excess = np.abs(mean - exact) / (SIGMAS * error + 2e-3 * (1 + np.abs(mean)))
    worst = int(np.argmax(excess))
    if not excess[worst] <= 1:
        raise Violation(
            f"the registered KL from {type(q).__name__} to {type(p).__name__} is {exact[worst]:.4f} nats, and "
            f"log q - log p averages {mean[worst]:.4f} ± {error[worst]:.4f} over samples of q.",
            float(excess[worst]),
        )
