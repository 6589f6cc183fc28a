"""Wrong objectives."""

from math import log, prod
from typing import Annotated, ClassVar

import tensorflow as tf
import tensorflow_probability as tfp
from annotated_types import Ge, Le

from probvae.core import Losses, Objective, Positive, as_seed
from probvae.objectives import ELBO, IWAE, MIWAE, STL, BetaTC, DReG, InfoVAE, Rate, Renyi, SemiSupervised
from probvae.objectives.elbo import elbo_parts
from probvae.objectives.paths import log_weight_paths

tfd = tfp.distributions


def _parts(vae, x, seed):
    """log p(x|z) and log q(z|x) - log p(z), both [B], at one z ~ q(z|x)."""
    z, log_q = vae.posterior(x).experimental_sample_and_log_prob(seed=seed)  # [B, D], [B]
    return vae.decoder.likelihood(z).log_prob(x), log_q - vae.prior.distribution().log_prob(z)


class _ELBO(Objective):
    """The evidence lower bound, before anything is wrong with it."""

    terms: ClassVar[tuple[str, ...]] = ("negative_log_likelihood", "kl")
    bound = "tight"

    def __init__(self) -> None:
        pass

    def losses(self, loss, log_likelihood, kl):
        return Losses(loss, {"negative_log_likelihood": -log_likelihood, "kl": kl})


class SignFlipped(_ELBO):
    """It is the bound itself, to be maximised, where a loss is minimised."""

    def __call__(self, vae, batch, seed, step):
        log_likelihood, kl = _parts(vae, batch.x, as_seed(seed))
        return self.losses(log_likelihood - kl, log_likelihood, kl)


class DivergenceSubtracted(_ELBO):
    """The KL is subtracted from the loss, where it should be added."""

    def __call__(self, vae, batch, seed, step):
        log_likelihood, kl = _parts(vae, batch.x, as_seed(seed))
        return self.losses(-log_likelihood - kl, log_likelihood, kl)


class DivergenceReversed(_ELBO):
    """It takes KL(p || q) for KL(q || p)."""

    def __call__(self, vae, batch, seed, step):
        log_likelihood, _ = _parts(vae, batch.x, as_seed(seed))
        kl = tfd.kl_divergence(vae.prior.distribution(), vae.posterior(batch.x))
        return self.losses(kl - log_likelihood, log_likelihood, kl)


class DivergenceWithoutGradient(_ELBO):
    """The KL is stopped: its value is in the loss, and nothing learns from it."""

    def __call__(self, vae, batch, seed, step):
        log_likelihood, kl = _parts(vae, batch.x, as_seed(seed))
        return self.losses(tf.stop_gradient(kl) - log_likelihood, log_likelihood, kl)


class DivergenceOverTheBatchSize(_ELBO):
    """The KL is divided by the size of the batch."""

    def __call__(self, vae, batch, seed, step):
        log_likelihood, kl = _parts(vae, batch.x, as_seed(seed))
        kl = kl / tf.cast(tf.shape(batch.x)[0], tf.float32)
        return self.losses(kl - log_likelihood, log_likelihood, kl)


class BatchMean(_ELBO):
    """Every example gets the mean over the batch as its loss."""

    def __call__(self, vae, batch, seed, step):
        log_likelihood, kl = _parts(vae, batch.x, as_seed(seed))
        loss = tf.ones_like(kl) * tf.reduce_mean(kl - log_likelihood)
        return self.losses(loss, log_likelihood, kl)


class WeightsIgnored(_ELBO):
    """It declares that it couples rows, and its mean over the batch counts those that only fill it up."""

    couples_rows = True

    def __call__(self, vae, batch, seed, step):
        log_likelihood, kl = _parts(vae, batch.x, as_seed(seed))
        return self.losses(tf.reduce_mean(kl) - log_likelihood, log_likelihood, kl)


class BatchSum(_ELBO):
    """The loss is one number, the sum over the batch."""

    def __call__(self, vae, batch, seed, step):
        log_likelihood, kl = _parts(vae, batch.x, as_seed(seed))
        return self.losses(tf.reduce_sum(kl - log_likelihood), log_likelihood, kl)


class ScalarTerm(_ELBO):
    """A term is averaged over the batch already."""

    def __call__(self, vae, batch, seed, step):
        log_likelihood, kl = _parts(vae, batch.x, as_seed(seed))
        return self.losses(kl - log_likelihood, log_likelihood, tf.reduce_mean(kl))


