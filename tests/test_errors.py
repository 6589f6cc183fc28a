"""Any exception becomes one message, with the line of the component that is to blame."""

import re

import pytest
from tensorflow.errors import ResourceExhaustedError

from probvae.errors import (
    ProbvaeError,
    UserError,
    WorkError,
    as_probvae_error,
    explained,
    explained_errors,
    explaining,
)


class Odd(BaseException):
    """What nobody expects to be raised."""


def component(folder, source, name="mine.py"):
    """A function `fail` of a file in some folder."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source)
    scope = {}
    exec(compile(source, str(file), "exec"), scope)
    return scope["fail"]


def caught(function):
    try:
        function()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("raise ValueError('Too\\n  many.')", "ValueError: Too many. (mine.py, line 2)"),
        ("{}['absent']", "KeyError: 'absent' (mine.py, line 2)"),
        ("import sys; sys.exit(5)", "SystemExit: 5 (mine.py, line 2)"),
        ("import json; json.loads('{')", "(mine.py, line 2)"),  # and not a line of Python's
    ],
)
def test_an_error_of_a_component_is_one_line_with_its_place(statement, message, tmp_path):
    error = caught(component(tmp_path, f"def fail():\n    {statement}"))
    assert message in explained(error)
    assert "\n" not in explained(error)
    assert isinstance(as_probvae_error(error), WorkError)
    assert message in str(as_probvae_error(error))


def test_errors_of_probvae_are_unwrapped():
    error = UserError("It is wrong.")
    wrapped = caught(lambda: raised(RuntimeError("in user code: ..."), error))
    assert as_probvae_error(wrapped) is error
    assert explained(error) == "It is wrong."


def raised(error, cause):
    raise error from cause


def test_an_error_of_our_own_code_keeps_its_traceback():
    scope = {"explained_errors": explained_errors}
    exec(compile("def ours():\n    with explained_errors():\n        1 / 0", explaining.__file__, "exec"), scope)
    with pytest.raises(ZeroDivisionError):
        scope["ours"]()


def test_an_installed_component_is_named_and_not_the_library_below_it(tmp_path, monkeypatch):
    monkeypatch.setattr(explaining, "SITE", (f"{tmp_path}/",))
    library = component(tmp_path / "keras", "def fail():\n    1 / 0", "layers.py")
    other = component(tmp_path, "def fail(inner):\n    inner()", "plugin.py")
    assert explained(caught(lambda: other(library))).startswith("ZeroDivisionError: division by zero (")
    error = caught(lambda: other(library))
    error.__traceback__ = error.__traceback__.tb_next.tb_next  # without this file
    assert explained(error) == "ZeroDivisionError: division by zero (plugin.py, line 2)"


@pytest.mark.parametrize("raises", [SystemExit(5), Odd("odd"), ValueError("odd")])
def test_nothing_that_a_component_raises_passes_but_an_interrupt(raises, tmp_path):
    def fail():
        raise raises

    with pytest.raises(ProbvaeError, match=r"test_errors\.py, line"), explained_errors():
        fail()
    with pytest.raises(KeyboardInterrupt), explained_errors():
        raise KeyboardInterrupt


def test_no_tensorflow_is_needed():
    assert not {"tensorflow", "keras"} & set(vars(explaining))


@pytest.mark.parametrize(
    "error", [MemoryError("Unable to allocate 7 TiB"), ResourceExhaustedError(None, None, "OOM")]
)
def test_too_little_memory_is_an_error_that_names_the_settings_it_depends_on(error):
    known = as_probvae_error(error)
    assert isinstance(known, WorkError)
    assert re.search(
        r"not enough memory: .*(Unable|OOM).* train\.batch_size, objective\.samples .* Lower", str(known)
    )
