"""A second process that builds components from their names and configurations, and nothing else."""

from __future__ import annotations

import atexit
import functools
import inspect
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from probvae.testing.case import Case
from probvae.testing.subject import Subject


class Reply(NamedTuple):
    """What the other process says.

    Args:
        values: its answers.
        problem: what went wrong, in words.
        unreachable: whether it could not even find the class.
    """

    values: Any = None
    problem: str = ""
    unreachable: bool = False


@functools.cache
def fresh_process() -> FreshProcess:
    """The process, started on first use and kept: importing TensorFlow takes seconds."""
    process = FreshProcess()
    atexit.register(process.close)
    return process


class FreshProcess:
    """Speaks with `probvae.testing.worker` over its standard streams, one line of JSON for each request."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="probvae-fresh-")
        path = os.pathsep.join(part or os.getcwd() for part in sys.path)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "probvae.testing.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "random", "TF_CPP_MIN_LOG_LEVEL": "3"},
        )

    def ask(self, subject: Subject, case: Case, variables: dict[str, Any], inputs: Any, points: Any) -> Reply:
        """What the other process answers, for a component with these variables."""
        target = _target(subject)
        if not target:
            return Reply(problem=f"{subject.name} is in no file that a new process could import", unreachable=True)
        folder = Path(self._folder.name)
        np.savez(folder / "variables.npz", **{name.replace("/", "\t"): value for name, value in variables.items()})
        np.savez(folder / "questions.npz", points=points, **({} if inputs is None else {"inputs": inputs}))
        files = [plugin.source for plugin in subject.registry.plugins if plugin.source.endswith(".py")]
        request = {
            "kind": subject.kind,
            "target": target,
            "case": asdict(case),
            "files": files,
            "folder": str(folder),
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            print(json.dumps(request), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        except OSError:
            line = ""
        if not line:
            fresh_process.cache_clear()
            return Reply(problem=f"it ended with status {self._process.wait()} instead of answering")
        reply = json.loads(line)
        if reply["problem"]:
            return Reply(problem=reply["problem"], unreachable=reply["unreachable"])
        return Reply(values=np.load(folder / "answers.npy"))

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._folder.cleanup()


def _target(subject: Subject) -> str:
    """Where the class is: a registered name, or `file.py:module:Class`; empty if nowhere."""
    if subject.registered:
        return subject.registered
    factory = subject.factory
    name, module = getattr(factory, "__qualname__", ""), sys.modules.get(getattr(factory, "__module__", ""))
    if not name or "<" in name or module is None:
        return ""
    try:
        file = inspect.getsourcefile(factory)
    except TypeError:
        return ""
    return f"{file}:{factory.__module__}:{name}" if file and os.path.isfile(file) else ""
