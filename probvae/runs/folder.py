"""The folder of a run: the place of each file, written so that a reader never sees half of one.

spec.toml  environment.json  metrics.jsonl  checkpoints/  figures/  evaluation.json  tensorboard/
"""

from __future__ import annotations

import json
import os
import platform
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

import tomli_w
from pydantic import ConfigDict

from probvae.core import STRICT, Count, DataInfo, Positive, Table, from_json
from probvae.errors import UserError
from probvae.specs import read

CHANGEABLE_ON_RESUME = ("patience", "non_finite", "checkpoint_steps", "checkpoint_minutes", "keep")
"""The settings of [train] that may change when a run is resumed."""

UNSAVED = {"environment.json", "spec.toml", "metrics.jsonl", "checkpoints", "tensorboard"}
"""What a run's folder may hold before its first checkpoint."""

RECORDED = ("probvae", "tensorflow", "keras", "tensorflow-probability", "numpy")


@dataclass(frozen=True)
class DataRecord:
    """What the data of a run was.

    Args:
        event_shape: E, the shape of one example.
        values: the values that it takes, in words.
        sizes: the numbers of training, validation and test examples.
        protocol: how it was binarised.
        source: where it comes from.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    event_shape: tuple[Positive, ...]
    values: str
    sizes: tuple[Count, Count, Count]
    protocol: str
    source: str

    @classmethod
    def of(cls, info: DataInfo) -> DataRecord:
        """The record of a dataset."""
        return cls(tuple(info.event_shape), str(info.values), info.sizes, info.protocol, info.source)


@dataclass(frozen=True)
class Origin:
    """Where initial weights come from.

    Args:
        run: the unique identifier of the other run.
        checkpoint: the name of its checkpoint.
        variables: the names of the variables that were copied.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    run: str
    checkpoint: str
    variables: list[str]


