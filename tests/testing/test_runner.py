"""What a report says: what was found, where it is smallest, what did not run, and what was expected."""

import json

import pytest
import tensorflow as tf
from hypothesis import strategies as st

from probvae import testing
from probvae.errors import PluginError, UnknownNameError, UserError
from probvae.testing import Violation
from probvae.testing.checking import Check, NotApplicable
from probvae.testing.checks import iter_checks
from probvae.testing.runner import run

from . import priors_for_runner as priors


def only(factory, *checks, **options):
    return testing.check("prior", factory, only=checks or ("shapes",), **options)


def test_a_right_component_is_green():
    results = []
    report = only(
        priors.Right, "shapes", "xla_equals_eager", "prior_samples_carry_gradients", listener=results.append
    )
    assert report.ok
    assert tuple(results) == report.results
    assert {result.status for result in report.results} == {"passed"}
    assert all(result.cases >= 2 for result in report.results)
    assert "keeps its contract: 3 passed" in str(report)


def test_checks_with_a_tag_run_where_it_is_promised():
    every = {result.check for result in testing.check("prior", priors.WrongAboveTwo, only=("builds",)).results}
    assert every == {"builds"}
    promised = {
        check.name for check in iter_checks("prior") if check.applies(testing.Subject("prior", priors.Right))
    }
    plain = {c.name for c in iter_checks("prior") if c.applies(testing.Subject("prior", priors.WrongAboveTwo))}
    assert promised - plain == {"xla_equals_eager", "prior_samples_carry_gradients"}


def test_a_failure_comes_with_the_smallest_case_and_a_line_that_repeats_it():
    report = only(priors.WrongAboveTwo)
    (result,) = report.results
    assert not report.ok
    assert result.status == "failed"
    assert result.case is not None
    assert result.case.configuration == {"parts": 3, "other": 0}
    assert (result.case.latent_dim, result.case.perturbation, result.case.seed) == (1, 0.0, 0)
    assert result.message.startswith("expected batch [] and event [1]; got batch [1] and event [].")
    expected = (
        "from tests.testing.priors_for_runner import WrongAboveTwo; "
        "from probvae.testing import replay; replay('shapes', 'prior', WrongAboveTwo, "
        "configuration={'parts': 3, 'other': 0}, latent_dim=1, samples=())"
    )
    assert result.replay == expected
    for part in (
        "shapes: FAILED",
        "must hold  The result is a float32",
        "smallest   parts = 3",
        "docs/checks.md#shapes",
    ):
        assert part in str(report)
    with pytest.raises(Violation, match=r"got batch \[1\] and event \[\]"):
        testing.replay(
            "shapes", "prior", priors.WrongAboveTwo, configuration={"parts": 3, "other": 0}, latent_dim=1
        )


def test_a_case_names_the_shapes_that_the_component_looks_at():
    report = str(only(priors.WrongAboveTwo))
    assert "smallest   parts = 3, other = 0; D = 1, S = (), seed 0" in report


def test_a_case_that_fails_clearly_is_shown_and_no_smaller_one_that_fails_by_little():
    def exceeded_by_many_dimensions(subject, case):
        """Nothing."""
        raise Violation(f"D is {case.latent_dim}", excess=1.1 if case.latent_dim < 3 else 5.0)

    found = Check(exceeded_by_many_dimensions, ("prior",), {"fast": 20, "deep": 20})
    result = run(found, testing.Subject("prior", priors.Right))
    assert (result.status, result.message) == ("failed", "D is 3")


def test_what_fails_by_little_everywhere_fails_by_its_clearest_case():
    def exceeded_a_little(subject, case):
        """Nothing."""
        raise Violation(f"D is {case.latent_dim}", excess=1 + case.latent_dim / 10)

    found = Check(exceeded_a_little, ("prior",), {"fast": 40, "deep": 40})
    result = run(found, testing.Subject("prior", priors.Right))
    assert (result.status, result.message) == ("failed", "D is 4")


