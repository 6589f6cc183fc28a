"""The hooks at the edges: what they remember, what they make up for, and how they say what is wrong."""

import json
import math
import re
import socket
import sys
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from mlflow import MlflowClient

from probvae_mlflow import plugin
from probvae_mlflow import store as stores
from probvae_mlflow.errors import TrackingError


@pytest.fixture(autouse=True)
def _no_trackers_left():
    yield
    plugin._trackers.clear()


def whole(run, *, epochs=(1, 2), status="finished"):
    """All hooks of a training."""
    plugin.probvae_run_started(run)
    for epoch in epochs:
        run.epoch(epoch)
    if status == "finished":
        evaluated(run, -3.5)
    plugin.probvae_run_ended(run, status)


def evaluated(run, elbo):
    """The file of an evaluation."""
    estimate = {"value": elbo, "standard_error": None, "examples": 1, "samples": 5}
    record = {"split": "test", "settings": {"samples": 5}, "epoch": 2, "elbo": estimate}
    (run.folder / "evaluation.json").write_text(json.dumps(record))


def memory(run):
    return json.loads((run.folder / "mlflow.json").read_text())


def runs(client, experiment="probvae"):
    return client.search_runs([client.get_experiment_by_name(experiment).experiment_id])


def epochs(client, run_id):
    return [point.step for point in client.get_metric_history(run_id, "train/loss")]


# Which MLflow run


@pytest.mark.parametrize(
    ("status", "expected"), [("finished", "FINISHED"), ("interrupted", "KILLED"), ("failed", "FAILED")]
)
def test_each_end_has_its_status(status, expected, sqlite, run):
    whole(run, status=status)
    assert [found.info.status for found in runs(sqlite)] == [expected]


def test_a_run_is_running_until_it_ends_and_again_when_it_is_resumed(store, run):
    plugin.probvae_run_started(run)
    assert runs(store)[0].info.status == "RUNNING"
    plugin.probvae_run_ended(run, "interrupted")
    assert runs(store)[0].info.status == "KILLED"
    plugin.probvae_run_started(run)
    assert runs(store)[0].info.status == "RUNNING"


def test_the_experiment_is_the_environments(sqlite, run, monkeypatch):
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "priors")
    whole(run)
    [found] = runs(sqlite, "priors")
    assert memory(run) == {"experiment_id": found.info.experiment_id, "run_id": found.info.run_id}


def test_a_run_that_was_deleted_is_begun_anew_with_its_whole_history(store, run):
    whole(run, status="interrupted")
    first = memory(run)["run_id"]
    store.delete_run(first)
    whole(run, epochs=[3])
    second = memory(run)["run_id"]
    assert second != first
    assert epochs(store, second) == [1, 2, 3]
    assert epochs(store, first) == [1, 2]


def test_a_run_that_another_store_has_is_begun_anew(sqlite, files, run, monkeypatch):
    whole(run, status="interrupted")  # in the file store, which the environment names now
    first = memory(run)["run_id"]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", sqlite.tracking_uri)
    whole(run, epochs=[3])
    [found] = runs(sqlite)
    assert found.info.run_id == memory(run)["run_id"] != first
    assert epochs(sqlite, found.info.run_id) == [1, 2, 3]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"run_id": "../x"}', '{"run_id": 7}', '{"run_id": null}', "\0"])
def test_a_damaged_memory_means_a_new_run(text, store, run):
    (run.folder / "mlflow.json").write_text(text)
    whole(run)
    [found] = runs(store)
    assert memory(run)["run_id"] == found.info.run_id


def test_a_later_evaluation_is_logged_to_the_run_as_it_ended(sqlite, run, tmp_path):
    whole(run)
    [before] = runs(sqlite)
    evaluated(run, -3.25)
    plugin.probvae_run_evaluated(run)
    [after] = runs(sqlite)
    assert (after.info.status, after.info.end_time) == ("FINISHED", before.info.end_time)
    assert [point.value for point in sqlite.get_metric_history(after.info.run_id, "test/elbo")] == [-3.5, -3.25]
    copy = sqlite.download_artifacts(after.info.run_id, "evaluation.json", str(tmp_path))
    assert Path(copy).read_bytes() == (run.folder / "evaluation.json").read_bytes()


