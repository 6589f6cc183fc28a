"""Checkpoints: folders of plain arrays and integers, written completely or not at all.

    step-000460/{weights.safetensors, optimizer.safetensors, state.json, manifest.json}

The manifest holds the size and sha256 of the other files and is written last. The folder is written under a
temporary name, fsynced and renamed. Reading checks all of that, and every name, shape and dtype, before anything
is assigned. Nothing in a checkpoint is executed: there is no pickle and no Keras deserialisation.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, TypeAlias

import keras
import numpy as np
from annotated_types import Len
from pydantic import ConfigDict
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from probvae.core import STRICT, Array, Count, from_json, named_variables, trainable_names
from probvae.core.durable import sync_folder, write_through
from probvae.errors import CheckpointError
from probvae.training.running_means import RunningMeansState

FORMAT = 2
WEIGHTS, OPTIMIZER, STATE, MANIFEST = "weights.safetensors", "optimizer.safetensors", "state.json", "manifest.json"


Snapshot: TypeAlias = Mapping[str, Mapping[str, Array]]
"""File -> structural name -> a copy of the variable's value."""


@dataclass(frozen=True)
class CheckpointState:
    """The numbers of a checkpoint, `state.json`.

    Args:
        run: identifies the run.
        step: the number of training steps taken.
        epoch: the number of finished epochs.
        best_step: the step at the end of the best epoch; 0 before the end of the first.
        best_loss: the validation loss of that epoch, in nats per example.
        totals: the sums over the steps of the unfinished epoch.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    run: str
    step: Count
    epoch: Count
    best_step: Count
    best_loss: float | None
    totals: RunningMeansState


@dataclass(frozen=True)
class _File:
    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    size: Count
    sha256: str


@dataclass(frozen=True)
class _Manifest:
    """What `manifest.json` says: the format, and every other file."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    format: Literal[2]
    files: Annotated[dict[Literal["weights.safetensors", "optimizer.safetensors", "state.json"], _File], Len(3, 3)]


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint: all its files are complete and unchanged, and its weights are finite.

    Args:
        folder: its folder.
        state: its numbers.
    """

    folder: Path
    state: CheckpointState

    @property
    def step(self) -> int:
        """The number of training steps taken."""
        return self.state.step

    @property
    def weights(self) -> Path:
        """The file of the model's variables."""
        return self.folder / WEIGHTS


def snapshot(vae: keras.Model, optimizer: keras.optimizers.Optimizer) -> Snapshot:
    """Copies of all variables of a model and its optimizer, by file and by name."""
    named = {WEIGHTS: named_variables(vae), OPTIMIZER: _optimizer_variables(optimizer, vae)}
    return {
        file: {name: np.array(variable.numpy(), order="C") for name, variable in variables.items()}
        for file, variables in named.items()
    }


def write(root: Path, arrays: Snapshot, state: CheckpointState) -> Checkpoint:
    """Write a checkpoint of a snapshot and a state, in a folder named after the state's step.

    Raises:
        CheckpointError: it cannot be written; earlier checkpoints are unchanged.
    """
    folder = root / f"step-{state.step:06d}"
    files = {
        **{file: save(dict(named)) for file, named in arrays.items()},
        STATE: json.dumps(asdict(state), indent=2, allow_nan=False).encode(),
    }
    digests = {
        name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()
    }
    files[MANIFEST] = json.dumps({"format": FORMAT, "files": digests}, indent=2).encode()
    temporary = root / f".{folder.name}.tmp"
    try:
        root.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        for name, data in files.items():
            write_through(temporary / name, data)
        sync_folder(temporary)
        previous = root / f".{folder.name}.old"
        if folder.exists():  # the same step, from before a resume: kept until the new one is in its place
            shutil.rmtree(previous, ignore_errors=True)
            folder.rename(previous)
        temporary.rename(folder)
        sync_folder(root)
        shutil.rmtree(previous, ignore_errors=True)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise CheckpointError(
            f"The checkpoint {folder} could not be written: {error}. Earlier ones are intact."
        ) from error
    return Checkpoint(folder, state)


