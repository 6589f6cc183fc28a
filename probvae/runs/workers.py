"""A cluster of several processes on this machine, to try one out."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack

from probvae.runs.signals import listening

PATIENCE = 60.0
"""The seconds that the others have to stop once one has failed."""


def run_workers(arguments: Sequence[str], count: int) -> int:
    """Run `probvae` with these arguments in `count` processes that form a cluster, the first of them its chief.

    Signals to end are passed on. When one process fails, the others stop; those that do not are killed.

    Returns:
        The exit status of the first that failed, or 0.
    """
    addresses = free_addresses(count)
    command = [sys.executable, "-m", "probvae", *arguments]
    workers: list[subprocess.Popen[bytes]] = []

    def pass_on(number: int) -> None:
        for worker in workers:
            worker.send_signal(number)

    with listening(pass_on):
        for index in range(count):
            task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            environment = {**os.environ, "TF_CONFIG": json.dumps(task)}
            # A session of its own: otherwise a terminal's Ctrl-C would reach it too, and count twice.
            workers.append(subprocess.Popen(command, env=environment, start_new_session=True))
        return _waited_for(workers)


def _waited_for(workers: Sequence[subprocess.Popen[bytes]]) -> int:
    status, deadline = 0, float("inf")
    while running := [worker for worker in workers if worker.poll() is None]:
        if not status:
            status = _failed(workers)
            deadline = time.monotonic() + PATIENCE if status else deadline
        if time.monotonic() > deadline:
            for worker in running:
                worker.kill()
        time.sleep(0.1)
    status = status or _failed(workers)
    return 128 - status if status < 0 else status  # a signal's number, as shells return it


def _failed(workers: Sequence[subprocess.Popen[bytes]]) -> int:
    return next((worker.returncode for worker in workers if worker.returncode), 0)


def free_addresses(count: int) -> list[str]:
    """Different addresses of this machine with ports that are free."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
