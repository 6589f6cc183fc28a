"""A run: what its folder holds, that its spec makes it again, and that nothing it meets makes it lie."""

import json
import shutil
import sys
import tomllib
import warnings

import matplotlib.image
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import probvae
from probvae.core import named_variables
from probvae.errors import (
    CheckpointError,
    PluginWarning,
    ReportWarning,
    SpecError,
    TrainingError,
    UserError,
    WorkError,
)
from probvae.registry import Registry
from probvae.runs import evaluate
from probvae.runs.callbacks import MetricsLog
from probvae.training import Compilation, Trainer

from .outputs import outputs
from .setups import assert_same, kept, rows, spec, steps, stored, strict, tiny_images, train


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny_images(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def printed_run(data, tmp_path_factory):
    """A run of three epochs, figures and all; and what was printed."""
    return train(spec(data), tmp_path_factory.mktemp("runs") / "first")


@pytest.fixture(scope="module")
def run(printed_run):
    return printed_run[0]


@pytest.fixture
def undrawn(monkeypatch):
    """Figures take most of a short run's time."""
    monkeypatch.setattr("probvae.runs.training.draw_figures", lambda *_: None)


@pytest.fixture
def copy(run, tmp_path):
    """The run in a folder that a test may break."""
    shutil.copytree(run.folder, tmp_path / "copy")
    return probvae.runs.Run(tmp_path / "copy", run.spec)


@pytest.fixture(autouse=True)
def no_plugins_left():
    yield
    for name in [name for name in sys.modules if name.startswith("probvae_plugin_")]:
        del sys.modules[name]


def contents(folder):
    """Every file of a folder, with its content."""
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# The folder


def test_a_run_leaves_everything_in_its_folder(run):
    found = {path.name for path in run.folder.iterdir()}
    files = {"spec.toml", "environment.json", "metrics.jsonl", "evaluation.json", "evaluation.npz", "report.html"}
    assert found == files | {"checkpoints", "figures", "tensorboard", ".lock"}
    assert steps(run) == ["step-000006", "step-000009"]
    for step in steps(run):
        files = {path.name for path in (run.checkpoints / step).iterdir()}
        assert files == {"weights.safetensors", "optimizer.safetensors", "state.json", "manifest.json"}


def test_no_file_of_a_run_is_a_leftover(run):
    hidden = [path.name for path in run.folder.rglob("*") if path.suffix == ".tmp" or path.name.startswith(".")]
    assert hidden == [".lock"]  # an empty file, whose removal would let two processes lock two files of one name


def test_the_figures_are_pictures(run):
    names = {path.stem for path in run.figures.iterdir()}
    assert names == {"curves", "samples", "reconstructions", "latent_grid", "latent_map"}
    for path in run.figures.iterdir():
        picture = matplotlib.image.imread(path)
        assert min(picture.shape[:2]) > 100
        assert picture[..., :3].std() > 0.01


def test_a_training_ends_with_the_path_of_its_report(printed_run):
    run, printed = printed_run
    assert printed.splitlines()[-1] == f"Report:     {run.report_file}"
    assert "after epoch 3 of 3" in run.report_file.read_text()


def test_a_report_is_written_after_each_epoch_and_never_ends_a_training(data, undrawn, tmp_path, monkeypatch):
    epochs = []

    def fail(run, registry):
        epochs.append(len(run.metrics()))
        raise OSError("no space left")

    monkeypatch.setattr("probvae.runs.reporting.write_report", fail)
    with pytest.warns(ReportWarning, match=r"report.html was not written: OSError: no space left"):
        run, printed = train(spec(data, epochs=2), tmp_path / "run", report=True)
    assert epochs == [1, 2, 2]
    assert run.evaluation_file.exists()
    assert "Report:" not in printed


def test_metrics_have_one_row_for_each_epoch(run):
    found = rows(run)
    assert [(row["epoch"], row["step"]) for row in found] == [(1, 3), (2, 6), (3, 9)]
    terms = ("loss", "negative_log_likelihood", "kl", "beta")
    numbers = {f"{part}/{term}" for part in ("train", "validation") for term in terms}
    assert all(row.keys() == numbers | {"epoch", "step", "learning_rate"} for row in found)
    assert found[2]["train/loss"] < found[0]["train/loss"]
    full = [json.loads(line) for line in run.metrics_file.read_text().splitlines()]
    assert all(row["seconds"] > 0 and row["examples_per_second"] > 0 for row in full)


def test_tensorboard_reads_the_same_numbers(run):
    events = EventAccumulator(str(run.tensorboard), size_guidance={"tensors": 0}).Reload()
    full = [json.loads(line) for line in run.metrics_file.read_text().splitlines()]
    tags = set(events.Tags()["tensors"])
    assert tags == set(full[0]) - {"epoch", "step"}
    for tag in tags:
        series = events.Tensors(tag)
        assert [event.step for event in series] == [3, 6, 9]
        values = [float(tf.make_ndarray(event.tensor_proto)) for event in series]
        assert values == pytest.approx([row[tag] for row in full], rel=1e-6)


def test_an_evaluation_says_unit_protocol_weights_and_errors(run):
    found = strict(run.evaluation_file.read_text())
    assert found["unit"] == "nats per example"
    assert found["settings"] == {"samples": 5, "batch_size": 2000, "seed": 0, "compare_with": ""}
    assert found["split"] == "test"
    assert "binarised" in found["protocol"]
    losses = [row["validation/loss"] for row in rows(run)]
    assert found["epoch"] == 1 + int(np.argmin(losses))
    assert found["checkpoint"] == f"step-{3 * found['epoch']:06d}"
    for name in ("elbo", "importance_weighted"):
        assert found[name]["examples"] == 10
        assert found[name]["samples"] == 5
        assert 0 < found[name]["standard_error"] < 5
        assert -16 < found[name]["value"] < -5
    assert found["elbo"]["value"] < found["importance_weighted"]["value"]
    assert found["measure"] == "probability"
    bits = found["bits_per_dimension"]
    for name in ("elbo", "importance_weighted"):
        for what, sign in (("value", -1), ("standard_error", 1)):
            assert bits[name][what] == pytest.approx(sign * found[name][what] / (16 * np.log(2)))


def test_the_environment_has_versions_and_data(run):
    found = strict(run.environment_file.read_text())
    assert found["versions"]["probvae"] == probvae.__version__
    assert {"python", "tensorflow", "keras", "tensorflow-probability", "numpy"} <= found["versions"].keys()
    assert found["data"]["event_shape"] == [4, 4, 1]
    assert found["data"]["sizes"] == [40, 12, 10]
    assert found["plugins"] == []
    assert found["choices"] == {"kl": "exact", "jit": "not compiled by XLA (as train.jit = false says)"}


def test_a_spec_that_was_filled_with_other_versions_is_noted(data, tmp_path, undrawn):
    _, text = train(spec(data, epochs=1) | {"versions": {"tensorflow": "1.0"}}, tmp_path / "run")
    assert "note: the spec was filled with other versions: tensorflow 1.0, here 2." in text


def test_what_is_printed_has_model_choices_epochs_and_numbers_with_errors(printed_run):
    run, text = printed_run
    for part in (
        "dense + diagonal_normal encoder", "standard_normal prior", "kl exact",
        "40 training, 12 validation, 10 test", "binarised",
        str(run.folder), "epoch 1/3", "epoch 3/3", "nats per example", "±", "latent_map",
    ):  # fmt: skip
        assert part in text


# The same again


def test_whether_xla_compiles_is_decided_once_printed_and_recorded(data, tmp_path, undrawn, monkeypatch):
    asked = []
    decided = Compilation(False, True, "decided here")
    monkeypatch.setattr(Compilation, "of", lambda *how: asked.append(how[2]) or decided)
    run, text = train(spec(data, epochs=1), tmp_path / "run")
    assert asked == [False]  # no rows are exchanged
    assert "Step:       float32, not compiled by XLA (decided here)" in text
    assert run.environment.choices["jit"] == "not compiled by XLA (decided here)"


def test_the_filled_spec_alone_reproduces_the_run(run, tmp_path, undrawn):
    again, _ = train(run.spec_file, tmp_path / "again")
    assert rows(again) == rows(run)
    assert steps(again) == steps(run)
    for step in steps(run):
        assert_same(kept(again, step), kept(run, step))
    assert again.evaluation_file.read_text() == run.evaluation_file.read_text()
    assert tomllib.loads(again.spec_file.read_text()) == tomllib.loads(run.spec_file.read_text())


def test_another_seed_is_another_run(run, data, tmp_path, undrawn):
    other, _ = train(spec(data, epochs=1, seed=1), tmp_path / "other")
    assert rows(other)[0] != rows(run)[0]


def test_a_loaded_model_has_the_weights_of_the_best_epoch(data, tmp_path, undrawn, monkeypatch):
    losses = iter([3.0, 1.0, 2.0])
    monkeypatch.setattr(Trainer, "validate", lambda self: {"loss": next(losses)})
    run, text = train(spec(data), tmp_path / "run")
    assert strict(run.evaluation_file.read_text())["checkpoint"] == "step-000006"
    assert "weights of epoch 2" in text
    model = probvae.load(run.folder)
    loaded = {name: variable.numpy() for name, variable in named_variables(model).items()}
    assert_same(loaded, kept(run, "step-000006"))
    last = kept(run, "step-000009")
    assert any(not np.array_equal(loaded[name], last[name]) for name in last)


def test_a_loaded_model_does_not_need_the_data(run, copy):
    moved = copy.spec_file.read_text().replace("tiny.npz", "gone.npz")
    copy.spec_file.write_text(moved)
    assert_same(outputs(probvae.load(copy.folder)), outputs(probvae.load(run.folder)))


# Interruptions

INTERRUPTS = """
from probvae.registry import hookimpl

@hookimpl
def probvae_epoch_ended(epoch):
    if epoch == 2:
        raise KeyboardInterrupt
"""


def assert_same_run(one, other):
    assert rows(one) == rows(other)
    assert steps(one) == steps(other)
    for step in steps(one):
        assert_same(kept(one, step), kept(other, step))
    assert strict(one.evaluation_file.read_text()) == strict(other.evaluation_file.read_text())


def test_an_interrupted_run_is_resumed_to_the_same_end(run, data, tmp_path, undrawn):
    plugin = tmp_path / "interrupts.py"
    plugin.write_text(INTERRUPTS)
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train(spec(data), folder, plugins=[plugin])
    assert not (folder / "evaluation.json").exists()
    resumed, text = train(spec(data), folder, resume=True)
    assert "Resuming after step 3 (1 whole epoch)." in text  # the hook was called before epoch 2 was saved
    assert "epoch 1/3" not in text
    assert_same_run(resumed, run)


def test_a_run_killed_between_its_checkpoint_and_its_log_loses_no_row(run, data, tmp_path, undrawn, monkeypatch):
    """The checkpoint of epoch 2 is there, so epoch 2 is not run again: its row has to come from somewhere."""
    log = MetricsLog.epoch_ended

    def killed(self, epoch):
        if epoch.epoch == 2:
            raise KeyboardInterrupt
        log(self, epoch)

    with monkeypatch.context() as patch:
        patch.setattr(MetricsLog, "epoch_ended", killed)
        with pytest.raises(KeyboardInterrupt):
            train(spec(data), tmp_path / "run")
    resumed, _ = train(spec(data), tmp_path / "run", resume=True)
    assert [row["epoch"] for row in rows(resumed)] == [1, 2, 3]
    assert rows(resumed) == rows(run)


def test_a_row_cut_short_by_a_crash_is_written_anew(run, copy, undrawn):
    """The last checkpoint and the end of the last row did not reach the disk."""
    shutil.rmtree(copy.checkpoints / "step-000009")
    copy.metrics_file.write_text(copy.metrics_file.read_text()[:-40])
    resumed, _ = train(copy.folder, None, resume=True)
    assert_same_run(resumed, run)


def test_a_damaged_checkpoint_is_passed_over_with_a_word_and_a_resumed_run_ends_the_same(run, copy, undrawn):
    file = copy.checkpoints / "step-000009" / "optimizer.safetensors"
    file.write_bytes(b"")
    resumed, text = train(copy.folder, None, resume=True)
    assert f"skipped: {file}" in text
    assert_same_run(resumed, run)


def test_a_finished_run_can_be_made_longer(run, copy, undrawn):
    resumed, _ = train(copy.folder, None, resume=True, overrides=["train.epochs=4"])
    assert rows(resumed)[:3] == rows(run)
    assert rows(resumed)[3]["epoch"] == 4
    assert tomllib.loads(resumed.spec_file.read_text())["train"]["epochs"] == 4


def test_a_cosine_run_cannot_be_made_longer_as_its_past_would_be_another(data, tmp_path, undrawn):
    """Its learning rate is a function of how many epochs there are, and has ended at 0."""
    train(spec(data, epochs=1, schedule="cosine"), tmp_path / "run")
    with pytest.raises(UserError, match=r"cosine|schedule"):
        train(spec(data, epochs=2, schedule="cosine"), tmp_path / "run", resume=True)


def test_a_diverging_run_fails_with_a_remedy_and_leaves_what_was_good(data, tmp_path, undrawn):
    with pytest.raises(TrainingError, match=r"step 1 .*train\.learning_rate"):
        train(spec(data, learning_rate=1e20), tmp_path / "run")
    assert not (tmp_path / "run" / "evaluation.json").exists()
    with pytest.raises(CheckpointError, match="no valid checkpoint"):
        probvae.load(tmp_path / "run")


# Plugins that follow a run

TRACKER = """
from probvae.registry import hookimpl

EVENTS = []

@hookimpl
def probvae_run_started(run):
    assert run.spec["train"]["epochs"] == 3
    EVENTS.append(("started", sorted(path.name for path in run.folder.glob("[!.]*"))))

@hookimpl
def probvae_epoch_ended(run, epoch, metrics):
    rows = (run.folder / "metrics.jsonl").read_text().splitlines()
    EVENTS.append(("epoch", epoch, metrics["train/loss"], len(rows)))

@hookimpl
def probvae_run_ended(run, status):
    EVENTS.append((status, (run.folder / "evaluation.json").exists()))
"""
FAILING = """
from probvae.registry import hookimpl

@hookimpl
def probvae_run_started():
    raise ValueError("no network")

@hookimpl
def probvae_epoch_ended():
    raise SystemExit(3)

@hookimpl
def probvae_run_ended():
    raise KeyError("gone")
"""


def tracked(module):
    return sys.modules[f"probvae_plugin_{module}"].EVENTS


@pytest.fixture
def plugins(tmp_path):
    (tmp_path / "failing.py").write_text(FAILING)
    (tmp_path / "tracker.py").write_text(TRACKER)
    return [tmp_path / "failing.py", tmp_path / "tracker.py"]


def test_hooks_are_called_in_order_and_one_that_fails_disturbs_nothing(run, data, tmp_path, plugins, undrawn):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", "Even though the .*run_functions_eagerly")
        tracked_run, _ = train(spec(data), tmp_path / "run", plugins=plugins)
    started, *epochs, ended = tracked("tracker")
    assert started == ("started", ["environment.json", "spec.toml"])
    assert epochs == [("epoch", row["epoch"], row["train/loss"], row["epoch"]) for row in rows(tracked_run)]
    assert ended == ("finished", True)
    assert_same_run(tracked_run, run)
    texts = [str(warning.message) for warning in caught]
    assert sum("probvae_run_started failed: ValueError: no network" in text for text in texts) == 1
    assert sum("probvae_epoch_ended failed: SystemExit: 3" in text for text in texts) == 3
    assert sum("probvae_run_ended failed: KeyError" in text for text in texts) == 1
    assert strict((tmp_path / "run" / "environment.json").read_text())["plugins"] == [
        str(path) for path in plugins
    ]
    # The program shows warnings of this kind only.
    assert {warning.category for warning in caught} == {PluginWarning}


def test_a_failed_run_ends_as_failed(data, tmp_path, plugins, undrawn):
    with pytest.raises(TrainingError):
        train(spec(data, learning_rate=1e20), tmp_path / "run", plugins=plugins[1:])
    assert [event[0] for event in tracked("tracker")] == ["started", "failed"]


def test_an_interrupted_run_ends_as_interrupted(data, tmp_path, plugins, undrawn, monkeypatch):
    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(spec(data), tmp_path / "run", plugins=plugins[1:])
    assert tracked("tracker")[-1] == ("interrupted", False)


# Mistakes


def test_a_folder_that_is_there_is_not_written_over(run, data):
    before = run.metrics_file.read_text()
    with pytest.raises(UserError, match=r"got one that holds a run.*--resume.*resume=True"):
        train(spec(data), run.folder)
    assert run.metrics_file.read_text() == before


def test_a_folder_that_was_killed_while_it_was_made_is_taken_as_empty(run, data, tmp_path, undrawn):
    folder = tmp_path / "run"
    folder.mkdir()
    for name in (".lock", ".spec.toml.tmp"):
        (folder / name).write_text("")
    shutil.copy(run.environment_file, folder)
    assert_same_run(train(spec(data), folder)[0], run)


def test_a_file_in_the_place_of_the_folder_is_a_users_mistake(data, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="--out"):
        train(spec(data), tmp_path / "file")


def test_a_folder_below_a_file_is_a_users_mistake(data, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match=r"cannot be written.*--out"):
        train(spec(data), tmp_path / "file" / "run")


def test_an_empty_folder_may_be_used(data, tmp_path, undrawn):
    (tmp_path / "empty").mkdir()
    run, _ = train(spec(data, epochs=1), tmp_path / "empty")
    assert steps(run) == ["step-000003"]


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_where_there_is_nothing_to_resume_a_run_starts_and_says_so(name, data, run, tmp_path, undrawn):
    (tmp_path / "empty").mkdir()
    started, text = train(spec(data), tmp_path / name, resume=True)
    assert f"note: {started.folder} has no checkpoint to resume from; training starts from the beginning." in text
    assert_same_run(started, run)


def test_a_run_without_a_checkpoint_is_started_again_with_any_spec(data, run, tmp_path, undrawn, monkeypatch):
    def failed(self):
        raise TrainingError("No.")

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "train", failed)
        with pytest.raises(TrainingError):
            train(spec(data, "mixture"), tmp_path / "run")
    assert_same_run(train(spec(data), tmp_path / "run")[0], run)


