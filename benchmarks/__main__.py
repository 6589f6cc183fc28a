"""Runs a benchmark: `python -m benchmarks NAME`, with its own options."""

from __future__ import annotations

import ast
import importlib
import os
import sys
from pathlib import Path

from probvae.cli.start import without_notes


def questions() -> dict[str, str]:
    """The modules that have a `main`, and the first lines of their docstrings."""
    found = {}
    for file in sorted(Path(__file__).parent.glob("[!_]*.py")):
        tree = ast.parse(file.read_text())
        if any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body):
            found[file.stem] = (ast.get_docstring(tree) or "").partition("\n")[0]
    return found


def main() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # as for `probvae` itself
    name, *arguments = sys.argv[1:] or ["--help"]
    known = questions()
    if name in known:
        with without_notes():
            benchmark = importlib.import_module(f"benchmarks.{name}")
        benchmark.main(arguments)
        return
    print("usage: python -m benchmarks NAME [--help]\n")
    print("\n".join(f"  {key:<16} {question}" for key, question in known.items()))
    if name not in ("-h", "--help"):
        raise SystemExit(f"\nNo benchmark is named {name!r}.")


if __name__ == "__main__":
    main()
