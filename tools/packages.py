"""Build the source distribution and the wheel, install the wheel in new environments, and use it there.

    python tools/packages.py [PYTHON ...]

The wheel is built from the source distribution, as an installer without wheels does. For each PYTHON (by default
this one) it is installed with the plain dependencies only. Then, in an empty folder, the program writes its first
spec, trains it for one epoch, measures it again in another process, and says in one line which extra is missing.
The packages are left in `dist/`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
NEEDED = (
    "probvae/py.typed",
    "probvae/__init__.pyi",
    "probvae/data/fashion_mini/NOTICE",
    "probvae/report/template/page.html",
    "probvae/scaffold/template/pyproject.toml.template",
)
"""Files that the wheel must have beside the modules."""


def build() -> Path:
    """Write both distributions, and return the wheel.

    Raises:
        SystemExit: the wheel lacks a file.
    """
    shutil.rmtree(DIST, ignore_errors=True)
    with tempfile.TemporaryDirectory() as made:
        ran(sys.executable, "-m", "venv", f"{made}/venv")
        ran(f"{made}/venv/bin/python", "-m", "pip", "install", "--quiet", "build")
        ran(f"{made}/venv/bin/python", "-m", "build", "--outdir", str(DIST), str(ROOT))
    [wheel], [source] = DIST.glob("*.whl"), DIST.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as file, tarfile.open(source) as archive:
        inside, modules = set(file.namelist()), {str(path.relative_to(ROOT)) for path in _modules()}
        missing = {*NEEDED, *modules} - inside
        unpacked = {name.partition("/")[2] for name in archive.getnames()}
    if missing or (missing := {*NEEDED, *modules, "README.md", "LICENSE"} - unpacked):
        sys.exit(f"expected in the packages: {', '.join(sorted(missing))}; got none of it")
    return wheel


def _modules() -> list[Path]:
    return [path for path in (ROOT / "probvae").rglob("*.py") if "template" not in path.parts]


def use(python: str, wheel: Path) -> None:
    """Install the wheel for this Python, and use it."""
    with tempfile.TemporaryDirectory() as made:
        home, folder = Path(made, "venv"), Path(made, "work")
        folder.mkdir()
        ran(python, "-m", "venv", str(home))
        ran(f"{home}/bin/python", "-m", "pip", "install", "--quiet", str(wheel))
        program = f"{home}/bin/probvae"
        ran(program, "--version", cwd=folder)
        ran(program, "list", "prior", cwd=folder)
        ran(program, "init", cwd=folder)
        ran(program, "train", "first.toml", "--set=train.epochs=1", "--set=evaluate.samples=2", cwd=folder)
        [run] = (folder / "runs").iterdir()
        assert (run / "report.html").is_file()
        ran(program, "evaluate", str(run), "--samples", "3", cwd=folder)
        refused = subprocess.run(
            [program, "export", str(run), "--format", "onnx"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert refused.returncode == 2, refused
        assert "pip install" in refused.stderr, refused.stderr
        assert "Traceback" not in refused.stderr, refused.stderr


def ran(*command: str, cwd: Path | None = None) -> None:
    """Run a command.

    Raises:
        SystemExit: it failed; with what it printed.
    """
    print("$", *command, flush=True)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stdout}{done.stderr}\nexpected status 0; got {done.returncode}")


def main() -> None:
    """Build, and use what was built."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("pythons", nargs="*", default=[sys.executable], metavar="PYTHON")
    pythons = parser.parse_args().pythons
    wheel = build()
    for python in pythons:
        use(python, wheel)
    print(f"{wheel.name} and its source distribution work with {', '.join(pythons)}.")


if __name__ == "__main__":
    main()
