"""The memory that is available to the process, to refuse what does not fit before it is allocated."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_NO_LIMIT = 2**60  # the first version of cgroups writes a number near 2^63 for none


def available_memory(root: Path = Path("/")) -> int | None:
    """The number of bytes available to the process; None if unknown.

    This is the minimum of what is left on the machine, in the process's control groups (the limits of a container
    or a scheduler) and within a limit on its address space (`ulimit -v`).

    Args:
        root: the folder of /proc and /sys.
    """
    limits = [_machine(root), *_groups(root), _address_space(root)]
    return min((max(limit, 0) for limit in limits if limit is not None), default=None)


def readable(size: int) -> str:
    """A number of bytes with a unit.

    >>> readable(999), readable(1_500), readable(6_000_000_000), readable(3_200_000_000_000_000)
    ('999 bytes', '1.5 kB', '6.0 GB', '3.2 PB')
    """
    if size < 1000:
        return f"{size} bytes"
    for power, unit in enumerate(("kB", "MB", "GB", "TB", "PB", "EB"), 1):
        if size < 1000 ** (power + 1):
            return f"{size / 1000**power:.1f} {unit}"
    return "more than 1000 EB"


def _machine(root: Path) -> int | None:
    available = _fields(root / "proc/meminfo").get("MemAvailable:")
    if available is not None:
        return available * 1024
    try:  # macOS: the total, as the available part is unknown
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if sys.platform == "darwin" else None
    except (ValueError, OSError):
        return None


def _groups(root: Path) -> list[int | None]:
    """The memory left in each control group of the process, and in each above it."""
    found = []
    for line in _lines(root / "proc/self/cgroup"):
        number, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if number == "0":  # the second version of cgroups
            mount, names = root / "sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            mount = root / "sys/fs/cgroup/memory"
            names = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
        else:
            continue
        folder = mount / group.lstrip("/")
        found += [_left(place, *names) for place in (folder, *folder.parents) if place.is_relative_to(mount)]
    return found


def _left(group: Path, limit_file: str, usage_file: str, cache: str) -> int | None:
    limit, used = (_number(_lines(group / name)) for name in (limit_file, usage_file))
    if limit is None or used is None or limit >= _NO_LIMIT:
        return None
    return limit - used + _fields(group / "memory.stat").get(cache, 0)  # cached files can be freed


def _address_space(root: Path) -> int | None:
    try:
        import resource  # not on Windows
    except ImportError:
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    used = _fields(root / "proc/self/status").get("VmSize:")
    return None if limit == resource.RLIM_INFINITY or used is None else limit - used * 1024


def _fields(file: Path) -> dict[str, int]:
    """The numbers in a file of lines `name number ...`."""
    rows = (line.split() for line in _lines(file))
    return {row[0]: int(row[1]) for row in rows if len(row) > 1 and row[1].isdigit()}


def _number(lines: list[str]) -> int | None:
    return int(lines[0]) if lines and lines[0].isdigit() else None


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:
        return []
