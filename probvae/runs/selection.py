"""Which examples a command uses with a trained run: of the run's own data, or of other data."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass

from probvae.core import Data, Split
from probvae.errors import UserError

ALL = "all"


@dataclass(frozen=True)
class Selection:
    """Which examples to use with a run.

    Args:
        split: train, validation, test or all; None for test, or for all of `file`.
        file: a file of arrays, instead of the run's data, with the other parameters of the run's [data].
        overrides: `KEY=VALUE` settings of the run's spec; those of [data] select other data.
        allow_other_data: whether the run's own data may have changed since the training.
    """

    split: str | None = None
    file: str | os.PathLike[str] | None = None
    overrides: Sequence[str] = ()
    allow_other_data: bool = False

    def check_tables(self, *tables: str) -> None:
        """Raise if an override is of another table than these.

        Raises:
            UserError: it is.
        """
        prefixes = tuple(f"{table}." for table in tables)
        if others := [setting for setting in self.overrides if not setting.strip().startswith(prefixes)]:
            names = " or ".join(f"[{table}]" for table in tables)
            raise UserError(f"Expected settings of the {names} table; got {', '.join(others)}.")

    @property
    def of_other_data(self) -> bool:
        """Whether it selects other data than the run's own."""
        return self.file is not None or any(setting.strip().startswith("data.") for setting in self.overrides)

    @property
    def settings(self) -> list[str]:
        """All overrides of the run's spec."""
        if self.file is None:
            return list(self.overrides)
        path = json.dumps(os.path.abspath(self.file))
        parts = ("validation", "test", "train_labels", "validation_labels", "test_labels")
        return ["data.use=arrays", f"data.train={path}", *(f'data.{part}=""' for part in parts), *self.overrides]

    @property
    def split_name(self) -> str:
        """The name of the split, or "all"."""
        return self.split or ("test" if self.file is None else ALL)

    def splits(self, data: Data) -> dict[str, Split]:
        """The split of these data, or all of them, by name.

        Raises:
            UserError: there is no split of that name.
        """
        splits = {"train": data.train, "validation": data.validation, "test": data.test}
        if self.split_name == ALL:
            return splits
        if self.split_name not in splits:
            raise UserError(f"split: expected one of {', '.join((*splits, ALL))}; got {self.split_name!r}.")
        return {self.split_name: splits[self.split_name]}


TEST = Selection()
"""The test split of the run's own data."""
