"""A checked spec: its tables with every default filled in, and errors that point to their lines."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from probvae.core import Signature, Table
from probvae.core.words import with_article
from probvae.data.settings import DataSettings
from probvae.errors import ConfigError, Problem, ProbvaeError, SpecError, explained
from probvae.evaluation import EvaluateSettings
from probvae.specs.document import Document, KeyPath, show
from probvae.training import TrainSettings

SCHEMA = 1
"""The version of the spec's layout."""

NETWORK = "network"
"""The encoder, the decoder and the classifier that are used by default: of a network."""


@dataclass(frozen=True)
class PlannedTable:
    """A table of a spec, checked and filled.

    Args:
        path: its key path.
        signature: the parameters that it may have.
        values: the plain parameters, defaults included.
    """

    path: KeyPath
    signature: Signature
    values: Table

    def filled(self) -> Table:
        """The table with every default written out; a parameter that is not set (None) is left out.

        Paths are absolute, so that the table means the same in any folder.
        """
        values = {name: value for name, value in self.values.items() if value is not None}
        paths = {name for name, parameter in self.signature.plain.items() if parameter.is_path}
        return {name: _as_toml(_absolute(value) if name in paths else value) for name, value in values.items()}

    def tables(self) -> Iterator[PlannedTable]:
        """The table, and all within it."""
        yield self


@dataclass(frozen=True)
class PlannedComponent(PlannedTable):
    """A table that names a component.

    Args:
        kind: the kind of component.
        use: the component's name.
        components: the parameters that are components themselves.
    """

    kind: str
    use: str
    components: dict[str, PlannedComponent]

    @property
    def label(self) -> str:
        """The component's name for readers; a network with a head has the names of both."""
        return " + ".join(part.use for part in self.components.values()) if self.use == NETWORK else self.use

    def filled(self) -> Table:
        """The table with every default written out, those of inner components included."""
        inner = {name: component.filled() for name, component in self.components.items()}
        return {"use": self.use, **super().filled(), **inner}

    def tables(self) -> Iterator[PlannedTable]:
        """The table, and those of all components within it."""
        yield self
        for component in self.components.values():
            yield from component.tables()


@dataclass(frozen=True)
class PlannedDataset(PlannedComponent):
    """The [data] table.

    Args:
        shared: the settings that it can have whatever the dataset, but for those that are parameters of its own.
    """

    shared: PlannedTable

    @property
    def reading(self) -> DataSettings:
        """What a model gets of the data."""
        return DataSettings(**self.shared.values)

    def filled(self) -> Table:
        """The table with every default written out."""
        return {**super().filled(), **self.shared.filled()}

    def tables(self) -> Iterator[PlannedTable]:
        """The table, those of all components within it, and the shared settings."""
        yield from super().tables()
        yield self.shared


@dataclass
class Plan:
    """A whole spec, checked and filled.

    Args:
        document: the spec as written; errors while building point into it.
        latent_dim: D.
        components: key path -> component; the dataset is missing where the spec names none.
        settings: table name -> its settings.
        versions: of the packages that the spec was filled with, if it names them.
        metrics: those of an evaluation.
        notes: keys that were ignored and values that were chosen, each with the reason.
        ignored: the key paths of parameters of a component that `--set ....use=` has replaced.
    """

    document: Document
    latent_dim: int
    components: dict[KeyPath, PlannedComponent]
    settings: dict[str, PlannedTable]
    versions: dict[str, str]
    metrics: list[PlannedComponent] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    ignored: list[KeyPath] = field(default_factory=list)

    @property
    def dataset(self) -> PlannedDataset:
        """The [data] table of a plan that has one."""
        dataset = self.components[("data",)]
        assert isinstance(dataset, PlannedDataset)
        return dataset

    @property
    def train(self) -> TrainSettings:
        """The settings of [train]."""
        return TrainSettings(**self.settings["train"].values)

    @property
    def evaluate(self) -> EvaluateSettings:
        """The settings of [evaluate]."""
        return EvaluateSettings(**self.settings["evaluate"].values)

    def written(self) -> Table:
        """The spec as it was written, without ignored keys and with absolute paths: the same in any folder."""
        tables: Table = copy.deepcopy(self.document.tables)
        for path in self.ignored:
            del _at(tables, path[:-1])[path[-1]]
        for table in self.tables():
            filled = table.filled()
            for name, parameter in table.signature.plain.items():
                if parameter.is_path and self.document.has((*table.path, name)):
                    _at(tables, table.path)[name] = filled[name]
        return tables

    def tables(self) -> Iterator[PlannedTable]:
        """All tables, those within components included."""
        for table in (*self.settings.values(), *self.components.values(), *self.metrics):
            yield from table.tables()

    def filled(self) -> Table:
        """The spec with every default written out."""
        model: Table = {"latent_dim": self.latent_dim}
        spec: Table = {"schema": SCHEMA, "model": model}
        for path, component in self.components.items():
            (model if path[0] == "model" else spec)[path[-1]] = component.filled()
        spec |= {name: table.filled() for name, table in self.settings.items()}
        spec["evaluate"]["metrics"] = [metric.filled() for metric in self.metrics]
        return spec | ({"versions": self.versions} if self.versions else {})


@contextmanager
def located_errors(document: Document, table: PlannedTable) -> Iterator[None]:
    """Convert the errors of a component, or of settings, to SpecErrors that point at its line."""
    try:
        yield
    except ConfigError as error:
        raise SpecError([conflict(document, table, error)]) from error
    except (ProbvaeError, MemoryError, KeyboardInterrupt):
        raise
    except BaseException as error:  # a component is anyone's code, and may call sys.exit
        if isinstance(table, PlannedComponent):
            expected, got = f"{with_article(table.kind)} that works", show(table.use)
        else:
            expected, got = "settings that work", show(table.filled())
        raise SpecError([document.problem(table.path, expected, got, explained(error))]) from error


def conflict(document: Document, table: PlannedTable, error: ConfigError) -> Problem:
    """A problem from an error of a constructor; it points at the parameter where the spec sets it."""
    name, path, message = error.parameter, table.path, str(error)
    inner = table.components if isinstance(table, PlannedComponent) else {}
    got = repr(table.use) if isinstance(table, PlannedComponent) else "this table"
    if name and document.has((*path, name)):  # not a default, which has no line
        path = (*path, name)
        got = repr(inner[name].use) if name in inner else show(_values(table)[name])
    if "expected" in message.lower() and "got" in message:  # it is a whole sentence
        return document.problem(path, "", "", message)
    return document.problem(path, "a value that the component accepts", got, message)


def _values(table: PlannedTable) -> Table:
    """The plain parameters of a table; of a dataset, also those that every dataset has."""
    return table.values | (table.shared.values if isinstance(table, PlannedDataset) else {})


def _at(tables: Table, path: KeyPath) -> Table:
    """The table at a key path."""
    for key in path:
        tables = tables[key]
    return tables


def _absolute(value: object) -> object:
    if isinstance(value, tuple):
        return tuple(map(_absolute, value))
    return os.path.abspath(value) if isinstance(value, str) and value else value


def _as_toml(value: object) -> object:
    return [_as_toml(item) for item in value] if isinstance(value, (tuple, list)) else value
