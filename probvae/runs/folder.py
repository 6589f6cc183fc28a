"""The folder of a run: the place of each file, written so that a reader never sees half of one.

spec.toml  environment.json  metrics.jsonl  checkpoints/  figures/  evaluation.json  evaluation.npz
report.html  tensorboard/
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import tomli_w

from probvae.core import Data, Table, from_json, table_from_json
from probvae.core.durable import sync_folder, write_through
from probvae.errors import UserError
from probvae.runs.environment import DataRecord, Environment, Origin, versions
from probvae.specs import read

CHANGEABLE_ON_RESUME = ("patience", "non_finite", "checkpoint_steps", "checkpoint_minutes", "keep")
"""The settings of [train] that may change when a run is resumed."""

UNSAVED = {"environment.json", "spec.toml", "metrics.jsonl", "checkpoints", "report.html", "tensorboard"}
"""What a run's folder may hold before its first checkpoint."""

IDENTITY = ("checkpoint", "split", "fingerprint", "settings", "precision")
"""What of an evaluation.json identifies the evaluation; evaluation.npz repeats it."""


_LISTED = 5
"""The most runs, or files, that an error lists."""


class Run:
    """A run's folder.

    Args:
        folder: where it is; it need not exist yet.
        spec: the filled spec.
    """

    def __init__(self, folder: Path, spec: Table) -> None:
        self.folder = folder
        self.spec = spec
        self.spec_file = folder / "spec.toml"
        self.environment_file = folder / "environment.json"
        self.metrics_file = folder / "metrics.jsonl"
        self.evaluation_file = folder / "evaluation.json"
        self.report_file = folder / "report.html"
        self.example_evaluation_file = folder / "evaluation.npz"
        self.checkpoints = folder / "checkpoints"
        self.figures = folder / "figures"
        self.tensorboard = folder / "tensorboard"

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    def __fspath__(self) -> str:
        """The folder, so that a run can be given in the place of its path."""
        return str(self.folder)

    def create(
        self,
        data: DataRecord,
        plugins: Sequence[str | Path],
        choices: Mapping[str, str],
        origin: Origin | None = None,
        requires: Mapping[str, str] | None = None,
    ) -> None:
        """Make the folder, and write the spec and the environment.

        Args:
            data: what the data to train on is.
            plugins: the files that were loaded as plugins.
            choices: what the spec leaves open, as decided for this model; also whether XLA compiles it.
            origin: where the initial weights come from, if from another run.
            requires: the components of plugins in the spec, each with what it comes from.

        Raises:
            UserError: the folder cannot be made, or the environment of a run in it is damaged.
        """
        before = self.environment if self.begun else None
        environment = Environment.here(
            run=before.run if before else uuid.uuid4().hex,
            plugins=[str(Path(file).resolve()) for file in plugins],
            choices=dict(choices),
            init_from=origin or (before.init_from if before else None),
            data=data,
            requires=dict(requires or {}),
        )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write(self.environment_file, json.dumps(asdict(environment), indent=2))
            write(self.spec_file, tomli_w.dumps(self.spec))  # last: a folder without it is no run yet
        except OSError as error:
            raise UserError(
                f"The run folder {self.folder} cannot be written: {error}. Choose another with --out."
            ) from error

    def check_data(self, now: DataRecord, fix: str) -> None:
        """Raise if data is not that of the run, as its files may have changed since.

        Args:
            now: what the data is.
            fix: what the user can do.

        Raises:
            UserError: it differs; the message says how.
        """
        if differences := self.environment.data.differences(now):
            raise UserError(
                f"{self.folder}: expected the data of the run; got other data: {'; '.join(differences)}. {fix}"
            )

    def was_trained_on(self, data: Data) -> bool:
        """Whether the data is that of the run, wherever it is read from."""
        return not self.environment.data.differences(DataRecord.of(data))

    @property
    def begun(self) -> bool:
        """Whether there is a checkpoint, valid or not."""
        return any(self.checkpoints.glob("step-*"))

    @property
    def identity(self) -> str:
        """The unique identifier of the run, which its checkpoints repeat."""
        return self.environment.run

    @property
    def environment(self) -> Environment:
        """What the run depends on besides its spec.

        Raises:
            UserError: the file is missing or damaged.
        """
        try:
            return from_json(Environment, self.environment_file.read_bytes())
        except (OSError, ValueError) as error:
            raise UserError(
                f"{self.environment_file}: expected a run's environment, as `probvae train` writes it; got "
                f"another file ({error}). Restore it from a copy."
            ) from error

    def metrics(self) -> list[dict[str, float]]:
        """The rows of metrics.jsonl, one for each epoch; a last line cut short by a crash is left out.

        Raises:
            UserError: another line is damaged, or the file cannot be read.
        """
        try:
            lines = self.metrics_file.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise UserError(
                f"{self.metrics_file}: expected a file of rows, one for each epoch; got {error}. Remove it."
            ) from error
        rows = []
        for number, line in enumerate(lines, 1):
            try:
                rows.append(_row(line))
            except ValueError as error:
                if number == len(lines):
                    break
                raise UserError(
                    f"{self.metrics_file}:{number}: expected the numbers of an epoch; got another line ({error}). "
                    "Remove the line."
                ) from error
        return rows

    def evaluation(self) -> Table:
        """The content of evaluation.json; empty if there is no such file.

        Raises:
            UserError: it is damaged.
        """
        try:
            return table_from_json(self.evaluation_file.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise UserError(
                f"{self.evaluation_file}: expected the numbers of an evaluation; got another file ({error}). "
                f"Remove it, and write it anew with `probvae evaluate {self.folder}`."
            ) from error


def _row(line: bytes) -> dict[str, float]:
    row: dict[str, float] = table_from_json(line, dict[str, float])
    if not isinstance(row.get("epoch"), int):
        raise ValueError(f"epoch: expected an integer; got {row.get('epoch', 'none')}")
    return row


def find_run(folder: str | os.PathLike[str]) -> Path:
    """The folder, if it holds a run.

    Raises:
        UserError: it does not.
    """
    path = Path(folder)
    if (path / "spec.toml").is_file() and (path / "environment.json").is_file():
        return path
    inside = _runs(path, "*") or _runs(path, "runs/*")  # as the folder of a sweep has them
    beside = _runs(path.parent, "*")
    near = f" Runs in it: {inside}." if inside else f" Runs next to it: {beside}." if beside else ""
    what = "a folder without a spec.toml and an environment.json" if path.is_dir() else "no such folder"
    raise UserError(f"{path}: expected a run that `probvae train` made; got {what}.{near}")


def _runs(folder: Path, pattern: str) -> str:
    """Some of the runs in a folder, in words."""
    found = sorted(str(spec.parent) for spec in folder.glob(f"{pattern}/spec.toml"))
    more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    return ", ".join(found[:_LISTED]) + more


def open_run(spec: Table, name: str, out: str | Path | None, resume: bool) -> Run:
    """The run of a filled spec: in a new folder, or in one that may be resumed.

    The folder of a run that has no checkpoint yet counts as new.

    Args:
        spec: the filled spec.
        name: of the run, where no folder is given.
        out: the folder.
        resume: whether to continue the run in the folder.

    Raises:
        UserError: the folder holds a run that is not to be resumed, or cannot be, or other files.
    """
    spec = spec | {"versions": versions()}
    folder = Path(out) if out else default_folder(name, resume)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file. Choose another folder with --out.")
    run = Run(folder, spec)
    there = {path.name for path in folder.glob("[!.]*")} if folder.exists() else set()
    if not there or (not run.begun and "environment.json" in there <= UNSAVED):
        return run
    if not resume and not (run.begun or {"spec.toml", "environment.json"} & there):
        files = ", ".join(sorted(there)[:_LISTED])
        raise UserError(
            f"{folder}: expected a new folder; got one with other files: {files}. Keep them elsewhere, or choose "
            "another folder with --out (in Python out=)."
        )
    if not resume:
        raise UserError(
            f"{folder}: expected a new folder; got one that holds a run. Continue that run with --resume (in "
            "Python resume=True), or choose another folder with --out (out=)."
        )
    before = read(find_run(folder)).tables
    free = ["versions", "evaluate", *(f"train.{name}" for name in CHANGEABLE_ON_RESUME)]
    if spec["train"]["schedule"] == "constant":  # a longer cosine would have had another past
        free.append("train.epochs")
    changed = [f"{path} is {old!r} there and {new!r} here" for path, old, new in differences(before, spec, free)]
    if changed:
        raise UserError(
            f"{folder} is the run of another spec: {'; '.join(changed)}. Only [evaluate], "
            f"train.{', '.join(CHANGEABLE_ON_RESUME)} and, with a constant learning rate, train.epochs may change "
            "when a run is resumed. Choose another folder with --out."
        )
    return run


def differences(
    old: Mapping[str, object], new: Mapping[str, object], free: Sequence[str], prefix: str = ""
) -> list[tuple[str, object, object]]:
    """The key paths at which two tables differ, except for those that may, with both values."""
    found = []
    for key in [*old, *(key for key in new if key not in old)]:
        path, before, after = prefix + key, old.get(key), new.get(key)
        if path in free or before == after:
            continue
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            found += differences(before, after, free, f"{path}.")
        else:
            found.append((path, before, after))
    return found


def default_folder(name: str, resume: bool) -> Path:
    """runs/NAME for a run to resume; for a new one the first of it, runs/NAME-2, runs/NAME-3, ... not to exist."""
    folder, number = Path("runs") / name, 2
    while folder.exists() and not resume:
        folder, number = Path("runs") / f"{name}-{number}", number + 1
    return folder


def write(path: Path, text: str) -> None:
    """Write a file under another name and rename it: it is whole or not there, after a power cut too."""
    temporary = path.with_name(f".{path.name}.tmp")
    write_through(temporary, text.encode())
    os.replace(temporary, path)
    sync_folder(path.parent)