def verify(folder: Path, run: str = "") -> Checkpoint:
    """Read a checkpoint's manifest and state, and compare every file with its size and sha256.

    A hash detects damage, not a wrong file with its own hash: so the contents are checked too.

    Args:
        folder: the checkpoint's.
        run: the run that it must belong to; any, if empty.

    Raises:
        CheckpointError: a file is missing, changed or invalid, or the checkpoint belongs to another run.
    """
    try:
        for name, expected in from_json(_Manifest, _small(folder / MANIFEST)).files.items():
            size = (folder / name).stat().st_size
            if size != expected.size:
                raise CheckpointError(f"{folder / name}: expected {expected.size} bytes; got {size}.")
            with (folder / name).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest != expected.sha256:
                raise CheckpointError(f"{folder / name}: its sha256 is not the manifest's; the file was changed.")
        state = from_json(CheckpointState, _small(folder / STATE))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{folder}: not a complete checkpoint ({type(error).__name__}: {error}).") from error
    if state.step != _step(folder):
        raise CheckpointError(f"{folder}: its state is of step {state.step}; the folder was renamed.")
    if state.best_step > state.step:
        raise CheckpointError(
            f"{folder / STATE}: best_step: expected at most the step, {state.step}; got {state.best_step}."
        )
    if run and state.run != run:
        raise CheckpointError(f"{folder}: it belongs to another run, and was copied here.")
    if bad := _first(folder / WEIGHTS, lambda array: not np.isfinite(array).all()):
        raise CheckpointError(f"{folder / WEIGHTS}: expected finite numbers; got others in {bad}.")
    if bad := _first(folder / OPTIMIZER, lambda array: np.isnan(array).any()):
        raise CheckpointError(f"{folder / OPTIMIZER}: expected numbers; got NaN in {bad}.")
    return Checkpoint(folder, state)


def _small(path: Path) -> bytes:
    """The content of a file of a few numbers; more than a megabyte is an error."""
    with path.open("rb") as file:
        content = file.read(2**20 + 1)
    if len(content) > 2**20:
        raise ValueError(f"{path.name}: expected at most a megabyte; got more")
    return content


def _first(path: Path, wrong: Callable[[Array], bool | np.bool_]) -> str:
    """The first array of a file that is wrong, empty if there is none; one is read at a time."""
    with _opened(path) as file:
        names = sorted(file.keys())
        return next((name for name in names if wrong(file.get_tensor(name))), "")


def newest_checkpoint(root: Path, run: str = "") -> tuple[Checkpoint | None, list[str]]:
    """The newest valid checkpoint, and the errors of the newer ones that were skipped."""
    complaints: list[str] = []
    for folder in sorted(_folders(root), key=_step, reverse=True):
        try:
            return verify(folder, run), complaints
        except CheckpointError as error:
            complaints.append(str(error))
    return None, complaints


def best_checkpoint(root: Path, run: str = "") -> tuple[Checkpoint, list[str]]:
    """The checkpoint of the best epoch, or the newest valid one, and the errors of those skipped.

    Raises:
        CheckpointError: there is none.
    """
    newest, complaints = newest_checkpoint(root, run)
    if newest is None:
        raise CheckpointError(" ".join([f"{root} has no valid checkpoint.", *complaints]))
    best = newest.state.best_step or newest.step  # 0: not even the first epoch is over
    if best == newest.step:
        return newest, complaints
    try:
        return verify(root / f"step-{best:06d}", run), complaints
    except CheckpointError as error:
        return newest, [*complaints, str(error)]


def prune(root: Path, keep: int, *steps: int) -> None:
    """Remove all checkpoints but the newest ones and those of some steps."""
    for folder in sorted(_folders(root), key=_step)[:-keep]:
        if _step(folder) not in steps:
            shutil.rmtree(folder, ignore_errors=True)


def weights_only(checkpoint: Checkpoint, root: Path) -> Checkpoint:
    """Write a copy of a checkpoint without the optimizer's state, with which a model can be used and not resumed.

    Args:
        checkpoint: the original.
        root: the folder of checkpoints to write to.

    Raises:
        CheckpointError: it cannot be read, or written.
    """
    with _opened(checkpoint.folder / WEIGHTS) as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
    state = replace(checkpoint.state, best_step=checkpoint.step)
    return write(root, {WEIGHTS: weights, OPTIMIZER: {}}, state)


def restore(checkpoint: Checkpoint, vae: keras.Model, optimizer: keras.optimizers.Optimizer | None = None) -> None:
    """Assign the values of a checkpoint to a model and its optimizer: all of them, or none.

    Raises:
        CheckpointError: the checkpoint is of another model; names the differences. Or it has no state of an
            optimizer, and one is to be restored.
    """
    targets = [(WEIGHTS, named_variables(vae))]
    if optimizer is not None:
        _check_has_optimizer(checkpoint)
        targets.append((OPTIMIZER, _optimizer_variables(optimizer, vae)))
    for file, variables in targets:
        _check(checkpoint.folder / file, variables)
    arrays_of = [(variables, read(checkpoint.folder / file, variables)) for file, variables in targets]
    for variables, arrays in arrays_of:
        for name, variable in variables.items():
            variable.assign(arrays[name])


