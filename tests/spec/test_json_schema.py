"""The JSON Schema: it knows every component, and takes the specs that plans take."""

import copy
import json
import math
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from probvae.core import Signature
from probvae.errors import SpecError
from probvae.registry import Registry
from probvae.spec import json_schema, plan, read

EXAMPLES = sorted(Path(__file__).parents[2].joinpath("examples").glob("*.toml"))
SLOTS = ("encoder", "decoder", "prior", "posterior", "likelihood", "objective", "dataset")


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


def valid(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    """Whether a value is valid, as far as probvae's schemas go; a keyword that is unknown here is an error."""
    for keyword, rule in sorted(schema.items(), key=lambda item: item[0] != "type"):  # bounds need a number
        if keyword in NOTES:
            continue
        match keyword:
            case "$ref":
                right = valid(value, root["$defs"][rule.removeprefix("#/$defs/")], root)
            case "anyOf":
                right = any(valid(value, part, root) for part in rule)
            case "type":
                right = isinstance(value, TYPES[rule]) and (isinstance(value, bool) is (rule == "boolean"))
            case "const":
                right = value == rule
            case "enum":
                right = value in rule
            case "minimum":
                right = value >= rule
            case "exclusiveMinimum":
                right = value > rule
            case "maximum":
                right = value <= rule
            case "exclusiveMaximum":
                right = value < rule
            case "minItems":
                right = len(value) >= rule
            case "maxItems":
                right = len(value) <= rule
            case "items":
                right = all(valid(part, rule, root) for part in value)
            case "prefixItems":
                right = all(valid(part, one, root) for part, one in zip(value, rule, strict=False))
            case "properties":
                right = all(valid(value[key], part, root) for key, part in rule.items() if key in value)
            case "required":
                right = set(rule) <= set(value)
            case "additionalProperties":
                right = set(value) <= set(schema["properties"])
            case _:
                raise AssertionError(f"unknown keyword {keyword!r}")
        if not right:
            return False
    return True


def test_it_is_plain_json(schema):
    assert json.loads(json.dumps(schema, allow_nan=False)) == schema
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_reference_leads_somewhere(schema):
    references = {node["$ref"] for node in nodes(schema) if "$ref" in node}
    assert {reference.removeprefix("#/$defs/") for reference in references} <= set(schema["$defs"])
    assert references >= {f"#/$defs/{kind}" for kind in SLOTS}


def test_every_component_is_there_with_its_parameters_and_their_descriptions(schema, registry):
    for kind in SLOTS:
        tables = {table["properties"]["use"]["const"]: table for table in schema["$defs"][kind]["anyOf"]}
        assert sorted(tables) == sorted(registry.names(kind))
        for name, table in tables.items():
            signature = Signature(registry[kind, name].load(), name)
            assert table["description"] == signature.summary
            assert set(table["properties"]) == {"use", *signature.settable}
            assert table["additionalProperties"] is False
            assert set(table["required"]) == {
                "use",
                *(key for key, parameter in signature.settable.items() if parameter.required),
            }
            for key, parameter in signature.settable.items():
                field = table["properties"][key]
                assert field["description"] == parameter.description
                if parameter.kind:
                    reference = field["anyOf"][0] if parameter.use else field
                    assert reference["$ref"] == f"#/$defs/{parameter.kind}"
                elif not parameter.required:
                    assert field["default"] == json.loads(json.dumps(parameter.default))


def test_the_settings_are_there_with_their_descriptions(schema):
    for name in ("train", "evaluate"):
        assert all(field["description"] for field in schema["properties"][name]["properties"].values())
    assert schema["properties"]["train"]["properties"]["epochs"]["minimum"] == 1


def test_bounds_and_choices_of_the_signatures_are_there(schema):
    tables = {
        table["properties"]["use"]["const"]: table["properties"] for table in schema["$defs"]["prior"]["anyOf"]
    }
    assert tables["spline"]["bins"]["minimum"] == 2
    assert tables["spline"]["bound"]["exclusiveMinimum"] == 0
    assert tables["vamp"]["initial"]["enum"] == ["data", "noise"]
    assert tables["maf"]["hidden"]["items"] == {"minimum": 1, "type": "integer"}


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
    "model.encoder.filters": [],
    "model.encoder.activation": "reluu",
    "model.encoder.posterior.log_variance_range": [1.0, 2.0, 3.0],
    "model.decoder.likelihood": "bernoulli",
    "train.learning_rate": 0,
    "data.binarize": True,
}


@pytest.mark.parametrize("path", WRONG)
def test_schema_and_plan_refuse_the_same(path, schema, registry):
    spec = tomllib.loads(EXAMPLES[0].read_text())
    assert valid(spec, schema, schema)
    wrong = copy.deepcopy(spec)
    *tables, key = path.split(".")
    table = wrong
    for name in tables:
        table = table.setdefault(name, {})
    table[key] = WRONG[path]
    assert not valid(wrong, schema, schema)
    with pytest.raises(SpecError, match=re.escape(path)):
        plan(read(wrong), registry)


@pytest.mark.parametrize("path", ["objective", "model.encoder.posterior"])
def test_a_name_that_a_plan_does_without_is_not_required(path, schema, registry):
    spec = tomllib.loads(EXAMPLES[0].read_text())
    table = spec
    for name in path.split("."):
        table = table[name]
    table.pop("use")
    plan(read(spec), registry)
    assert valid(spec, schema, schema)


def test_the_small_validator_can_fail():
    """What stands in for a library here tells right from wrong."""
    right = {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1}
    assert valid([1, 2], right, {})
    assert not any(valid(value, right, {}) for value in ([], [0], [True], [1.5], "1", None))
    assert not valid(math.inf, {"type": "integer"}, {})
    with pytest.raises(AssertionError, match="unknown keyword"):
        valid(1, {"format": "x"}, {})
