import pytest

from probvae.report.numbers import notes, numbers, plain_values, with_error

EVALUATION = {
    "split": "test",
    "unit": "nats per example",
    "protocol": "static",
    "settings": {"samples": 100, "compare_with": ""},
    "epoch": 3,
    "elbo": {"value": -315.02, "standard_error": 2.802, "examples": 1000, "samples": 100},
    "gain": {"elbo": {"value": 1.5, "standard_error": 0.25, "examples": 1000, "samples": 100}},
    "accuracy": {"value": 0.91, "standard_error": 0.009},
    "bits_per_dimension": {"elbo": {"value": 0.5797, "standard_error": 0.0052}},
    "metrics": [
        {"name": "active_units", "value": 3, "standard_error": None, "unit": "latents", "note": "5 idle."},
    ],
    "convergence": {"samples": 100, "rise": 0.25, "warning": "not converged"},
    "something": {"new": {"value": 2.5, "how": "exact", "deeper": [1, 2]}, "other": [1.0, 2.0]},
    "bad": {"value": float("nan")},
    "warnings": ["S is too small."],
}


def by_path(evaluation=EVALUATION):
    return {number.path: number for number in numbers(evaluation)}


def test_every_table_with_a_finite_value_is_a_number_wherever_it_is():
    assert list(by_path()) == [
        "elbo", "gain.elbo", "accuracy", "bits_per_dimension.elbo", "metrics.active_units", "something.new",
    ]  # fmt: skip


def test_estimates_have_the_unit_of_the_evaluation_and_others_their_own():
    units = {path: number.unit for path, number in by_path().items()}
    assert units == {
        "elbo": "nats per example",
        "gain.elbo": "nats per example",
        "accuracy": "",
        "bits_per_dimension.elbo": "bits per dimension",
        "metrics.active_units": "latents",
        "something.new": "",
    }


def test_a_number_keeps_its_error_details_and_sentences():
    found = by_path()
    assert found["elbo"].text == "\N{MINUS SIGN}315.02 ± 2.80"
    assert found["elbo"].details == {"examples": "1,000", "samples": "100"}
    assert found["metrics.active_units"].text == "3"
    assert found["metrics.active_units"].notes == ("5 idle.",)
    assert found["something.new"].details == {"how": "exact"}
    assert found["metrics.active_units"].name == "active units"


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (1.0, 0.00123, "1.0000 ± 0.0012"),
        (123.4, 45.6, "123.40 ± 45.60"),
        (0.25, 0.0, "0.25 ± 0.00"),
        (1e3, None, "1,000"),
    ],
)
def test_an_error_has_at_least_two_significant_digits(value, error, text):
    assert with_error(value, error) == text


def test_the_plain_values_are_those_of_all_tables_but_of_numbers():
    assert plain_values(EVALUATION) == {
        "split": "test",
        "protocol": "static",
        "samples": "100",
        "epoch": "3",
        "convergence: samples": "100",
        "convergence: rise": "0.25",
    }


def test_notes_are_those_of_the_evaluation_and_its_tables_without_numbers():
    assert notes(EVALUATION) == [("evaluation", "S is too small."), ("convergence", "not converged")]


def test_metrics_by_name_are_numbers_with_short_names():
    active = {"active_units": {"value": 1, "unit": "of 2 latents"}, "activity": {"value": [0.001, 1.5]}}
    found = numbers({"metrics": {"active_units": {"settings": {"threshold": 0.01}, "numbers": active}}})
    assert [(number.name, number.text) for number in found] == [
        ("active units", "1"),
        ("active units: activity", "0.001, 1.5"),
    ]


def test_many_values_are_shown_by_their_range():
    (found,) = numbers({"activity": {"value": [0.5] * 8 + [2.0]}})
    assert found.text == "9 numbers from 0.5 to 2"


@pytest.mark.parametrize("evaluation", [{}, {"elbo": None}, {"metrics": [1, {"value": 2}]}, {"a": {"value": "x"}}])
def test_what_is_no_number_is_left_out(evaluation):
    assert numbers(evaluation) == []
