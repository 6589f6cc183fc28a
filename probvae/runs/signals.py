"""Being asked to stop: once is a request, twice is an order."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from rich.console import Console

ASKING = (signal.SIGINT, signal.SIGTERM)


class Asked:
    """Whether a signal has come.

    Attributes:
        signal_number: the one that has, or None.
    """

    signal_number: int | None = None


@contextmanager
def asked_to_stop(stop: Callable[[], None], console: Console) -> Iterator[Asked]:
    """While this lasts, SIGINT or SIGTERM calls `stop`, and a second one ends the process at once.

    A signal that is ignored, as SIGINT is in the background of some shells, stays ignored. Signals come to the
    main thread only, so in any other this does nothing.
    """
    asked = Asked()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def handle(number: int, _: FrameType | None) -> None:
        if asked.signal_number is not None:
            console.show_cursor(True)
            os._exit(128 + number)
        asked.signal_number = number
        console.print("Stopping after this step, and saving. Once more to quit at once.")
        stop()

    before = {number: signal.getsignal(number) for number in ASKING}
    taken = [number for number, handler in before.items() if handler not in (signal.SIG_IGN, None)]
    for number in taken:
        signal.signal(number, handle)
    try:
        yield asked
    finally:
        for number in taken:
            signal.signal(number, before[number])
