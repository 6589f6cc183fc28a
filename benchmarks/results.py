"""What benchmarks of trained models share: results in NAME.json, and the table NAME.md made of them."""

from __future__ import annotations

import datetime
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def measured(**found: Any) -> dict[str, Any]:
    """Results with the day and the commit of their measurement."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, check=True, capture_output=True, text=True, cwd=HERE).stdout.strip()
    return {"date": datetime.date.today().isoformat(), "commit": commit, "remarks": [], **found}


def read(name: str) -> dict[str, Any]:
    """The results of an earlier measurement."""
    found: dict[str, Any] = json.loads((HERE / f"{name}.json").read_text())
    return found


def write(name: str, results: dict[str, Any]) -> None:
    """Write NAME.json."""
    (HERE / f"{name}.json").write_text(json.dumps(results, indent=1) + "\n")


def render(name: str, results: dict[str, Any], table: Callable[[dict[str, Any]], str]) -> None:
    """Write NAME.md, and print it."""
    (HERE / f"{name}.md").write_text(table(results))
    print(table(results))
