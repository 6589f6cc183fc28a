"""The initial weights of a run: those of another run, where the spec names one."""

from __future__ import annotations

from typing import NamedTuple

from probvae.core import VAE, Data, named_variables
from probvae.errors import UserError
from probvae.runs.environment import DataRecord, Origin
from probvae.runs.folder import Run, find_run
from probvae.specs import read
from probvae.training import TrainSettings, best_checkpoint, check_resumable, newest_checkpoint, warm_start


class Start(NamedTuple):
    """Weights from another run.

    Args:
        origin: where they come from, for the record.
        summary: the same in words, with the variables that do not match.
    """

    origin: Origin
    summary: str


def initial_weights(run: Run, vae: VAE, settings: TrainSettings, data: Data) -> Start | None:
    """Give a model the best weights of another run, matched by name.

    Where the other run is on other data, a prior that leaves training examples out keeps those of its own data.

    Args:
        run: the run to train; one with a checkpoint has weights of its own.
        vae: the model.
        settings: they name the other run, if any, and the parts that are frozen, which must match.
        data: what the model will be trained on.

    Raises:
        UserError: the folder holds no run, or the run was begun on other data and its prior leaves training
            examples out.
        CheckpointError: no checkpoint is valid, or the run cannot be resumed from its newest one.
        TrainingError: no variable matches, or not all of a frozen part do.
    """
    if run.begun and _of_other_data(vae, run, data):
        raise UserError(
            f"{run.folder}: expected the data of the run, as its prior leaves training examples out by their row "
            f"numbers; got other data. Train a new run from its weights: train.init_from = '{run.folder}'."
        )
    if run.begun:
        newest, _ = newest_checkpoint(run.checkpoints, run.identity)
        if newest:
            check_resumable(newest, vae)  # the data, and so the model, may be other ones
        return None
    if not settings.init_from:
        return None
    path = find_run(settings.init_from)
    other = Run(path, read(path).tables)
    checkpoint, errors = best_checkpoint(other.checkpoints, other.identity)
    found = warm_start(checkpoint, vae, settings.freeze, _of_other_data(vae, other, data))
    count = len(found.taken)
    lines = [f"skipped: {error}" for error in errors]
    lines.append(f"Start:      {count} of {count + len(found.kept)} variables from {checkpoint.folder}")
    lines += [f"            new: {name} ({reason})" for name, reason in found.kept.items()]
    lines += [f"            unused: {name}" for name in found.unused]
    return Start(Origin(other.identity, checkpoint.folder.name, found.taken), "\n".join(lines))


def _of_other_data(vae: VAE, other: Run, data: Data) -> list[str]:
    """The names of the variables in which a prior keeps training examples, if those of a run are others."""
    if not (vae.prior.takes_rows and other.environment.data.differences(DataRecord.of(data))):
        return []
    names = [name for name, variable in named_variables(vae).items() if not variable.trainable]
    return [name for name in names if name.startswith("prior/")]
