"""The other process of `fresh`: reads requests, builds components, writes answers."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import json
import operator
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from probvae.errors import explained
from probvae.registry import default
from probvae.testing.case import Case
from probvae.testing.checking import Violation
from probvae.testing.instances import answers, assign
from probvae.testing.subject import Subject
from probvae.testing.views import View


def main() -> None:
    """Answer until there are no more requests."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a component prints is no answer
    for line in sys.stdin:
        problem, unreachable = "", True
        try:
            request = json.loads(line)
            for file in request["files"]:
                default().load_file(file)
            target = request["target"]
            subject = Subject(request["kind"], _found(target) if ":" in target else target)
            unreachable = False
            _answer(subject, request)
        except Violation as error:
            problem = str(error)
        except Exception as error:  # a component is anyone's code
            problem = explained(error)
        print(json.dumps({"problem": problem, "unreachable": unreachable}), file=out, flush=True)


def _answer(subject: Subject, request: dict[str, Any]) -> None:
    folder, fields = Path(request["folder"]), request["case"]
    shapes = {name: tuple(fields[name]) for name in ("event_shape", "batch", "samples")}
    case = Case(**{**fields, **shapes, "configuration": _tuples(fields["configuration"])})
    component = subject.build(case, restoring=True)
    with np.load(folder / "variables.npz", allow_pickle=False) as saved:
        assign(component, {name.replace("\t", "/"): saved[name] for name in saved})
    with np.load(folder / "questions.npz", allow_pickle=False) as asked:
        inputs, points = asked.get("inputs"), asked["points"]
    np.save(folder / "answers.npy", answers(View(subject.kind, component, case), inputs, points))


@functools.cache
def _found(target: str) -> Any:
    """The class at `file.py:module:Class`: from the module if it is that file's, else by running the file."""
    file, name, path = target.rsplit(":", 2)
    try:
        module = importlib.import_module(name)
    except ImportError:
        module = None
    if module is None or not _same(getattr(module, "__file__", None), file):
        spec = importlib.util.spec_from_file_location(f"probvae_fresh_{Path(file).stem}", file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    return operator.attrgetter(path)(module)


def _same(one: str | None, other: str) -> bool:
    return one is not None and os.path.realpath(one) == os.path.realpath(other)


def _tuples(value: Any) -> Any:
    """Lists as tuples, as a signature's configurations have them."""
    if isinstance(value, dict):
        return {key: _tuples(part) for key, part in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


if __name__ == "__main__":
    main()