def test_an_evaluation_of_a_run_that_is_not_in_mlflow_is_not_logged(sqlite, run, monkeypatch):
    plugin.probvae_run_evaluated(run)
    assert sqlite.get_experiment_by_name("probvae") is None
    whole(run)
    sqlite.delete_run(memory(run)["run_id"])
    plugin.probvae_run_evaluated(run)
    assert runs(sqlite) == []
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    plugin.probvae_run_evaluated(run)


def test_two_runs_at_once_do_not_mix(sqlite, run, tmp_path):
    other = type(run)(tmp_path / "other")
    other.folder.mkdir()
    plugin.probvae_run_started(run)
    plugin.probvae_run_started(other)
    run.epoch(1)
    plugin.probvae_run_ended(other, "failed")
    plugin.probvae_run_ended(run, "interrupted")
    ends = {found.info.run_name: (found.info.status, found.data.metrics) for found in runs(sqlite)}
    assert ends["other"] == ("FAILED", {})
    assert ends["first"] == ("KILLED", {"epoch": 1, "step": 3, "train/loss": 1.5})


# What is logged


def test_a_long_value_and_many_params_are_logged(store, run):
    run.spec["model"]["prior"] = {
        "hidden": list(range(5000)),
        **{f"part_{number}": number for number in range(250)},
    }
    whole(run)
    params = runs(store)[0].data.params
    assert len(params["model.prior.hidden"]) == 6000
    assert params["model.prior.hidden"].endswith("…")
    assert params["model.prior.part_249"] == "249"


def test_a_standard_error_that_is_not_there_is_left_out(sqlite, run):
    whole(run)
    metrics = runs(sqlite)[0].data.metrics
    assert metrics["test/elbo"] == -3.5
    assert "test/elbo_standard_error" not in metrics


def test_a_param_that_was_changed_has_its_latest_value_beside_the_first(store, run):
    for number in (2, 5, 7, 2):
        run.spec["train"]["epochs"] = number
        whole(run, epochs=[], status="interrupted")
        [found] = runs(store)
        assert found.data.params["train.epochs"] == "2"
        assert found.data.tags.get("probvae.resumed.train.epochs", "2") == str(number)


def test_a_metric_that_is_not_finite_is_logged(store, run):
    plugin.probvae_run_started(run)
    run.epoch(1, loss=float("nan"))
    run.epoch(2, loss=float("inf"))
    lost, endless = (point.value for point in store.get_metric_history(memory(run)["run_id"], "train/loss"))
    assert math.isnan(lost)
    assert endless > 1e308


# What goes wrong


def test_a_store_that_is_gone_for_a_while_gets_what_it_missed(sqlite, run, tmp_path, monkeypatch):
    database, away = tmp_path / "mlflow.db", tmp_path / "away.db"
    plugin.probvae_run_started(run)
    run.epoch(1)
    database.rename(away)
    database.mkdir()
    with pytest.raises(TrackingError, match="what is missing is logged once the store is reachable"):
        run.epoch(2)
    run.epoch(3)  # not used for a while, without a warning
    database.rmdir()
    away.rename(database)
    run.epoch(4)
    run_id = memory(run)["run_id"]
    assert epochs(sqlite, run_id) == [1]
    monkeypatch.setattr(plugin._trackers[run.folder], "_not_before", 0.0)
    run.epoch(5)
    assert epochs(sqlite, run_id) == [1, 2, 3, 4, 5]


