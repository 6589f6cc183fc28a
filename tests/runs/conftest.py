"""What tests of runs share."""

import pytest

from .setups import spec, tiny_images, train


@pytest.fixture(scope="module")
def undrawn():
    """Trainings of a test file draw no figures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("probvae.runs.training.draw_figures", lambda *_: None)
        yield


@pytest.fixture(scope="session")
def trained_once(tmp_path_factory):
    """A run of a small dense model of three epochs, with its figures, which tests leave as it is."""
    folder = tmp_path_factory.mktemp("trained_once")
    return train(spec(tiny_images(folder), "mixture"), folder / "tiny")[0]
