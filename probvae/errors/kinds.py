"""The errors and warnings of probvae. An error names the thing, what was expected, what it got, and how to fix it.

`UserError` means that the input is wrong (exit status 2 on the command line), `WorkError` that the work
failed although the input was fine (exit status 1), `TemporaryError` that the same may well succeed later (exit
status 75). None is ever shown as a traceback by the program.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self


class ProbvaeError(Exception):
    """The base class of all errors that probvae raises."""


class UserError(ProbvaeError, ValueError):
    """The user's input is wrong; the message says how to fix it."""


class ConfigError(UserError):
    """A component got an invalid parameter.

    Args:
        message: what was expected, what it got, how to fix it.
        parameter: the name of the invalid parameter, so that the error can point at its line in a spec.
    """

    def __init__(self, message: str, parameter: str | None = None) -> None:
        super().__init__(message)
        self.parameter = parameter

    @classmethod
    def of(cls, key: str, expected: str, got: str, fix: str = "") -> Self:
        """The error of a parameter in the usual words.

        Args:
            key: its place in a spec, as `data.train`; the last part is the parameter's name.
            expected: what was expected.
            got: what it got.
            fix: how to fix it, in sentences.
        """
        return cls(f"{key}: expected {expected}; got {got}. {fix}".rstrip(), key.rpartition(".")[2])


class ShapeError(UserError):
    """An array or a distribution has the wrong shape."""


class TooLargeError(UserError):
    """A request does not fit into the available memory.

    Args:
        message: what was expected, and what it got.
        what: the latter in words.
        shape: of the tensor that does not fit.
    """

    def __init__(self, message: str, what: str, shape: tuple[int, ...]) -> None:
        super().__init__(message)
        self.what = what
        self.shape = shape


class UnknownNameError(UserError, KeyError):
    """No component has that name."""

    def __str__(self) -> str:
        return ValueError.__str__(self)  # KeyError's would put quotes around the message


class PluginError(UserError):
    """A plugin cannot be used as it is."""


class ProbvaeWarning(UserWarning):
    """Something is wrong, and the program continues without it."""


class PluginWarning(ProbvaeWarning):
    """A plugin does not work."""


class CheckpointWarning(ProbvaeWarning):
    """A checkpoint is damaged, and an older one is used."""


class DataWarning(ProbvaeWarning):
    """The data is probably not what the model expects."""


class ReportWarning(ProbvaeWarning):
    """The report or the evaluation of a run was not written; the run itself is not affected."""


@dataclass(frozen=True)
class Problem:
    """One mistake in a spec.

    Args:
        path: the key path, as `model.prior.components`.
        expected: what would have been right; "" where `hint` says it.
        got: the value in the spec; "" where `hint` says it.
        hint: how to fix it, where that is known.
        where: the file and line, or the option, that it comes from.
    """

    path: str
    expected: str
    got: str
    hint: str = ""
    where: str = ""

    def __str__(self) -> str:
        text = f"{self.where}: " if self.where else ""
        text += self.path
        if self.expected:
            text += f": expected {self.expected}; got {self.got}."
            return f"{text} {self.hint}" if self.hint else text
        return f"{text}: {self.hint}"


class SpecError(UserError):
    """A spec is wrong; `problems` lists all its mistakes, each with its place."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class WorkError(ProbvaeError, RuntimeError):
    """The work failed although the input was right."""


class DataError(WorkError):
    """A dataset could not be fetched, or is not what it should be."""


class CheckpointError(WorkError):
    """A checkpoint is missing, damaged, or belongs to another model."""


class TrainingError(WorkError):
    """Training cannot continue: a loss is not finite, or a variable is not trained."""


class TemporaryError(WorkError):
    """The work failed for an external, temporary reason; the same command may succeed later.

    The program's exit status is then 75, EX_TEMPFAIL in sysexits.h, which schedulers recognise.
    """


class Interrupted(KeyboardInterrupt):
    """A signal stopped the program, after the state was saved.

    Args:
        signal_number: its number; the program's exit status is 128 plus this number.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence that suggests the known name nearest to `name`, and lists them all.

    >>> did_you_mean("mixtur", ["mixture", "maf"])
    "Did you mean 'mixture'? Known: maf, mixture."
    """
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1)
    text = f"Did you mean {near[0]!r}? " if near else ""
    return f"{text}Known: {', '.join(known) or 'none'}."
