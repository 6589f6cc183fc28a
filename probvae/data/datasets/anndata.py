"""A user's own counts of genes or other variables, from AnnData files."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import ClassVar

import numpy as np
from pydantic import ConfigDict

from probvae.core import STRICT, Array, Condition, ConditionColumn, FilePath, Split
from probvae.data.datasets.fitted import FittedDataset, check_unlearnt
from probvae.data.feeding.splits import Share, UserData, scaling, split_off, values_of
from probvae.data.files.array_files import shown
from probvae.data.files.beside import (
    classes_of,
    condition_columns,
    conditions_of,
    fitted_columns,
    ids_of,
    labels_of,
    note_on_labels,
    standardised_conditions,
)
from probvae.data.files.h5ad import H5ad
from probvae.data.files.memory import check_memory
from probvae.data.files.parts import Part
from probvae.data.files.sparse import SparseRows
from probvae.errors import ConfigError

_BYTES_SEEN = 16
"""For each number of the examples whose values are seen together; there is at least one."""


@dataclass(frozen=True)
class Learnt:
    """What is learnt from the training rows, and is used for all others.

    Args:
        variables: the names of the columns.
        classes: the known classes.
        conditions: the columns of the condition.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    variables: tuple[str, ...]
    classes: tuple[str, ...] = ()
    conditions: tuple[ConditionColumn, ...] = ()


class AnnDataFile(FittedDataset[Learnt]):
    """Your own AnnData files (.h5ad), such as single-cell data: a row of X or of a layer is an example.

    Values stay as they are, so that counts are counts. A sparse matrix stays sparse in memory, and only the rows
    of a batch become dense. Other files, as those that a run is used on, may have their variables (var_names) in
    any order and more of them. The ids of the rows are their names (obs_names). The layout is that of anndata 0.8
    and later; columns of obs need pandas: pip install 'probvae[tables]'.

    Args:
        train: the file with the training rows.
        validation: the file with the validation rows; if empty, a share is split off.
        test: the file with the test rows; if empty, a share is split off.
        layer: the layer that has the values; if empty, X.
        label: the column of obs with the classes; it may have missing values.
        id: the column of obs that identifies the rows; if empty, obs_names.
        share: the share of the training rows that is split off for a part that is not given, the same rows in
            every run.
        conditions: the columns of obs that are the condition c of p(x|c): numbers, standardised, and names,
            one-hot. In a spec: [data] condition.
    """

    learns = Learnt
    described = "AnnData"

    def __init__(
        self,
        train: FilePath,
        validation: FilePath = "",
        test: FilePath = "",
        layer: str = "",
        label: str = "",
        id: str = "",
        share: Share = 0.1,
        conditions: tuple[str, ...] = (),
    ) -> None:
        self.train = train
        self.validation = validation
        self.test = test
        self.layer = layer
        self.label = label
        self.id = id
        self.share = share
        self.conditions = conditions

    def _learn_nothing(self) -> None:
        check_unlearnt(condition=self.conditions)

    def _data(self) -> UserData:
        paths: dict[Part, str] = {"train": self.train, "validation": self.validation, "test": self.test}
        files = {
            part: H5ad.at(path, f"data.{part}", self.layer)
            for part, path in paths.items()
            if path or part == "train"
        }
        _check_memory(files)
        wanted = {"label": [self.label], "id": [self.id], "condition": [*self.conditions]}
        wanted = {key: names for key, names in wanted.items() if any(names)}
        frames = {part: file.obs(wanted) if wanted else None for part, file in files.items()}
        sources = {part: f"obs of {file.path}" for part, file in files.items()}
        known = self.fitted or Learnt(
            files["train"].variables,
            classes_of(frames, self.label, sources),
            condition_columns(self.conditions, frames["train"], (self.label,), sources["train"]),
        )
        rows = {
            part: Split(
                _matrix(file, known.variables),
                labels_of(frames[part], self.label, known.classes, sources[part]),
                condition=conditions_of(frames[part], known.conditions, sources[part]),
                ids=ids_of(frames[part], self.id, sources[part]) if self.id else file.names(),
            )
            for part, file in files.items()
        }
        values = values_of(rows)  # while the examples are in the order of their files
        splits, said = split_off(rows, self.share, "data.train", "Name another file: data.{} = ...")
        if self.fitted is None:
            known = replace(known, conditions=fitted_columns(known.conditions, splits["train"].condition))
        for part, split in splits.items():
            condition = standardised_conditions(known.conditions, split.condition)
            splits[part] = replace(split, condition=condition)
        notes = [f"{part}: {file}" for part, file in files.items()]
        notes += note_on_labels(self.label, known.classes, rows.values())
        notes += [f"condition: {', '.join(map(str, known.conditions))}"] if known.conditions else []
        return UserData(
            splits,
            said,
            values=values,
            scaling=scaling(1.0),
            source=f"the user's files {', '.join(dict.fromkeys(paths[part] for part in files))}",
            notes=tuple(notes),
            classes=known.classes,
            columns=known.variables,
            fitted=asdict(known),
            condition=Condition.of(known.conditions) if known.conditions else None,
        )


def _check_memory(files: Mapping[Part, H5ad]) -> None:
    """Raise if there is too little memory, before anything is read."""
    train, largest = files["train"], max(files.values(), key=lambda file: file.size)
    needed = sum(file.size for file in files.values()) + _BYTES_SEEN * len(train.variables)
    if not train.form:  # the trainer copies dense examples once
        needed += train.size
    check_memory(largest.place, needed, str(largest), "Use fewer rows or variables, or a sparse matrix.")


def _matrix(file: H5ad, variables: tuple[str, ...]) -> Array | SparseRows:
    """The matrix of a file with the variables of the training rows, in their order.

    Raises:
        ConfigError: it lacks one of them, or has a name twice.
    """
    stored = file.read()
    if file.variables == variables:
        return stored
    place = {name: number for number, name in enumerate(file.variables)}
    if len(place) < len(file.variables):
        expected = (
            f"variables of different names in {file.path}, as they are others than those of the training rows"
        )
        raise ConfigError.of(file.place, expected, "some more than once", "Call adata.var_names_make_unique().")
    for name in variables:
        if name not in place:
            near = difflib.get_close_matches(name, file.variables, n=1)
            fix = f"Did you mean {near[0]!r}?" if near else "Add it, with the counts of the same variable."
            expected = f"the variable {shown(name)!r} of the training rows in {file.path}"
            raise ConfigError.of(file.place, expected, f"{len(place):,} others", fix)
    columns = np.array([place[name] for name in variables])
    return stored.with_columns(columns) if isinstance(stored, SparseRows) else stored[:, columns]
