"""Contestants that take turns: programs that do the same work, each in a process of its own.

A contestant is a script. It prepares itself, says what it is ready to do, and then works once for each line that
it reads: `Turns` is its side, which needs nothing but Python. `interleaved` is the side of the benchmark: it
starts all contestants and lets them work in turns, so that a slow minute of the machine affects all of them.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any


class Turns:
    """The side of the contestant: standard output carries one JSON object a line, and nothing else.

    Attributes:
        task: what to do, as the benchmark gave it.
    """

    def __init__(self) -> None:
        self.task: dict[str, Any] = json.loads(sys.argv.pop())
        self._output = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)  # what a library prints is no message
        self._began = 0.0

    def begin(self, **facts: Any) -> None:
        """Say what the contestant is ready to do, or what the last turn has given, and wait for the next turn.

        Raises:
            SystemExit: there is none.
        """
        print(json.dumps(facts), file=self._output, flush=True)
        if not sys.stdin.readline():
            raise SystemExit
        self._began = time.perf_counter()

    def seconds(self) -> float:
        """The seconds since the turn began."""
        return time.perf_counter() - self._began


class _Contestant:
    """A process, and what it has said.

    Args:
        name: in results.
        command: starts it; the task follows as JSON.
        task: what it is to do.
    """

    def __init__(self, name: str, command: Sequence[str], task: Mapping[str, Any]) -> None:
        self.name = name
        self.process = subprocess.Popen(
            [*command, json.dumps(task)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.facts = self._said()

    def turn(self) -> dict[str, Any]:
        """Let it work once; what it says of that."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self._said()

    def _said(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended with status {self.process.wait()}; see above.")
        found: dict[str, Any] = json.loads(line)
        return found

    def end(self) -> None:
        """Close its input, which ends it."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def interleaved(commands: Mapping[str, Sequence[str]], task: Mapping[str, Any], rounds: int) -> dict[str, Any]:
    """Let contestants work in turns.

    Args:
        commands: what starts each contestant.
        task: what all of them do.
        rounds: how many turns each has, after one that is not counted.

    Returns:
        Of each contestant: its `facts`, and its `turns`, what it said after each.
    """
    contestants = []
    for name, command in commands.items():  # one after the other, as each prepares itself with all cores
        print(f"  {name} ...", file=sys.stderr, flush=True)
        contestants.append(_Contestant(name, command, task))
        contestants[-1].turn()
    found: dict[str, Any] = {one.name: {"facts": one.facts, "turns": []} for one in contestants}
    for number in range(rounds):
        for one in contestants if number % 2 else reversed(contestants):
            time.sleep(0.3)  # threads of the one before may wait for work in a loop for a while
            found[one.name]["turns"].append(one.turn())
        print(f"  round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    for one in contestants:
        one.end()
    return found


def alternating(functions: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """The seconds of each call of functions that take turns in this process, after a call that is not counted."""
    for function in functions.values():
        function()
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for number in range(rounds):
        for name in functions if number % 2 else reversed([*functions]):
            began = time.perf_counter()
            functions[name]()
            seconds[name].append(time.perf_counter() - began)
    return seconds


def ratios(of: Sequence[float], to: Sequence[float]) -> dict[str, float]:
    """The median and the range of the ratios of paired numbers."""
    each = [one / other for one, other in zip(of, to, strict=True)]
    return {"median": statistics.median(each), "low": min(each), "high": max(each)}
