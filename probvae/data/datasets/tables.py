"""A user's own table, from CSV or Parquet files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from probvae.core import FilePath, Split
from probvae.data.datasets.fitted import FittedDataset, check_unlearnt
from probvae.data.feeding.splits import Share, UserData, scaling, split_off, values_of
from probvae.data.files.array_files import listed
from probvae.data.files.beside import note_on_labels
from probvae.data.files.columns import Fitted, Roles, unused
from probvae.data.files.parts import PARTS, Part
from probvae.data.files.tables import Frame, read_table


class TableFile(FittedDataset[Fitted]):
    """Your own table, from CSV or Parquet files: a row is an example, columns of numbers are its elements.

    Needs pandas: pip install 'probvae[tables]'. The first line of a CSV file has the names of the columns, which
    are separated by commas, semicolons or tabs. An empty cell, NA or NaN is a missing value: the model sees 0, and
    the likelihood is that of the others. Columns of numbers are standardised by the mean and the standard
    deviation of their known values in the training rows; these are stored with a run, which uses them for other
    tables too.

    Args:
        train: the file with the training rows.
        validation: the file with the validation rows; if empty, a share is split off.
        test: the file with the test rows; if empty, a share is split off.
        features: the columns of numbers; if empty, all of them that have a name and are not used otherwise.
        counts: columns of counts, integers from 0 up, which stay as they are; for the likelihood `mixed`.
        categories: columns of names, of which each is a one-hot vector with an element `column=name` for each name
            that the training rows have. A missing name is a missing value.
        other: whether each of these has an element `column=other` too, for names that the training rows do not
            have; otherwise such a name is an error.
        label: the column of the classes, numbers or names; it may have missing values.
        id: the column that identifies the rows; results repeat it.
        standardise: whether columns of numbers are standardised; those of the condition are in any case.
        share: the share of the training rows that is split off for a part that is not given, the same rows in
            every run.
        conditions: the columns that are the condition c of p(x|c): numbers, standardised, and names, one-hot,
            without `other`. They are no features unless `features` names them too. In a spec: [data] condition.
    """

    learns = Fitted
    described = "a table"

    def __init__(
        self,
        train: FilePath,
        validation: FilePath = "",
        test: FilePath = "",
        features: tuple[str, ...] = (),
        counts: tuple[str, ...] = (),
        categories: tuple[str, ...] = (),
        other: bool = False,
        label: str = "",
        id: str = "",
        standardise: bool = True,
        share: Share = 0.1,
        conditions: tuple[str, ...] = (),
    ) -> None:
        self.train = train
        self.validation = validation
        self.test = test
        self.features = features
        self.counts = counts
        self.categories = categories
        self.other = other
        self.label = label
        self.id = id
        self.standardise = standardise
        self.share = share
        self.conditions = conditions

    def _learn_nothing(self) -> None:
        check_unlearnt(categories=self.categories, condition=self.conditions)
        self.standardise = False

    def _data(self) -> UserData:
        named = ("features", "counts", "categories", "other", "label", "id", "conditions", "standardise")
        roles = Roles(**{name: getattr(self, name) for name in named})
        files: dict[Part, str] = {"train": self.train, "validation": self.validation, "test": self.test}
        given = {part: file for part, file in files.items() if file or part == "train"}
        frames = {
            part: read_table(file, f"data.{part}", roles.text, roles.conditions) for part, file in given.items()
        }
        return tabulated(frames, given, roles, self.share, self.fitted)


def tabulated(
    frames: Mapping[Part, Frame],
    sources: Mapping[Part, str],
    roles: Roles,
    share: float,
    fitted: Fitted | None = None,
) -> UserData:
    """The rows of tables as examples.

    Args:
        frames: the table of each part that is given.
        sources: the names of these tables, for messages.
        roles: what the columns are used as.
        share: the share of the training rows that is split off for a part that is not given.
        fitted: what a run learnt from its training rows; None to learn it from these.

    Raises:
        ConfigError: the tables do not have what the roles say.
    """
    known = fitted or Fitted.of(frames, roles, sources)
    rows = {part: known.split(frame, roles, sources[part]) for part, frame in frames.items()}
    notes = [f"{part}: {sources[part]}, {len(split):,} rows{_missing(split)}" for part, split in rows.items()]
    splits, said = split_off(rows, share, "data.train", "Name another table: data.{} = ...")
    if fitted is None:
        known = known.standardising(splits["train"], roles.standardise)
    splits = {part: known.standardised(splits[part]) for part in PARTS}
    notes += note_on_labels(roles.label, known.classes, rows.values())
    if known.conditions:
        notes.append(f"condition: {', '.join(map(str, known.conditions))}")
    if ignored := unused(frames["train"], known, roles):
        notes.append(f"ignored: {listed(ignored)}")
    return UserData(
        splits,
        said,
        values=values_of(splits),
        scaling="columns of numbers standardised by the training rows" if roles.standardise else scaling(1.0),
        source=f"the user's tables {', '.join(dict.fromkeys(sources.values()))}",
        notes=tuple(notes),
        classes=known.classes,
        columns=known.names(roles.other),
        groups=known.groups(roles.other),
        fitted=asdict(known),
        condition=known.condition,
    )


def _missing(split: Split) -> str:
    """How many values are missing."""
    assert split.observed is not None
    count = int(split.observed.size - split.observed.sum())
    return f", {count:,} of {split.observed.size:,} values missing" if count else ""
