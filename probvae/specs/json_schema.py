"""The JSON Schema of every spec that the installed components allow, for editors."""

from __future__ import annotations

from probvae.core import Signature, Table
from probvae.errors import PluginError
from probvae.registry import Registry
from probvae.specs.plan import DATA, METRICS, MODEL, OBJECTIVE, SETTINGS, Slot, shared_settings
from probvae.specs.planned import SCHEMA


def json_schema(registry: Registry) -> Table:
    """A JSON Schema (2020-12). Components that cannot be imported are left out."""
    definitions: Table = {}
    slots = {slot.path: _component(registry, slot, definitions) for slot in (*MODEL, OBJECTIVE, DATA)}
    model = {"latent_dim": {"type": "integer", "minimum": 1, "description": "D, the size of one latent."}}
    model |= {slot.path[-1]: slots[slot.path] for slot in MODEL}
    properties = {
        "schema": {"const": SCHEMA},
        "model": _table(model, required=["latent_dim", *(slot.path[-1] for slot in MODEL if slot.required)]),
        "objective": slots[OBJECTIVE.path],
        "data": slots[DATA.path],
        "versions": {"type": "object"},
    }
    properties |= {
        name: _signature(Signature.of(factory), registry, definitions) for name, factory in SETTINGS.items()
    }
    table, key = METRICS.path
    properties[table]["properties"][key] = _list(registry, METRICS, definitions)
    top = _table(properties, required=["schema", "model"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A probvae spec",
        **top,
        "$defs": definitions,
    }


def _component(registry: Registry, slot: Slot, definitions: Table) -> Table:
    """A table whose `use` names a registered component of the slot's kind, and holds that one's parameters.

    `if` and `then` choose the one definition that a table is checked by, so that a validator names the parameter
    that is wrong; of an `anyOf` it could only say that nothing fits.
    """
    if slot.kind not in definitions:
        names: list[str] = []
        choices: list[Table] = []
        definitions[slot.kind] = {"type": "object", "properties": {"use": {"enum": names}}, "allOf": choices}
        for name in registry.names(slot.kind):
            try:
                signature = Signature.of(registry[slot.kind, name].load())
                table = _signature(signature, registry, definitions)
            except PluginError:
                continue
            shared = {
                key: parameter.json_schema() for key, parameter in shared_settings(slot.kind, signature).items()
            }
            table["properties"] = {"use": {"const": name}, **table["properties"], **shared}
            definitions[_definition(slot.kind, name)] = table
            names.append(name)
            named = {"required": ["use"], "properties": {"use": {"const": name}}}
            choices.append({"if": named, "then": _reference(_definition(slot.kind, name))})
    if slot.use is None:
        return {**_reference(slot.kind), "required": ["use"]}
    default = _definition(slot.kind, slot.use)
    definitions.setdefault(default, False)  # nothing is right, unless that component is still to come
    return {**_reference(slot.kind), "if": {"not": {"required": ["use"]}}, "then": _reference(default)}


def _list(registry: Registry, slot: Slot, definitions: Table) -> Table:
    """A list of components, each of which is a name, or a table as above."""
    table = _component(registry, slot, definitions)
    names = definitions[slot.kind]["properties"]["use"]
    return {
        "type": "array",
        "items": {"anyOf": [names, table]},
        "description": f"The {slot.kind}s to compute, each a name, or a table with `use` and its parameters.",
    }


def _definition(kind: str, name: str) -> str:
    return f"{kind}.{name}"


def _reference(definition: str) -> Table:
    return {"$ref": f"#/$defs/{definition}"}


def _signature(signature: Signature, registry: Registry, definitions: Table) -> Table:
    """A table of a signature's parameters."""
    properties = {}
    for name, parameter in signature.plain.items():
        schema = parameter.json_schema()
        definitions |= schema.pop("$defs", {})
        properties[name] = {key: value for key, value in schema.items() if key != "title"}
    for name, parameter in signature.components.items():
        inner = _component(registry, Slot((name,), str(parameter.kind), parameter.use), definitions)
        properties[name] = {**inner, "description": parameter.description}
    required = [name for name, parameter in signature.settable.items() if parameter.required]
    return {**_table(properties, required), "description": signature.summary}


def _table(properties: Table, required: list[str]) -> Table:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