class OtherTerms(_ELBO):
    """The names of its terms are not those that it declares."""

    def __call__(self, vae, batch, seed, step):
        log_likelihood, kl = _parts(vae, batch.x, as_seed(seed))
        return Losses(kl - log_likelihood, {"reconstruction": -log_likelihood, "kl": kl})


class MeanOverThePixels(_ELBO):
    """The log-likelihood is divided by the number of elements, so the loss is no bound."""

    def __call__(self, vae, batch, seed, step):
        log_likelihood, kl = _parts(vae, batch.x, as_seed(seed))
        log_likelihood = log_likelihood / prod(vae.event_shape)
        return self.losses(kl - log_likelihood, log_likelihood, kl)


class MeanDecoded(_ELBO):
    """The mean of the posterior is decoded instead of a sample."""

    def __call__(self, vae, batch, seed, step):
        _, kl = _parts(vae, batch.x, as_seed(seed))
        log_likelihood = vae.decoder.likelihood(vae.posterior(batch.x).mean()).log_prob(batch.x)
        return self.losses(kl - log_likelihood, log_likelihood, kl)


class TwiceTheDivergence(_ELBO):
    """It weighs the KL by two, and claims to be tight."""

    def __call__(self, vae, batch, seed, step):
        log_likelihood, kl = _parts(vae, batch.x, as_seed(seed))
        return self.losses(2 * kl - log_likelihood, log_likelihood, kl)


class HalfTheDivergence(_ELBO):
    """It weighs the KL by a half, and claims to be an upper bound."""

    bound = "upper"

    def __call__(self, vae, batch, seed, step):
        log_likelihood, kl = _parts(vae, batch.x, as_seed(seed))
        return self.losses(0.5 * kl - log_likelihood, log_likelihood, kl)


class SeedIgnored(_ELBO):
    """Latents are drawn from the global random state, whatever the seed."""

    def __call__(self, vae, batch, seed, step):
        log_likelihood, kl = _parts(vae, batch.x, None)
        return self.losses(kl - log_likelihood, log_likelihood, kl)


class SeedFixed(_ELBO):
    """Latents are drawn with one seed for all steps."""

    def __call__(self, vae, batch, seed, step):
        log_likelihood, kl = _parts(vae, batch.x, as_seed(0))
        return self.losses(kl - log_likelihood, log_likelihood, kl)


class CallsCounted(_ELBO):
    """The warm-up goes by a count of the calls kept in Python, not by the step, and a graph freezes it."""

    def __init__(self, warmup_steps: Positive = 100) -> None:
        self.warmup_steps = warmup_steps
        self.calls = 0

    def __call__(self, vae, batch, seed, step):
        self.calls += 1
        log_likelihood, kl = _parts(vae, batch.x, as_seed(seed))
        beta = min(1.0, self.calls / self.warmup_steps)
        return self.losses(beta * kl - log_likelihood, log_likelihood, kl)


class _IWAE(Objective):
    """The importance-weighted bound, before anything is wrong with it."""

    terms: ClassVar[tuple[str, ...]] = ("negative_elbo",)
    bound = "tight"

    def __init__(self, samples: Positive = 5) -> None:
        self.samples = samples


class NoLogOfSamples(_IWAE):
    """The importance-weighted bound is the log of the sum of the weights, not of their mean."""

    def __call__(self, vae, batch, seed, step):
        log_w = vae.log_weights(batch.x, self.samples, seed)
        return Losses(-tf.reduce_logsumexp(log_w, axis=0), {"negative_elbo": -tf.reduce_mean(log_w, axis=0)})


class OverTheBatch(_IWAE):
    """The importance weights are averaged over the batch instead of the samples."""

    def __call__(self, vae, batch, seed, step):
        log_w = vae.log_weights(batch.x, self.samples, seed)
        bound = tf.reduce_logsumexp(log_w, axis=1) - log(self.samples)
        return Losses(-bound, {"negative_elbo": -tf.reduce_mean(log_w, axis=0)})


class NaiveLogMeanExp(_IWAE):
    """The weights are exponentiated before their mean is taken, and underflow for ordinary images."""

    def __call__(self, vae, batch, seed, step):
        log_w = vae.log_weights(batch.x, self.samples, seed)
        bound = tf.math.log(tf.reduce_mean(tf.exp(log_w), axis=0))
        return Losses(-bound, {"negative_elbo": -tf.reduce_mean(log_w, axis=0)})


