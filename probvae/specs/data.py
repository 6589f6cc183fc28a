"""The dataset of a spec."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from probvae.core import ArrayLike, Data, DataInfo, Dataset, LazyIntensities
from probvae.specs.build import build_component
from probvae.specs.document import Document
from probvae.specs.plan import DATA
from probvae.specs.planned import Plan, PlannedComponent, located_errors


class SpecData:
    """The data of a spec, read on first use; its errors point into the spec.

    Args:
        document: the spec as written.
        table: its checked [data] table.
    """

    def __init__(self, document: Document, table: PlannedComponent) -> None:
        self._document = document
        self._table = table

    @classmethod
    def of(cls, plan: Plan) -> SpecData:
        """The data of a plan that has a dataset."""
        return cls(plan.document, plan.components[DATA.path])

    @cached_property
    def _dataset(self) -> Dataset:
        dataset: Dataset = build_component(self._document, self._table, {})
        return dataset

    @cached_property
    def info(self) -> DataInfo:
        """What the data is, without fetching it."""
        with located_errors(self._document, self._table):
            return self._dataset.info()

    @cached_property
    def loaded(self) -> Data:
        """The data, loaded once."""
        with located_errors(self._document, self._table):
            return self._dataset.load()

    def examples(self) -> ArrayLike:
        """The training examples [N, *E], not binarised, for components that are initialised from data."""
        train = self.loaded.train
        return train.intensities() if isinstance(train.stored, np.ndarray) else LazyIntensities(train)
