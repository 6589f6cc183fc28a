"""From a document to a plan: every name looked up, every value checked, every default filled in, nothing built."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from probvae.core import CONTEXT, Parameter, Signature
from probvae.core.words import with_article
from probvae.errors import ConfigError, PluginError, Problem, SpecError, UnknownNameError, did_you_mean
from probvae.evaluation import EvaluateSettings
from probvae.registry import Registry
from probvae.specs.document import Document, KeyPath, show
from probvae.training import TrainSettings

SCHEMA = 1
"""The version of the spec's layout."""


class Slot(NamedTuple):
    """Where a component stands in a spec: its table, its kind, and what is used if the table is left out."""

    path: KeyPath
    kind: str
    use: str | None = None


NETWORK = "network"
"""The encoder and the decoder that are used by default: a network and a head."""
MODEL = (
    Slot(("model", "encoder"), "encoder", NETWORK),
    Slot(("model", "decoder"), "decoder", NETWORK),
    Slot(("model", "prior"), "prior"),
)
OBJECTIVE = Slot(("objective",), "objective", "elbo")
DATA = Slot(("data",), "dataset")
SETTINGS = {"train": TrainSettings, "evaluate": EvaluateSettings}
TABLES = ("schema", "model", "objective", "data", *SETTINGS, "versions")


@dataclass(frozen=True)
class Part:
    """One table of a spec, checked and filled.

    Args:
        path: its key path.
        kind: the kind of component, empty for a table of settings.
        use: the component's name, None for a table of settings.
        signature: what the component takes.
        values: the plain parameters, defaults included.
        parts: the parameters that are components themselves.
    """

    path: KeyPath
    kind: str
    use: str | None
    signature: Signature
    values: dict[str, Any]
    parts: dict[str, Part]

    @property
    def label(self) -> str:
        """The component's name for readers; what is made of a network and a head goes by their names."""
        return " + ".join(str(part.use) for part in self.parts.values()) if self.use == NETWORK else str(self.use)

    def filled(self) -> dict[str, Any]:
        """The table with every default written out; a parameter that is not set (None) is left out."""
        table: dict[str, Any] = {"use": self.use} if self.use else {}
        table |= {name: _plain(value) for name, value in self.values.items() if value is not None}
        return table | {name: part.filled() for name, part in self.parts.items()}


@dataclass
class Plan:
    """A whole spec, checked and filled.

    Args:
        document: what it was made from; errors while building point into it.
        latent_dim: D.
        components: slot path -> part; the data's is missing where the spec names none.
        settings: table name -> its settings.
        versions: what the spec was filled with, if it says so.
        notes: what was left out on the way, to be told.
    """

    document: Document
    latent_dim: int
    components: dict[KeyPath, Part]
    settings: dict[str, Part]
    versions: dict[str, str]
    notes: list[str] = field(default_factory=list)

    def filled(self) -> dict[str, Any]:
        """The spec with every default written out."""
        model: dict[str, Any] = {"latent_dim": self.latent_dim}
        spec: dict[str, Any] = {"schema": SCHEMA, "model": model}
        for path, part in self.components.items():
            (model if path[0] == "model" else spec)[path[-1]] = part.filled()
        spec |= {name: part.filled() for name, part in self.settings.items()}
        return spec | ({"versions": self.versions} if self.versions else {})

    def setting(self, table: str) -> Any:
        """The settings of a table, as `TrainSettings`."""
        part = self.settings[table]
        return part.signature.factory(**part.values)


def plan(document: Document, registry: Registry) -> Plan:
    """Check a document against what is registered.

    Raises:
        SpecError: with everything that is wrong.
    """
    return _Planner(document, registry).plan()


def plan_dataset(document: Document, registry: Registry) -> Part:
    """Check the [data] table of a document that need hold nothing else.

    Raises:
        SpecError: with everything that is wrong.
    """
    planner = _Planner(document, registry)
    part = planner.component(DATA, document.tables)
    if part is None:
        raise SpecError(planner.problems)
    return part


