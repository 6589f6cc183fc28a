"""Which examples a command uses with a trained run: of the run's own data, or of other data."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from probvae.core import Data, Split
from probvae.data.files.kinds import dataset_for
from probvae.errors import UserError
from probvae.specs import setting

ALL = "all"


@dataclass(frozen=True)
class Selection:
    """Which examples to use with a run.

    Args:
        split: train, validation, test or all; None for test, or for all of `file` or `given`.
        file: a file of arrays, a table or a folder of images, instead of the run's data, with the other parameters
            of the run's [data].
        overrides: `KEY=VALUE` settings of the run's spec; those of [data] select other data.
        allow_other_data: whether the run's own data may have changed since the training.
        given: data in Python, instead of the run's data; see `as_dataset`.
    """

    split: str | None = None
    file: str | os.PathLike[str] | None = None
    overrides: Sequence[str] = ()
    allow_other_data: bool = False
    given: object = None

    @classmethod
    def of(
        cls, split: str | None, data: object, overrides: Sequence[str] = (), allow_other_data: bool = False
    ) -> Selection:
        """The examples of a file or a folder, or of data in Python; None for those of the run."""
        named = data if isinstance(data, (str, os.PathLike)) else None
        return cls(split, named, overrides, allow_other_data, None if named else data)

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
    def names_data(self) -> bool:
        """Whether there is a file, or data in Python."""
        return self.file is not None or self.given is not None

    @property
    def of_other_data(self) -> bool:
        """Whether it selects other data than the run's own."""
        return self.names_data or any(setting.strip().startswith("data.") for setting in self.overrides)

    @property
    def compared(self) -> bool:
        """Whether its data must be that of the run, so that loading compares them."""
        return not self.of_other_data and not self.allow_other_data

    @property
    def settings(self) -> list[str]:
        """All overrides of the run's spec."""
        named = [] if self.file is None else _named(self.file)
        whole = ["data.share=0"] if self.names_data and self.split is None else []
        labelled = ["data.labelled=0"] if self.names_data else []  # a number for the run's own training data
        return [*named, *whole, *labelled, *self.overrides]

    @property
    def split_name(self) -> str:
        """The name of the split, or "all"."""
        return self.split or (ALL if self.names_data else "test")

    def splits(self, data: Data) -> dict[str, Split]:
        """The split of these data, or all of them, by name.

        Raises:
            UserError: there is no split of that name, or it has no examples.
        """
        splits = {"train": data.train, "validation": data.validation, "test": data.test}
        if self.split_name not in (*splits, ALL):
            raise UserError(f"split: expected one of {', '.join((*splits, ALL))}; got {self.split_name!r}.")
        splits = {name: split for name, split in splits.items() if len(split)}
        if self.split_name == ALL:
            return splits
        if self.split_name not in splits:
            raise UserError(
                f"split: expected one with examples, {', '.join(splits)} or {ALL}; got {self.split_name!r}, which "
                "is empty."
            )
        return {self.split_name: splits[self.split_name]}


def _named(file: str | os.PathLike[str]) -> list[str]:
    """The overrides that name a file or a folder as the data; `file.npz:key` names an array in a file.

    Raises:
        UserError: there is no such file.
    """
    text = os.path.expanduser(file)
    if not (os.path.exists(text) or os.path.exists(text.rpartition(":")[0])):
        raise UserError(f"--data {text}: expected a file or a folder; got no such file.")
    path = os.path.abspath(text)
    if os.path.isdir(path):
        return ["data.use=images", setting("data.folder", path)]
    others = ["validation", "test"]
    use = dataset_for(Path(text))
    if use == "arrays":
        others += ["train_labels", "validation_labels", "test_labels"]
    return [f"data.use={use}", setting("data.train", path), *(f'data.{key}=""' for key in others)]


TEST = Selection()
"""The test split of the run's own data."""
