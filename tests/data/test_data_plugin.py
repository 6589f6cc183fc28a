import subprocess
import sys

import pytest

import probvae.data
from probvae.core import Dataset
from probvae.data import plugin

NAMES = ["fashion_mini", "fashion_mnist", "mnist", "kmnist", "arrays", "images", "table", "anndata", "given"]


def test_importing_the_package_and_its_plugin_imports_no_tensorflow():
    heavy = ("tensorflow", "keras", "tensorflow_probability", "numpy", "pooch")
    code = f"import sys, probvae.data, probvae.data.plugin; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_the_front_door_opens_to_every_name_it_lists():
    for name in probvae.data.__all__:
        assert getattr(probvae.data, name).__doc__
    with pytest.raises(AttributeError, match="Cifar"):
        _ = probvae.data.Cifar


def test_the_plugin_registers_datasets_that_can_be_loaded():
    specs = plugin.probvae_components()
    assert [spec.name for spec in specs] == NAMES
    for spec in specs:
        assert spec.kind == "dataset"
        assert issubclass(spec.load(), Dataset)
        assert spec.summary()
