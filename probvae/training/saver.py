"""Saving beside the training: it stops for a copy in memory only, not for the disk."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from probvae.training.checkpoint import CheckpointState, Snapshot, prune, verify, write


class Saver:
    """Writes checkpoints in a thread of its own, one at a time, and removes old ones once a new one is verified.

    Args:
        root: the folder for checkpoints; None saves nothing.
        keep: how many of the newest are kept, beside the best.
    """

    def __init__(self, root: Path | None, keep: int) -> None:
        self._root = root
        self._keep = keep
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._writing: Future[None] | None = None
        self._last = time.monotonic()

    def __enter__(self) -> Saver:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        """Wait for what is being written. Where training has failed by itself, that is what is told."""
        self._thread.shutdown(wait=True)
        if error is None:
            self._wait()

    @property
    def age(self) -> float:
        """How many seconds ago something was saved last, or the training began."""
        return time.monotonic() - self._last

    def save(self, arrays: Snapshot, state: CheckpointState) -> None:
        """Have a checkpoint written; waits if the one before is still being written.

        Raises:
            CheckpointError: the one before could not be.
        """
        self._last = time.monotonic()
        if self._root is None:
            return
        self._wait()
        self._writing = self._thread.submit(self._write, self._root, arrays, state)

    def check(self) -> None:
        """Raise what has gone wrong in the thread, as soon as it has."""
        if self._writing is not None and self._writing.done():
            self._wait()

    def _wait(self) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            writing.result()

    def _write(self, root: Path, arrays: Snapshot, state: CheckpointState) -> None:
        verify(write(root, arrays, state).folder)
        prune(root, self._keep, best=state.best_step)
