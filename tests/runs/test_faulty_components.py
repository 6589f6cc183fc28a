"""A component that fails in the middle of a run is reported in one line, and the folder can be used again."""

import pytest

from probvae.errors import SpecError, WorkError

from .setups import spec, tiny_images, train

pytestmark = pytest.mark.traced

SOURCE = """
import os, sys
import probvae, tensorflow as tf
from probvae.components import StandardNormal

class Odd(BaseException):
    pass

def fail(where):
    if os.environ.get("FAULT") == where:
        exec(os.environ["BY"])
        raise KeyError("absent")

@probvae.register("prior", "normal")
class Normal(StandardNormal):
    def __init__(self, latent_dim: int):
        fail("building")
        super().__init__(latent_dim)

    def distribution(self):
        fail("drawing" if tf.executing_eagerly() else "tracing")
        return super().distribution()

@probvae.register("objective", "elbo")
class Objective(probvae.ELBO):
    def __call__(self, vae, batch, seed, step):
        if os.environ.get("FAULT") == "running":
            tf.debugging.assert_less(tf.cast(step, tf.int32), 2, message="too late")
        return super().__call__(vae, batch, seed, step)
"""


@pytest.fixture
def failing(tmp_path, monkeypatch):
    """Trains with a component that fails somewhere, and returns the message."""
    plugin = tmp_path / "faulty.py"
    plugin.write_text(SOURCE)
    given = spec(tiny_images(tmp_path), epochs=1)
    given["model"]["prior"] = {"use": "faulty.normal"}
    given["objective"] = {"use": "faulty.elbo"}

    def run(fault, by="", kind=WorkError):
        monkeypatch.setenv("FAULT", fault)
        monkeypatch.setenv("BY", by)
        with pytest.raises(kind) as error:
            train(given, tmp_path / "run", plugins=[plugin])
        message = str(error.value)
        assert "\n" not in message
        assert len(message) < 400
        return message

    return run


def line_of(text):
    return 1 + SOURCE[: SOURCE.index(text)].count("\n")


@pytest.mark.parametrize("fault", ["building", "drawing"])
@pytest.mark.parametrize(
    ("by", "words"), [("", "KeyError: 'absent'"), ("sys.exit(5)", "SystemExit: 5"), ("raise Odd('no')", "Odd: no")]
)
def test_a_component_that_cannot_be_built_is_named_with_its_line(fault, by, words, failing):
    message = failing(fault, by, SpecError)
    assert "model" in message
    assert words in message
    assert "faulty.py, line" in message


def test_a_component_that_fails_in_training_is_reported_in_one_line_each_time(failing):
    """While it is traced, by whatever it raises, and while it runs; each time in the same folder."""
    assert f"KeyError: 'absent' (faulty.py, line {line_of('raise KeyError')})" in failing("tracing")
    assert "SystemExit: 5 (faulty.py, " in failing("tracing", "sys.exit(5)")
    message = failing("running")
    assert "too late" in message
    assert f"(faulty.py, line {line_of('tf.debugging')})" in message