class StandardPrior(_ELBO):
    """The KL is that to a standard normal, whatever prior the model has."""

    def __call__(self, vae, batch, seed, step):
        z, log_q = vae.posterior(batch.x).experimental_sample_and_log_prob(seed=as_seed(seed))
        standard = tfd.MultivariateNormalDiag(tf.zeros(vae.latent_dim), tf.ones(vae.latent_dim))
        log_likelihood, kl = vae.decoder.likelihood(z).log_prob(batch.x), log_q - standard.log_prob(z)
        return self.losses(kl - log_likelihood, log_likelihood, kl)


class PriorStopped(_ELBO):
    """The prior's density is a constant of its variables: a learned prior never learns."""

    def __call__(self, vae, batch, seed, step):
        z, log_q = vae.posterior(batch.x).experimental_sample_and_log_prob(seed=as_seed(seed))
        here = tf.stop_gradient(z)
        with tf.GradientTape() as tape:
            tape.watch(here)
            log_p = vae.prior.distribution().log_prob(here)
        slope = tf.stop_gradient(tape.gradient(log_p, here))
        kl = log_q - tf.stop_gradient(log_p) - tf.reduce_sum(slope * (z - here), axis=-1)
        log_likelihood = vae.decoder.likelihood(z).log_prob(batch.x)
        return self.losses(kl - log_likelihood, log_likelihood, kl)


class DividedByTheStep(_ELBO):
    """Its warm-up divides by the step, which begins at 0."""

    def __call__(self, vae, batch, seed, step):
        log_likelihood, kl = _parts(vae, batch.x, as_seed(seed))
        weight = tf.exp(-1.0 / tf.cast(step, tf.float32)) * (tf.cast(step, tf.float32) / tf.cast(step, tf.float32))
        return self.losses(weight * kl - log_likelihood, log_likelihood, kl)


class VectorsOnly(_ELBO):
    """It sums log-likelihoods over axis 1: of a vector those are all, of an image one axis of three."""

    def __call__(self, vae, batch, seed, step):
        z, log_q = vae.posterior(batch.x).experimental_sample_and_log_prob(seed=as_seed(seed))
        kl = log_q - vae.prior.distribution().log_prob(z)
        log_likelihood = tf.reduce_sum(vae.decoder.likelihood(z).distribution.log_prob(batch.x), axis=1)
        return self.losses(kl - log_likelihood, log_likelihood, kl)


class NoiseSharedByRows(_ELBO):
    """Its noise has no batch axis: all examples of a batch get the same."""

    def __call__(self, vae, batch, seed, step):
        q = vae.posterior(batch.x)
        noise = tf.random.stateless_normal((1, vae.latent_dim), as_seed(seed))
        z = q.mean() + tf.linalg.matvec(tf.linalg.cholesky(q.covariance()), noise)
        log_likelihood, kl = (
            vae.decoder.likelihood(z).log_prob(batch.x),
            q.log_prob(z) - vae.prior.distribution().log_prob(z),
        )
        return self.losses(kl - log_likelihood, log_likelihood, kl)


class DivergenceOfMarginals(_ELBO):
    """The KL is that of the marginals, right for diagonal posteriors only, and it does not say so."""

    def __call__(self, vae, batch, seed, step):
        log_likelihood, _ = _parts(vae, batch.x, as_seed(seed))
        q, p = vae.posterior(batch.x), vae.prior.distribution()
        ratio, away = q.stddev() / p.stddev(), (q.mean() - p.mean()) / p.stddev()  # [B, D]
        kl = tf.reduce_sum(0.5 * (ratio**2 + away**2 - 1) - tf.math.log(ratio), axis=-1)
        return self.losses(kl - log_likelihood, log_likelihood, kl)


# A valid loss, or nearly one, that is not the one that was meant


class NormalisedWeightsTimesLogWeights(_IWAE):
    """The log weights are averaged with the normalised weights, which is no bound where q is nearly exact.

    The gradient of the importance-weighted bound has this form with the weights held fixed (Burda, Grosse,
    Salakhutdinov, 2016); its value is not that of the bound.
    """

    def __call__(self, vae, batch, seed, step):
        log_w = vae.log_weights(batch.x, self.samples, seed)
        loss = -tf.reduce_sum(tf.nn.softmax(log_w, axis=0) * log_w, axis=0)
        return Losses(loss, {"negative_elbo": -tf.reduce_mean(log_w, axis=0)})


