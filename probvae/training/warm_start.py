"""Warm start: begin with the weights of another run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from probvae.core import VAE, named_variables
from probvae.errors import TrainingError
from probvae.training.checkpoint import WEIGHTS, Checkpoint, compare, read


class WarmStart(NamedTuple):
    """The result of a warm start, by the names of variables.

    Args:
        taken: variables that now have the checkpoint's values.
        kept: variables that the checkpoint lacks, has with another shape or dtype, or of other data -> the reason.
        unused: variables of the checkpoint that the model lacks.
    """

    taken: list[str]
    kept: dict[str, str]
    unused: list[str]


def warm_start(
    checkpoint: Checkpoint, vae: VAE, freeze: Sequence[str] = (), of_other_data: Collection[str] = ()
) -> WarmStart:
    """Assign a checkpoint's values to the variables of a model with the same name, shape and dtype.

    Args:
        checkpoint: the source of the values.
        vae: the model.
        freeze: the parts of which every variable must match, as they will not be trained.
        of_other_data: the names of variables that the checkpoint has of other data; they keep their own values.

    Raises:
        TrainingError: no variable matches, or not every one of a frozen part.
        CheckpointError: the checkpoint cannot be read.
    """
    variables = named_variables(vae)
    found = compare(checkpoint.folder / WEIGHTS, variables)
    kept = dict.fromkeys(found.missing, "not there") | found.different
    kept |= dict.fromkeys(of_other_data, "of other data there")
    taken = [name for name in variables if name not in kept]
    if not taken:
        name, reason = next(iter(kept.items()))
        raise TrainingError(
            f"{checkpoint.folder}: expected variables of this model; got none of the same name and shape, as "
            f"{name} is {reason}. Start from a run of a model with the same parts."
        )
    for name, reason in kept.items():
        if name.partition("/")[0] in freeze:
            raise TrainingError(
                f"{checkpoint.folder}: expected every variable of the frozen {name.partition('/')[0]}; {name} is "
                f"{reason}. Take it out of train.freeze, or start from a run with the same one."
            )
    for name, value in read(checkpoint.folder / WEIGHTS, taken).items():
        variables[name].assign(value)
    return WarmStart(taken, kept, found.extra)
