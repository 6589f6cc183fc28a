import dataclasses
import sys

import pytest

from probvae.errors import PluginError
from probvae.registry import ComponentSpec


@pytest.fixture
def package(world):
    """A package that must not be run, with a subpackage and a module in it."""
    world.write(world.site / "quiet_pkg" / "__init__.py", "raise RuntimeError('the package was run')")
    world.write(
        world.site / "quiet_pkg" / "priors" / "__init__.py", "raise RuntimeError('the subpackage was run')"
    )
    source = '''
        raise RuntimeError("the module was run")

        class Documented:
            """
            What it is.

            More about it.
            """

        class Bare:
            pass
    '''
    world.write(world.site / "quiet_pkg" / "priors" / "flows.py", source)
    world.write(world.site / "quiet_pkg" / "wrong.py", "def :")
    world.write(world.site / "deeper.py", "class Documented:\n    '''Of the same name, elsewhere.'''")
    (world.site / "quiet_space").mkdir()
    world.write(world.site / "quiet_space" / "inner.py", "class Inner:\n    '''In a namespace package.'''")


@pytest.mark.parametrize(
    ("factory", "summary"),
    [
        ("quiet_pkg.priors.flows:Documented", "What it is."),
        ("quiet_space.inner:Inner", "In a namespace package."),
        ("quiet_pkg.priors.flows:Bare", ""),
        ("quiet_pkg.priors.flows:Absent", ""),
        ("quiet_pkg.priors.absent:Documented", ""),
        ("quiet_pkg.priors.flows.deeper:Documented", ""),
        ("quiet_pkg.wrong:Documented", ""),
        ("absent_pkg.priors:Documented", ""),
        ("__main__:Absent", ""),
        ("math:Absent", ""),
    ],
)
def test_a_summary_is_read_without_running_anything(package, factory, summary):
    assert ComponentSpec("prior", "x", factory).summary() == summary
    assert not [name for name in sys.modules if name.startswith("quiet_")]


def test_a_summary_of_what_is_imported_is_that_of_the_class():
    assert ComponentSpec("prior", "x", "fractions:Fraction").summary().startswith("This class implements rational")


def test_a_summary_opens_no_front_door(world):
    source = "def __getattr__(name):\n    raise RuntimeError('opened')\n\nclass Inside:\n    '''Here.'''\n"
    world.write(world.site / "door.py", source)
    __import__("door")
    assert ComponentSpec("prior", "x", "door:Absent").summary() == ""
    assert ComponentSpec("prior", "x", "door:Inside").summary() == "Here."


def test_a_class_is_its_own_factory():
    class Prior:
        """It is here."""

    spec = ComponentSpec("prior", "x", Prior)
    assert spec.load() is Prior
    assert spec.summary() == "It is here."
    assert spec.target == f"{__name__}:{Prior.__qualname__}"


def test_a_factory_is_imported_when_it_is_loaded(world):
    world.write(world.site / "late_priors.py", "class Outer:\n    class Inner: pass")
    spec = ComponentSpec("prior", "x", "late_priors:Outer.Inner")
    assert "late_priors" not in sys.modules
    assert spec.load().__qualname__ == "Outer.Inner"


@pytest.mark.parametrize(
    ("factory", "reason"),
    [
        ("absent_pkg.priors:Prior", "ModuleNotFoundError: No module named 'absent_pkg'"),
        ("bad_priors:Prior", "ZeroDivisionError: division by zero"),
        ("exit_priors:Prior", "SystemExit: 1"),
        ("math:Prior", "AttributeError: module 'math' has no attribute 'Prior'"),
        ("math:sqrt", "TypeError: expected a class; got <built-in function sqrt>"),
    ],
)
def test_a_factory_that_cannot_be_loaded_says_whose_it_is_and_why(world, factory, reason):
    world.write(world.site / "bad_priors.py", "1 / 0")
    world.write(world.site / "exit_priors.py", "raise SystemExit(1)")
    spec = ComponentSpec("prior", "tails.x", factory, owner="tails-dist 1.0")
    with pytest.raises(PluginError) as caught:
        spec.load()
    expected = f"tails-dist 1.0: prior 'tails.x' cannot be loaded from {factory!r}: {reason}"
    assert str(caught.value).startswith(expected)  # and the line


def test_a_spec_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ComponentSpec("prior", "x", "a:B").name = "y"
