"""What benchmarks share: results in NAME.json, with what they belong to, and the table NAME.md made of them."""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probvae.report.style import save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HERE = Path(__file__).parent
FEATURES = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
"""What a processor may have that decides how fast it multiplies matrices."""
PACKAGES = ("tensorflow", "keras", "tensorflow-probability", "numpy")


def processor() -> dict[str, Any]:
    """Its name, its number of cores, and which of FEATURES it has."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = [f"model name: {platform.processor()}"]
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = facts.get("flags", "").split()
    features = [flag for flag in FEATURES if flag in flags]
    return {"name": facts["model name"], "features": features, "cores": os.cpu_count()}


def probvae(*arguments: str | Path) -> None:
    """Run the command line, and end as it does if it fails or is interrupted: it has said why."""
    with subprocess.Popen([sys.executable, "-m", "probvae", *map(str, arguments)]) as process:
        try:
            status = process.wait()
        except KeyboardInterrupt:  # of a terminal, which interrupts it too; it saves its work
            sys.exit(process.wait() or 130)
    if status:
        sys.exit(status)


def measured(**found: Any) -> dict[str, Any]:
    """Results with the day, the commit, the processor and the versions of their measurement."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, check=True, capture_output=True, text=True, cwd=HERE).stdout.strip()
    return {
        "date": datetime.date.today().isoformat(),
        "commit": commit,
        "processor": processor(),
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        "remarks": [],
        **found,
    }


def described(results: dict[str, Any]) -> str:
    """When, on what and with what it was measured, and the remarks, for the head of a table."""
    one = results["processor"]
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    measurement = (
        f"Measured on {results['date']} at commit `{results['commit']}` on {one['name']} "
        f"({', '.join(one['features'])}), {one['cores']} cores, with Python {results['python']}, {versions}."
    )
    return " ".join([measurement, *results["remarks"]])


def page(name: str, title: str, results: dict[str, Any], lines: Sequence[str], picture: str = "") -> str:
    """The text of NAME.md: the title, when and on what it was measured, the lines, and what made it.

    Args:
        name: of the benchmark.
        title: of the page.
        results: of the measurement.
        lines: the tables.
        picture: what NAME.png shows, for those who do not see it; "" for none.
    """
    made_by = f"Made by `python -m benchmarks {name}`; the numbers are in `{name}.json`."
    shown = [f"![{picture}]({name}.png)", ""] if picture else []
    return "\n".join([f"# {title}", "", described(results), "", *lines, "", *shown, made_by, ""])


def parser_of(name: str, about: str | None) -> argparse.ArgumentParser:
    """The options of `python -m benchmarks NAME`, with the module's docstring as it is written."""
    return argparse.ArgumentParser(
        f"python -m benchmarks {name}",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def read(name: str) -> dict[str, Any]:
    """The results of an earlier measurement."""
    found: dict[str, Any] = json.loads((HERE / f"{name}.json").read_text())
    return found


def write(name: str, results: dict[str, Any]) -> None:
    """Write NAME.json."""
    (HERE / f"{name}.json").write_text(json.dumps(results, indent=1) + "\n")


def render(
    name: str,
    results: dict[str, Any],
    table: Callable[[dict[str, Any]], str],
    picture: Callable[[dict[str, Any]], Figure] | None = None,
) -> None:
    """Write NAME.md and NAME.png, if there is a picture, and print the first."""
    (HERE / f"{name}.md").write_text(table(results))
    if picture is not None:
        save(picture(results), HERE / f"{name}.png")
    print(table(results))