class LargestLogWeight(_IWAE):
    """The bound is the largest of the log weights, as if the others were nothing and log S were none."""

    def __call__(self, vae, batch, seed, step):
        log_w = vae.log_weights(batch.x, self.samples, seed)
        return Losses(-tf.reduce_max(log_w, axis=0), {"negative_elbo": -tf.reduce_mean(log_w, axis=0)})


class OneSampleRepeated(_IWAE):
    """All importance samples of an example are one sample, so that the bound is the evidence lower bound."""

    def __call__(self, vae, batch, seed, step):
        log_w = tf.repeat(vae.log_weights(batch.x, 1, seed), self.samples, axis=0)
        bound = tf.reduce_logsumexp(log_w, axis=0) - log(self.samples)
        return Losses(-bound, {"negative_elbo": -tf.reduce_mean(log_w, axis=0)})


class MeanOutsideTheLog(IWAE):
    """The mean over the samples is taken outside of the logarithm: it is the evidence lower bound."""

    def __call__(self, vae, batch, seed, step):
        log_w = vae.log_weights(batch.x, self.samples, seed)
        loss = -tf.reduce_mean(log_w, axis=0)
        return Losses(loss, {"negative_elbo": loss})


class BoundAsTheElbo(_IWAE):
    """The term named negative_elbo is the importance-weighted bound."""

    def __call__(self, vae, batch, seed, step):
        bound = tf.reduce_logsumexp(vae.log_weights(batch.x, self.samples, seed), axis=0) - log(self.samples)
        return Losses(-bound, {"negative_elbo": -bound})


class TermsSwapped(_ELBO):
    """The two terms are returned under each other's names."""

    def __call__(self, vae, batch, seed, step):
        log_likelihood, kl = _parts(vae, batch.x, as_seed(seed))
        return Losses(kl - log_likelihood, {"negative_log_likelihood": kl, "kl": -log_likelihood})


class BetaIgnored(_ELBO):
    """The weight of the KL is taken and never used (AlexanderVNikitin/tsgm, issue #69)."""

    bound = None

    def __init__(self, beta: Annotated[float, Ge(0)] = 1.0) -> None:
        self.beta = beta

    def __call__(self, vae, batch, seed, step):
        log_likelihood, kl = _parts(vae, batch.x, as_seed(seed))
        return self.losses(kl - log_likelihood, log_likelihood, kl)


class WarmUpSquared(ELBO):
    """The warm-up grows with the square of the step where it should be linear."""

    def beta_at(self, step):
        return super().beta_at(step) ** 2 / max(self.beta, 1e-6)


class WarmUpInEpochs(ELBO):
    """The warm-up is over after as many steps as it should take epochs."""

    def __init__(
        self,
        beta: Annotated[float, Ge(0.5)] = 1.0,
        warmup_epochs: Annotated[float, Ge(0)] = 2,
        steps_per_epoch: int | None = None,
    ) -> None:
        super().__init__(beta=beta, warmup_epochs=warmup_epochs, steps_per_epoch=steps_per_epoch)

    def beta_at(self, step):
        return self.beta * tf.minimum(1.0, tf.cast(step, tf.float32) * 10 / max(self.warmup_steps, 1))


class FreeBitsAdded(ELBO):
    """The free nats are added to the KL where the larger of both should be taken."""

    def __init__(self, free_bits: Annotated[float, Ge(0)] = 1.0) -> None:
        super().__init__(free_bits=free_bits)

    def __call__(self, vae, batch, seed, step):
        _, terms = super().__call__(vae, batch, seed, step)
        return Losses(terms["negative_log_likelihood"] + terms["kl"] + self.free_bits, terms)


class WarmUpCycled(ELBO):
    """The weight of the KL starts again every 20 steps, where one warm-up was meant."""

    def __init__(self, warmup_steps: Positive = 10) -> None:
        super().__init__(warmup_epochs=warmup_steps, steps_per_epoch=1)

    def beta_at(self, step):
        return super().beta_at(tf.where(step < 10**6, step % 20, step))


class CyclesWithoutRest(ELBO):
    """Each cycle of the weight of the KL begins when the one before has reached its end, and not as long after."""

    def __init__(self, warmup_cycles: Positive = 3) -> None:
        super().__init__(warmup_epochs=1, warmup_cycles=warmup_cycles, steps_per_epoch=10)

    def beta_at(self, step):
        return super().beta_at(tf.where(step < 10**6, step % 10, step))