def test_artifacts_that_cannot_be_written_do_not_hide_how_the_run_ended(sqlite, run, monkeypatch):
    plugin.probvae_run_started(run)
    (run.folder / "evaluation.json").write_text('{"split": "test", "epoch": 1}')

    def full(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(MlflowClient, "log_artifact", full)
    with pytest.raises(TrackingError, match="No space left on device"):
        plugin.probvae_run_ended(run, "finished")
    assert runs(sqlite)[0].info.status == "FINISHED"


@pytest.fixture
def refusing():
    """A port where nobody listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return server.getsockname()[1]


@pytest.fixture
def silent():
    """A port where someone listens and never answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


def test_an_unreachable_server_is_reported_at_once_and_without_its_password(refusing, run, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:secret@127.0.0.1:{refusing}")
    began = time.monotonic()
    with pytest.raises(TrackingError) as caught:
        plugin.probvae_run_started(run)
    assert time.monotonic() - began < 60  # MLflow alone tries for four minutes
    assert "MLFLOW_TRACKING_URI=http://***@127.0.0.1:" in str(caught.value)
    assert "Connection refused" in str(caught.value)
    assert "secret" not in str(caught.value)
    run.epoch(1)  # the warning is not repeated
    plugin.probvae_run_ended(run, "finished")


def test_a_server_that_never_answers_is_reported(silent, run, monkeypatch):
    monkeypatch.setattr(stores, "PATIENCE", 0.1)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{silent}")
    with pytest.raises(TrackingError, match="timed out"):
        plugin.probvae_run_started(run)


@pytest.fixture
def guarded():
    """A port where a server lets nobody in."""

    class Guard(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(403)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Guard) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_a_server_that_lets_nobody_in_says_so_itself(guarded, run, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{guarded}")
    with pytest.raises(TrackingError, match=r"MlflowException: .*403"):
        plugin.probvae_run_started(run)


def test_certificates_are_left_to_mlflow(guarded):
    stores.check(f"https://127.0.0.1:{guarded}")  # no TLS there, and so no certificate


def test_a_database_that_cannot_be_opened_is_reported_at_once(run, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}")
    began = time.monotonic()
    with pytest.raises(TrackingError, match="unable to open database file"):
        plugin.probvae_run_started(run)
    assert time.monotonic() - began < 60  # MLflow alone tries for nearly two minutes


def test_a_database_in_memory_needs_no_file(run, tmp_path):
    for uri in ("sqlite://", "sqlite:///:memory:", "sqlite:///file::memory:?cache=shared&uri=true"):
        stores.check(uri)
    assert {path.name for path in tmp_path.iterdir()} == {"first"}


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("nonsense://x", "unsupported URI 'nonsense://x'"),
        ("mlruns", "MLFLOW_ALLOW_FILE_STORE=true"),
        (
            "postgresql://me:secret@127.0.0.1/mlflow",
            "the packages that MLflow needs for this store; got No module named",
        ),
    ],
)
def test_what_mlflow_refuses_is_reported_with_its_reason(uri, words, run, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(TrackingError, match=re.escape(words)) as caught:
        plugin.probvae_run_started(run)
    assert "secret" not in str(caught.value)


def test_a_missing_mlflow_is_reported_with_the_fix(run, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "mlflow"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "probvae_mlflow.tracker")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    with pytest.raises(TrackingError, match="pip install --upgrade probvae-mlflow"):
        plugin.probvae_run_started(run)


def test_a_deleted_experiment_is_reported_with_the_fix(store, run):
    experiment = store.create_experiment("probvae")
    store.delete_experiment(experiment)
    with pytest.raises(TrackingError, match=f"mlflow experiments restore --experiment-id {experiment}"):
        plugin.probvae_run_started(run)


def test_an_experiment_that_another_run_has_just_made_is_taken(sqlite, monkeypatch):
    made = sqlite.create_experiment("probvae")
    answers = iter([None])
    ask = sqlite.get_experiment_by_name
    monkeypatch.setattr(sqlite, "get_experiment_by_name", lambda name: next(answers, ask(name)))
    assert stores.experiment_id(sqlite, "probvae") == made
