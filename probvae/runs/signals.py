"""Signals to end a process.

A Python signal handler runs in the main thread, between two of its instructions. It waits as long as native code
runs, and an exception that it raises appears in whatever code is running, which may discard it: TensorFlow's
dispatcher does. So the handlers here do nothing. Python writes the number of each signal to a pipe at once
(`signal.set_wakeup_fd`), and a thread that reads the pipe acts on it.
"""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from probvae.errors import Interrupted

if TYPE_CHECKING:
    from rich.console import Console

ASKING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""The signals that ask a process to end; Windows has no SIGHUP."""


standard_error = 2
"""The file descriptor of the standard error; another one while native code's notes are kept off it."""


def listen(listener: Callable[[int], None]) -> Callable[[], None]:
    """From now on call `listener` with the number of each signal that asks to end, in a thread of its own.

    A signal that is ignored, as SIGINT is in the background of some shells, stays ignored. Signals arrive in the
    main thread only; in any other thread this does nothing.

    Returns:
        What restores the state before.
    """
    if threading.current_thread() is not threading.main_thread():
        return lambda: None
    before = {number: signal.getsignal(number) for number in ASKING}
    taken = [number for number, handler in before.items() if handler not in (signal.SIG_IGN, None)]
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    thread = threading.Thread(target=_read, args=(reader, listener), daemon=True)
    thread.start()
    outer = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in taken:
        signal.signal(number, _do_nothing)

    def restore() -> None:
        for number in taken:
            signal.signal(number, before[number])
        signal.set_wakeup_fd(outer)
        os.close(writer)
        thread.join()

    return restore


def ignore() -> None:
    """From now on ignore the signals that ask to end, as the work is done and only the interpreter has to end.

    Python restores the defaults of handled signals when it ends, which would kill it; ignored ones stay ignored.
    """
    for number in ASKING:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def listening(listener: Callable[[int], None]) -> Iterator[None]:
    """As `listen`, for as long as this lasts."""
    restore = listen(listener)
    try:
        yield
    finally:
        restore()


_unfinished: set[Path] = set()


@contextmanager
def removed_at_the_end(path: Path) -> Iterator[None]:
    """Remove a file or a folder that is being made if a signal ends the process meanwhile."""
    _unfinished.add(path)
    try:
        yield
    finally:
        _unfinished.discard(path)


def end_at_once(number: int) -> NoReturn:
    """End the process with the status of a signal, 128 and its number; what is being made is removed."""
    for path in [*_unfinished]:
        shutil.rmtree(path, ignore_errors=True)
        with suppress(OSError):
            path.unlink()
    with suppress(OSError):
        if os.isatty(1):
            os.write(1, b"\x1b[?25h")  # show the cursor, which progress bars hide
        os.write(standard_error, b"Interrupted.\n")
    os._exit(128 + number)


class StopRequest:
    """The first SIGINT or SIGTERM saves and stops; the second exits at once.

    Args:
        console: where to say that the signal was received.

    Attributes:
        signal_number: the signal that was received, or None.
        stop: a function that is called when it is.
    """

    def __init__(self, console: Console) -> None:
        self.signal_number: int | None = None
        self.stop: Callable[[], None] = lambda: None
        self._console = console

    def __call__(self, number: int) -> None:
        """Receive a signal."""
        if self.signal_number is not None:
            end_at_once(number)
        self.signal_number = number
        self.stop()
        with suppress(OSError):  # after SIGHUP the terminal is gone
            self._console.print("Stopping after the current step is saved. Once more to quit at once.")

    def check(self) -> None:
        """Stop here if a signal was received.

        Raises:
            Interrupted: it was.
        """
        if self.signal_number is not None:
            raise Interrupted(self.signal_number)


def stop_with_input() -> None:
    """Send SIGTERM to this process once its standard input ends: a pipe from its parent ends with the parent."""

    def wait() -> None:
        while os.read(0, 64):  # not of sys.stdin, whose lock would be held at the end of the interpreter
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def _do_nothing(_: int, __: FrameType | None) -> None:
    """The handler: Python has written the signal's number to the pipe already."""


def _read(reader: int, listener: Callable[[int], None]) -> None:
    with open(reader, "rb", buffering=0) as pipe:
        while numbers := pipe.read(64):
            for number in numbers:
                if number in ASKING:
                    listener(number)


class _Fork(threading.local):
    """The signals that a thread had blocked before its fork."""

    blocked: set[int | signal.Signals]


_fork = _Fork()


def _block() -> None:
    """Before a fork, so that a signal waits until the child has its own handlers."""
    _fork.blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ASKING)


def _unblock() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _fork.blocked)


def _separate() -> None:
    """In a forked child, which shares the pipe: its signals are its own."""
    for number in ASKING:
        if signal.getsignal(number) is _do_nothing:
            signal.set_wakeup_fd(-1)
            signal.signal(number, signal.SIG_DFL)
    _unblock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_block, after_in_parent=_unblock, after_in_child=_separate)
