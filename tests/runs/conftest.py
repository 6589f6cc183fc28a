"""What tests of runs share."""

import pytest


@pytest.fixture(scope="module")
def undrawn():
    """Trainings of a test file draw no figures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("probvae.runs.training.draw_figures", lambda *_: None)
        yield
