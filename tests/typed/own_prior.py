"""A prior plugin, as its author writes it."""

from typing import Annotated, assert_type

import probvae
import tensorflow as tf
import tensorflow_probability as tfp
from annotated_types import Ge

tfd = tfp.distributions


@probvae.register("prior", "student_t")
class StudentT(probvae.Prior):
    """Independent Student-t distributions, batch [] and event [D].

    Args:
        latent_dim: D, the size of one latent.
        df: the degrees of freedom.
    """

    promises = probvae.Promises(tags=("xla",), cases=({"df": 1.0},))
    support: probvae.Support = probvae.REAL

    def __init__(self, latent_dim: Annotated[int, Ge(1)], df: probvae.PositiveFloat = 4.0) -> None:
        super().__init__()
        if df > 1e6:
            raise probvae.ConfigError(f"StudentT: expected df to be at most 1e6; got {df}.", parameter="df")
        self.df = df
        self.loc = tf.Variable(tf.zeros(latent_dim))

    def distribution(self) -> probvae.Distribution:
        """p(z): [], [D]."""
        return tfd.Independent(tfd.StudentT(self.df, self.loc, 1.0), reinterpreted_batch_ndims=1)


class Penalty(probvae.Objective):
    """-E_q[log p(x|z)] + weight E_q[|z|^2].

    Args:
        weight: of the penalty.
    """

    terms = ("penalty",)

    def __init__(self, weight: probvae.PositiveFloat = 1.0) -> None:
        self.weight = weight

    def __call__(
        self, vae: probvae.VAE, batch: probvae.Batch, seed: probvae.Seed, step: probvae.Tensor
    ) -> probvae.Losses:
        """The loss [B] and its terms [B]."""
        z, _ = probvae.sample_and_log_prob(vae.posterior(batch.x, batch.condition), 1, seed)
        penalty = tf.reduce_sum(z[0] ** 2, axis=-1)
        loss = self.weight * penalty - vae.log_likelihood(batch.x, z[0], batch.condition, batch.observed)
        return probvae.Losses(loss, {"penalty": penalty})


prior = StudentT(2, df=3.0)
assert_type(prior, StudentT)
assert_type(prior.df, float)
assert_type(prior.distribution(), probvae.Distribution)
assert_type(Penalty(), Penalty)
