"""The components keep the contracts of their kinds."""

import pytest
from probvae.testing import contract


@contract("posterior", "hyperspherical.von_mises_fisher")
def test_the_von_mises_fisher_posterior_keeps_its_contract(check):
    check()


@contract("prior", "hyperspherical.uniform")
def test_the_uniform_prior_keeps_its_contract(check):
    check()


@pytest.mark.slow
@contract("posterior", "hyperspherical.von_mises_fisher", profile="deep")
def test_the_von_mises_fisher_posterior_keeps_its_contract_at_length(check):
    check()
