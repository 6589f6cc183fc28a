"""Metrics of a run: in its evaluation.json, printed, and asked for afterwards."""

import json
import math
import re
import shutil

import numpy as np
import pytest

import probvae
from probvae.core import Measurement
from probvae.errors import SpecError
from probvae.registry import Registry
from probvae.report.numbers import with_error

from ..program import program
from .setups import spec, strict, tiny_images, train


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny_images(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory, undrawn):
    made = spec(data, epochs=1)
    made["evaluate"]["metrics"] = ["mutual_information", {"use": "active_units", "threshold": 1e-9}]
    return train(made, tmp_path_factory.mktemp("runs") / "first")


def numbers(run):
    return {
        name: number
        for metric in strict(run.evaluation_file.read_text())["metrics"].values()
        for name, number in metric["numbers"].items()
    }


def test_a_run_has_the_metrics_of_its_spec_with_units_and_settings(trained):
    run, text = trained
    metrics = strict(run.evaluation_file.read_text())["metrics"]
    assert list(metrics) == ["rate_distortion", "mutual_information", "active_units"]
    assert metrics["active_units"]["settings"] == {"use": "active_units", "threshold": 1e-9, "seed": 0}
    found = numbers(run)
    assert found["active_units"] == {"value": 2, "unit": "of 2 latents", "standard_error": None}
    assert len(found["rate_of_latents"]["value"]) == 2
    assert sum(found["rate_of_latents"]["value"]) == pytest.approx(found["rate"]["value"], rel=1e-5)
    rate = re.escape(with_error(found["rate"]["value"], found["rate"]["standard_error"]))
    assert re.search(rf"^ {{12}}rate distortion: rate +{rate} +nats per example$", text, re.M)
    assert re.search(r"^ {12}active units +2 +of 2 latents$", text, re.M)
    assert re.search(r"^ {12}rate distortion: rate of latents +0\.\d+, 0\.\d+ +nats per example$", text, re.M)


def test_rate_and_distortion_add_up_to_the_bound(trained):
    run, _ = trained
    found, elbo = numbers(run), strict(run.evaluation_file.read_text())["elbo"]
    total = found["rate"]["value"] + found["distortion"]["value"]
    assert -total == pytest.approx(elbo["value"], abs=5 * elbo["standard_error"])


@pytest.fixture
def copy(trained, tmp_path):
    """The run in a folder that a test may change."""
    shutil.copytree(trained[0].folder, tmp_path / "copy")
    return probvae.runs.Run(tmp_path / "copy", trained[0].spec)


def test_evaluate_takes_the_names_of_metrics_and_keeps_the_others(copy):
    options = ["--metrics", "probe,mutual_information", "--metrics", "active_units"]
    ended = program("evaluate", copy.folder, *options, "--samples", 9, "--json")
    assert ended.status == 0, ended.text
    found = json.loads(ended.out)["metrics"]
    assert list(found) == ["rate_distortion", "probe", "mutual_information", "active_units"]
    assert found["active_units"]["settings"]["threshold"] == 0.01
    probvae.evaluate(copy.folder)  # with fewer samples, and other metrics
    kept = copy.evaluation()
    assert kept["settings"]["samples"] == 9
    assert kept["metrics"] == found | {"active_units": kept["metrics"]["active_units"]}
    assert kept["metrics"]["active_units"]["settings"]["threshold"] == 1e-9
    probvae.evaluate(copy.folder, ["evaluate.samples=10", "evaluate.metrics=[]"])
    assert list(copy.evaluation()["metrics"]) == list(kept["metrics"])


def test_a_metric_that_the_data_does_not_suit_is_refused_before_the_work(trained, tmp_path):
    run, _ = trained
    np.save(tmp_path / "new.npy", np.full((6, 4, 4), 230, np.uint8))
    ended = program("evaluate", run.folder, "--metrics", "probe", "--data", tmp_path / "new.npy")
    assert ended.status == 2
    assert "probe metric: expected test examples besides the training examples" in ended.text
    unknown = program("evaluate", run.folder, "--metrics", "prob")
    assert unknown.status == 2
    assert "Did you mean 'probe'" in unknown.text


def test_a_metric_that_the_data_does_not_suit_is_refused_before_the_training(tmp_path):
    np.save(tmp_path / "unlabelled.npy", np.full((60, 4, 4), 1, np.uint8))
    made = spec({"use": "arrays", "train": str(tmp_path / "unlabelled.npy")})
    made["evaluate"]["metrics"] = [{"use": "probe"}]
    with pytest.raises(
        SpecError, match=r"probe metric: expected test examples with a label, .* got 0 test examples"
    ):
        train(made, tmp_path / "run")
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_several_splits_are_evaluated_without_metrics(trained):
    run, _ = trained
    ended = program("evaluate", run.folder, "--split", "all")
    assert ended.status == 0
    assert "without metrics, which are of one split" in ended.out


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (
            {"odd": 3.0},
            r"a metric that works.*expected a dict of names and probvae.Measurement; got \{'odd': 3.0\}",
        ),
        ({"odd": Measurement(math.nan, "odd")}, "expected finite numbers; got nan for 'odd'"),
        ({"odd": Measurement(1.0, "odd", math.inf)}, "expected finite numbers; got inf for 'odd'"),
        (ZeroDivisionError("no odd ones"), "ZeroDivisionError: no odd ones"),
    ],
)
def test_a_metric_of_a_plugin_that_does_not_work_is_named(returned, message, trained):
    registry = Registry()

    @registry.register("metric", "odd")
    class Odd(probvae.Metric):
        def __call__(self, vae, data, seed):
            if isinstance(returned, Exception):
                raise returned
            return returned

    with pytest.raises(SpecError, match=message):
        probvae.evaluate(trained[0], ['evaluate.metrics=["test_metrics.odd"]'], registry=registry)


def test_numbers_of_numpy_are_numbers(trained):
    registry = Registry()

    @registry.register("metric", "odd")
    class Odd(probvae.Metric):
        def __call__(self, vae, data, seed):
            half = np.float32(0.5)
            return {"one": Measurement(half, "odd", half), "several": Measurement(np.array([1.0, 2.0]), "odd")}

    found = probvae.evaluate(trained[0], ['evaluate.metrics=["test_metrics.odd"]'], registry=registry)
    numbers = strict(json.dumps(found))["metrics"]["test_metrics.odd"]["numbers"]
    assert (numbers["one"]["value"], numbers["one"]["standard_error"]) == (0.5, 0.5)
    assert numbers["several"]["value"] == [1.0, 2.0]
