"""Densities: they integrate to one, and samples are from them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from hypothesis import strategies as st

from probvae.core import Distribution, Surface, mean_of
from probvae.testing.agreement import disagreement
from probvae.testing.case import Case
from probvae.testing.checking import ALPHA, Inconclusive, NotApplicable, Region, Violation, check
from probvae.testing.floats import Floats
from probvae.testing.quadrature import integral
from probvae.testing.spaces import Lattice, Product, Space, space_of
from probvae.testing.subject import Subject
from probvae.testing.views import DISTRIBUTIONS, LIKELIHOODS, POSTERIORS, View, f64, stateless, view_of

DRAWS = 60_000
"""How many samples, and proposed points, a comparison takes."""
CHUNK = 15_000
"""How many samples are drawn at a time."""
POINTS = 60_000
"""How many points a density is evaluated at in one call: a mixture of a thousand parts must fit into memory."""
EVENTS = ((1,), (2,), (3,), (4,), (1, 1, 1), (1, 2, 1), (1, 1, 2), (1, 3, 1), (2, 2, 1), (1, 2, 2))
ONE_ROW = {"one row": {"batch": st.just((1,))}}


def _of_sizes(*sizes: int, perturbation: tuple[float, ...]) -> dict[str, Region]:
    """A region for each of these numbers of latents, or of elements of an event."""
    return {
        f"{D} dimension{'s' * (D > 1)}": {
            "latent_dim": st.just(D),
            "event_shape": st.sampled_from([event for event in EVENTS if math.prod(event) == D]),
            "batch": st.just((1,)),
            "perturbation": st.sampled_from(perturbation),
            "samples": st.just((2,)),
        }
        for D in sizes
    }


class _Row(NamedTuple):
    """The answer for one input, over flat points.

    Args:
        p: the answer, with one row at most.
        space: where it lives.
        event: its event shape.
        case: what its draws are functions of.
    """

    p: Distribution
    space: Space
    event: tuple[int, ...]
    case: Case

    def sample(self, count: int, salt: int) -> Floats:
        """Samples [count, D]."""
        parts = [
            f64(self.p.sample(min(CHUNK, count - start), seed=stateless(self.case, 100 * salt + start // CHUNK)))
            for start in range(0, count, CHUNK)
        ]
        return np.concatenate(parts).reshape(count, -1)

    def log_prob(self, points: Floats) -> Floats:
        """The log-density [N] at points [N, D]."""
        found = []
        for start in range(0, len(points), POINTS):
            part = tf.constant(points[start : start + POINTS], tf.float32)
            shape = (-1, *self.p.batch_shape, *self.event)
            found.append(f64(self.p.log_prob(tf.reshape(part, shape))).reshape(-1))
        values = np.concatenate(found)
        if len(values) != len(points):
            raise Violation(f"log_prob of {len(points)} points gave {len(values)} numbers.")
        return values


def _row(view: View, stretch: float = 1.0) -> _Row:
    """The answer to ordinary inputs, or to them times a number."""
    size = math.prod(view.event)
    if isinstance(view.support, Surface) and size < 2:
        raise Inconclusive(f"{view.support} has no points in one dimension")
    inputs = view.inputs()
    p = view.call(inputs if stretch == 1.0 else stretch * inputs)
    return _Row(p, space_of(view.support, view.event), view.event, view.case)


@check(*DISTRIBUTIONS, fast=6, deep=80, regions=ONE_ROW)
def stays_in_its_support(subject: Subject, case: Case) -> None:
    """Samples lie in the declared support, and every value that the support names has probability.

    Data is compared with the likelihood's support before training, and a posterior's support with the prior's; a
    support that promises too much lets data in that has a log-likelihood of minus infinity.
    """
    view = view_of(subject, case)
    row = _row(view)
    samples = row.sample(500, 1)
    if not np.all(np.isfinite(samples)):
        raise Violation("a sample is not finite.")
    outside = samples[~row.space.contains(samples)]
    if len(outside):
        raise Violation(f"the declared support is {view.support}, and it drew {outside[0]}.")
    if view.kind in LIKELIHOODS:
        points = row.space.extremes(samples)
        log_prob = row.log_prob(points)
        if not np.all(np.isfinite(log_prob)):
            at = int(np.argmin(np.isfinite(log_prob)))
            raise Violation(
                f"the declared support is {view.support}, and log_prob of {points[at]} is {log_prob[at]}. "
                "Declare the values that have a density: Values(low, high), with open=True if the ends have none."
            )


@check(
    *DISTRIBUTIONS,
    fast=6,
    deep=60,
    mandatory=False,
    regions=_of_sizes(1, 2, 3, perturbation=(0.1, 0.3)),
)
def density_integrates_to_one(subject: Subject, case: Case) -> None:
    """The density integrates to 1, by quadrature where there are few dimensions.

    A dropped constant, a cross entropy used as a likelihood, a log-determinant counted twice: comparisons of such
    numbers are comparisons of nothing. Quadrature is refined until it settles; where it does not, as for a
    density with poles, this check is inconclusive and the next one decides.
    """
    view = view_of(subject, case)
    row = _row(view)
    if isinstance(row.space, Lattice):
        raise NotApplicable("it has probabilities, which probabilities_sum_to_one adds up")
    if isinstance(row.space, Product):
        raise NotApplicable("it has both densities and probabilities, which samples_are_from_the_density compares")
    if row.space.axes > 2:
        raise NotApplicable("no quadrature in more than two dimensions")
    pilot = row.sample(2000, 2)

    def density(cube: Floats) -> Floats:
        points, volume = row.space.from_cube(cube, pilot)
        with np.errstate(over="ignore", invalid="ignore"):
            return np.nan_to_num(np.exp(row.log_prob(points)) * volume, nan=np.inf)

    total, error = integral(density, row.space.to_cube(pilot, pilot))
    if error > 0.005:
        raise Inconclusive(f"the quadrature does not settle: {total:.3f} ± {error:.3f}")
    smooth = error < 1e-4  # else ridges may have been missed between the nodes
    if not abs(total - 1) < (2e-3 if smooth else 0.02 + 3 * error):
        raise Violation(f"its density integrates to {total:.4f} ± {error:.4f}; expected 1.")


ROWS = 48
"""At how many inputs the probabilities of one element are added up."""
MOST = 4000
"""Up to which value those of a count without an end are; inputs for which it may be exceeded are left out."""
SEEN = 20_000
"""From how many samples it is known where a count without an end may be: a part of a mixture that has a
probability of 1e-3 is among them."""


@check(
    *LIKELIHOODS,
    fast=6,
    deep=60,
    mandatory=False,
    regions=_of_sizes(1, perturbation=(0.1, 0.3)) | _of_sizes(2, 3, perturbation=(0.1, 0.3)),
)
def probabilities_sum_to_one(subject: Subject, case: Case) -> None:
    """The probabilities of all values sum to 1: those of one element at ordinary and at large inputs.

    The first and the last of many levels have all that lies beyond them, which shows at large inputs only. Bins of
    another width than the distance of the levels, and probabilities that are kept from 0, show at small scales.
    """
    alone = math.prod(case.event_shape) == 1
    view = view_of(subject, replace(case, batch=(ROWS,)) if alone else case)
    space, inputs = space_of(view.support, view.event), view.inputs()
    if not isinstance(space, Lattice):
        raise NotApplicable("it has a density, which density_integrates_to_one integrates")
    if alone:
        sizes = np.geomspace(0.1, 30, ROWS).reshape(-1, *[1] * len(view.input_shape))
        inputs *= tf.constant(sizes, tf.float32)
    p = view.call(inputs)
    endless = space.high == math.inf
    samples = f64(p.sample(SEEN if endless else 1, seed=stateless(case, 2)))
    samples = samples.reshape(len(samples), -1, math.prod(view.event))  # [S, B, D]
    kept = samples.max((0, 2)) < ((MOST - 40) / 3 if endless else math.inf)
    points = space.everything(samples[:, kept].reshape(-1, samples.shape[-1])) if kept.any() else None
    if points is None:
        raise NotApplicable("too many values to add up")
    with np.errstate(over="ignore"):
        total = np.exp(f64(p.log_prob(view.spread(points)))[:, kept]).sum(0)
    worst = int(np.argmax(np.nan_to_num(np.abs(total - 1), nan=np.inf)))
    if not abs(total[worst] - 1) < 1e-3:
        raise Violation(f"the probabilities of its values sum to {total[worst]:.4f}; expected 1.")


@check(*POSTERIORS, *LIKELIHOODS, fast=5, deep=60, mandatory=False, regions=ONE_ROW, statistical=True)
def mean_is_that_of_the_samples(subject: Subject, case: Case) -> None:
    """mean() is the average of the samples.

    Reconstructions, codes and figures are made of it; a mode, a median or a logit in its place looks much the
    same. A distribution may have no mean: reconstructions and figures then are draws.
    """
    view = view_of(subject, case)
    row = _row(view)
    if (means := mean_of(row.p)) is None:
        raise NotApplicable("it has no mean(): reconstructions and figures show draws")
    mean = f64(means).reshape(-1)
    samples = row.sample(20_000, 5)
    if not np.all(np.isfinite(mean)):
        raise Inconclusive("it has no finite mean")  # as a Cauchy distribution
    # 0.15 of the samples' own spread is 21 standard errors, also of tails that have no variance.
    limit = 0.15 * samples.std(0) + 1e-3 * (1 + np.abs(mean))
    away = np.abs(samples.mean(0) - mean)
    if np.any(away > limit):
        at = int(np.argmax(away - limit))
        raise Violation(
            f"mean() is {mean[at]:.4g} at element {at}, where samples average {samples.mean(0)[at]:.4g}.",
            float(away[at] / limit[at]),
        )


@check(*DISTRIBUTIONS, fast=6, deep=60, regions=_of_sizes(1, 2, 4, perturbation=(1.0, 0.5)), statistical=True)
def samples_are_from_the_density(subject: Subject, case: Case) -> None:
    """Samples and density describe the same distribution, in 1, 2 and 4 dimensions.

    The evidence lower bound averages log p(z) - log q(z) over samples that must be from q: a mixture that draws
    without its weights, a scale that is squared in one place only, two dimensions swapped, each makes a bound that
    is none. The averages of random bounded functions under the samples are compared with those under the density.
    """
    row = _row(view_of(subject, case))
    pilot = row.sample(2000, 3)
    rng = np.random.default_rng([case.seed, 4])
    samples, proposed = row.sample(DRAWS, 4), row.space.propose(DRAWS, pilot, rng)
    proposed = f64(tf.constant(proposed, tf.float32))
    ratios = [row.log_prob(points) - row.space.log_density(points, pilot) for points in (samples, proposed)]
    samples, proposed, pilot = map(row.space.coordinates, (samples, proposed, pilot))
    found = disagreement(samples, ratios[0], proposed, ratios[1], pilot, ALPHA / 1000, rng)
    if not found.excess <= 1:
        raise Violation(
            "the samples are not from the density: sample() or log_prob is wrong. The mean of "
            f"{found.function}, over the overlap with a proposal, is {found.sampled:.4f} by sample() and "
            f"{found.expected:.4f} by log_prob: {found.excess:.3g} times what chance explains.",
            found.excess,
        )
