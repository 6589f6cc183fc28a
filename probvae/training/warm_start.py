"""Starting from the weights of another run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from probvae.core import VAE, named_variables
from probvae.errors import TrainingError
from probvae.training.checkpoint import WEIGHTS, Checkpoint, compare, read


class WarmStart(NamedTuple):
    """What a model took from a checkpoint, by name.

    Args:
        taken: variables that have the checkpoint's values now.
        kept: variables that the checkpoint does not have, or has in another shape or dtype, and why.
        unused: what the checkpoint has and the model has not.
    """

    taken: list[str]
    kept: dict[str, str]
    unused: list[str]


def warm_start(checkpoint: Checkpoint, vae: VAE, freeze: Sequence[str] = ()) -> WarmStart:
    """Give a model the values of the checkpoint's variables that have the same name, shape and dtype.

    Args:
        checkpoint: where they come from.
        vae: the model.
        freeze: the parts that must find all of theirs, as they will not be trained.

    Raises:
        TrainingError: nothing matches, or not all of a frozen part does.
        CheckpointError: the checkpoint cannot be read.
    """
    variables = named_variables(vae)
    found = compare(checkpoint.folder / WEIGHTS, variables)
    kept = dict.fromkeys(found.missing, "not there") | found.different
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
