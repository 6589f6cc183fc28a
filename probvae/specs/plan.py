"""From a document to a plan: every name looked up, every value checked, every default filled in, nothing built."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from probvae.core import CONTEXT, Parameter, Signature, Table, context_like
from probvae.core.words import with_article
from probvae.data.settings import DataSettings
from probvae.errors import ConfigError, PluginError, Problem, SpecError, UnknownNameError, did_you_mean
from probvae.evaluation import EvaluateSettings
from probvae.registry import Registry
from probvae.specs.document import Document, KeyPath, show
from probvae.specs.planned import (
    NETWORK,
    SCHEMA,
    Plan,
    PlannedComponent,
    PlannedDataset,
    PlannedTable,
    conflict,
)
from probvae.training import TrainSettings, faster_precision


class Slot(NamedTuple):
    """The place of a component in a spec.

    Args:
        path: the key path of its table.
        kind: the kind of component.
        use: the default of the table's `use`.
        required: whether a spec must have it; otherwise the table may be missing.
    """

    path: KeyPath
    kind: str
    use: str | None = None
    required: bool = True

    @property
    def in_float32(self) -> bool:
        """Whether its networks compute in float32 whatever the precision of the training."""
        return self.kind == "prior"


MODEL = (
    Slot(("model", "encoder"), "encoder", NETWORK),
    Slot(("model", "decoder"), "decoder", NETWORK),
    Slot(("model", "prior"), "prior"),
    Slot(("model", "classifier"), "classifier", NETWORK, required=False),
)
OBJECTIVE = Slot(("objective",), "objective", "elbo")
DATA = Slot(("data",), "dataset")
METRICS = Slot(("evaluate", "metrics"), "metric")
"""The place of a list of components."""
ALWAYS = ("rate_distortion", "active_units")
"""The metrics that every evaluation has: they cost little, and say whether the latents are used."""
SETTINGS = {"train": TrainSettings, "evaluate": EvaluateSettings}
SHARED = {"dataset": DataSettings}
"""The settings that every component of a kind can have, whatever its own parameters."""
TABLES = ("schema", "model", "objective", "data", *SETTINGS, "versions")


def plan(document: Document, registry: Registry, needs_data: bool = False) -> Plan:
    """Check a document against the registered components.

    Args:
        document: the spec as written.
        registry: where names are looked up.
        needs_data: whether a missing [data] table is a problem; a model can be built without it.

    Raises:
        SpecError: with all problems of the document.
    """
    return _Planner(document, registry).plan(needs_data)


def plan_dataset(document: Document, registry: Registry) -> PlannedDataset:
    """Check the [data] table of a document; other tables may be missing.

    Raises:
        SpecError: with all problems of the table.
    """
    planner = _Planner(document, registry)
    dataset = planner.component(DATA, document.tables)
    if not isinstance(dataset, PlannedDataset) or planner.problems:
        raise SpecError(planner.problems)
    return dataset


def shared_settings(kind: str, signature: Signature) -> dict[str, Parameter]:
    """The parameters that a component can have besides its own, as every one of its kind can."""
    if kind not in SHARED:
        return {}
    shared = Signature.of(SHARED[kind]).plain
    return {name: parameter for name, parameter in shared.items() if name not in signature.settable}


class _Planner:
    """Collects problems on the way through a document, so that all of them are reported at once."""

    def __init__(self, document: Document, registry: Registry) -> None:
        self.document = document
        self.registry = registry
        self.problems: list[Problem] = list(document.problems)
        self.notes: list[str] = []
        self.ignored: list[KeyPath] = []

    def plan(self, needs_data: bool) -> Plan:
        tables = self.document.tables
        self.schema(tables)
        self.unknown((), tables, TABLES)
        model = self.model(tables)
        latent_dim = self.latent_dim(model)
        components = dict(self.components(tables, model, needs_data))
        settings = dict(self.settings(tables))
        if "train" in settings:
            settings["train"] = self.with_precision(settings["train"], components)
        metrics = [*self.metrics(tables)]
        versions = self.table(("versions",), tables) or {}
        for name, value in versions.items():
            if not isinstance(value, str):
                self.report(("versions", name), "a version, as a string", show(value), "Leave [versions] out.")
        if self.problems:
            raise SpecError(sorted(self.problems, key=_line))
        return Plan(self.document, latent_dim, components, settings, versions, metrics, self.notes, self.ignored)

    def schema(self, tables: Table) -> None:
        schema = tables.get("schema")
        if schema is None:
            self.report(("schema",), f"{SCHEMA}", "no such key", f"Write `schema = {SCHEMA}` on the first line.")
        elif type(schema) is not int or schema != SCHEMA:
            hint = "A newer probvae may have written it." if isinstance(schema, int) and schema > SCHEMA else ""
            self.report(("schema",), f"{SCHEMA}", show(schema), hint)

    def model(self, tables: Table) -> Table | None:
        """The [model] table; None where it is missing, which is one problem, not one for each of its keys."""
        if tables.get("model") is None:
            inner = ", ".join(f"[{'.'.join(slot.path)}]" for slot in MODEL if slot.required)
            hint = f"Write a table [model] with latent_dim, and {inner}; `probvae init` writes a first spec."
            self.report(("model",), "a table", "no such table", hint)
            return None
        model = self.table(("model",), tables)
        if model is not None:
            self.unknown(("model",), model, ("latent_dim", *(slot.path[-1] for slot in MODEL)))
        return model

    def latent_dim(self, model: Table | None) -> int:
        if model is None:
            return 0
        value = model.get("latent_dim")
        if type(value) is int and value >= 1:
            return value
        got = "no such key" if value is None else show(value)
        self.report(("model", "latent_dim"), "an integer >= 1", got)
        return 0

    def components(
        self, tables: Table, model: Table | None, needs_data: bool
    ) -> Iterator[tuple[KeyPath, PlannedComponent]]:
        slots = [
            (slot, model) for slot in MODEL if model is not None and (slot.required or slot.path[-1] in model)
        ] + [(OBJECTIVE, tables)]
        if needs_data or "data" in tables:
            slots.append((DATA, tables))
        for slot, parent in slots:
            component = self.component(slot, parent or {})
            if component is not None:
                yield slot.path, component

    def settings(self, tables: Table) -> Iterator[tuple[str, PlannedTable]]:
        for name, settings in SETTINGS.items():
            table = self.table((name,), tables) or {}
            signature, before = Signature.of(settings), len(self.problems)
            lists = METRICS.path[1:] if METRICS.path[0] == name else ()
            self.unknown((name,), table, [*signature.settable, *lists])
            values = self.values((name,), f"[{name}]", signature.plain, table)
            planned = PlannedTable((name,), signature, values)
            if len(self.problems) == before and self.consistent(planned):
                yield name, planned

    def with_precision(self, train: PlannedTable, components: Mapping[KeyPath, PlannedComponent]) -> PlannedTable:
        """The settings of a training, with the precision that "auto" is here."""
        if train.values["precision"] != "auto":
            return train
        parts = [components[slot.path] for slot in MODEL if not slot.in_float32 and slot.path in components]
        networks = [table.signature.factory for part in parts for table in part.tables()]
        precision, reason = faster_precision(any(getattr(made, "convolutional", False) for made in networks))
        self.notes.append(f'train.precision = "auto" is {precision} here: {reason}.')
        return replace(train, values={**train.values, "precision": precision})

    def metrics(self, tables: Table) -> Iterator[PlannedComponent]:
        """The metrics that every evaluation has, and those of the list, each a name or a table with `use`."""
        path, (table, key) = METRICS.path, METRICS.path
        evaluate = tables.get(table)
        listed = evaluate.get(key, []) if isinstance(evaluate, dict) else []
        if not isinstance(listed, list):
            self.report(path, "a list of metrics", show(listed), 'Write metrics = ["NAME", { use = "NAME" }].')
            return
        entries = {str(place): {"use": one} if isinstance(one, str) else one for place, one in enumerate(listed)}
        names = [entry["use"] for entry in entries.values() if isinstance(entry, dict) and "use" in entry]
        for use in [name for place, name in enumerate(names) if name in names[:place]]:
            self.report(path, "each metric once", f"{use!r} {names.count(use)} times")
        always = {name: {"use": name} for name in ALWAYS if name not in names}
        for place, entry in {**always, **entries}.items():
            component = self.component(Slot((*path, place), METRICS.kind), {place: entry})
            if component is not None:
                yield component

    def consistent(self, table: PlannedTable) -> bool:
        """Whether settings that are valid one by one are consistent with each other."""
        try:
            table.signature.factory(**table.values)
        except ConfigError as error:
            self.problems.append(conflict(self.document, table, error))
            return False
        return True

    def table(self, path: KeyPath, parent: Table) -> Table | None:
        """A table, None if there is none."""
        table = parent.get(path[-1])
        if table is None or isinstance(table, dict):
            return table
        self.report(path, "a table", show(table))
        return None

    def component(self, slot: Slot, parent: Table) -> PlannedComponent | None:
        """The component in a slot, or None where there is a problem."""
        path, kind, default, _ = slot
        name = path[-1]
        if isinstance(parent.get(name), str):
            use = parent[name]
            self.report(
                path, f"a table that names {with_article(kind)}", show(use), f'Write {name} = {{ use = "{use}" }}.'
            )
            return None
        known = f"Known: {', '.join(self.registry.names(kind))}."
        if parent.get(name) is None and default is None:
            hint = f'Write a table [{".".join(path)}] with use = "NAME". {known}'
            self.report(path, f"a table that names {with_article(kind)}", "no such table", hint)
            return None
        before = len(self.problems)
        table = self.table(path, parent) or {}
        if len(self.problems) > before:
            return None
        use = table.get("use", default)
        if not isinstance(use, str):
            got = "no such key" if use is None else show(use)
            self.report((*path, "use"), f"the name of {with_article(kind)}", got, known)
            return None
        try:
            spec = self.registry[kind, use]
        except UnknownNameError as error:
            hint = self.as_parameter(slot, use) or str(error)
            self.report((*path, "use"), f"the name of {with_article(kind)}", show(use), hint)
            return None
        try:
            signature = Signature.of(spec.load())
        except PluginError as error:
            self.report((*path, "use"), f"{with_article(kind)} that can be used", show(use), str(error))
            return None
        if (*path, "use") in self.document.overridden:
            table = self.drop_unknown(slot, table, signature, use)
        return self.configured(slot, use, signature, {key: value for key, value in table.items() if key != "use"})

    def as_parameter(self, slot: Slot, name: str) -> str:
        """The parameter that a name belongs to, if it names a part of the slot's default component."""
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

    def drop_unknown(self, slot: Slot, table: Table, signature: Signature, use: str) -> Table:
        """Ignore the parameters of the component that `--set ....use=` has replaced."""
        kept, known = {}, {"use", *signature.settable, *shared_settings(slot.kind, signature)}
        for key, value in table.items():
            if key in known or self.is_overridden((*slot.path, key)):
                kept[key] = value
            else:
                self.ignored.append((*slot.path, key))
                name = ".".join((*slot.path, key))
                self.notes.append(f"{name} = {show(value)} is ignored: {use!r} has no such parameter.")
        return kept

    def is_overridden(self, path: KeyPath) -> bool:
        """Whether `--set` has set a key, or one within it."""
        return any(known[: len(path)] == path for known in self.document.overridden)

    def configured(
        self, slot: Slot, use: str, signature: Signature, table: Mapping[str, object]
    ) -> PlannedComponent | None:
        """Check a component's parameters against its signature."""
        path, before = slot.path, len(self.problems)
        shared = shared_settings(slot.kind, signature)
        self.unknown(path, table, [*signature.settable, *shared])
        inner = {}
        for name, parameter in signature.components.items():
            component = self.component(Slot((*path, name), str(parameter.kind), parameter.use), dict(table))
            if component is not None:
                inner[name] = component
        values = self.values(path, f"{use} {slot.kind}", signature.plain, table)
        shared_values = self.values(path, "[data]", shared, table)
        if isinstance(shared_values.get("condition"), tuple) and "conditions" not in signature.context:
            got = f"{show(table['condition'])}, a list of columns"
            hint = f"The examples of {use!r} have no columns to name."
            self.report((*path, "condition"), "'labels' or 'none'", got, hint)
        if len(self.problems) > before:
            return None
        planned = (path, signature, values, slot.kind, use, inner)
        if slot.kind not in SHARED:
            return PlannedComponent(*planned)
        settings = PlannedTable(path, Signature.of(SHARED[slot.kind]), shared_values)
        return PlannedDataset(*planned, settings) if self.consistent(settings) else None

    def values(
        self, path: KeyPath, owner: str, parameters: Mapping[str, Parameter], table: Mapping[str, object]
    ) -> Table:
        """The plain parameters, typed, with defaults."""
        values = {}
        for name, parameter in parameters.items():
            try:
                value = parameter.parse(table.get(name, parameter.default))
                values[name] = self.document.resolve((*path, name), value) if parameter.is_path else value
            except PluginError as error:
                self.report(path, "a component with a usable signature", f"{owner}: {error}")
            except (TypeError, ValueError):
                self.report_value((*path, name), owner, parameter, table)
        return values

    def report_value(self, path: KeyPath, owner: str, parameter: Parameter, table: Mapping[str, object]) -> None:
        name = parameter.name
        about = f"{name}: {parameter.description}"
        if name in table:
            self.report(path, parameter.expected, show(table[name]), about)
        elif parameter.required:
            meant = context_like(name)
            hint = f"{owner} has no default for it. {meant}" if meant else f"{owner} needs it: {about}"
            self.report(path, parameter.expected, "no such key", hint)
        else:
            hint = f"The signature of {owner} is wrong, not the spec: change its annotation or its default."
            self.report(path, parameter.expected, f"the default {parameter.default!r}", hint)

    def unknown(self, path: KeyPath, table: Mapping[str, object], known: Collection[str]) -> None:
        for key in table:
            if key in known:
                continue
            if key in CONTEXT and path:
                hint = f"It is supplied from {CONTEXT[key]}."
                self.report((*path, key), "no such key here", show(table[key]), hint)
            else:
                self.report((*path, key), "a known key", f"{key!r}", did_you_mean(key, known))

    def report(self, path: KeyPath, expected: str, got: str, hint: str = "") -> None:
        self.problems.append(self.document.problem(path, expected, got, hint))


def _line(problem: Problem) -> int:
    """The line of a problem; those without a line come last."""
    line = problem.where.rpartition(":")[2]
    return int(line) if line.isdigit() else 10**9