class _Planner:
    """Collects problems on the way through a document, so that all of them are told at once."""

    def __init__(self, document: Document, registry: Registry) -> None:
        self.document = document
        self.registry = registry
        self.problems: list[Problem] = []
        self.notes: list[str] = []

    def plan(self) -> Plan:
        tables = self.document.tables
        self.schema(tables)
        self.unknown((), tables, TABLES)
        model = self.table(("model",), tables, required=True)
        if model is not None:
            self.unknown(("model",), model, ("latent_dim", *(slot.path[-1] for slot in MODEL)))
        latent_dim = self.latent_dim(model or {})
        components = dict(self.slots(tables, model))
        settings = {}
        for name, factory in SETTINGS.items():
            table = self.table((name,), tables)
            part = self.part(Slot((name,), ""), None, Signature.of(factory), table or {})
            if part and self.sound(part):
                settings[name] = part
        versions = self.table(("versions",), tables) or {}
        for name, found in versions.items():
            if not isinstance(found, str):
                self.wrong(("versions", name), "a version, as a string", show(found), "Leave [versions] out.")
        if self.problems:
            raise SpecError(sorted(self.problems, key=_line))
        return Plan(self.document, latent_dim, components, settings, versions, self.notes)

    def slots(self, tables: dict[str, Any], model: dict[str, Any] | None) -> Iterator[tuple[KeyPath, Part]]:
        for slot in (*MODEL, OBJECTIVE, DATA):
            if slot in MODEL and model is None:
                continue  # one missing table is one problem
            parent = model or {} if slot in MODEL else tables
            if slot is DATA and "data" not in tables:
                continue  # a model can be built without data
            part = self.component(slot, parent)
            if part:
                yield slot.path, part

    def sound(self, part: Part) -> bool:
        """Whether settings that are right one by one are right together."""
        try:
            part.signature.factory(**part.values)
        except ConfigError as error:
            self.problems.append(conflict(self.document, part, error))
            return False
        return True

    def schema(self, tables: dict[str, Any]) -> None:
        found = tables.get("schema")
        if found is None:
            self.wrong(("schema",), f"{SCHEMA}", "no such key", f"Write `schema = {SCHEMA}` on the first line.")
        elif type(found) is not int or found != SCHEMA:
            hint = "A newer probvae may have written it." if isinstance(found, int) and found > SCHEMA else ""
            self.wrong(("schema",), f"{SCHEMA}", show(found), hint)

    def latent_dim(self, model: dict[str, Any]) -> int:
        found = model.get("latent_dim")
        if isinstance(self.document.tables.get("model"), dict) and (type(found) is not int or found < 1):
            self.wrong(("model", "latent_dim"), "an integer >= 1", "no such key" if found is None else show(found))
        return found if type(found) is int else 0

    def table(self, path: KeyPath, parent: dict[str, Any], required: bool = False) -> dict[str, Any] | None:
        found = parent.get(path[-1])
        if found is None:
            if required:
                self.wrong(path, "a table", "no such table", f"Write a table [{'.'.join(path)}].")
            return None
        if not isinstance(found, dict):
            self.wrong(path, "a table", show(found))
            return None
        return found

    def component(self, slot: Slot, parent: dict[str, Any]) -> Part | None:
        """The part in a slot, or None where it is wrong."""
        path, kind, default = slot
        if isinstance(parent.get(path[-1]), str):
            name = parent[path[-1]]
            hint = f'Write {path[-1]} = {{ use = "{name}" }}.'
            self.wrong(path, f"a table that names {with_article(kind)}", show(name), hint)
            return None
        table = self.table(path, parent, required=default is None)
        if table is None and (default is None or path[-1] in parent):
            return None
        table = table or {}
        use = table.get("use", default)
        known = f"Known: {', '.join(self.registry.names(kind))}."
        if not isinstance(use, str):
            found = "no such key" if use is None else show(use)
            self.wrong((*path, "use"), f"the name of {with_article(kind)}", found, known)
            return None
        try:
            spec = self.registry[kind, use]
        except UnknownNameError as error:
            hint = self.as_parameter(slot, use) or str(error)
            self.wrong((*path, "use"), f"the name of {with_article(kind)}", show(use), hint)
            return None
        try:
            signature = Signature.of(spec.load())
        except PluginError as error:
            self.wrong((*path, "use"), f"{with_article(kind)} that can be used", show(use), str(error))
            return None
        if (*path, "use") in self.document.overridden:
            table = self.without_strangers(path, table, signature, use)
        return self.part(slot, use, signature, {key: value for key, value in table.items() if key != "use"})

    def as_parameter(self, slot: Slot, name: str) -> str:
        """Where a name belongs that is no component of the slot's kind but a part of the one used by default."""
        if slot.use is None:
            return ""
        default = Signature.of(self.registry[slot.kind, slot.use].load())
        for parameter in default.components.values():
            if (parameter.kind, name) in self.registry:
                return (
                    f"No {slot.kind} is named {name!r}; it is a {parameter.kind}. Write "
                    f'{parameter.name} = {{ use = "{name}" }} instead.'
                )
        return ""

    def without_strangers(
        self, path: KeyPath, table: dict[str, Any], signature: Signature, use: str
    ) -> dict[str, Any]:
        """Leave out what the file says for the component that `--set ....use=` has replaced."""
        kept = {}
        for key, value in table.items():
            if key == "use" or key in signature.settable or (*path, key) in self.document.overridden:
                kept[key] = value
            else:
                name = ".".join((*path, key))
                self.notes.append(f"{name} = {show(value)} is left out: {use!r} has no such parameter.")
        return kept

    def part(self, slot: Slot, use: str | None, signature: Signature, table: Mapping[str, Any]) -> Part | None:
        """Check a table against a signature."""
        path, before = slot.path, len(self.problems)
        self.unknown(path, table, signature.settable)
        parts = {}
        for name, parameter in signature.components.items():
            part = self.component(Slot((*path, name), str(parameter.kind), parameter.use), dict(table))
            if part:
                parts[name] = part
        plain = {key: value for key, value in table.items() if key in signature.plain}
        owner = f"{use} {slot.kind}" if use else f"[{'.'.join(path)}]"
        values = self.values(path, owner, signature, plain)
        return None if len(self.problems) > before else Part(path, slot.kind, use, signature, values, parts)

    def values(self, path: KeyPath, owner: str, signature: Signature, table: dict[str, Any]) -> dict[str, Any]:
        """The plain parameters, typed, with defaults."""
        values = {}
        for name, parameter in signature.plain.items():
            try:
                values[name] = parameter.parse(table.get(name, parameter.default))
            except PluginError as error:
                self.wrong(path, "a component with a usable signature", f"{owner}: {error}")
            except (TypeError, ValueError):
                self.refused((*path, name), owner, parameter, table)
        return values

    def refused(self, path: KeyPath, owner: str, parameter: Parameter, table: dict[str, Any]) -> None:
        name = parameter.name
        about = f"{name}: {parameter.description}"
        if name in table:
            self.wrong(path, parameter.expected, show(table[name]), about)
        elif parameter.required:
            self.wrong(path, parameter.expected, "no such key", f"{owner} needs it: {about}")
        else:
            found = f"the default {parameter.default!r}"
            hint = f"The signature of {owner} is wrong, not the spec: change its annotation or its default."
            self.wrong(path, parameter.expected, found, hint)

    def unknown(self, path: KeyPath, table: Mapping[str, Any], known: Any) -> None:
        for key in table:
            if key in known:
                continue
            if key in CONTEXT and path:
                self.wrong(
                    (*path, key), "no such key here", show(table[key]), f"It is supplied from {CONTEXT[key]}."
                )
            else:
                self.wrong((*path, key), "a known key", f"{key!r}", did_you_mean(key, known))

    def wrong(self, path: KeyPath, expected: str, found: str, hint: str = "") -> None:
        self.problems.append(self.document.problem(path, expected, found, hint))


def conflict(document: Document, part: Part, error: ConfigError) -> Problem:
    """A problem from what a component's constructor refused."""
    name, path = error.parameter, part.path
    found = repr(part.use or "this table")
    if name and document.has((*path, name)):  # not a default, which is nothing to point at
        path = (*path, name)
        found = repr(part.parts[name].use) if name in part.parts else show(part.values[name])
    return document.problem(path, "a value that the component accepts", found, str(error))


def _line(problem: Problem) -> int:
    """The line that a problem stands on; those of no line come last."""
    line = problem.where.rpartition(":")[2]
    return int(line) if line.isdigit() else 10**9


def _plain(value: Any) -> Any:
    return [_plain(part) for part in value] if isinstance(value, (tuple, list)) else value
