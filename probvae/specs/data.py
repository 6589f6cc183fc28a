"""The dataset of a spec."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from probvae.core import ArrayLike, Condition, Data, DataInfo, Dataset, LazyIntensities, Table
from probvae.specs.build import build_component
from probvae.specs.document import Document
from probvae.specs.planned import Plan, PlannedDataset, located_errors


class SpecData:
    """The data of a spec, read on first use; its errors point into the spec.

    Args:
        document: the spec as written.
        table: its checked [data] table.
        trained_on: the condition of the data that a model was trained on, if that is to be used.
        fitted: what was learnt from its training examples, as `DataInfo.fitted`; None to learn it from these.
        given: the data in Python, for the dataset `given`.
    """

    def __init__(
        self,
        document: Document,
        table: PlannedDataset,
        trained_on: Condition | None = None,
        fitted: Table | None = None,
        given: object = None,
    ) -> None:
        self._document = document
        self._table = table
        self._trained_on = trained_on
        self._fitted = fitted
        self._given = given

    @classmethod
    def of(
        cls,
        plan: Plan,
        trained_on: Condition | None = None,
        fitted: Table | None = None,
        given: object = None,
    ) -> SpecData:
        """The data of a plan that has a dataset."""
        return cls(plan.document, plan.dataset, trained_on, fitted, given)

    @cached_property
    def _dataset(self) -> Dataset:
        supply: dict[str, Callable[[], object]] = {"given_data": lambda: self._given}
        if columns := self._table.reading.columns:
            supply["conditions"] = lambda: columns
        dataset: Dataset = build_component(self._document, self._table, supply)
        if self._fitted is None:
            return dataset
        with located_errors(self._document, self._table):
            return dataset.with_fitted(self._fitted)

    @cached_property
    def info(self) -> DataInfo:
        """What the data is, without fetching it, unless its classes are to be counted."""
        with located_errors(self._document, self._table):
            found = self._table.reading.info(self._dataset.info())
        return self.loaded.info if found is None else found

    @cached_property
    def loaded(self) -> Data:
        """The data, loaded once."""
        with located_errors(self._document, self._table):
            data = self._dataset.load()
        with located_errors(self._document, self._table.shared):
            return self._table.reading.data(data, self._trained_on)

    def examples(self) -> ArrayLike:
        """The training examples [N, *E], not binarised, for components that are initialised from data."""
        train = self.loaded.train
        return train.intensities() if isinstance(train.stored, np.ndarray) else LazyIntensities(train)