def test_the_same_seed_finds_the_same_case():
    one, two = only(priors.WrongAboveTwo, seed=5), only(priors.WrongAboveTwo, seed=5)
    assert one.results[0].case == two.results[0].case
    assert one.results[0].message == two.results[0].message


def test_a_graph_for_each_case_is_no_reason_for_tensorflow_to_warn(caplog):
    tf.get_logger().addHandler(caplog.handler)
    try:
        for seed in range(3):
            assert only(priors.Right, "graph_equals_eager", "xla_equals_eager", seed=seed).ok
    finally:
        tf.get_logger().removeHandler(caplog.handler)
    assert "retracing" not in caplog.text


def test_an_expected_failure_is_green_and_gives_its_reason():
    report = only(priors.ExpectedToFail)
    assert report.ok
    assert report.results[0].status == "expected"
    assert "Its third part is unfinished." in str(report)


def test_an_expected_failure_that_passes_is_red():
    report = only(priors.ExpectedButRight)
    assert not report.ok
    assert report.results[0].status == "unexpected"
    assert "PASSES although a failure is expected" in str(report)


def test_an_expected_failure_of_no_check_is_an_error():
    with pytest.raises(PluginError, match="expect a failure of 'shape', which is not a check of a prior"):
        only(priors.ExpectsNothingReal)


def test_a_mandatory_check_that_could_not_run_is_red():
    report = only(priors.RefusesEverything)
    assert not report.ok
    assert report.results[0].status == "not_run"
    assert "RefusesEverything: expected another day; got this one." in str(report)


def test_a_check_whose_random_cases_cannot_be_drawn_is_not_passed_by_its_defaults(monkeypatch):
    monkeypatch.setattr("probvae.testing.search.cases_of", lambda *_: st.nothing())
    found = Check(lambda subject, case: None, ("prior",), {"fast": 5, "deep": 5})
    result = run(found, testing.Subject("prior", priors.Right))
    assert (result.status, result.ok) == ("not_run", False)
    assert "no configuration could be drawn at random" in result.message


def test_a_check_that_could_be_tried_in_some_dimensions_only_says_so():
    (result,) = only(priors.NeedsTwo, "samples_are_from_the_density").results
    assert (result.status, result.ok) == ("passed", True)
    assert result.message == "Not in 1 dimension: NeedsTwo: expected latent_dim = 2 or more; got 1."


def test_a_check_that_is_not_applicable_tries_a_few_cases_only():
    tried = []

    def none_of_its_concern(subject, case):
        """Nothing."""
        tried.append(case)
        raise NotApplicable("nothing of the kind is there")

    found = Check(none_of_its_concern, ("prior",), {"fast": 50, "deep": 50}, mandatory=False)
    result = run(found, testing.Subject("prior", priors.Right))
    assert (result.status, result.ok, result.message) == ("not_run", True, "nothing of the kind is there.")
    assert 2 <= len(tried) < 10
    assert tried[-1].configuration == {}


def test_the_cases_that_a_component_adds_are_tried():
    report = only(priors.OnlyCases, "shapes", "learns")
    assert report.ok, str(report)


def test_parameters_that_exclude_each_other_are_no_fault():
    report = only(priors.Fussy, "builds", "shapes")
    assert report.ok, str(report)
    assert report.results[0].cases > 15


def test_a_class_that_never_builds_is_no_refusal():
    (result,) = only(priors.NoSuper, "builds").results
    assert result.status == "failed"
    assert "set before super().__init__() was called" in result.message


def test_a_reason_that_many_checks_share_is_reported_once():
    text = str(only(priors.RefusesEverything, "shapes", "learns", "finite"))
    assert text.count("expected another day; got this one.") == 1
    assert text.count("because    the same as for shapes.") == 2


