"""Several processes of this machine that take trials from one sweep."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import tensorflow as tf

from probvae.errors import Interrupted, WorkError
from probvae.runs.signals import listening

_TICK = 1.0
"""The seconds between two looks at the trials."""


def run_processes(folder: Path, count: int, storage: str, tick: Callable[[], None]) -> None:
    """Have `count` processes train the trials of the sweep in a folder.

    A process that dies leaves its trial interrupted; the others go on.

    Args:
        folder: of the sweep.
        count: the number of processes; each gets a GPU, if there are any, or its share of the processors.
        storage: where the study of a search is, if it is not in the folder.
        tick: called about every second.

    Raises:
        Interrupted: a signal came; all trainings are saved.
        WorkError: a process died.
    """
    command = [sys.executable, "-m", "probvae", "sweep", str(folder), "--worker"]
    command += ["--storage", storage] if storage else []
    received: list[int] = []
    workers: list[subprocess.Popen[bytes]] = []

    def pass_on(number: int) -> None:
        received.append(number)
        for worker in workers:
            worker.send_signal(number)

    with ExitStack() as stack, listening(pass_on):
        for environment in (os.environ | _share(index, count) for index in range(count)):
            worker = stack.enter_context(_started(command, environment))
            workers.append(worker)
        while any(worker.poll() is None for worker in workers):
            time.sleep(_TICK)
            tick()
    if received:
        raise Interrupted(received[0])
    if died := [worker.returncode for worker in workers if worker.returncode]:
        raise WorkError(
            f"{len(died)} of {count} processes ended early, with status {', '.join(map(str, died))}. The same "
            "command continues; if memory is short, use a lower --jobs."
        )


def _started(command: Sequence[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """A process in a session of its own: otherwise a terminal's Ctrl-C would reach it too, and count twice."""
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,  # which ends with this process: see `stop_with_input`
        stdout=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    )


def _share(index: int, count: int) -> dict[str, str]:
    """The variables that give a process its GPU, or its share of the processors, unless the user has set them."""
    if gpus := len(tf.config.list_physical_devices("GPU")):
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
        mine = visible[index % len(visible)] if visible != [""] else str(index % gpus)
        return {"CUDA_VISIBLE_DEVICES": mine, "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    if "TF_NUM_INTRAOP_THREADS" in os.environ:
        return {}
    return {"TF_NUM_INTRAOP_THREADS": str(max(1, (os.cpu_count() or 1) // count))}
