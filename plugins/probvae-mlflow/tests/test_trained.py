"""Real trainings, as MLflow shows them afterwards."""

import json
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest
from probvae.errors import PluginWarning, TrainingError

ROW = {"epoch", "step", "seconds", "examples_per_second", "learning_rate"}


def logged(store, run):
    """The MLflow run that a run's folder names."""
    return store.get_run(json.loads((run.folder / "mlflow.json").read_text())["run_id"])


def history(store, run_id, name):
    return [(point.step, point.value) for point in store.get_metric_history(run_id, name)]


def artifacts(store, run_id):
    return {
        item.path for folder in ("", "figures") for item in store.list_artifacts(run_id, folder) if not item.is_dir
    }


def rows(run):
    return [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]


def test_a_finished_run_is_in_mlflow_with_all_it_has(store, spec, train, tmp_path):
    run = train(spec, tmp_path / "runs" / "clothes")
    found = logged(store, run)
    run_id = found.info.run_id
    assert store.get_experiment(found.info.experiment_id).name == "probvae"
    assert (found.info.run_name, found.info.status) == ("clothes", "FINISHED")
    assert found.data.tags["probvae.folder"] == str(run.folder)

    params = found.data.params
    assert params["model.prior.use"] == "standard_normal"
    assert params["model.encoder.network.hidden"] == "[8]"
    assert params["train.epochs"] == "2"
    assert params["train.seed"] == str(run.spec["train"]["seed"])  # a default
    assert "versions.tensorflow-probability" in params

    assert rows(run)[0].keys() > ROW
    for name in rows(run)[0]:
        assert history(store, run_id, name) == [(row["epoch"], row[name]) for row in rows(run)]
    measured = json.loads(run.evaluation_file.read_text())
    for bound in ("elbo", "importance_weighted"):
        at = measured["epoch"]
        assert history(store, run_id, f"test/{bound}") == [(at, measured[bound]["value"])]
        error = measured[bound]["standard_error"]
        assert history(store, run_id, f"test/{bound}_standard_error") == [(at, error)]
    rate = measured["metrics"]["rate_distortion"]["numbers"]["rate"]["value"]
    assert history(store, run_id, "test/rate_distortion/rate") == [(measured["epoch"], rate)]

    figures = {f"figures/{path.name}" for path in run.figures.glob("*.png")}
    assert figures
    files = {"spec.toml", "environment.json", "evaluation.json", "report.html"}
    assert artifacts(store, run_id) == files | figures
    for name in ("spec.toml", min(figures)):
        copy = store.download_artifacts(run_id, name, str(tmp_path))
        assert Path(copy).read_bytes() == (run.folder / name).read_bytes()


def test_an_interrupted_run_goes_on_in_the_same_mlflow_run(store, spec, train, interrupting, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(spec, tmp_path / "run", plugins=[interrupting])
    [experiment] = store.search_experiments(filter_string="name = 'probvae'")
    [found] = store.search_runs([experiment.experiment_id])
    assert found.info.status == "KILLED"
    assert [epoch for epoch, _ in history(store, found.info.run_id, "epoch")] == [1, 2]
    assert not [name for name in found.data.metrics if name.startswith("test/")]
    assert artifacts(store, found.info.run_id) == {"spec.toml", "environment.json"}

    spec["train"]["epochs"] = 3
    run = train(spec, tmp_path / "run", resume=True)
    [found] = store.search_runs([experiment.experiment_id])
    assert found.info.run_id == logged(store, run).info.run_id
    assert found.info.status == "FINISHED"
    # Epoch 2 was logged, lost with its checkpoint, and repeated with the same result.
    loss = history(store, found.info.run_id, "validation/loss")
    assert loss == [(row["epoch"], row["validation/loss"]) for row in rows(run)]
    assert [epoch for epoch, _ in loss] == [1, 2, 3]
    # A param never changes; the new value is in a tag.
    assert found.data.params["train.epochs"] == "2"
    assert found.data.tags["probvae.resumed.train.epochs"] == "3"
    assert [name for name in found.data.tags if name.startswith("probvae.resumed.")] == [
        "probvae.resumed.train.epochs"
    ]


def test_a_run_that_fails_is_failed_in_mlflow(sqlite, spec, train, tmp_path):
    spec["train"]["learning_rate"] = 1e30
    with pytest.raises(TrainingError):
        train(spec, tmp_path / "run")
    [found] = sqlite.search_runs([sqlite.get_experiment_by_name("probvae").experiment_id])
    assert found.info.status == "FAILED"


def test_without_a_tracking_uri_nothing_is_written(spec, train, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)  # an import of it would fail
    run = train(spec, tmp_path / "run")
    assert not (run.folder / "mlflow.json").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"tiny.npy", "run"}


@pytest.mark.parametrize("uri", ["sqlite:///{}/tiny.npy", "sqlite:///{}/tiny.npy/x.db", "{}/tiny.npy/mlruns"])
def test_a_store_that_cannot_be_written_is_a_warning_and_the_training_finishes(
    uri, spec, train, tmp_path, monkeypatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri.format(tmp_path))
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    with pytest.warns(PluginWarning) as caught:
        run = train(spec, tmp_path / "run")
    assert run.evaluation_file.is_file()
    [warning] = [found for found in caught if found.category is PluginWarning]
    assert f"MLFLOW_TRACKING_URI={uri.format(tmp_path)}: expected a store" in str(warning.message)
    assert f"'probvae train {run.folder} --resume' logs what is missing" in str(warning.message)


def test_a_run_trained_before_mlflow_was_asked_for_is_logged_by_a_resume(
    sqlite, spec, train, tmp_path, monkeypatch
):
    with monkeypatch.context() as without:
        without.delenv("MLFLOW_TRACKING_URI")
        train(spec, tmp_path / "run")
    run = train(spec, tmp_path / "run", resume=True)
    found = logged(sqlite, run)
    assert history(sqlite, found.info.run_id, "epoch") == [(1, 1.0), (2, 2.0)]
    assert "test/elbo" in found.data.metrics


def test_an_active_run_of_the_user_is_left_alone(sqlite, spec, train, tmp_path):
    try:
        with mlflow.start_run(run_name="mine") as mine:
            run = train(spec, tmp_path / "run")
            assert mlflow.active_run().info.run_id == mine.info.run_id
    finally:
        mlflow.end_run()
    assert logged(sqlite, run).info.run_id != mine.info.run_id
    data = sqlite.get_run(mine.info.run_id).data
    assert (data.params, data.metrics) == ({}, {})


def test_light_commands_import_neither_mlflow_nor_tensorflow(sqlite):
    script = """
import sys
from probvae.cli.app import app
app(["plugins"], standalone_mode=False)
print(sorted({"mlflow", "tensorflow"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert [line.split()[:2] for line in lines if line.startswith("mlflow ")] == [["mlflow", "ok"]]
    assert lines[-1] == "[]"
