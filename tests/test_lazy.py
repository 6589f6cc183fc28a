"""Packages list their names and load them on first use."""

import subprocess
import sys

import pytest

PACKAGES = [
    "probvae",
    "probvae.components",
    "probvae.data",
    "probvae.objectives",
    "probvae.report",
    "probvae.runs",
    "probvae.testing",
]


@pytest.mark.parametrize("package", PACKAGES)
def test_dir_shows_the_public_names_and_each_of_them_loads(package):
    module = __import__(package, fromlist=["_"])
    assert set(module.__all__) <= set(dir(module))
    assert all(getattr(module, name) is not None for name in module.__all__)
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'"):
        _ = module.nothing


def test_listing_the_names_imports_no_tensorflow():
    code = (
        f"import sys; [dir(__import__(p, fromlist=['_'])) for p in {PACKAGES}]; print('tensorflow' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
