"""Priors that the tests of the runner check; in a file, so that another process finds them."""

from typing import Annotated

import tensorflow as tf
import tensorflow_probability as tfp
from annotated_types import Ge

from probvae.core import Positive, Prior, Promises
from probvae.errors import ConfigError

tfd = tfp.distributions


class Right(Prior):
    """A normal with a learned location."""

    promises = Promises(tags=("xla", "reparameterized"))

    def __init__(self, latent_dim: Positive) -> None:
        super().__init__()
        self.loc = tf.Variable(tf.zeros(latent_dim))

    def distribution(self):
        return tfd.MultivariateNormalDiag(self.loc, tf.ones_like(self.loc))


class WrongAboveTwo(Prior):
    """A normal that forgets to sum over its event, if it has more than two parts."""

    def __init__(self, latent_dim: Positive, parts: Positive = 2, other: Annotated[int, Ge(0)] = 0) -> None:
        super().__init__()
        self.loc, self.parts = tf.Variable(tf.zeros(latent_dim)), parts

    def distribution(self):
        if self.parts > 2:
            return tfd.Normal(self.loc, 1.0)
        return tfd.MultivariateNormalDiag(self.loc, tf.ones_like(self.loc))


class ExpectedToFail(WrongAboveTwo):
    promises = Promises(expected_failures={"shapes": "Its third part is unfinished."})


class ExpectedButRight(Right):
    promises = Promises(expected_failures={"shapes": "It was wrong once."})


class ExpectsNothingReal(Right):
    promises = Promises(expected_failures={"shape": "A misspelt check."})


class RefusesEverything(Right):
    def __init__(self, latent_dim: Positive) -> None:
        raise ConfigError("RefusesEverything: expected another day; got this one.")


class NeedsTwo(Right):
    """A prior of at least two latents."""

    def __init__(self, latent_dim: Positive) -> None:
        if latent_dim < 2:
            raise ConfigError(f"NeedsTwo: expected latent_dim = 2 or more; got {latent_dim}.")
        super().__init__(latent_dim)


class OnlyCases(Right):
    """A prior of which no configuration can be drawn."""

    promises = Promises(cases=({"path": "a"},))

    def __init__(self, latent_dim: Positive, path: str) -> None:
        super().__init__(latent_dim)


class MisspeltTag(Right):
    promises = Promises(tags=("reparametrized",))


class MisspeltCase(Right):
    promises = Promises(cases=({"latnt": 1},))


class PromisesAsTable(Right):
    promises = {"tags": ("xla",)}


class NoSuper(Right):
    def __init__(self, latent_dim: Positive) -> None:
        self.loc = tf.Variable(tf.zeros(latent_dim))


class Fussy(Right):
    """Two parameters exclude each other, and it says which."""

    def __init__(self, latent_dim: Positive, one: Positive | None = None, other: Positive | None = None) -> None:
        super().__init__(latent_dim)
        if one is not None and other is not None:
            raise ConfigError("Fussy: one has no meaning beside other.", parameter="one")
