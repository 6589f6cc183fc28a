"""A world of its own for each test: a folder on the path, with real distributions and files in it."""

import importlib
import sys
import textwrap
from pathlib import Path

import pytest

from probvae.registry import Registry, default

HEADER = "from probvae.registry import ComponentSpec, hookimpl, register\n"


class World:
    """Distributions are written to `site`, single files to `files`."""

    def __init__(self, folder):
        self.site = folder / "site"
        self.files = folder / "files"
        self.site.mkdir()
        self.files.mkdir()

    def write(self, path: Path, source: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HEADER + textwrap.dedent(source))
        importlib.invalidate_caches()
        return path

    def install(self, distribution, entry_points, version="1.0", **modules):
        """Writes a distribution's metadata and its modules: `a__b="..."` is the module `a.b`."""
        info = self.site / f"{distribution}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        lines = [f"{name} = {module}" for name, module in entry_points.items()]
        (info / "entry_points.txt").write_text("\n".join(["[probvae]", *lines]) + "\n")
        for name, source in modules.items():
            self.write(self.site.joinpath(*name.split("__")).with_suffix(".py"), source)

    @staticmethod
    def giving(*components):
        """The source of a plugin that gives these components, each written as `kind name factory`."""
        specs = ", ".join(f"ComponentSpec(*{component.split()})" for component in components)
        return f"@hookimpl\ndef probvae_components():\n    return [{specs}]\n"

    def file(self, name, source, folder=""):
        return self.write(self.files / folder / f"{name}.py", source)


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A world with a small replacement of probvae's own distribution, and nothing else installed."""
    world = World(tmp_path)
    before = set(sys.modules)
    elsewhere = [path for path in sys.path if "site-packages" not in path]
    monkeypatch.setattr(sys, "path", [str(world.site), *elsewhere])
    monkeypatch.delenv("PROBVAE_DISABLE_PLUGINS", raising=False)
    world.install(
        "probvae",
        {"components": "own_components", "objectives": "own_objectives"},
        version="0.1.0",
        own_components=world.giving(
            "prior mixture own_priors:Mixture",
            "prior maf own_priors:Flow",
            "likelihood bernoulli own_priors:Bernoulli",
        ),
        own_objectives=world.giving("objective elbo own_priors:Elbo"),
        own_priors='''
            class Mixture:
                """A learned mixture.

                More about it.
                """
        ''',
    )
    default.cache_clear()
    yield world
    default.cache_clear()  # it has seen this world's plugins
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def registry(world):
    return Registry()
