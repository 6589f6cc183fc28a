"""The JSON Schema: it knows every component, and takes the specs that plans take."""

import copy
import json
import math
import operator
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from probvae.core import Signature
from probvae.errors import SpecError
from probvae.registry import Registry
from probvae.specs import json_schema, plan, read
from probvae.specs.plan import shared_settings

EXAMPLES = sorted(Path(__file__).parents[2].joinpath("examples").glob("*.toml"))
(FIRST,) = (path for path in EXAMPLES if path.stem == "first")
SLOTS = ("encoder", "decoder", "prior", "network", "posterior", "likelihood", "objective", "dataset", "metric")


@pytest.fixture(scope="module")
def registry():
    return Registry()


@pytest.fixture(scope="module")
def schema(registry):
    return json_schema(registry)


def nodes(value: Any):
    """Every object within a schema."""
    if isinstance(value, dict):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes(part)


TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "null": type(None),
}
NOTES = {"description", "default", "title", "$schema", "$defs"}


def errors(value: Any, schema: dict[str, Any] | bool, root: dict[str, Any], path: str = "") -> Iterator[str]:
    """The places of what a validator finds wrong, as far as probvae's schemas go.

    Like a validator's, the errors within `$ref`, `allOf` and `then` are reported as they are, those within `anyOf`
    as one. A keyword that is unknown here is a KeyError.
    """
    if isinstance(schema, bool):
        yield from [] if schema else [path]
        return
    if "type" in schema and not (
        isinstance(value, TYPES[schema["type"]]) and isinstance(value, bool) is (schema["type"] == "boolean")
    ):
        yield path
        return  # bounds need a number
    for keyword, rule in schema.items():
        if keyword in NOTES or keyword in ("type", "then"):
            continue
        wrong: Iterable[str] = ()
        match keyword:
            case "$ref":
                wrong = errors(value, root["$defs"][rule.removeprefix("#/$defs/")], root, path)
            case "allOf":
                wrong = (error for part in rule for error in errors(value, part, root, path))
            case "if":
                wrong = errors(value, schema["then"], root, path) if valid(value, rule, root) else ()
            case "anyOf":
                wrong = [] if any(valid(value, part, root) for part in rule) else [path]
            case "not":
                wrong = [path] if valid(value, rule, root) else []
            case "items":
                wrong = (error for part in value for error in errors(part, rule, root, path))
            case "prefixItems":
                pairs = zip(value, rule, strict=False)
                wrong = (error for part, one in pairs for error in errors(part, one, root, path))
            case "properties":
                wrong = (
                    error
                    for key, part in rule.items()
                    if isinstance(value, dict) and key in value
                    for error in errors(value[key], part, root, f"{path}.{key}")
                )
            case "required":
                wrong = [f"{path}.{key}" for key in rule if isinstance(value, dict) and key not in value]
            case "additionalProperties":
                wrong = [f"{path}.{key}" for key in value if key not in schema["properties"]]
            case _:
                wrong = [] if BOUNDS[keyword](value, rule) else [path]
        yield from wrong


BOUNDS: dict[str, Callable[[Any, Any], bool]] = {
    "const": operator.eq,
    "enum": lambda value, rule: value in rule,
    "minimum": operator.ge,
    "exclusiveMinimum": operator.gt,
    "maximum": operator.le,
    "exclusiveMaximum": operator.lt,
    "minItems": lambda value, rule: len(value) >= rule,
    "maxItems": lambda value, rule: len(value) <= rule,
}


def valid(value: Any, schema: dict[str, Any] | bool, root: dict[str, Any]) -> bool:
    return not list(errors(value, schema, root))


def test_it_is_plain_json(schema):
    assert json.loads(json.dumps(schema, allow_nan=False)) == schema
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_reference_leads_somewhere(schema):
    references = {node["$ref"] for node in nodes(schema) if "$ref" in node}
    assert {reference.removeprefix("#/$defs/") for reference in references} <= set(schema["$defs"])
    assert references >= {f"#/$defs/{kind}" for kind in SLOTS}


