"""log p(x) by annealed importance sampling, which does not depend on the encoder."""

from __future__ import annotations

from functools import partial
from typing import Annotated

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
"""The share of accepted proposals to which the step size is adapted."""
ADAPTATION = 80
"""The number of steps that adapt it."""


LARGE_GAP = 1.0
"""The gap between both bounds, in nats, above which a note says that the chains are too short."""


class AnnealedImportance(Metric):
    """log p(x) by annealed importance sampling from the prior to the posterior, and a bound from above.

    p_b(z) ∝ p(z) p(x|z)^b for b = 0, 1/steps, ..., 1: a chain starts with z ~ p(z), and takes a step of
    Hamiltonian Monte Carlo at each b; the mean of its weights is p(x) (Neal, Annealed importance sampling, 2001).
    The encoder only helps to find the size of the steps. So it checks an importance-weighted bound, which needs
    an encoder that covers p(z|x); `difference` is by how much it is above that of 1,000 samples on the same test
    examples.

    Of examples that the model draws itself an exact sample of p(z|x) is known, the z that they are made of. The
    reverse chain from there bounds log p(x) from above in mean, as the chain from the prior does from below
    (Grosse, Ancha and Roy, Measuring the reliability of MCMC inference with bidirectional Monte Carlo, 2016).
    `simulated_gap`, what is left between both, says how exact the method is with these settings.

    Args:
        max_examples: at most this number of the test examples, the first, are taken, and as many are simulated.
        chains: K, for each example; the logarithm of the mean of their weights is taken.
        steps: the number of distributions between the prior and the posterior.
        leapfrog_steps: the number of gradients that each of their steps takes.
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
        test, noise = next(chunks(data.test, seed, rows))
        chains = Chains(vae, self.chains, self.steps, self.leapfrog_steps)
        below = chains.from_prior(test, fold_in(noise, 0))
        weighted = _importance_weighted(vae, test, fold_in(noise, 1))
        batch, z = simulated(vae, test, fold_in(noise, 2))
        lower = chains.from_prior(batch, fold_in(noise, 3))
        upper = chains.from_posterior(batch, z, fold_in(noise, 4))
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


class Chains:
    """Bounds on log p(x) by chains between the prior and the posterior of a model.

    Args:
        vae: the model.
        count: K, for each example.
        steps: the number of distributions on the way.
        leapfrog_steps: the number of gradients that each step takes.
    """

    def __init__(self, vae: VAE, count: int, steps: int, leapfrog_steps: int) -> None:
        self.vae = vae
        self.count = count
        self.steps = steps
        self.leapfrog_steps = leapfrog_steps
        self._step_size = tf.function(without_autograph(self._adapted, vae))
        self._forwards = tf.function(without_autograph(partial(self._chain, backwards=False), vae))
        self._backwards = tf.function(without_autograph(partial(self._chain, backwards=True), vae))

    def from_prior(self, batch: Batch, seed: Tensor) -> Array:
        """A lower bound in mean on log p(x) of each example: [B]."""
        prior = self.vae.prior_given(batch.condition)
        shape = self.count if prior.batch_shape.rank else (self.count, len(batch.x))
        start = prior.sample(shape, seed=fold_in(seed, 0))  # [K, B, D]
        step_size = self._step_size(batch, fold_in(seed, 1))
        return np.asarray(self._forwards(batch, start, step_size, fold_in(seed, 2)))

    def from_posterior(self, batch: Batch, z: Tensor, seed: Tensor) -> Array:
        """An upper bound in mean on log p(x) of each example, from samples z [B, D] of p(z|x): [B]."""
        step_size = self._step_size(batch, fold_in(seed, 1))
        start = tf.repeat(z[None], self.count, axis=0)  # [K, B, D]
        return -np.asarray(self._backwards(batch, start, step_size, fold_in(seed, 2)))

    def _chain(self, batch: Batch, start: Tensor, step_size: Tensor, seed: Tensor, backwards: bool) -> Tensor:
        """The logarithm of the mean weight of the chains: [B]."""
        ends = (partial(self._log_prior, batch), partial(self._log_joint, batch))
        _, log_w, _ = tfm.sample_annealed_importance_chain(
            self.steps,
            *(reversed(ends) if backwards else ends),
            start,
            lambda target: tfm.HamiltonianMonteCarlo(target, step_size, self.leapfrog_steps),
            parallel_iterations=1,
            seed=seed,
        )  # [K, B]
        return tf.reduce_logsumexp(tf.cast(log_w, tf.float64), axis=0) - np.log(self.count)

    def _adapted(self, batch: Batch, seed: Tensor) -> Tensor:
        """The step size for each example, [1, B, 1], at which `ACCEPTED` of the proposals at p(z|x) are."""
        kernel = tfm.SimpleStepSizeAdaptation(
            tfm.HamiltonianMonteCarlo(
                partial(self._log_joint, batch), tf.fill([1, batch.x.shape[0], 1], 0.1), self.leapfrog_steps
            ),
            num_adaptation_steps=ADAPTATION,
            target_accept_prob=ACCEPTED,
            adaptation_rate=0.1,
        )
        start = self.vae.posterior(batch.x, batch.condition).sample(self.count, seed=fold_in(seed, 0))
        last = tfm.sample_chain(
            1,
            start,
            kernel=kernel,
            num_burnin_steps=ADAPTATION,
            trace_fn=None,
            return_final_kernel_results=True,
            seed=fold_in(seed, 1),
        )
        return last.final_kernel_results.new_step_size

    def _log_prior(self, batch: Batch, z: Tensor) -> Tensor:
        return self.vae.prior_given(batch.condition).log_prob(z)

    def _log_joint(self, batch: Batch, z: Tensor) -> Tensor:
        return self.vae.log_joint(batch.x, z, batch.condition, batch.observed)


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