class Differences(NamedTuple):
    """How the arrays of a file differ from a model's variables, by name.

    Args:
        extra: names that only the file has.
        missing: names that only the model has.
        different: names that both have, with another shape or dtype -> the difference.
    """

    extra: list[str]
    missing: list[str]
    different: dict[str, str]


def compare(path: Path, variables: Mapping[str, keras.Variable]) -> Differences:
    """Compare the names, shapes and dtypes of a file with variables; no array is read.

    Raises:
        CheckpointError: the file cannot be read.
    """
    different = {}
    with _opened(path) as file:
        names = set(file.keys())
        for name in sorted(names & set(variables)):
            stored, variable = file.get_slice(name), variables[name]
            shape, dtype = tuple(stored.get_shape()), _DTYPES.get(stored.get_dtype(), stored.get_dtype())
            if (shape, dtype) != (tuple(variable.shape), variable.dtype):
                different[name] = f"{dtype} {list(shape)} there, {variable.dtype} {list(variable.shape)} here"
    return Differences(sorted(names - set(variables)), sorted(set(variables) - names), different)


def read(path: Path, names: Iterable[str]) -> dict[str, Array]:
    """Some arrays of a file, by name.

    Raises:
        CheckpointError: the file cannot be read.
    """
    with _opened(path) as file:
        return {name: file.get_tensor(name) for name in names}


def check_resumable(checkpoint: Checkpoint, vae: keras.Model) -> None:
    """Raise if the training of a model cannot be resumed from a checkpoint; no array is read.

    Raises:
        CheckpointError: it is of another model, or has no state of an optimizer.
    """
    _check(checkpoint.weights, named_variables(vae))
    _check_has_optimizer(checkpoint)


def _check_has_optimizer(checkpoint: Checkpoint) -> None:
    with _opened(checkpoint.folder / OPTIMIZER) as file:
        if not file.keys():
            raise CheckpointError(
                f"{checkpoint.folder}: expected the state of the optimizer, to resume the training; got weights "
                "only, as of a run that was pushed without it. Train a new run from its weights: "
                f"--set train.init_from={checkpoint.folder.parents[1]}"
            )


def _check(path: Path, variables: Mapping[str, keras.Variable]) -> None:
    """Compare the names, shapes and dtypes of a file with the variables'."""
    extra, missing, different = compare(path, variables)
    wrong = [f"it has {name!r}, which the model does not have" for name in extra]
    wrong += [f"the model has {name!r}, which it does not have" for name in missing]
    wrong += [f"{name!r} is {how}" for name, how in different.items()]
    if wrong:
        more = f"; and {len(wrong) - 8} more" if len(wrong) > 8 else ""
        raise CheckpointError(f"{path} is of another model: {'; '.join(wrong[:8])}{more}.")


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}.") from error


_DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "BOOL": "bool",
    "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8",
    "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8",
}  # fmt: skip


def _optimizer_variables(optimizer: keras.optimizers.Optimizer, vae: keras.Model) -> dict[str, keras.Variable]:
    """The optimizer's variables by structural name: slots after the variable that they belong to.

    Keras optimizers hold each kind of slot in a list as long as the trainable variables and in their order; the
    names Keras gives the slots itself can collide.
    """
    trained = {id(variable): name for name, variable in trainable_names(vae).items()}
    owners = [trained[id(variable)] for variable in vae.trainable_variables]
    own = {id(variable) for variable in optimizer.variables}
    names: dict[str, keras.Variable] = {}
    for attribute, slots in vars(optimizer).items():
        if isinstance(slots, list) and len(slots) == len(owners) and all(id(slot) in own for slot in slots):
            kind = attribute.strip("_")
            if kind not in ("variables", "trainable_variables"):
                names |= {f"{kind}/{owner}": slot for owner, slot in zip(owners, slots, strict=True)}
    slots_found = {id(variable) for variable in names.values()}
    names |= {variable.name: variable for variable in optimizer.variables if id(variable) not in slots_found}
    if len(names) != len(optimizer.variables):
        raise CheckpointError(f"{type(optimizer).__name__} has several variables of one name.")
    return names


def _folders(root: Path) -> Iterator[Path]:
    return (folder for folder in root.glob("step-*") if folder.name[5:].isdecimal())


def _step(folder: Path) -> int:
    return int(folder.name[5:])
