"""The program, and what its tests write for it."""

import textwrap
from pathlib import Path

import numpy as np
import pytest

from ..program import forget_plugins
from ..program import program as run_program

SPEC = """\
schema = 1

[model]
latent_dim = 2

[model.encoder]
network.use = "conv"
network.filters = [8, 16]
posterior = { use = "diagonal_normal" }

[model.decoder]
network.use = "conv_transpose"
network.filters = [16, 8]
likelihood = { use = "bernoulli" }

[model.prior]
use = "mixture"
components = 4

[objective]
use = "elbo"

[data]
use = "fashion_mini"

[train]
epochs = 1
batch_size = 32
learning_rate = 1e-3
"""

TINY = """\
schema = 1

[model]
latent_dim = 2
encoder = { network = { use = "dense", hidden = [4] } }
decoder = { network = { use = "dense", hidden = [4] }, likelihood = { use = "bernoulli" } }
prior = { use = "standard_normal" }

[data]
use = "arrays"
train = "tiny.npy"

[train]
epochs = 1
batch_size = 16
jit = false

[evaluate]
samples = 3
"""


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory):
    """The user's cache, which all tests share."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, shared_cache):
    """A working folder and a registry of its own for each test, so that plugins do not meet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(shared_cache))
    monkeypatch.delenv("PROBVAE_DISABLE_PLUGINS", raising=False)
    forget_plugins()
    yield tmp_path
    forget_plugins()


@pytest.fixture
def program():
    """Runs `probvae ARGUMENTS` in this process, and returns how it ended."""
    return run_program


@pytest.fixture
def spec(folder):
    """Writes `spec.toml`: a right one, with some of its text replaced."""

    def write(*replacements: tuple[str, str], text: str = SPEC, name: str = "spec.toml") -> Path:
        for old, new in replacements:
            assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times in the spec"
            text = text.replace(old, new)
        path = folder / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def tiny(folder):
    """A spec that trains within a second, and its 40 binary images of 4 x 4 pixels."""
    np.save(folder / "tiny.npy", (np.random.default_rng(0).random((40, 4, 4)) < 0.5).astype(np.uint8))
    path = folder / "tiny.toml"
    path.write_text(TINY)
    return path


@pytest.fixture
def plugin(folder):
    """Writes a single-file plugin."""

    def write(name: str, source: str) -> Path:
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("import probvae\n" + textwrap.dedent(source))
        return path

    return write
