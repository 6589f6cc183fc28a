"""What a spec refuses, a constructor refuses too."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

import probvae
from probvae import components as c
from probvae import data
from probvae.core import Metric, Positive, Prior
from probvae.errors import ConfigError, SpecError
from probvae.evaluation import EvaluateSettings
from probvae.objectives import SemiSupervised
from probvae.training import TrainSettings


@pytest.mark.parametrize(
    ("make", "parameter", "message"),
    [
        (lambda: c.Mixture(2, 0), "components", "Mixture: expected components to be an integer >= 1; got 0."),
        (lambda: probvae.VAE(c.Mixture(2), None, None), "encoder", "It is a prior: check the order of the argu"),
        (
            lambda: probvae.VAE("dense", None, None),
            "encoder",
            "Derive its class from probvae.Encoder.",
        ),
        (lambda: c.Mixture(2.5), "latent_dim", "Mixture: expected latent_dim to be an integer >= 1; got 2.5."),
        (lambda: c.Mixture(2, components=True), "components", "an integer >= 1; got True"),
        (lambda: c.Mixture(2, components="16"), "components", "an integer >= 1; got '16'"),
        (lambda: c.RealNVP(2, hidden=(8, 0)), "hidden", r"a list, each an integer >= 1; got \(8, 0\)"),
        (lambda: probvae.ELBO(kl="exakt"), "kl", "one of 'auto', 'exact', 'monte_carlo'; got 'exakt'"),
        (lambda: probvae.ELBO(beta=float("nan")), "beta", "a number >= 0; got nan"),
        (
            lambda: c.Normal((2,), initial_scale=1e-46),
            "initial_scale",
            "> 0; got 1e-46. Single precision makes it 0.",
        ),
        (lambda: SemiSupervised(probvae.ELBO(), 1.0, (1.0, 1e-46)), "class_frequencies", "a number > 0; got"),
        (lambda: c.Normal((2,), initial_scale=tf.ones(2)), "initial_scale", "a number > 0; got <tf.Tensor"),
        (
            lambda: c.NetworkEncoder(c.Dense(), "diagonal_normal", (4,)),
            "posterior",
            "a posterior; got 'diagonal_normal'",
        ),
        (
            lambda: c.NetworkEncoder(c.Dense(), c.Bernoulli((4,)), (4,)),
            "posterior",
            "to be a posterior; got <Bernoulli",
        ),
    ],
)
def test_a_constructor_refuses_what_its_annotations_do_not_allow(make, parameter, message):
    with pytest.raises(ConfigError, match=message) as error:
        make()
    assert error.value.parameter == parameter


def test_a_class_without_a_constructor_takes_no_arguments():
    class Plain(probvae.Objective):
        def __call__(self, vae, batch, seed, step): ...

    Plain()
    for arguments, keywords in (((1,), {}), ((), {"beta": 1.0})):
        with pytest.raises(TypeError, match=r"Plain\(\) takes no arguments"):
            Plain(*arguments, **keywords)


def test_numbers_and_shapes_of_the_libraries_are_taken():
    c.Mixture(np.int64(2), components=np.int32(3))
    c.NetworkEncoder(c.Dense(hidden=[4]), c.DiagonalNormal(2, scale_floor=np.float32(0.1)), tf.TensorShape([4]))
    c.Normal(np.array([2, 3]).tolist(), initial_scale=1)


def test_what_carries_no_annotation_is_left_to_the_class():
    class Free(Prior):
        def __init__(self, latent_dim, anything, unresolved: "Nowhere" = None):  # noqa: F821
            super().__init__()

        def distribution(self):
            return None

    Free("two", anything=object(), unresolved=3)
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        Free(2)


def test_settings_refuse_what_a_spec_refuses_in_the_same_words():
    for make, parameter, expected, got in (
        (lambda: TrainSettings(epochs=-3), "epochs", "an integer >= 1", "-3"),
        (lambda: TrainSettings(20, 128, True), "learning_rate", "a number > 0", "True"),
        (lambda: replace(TrainSettings(), jit="maybe"), "jit", "one of 'auto', True, False", "'maybe'"),
        (lambda: EvaluateSettings(samples="100"), "samples", "an integer >= 1", "'100'"),
    ):
        with pytest.raises(ConfigError, match=f"expected {parameter} to be {expected}; got {got}"):
            make()
    spec = {"schema": 1, "train": {"epochs": -3}}
    with pytest.raises(SpecError, match=r"train\.epochs: expected an integer >= 1; got -3"):
        probvae.build(spec)


def test_datasets_and_metrics_are_checked_too():
    class Count(Metric):
        def __init__(self, bins: Positive = 10) -> None:
            self.bins = bins

        def __call__(self, vae, data, seed):
            return {"bins": (self.bins, None)}

    assert Count(3).bins == 3
    with pytest.raises(ConfigError, match="Count: expected bins to be an integer >= 1; got 0"):
        Count(0)
    with pytest.raises(ConfigError, match=r"Arrays: expected share to be a number >= 0 and < 0\.5; got 0\.7"):
        data.Arrays("x.npy", share=0.7)


def test_a_large_array_is_not_written_out_to_be_checked():
    class Start(Prior):
        def __init__(self, latent_dim: int, examples: npt.NDArray[Any]) -> None:
            super().__init__()

        def distribution(self):
            raise NotImplementedError

    class Unreadable(np.ndarray):
        def tolist(self):
            raise AssertionError("written out")

    Start(2, np.zeros(3).view(Unreadable))
