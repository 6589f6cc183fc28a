"""log p(x) by annealed importance sampling, which does not depend on the encoder."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from annotated_types import Ge

from probvae.components.metrics.chunks import chunks
from probvae.core import (
    REAL,
    VAE,
    Array,
    Batch,
    Data,
    Distribution,
    Measurement,
    Metric,
    Positive,
    Seed,
    Tensor,
    as_seed,
    fold_in,
    without_autograph,
)
from probvae.errors import ConfigError

tfm = tfp.mcmc
NATS = "nats per example"
ACCEPTED = 0.75
"""The share of accepted proposals to which the sizes of the steps are adapted."""
PILOT = 150
"""The number of distributions at which they are adapted, on a first way from the prior to the posterior."""
AT_PRIOR = 50
"""The number of steps that adapt the first of them."""
RATE = 0.2
"""By how much the logarithm of a size changes in a step, for each unit by which the share of acceptance is off."""
STEEPNESS = 4.0
"""Of the sigmoid by which b goes from 0 to 1: slowly at both ends."""

LARGE_GAP = 1.0
"""The gap between both bounds, in nats, above which a note says that the chains are too short."""


class AnnealedImportance(Metric):
    """log p(x) by annealed importance sampling from the prior to the posterior, and a bound from above.

    p_b(z) ∝ p(z) p(x|z)^b for b from 0 to 1: a chain starts with z ~ p(z), and takes a step of Hamiltonian Monte
    Carlo at each b; the mean of its weights is p(x) (Neal, Annealed importance sampling, 2001). It does not use
    the encoder. So it checks an importance-weighted bound, which needs one that covers p(z|x); `difference` is by
    how much it is above that of 1,000 samples on the same test examples. b follows a sigmoid (Wu, Burda,
    Salakhutdinov and Grosse, On the quantitative analysis of decoder-based generative models, 2017), and the sizes
    of the steps are found by other chains before, for each b and example.

    For examples that the model draws itself an exact sample of p(z|x) is known, the z that they are made of. The
    reverse chain from there bounds log p(x) from above in mean, as the chain from the prior does from below
    (Grosse, Ancha and Roy, Measuring the reliability of MCMC inference with bidirectional Monte Carlo, 2016).
    `simulated_gap`, what is left between both, says how exact the method is with these settings.

    Args:
        max_examples: at most this number of the test examples, the first, are taken, and as many are simulated.
        chains: K, for each example; the logarithm of the mean of their weights is taken.
        steps: the number of distributions between the prior and the posterior.
        leapfrog_steps: the number of leapfrog steps in each of their steps.
    """

    def __init__(
        self,
        max_examples: Annotated[int, Ge(2)] = 50,
        chains: Positive = 10,
        steps: Positive = 500,
        leapfrog_steps: Positive = 5,
    ) -> None:
        self.max_examples = max_examples
        self.chains = chains
        self.steps = steps
        self.leapfrog_steps = leapfrog_steps

    def check(self, vae: VAE, data: Data) -> None:
        """Check that the latents are real numbers, in which the chains move.

        Raises:
            ConfigError: they are not.
        """
        super().check(vae, data)
        if vae.prior.support != REAL:
            raise ConfigError(
                f"annealed_importance metric: expected latents that are real numbers; got {vae.prior.support}, "
                f"from {type(vae.prior).__name__}. Leave the metric out."
            )

    def __call__(self, vae: VAE, data: Data, seed: Seed) -> dict[str, Measurement]:
        """The numbers: a function of the seed."""
        rows = np.arange(min(self.max_examples, len(data.test)))
        chains = Chains(vae, self.chains, self.steps, self.leapfrog_steps)
        parts = [self._bounds(vae, chains, batch, noise) for batch, noise in chunks(data.test, seed, rows)]
        below, weighted, lower, upper = (np.concatenate(each) for each in zip(*parts, strict=True))
        gap = float(np.mean(upper - lower))
        note = (
            f"the chains are too short: the numbers may be {gap:.1f} nats below log p(x), and the difference says "
            f"nothing of the encoder; raise steps, here {self.steps}, until the gap is small"
        )
        of_test, of_model = f"{NATS}, {len(rows)} of the test data", f"{NATS}, {len(rows)} simulated"
        return {
            "annealed": Measurement.mean(below, of_test),
            "difference": Measurement.mean(below - weighted, of_test),
            "simulated_lower": Measurement.mean(lower, of_model),
            "simulated_upper": Measurement.mean(upper, of_model),
            "simulated_gap": Measurement.mean(upper - lower, of_model, note if gap > LARGE_GAP else ""),
        }

    @staticmethod
    def _bounds(vae: VAE, chains: Chains, test: Batch, noise: Tensor) -> tuple[Array, Array, Array, Array]:
        """Lower and importance-weighted bounds of test examples, lower and upper ones of simulated: [B] each."""
        batch, z = simulated(vae, test, fold_in(noise, 2))
        return (
            chains.from_prior(test, fold_in(noise, 0)),
            _importance_weighted(vae, test, fold_in(noise, 1)),
            chains.from_prior(batch, fold_in(noise, 3)),
            chains.from_posterior(batch, z, fold_in(noise, 4)),
        )


class Chains:
    """Bounds on log p(x) by chains between the prior and the posterior of a model.

    Args:
        vae: the model.
        count: K, for each example.
        steps: the number of distributions on the way.
        leapfrog_steps: the number of leapfrog steps in each.
    """

    def __init__(self, vae: VAE, count: int, steps: int, leapfrog_steps: int) -> None:
        self.vae = vae
        self.count = count
        self.steps = steps
        self.leapfrog_steps = leapfrog_steps
        self._pilot = tf.function(without_autograph(self._adapted, vae))
        self._forwards = tf.function(partial(without_autograph(self._chain, vae), backwards=False))
        self._backwards = tf.function(partial(without_autograph(self._chain, vae), backwards=True))

    def from_prior(self, batch: Batch, seed: Tensor) -> Array:
        """A lower bound in mean on log p(x) of each example: [B]."""
        sizes = self._pilot(batch, self._start(batch, fold_in(seed, 0)), fold_in(seed, 1))
        return np.asarray(self._forwards(batch, self._start(batch, fold_in(seed, 2)), sizes, fold_in(seed, 3)))

    def from_posterior(self, batch: Batch, z: Tensor, seed: Tensor) -> Array:
        """An upper bound in mean on log p(x) of each example, from samples z [B, D] of p(z|x): [B]."""
        sizes = self._pilot(batch, self._start(batch, fold_in(seed, 0)), fold_in(seed, 1))
        start = tf.repeat(z[None], self.count, axis=0)  # [K, B, D]
        return -np.asarray(self._backwards(batch, start, sizes, fold_in(seed, 2)))

    def _start(self, batch: Batch, seed: Tensor) -> Tensor:
        """Samples of the prior: [K, B, D]."""
        prior = self.vae.prior_given(batch.condition)
        return prior.sample(self.count if prior.batch_shape.rank else (self.count, len(batch.x)), seed=seed)

    def _chain(self, batch: Batch, start: Tensor, sizes: Tensor, seed: Tensor, backwards: bool) -> Tensor:
        """The logarithm of the mean weight of the chains: [B]."""
        prior = self.vae.prior_given(batch.condition)
        b, places = schedule(self.steps), np.arange(self.steps + 1) / self.steps
        if backwards:
            b, places = b[::-1], places[::-1]
        changes = tf.constant(np.diff(b), tf.float64)
        powers = tf.constant(b[1:], tf.float32)
        of_pilot = tf.constant(np.maximum(np.ceil(places[1:] * PILOT) - 1, 0), tf.int32)

        def step(number: Tensor, z: Tensor, log_w: Tensor) -> tuple[Tensor, ...]:
            log_w += changes[number] * tf.cast(self._log_likelihood(batch, z), tf.float64)
            size = sizes[of_pilot[number]]
            z, _ = self._moved(prior, batch, z, powers[number], size, fold_in(seed, number))
            return number + 1, z, log_w

        log_w = tf.zeros(start.shape[:-1], tf.float64)  # [K, B]
        *_, log_w = tf.while_loop(
            lambda number, *_: number < self.steps, step, (tf.constant(0), start, log_w), parallel_iterations=1
        )
        return tf.reduce_logsumexp(log_w, axis=0) - np.log(self.count)

    def _adapted(self, batch: Batch, start: Tensor, seed: Tensor) -> Tensor:
        """The sizes of steps for each example on the way from the prior: [PILOT, 1, B, 1].

        They follow the share of accepted proposals of chains that are not used for anything else, as weights are
        exact only where steps do not depend on where their own chain has been.
        """
        prior = self.vae.prior_given(batch.condition)
        powers = tf.constant(np.concatenate([np.zeros(AT_PRIOR), schedule(PILOT)[1:]]), tf.float32)

        def step(number: Tensor, z: Tensor, size: Tensor, sizes: tf.TensorArray) -> tuple[Any, ...]:
            z, log_ratio = self._moved(prior, batch, z, powers[number], size, fold_in(seed, number))
            accepted = tf.reduce_mean(tf.exp(tf.minimum(log_ratio, 0.0)), axis=0)[:, None]  # [B, 1]
            size *= tf.exp(RATE * (accepted - ACCEPTED))
            return number + 1, z, size, sizes.write(number, size)

        first = tf.fill((1, start.shape[1], 1), 0.1)
        *_, sizes = tf.while_loop(
            lambda number, *_: number < AT_PRIOR + PILOT,
            step,
            (tf.constant(0), start, first, tf.TensorArray(tf.float32, AT_PRIOR + PILOT)),
            parallel_iterations=1,
        )
        return sizes.stack()[AT_PRIOR:]

    def _moved(
        self, prior: Distribution, batch: Batch, z: Tensor, b: Tensor, size: Tensor, seed: Tensor
    ) -> tuple[Tensor, Tensor]:
        """A step at p_b: the next z [K, B, D], and the logarithm of the ratio that accepts it or not, [K, B]."""

        def log_prob(z: Tensor) -> Tensor:
            return prior.log_prob(z) + tf.math.multiply_no_nan(self._log_likelihood(batch, z), b)

        # The density at z is computed anew, as that of the step before has another b.
        kernel = tfm.HamiltonianMonteCarlo(log_prob, size, self.leapfrog_steps)
        moved, results = kernel.one_step(z, kernel.bootstrap_results(z), seed=seed)
        return moved, results.log_accept_ratio

    def _log_likelihood(self, batch: Batch, z: Tensor) -> Tensor:
        return self.vae.log_likelihood(batch.x, z, batch.condition, batch.observed)


def schedule(steps: int) -> Array:
    """The powers b of the likelihood: [steps + 1], from 0 to 1."""
    places = np.tanh(STEEPNESS * (np.arange(steps + 1) / steps - 0.5))
    return (places - places[0]) / (places[-1] - places[0])


def _importance_weighted(vae: VAE, batch: Batch, seed: Tensor) -> Array:
    """The importance-weighted bound with 1,000 samples of each example: [B]."""
    log_w = [
        vae.log_weights(batch.x, 100, fold_in(seed, part), batch.condition, batch.observed) for part in range(10)
    ]
    log_w = tf.cast(tf.concat(log_w, axis=0), tf.float64)  # [S, B]
    return np.asarray(tf.reduce_logsumexp(log_w, axis=0) - np.log(len(log_w)))


def simulated(vae: VAE, like: Batch, seed: Tensor) -> tuple[Batch, Tensor]:
    """As many examples of the model itself with the same conditions, and the z that each is made of."""
    prior = vae.prior_given(like.condition)
    z = prior.sample(() if prior.batch_shape.rank else len(like.x), seed=as_seed(fold_in(seed, 0)))  # [B, D]
    x = vae.likelihood(z, like.condition).sample(seed=fold_in(seed, 1))
    return Batch(x, like.condition), z