def test_every_component_is_there_with_its_parameters_and_their_descriptions(schema, registry):
    for kind in SLOTS:
        names = schema["$defs"][kind]["properties"]["use"]["enum"]
        assert sorted(names) == sorted(registry.names(kind))
        tables = {name: schema["$defs"][f"{kind}.{name}"] for name in names}
        for name, table in tables.items():
            signature = Signature.of(registry[kind, name].load())
            assert table["description"] == signature.summary
            assert set(table["properties"]) == {"use", *signature.settable, *shared_settings(kind, signature)}
            assert table["additionalProperties"] is False
            assert table["properties"]["use"] == {"const": name}
            assert set(table["required"]) == {
                key for key, parameter in signature.settable.items() if parameter.required
            }
            for key, parameter in signature.settable.items():
                field = table["properties"][key]
                assert field["description"] == parameter.description
                if parameter.kind:
                    assert field["$ref"] == f"#/$defs/{parameter.kind}"
                    assert field.get("required") == (None if parameter.use else ["use"])
                elif not parameter.required:
                    assert field["default"] == json.loads(json.dumps(parameter.default))


def test_the_settings_are_there_with_their_descriptions(schema):
    for name in ("train", "evaluate"):
        assert all(field["description"] for field in schema["properties"][name]["properties"].values())
    assert schema["properties"]["train"]["properties"]["epochs"]["minimum"] == 1


def test_a_list_of_metrics_has_names_and_tables(schema):
    listed = schema["properties"]["evaluate"]["properties"]["metrics"]
    for right in ([], ["probe"], ["probe", {"use": "active_units", "threshold": 0.1}]):
        assert valid(right, listed, schema)
    for wrong in ("probe", ["prob"], [{"threshold": 0.1}], [{"use": "active_units", "threshold": 0}], [3]):
        assert not valid(wrong, listed, schema)


def test_bounds_and_choices_of_the_signatures_are_there(schema):
    def parameter(prior, name):
        return schema["$defs"][f"prior.{prior}"]["properties"][name]

    assert parameter("spline", "bins")["minimum"] == 2
    assert parameter("spline", "bound")["exclusiveMinimum"] == 0
    assert parameter("vamp", "initial")["enum"] == ["data", "noise"]
    assert parameter("maf", "hidden")["items"] == {"minimum": 1, "type": "integer"}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_valid_as_written_and_filled(example, schema, registry):
    spec = tomllib.loads(example.read_text())
    assert valid(spec, schema, schema)
    assert valid(plan(read(spec), registry).filled(), schema, schema)


WRONG = {
    "schema": 2,
    "trian": {},
    "model.latent_dim": 0,
    "model.latent_dims": 2,
    "model.prior.use": "mixtur",
    "model.prior.components": "16",
    "model.prior.componets": 16,
    "model.encoder.network.filters": [],
    "model.encoder.network.activation": "reluu",
    "model.encoder.posterior.log_variance_range": [1.0, 2.0, 3.0],
    "model.decoder.likelihood": "bernoulli",
    "train.learning_rate": 0,
    "data.binarize": True,
}


@pytest.mark.parametrize("path", WRONG)
def test_schema_and_plan_refuse_the_same(path, schema, registry):
    spec = tomllib.loads(FIRST.read_text())
    assert valid(spec, schema, schema)
    wrong = copy.deepcopy(spec)
    *tables, key = path.split(".")
    table = wrong
    for name in tables:
        table = table.setdefault(name, {})
    table[key] = WRONG[path]
    assert list(errors(wrong, schema, schema)) == [f".{path}"]  # and not only "nothing fits" of a whole table
    with pytest.raises(SpecError, match=re.escape(path)):
        plan(read(wrong), registry)


@pytest.mark.parametrize("path", ["objective", "model.encoder.posterior"])
def test_a_name_that_a_plan_does_without_is_not_required(path, schema, registry):
    spec = tomllib.loads(FIRST.read_text())
    table = spec
    for name in path.split("."):
        table = table[name]
    table.pop("use")
    plan(read(spec), registry)
    assert valid(spec, schema, schema)


def test_the_small_validator_can_fail():
    """What replaces a library here distinguishes right from wrong."""
    right = {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1}
    assert valid([1, 2], right, {})
    assert not any(valid(value, right, {}) for value in ([], [0], [True], [1.5], "1", None))
    assert not valid(math.inf, {"type": "integer"}, {})
    assert list(errors({"a": [0]}, {"properties": {"a": right}}, {})) == [".a"]
    assert list(errors({"b": 1}, {"required": ["a"]}, {})) == [".a"]
    assert not valid({"b": 1}, {"if": {"required": ["b"]}, "then": False}, {})
    with pytest.raises(KeyError, match="format"):
        valid(1, {"format": "x"}, {})
