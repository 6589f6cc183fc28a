"""Restoring a component in another Python process, as loading a run does.

The process starts on first use and is kept, as importing TensorFlow takes seconds. Requests and replies are
pickles on its standard streams. (A spawned `multiprocessing` process would run the user's main script again.)
"""

from __future__ import annotations

import atexit
import functools
import importlib
import importlib.util
import inspect
import operator
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple, cast

from probvae.core import Table
from probvae.errors import explained
from probvae.registry import default
from probvae.testing.case import Case
from probvae.testing.checking import Inconclusive, NotApplicable, Violation
from probvae.testing.floats import Floats
from probvae.testing.restoring import assign, evaluate
from probvae.testing.subject import Subject
from probvae.testing.views import View


class Request(NamedTuple):
    """A component to restore, and where to evaluate it.

    Args:
        kind: its kind.
        of: its registered name; or the file, the module and the qualified name of its class.
        plugins: the single-file plugins to load first.
        case: what it is built for.
        saved: its variables by name.
        inputs: its inputs, None if it takes none.
        points: where it is evaluated.
    """

    kind: str
    of: str | tuple[str, str, str]
    plugins: list[str]
    case: Case
    saved: Table
    inputs: Floats | None
    points: Floats


def evaluate_in_fresh_process(
    subject: Subject, case: Case, saved: Table, inputs: Floats | None, points: Floats
) -> Floats:
    """What `evaluate` gives in another process, for an instance with these variables.

    Raises:
        Violation: it cannot be restored there.
        Inconclusive: its class cannot be imported there.
    """
    plugins = [plugin.source for plugin in subject.registry.plugins if plugin.source.endswith(".py")]
    request = Request(subject.kind, _importable(subject), plugins, case, saved, inputs, points)
    process = _process()
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        pickle.dump(request, process.stdin)
        process.stdin.flush()
        reply = pickle.load(process.stdout)
    except (OSError, EOFError):
        _process.cache_clear()
        reply = Violation(f"the process ended with status {process.wait()}")
    if isinstance(reply, Violation):
        raise Violation(f"in a new process: {reply}")
    if isinstance(reply, Exception):
        raise reply
    return cast(Floats, reply)


@functools.cache
def _process() -> subprocess.Popen[bytes]:
    path = os.pathsep.join(part or os.getcwd() for part in sys.path)
    process = subprocess.Popen(
        [sys.executable, "-c", f"from {__name__} import serve; serve()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "random", "TF_CPP_MIN_LOG_LEVEL": "3"},
    )

    @atexit.register
    def end() -> None:
        process.kill()
        process.communicate()

    return process


def _importable(subject: Subject) -> str | tuple[str, str, str]:
    """Where another process finds the class.

    Raises:
        NotApplicable: it is in no file.
    """
    if subject.registered:
        return subject.registered
    module, name = getattr(subject.factory, "__module__", ""), getattr(subject.factory, "__qualname__", "<none>")
    try:
        file = inspect.getsourcefile(subject.factory) if module in sys.modules and "<" not in name else None
    except TypeError:
        file = None
    if not file or not os.path.isfile(file):
        raise NotApplicable(f"{subject.name} is in no file that a new process could import")
    return os.path.realpath(file), module, name


def serve() -> None:
    """In the other process: reply to requests until there are no more."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a component prints is no reply
    while True:
        try:
            request = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        reply: Any
        try:
            reply = _restore_and_evaluate(request)
        except (Violation, Inconclusive) as error:
            reply = error
        except Exception as error:  # a component is anyone's code
            reply = Violation(explained(error))
        pickle.dump(reply, replies)
        replies.flush()


def _restore_and_evaluate(request: Request) -> Floats:
    try:
        for file in request.plugins:
            default().load_file(file)
        subject = Subject(request.kind, request.of if isinstance(request.of, str) else _load(*request.of))
    except Exception as error:
        raise Inconclusive(explained(error)) from error
    component = subject.build(request.case, restoring=True)
    assign(component, request.saved)
    return evaluate(View(subject.kind, component, request.case), request.inputs, request.points)


@functools.cache
def _load(file: str, name: str, path: str) -> Any:
    """The class at this path of a module; of the file itself where the module's name leads to another file."""
    try:
        module = importlib.import_module(name)
    except ImportError:
        module = None
    if module is None or os.path.realpath(getattr(module, "__file__", None) or "") != file:
        spec = importlib.util.spec_from_file_location(f"probvae_fresh_{Path(file).stem}", file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    return operator.attrgetter(path)(module)
