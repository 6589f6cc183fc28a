"""Measure the structure of the package: its size, its imports, and what one meets on the path of a training.

    python tools/structure.py [--json FILE] [--no-training]

Lines are counted as in the files; code lines without blank lines, comments and docstrings. An arrow is one module
that imports another of the package, imports for types included. The path of a training is traced: all classes of
the package with a method that runs between `probvae train` and the end of the first step.
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import re
import subprocess
import sys
import tempfile
import threading
import tokenize
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).parents[1]
PACKAGE = "probvae"

EXAMPLE = ROOT / "examples" / "first.toml"


def modules() -> dict[str, Path]:
    """The package's modules by dotted name."""
    found = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def part_of(module: str) -> str:
    """The part of the package that a module is in: `core` of `probvae.core.vae`."""
    return module.split(".")[1] if "." in module else "__init__"


def code_lines(source: str) -> int:
    """The lines that hold code: no blank lines, comments or docstrings."""
    docstrings: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            docstrings |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    empty = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in empty:
            lines |= set(range(token.start[0], token.end[0] + 1))
    return len(lines - docstrings)


def imports(name: str, path: Path, known: Mapping[str, Path]) -> set[str]:
    """The modules of the package that a module imports, anywhere in it."""

    def module(target: str) -> str:
        while target not in known:
            target = target.rpartition(".")[0]
        return target

    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            targets = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {module(target) for target in targets if target.split(".")[0] == PACKAGE}
    return found - {name}


def circles(arrows: Mapping[str, set[str]]) -> list[list[str]]:
    """The groups of modules that import each other, directly or through others."""

    def reached(start: str) -> set[str]:
        seen, left = set(), [start]
        while left:
            new = arrows.get(left.pop(), set()) - seen
            seen |= new
            left += new
        return seen

    all_reached = {name: reached(name) for name in arrows}
    groups = {
        tuple(sorted(other for other in seen if name in all_reached.get(other, ())))
        for name, seen in all_reached.items()
    }
    return sorted(list(group) for group in groups if len(group) > 1)


def sizes() -> dict[str, Any]:
    """Files, lines, imports and uses of `Any`, by part of the package and in all."""
    known = modules()
    arrows = {name: imports(name, path, known) for name, path in known.items()}
    parts: dict[str, Counter[str]] = {}
    for name, path in known.items():
        source = path.read_text(encoding="utf-8")
        counts = parts.setdefault(part_of(name), Counter())
        counts["files"] += 1
        counts["lines"] += source.count("\n")
        counts["code_lines"] += code_lines(source)
        counts["any_lines"] += sum(bool(re.search(r"\bAny\b", line)) for line in source.splitlines())
        counts["arrows"] += len(arrows[name])
    total: Counter[str] = sum(parts.values(), Counter())
    return {"parts": {name: dict(counts) for name, counts in sorted(parts.items())}, "total": dict(total),
            "circles": circles(arrows)}  # fmt: skip


def path_of_a_training() -> dict[str, list[str]]:
    """The classes of the package that take part in a training up to its first step, by part; in a new process."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--trace", folder]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        found: dict[str, list[str]] = json.loads(Path(folder, "path.json").read_text())
    return found


class FirstStep(BaseException):
    """The first step is done."""


def trace(folder: Path) -> None:
    """Train a small model until its first step, and write which classes of the package took part."""
    seen: set[tuple[str, str]] = set()

    def record(frame: FrameType, event: str, _: Any) -> None:
        if frame.f_code.co_name == "__create_fn__":  # dataclasses makes the methods of a class
            return
        if event != "call" or not str(frame.f_globals.get("__name__")).startswith((PACKAGE, "namedtuple_")):
            return
        for owner in ("self", "cls", "_cls"):
            value = frame.f_locals.get(owner)
            kind = value if isinstance(value, type) else type(value)
            for base in (kind, *kind.__mro__):
                if str(base.__module__).split(".")[0] == PACKAGE:
                    seen.add((part_of(base.__module__), base.__qualname__))
                    break
        if frame.f_code.co_qualname == "Terminal.progress":
            sys.setprofile(None)
            raise FirstStep

    sys.path.insert(0, str(ROOT))
    sys.argv = ["probvae", "train", str(EXAMPLE), "--out", str(folder / "run")]
    from probvae.cli import main

    threading.setprofile(record)
    sys.setprofile(record)
    with suppress(FirstStep, SystemExit):
        main()
    sys.setprofile(None)
    by_part: dict[str, list[str]] = {}
    for part, name in sorted(seen):
        by_part.setdefault(part, []).append(name)
    (folder / "path.json").write_text(json.dumps(by_part))


def lines_of(found: Mapping[str, Any]) -> Iterator[str]:
    """The measurements as a table."""
    yield f"{'part':<14}{'files':>6}{'lines':>8}{'code':>8}{'Any':>6}{'arrows':>8}"
    for name, counts in [*found["parts"].items(), ("total", found["total"])]:
        keys = ("files", "lines", "code_lines", "any_lines", "arrows")
        values = [counts.get(key, 0) for key in keys]
        yield f"{name:<14}{values[0]:>6}{values[1]:>8,}{values[2]:>8,}{values[3]:>6}{values[4]:>8}"
    yield f"circles of imports: {len(found['circles'])}"
    yield from (f"  {' - '.join(group)}" for group in found["circles"])
    if "training" in found:
        names = found["training"]
        yield f"classes on the path of a training: {sum(map(len, names.values()))}"
        yield from (f"  {part}: {', '.join(classes)}" for part, classes in names.items())


def main() -> None:
    """Measure, print, and write the numbers if a file is named."""
    parser = argparse.ArgumentParser(description="Measure the structure of the package.")
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    parser.add_argument("--no-training", action="store_true", help="leave out the path of a training")
    parser.add_argument("--trace", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.trace:
        trace(options.trace)
        return
    found = sizes()
    if not options.no_training:
        found["training"] = path_of_a_training()
    print("\n".join(lines_of(found)))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
