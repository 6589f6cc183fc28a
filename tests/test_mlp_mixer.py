"""The example of a custom network: for encoders and decoders, with any head."""

from pathlib import Path

import numpy as np
import pytest

import probvae
from probvae import testing
from probvae.registry import default
from probvae.testing import Case, Subject
from probvae.testing.runner import run

from .brief import in_turn

FILE = Path(__file__).parents[1] / "examples" / "mlp_mixer.py"
E = (7, 9, 2)


@pytest.fixture(scope="module")
def registry():
    default.cache_clear()
    default().load_file(FILE)
    yield default()
    default.cache_clear()


CHECKS = [check for check in testing.iter_checks("network") if check.tag is None]
LONG = ("restores_in_a_fresh_process",)
"""What `restores` does too, but for the process."""


@pytest.mark.parametrize(
    "check",
    [pytest.param(one, marks=pytest.mark.slow if one.name in LONG else (), id=one.name) for one in CHECKS],
)
def test_it_keeps_the_contract_of_networks(check, registry):
    subject = Subject("network", "mlp_mixer.mixer", registry)
    result = run(in_turn(check, subject), subject)
    assert result.ok, str(result)


@pytest.mark.parametrize(
    "head", ["diagonal_normal", pytest.param("full_covariance_normal", marks=pytest.mark.slow)]
)
def test_an_encoder_of_it_keeps_its_contract_with_any_posterior(head, registry):
    holds("encoder", {"posterior": {"use": head}}, registry)


@pytest.mark.parametrize("head", ["bernoulli", pytest.param("normal", marks=pytest.mark.slow)])
def test_a_decoder_of_it_keeps_its_contract_with_any_likelihood(head, registry):
    holds("decoder", {"likelihood": {"use": head}}, registry)


OF_PARTS = {
    "shapes", "finite", "owns_its_variables", "learns", "graph_equals_eager", "rows_do_not_mix",
    "leading_axes_are_rows", "every_part_of_an_example_is_read", "elements_are_no_copies", "restores",
}  # fmt: skip


def holds(kind, head, registry):
    """The checks that concern the network hold for an image of a size that no patch divides."""
    network = {"use": "mlp_mixer.mixer", "features": 8}
    case = Case({"network": network, **head}, event_shape=E, perturbation=0.1)
    subject = Subject(kind, "network", registry)
    for check in testing.iter_checks(kind):
        if check.name in OF_PARTS:
            check(subject, case)


def test_a_model_of_it_is_built_from_a_spec(registry):
    network = {"use": "mlp_mixer.mixer", "features": 4, "depth": 1}
    spec = {
        "schema": 1,
        "model": {
            "latent_dim": 2,
            "encoder": {"network": network},
            "decoder": {"network": network, "likelihood": {"use": "bernoulli"}},
            "prior": {"use": "standard_normal"},
        },
        "data": {"use": "fashion_mini"},
    }
    built = probvae.build(spec)
    x = np.zeros((3, 28, 28, 1), np.float32)
    assert getattr(built, "vae", built).reconstruct(x, seed=0).shape == x.shape
