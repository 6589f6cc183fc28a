"""Tables in files, CSV or Parquet, read by pandas."""

from __future__ import annotations

import difflib
import os
import re
import warnings
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from probvae.core import Array
from probvae.data.files.array_files import listed, shown
from probvae.data.files.kinds import PARQUET, TEXT, kind_at
from probvae.data.files.memory import check_memory
from probvae.errors import ConfigError, UserError, from_extra

Frame: TypeAlias = Any  # a pandas.DataFrame; pandas is an extra

_EXPECTED = "a table, CSV or Parquet"
_DELIMITERS = ",;\t"
_MISSING = ["", "NA", "NaN"]
"""What is no name in a column of names; in others, pandas' list of missing values holds."""
_COPIES = 3
"""The memory that a table takes at least, in sizes of its file: in pandas, as examples, and in the trainer."""


def pandas() -> Any:
    """The package pandas.

    Raises:
        UserError: it is not installed.
    """
    return from_extra("pandas", "tables", "Tables are read")


def read_table(text: str, place: str, as_text: Collection[str], either: Collection[str] = ()) -> Frame:
    """The table in a CSV or Parquet file, recognised by its content.

    The delimiter of a CSV file is the one that its first line has most of outside quotes: comma, semicolon or tab.

    Args:
        text: the path of the file.
        place: the key of the spec that names it, for errors.
        as_text: the columns of a CSV file that are read as text.
        either: those that are read as text unless all their values are numbers.

    Raises:
        ConfigError: there is no such file, it is of another kind or damaged, or has no rows.
        UserError: pandas is not installed.
    """
    path = Path(os.path.expanduser(text))  # Path.expanduser may raise
    pd = pandas()
    try:
        kind = kind_at(path)
        check_memory(place, _COPIES * path.stat().st_size, str(path), "Use fewer rows or columns.")
        if kind == PARQUET:
            frame = pd.read_parquet(path)
            if any(frame.index.names):  # columns that pandas wrote as an index
                frame = frame.reset_index()
        elif kind.what.startswith(TEXT):
            frame = _read_csv(path, place, as_text, either)
        else:
            raise ConfigError.of(place, _EXPECTED, f"{path}, which is {kind.what}", kind.advice)
    except (UserError, MemoryError):
        raise
    except FileNotFoundError:
        raise ConfigError.of(place, _EXPECTED, f"no file {path.absolute()}") from None
    except ImportError as error:
        raise UserError(
            f"{path}: Parquet is read by pyarrow, which is not installed. Install it: pip install "
            "'probvae[tables]'"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError.of(
            place, "text in UTF-8", f"{path}, in which {error.reason}", "Save it as UTF-8."
        ) from None
    except Exception as error:  # on a damaged file, pandas and pyarrow raise anything
        reason = " ".join(str(error).split())
        raise ConfigError.of(
            place, _EXPECTED, f"{path}, which cannot be read: {reason}", "Correct the file."
        ) from error
    return checked(frame, place, str(path))


def checked(frame: Frame, place: str, name: str) -> Frame:
    """A table with rows, and with a name for each column.

    Args:
        frame: the table.
        place: the key of the spec that names it, for errors.
        name: its name in messages.

    Raises:
        ConfigError: it has no rows, or two columns of one name.
    """
    names = [str(column) for column in frame.columns]
    _check_names(names, place, name)
    if not len(frame):
        raise ConfigError.of(place, "a table with rows", f"{name} with none", "Write its rows.")
    return frame.set_axis(names, axis=1).reset_index(drop=True)


def numbered(frame: Frame) -> bool:
    """Whether the rows of a table have numbers only, and no names of their own."""
    return isinstance(frame.index, pandas().RangeIndex)


def column(frame: Frame, name: str, key: str, source: str) -> Any:
    """A column of a table, as a pandas.Series.

    Args:
        frame: the table.
        name: of the column.
        key: of the spec, that names the column.
        source: the name of the table in messages.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in frame.columns:
        near = difflib.get_close_matches(name, frame.columns, n=1)
        fix = f"Did you mean {near[0]!r}?" if near else ""
        if key in ("label", "id"):
            fix += f' For a table without it set data.{key} = "".'
        raise ConfigError.of(f"data.{key}", f"a column {shown(name)!r} in {source}", listed([*frame.columns]), fix)
    return frame[name]


def is_numeric(column: Any) -> bool:
    """Whether all values of a column, a pandas.Series, are numbers or missing."""
    types = pandas().api.types
    return bool(types.is_numeric_dtype(column) and not types.is_complex_dtype(column))


def is_unnamed(name: str) -> bool:
    """Whether a column has its name from pandas, as it has none in its file: as the index that pandas writes."""
    return re.fullmatch(r"Unnamed: \d+", name) is not None


def is_text(column: Any) -> bool:
    """Whether a column, a pandas.Series, has names: it is of pandas' type for them, or no value is a number."""
    pd = pandas()
    if is_numeric(column) or isinstance(column.dtype, pd.CategoricalDtype):
        return not is_numeric(column)
    return bool(pd.to_numeric(column.dropna(), errors="coerce").isna().all())


def numbers(column: Any, key: str, source: str) -> Array:
    """The numbers of a column, a pandas.Series: float64 [N], NaN where they are missing.

    Args:
        column: the column.
        key: of the spec, that names the column.
        source: the name of the table in messages.

    Raises:
        ConfigError: it has text, or a number that is not finite in float32.
    """
    expected = f"numbers in the column {shown(str(column.name))!r} of {source}"
    parsed = _parsed(column)
    if (column.notna() & parsed.isna()).any():
        row, text = first_text(column)
        fix = f"Correct it, or name the column in data.categories, or leave it out of data.{key}."
        raise ConfigError.of(f"data.{key}", expected, f"{text!r} in row {row} (the first is 0)", fix)
    values: Array = parsed.to_numpy(np.float64, na_value=np.nan)
    with np.errstate(over="ignore"):
        infinite = np.isinf(values.astype(np.float32))
    if infinite.any():
        row = int(np.argmax(infinite))
        got = f"{values[row]:g} in row {row} (the first is 0)"
        raise ConfigError.of(f"data.{key}", f"finite {expected}", got, "Correct it, or leave the cell empty.")
    return values


def counted(column: Any, key: str, source: str) -> Array:
    """The counts of a column, a pandas.Series: float64 [N], NaN where they are missing.

    See `numbers` for the arguments.

    Raises:
        ConfigError: it has text, or a number that is no integer from 0 up.
    """
    values = numbers(column, key, source)
    wrong = (values < 0) | (values % 1 != 0) & ~np.isnan(values)
    if wrong.any():
        row = int(np.argmax(wrong))
        expected = f"integers from 0 up in the column {shown(str(column.name))!r} of {source}"
        fix = "Correct it, or name the column in data.features."
        raise ConfigError.of(f"data.{key}", expected, f"{values[row]:g} in row {row} (the first is 0)", fix)
    return values


def texts(column: Any) -> list[str | None]:
    """The values of a column, a pandas.Series, as text: [N], None where they are missing or empty.

    Whole numbers are those of integers, which pandas makes fractional where some are missing.
    """
    missing = column.isna().to_numpy()

    def text(value: object) -> str | None:
        return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value) or None

    return [None if gone else text(value) for value, gone in zip(column.tolist(), missing, strict=True)]


