"""`show` keeps descriptions: they are the same as fresh ones, need no TensorFlow, and are never out of date."""

import os
import subprocess
import sys
import zipfile

import pytest

from probvae.cli.descriptions import description
from probvae.errors import PluginError
from probvae.registry import Registry

CODE = """
import sys
from probvae.cli.app import main
try:
    main()
finally:
    print(*(set(sys.modules) & {"tensorflow", "keras", "numpy", "pydantic"}), file=sys.stderr)
"""

SOURCE = '''
class Thing:
    """A thing."""


class Broken:
    """A thing that cannot be described."""
'''


PLUGIN = """
from probvae import ComponentSpec, hookimpl


@hookimpl
def probvae_components():
    return [
        ComponentSpec("prior", "thing", "things.parts:Thing"),
        ComponentSpec("prior", "broken", "things.parts:Broken"),
    ]
"""


@pytest.fixture
def cache(folder, monkeypatch):
    """An empty cache of the user."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "own cache"))
    return folder / "own cache" / "probvae" / "descriptions"


@pytest.fixture
def things(folder, cache, monkeypatch):
    """The folder of a plugin package that is on the path."""
    package = folder / "site" / "things"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "parts.py").write_text(SOURCE)
    (package / "plugin.py").write_text(PLUGIN)
    info = folder / "site" / "things-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: things\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[probvae]\nthings = things.plugin\n")
    monkeypatch.syspath_prepend(folder / "site")
    yield package
    for name in [name for name in sys.modules if name.split(".")[0] == "things"]:
        del sys.modules[name]


@pytest.fixture
def read(things):
    """Asks for the description of a thing, and returns which of them had to be described for it."""

    def run(name="things.thing"):
        calls = []

        def describe(spec):
            calls.append(spec.name)
            if spec.name == "things.broken":
                raise PluginError("it is broken")
            return {"name": spec.name, "size": (1, 2)}

        registry = Registry()
        found = description(registry["prior", name], registry, describe)
        assert (found["name"], list(found["size"])) == (name, [1, 2])
        return calls

    return run


BOTH = ["things.thing", "things.broken"]


def test_a_description_is_read_once(read):
    assert read() == BOTH
    assert read() == []


@pytest.mark.parametrize("changed", ["parts.py", "new.py", "__init__.py"])
def test_a_changed_file_of_the_package_is_read_again(changed, read, things):
    read()
    (things / changed).write_text(SOURCE + "\n\nNEW = 1\n")
    assert read() == BOTH
    assert read() == []


def test_the_lock_of_an_editor_is_no_file(read, things):
    (things / ".#parts.py").symlink_to("somebody@somewhere.1")
    assert (read(), read()) == (BOTH, [])


def test_a_package_in_an_archive_is_described_each_time(read, things, folder, monkeypatch):
    for path in things.iterdir():
        path.unlink()
    things.rmdir()
    with zipfile.ZipFile(folder / "things.zip", "w") as archive:
        for name, text in {"__init__": "", "parts": SOURCE, "plugin": PLUGIN}.items():
            archive.writestr(f"things/{name}.py", text)
    monkeypatch.syspath_prepend(folder / "things.zip")
    assert read() == read() == ["things.thing"]


def test_the_same_file_at_another_time_is_read_again(read, things):
    read()
    os.utime(things / "parts.py", ns=(1, 1))
    assert read() == BOTH


def test_an_installation_is_a_change(read, folder, monkeypatch):
    site = folder / "site-packages"
    site.mkdir()
    monkeypatch.setattr(sys, "path", [*sys.path, str(site)])
    read()
    assert read() == []
    (site / "other-1.0.dist-info").mkdir()
    assert read() == BOTH


@pytest.mark.parametrize(
    "damage", [lambda text: text[:-1], lambda text: text.replace(b"thing", b"think"), lambda _: b"\xff"]
)
def test_a_damaged_file_is_not_used(damage, read, cache):
    read()
    (file,) = cache.iterdir()
    file.write_bytes(damage(file.read_bytes()))
    assert read() == BOTH
    assert read() == []


def test_a_component_that_cannot_be_described_raises_each_time(read, cache):
    for _ in range(2):
        with pytest.raises(PluginError, match="it is broken"):
            read("things.broken")
    assert read() == BOTH
    with pytest.raises(PluginError, match="it is broken"):
        read("things.broken")


def test_a_cache_that_cannot_be_written_is_left_out(read, cache):
    cache.parent.mkdir(parents=True)
    cache.write_text("a file in the place of the folder")
    assert read() == read() == BOTH


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_second_time_shows_the_same_without_a_numerical_library(options, program, cache):
    first = program("show", "vamp", *options)
    command = [sys.executable, "-c", CODE, "show", "vamp", *options]
    second = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (second.stdout, second.stderr.strip()) == (first.out, "")
