"""What tests of sweeps share."""

import io

import pytest
from rich.console import Console

import probvae
from probvae.registry import Registry

from ..setups import spec, tiny_images
from .fakes import faked


@pytest.fixture
def training(monkeypatch):
    """A training that takes no time."""
    return faked(monkeypatch)


@pytest.fixture
def base(tmp_path):
    """A spec of tiny images."""
    return spec(tiny_images(tmp_path), epochs=4)


@pytest.fixture
def swept(tmp_path, base):
    """Sweeps over the spec, in one folder; returns the results, and what was printed as `swept.text`."""

    def run(**options):
        text = io.StringIO()
        console = Console(file=text, width=200, highlight=False, force_terminal=options.pop("terminal", False))
        try:
            return probvae.sweep(
                options.pop("spec", base),
                out=options.pop("out", tmp_path / "sweep"),
                console=console,
                registry=Registry(),
                **options,
            )
        finally:
            run.text = text.getvalue()

    return run