class FloorOfEachExample(ELBO):
    """The floor is of each latent's KL of each example, where it should be of the mean over the batch."""

    def __init__(self, free_bits: Annotated[float, Ge(2.0), Le(8.0)] = 4.0) -> None:
        super().__init__(free_bits=free_bits, free_bits_per="latent")

    def __call__(self, vae, batch, seed, step):
        _, log_likelihood, kl = elbo_parts(vae, batch, as_seed(seed), per="latent")  # [B], [B, D]
        terms = {"negative_log_likelihood": -log_likelihood, "kl": tf.reduce_sum(kl, axis=-1)}
        loss = tf.reduce_sum(tf.maximum(kl, self.free_bits), axis=-1) - log_likelihood
        return Losses(loss, terms | {"beta": tf.ones_like(loss)})


class OneTermWithItsOwnSeed(_ELBO):
    """The latents that are decoded are drawn with a constant seed, those of the KL with the one that is given."""

    def __call__(self, vae, batch, seed, step):
        log_likelihood, _ = _parts(vae, batch.x, as_seed(0))
        _, kl = _parts(vae, batch.x, as_seed(seed))
        return self.losses(kl - log_likelihood, log_likelihood, kl)


# Partly labelled data


class EntropyAdded(SemiSupervised):
    """The entropy of the classifier is added, where it should be subtracted: it is rewarded for certainty."""

    def __call__(self, vae, batch, seed, step):
        losses = super().__call__(vae, batch, seed, step)
        return Losses(losses.per_example + 2 * losses.terms["entropy"], losses.terms)


class ClassPriorDropped(SemiSupervised):
    """The loss is without -log p(y), as if a class had probability 1."""

    def __call__(self, vae, batch, seed, step):
        losses = super().__call__(vae, batch, seed, step)
        return Losses(losses.per_example - losses.terms["class_prior"], losses.terms)


class LabelsForTheClassifierOnly(SemiSupervised):
    """Also of examples with a label it takes the mean over all classes; the label goes into the last term only."""

    def __call__(self, vae, batch, seed, step):
        labelled = super().__call__(vae, batch, seed, step).terms["classification"]
        losses = super().__call__(vae, batch._replace(labels=-tf.ones_like(batch.labels)), seed, step)
        return Losses(losses.per_example + self.alpha * labelled, losses.terms | {"classification": labelled})


class MissingLabelsTakenAsTheLastClass(SemiSupervised):
    """A missing label, -1, is taken as an index from the end: the last class."""

    def __call__(self, vae, batch, seed, step):
        labels = tf.where(batch.labels == -1, tf.cast(vae.condition_dim - 1, tf.int64), batch.labels)
        return super().__call__(vae, batch._replace(labels=labels), seed, step)


class EachClassOfAnotherExample(SemiSupervised):
    """The losses of all examples given one class follow one another, and are taken as those of one example."""

    def _given_each_class(self, vae, batch, weights, seed, step):
        found = super()._given_each_class(vae, batch, weights, seed, step)
        return tf.nest.map_structure(lambda v: tf.reshape(tf.transpose(v), tf.shape(v)), found)


class ClassifierStopped(SemiSupervised):
    """The probabilities of the classes are constants in the mean of the losses, and carry no gradient."""

    def _given_each_class(self, vae, batch, weights, seed, step):
        found = super()._given_each_class(vae, batch, weights, seed, step)
        log_q = tf.nn.log_softmax(vae.labels(batch.x).logits_parameter())
        missing = tf.cast(batch.labels == -1, tf.float32)[:, None] / tf.maximum(weights, 1e-6)
        change = missing * (tf.stop_gradient(tf.exp(log_q)) - tf.exp(log_q)) * tf.stop_gradient(found.per_example)
        return Losses(found.per_example + change, found.terms)


# An estimator of a gradient that is biased, or no better than the plain one


class WeightsNotSquared(DReG):
    """The doubly reparameterized gradient weighs its samples by the normalised weights, not by their squares.

    It is also what the importance-weighted bound gives where only the parameters of q are stopped.
    """

    def __call__(self, vae, batch, seed, step):
        log_w, sample, _ = log_weight_paths(vae, batch, self.samples, seed)
        weights = tf.stop_gradient(tf.nn.softmax(log_w, axis=0))
        bound = tf.reduce_logsumexp(log_w, axis=0) - log(self.samples) + tf.reduce_sum(weights * sample, axis=0)
        return Losses(-bound, {"negative_elbo": -tf.reduce_mean(log_w, axis=0)})


