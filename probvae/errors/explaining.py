"""Any exception as one message, with the line of a component's code that raised it."""

from __future__ import annotations

import os
import re
import sysconfig
import textwrap
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from probvae.errors.kinds import ProbvaeError, TemporaryError, WorkError

OURS = os.path.join(Path(__file__).parents[1], "")
SITE = tuple(os.path.join(sysconfig.get_path(name), "") for name in ("purelib", "platlib"))
PYTHON = ("<frozen", "<string>", os.path.join(sysconfig.get_path("stdlib"), ""))
LIBRARIES = {
    "absl", "annotated_types", "anndata", "click", "docstring_parser", "filelock", "h5py", "huggingface_hub",
    "hypothesis", "jinja2", "keras", "matplotlib", "numpy", "onnx", "onnxruntime", "optuna", "pandas", "pluggy",
    "pooch", "pyarrow", "pydantic", "rich", "safetensors", "scipy", "sqlalchemy", "tensorboard", "tensorflow",
    "tensorflow_probability", "tf2onnx", "tf_keras", "tomli_w",
}  # fmt: skip
"""The libraries that probvae uses. Other installed packages may contain components."""

GENERATED = "__autograph_generated_file"
"""In the names of files that autograph has generated."""


def as_probvae_error(error: BaseException) -> ProbvaeError | None:
    """An error as one of probvae's; None for a bug in probvae's own code, which needs a traceback.

    An error of probvae that TensorFlow has wrapped into one of its own is unwrapped. Any other one becomes one
    line, if the code of a component or the computation has failed.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ProbvaeError):
            return cause
        cause = cause.__cause__ or cause.__context__
    if _is(error, "UnavailableError", "AbortedError", "CancelledError"):
        return TemporaryError(
            "Training stopped: another worker is gone, or cannot be reached. Start all of them again with "
            "--resume: they continue from the last checkpoint."
        )
    if isinstance(error, MemoryError) or _is(error, "ResourceExhaustedError"):
        return WorkError(
            f"There is not enough memory: {explained(error)}. A training step takes memory in proportion to "
            "train.batch_size, objective.samples and the sizes in [model], an evaluation to evaluate.batch_size. "
            "Lower one of them, or use a machine with more memory."
        )
    if _own_line(error):
        return WorkError(f"The code of a component failed: {explained(error)}. Fix it there, and try again.")
    return WorkError(f"The computation failed: {explained(error)}.") if _is(error, "OpError") else None


@contextmanager
def explained_errors() -> Iterator[None]:
    """Re-raise errors in the code of components, traced or not, as one error that says what failed and where.

    Raises:
        ProbvaeError: see `as_probvae_error`.
    """
    try:
        yield
    except (ProbvaeError, KeyboardInterrupt):
        raise
    except BaseException as error:  # the code of a component may call sys.exit
        if (known := as_probvae_error(error)) is None:
            raise
        raise known from (None if known.__traceback__ else error)  # a wrapper of it adds nothing


def explained(error: BaseException) -> str:
    """An error in one line, with the deepest line of a component's code in its traceback."""
    if isinstance(error, ProbvaeError):
        return str(error)
    place = _own_line(error)
    return (
        f"{textwrap.shorten(_message(error), 300)} ({place})" if place else textwrap.shorten(_message(error), 300)
    )


def _own_line(error: BaseException) -> str:
    """The deepest line of a component's code, as `prior.py, line 7`; empty if there is none."""
    places = _places(error)
    first = next((number for number, (file, _) in enumerate(places) if file.startswith(OURS)), 0)
    places = [place for place in places[first:] if not _is_internal(place[0])]  # not the callers of probvae
    places = [place for place in places if not place[0].startswith(SITE)] or places
    return f"{Path(places[-1][0]).name}, {places[-1][1]}" if places else ""


def _is_internal(file: str) -> bool:
    """Whether a file belongs to probvae, Python or the libraries, and not to a component."""
    for site in SITE:
        if file.startswith(site):
            return file[len(site) :].split(os.sep)[0] in LIBRARIES
    return file.startswith((OURS, *PYTHON))


def _places(error: BaseException) -> list[tuple[str, str]]:
    """The files and lines of a traceback, the deepest last; in the original source, not in autograph's."""
    if (metadata := getattr(error, "ag_error_metadata", None)) is not None:
        return [(frame.filename, f"line {frame.lineno}") for frame in reversed(metadata.translated_stack)]
    if _is(error, "OpError") and (stack := re.findall(r'File "(.+?)", (line \d+)', str(error))):
        return [place for place in stack if GENERATED not in place[0]]
    places = []
    for frame, line in traceback.walk_tb(error.__traceback__):
        file, name = frame.f_code.co_filename, frame.f_code.co_name
        if GENERATED not in file:
            places.append((file, f"line {line}"))
        elif name.startswith("tf__"):  # rewritten by autograph: on other lines, with the source's globals
            places.append((str(frame.f_globals.get("__file__")), name.removeprefix("tf__")))
    return places


def _message(error: BaseException) -> str:
    if (metadata := getattr(error, "ag_error_metadata", None)) is not None:
        return str(metadata.cause_message)
    text = str(error)
    if _is(error, "OpError"):  # after the stack, and without the node's name that follows
        text = re.sub(r"^\s*\[\[.*", "", re.split(r'File ".+?", line \d+.*\n', text)[-1], flags=re.M)
        text = text.removeprefix("Graph execution error:")
    return f"{type(error).__name__}: {text.strip()}"


def _is(error: BaseException, *names: str) -> bool:
    """Whether it is one of TensorFlow's runtime errors, by name: this module imports no TensorFlow."""
    return any(kind.__name__ in names and kind.__module__.startswith("tensorflow") for kind in type(error).__mro__)