def test_a_folder_with_a_spec_of_the_users_is_not_written_to(data, tmp_path):
    (tmp_path / "spec.toml").write_text("mine")
    with pytest.raises(UserError, match="got one that holds a run"):
        train(spec(data), tmp_path)
    assert (tmp_path / "spec.toml").read_text() == "mine"


def test_a_folder_of_other_files_is_said_to_have_them(data, tmp_path):
    (tmp_path / "slurm.log").write_text("job 1")
    with pytest.raises(UserError, match=r"expected a new folder; got one with other files: slurm\.log\. Keep"):
        train(spec(data), tmp_path)


def test_a_folder_of_other_things_is_not_resumed(data, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="expected a run"):
        train(spec(data), tmp_path, resume=True)


def test_another_spec_is_not_resumed_and_every_difference_is_named(run, data):
    other = spec(data, "mixture", learning_rate=0.5, epochs=9)
    with pytest.raises(UserError) as error:
        train(other, run.folder, resume=True)
    message = str(error.value)
    assert "train.learning_rate is 0.01 there and 0.5 here" in message
    assert "model.prior.use is 'standard_normal' there and 'mixture' here" in message
    assert "train.epochs is" not in message


def test_a_resumed_run_refuses_data_that_has_changed(data, tmp_path, undrawn):
    """The file has the same name and other examples: the same spec, and no longer the same run."""
    own = tiny_images(tmp_path)
    train(spec(own, epochs=1), tmp_path / "run")
    with np.load(own["train"]) as file:
        arrays = dict(file)
    stored(
        tmp_path / "tiny.npz",
        arrays | {"train": arrays["train"][:30], "train_labels": arrays["train_labels"][:30]},
    )
    with pytest.raises(UserError, match=r"expected the data of the run; got other data: sizes"):
        train(spec(own, epochs=2), tmp_path / "run", resume=True)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ('evaluate.metrics=["accuracy"]', "accuracy"),
        ("evaluate.compare_with=nowhere", "compare_with: .*nowhere"),
        ("train.batch_size=8", "another spec"),
    ],
)
def test_a_refused_resume_leaves_the_run_as_it_was(override, message, copy, undrawn):
    before = contents(copy.folder)
    with pytest.raises(UserError, match=message):
        train(copy.folder, None, resume=True, overrides=[override])
    assert contents(copy.folder) == before


