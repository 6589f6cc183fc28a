"""Saving in the background: training waits for a copy in memory only, not for the disk."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from probvae.training.checkpoint import CheckpointState, Snapshot, prune, verify, write


class Saver:
    """Writes checkpoints in its own thread, one at a time, and removes old ones once a new one is verified.

    Args:
        root: the folder for checkpoints; None saves nothing.
        keep: the number of newest checkpoints to keep, in addition to the best.
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
        """Wait for the checkpoint that is being written. An error of the training itself comes first."""
        self._thread.shutdown(wait=True)
        if error is None:
            self._wait()

    @property
    def age(self) -> float:
        """Seconds since the last checkpoint, or since the training started."""
        return time.monotonic() - self._last

    def save(self, arrays: Snapshot, state: CheckpointState) -> None:
        """Start writing a checkpoint, after the previous one is written.

        Raises:
            CheckpointError: the previous one could not be written.
        """
        self._last = time.monotonic()
        if self._root is None:
            return
        self._wait()
        self._writing = self._thread.submit(self._write, self._root, arrays, state)

    def check(self) -> None:
        """Raise the error of the thread, if there is one."""
        if self._writing is not None and self._writing.done():
            self._wait()

    def _wait(self) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            writing.result()

    def _write(self, root: Path, arrays: Snapshot, state: CheckpointState) -> None:
        written = verify(write(root, arrays, state).folder)
        # Of a run that went back behind damaged checkpoints, this one is not among the newest.
        prune(root, self._keep, state.best_step, written.step)
