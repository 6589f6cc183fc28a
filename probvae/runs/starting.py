"""Starting a run from the weights of another, and keeping some of them as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from probvae.core import VAE
from probvae.errors import UserError
from probvae.runs.folder import Origin, Run, find_run
from probvae.specs import read
from probvae.training import best_checkpoint, warm_start


def freeze(vae: VAE, parts: Sequence[str]) -> None:
    """Keep the weights of some parts of a model from being trained.

    Raises:
        UserError: nothing is left to train.
    """
    for part in parts:
        getattr(vae, part).trainable = False
    if not vae.trainable_variables:
        raise UserError(
            f"train.freeze: expected something left to train; {', '.join(parts)} hold every trainable variable. "
            "Leave one of them out, or give the model a prior with variables."
        )


class Start(NamedTuple):
    """Weights taken over from another run.

    Args:
        origin: where they come from, for the record.
        told: the same in words, with what did not match.
    """

    origin: Origin
    told: str


def start_from(folder: str, vae: VAE, frozen: Sequence[str]) -> Start:
    """Give a model the best weights of another run, matched by name.

    Raises:
        UserError: the folder holds no run.
        CheckpointError: no checkpoint is usable.
        TrainingError: nothing matches, or not all of a frozen part does.
    """
    path = find_run(folder)
    run = Run(path, read(path).tables)
    checkpoint, complaints = best_checkpoint(run.checkpoints, run.identity)
    found = warm_start(checkpoint, vae, frozen)
    count = len(found.taken)
    lines = [f"passed over: {complaint}" for complaint in complaints]
    lines.append(f"Start:      {count} of {count + len(found.kept)} variables from {checkpoint.folder}")
    lines += [f"            anew: {name} ({reason})" for name, reason in found.kept.items()]
    lines += [f"            left there: {name}" for name in found.unused]
    return Start(Origin(run.identity, checkpoint.folder.name, found.taken), "\n".join(lines))
