"""Packages list their names and load them on first use; stubs give type checkers the same names."""

import importlib.util
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import probvae
from probvae._lazy import lazy

ROOT = Path(__file__).parents[1]

PACKAGES = [
    "probvae",
    "probvae.components",
    "probvae.data",
    "probvae.objectives",
    "probvae.report",
    "probvae.runs",
    "probvae.testing",
]


@pytest.fixture(scope="module")
def stubs():
    spec = importlib.util.spec_from_file_location("stubs", ROOT / "tools" / "stubs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("package", PACKAGES)
def test_dir_shows_the_public_names_and_each_of_them_loads(package):
    module = importlib.import_module(package)
    assert set(module.__all__) <= set(dir(module))
    assert all(getattr(module, name) is not None for name in module.__all__)
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'"):
        _ = module.nothing


def test_public_packages_load_on_first_use_and_are_listed():
    code = "import probvae; print(probvae.report.samples.__name__, probvae.components.Mixture.__name__)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["samples", "Mixture"]
    assert {"report", "components"} <= set(dir(probvae))
    assert set(probvae.PACKAGES) == PUBLIC


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_has_the_name_of_a_lazy_name(package):
    """An import of such a module would replace the name."""
    module = importlib.import_module(package)
    assert not {found.name for found in pkgutil.iter_modules(module.__path__)} & set(module.__all__)


def test_listing_the_names_imports_no_tensorflow():
    code = (
        f"import sys; [dir(__import__(p, fromlist=['_'])) for p in {PACKAGES}]; print('tensorflow' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_every_lazy_package_is_here(stubs):
    assert [".".join(folder.relative_to(ROOT).parts) for folder in stubs.lazy_packages()] == PACKAGES


def test_the_stubs_are_those_of_the_tables(stubs):
    for folder in stubs.lazy_packages():
        assert (folder / "__init__.pyi").read_text() == stubs.stub(folder), "run python tools/stubs.py"


@pytest.mark.parametrize("target", ["probvae.nowhere:Thing", "probvae.core:Nothing"])
def test_no_stub_is_written_for_a_name_that_cannot_be_loaded(target, stubs, monkeypatch):
    monkeypatch.setattr(probvae, "TARGETS", [*probvae.TARGETS, target])
    with pytest.raises(SystemExit, match=f"{target}: expected a name that can be imported; got "):
        stubs.stub(ROOT / "probvae")


# What is public


OUTSIDE = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *(
        path
        for folder in ("plugins", "examples", "probvae/scaffold/template", "probvae/scaffold/examples")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in (".py", ".md", ".template", ".toml")
    ),
]


PUBLIC = {"components", "data", "errors", "objectives", "registry", "report", "testing"}


def test_plugins_templates_and_documentation_use_public_modules_only():
    assert len(OUTSIDE) > 30
    texts = {path: path.read_text(encoding="utf-8") for path in OUTSIDE}
    imported = {
        (path.name, module)
        for path, text in texts.items()
        for module in re.findall(r"^ *(?:from|import) probvae\.([\w.]+)", text, re.M)
        if "tests" not in path.parts
    }
    assert {place for place in imported if place[1] not in PUBLIC} == set()
    assert [path for path, text in texts.items() if "probvae.core" in text] == []


def test_every_public_name_is_documented():
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    rows = "".join(line for line in page.splitlines() if line.startswith("|"))
    assert set(re.findall(r"`(\w+)[`(]", rows)) >= set(probvae.__all__)
    public = {name: getattr(probvae, name) for name in probvae.__all__}
    assert [name for name, found in public.items() if callable(found) and not inspect.getdoc(found)] == []


def test_two_classes_of_one_name_in_a_package_are_refused():
    targets = ["probvae.components.priors.laplace:Laplace", "probvae.components.likelihoods.laplace:Laplace"]
    with pytest.raises(ValueError, match=r"expected names that differ; got 'Laplace' from \S+priors\.laplace and"):
        lazy("probvae.components", targets)
