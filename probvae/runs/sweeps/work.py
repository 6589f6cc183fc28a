"""Training the trials of a sweep in this process, one after another."""

from __future__ import annotations

import errno
import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import tensorflow as tf
from rich.console import Console

from probvae.errors import TemporaryError, explained
from probvae.registry import Registry
from probvae.report.series import best
from probvae.runs.sweeps.definition import Definition
from probvae.runs.sweeps.pruning import PrunedError
from probvae.runs.sweeps.source import Ended, Record, Source, Taken
from probvae.runs.training import train
from probvae.training import Callback


def train_all(
    definition: Definition,
    source: Source,
    registry: Registry,
    given: object = None,
    started: Callable[[Record], Sequence[Callback]] = lambda _: (),
    ended: Callable[[], None] = lambda: None,
) -> None:
    """Train trials until there is none to take.

    Args:
        definition: of the sweep.
        source: of the trials.
        registry: where names are looked up.
        given: the data in Python; None for that of the spec.
        started: called with each trial before its training; returns callbacks for it.
        ended: called after each trial.

    Raises:
        TemporaryError: the machine failed, and not the setting; the trial continues with the next call.
        KeyboardInterrupt: a signal came; the training of the time is saved.
    """
    with _no_notes():
        while taken := source.take():
            try:
                how = _train(definition, taken, registry, given, started(taken.record))
                taken.end(*how)
            finally:
                taken.claim.release()
            ended()
            gc.collect()  # graphs, which are circles of references


@contextmanager
def _no_notes() -> Iterator[None]:
    """Keep TensorFlow from warning that a function was traced for each training."""
    logger = tf.get_logger()
    before = logger.level
    logger.setLevel("ERROR")
    try:
        yield
    finally:
        logger.setLevel(before)


def _train(
    definition: Definition,
    taken: Taken,
    registry: Registry,
    given: object,
    callbacks: Sequence[Callback],
) -> tuple[Ended, str, float | None]:
    """Train a trial from its newest checkpoint: how it ended, why, and its lowest validation loss."""
    record = taken.record
    record.log.parent.mkdir(exist_ok=True)
    with record.log.open("a", encoding="utf-8") as file:
        try:
            run = train(
                definition.spec,
                record.folder,
                resume=True,
                overrides=definition.settings_of(record.settings),
                plugins=definition.plugins,
                console=Console(file=file, width=120, highlight=False),
                registry=registry,
                data=given,
                callbacks=[*taken.callbacks, *callbacks],
            )
            lowest = best(run.metrics())
        except PrunedError as error:
            return "pruned", str(error), None
        except TemporaryError:
            raise
        except Exception as error:  # the others are still trained
            reason = " ".join(explained(error).split())
            if _is_of_the_machine(error):
                raise TemporaryError(
                    f"Trial {record.number}: {reason.rstrip('.')}. The same command continues."
                ) from error
            return "failed", reason, None
    return ("finished", "", lowest.loss) if lowest else ("failed", "it has no finite loss", None)


_OF_THE_MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE)
"""The numbers of errors that the next trial would have too: no room on a disk, or no files left to open."""


def _is_of_the_machine(error: BaseException) -> bool:
    """Whether the machine failed, and not the setting."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in _OF_THE_MACHINE:
            return True
        cause = cause.__cause__
    return False