def test_what_may_follow_from_an_earlier_failure_is_short_and_names_that_one():
    text = str(only(priors.NoSuper, "builds", "shapes", "learns", "finite"))
    assert text.count("must hold") == text.count("smallest") == 1
    assert text.count("because    it does not build:") == 1
    assert text.count("see        builds first: this may follow from it.") == 3
    assert "the same as" not in text


def test_one_check_may_be_named_by_a_string():
    (result,) = testing.check("prior", priors.Right, only="shapes").results
    assert result.check == "shapes"


def test_a_class_made_inside_a_function_cannot_be_built_by_another_process():
    class Local(priors.Right):
        pass

    report = only(Local, "restores_in_a_fresh_process")
    assert not report.ok
    assert "is in no file that a new process could import" in report.results[0].message


def test_a_report_is_plain_json():
    found = json.loads(json.dumps(only(priors.WrongAboveTwo).to_json()))
    assert found["ok"] is False
    assert found["results"][0]["case"]["configuration"] == {"parts": 3, "other": 0}


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: testing.check("priors", "mixture"), UnknownNameError, "Did you mean 'prior'"),
        (lambda: testing.check("prior", "mixtur"), UnknownNameError, "Did you mean 'mixture'"),
        (lambda: testing.check("prior", "mixture", only=["shape"]), UnknownNameError, "Did you mean 'shapes'"),
        (lambda: testing.check("prior", "mixture", profile="fats"), UnknownNameError, "Did you mean 'fast'"),
        (lambda: testing.check("bijector", "mixture"), UserError, "a class with a method bijector"),
        (lambda: testing.check("dataset", "mnist"), UnknownNameError, "No kind with checks is named 'dataset'"),
        (lambda: testing.check("prior", priors.Right(2)), UserError, "Give Right itself, not an instance"),
        (lambda: testing.check("encoder", priors.Right), UserError, "a probvae.Prior: check it as 'prior'"),
        (lambda: testing.check("prior", int), UserError, "expected a class that derives from probvae.Prior"),
        (lambda: testing.check("prior", priors.MisspeltTag), PluginError, "Did you mean 'reparameterized'"),
        (lambda: testing.check("prior", priors.MisspeltCase), PluginError, r"promises.cases\[0\] sets 'latnt'"),
        (lambda: testing.check("prior", priors.PromisesAsTable), PluginError, "got a dict"),
        (lambda: only(priors.Right, "prior_samples_carry_gradientz"), UnknownNameError, "Did you mean"),
        (
            lambda: only(priors.WrongAboveTwo, "xla_equals_eager"),
            UserError,
            "expected a check that applies to it; got none",
        ),
        (lambda: testing.replay("shapez", "prior", "mixture"), UnknownNameError, "Did you mean 'shapes'"),
    ],
)
def test_wrong_arguments_are_errors_that_say_how_to_fix_them(call, error, message):
    with pytest.raises(error, match=message):
        call()


@testing.contract("prior", priors.Right)
def test_one_import_and_one_decorator_run_the_whole_kit(check):
    check()


def test_the_decorator_parametrizes_over_every_check_that_applies():
    mark = testing.contract("prior", priors.Right)
    assert mark.name == "parametrize"
    subject = testing.Subject("prior", priors.Right)
    assert mark.kwargs["ids"] == [check.name for check in iter_checks("prior") if check.applies(subject)]


def test_a_red_check_fails_as_a_test_with_the_reports_words():
    mark = testing.contract("prior", priors.WrongAboveTwo)
    run = dict(zip(mark.kwargs["ids"], mark.args[1], strict=True))["shapes"]
    with pytest.raises(pytest.fail.Exception, match="smallest   parts = 3"):
        run()


def test_every_check_says_what_must_hold():
    for check in iter_checks():
        assert check.holds.endswith("."), check.name
        assert len(check.holds) < 140, check.name


def no_prior(latent_dim: int) -> object:
    return latent_dim


def test_what_a_function_makes_is_found_to_be_of_another_kind_by_building_it():
    report = only(no_prior, "builds")
    assert "expected a probvae.Prior; got int" in report.results[0].message