def first_text(column: Any) -> tuple[int, str]:
    """The first value of a column, a pandas.Series, that is no number: its row and its text."""
    wrong = column.notna() & _parsed(column).isna()
    row = int(np.argmax(wrong.to_numpy()))
    return row, shown(str(column.iloc[row]))


def _parsed(column: Any) -> Any:
    """The numbers of a column, also where they are read as text, as labels are; NaN where a value is no number."""
    values = column if is_numeric(column) else column.astype("string")
    return pandas().to_numeric(values, errors="coerce")


def _read_csv(path: Path, place: str, as_text: Collection[str], either: Collection[str]) -> Frame:
    pd = pandas()
    how = {"sep": _delimiter(path), "encoding": "utf-8-sig", "skip_blank_lines": True}
    names = pd.read_csv(path, header=None, nrows=1, dtype=str, keep_default_na=False, **how).iloc[0].tolist()
    _check_names(names, place, str(path))
    if all(map(_is_number, names)):
        got = f"{listed(names)} in {path}"
        raise ConfigError.of(
            place, "the names of the columns on the first line", got, "Add a line with their names."
        )
    try:
        with warnings.catch_warnings(action="error", category=pd.errors.ParserWarning):  # it would drop columns
            frame = pd.read_csv(path, index_col=False, low_memory=False, **how)
    except pd.errors.ParserWarning as error:
        got = f"more values than the {len(names)} names on the first line"
        fix = "Add the missing names."
        raise ConfigError.of(place, f"a name for each column of {path}", got, fix) from error
    named = [name for name in frame if name in as_text or (name in either and not is_numeric(frame[name]))]
    if named:
        how |= {"usecols": named, "dtype": str, "keep_default_na": False, "na_values": _MISSING}
        frame[named] = pd.read_csv(path, index_col=False, **how)[named]
    return frame


def _delimiter(path: Path) -> str:
    """The delimiter that the first line that is not empty has most of, outside quotes."""
    with open(path, encoding="utf-8-sig") as file:
        line = next((line for line in file if line.strip()), "")
    return max(_DELIMITERS, key=re.sub('"[^"]*("|$)', "", line).count)


def _check_names(names: Sequence[str], place: str, source: str) -> None:
    """Raise if two columns have one name."""
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise ConfigError.of(
            place, f"columns of different names in {source}", f"{listed(twice)} more than once", "Rename one."
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
