"""What happens to a wrong input: whether it ends in the project's own words, in little time and memory."""

import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from probvae.errors import ProbvaeError

SECONDS = 5.0
BYTES = 2 * 10**9
"""What an input may take at most, in seconds of processor time and bytes of memory."""

WAITING = 12
"""The limit of elapsed time, as a multiple of that of processor time: other programs may run too."""


class Trial(NamedTuple):
    """What came of an input.

    Args:
        name: which input.
        status: accepted, refused, or failed.
        message: what was said of it; of a failure, the end of its traceback.
        seconds: how much of the processor's time it took.
        peak: by how many bytes the process grew at most; 0 where the system does not say.
    """

    name: str
    status: str
    message: str
    seconds: float
    peak: int


def tried(name: str, work: Callable[[], object]) -> Trial:
    """Do something with an input; only an error of the project's own is a refusal."""
    status, message, start, clock = "accepted", "", time.process_time(), time.perf_counter()
    with _peak() as grown:
        try:
            with warnings.catch_warnings(action="ignore"):
                work()
        except ProbvaeError as error:
            status, message = "refused", str(error)
        except BaseException as error:  # whatever a user would see as a traceback
            if isinstance(error, KeyboardInterrupt):
                raise
            status, message = "failed", "".join(traceback.format_exception(error)[-6:])
    seconds, waited = time.process_time() - start, time.perf_counter() - clock
    if status != "failed" and (seconds > SECONDS or waited > WAITING * SECONDS):
        status, message = "failed", f"{seconds:.1f} seconds of work within {waited:.1f}; {message}"
    if status != "failed" and grown[0] > BYTES:
        status, message = "failed", f"{grown[0]:,} bytes; {message}"
    return Trial(name, status, message, seconds, grown[0])


@contextmanager
def _peak() -> Iterator[list[int]]:
    """By how many bytes the process grows at most meanwhile, in a list of one number."""
    grown = [0]
    try:
        Path("/proc/self/clear_refs").write_text("5")  # the peak is what there is now
        before = _memory("VmHWM:")
    except OSError:
        yield grown
        return
    yield grown
    grown[0] = max(0, _memory("VmHWM:") - before)


def _memory(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(field)), 0)
