"""Datasets that learn from their training rows what is applied to all rows."""

from __future__ import annotations

import copy
import json
from abc import ABC, abstractmethod
from typing import ClassVar, Generic, Self, TypeVar

from probvae.core import Data, DataInfo, Dataset, Table, from_json
from probvae.data.feeding.splits import UserData
from probvae.data.files.array_files import listed
from probvae.errors import ConfigError

T = TypeVar("T")


class FittedDataset(Dataset, ABC, Generic[T]):
    """Files with named columns; a run keeps what is learnt from the training rows and applies it to other files.

    Attributes:
        learns: the type of what is learnt.
        described: this data, in a message.
        fitted: what a run has learnt; None to learn it from these training rows.
    """

    learns: type[T]
    described: ClassVar[str]
    fitted: T | None = None

    def info(self) -> DataInfo:
        """The description of the data; this reads it.

        Raises:
            ConfigError: a file is missing, unreadable, or does not fit the parameters.
            UserError: pandas is needed, and is not installed.
        """
        return self._data().info()

    def load(self) -> Data:
        """The three splits.

        Raises:
            ConfigError: a file is missing, unreadable, or does not fit the parameters.
            UserError: pandas is needed, and is not installed.
        """
        return self._data().load()

    def with_fitted(self, fitted: Table) -> Self:
        """The same files, with what a run has learnt from its training rows.

        Raises:
            ConfigError: the run learnt it from data of another kind, or learnt nothing and this data needs it.
        """
        other = copy.copy(self)
        other.fitted = fitted_of(self.learns, fitted, self.described)
        if not fitted:
            other._learn_nothing()
        return other

    @abstractmethod
    def _learn_nothing(self) -> None:
        """Make these files such that nothing is learnt from their rows.

        Raises:
            ConfigError: a parameter needs it.
        """

    @abstractmethod
    def _data(self) -> UserData:
        """The data as it is read."""


def check_unlearnt(**columns: tuple[str, ...]) -> None:
    """Raise if columns are used in a way that takes what a run learnt, and it learnt nothing.

    Args:
        columns: the names of columns, by the key of [data] that names them.

    Raises:
        ConfigError: there are some.
    """
    for key, names in columns.items():
        if names:
            expected = (
                "none, as the run was trained on data without named columns and has not learnt their categories, "
                "means and scales"
            )
            fix = "Leave it out and give numbers alone, or train a run on a table."
            raise ConfigError.of(f"data.{key}", expected, listed(names), fix)


def fitted_of(kind: type[T], fitted: Table, what: str) -> T | None:
    """What a run learnt from its training examples, from `DataInfo.fitted`; None if that is empty.

    Args:
        kind: the type of what this data learns.
        fitted: what the run learnt.
        what: this data, in a message.

    Raises:
        ConfigError: the run learnt it from data of another kind.
    """
    try:
        return from_json(kind, json.dumps(fitted)) if fitted else None
    except ValueError as error:
        expected = "data of the same kind as that of the run"
        raise ConfigError.of("data.use", expected, f"{what} ({error})", "Give data of that kind.") from error
