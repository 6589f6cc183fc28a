"""A spec as MLflow takes it."""

import pytest
from mlflow.utils.validation import MAX_ENTITY_KEY_LENGTH, MAX_PARAM_VAL_LENGTH

from probvae_mlflow.names import MAX_NAME, MAX_VALUE, flat, name, text

STRANGE = ["a:b", "a/../b", "/a", "a//b", "..", ".", "", "what?", "x" * 251, "line\nbreak", "a%b"]


def test_nested_tables_become_dotted_names():
    spec = {"schema": 1, "model": {"prior": {"use": "vamp", "components": 4}, "encoder": {"hidden": [8, 4]}}}
    assert flat(spec) == {
        "schema": "1",
        "model.prior.use": "vamp",
        "model.prior.components": "4",
        "model.encoder.hidden": "[8, 4]",
    }


def test_the_limits_are_those_of_mlflow():
    assert (MAX_NAME, MAX_VALUE) == (MAX_ENTITY_KEY_LENGTH, MAX_PARAM_VAL_LENGTH)


@pytest.mark.parametrize("wanted", ["train/loss", "data.test labels", "model.prior.components", "a-b_c"])
def test_a_name_that_mlflow_takes_stays_as_it_is(wanted):
    assert name(wanted) == wanted


def test_names_that_had_to_be_changed_stay_apart():
    long = ["x" * 300 + end for end in "ab"]
    changed = [name(wanted) for wanted in (*STRANGE, *long, "a?b", "a_b")]
    assert len(set(changed)) == len(changed)
    assert max(map(len, changed)) <= MAX_NAME


def test_strange_names_and_values_are_logged_and_read_back(store):
    params = flat({wanted: f"the value of {wanted}" for wanted in STRANGE} | {"empty": "", "none": {}})
    client_run = store.create_run(store.create_experiment("names"))
    for key, value in params.items():
        store.log_param(client_run.info.run_id, key, value)
        store.log_metric(client_run.info.run_id, key, 1.0)
    assert store.get_run(client_run.info.run_id).data.params == params


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1e-3, "0.001"),
        (float("inf"), "Infinity"),
        (True, "true"),
        (None, "null"),
        ("mixture", "mixture"),
        ("two\nlines", '"two\\nlines"'),
        ([{"use": "é"}], '[{"use": "é"}]'),
    ],
)
def test_a_value_is_one_line_of_text(value, expected):
    assert text(value) == expected


def test_a_long_value_is_cut_and_says_so():
    assert text("x" * MAX_VALUE) == "x" * MAX_VALUE
    assert text("x" * (MAX_VALUE + 1)) == "x" * (MAX_VALUE - 1) + "…"
    assert len(text(list(range(5000)))) == MAX_VALUE