class SampleStopped(STL):
    """In log q(z) the sample is stopped where the parameters of q should be."""

    def __call__(self, vae, batch, seed, step):
        z, _ = vae.posterior(batch.x).experimental_sample_and_log_prob(self.samples, seed=as_seed(seed))
        log_q = vae.posterior(batch.x).log_prob(tf.stop_gradient(z))
        kl = tf.reduce_mean(log_q - vae.prior.distribution().log_prob(z), axis=0)
        negative = -tf.reduce_mean(vae.decoder.likelihood(z).log_prob(batch.x), axis=0)
        return Losses(negative + kl, {"negative_log_likelihood": negative, "kl": kl})


class NoLessVariance(STL):
    """It claims less variance, and its gradient is the plain one."""

    def __call__(self, vae, batch, seed, step):
        losses = ELBO("monte_carlo", self.samples)(vae, batch, seed, step)
        return Losses(losses.per_example, {name: losses.terms[name] for name in self.terms})


# Bounds and parts of bounds that are not what they are named after


class RepeatsAndSamplesExchanged(MIWAE):
    """M and K are exchanged: the mean is over the samples of a bound, and the bound over the repeats."""

    def mean_bound(self, log_w):
        grouped = tf.reshape(log_w, (self.repeats, self.samples, -1))
        return tf.reduce_mean(tf.reduce_logsumexp(grouped, axis=0) - log(self.repeats), axis=0)


class OrderOfTheWrongSign(Renyi):
    """The exponent of the weights is alpha - 1 where it should be 1 - alpha."""

    def __call__(self, vae, batch, seed, step):
        log_w = vae.log_weights(batch.x, self.samples, seed)
        elbo, order = tf.reduce_mean(log_w, axis=0), self.alpha - 1.0
        bound = (tf.reduce_logsumexp(order * log_w, axis=0) - log(self.samples)) / order if order else elbo
        return Losses(-bound, {"negative_elbo": -elbo})


class DiagonalKept(InfoVAE):
    """The discrepancy takes each latent for a pair with itself, and so is biased (the V-statistic)."""

    def _mmd(self, vae, batch, z, seed):
        u = vae.sample_latents(tf.shape(z)[0], seed)
        return tf.reduce_mean(self._kernel(z, z) + self._kernel(u, u) - 2.0 * self._kernel(z, u))


class DataSizeForgotten(BetaTC):
    """The aggregate posterior is the mean over the batch, whatever the number of training examples."""

    def _log_shares(self, weights, same):
        count = tf.shape(weights)[0]
        return tf.math.log(tf.repeat((weights / tf.reduce_sum(weights))[:, None], count, axis=1))


class CorrelationOfTheWrongSign(BetaTC):
    """The total correlation is the sum over the marginals minus the joint."""

    def __call__(self, vae, batch, seed, step):
        losses = super().__call__(vae, batch, seed, step)
        change = -2.0 * self.beta * losses.terms["total_correlation"]
        terms = losses.terms | {"total_correlation": -losses.terms["total_correlation"]}
        return Losses(losses.per_example + change, terms)


class RateAtTheMean(Rate):
    """The density of the prior is taken at the mean of q(z|x), not at a sample: a prior is fitted to the means."""

    def __call__(self, vae, batch, seed, step):
        q = vae.posterior(batch.x)
        _, log_q = q.experimental_sample_and_log_prob(seed=as_seed(seed))  # [B]
        log_p = vae.prior_given().log_prob(q.mean())  # [B]
        return Losses(log_q - log_p, {"cross_entropy": -log_p, "posterior_entropy": -log_q})


class ObservedForgotten(IWAE):
    """The likelihood does not get the mask of the batch, so that missing elements are taken for zeros."""

    def __call__(self, vae, batch, seed, step):
        return super().__call__(vae, batch._replace(observed=None), seed, step)


class RowsForgotten(IWAE):
    """The prior does not get the rows of the training examples, so that none is left out."""

    def __call__(self, vae, batch, seed, step):
        return super().__call__(vae, batch._replace(rows=None), seed, step)
