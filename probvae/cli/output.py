"""Standard output and standard error that take every text, and outlive their reader."""

# ruff: noqa: RUF001  (characters that look like ASCII are what this file is about)

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
import unicodedata
from typing import TextIO

PLAIN = {
    "α": "alpha", "β": "beta", "γ": "gamma", "λ": "lambda", "μ": "mu", "σ": "sigma", "χ": "chi", "Σ": "sum",
    "±": "+/-", "×": "x", "·": "*", "²": "^2", "≤": "<=", "≥": ">=", "≠": "!=", "≈": "~", "→": "->", "∞": "inf",
    "−": "-", "–": "-", "—": "-", "…": "...", "‖": "||", "‘": "'", "’": "'", "“": '"', "”": '"', "•": "*",
    "✓": "+", "✗": "x", "ø": "o", "ß": "ss", "━": "-", "─": "-", "╸": "-", "╺": "-",
}  # fmt: skip
"""ASCII for the characters that we and component authors write; others become escapes, as `\\u4e2d`."""


def robust_output() -> None:
    """Make the standard streams fit for any text, whatever their encoding and whoever reads them.

    What an encoding does not have is written in ASCII. What nobody reads any more, after `| head` or in a closed
    terminal, is discarded, and the work continues. A stream that is closed from the start is the null device: a
    file that is opened later would otherwise get its number, and messages of native code with it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free, which is this one
    sys.stdout = _robust(sys.stdout)
    sys.stderr = _robust(sys.stderr)


def _robust(stream: TextIO | None) -> TextIO:
    if stream is None:  # closed from the start
        return open(os.devnull, "w", encoding="utf-8")
    return Output(stream) if isinstance(stream, io.TextIOWrapper) else stream


class Output(io.TextIOWrapper):
    """A text stream in the place of another one on the same descriptor."""

    def __init__(self, stream: io.TextIOWrapper) -> None:
        self._ascii = codecs.lookup(stream.encoding).name == "ascii"
        # Click takes an ASCII stream for a misconfigured one and writes UTF-8 to it.
        encoding = "latin-1" if self._ascii else stream.encoding
        super().__init__(stream.buffer, encoding, "plain", line_buffering=stream.line_buffering)

    def write(self, text: str) -> int:
        """Write a text, or discard it if nobody reads it."""
        if self._ascii:
            text = text.encode("ascii", "plain").decode("ascii")
        try:
            return super().write(text)
        except OSError as error:
            self._discard(error)
            return len(text)

    def flush(self) -> None:
        """Flush, or discard what nobody reads."""
        try:
            super().flush()
        except OSError as error:
            self._discard(error)

    def _discard(self, error: OSError) -> None:
        """Point the descriptor to the null device if its reader is gone."""
        if error.errno not in (errno.EPIPE, errno.EIO):  # a full disk, say
            raise error
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self.fileno())
        os.close(null)
        super().flush()


def _plainly(error: UnicodeError) -> tuple[str, int]:
    """What an encoding does not have, in ASCII."""
    assert isinstance(error, UnicodeEncodeError)
    return "".join(map(_ascii, error.object[error.start : error.end])), error.end


def _ascii(character: str) -> str:
    if character in PLAIN:
        return PLAIN[character]
    letter = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()  # without its accent
    return letter or character.encode("ascii", "backslashreplace").decode()


codecs.register_error("plain", _plainly)