def test_a_run_is_not_made_one_of_data_that_its_model_does_not_take(tmp_path, undrawn):
    data = tiny_images(tmp_path)
    run, _ = train(spec(data, epochs=1), tmp_path / "run")
    before = contents(run.folder)
    with np.load(data["train"]) as file:
        stored(tmp_path / "tiny.npz", {n: x[:, :3] if x.ndim > 1 else x for n, x in file.items()})
    with pytest.raises(CheckpointError, match="is of another model"):
        train(run.folder, None, resume=True, allow_other_data=True)
    assert contents(run.folder) == before


def test_a_refused_start_leaves_no_folder(data, tmp_path):
    with pytest.raises(UserError, match="nowhere: expected a run"):
        train(spec(data, init_from="nowhere"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_schedule_that_does_not_fit_is_reported_with_its_place_before_anything_is_written(data, tmp_path):
    with pytest.raises(SpecError, match=r"train\.warmup_steps"):
        train(spec(data, schedule="cosine", warmup_steps=500), tmp_path / "run")
    assert not (tmp_path / "run").exists()


# Loading


def test_a_folder_that_is_no_run_is_a_users_mistake(run, tmp_path):
    with pytest.raises(UserError, match=r"expected a run.*no such folder"):
        probvae.load(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"without a spec\.toml"):
        probvae.load(tmp_path)
    with pytest.raises(UserError, match=rf"Runs next to it: .*{run.folder.name}"):
        probvae.load(run.folder.with_name("frist"))


ENVIRONMENTS = {
    "no JSON": "{",
    "a list": "[]",
    "empty": "{}",
    "without sizes": '{"data": {"event_shape": [4, 4, 1]}}',
    "nested too deep": "[" * 100_000,
}


@pytest.mark.parametrize("text", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_a_broken_environment_is_reported(text, copy):
    copy.environment_file.write_text(text)
    with pytest.raises(UserError, match=r"environment\.json"):
        probvae.load(copy.folder)


WRONG = {
    "run": 3,
    "plugins": "my_prior.py",
    "versions": {"keras": None},
    "choices": [],
    "init_from": "runs/a",
    "data": None,
    "data/event_shape": [4, "4", 1],
    "data/sizes": [40, 12],
    "another": 1,
}


@pytest.mark.parametrize(("path", "value"), WRONG.items(), ids=WRONG)
def test_an_environment_of_another_type_is_reported_with_its_key(path, value, copy):
    content = json.loads(copy.environment_file.read_text())
    *tables, key = path.split("/")
    (content[tables[0]] if tables else content)[key] = value
    copy.environment_file.write_text(json.dumps(content))
    with pytest.raises(UserError, match=rf"environment\.json: .*{path.replace('/', '.')}.*; got "):
        probvae.load(copy.folder)


ROWS = ["null", "[]", "3", "{}", '{"epoch": null}', '{"epoch": 1, "train/loss": "low"}', '{"epoch": 1.5}', "\0\0"]


@pytest.mark.parametrize("row", ROWS)
def test_a_damaged_row_of_the_metrics_is_reported_with_its_line_unless_it_is_the_last(row, copy):
    right = copy.metrics_file.read_text()
    rows = copy.metrics()
    copy.metrics_file.write_text(right + row)
    assert copy.metrics() == rows
    copy.metrics_file.write_text(f"{row}\n{right}")
    with pytest.raises(UserError, match=r"metrics\.jsonl:1: expected the numbers of an epoch; got .* Remove"):
        copy.metrics()


def test_a_run_with_a_damaged_last_row_is_resumed_and_the_row_dropped(copy, data, undrawn):
    right = copy.metrics_file.read_text()
    copy.metrics_file.write_text(right + "null\n")
    train(spec(data), copy.folder, resume=True)
    assert copy.metrics_file.read_text() == right


def test_a_damaged_spec_of_a_run_is_reported_with_its_line(copy, data):
    copy.spec_file.write_text("schema = 1\n[model\n")
    for use in (probvae.load, lambda folder: train(spec(data), folder, resume=True)):
        with pytest.raises(SpecError, match=r"spec\.toml:2: TOML: expected valid TOML"):
            use(copy.folder)


def test_without_its_best_checkpoint_a_run_is_not_loaded_in_silence(data, tmp_path, undrawn, monkeypatch):
    losses = iter([3.0, 1.0, 2.0])
    monkeypatch.setattr(Trainer, "validate", lambda self: {"loss": next(losses)})
    run, _ = train(spec(data), tmp_path / "run")
    file = run.checkpoints / "step-000006" / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.warns(UserWarning, match="step-000006"):
        probvae.load(run.folder)


def test_a_run_without_a_whole_checkpoint_is_an_error_that_names_each(copy):
    for step in steps(copy):
        (copy.checkpoints / step / "weights.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"step-000009.*step-000006"):
        probvae.load(copy.folder)


def test_a_spec_changed_to_another_model_is_refused(copy):
    copy.spec_file.write_text(copy.spec_file.read_text().replace("latent_dim = 2", "latent_dim = 3"))
    with pytest.raises(CheckpointError, match=r"of another model: .*float32 \[16, 4\] there, .* \[16, 6\] here"):
        probvae.load(copy.folder)


def test_a_spec_changed_to_a_model_that_fills_the_memory_is_refused(copy):
    copy.spec_file.write_text(copy.spec_file.read_text().replace("latent_dim = 2", "latent_dim = 200_000_000"))
    with pytest.raises(
        CheckpointError, match=r"of another model: it has \d.* of the spec has at least .* GB in all"
    ):
        probvae.load(copy.folder)


def test_loading_executes_nothing_from_the_folder(copy):
    """A spec names components; an import path is no name."""
    text = copy.spec_file.read_text()
    copy.spec_file.write_text(text.replace('use = "standard_normal"', 'use = "os:system"'))
    with pytest.raises(SpecError, match="os:system"):
        probvae.load(copy.folder)


def test_a_run_whose_plugin_is_missing_says_which_file_it_was(data, tmp_path, undrawn):
    file = tmp_path / "mine.py"
    file.write_text(
        "import probvae\nfrom probvae.components import StandardNormal\n"
        "@probvae.register('prior', 'plain')\nclass Plain(StandardNormal):\n    '''A prior.'''\n"
    )
    asked = spec(data, epochs=1)
    asked["model"]["prior"] = {"use": "mine.plain"}
    run, _ = train(asked, tmp_path / "run", plugins=[file])
    with pytest.raises(SpecError, match=f"--plugin {file}"):
        probvae.load(run.folder, registry=Registry())
    assert outputs(probvae.load(run.folder, plugins=[file], registry=Registry()))["samples"].shape[1:] == (4, 4, 1)


def test_loading_leaves_the_callers_random_numbers_alone(run):
    np.random.seed(5)
    expected = np.random.rand()
    np.random.seed(5)
    probvae.load(run.folder)
    assert np.random.rand() == expected


# Measuring again


def test_a_run_is_measured_again_with_more_samples(copy):
    before = strict(copy.evaluation_file.read_text())
    record = evaluate(copy.folder, ["evaluate.samples=60"])
    assert record == strict(copy.evaluation_file.read_text())
    assert record["importance_weighted"]["samples"] == record["elbo"]["samples"] == 60
    assert "S = 60" in copy.report_file.read_text()
    assert record["checkpoint"] == before["checkpoint"]
    gain = record["importance_weighted"]["value"] - before["importance_weighted"]["value"]
    assert gain > -0.2
    assert tomllib.loads(copy.spec_file.read_text())["evaluate"]["samples"] == 5


def test_measuring_again_gives_the_same(run, copy):
    evaluate(copy.folder)
    assert strict(copy.evaluation_file.read_text()) == strict(run.evaluation_file.read_text())


@pytest.mark.parametrize("override", ["train.seed=3", "model.latent_dim=3"])
def test_only_the_evaluation_and_the_data_can_be_changed_when_measuring(override, copy):
    """Another model would make a number that is not of this run."""
    with pytest.raises(UserError, match="evaluate"):
        evaluate(copy.folder, [override])


def test_a_number_on_changed_data_is_not_that_of_the_run(copy):
    before = copy.evaluation_file.read_bytes()
    assert "binarised once" in evaluate(copy.folder, ["data.binarize='static'"])["protocol"]
    assert copy.evaluation_file.read_bytes() == before


def test_an_evaluation_of_one_example_is_json(tmp_path, undrawn):
    """There is no standard error of one example, and no NaN in JSON."""
    own = tiny_images(tmp_path)
    with np.load(own["train"]) as file:
        arrays = {name: array[:1] if name.startswith("test") else array for name, array in file.items()}
    stored(tmp_path / "tiny.npz", arrays)
    run, text = train(spec(own, epochs=1), tmp_path / "run")
    found = strict(run.evaluation_file.read_text())
    assert found["elbo"]["examples"] == 1
    assert found["elbo"]["standard_error"] is None
    assert "nan" not in text


# Other data


def test_vectors_with_a_normal_likelihood_are_trained_and_drawn(tmp_path):
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, 120)
    points = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)  # [N, 2]
    np.save(tmp_path / "points.npy", points)
    asked = spec({"use": "arrays", "train": str(tmp_path / "points.npy")}, likelihood="normal")
    run, text = train(asked, tmp_path / "run")
    assert "96 training, 12 validation, 12 test" in text
    losses = [row["train/loss"] for row in rows(run)]
    assert losses == sorted(losses, reverse=True)
    for figure in ("curves", "samples", "latent_map"):
        assert min(matplotlib.image.imread(run.figures / f"{figure}.png").shape[:2]) > 100
    assert "decoder/head/raw_scale" in kept(run, steps(run)[-1])  # a scalar
    assert outputs(probvae.load(run.folder))["samples"].shape[1:] == (2,)


def test_resuming_a_finished_run_keeps_a_better_evaluation_and_says_so(copy, undrawn):
    kept = copy.evaluation_file.read_bytes()
    _, text = train(copy.folder, None, resume=True, overrides=["evaluate.samples=3"])
    assert copy.evaluation_file.read_bytes() == kept
    assert "evaluated already, with 5 samples (the spec has 3)" in text
    assert str(copy.evaluation_file) in text
    _, text = train(copy.folder, None, resume=True, overrides=["evaluate.samples=6"])
    assert strict(copy.evaluation_file.read_text())["settings"]["samples"] == 6
    assert f"written to {copy.evaluation_file}" in text


def test_resuming_a_finished_run_evaluates_with_the_settings_that_it_is_given(copy, undrawn):
    def resumed(*settings):
        _, text = train(copy.folder, None, resume=True, overrides=[f"evaluate.{text}" for text in settings])
        return strict(copy.evaluation_file.read_text()), text

    whole = strict(copy.evaluation_file.read_text())
    found, _ = resumed('metrics=["mutual_information"]')
    assert set(found["metrics"]) == {*whole["metrics"], "mutual_information"}
    assert found["elbo"] == whole["elbo"]
    found, text = resumed('metrics=["mutual_information"]')
    assert "evaluated already" in text
    found, _ = resumed("seed=7")
    assert found["settings"]["seed"] == 7
    assert found["elbo"] != whole["elbo"]


@pytest.mark.parametrize(
    "content",
    ["", "[" * 100_000, "null", '{"checkpoint": "a"}', '{"checkpoint": "%s", "settings": {"samples": Infinity}}'],
    ids=["empty", "nested", "null", "incomplete", "infinite"],
)
def test_a_damaged_evaluation_is_replaced(content, copy, undrawn):
    name = strict(copy.evaluation_file.read_text())["checkpoint"]
    copy.evaluation_file.write_text(content.replace("%s", name))
    _, text = train(copy.folder, None, resume=True)
    assert f"written to {copy.evaluation_file}" in text
    assert strict(copy.evaluation_file.read_text())["checkpoint"] == name


def test_a_training_needs_examples_to_validate_and_to_test_with(data, tmp_path):
    with pytest.raises(UserError, match=r"expected training, validation and test examples; got .*, 0 and 0\."):
        train(spec(data | {"train": one_part(data, tmp_path), "share": 0}), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def one_part(data, folder):
    with np.load(data["train"]) as file:
        np.save(folder / "one.npy", file["train"])
    return str(folder / "one.npy")


def test_a_folder_that_is_removed_in_training_is_no_mistake_of_the_input(data, tmp_path, undrawn, monkeypatch):
    def removed(self):
        shutil.rmtree(tmp_path / "run")
        return True

    monkeypatch.setattr(Trainer, "train", removed)
    with pytest.raises(WorkError, match="was removed during the training"):
        train(spec(data), tmp_path / "run")


def test_resuming_a_finished_run_changes_nothing(run, copy, undrawn):
    train(copy.folder, None, resume=True)
    assert copy.spec_file.read_bytes() == run.spec_file.read_bytes()
    assert_same_run(copy, run)
