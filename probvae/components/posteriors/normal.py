"""Normal posteriors: diagonal, and with a full covariance."""

from __future__ import annotations

import tensorflow as tf
import tensorflow_probability as tfp

from probvae.components.scales import FLOOR, soft_clip, softplus_scale
from probvae.core import Distribution, Positive, PositiveFloat, PosteriorHead, Tensor, normal_noise
from probvae.errors import ConfigError

tfd = tfp.distributions


class _Normal(tfd.Normal):  # type: ignore
    """A normal whose numbers come row by row, and the same with XLA as without."""

    def _sample_n(self, n: Tensor, seed: Tensor = None) -> Tensor:
        shape = tf.concat([[n], tf.shape(self.loc)], axis=0)
        noise = normal_noise(shape, tfp.random.sanitize_seed(seed))
        return self.loc + self.scale * tf.ensure_shape(noise, [None, *self.loc.shape])


class _RowByRow:
    """A multivariate normal that draws all numbers of one row before those of the next.

    TensorFlow Probability draws one dimension of all rows after the other. Then what a row gets depends on how
    many rows there are, and replicas that share a batch could not draw what a single device does.
    """

    _standard: Distribution | None = None

    @property
    def distribution(self) -> Distribution:
        """The standard normal that is transformed: [B], [D]. TFP asks for it many times; it is made once."""
        if self._standard is not None:
            return self._standard
        loc = self.loc  # type: ignore[attr-defined]
        standard = tfd.Independent(_Normal(tf.zeros_like(loc), 1.0), reinterpreted_batch_ndims=1)
        here = None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
        if getattr(loc, "graph", None) is here:  # then it can be used wherever loc can
            self._standard = standard
        return standard


class MultivariateNormalDiag(_RowByRow, tfd.MultivariateNormalDiag):  # type: ignore
    """With noise row by row."""


class MultivariateNormalTriL(_RowByRow, tfd.MultivariateNormalTriL):  # type: ignore
    """With noise row by row."""


class DiagonalNormal(PosteriorHead):
    """A normal with a diagonal covariance, batch [B] and event [D].

    q(z|x) = N(z; loc(x), diag(scale(x)²)), with scale = softplus(raw + 1e-5) + scale_floor, or, where a
    log_variance_range is given, log scale² = raw, clipped softly to that range. A hard clip, as in the experiments
    of Tomczak and Welling, VAE with a VampPrior, 2018, has no gradient outside: with the range [-4, -3] a network
    whose outputs begin near 0 would never learn a scale.

    Args:
        latent_dim: D, the size of one latent.
        scale_floor: the smallest scale of the softplus form; 1e-4 if not given.
        log_variance_range: the lowest and highest log-variance; takes the place of the softplus form.

    Raises:
        ConfigError: both forms are given, or the range is empty.
    """

    def __init__(
        self,
        latent_dim: Positive,
        scale_floor: PositiveFloat | None = None,
        log_variance_range: tuple[float, float] | None = None,
    ) -> None:
        super().__init__()
        if scale_floor is not None and log_variance_range is not None:
            raise ConfigError(
                "diagonal_normal posterior: scale_floor has no effect with log_variance_range, whose lower end "
                "is the floor. Give one of them.",
                parameter="scale_floor",
            )
        if log_variance_range is not None and log_variance_range[0] >= log_variance_range[1]:
            raise ConfigError(
                "diagonal_normal posterior: expected log_variance_range = [low, high] with low < high; got "
                f"{list(log_variance_range)}.",
                parameter="log_variance_range",
            )
        self.output_shape = (2 * latent_dim,)
        self.scale_floor = FLOOR if scale_floor is None else scale_floor
        self.log_variance_range = log_variance_range

    def posterior(self, outputs: Tensor) -> Distribution:
        """q(z|x) from outputs [..., 2 D]: [...], [D]."""
        loc, raw = tf.split(outputs, 2, axis=-1)  # [B, D] each
        if self.log_variance_range is None:
            scale = softplus_scale(raw, self.scale_floor)
        else:
            scale = tf.exp(0.5 * soft_clip(raw, *self.log_variance_range))
        return MultivariateNormalDiag(loc, scale)  # [B], [D]


class FullCovarianceNormal(PosteriorHead):
    """A normal with a full covariance, batch [B] and event [D].

    q(z|x) = N(z; loc(x), L(x) L(x)ᵀ), with L lower triangular and its diagonal softplus(raw + 1e-5) +
    scale_floor.

    Args:
        latent_dim: D, the size of one latent.
        scale_floor: the smallest diagonal entry of L.
    """

    def __init__(self, latent_dim: Positive, scale_floor: PositiveFloat = FLOOR) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.scale_floor = scale_floor
        self.output_shape = (latent_dim + latent_dim * (latent_dim + 1) // 2,)

    def posterior(self, outputs: Tensor) -> Distribution:
        """q(z|x) from outputs [B, D + D (D + 1) / 2]: [B], [D]."""
        loc, raw = outputs[..., : self.latent_dim], outputs[..., self.latent_dim :]
        triangle = tfp.math.fill_triangular(raw)  # [B, D, D]
        diagonal = softplus_scale(tf.linalg.diag_part(triangle), self.scale_floor)  # [B, D]
        return MultivariateNormalTriL(loc, tf.linalg.set_diag(triangle, diagonal))  # [B], [D]