@dataclass(frozen=True)
class Environment:
    """What a run depends on besides its spec, `environment.json`.

    Args:
        run: a unique identifier, which its checkpoints repeat.
        versions: of Python and of packages, by name.
        platform: the operating system and the machine.
        processors: the number of its processors, if known.
        plugins: the files that were loaded as plugins.
        choices: what the objective leaves open, as decided for this model.
        init_from: where the initial weights come from, if from another run.
        data: what the data was.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    run: str
    versions: dict[str, str]
    platform: str
    processors: Count | None
    plugins: list[str]
    choices: dict[str, str]
    init_from: Origin | None
    data: DataRecord


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
        self.checkpoints = folder / "checkpoints"
        self.figures = folder / "figures"
        self.tensorboard = folder / "tensorboard"

    def create(
        self,
        info: DataInfo,
        plugins: Sequence[str | Path],
        choices: Mapping[str, str],
        origin: Origin | None = None,
    ) -> None:
        """Make the folder, and write the spec and the environment.

        Args:
            info: what the data is.
            plugins: the files that were loaded as plugins.
            choices: what the objective leaves open, as decided for this model.
            origin: where the initial weights come from, if from another run.

        Raises:
            UserError: the folder cannot be made, or it is a run on other data.
        """
        data = DataRecord.of(info)
        before = self.environment if self.begun else None
        if before and before.data != data:
            then, now = asdict(before.data), asdict(data)
            changed = [f"{key} was {then[key]!r} and is {now[key]!r}" for key in now if then[key] != now[key]]
            raise UserError(
                f"{self.folder} is a run on other data: {'; '.join(changed)}. Choose another folder with --out."
            )
        environment = Environment(
            run=before.run if before else uuid.uuid4().hex,
            versions=versions(),
            platform=platform.platform(),
            processors=os.cpu_count(),
            plugins=[str(Path(file).resolve()) for file in plugins],
            choices=dict(choices),
            init_from=origin or (before.init_from if before else None),
            data=data,
        )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write(self.environment_file, json.dumps(asdict(environment), indent=2))
            write(self.spec_file, tomli_w.dumps(self.spec))  # last: a folder without it is no run yet
        except OSError as error:
            raise UserError(
                f"The run folder {self.folder} cannot be written: {error}. Choose another with --out."
            ) from error

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


def _row(line: bytes) -> dict[str, float]:
    from_json(dict[str, float], line)
    row: dict[str, float] = json.loads(line)  # in which integers stay integers
    if not isinstance(row.get("epoch"), int):
        raise ValueError(f"epoch: expected an integer; got {row.get('epoch', 'none')}")
    return row


def find_run(folder: str | Path) -> Path:
    """The folder, if it holds a run.

    Raises:
        UserError: it does not.
    """
    path = Path(folder)
    if (path / "spec.toml").is_file() and (path / "environment.json").is_file():
        return path
    runs = sorted(str(spec.parent) for spec in path.parent.glob("*/spec.toml")) if path.parent.is_dir() else []
    near = f" Runs next to it: {', '.join(runs)}." if runs else ""
    what = "a folder without a spec.toml and an environment.json" if path.is_dir() else "no such folder"
    raise UserError(f"{path}: expected a run that `probvae train` made; got {what}.{near}")


def open_run(spec: Table, name: str, out: str | Path | None, resume: bool) -> Run:
    """The run of a filled spec: in a new folder, or in one that may be resumed.

    The folder of a run that has no checkpoint yet counts as new.

    Args:
        spec: the filled spec.
        name: of the run, where no folder is given.
        out: the folder.
        resume: whether to continue the run in the folder.

    Raises:
        UserError: the folder holds a run that is not to be resumed, or cannot be.
    """
    spec = spec | {"versions": versions()}
    folder = Path(out) if out else Path("runs") / name if resume else free_folder(name)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file. Choose another folder with --out.")
    run = Run(folder, spec)
    there = {path.name for path in folder.glob("[!.]*")} if folder.exists() else set()
    if not there or (not run.begun and "environment.json" in there <= UNSAVED):
        return run
    if not resume:
        raise UserError(
            f"{folder}: expected a new folder; got one that holds a run. Continue that run with --resume (in "
            "Python resume=True), or choose another folder with --out (out=)."
        )
    before = read(find_run(folder)).tables
    free = ["versions", "evaluate", *(f"train.{name}" for name in CHANGEABLE_ON_RESUME)]
    if spec["train"]["schedule"] == "constant":  # a longer cosine would have had another past
        free.append("train.epochs")
    changed = [f"{path} is {old!r} there and {new!r} here" for path, old, new in _differences(before, spec, free)]
    if changed:
        raise UserError(
            f"{folder} is the run of another spec: {'; '.join(changed)}. Only [evaluate], "
            f"train.{', '.join(CHANGEABLE_ON_RESUME)} and, with a constant learning rate, train.epochs may change "
            "when a run is resumed. Choose another folder with --out."
        )
    return run


def _differences(
    old: Mapping[str, object], new: Mapping[str, object], free: Sequence[str], prefix: str = ""
) -> list[tuple[str, object, object]]:
    """The key paths at which two specs differ, except for those that may."""
    found = []
    for key in [*old, *(key for key in new if key not in old)]:
        path, before, after = prefix + key, old.get(key), new.get(key)
        if path in free or before == after:
            continue
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            found += _differences(before, after, free, f"{path}.")
        else:
            found.append((path, before, after))
    return found


def free_folder(name: str) -> Path:
    """The first of runs/NAME, runs/NAME-2, runs/NAME-3, ... that does not exist."""
    folder, number = Path("runs") / name, 2
    while folder.exists():
        folder, number = Path("runs") / f"{name}-{number}", number + 1
    return folder


def write(path: Path, text: str) -> None:
    """Write a file under another name and rename it, so that it is whole or not there at all."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def versions() -> dict[str, str]:
    """The versions that a run's numbers depend on."""
    return {"python": platform.python_version()} | {name: version(name) for name in RECORDED}
