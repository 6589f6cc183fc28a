"""Grids: what is checked first, what is trained, and what a second call finds."""

import errno
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tomli_w

from probvae.errors import CheckpointError, ReportWarning, SpecError, TemporaryError, UserError
from probvae.registry import Registry
from probvae.runs.listing import list_runs
from probvae.runs.sweeps import sweeping
from probvae.runs.sweeps.defining import define
from probvae.runs.sweeps.ranges import read_grid
from probvae.runs.sweeps.source import claimed

from .fakes import EPOCHS, Killed, loss_of

RATES = {"train.learning_rate": [1e-2, 1e-3]}
NORMAL = ["data.binarize=none", "model.decoder.likelihood.use=normal"]
GRID = {**RATES, "train.seed": range(3)}


def test_every_combination_is_trained_and_the_best_comes_first(swept, training, tmp_path):
    found = swept(over=GRID)
    assert len(training.trained) == 6 * EPOCHS
    assert [(trial.settings["train.learning_rate"], trial.settings["train.seed"]) for trial in found.trials] == [
        (rate, seed) for rate in (1e-3, 1e-2) for seed in range(3)
    ]
    assert found.best.settings == {"train.learning_rate": 1e-3, "train.seed": 0}
    assert found.best.loss == 100
    assert (found.best.epochs, found.best.best_epoch, found.best.bound) == (EPOCHS, EPOCHS, -99)
    assert {run.folder for run in list_runs(tmp_path / "sweep")} == {trial.folder for trial in found.trials}


def test_settings_have_means_over_seeds_with_the_standard_error_of_the_mean(swept, training):
    found = swept(over=GRID)
    assert [one.settings for one in found.settings] == [{"train.learning_rate": rate} for rate in (1e-3, 1e-2)]
    losses = [loss_of({"train": {"learning_rate": 1e-3, "seed": seed}}) for seed in range(3)]
    best = found.settings[0]
    assert best.trials == 3
    assert best.loss.value == pytest.approx(np.mean(losses))
    assert best.loss.standard_error == pytest.approx(np.std(losses, ddof=1) / np.sqrt(3))
    assert best.bound.value == pytest.approx(1 - np.mean(losses))


def test_a_difference_within_its_error_is_said(swept, training, tmp_path):
    close = swept(over={"train.learning_rate": [1e-3, 1.1e-3], "train.seed": [0, 1]})
    said = "the difference of the best two settings, 0.02 ± 0.35 nats, is smaller than twice its standard error"
    assert said in close.notes
    apart = swept(over={"train.learning_rate": [1e-3, 1e-2], "train.seed": [0, 1]}, out=tmp_path / "apart")
    assert not any("smaller than twice" in note for note in apart.notes)


def test_without_seeds_there_is_nothing_to_join(swept, training):
    assert swept(over=RATES).settings == []


def test_a_second_call_trains_nothing(swept, training):
    first = swept(over=GRID)
    training.trained.clear()
    assert swept(over=GRID) == first
    assert swept(spec=first.folder, out=None) == first
    assert training.trained == []
    assert "6 have ended already" in swept.text


def test_the_order_of_the_parameters_makes_no_other_trials(swept, training, tmp_path):
    first = swept(over=GRID)
    training.trained.clear()
    assert swept(over=dict(reversed(GRID.items()))) == first
    assert training.trained == []
    assert list(json.loads((tmp_path / "sweep" / "sweep.json").read_text())["over"]) == list(GRID)


def test_a_terminal_shows_the_trial_and_its_epochs_beside_a_bar(swept, training):
    swept(over=RATES, terminal=True)
    assert "trial 1: train.learning_rate=0.001, epoch 4, validation loss 100.00" in swept.text
    assert "[2/2] trial 1: train.learning_rate=0.001  loss 100.00 after epoch 4" in swept.text


def test_there_are_no_more_processes_than_trials_left(swept, training, monkeypatch):
    counts = []
    monkeypatch.setattr(sweeping, "run_processes", lambda folder, count, *_: counts.append(count))
    training.failing = lambda spec: spec["train"]["seed"] > 0
    swept(over={"train.seed": range(4)})
    swept(over={"train.seed": range(4)}, jobs=50)
    assert counts == [3]
    training.failing = lambda spec: False
    swept(over={"train.seed": range(4)})
    swept(over={"train.seed": range(4)}, jobs=50)
    assert counts == [3]


def test_a_value_is_no_markup_of_a_terminal(swept, training, base, tmp_path):
    file = tmp_path / "a[" / "b].npz"  # whose path has the form of a closing tag
    file.parent.mkdir()
    shutil.copy(base["data"]["train"], file)
    found = swept(over={"data.train": [str(file)]}, terminal=True)
    assert found.count("finished") == 1
    assert str(file) in swept.text


def test_a_sweep_that_was_killed_continues_with_the_next_epoch(swept, training):
    training.killed_at = 2 * EPOCHS + 1
    with pytest.raises(Killed):
        swept(over=GRID)
    training.killed_at = None
    found = swept(over=GRID)
    assert "2 have ended already; 1 continue from their checkpoints" in swept.text
    assert len(training.trained) == len(set(training.trained)) == 6 * EPOCHS
    assert found.count("finished") == 6


def test_a_failed_trial_has_its_reason_and_the_others_are_trained(swept, training):
    training.failing = lambda spec: spec["train"]["seed"] == 1
    found = swept(over=GRID)
    assert found.count("finished") == 4
    failed = [trial for trial in found.trials if trial.status == "failed"]
    assert [trial.settings["train.seed"] for trial in failed] == [1, 1]
    assert failed[0].reason.startswith("ValueError: the model is wrong (fakes.py, line ")
    assert "failed: ValueError: the model is wrong" in swept.text
    assert [one.trials for one in found.settings] == [2, 2]


def test_a_full_disk_is_no_failure_of_the_setting(swept, training):
    def fail(spec):
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as error:
            raise CheckpointError("The checkpoint could not be written.") from error

    training.failing = fail
    with pytest.raises(TemporaryError, match=r"Trial 0: The checkpoint could not be written\. The same command"):
        swept(over=RATES)
    assert "failed" not in swept.text
    training.failing = lambda spec: False
    assert swept(over=RATES).count("finished") == 2


def test_trials_on_other_data_are_not_comparable(swept, training, base):
    training.failing = lambda spec: spec["train"]["learning_rate"] == 1e-3
    assert not [note for note in swept(over=RATES).notes if "data changed" in note]
    with np.load(base["data"]["train"]) as file:
        np.savez(base["data"]["train"], **{name: file[name][::-1] for name in file})
    training.failing = lambda spec: False
    found = swept(over=RATES)
    assert found.notes[0].startswith("the data changed between the trainings")


def test_a_failed_trial_is_trained_by_the_next_call(swept, training):
    training.failing = lambda spec: spec["train"]["seed"] == 1
    swept(over=GRID)
    training.failing = lambda spec: False
    training.trained.clear()
    assert swept(over=GRID).count("finished") == 6
    assert len(training.trained) == 2 * EPOCHS


def test_a_trial_that_another_process_trains_is_left_to_it(swept, training, tmp_path):
    training.killed_at = 0
    with pytest.raises(Killed):
        swept(over=GRID)
    training.killed_at = None
    held = claimed(tmp_path / "sweep" / "runs" / "004-learning_rate=0.001-seed=1")
    found = swept(over=GRID)
    assert (found.count("finished"), found.count("waiting")) == (5, 1)
    held.release()
    assert swept(over=GRID).count("finished") == 6


def test_a_claim_ends_with_its_process(tmp_path):
    code = (
        "import sys, os\nfrom pathlib import Path\nfrom filelock import FileLock\n"
        "FileLock(Path(sys.argv[1]) / '.trial.lock').acquire()\nos.kill(os.getpid(), 9)"
    )
    (tmp_path / "run").mkdir()
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path / "run")], check=False)
    assert ended.returncode == -9
    claim = claimed(tmp_path / "run")
    assert claim is not None
    assert claimed(tmp_path / "run") is None
    claim.release()


def test_values_of_numpy_are_values(swept, training):
    found = swept(over={"train.learning_rate": np.logspace(-3, -2, 2), "train.seed": np.arange(2)})
    assert found.best.settings == {"train.learning_rate": 1e-3, "train.seed": 0}


def test_a_report_that_cannot_be_written_is_a_warning(swept, training, tmp_path):
    swept(over=RATES)
    (tmp_path / "sweep" / "report.html").unlink()
    (tmp_path / "sweep" / "report.html").mkdir()
    with pytest.warns(ReportWarning, match=r"report\.html was not written: .*The runs are not affected"):
        assert swept(over=RATES).count("finished") == 2


def test_settings_of_all_trials_are_set_once(swept, training):
    found = swept(over=RATES, overrides=["train.seed=7"])
    assert found.best.loss == 103.5


def test_a_sweep_takes_what_a_training_takes(base):
    """A component is replaced whose parameters the new one has not, or data is given in Python."""
    spec = base | {"model": base["model"] | {"prior": {"use": "mixture", "components": 3}}}
    images = np.random.default_rng(0).integers(0, 2, (60, 3))

    def swept(spec, overrides, given=None):
        return define(spec, {"train.seed": [0]}, {}, overrides, (), "", Registry(), given).spec

    assert swept(spec, ["model.prior.use=standard_normal"])["model"]["prior"] == {"use": "standard_normal"}
    assert swept(base, [], images)["data"]["use"] == "given"


def test_parameters_of_the_objective_are_compared_by_log_p(swept, training):
    found = swept(over={"objective.beta": [2.0, 0.5]})
    assert found.order == "log p(x)"
    assert any("with another value of objective.beta the loss is another quantity" in note for note in found.notes)


@pytest.mark.parametrize("around", ["use", "likelihood", "decoder"])
def test_other_likelihoods_are_compared_with_a_note(around, swept, training, base):
    decoder = base["model"]["decoder"]
    key, values = {
        "use": ("model.decoder.likelihood.use", ["bernoulli", "continuous_bernoulli"]),
        "likelihood": ("model.decoder.likelihood", [{"use": "bernoulli"}, {"use": "continuous_bernoulli"}]),
        "decoder": ("model.decoder", [decoder, decoder | {"likelihood": {"use": "continuous_bernoulli"}}]),
    }[around]
    found = swept(over={key: values})
    assert found.order == "log p(x)"
    assert (
        f"with another value of {key} the loss and log p(x) are another quantity, unless all likelihoods are "
        "densities, or all are probabilities"
    ) in found.notes


def test_whole_tables_of_the_objective_and_of_the_data_change_the_loss(swept, training, base, tmp_path):
    found = swept(over={"objective": [{"use": "elbo"}, {"use": "iwae"}]})
    assert found.order == "log p(x)"
    assert any("with another value of objective the loss is another" in note for note in found.notes)
    halves = base["data"] | {"divide_by": 510.0}
    found = swept(over={"data": [base["data"], halves]}, out=tmp_path / "data")
    assert found.order == "log p(x)"
    (note,) = [note for note in found.notes if "data" in note]
    assert note.startswith("with another value of data the loss and log p(x) are another quantity")


def test_parameters_of_one_likelihood_are_compared_by_the_loss(swept, training, base):
    found = swept(over={"model.decoder.likelihood.scale": ["learned", "per_element"]}, overrides=NORMAL)
    assert found.order == "loss"


def test_paths_of_the_spec_are_those_of_its_folder(swept, training, base, tmp_path, monkeypatch):
    """So that a sweep can be continued from another folder."""
    relative = base | {"data": base["data"] | {"train": "tiny.npz"}}
    file = tmp_path / "relative.toml"
    file.write_text(tomli_w.dumps(relative))
    found = swept(spec=file, over=RATES)
    monkeypatch.chdir("/")
    assert swept(spec=found.folder, out=None) == found
    definition = json.loads((tmp_path / "sweep" / "sweep.json").read_text())
    assert definition["spec"]["data"]["train"] == str(tmp_path / "tiny.npz")


def test_paths_among_the_values_are_those_of_the_working_folder_of_the_first_call(
    swept, training, base, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    whole = base["data"] | {"train": "tiny.npz"}
    options = {"over": {"data": [whole, whole | {"binarize": "none"}]}}
    found = swept(over={"data.train": ["tiny.npz"]})
    tables = swept(**options, overrides=NORMAL[1:], out=tmp_path / "tables")
    assert found.best.settings == {"data.train": str(tmp_path / "tiny.npz")}
    assert [trial.settings["data"]["train"] for trial in tables.trials] == 2 * [str(tmp_path / "tiny.npz")]
    assert swept(over={"data.train": ["tiny.npz"]}) == found
    monkeypatch.chdir("/")
    assert swept(spec=found.folder, out=None) == found


# Errors come before any training


def problems(swept, **options):
    with pytest.raises(SpecError) as caught:
        swept(**options)
    return [str(problem) for problem in caught.value.problems]


def test_every_point_is_checked_first_and_each_mistake_reported_once(swept, training, tmp_path):
    over = {"train.learning_rate": [1e-3, "fast"], "objective.betta": [1], "train.seed": range(3)}
    key, rate = problems(swept, over=over)
    assert key.startswith("--over objective.betta: objective.betta: expected a known key; got 'betta'.")
    assert "Did you mean 'beta'?" in key
    assert rate.startswith('--over train.learning_rate: train.learning_rate: expected a number > 0; got "fast".')
    assert training.trained == []
    assert not (tmp_path / "sweep").exists()


def test_a_model_that_cannot_be_built_is_found_first(swept, training, tmp_path):
    (problem,) = problems(swept, over={"model.prior.use": ["standard_normal", "conditional"]})
    assert problem.startswith("--over model.prior.use=conditional: model.prior: ")
    assert not (tmp_path / "sweep").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "expected parameters to sweep; got none"),
        ({"over": {"train.seed": []}}, "--over train.seed: expected at least one value; got none"),
        ({"over": {"train.seed": [1, 1]}}, "expected each value once; got 1 twice"),
        ({"over": {"train.seed": [print]}}, "--over train.seed: expected values that a spec can hold; got others"),
        (
            {"over": RATES, "overrides": ["train.learning_rate=1"]},
            "expected it in --over or in --set; got it in both",
        ),
        (
            {"over": {"model.prior": [{"use": "vamp"}]}, "overrides": ["model.prior.pseudo_inputs=4"]},
            "without a setting of a key within them; got model.prior.pseudo_inputs too",
        ),
        (
            {"over": {"model.prior . use": ["vamp"], "model.prior": [{"use": "vamp"}]}},
            "without a setting of a key within them; got model.prior . use too",
        ),
        (
            {"over": RATES, "search": {"train.learning_rate": [1]}},
            "train.learning_rate: expected it in --over or in",
        ),
        (
            {"over": RATES, "search": {"train.batch_size": [8]}},
            "--over and --search: expected one of the two; got both",
        ),
        ({"search": {"objective.beta": [1, 2]}}, "Use --over objective.beta=..., and compare log p"),
        ({"search": {"objective": [{"use": "elbo"}]}}, "got one that changes objective. A search minimises"),
        (
            {"search": {"model.decoder.likelihood.use": ["bernoulli"]}},
            "got one that changes model.decoder.likelihood.use",
        ),
        ({"search": {"train.seed": [1, 2]}}, "Use --over train.seed=0..4"),
        ({"over": RATES, "trials": 3}, "--trials: expected it with --search only"),
        ({"over": RATES, "storage": "sqlite:///x"}, "--storage: expected it with --search only"),
        ({"over": RATES, "jobs": 2, "data": np.zeros((9, 2))}, "jobs: expected 1 with data in Python"),
    ],
)
def test_what_cannot_be_swept_is_refused(options, words, swept, training):
    with pytest.raises(UserError) as caught:
        swept(**options)
    assert words in str(caught.value)
    assert training.trained == []


def test_a_folder_of_another_sweep_is_refused(swept, training, base):
    swept(over=RATES)
    with pytest.raises(UserError, match=r"sweep belongs to another sweep: over\.train\.learning_rate is .* there"):
        swept(over={"train.learning_rate": [1e-3]})
    with pytest.raises(UserError, match=r"spec\.train\.epochs is 4 there and 5 here. Choose another folder with"):
        swept(spec=base | {"train": base["train"] | {"epochs": 5}}, over=RATES)


def test_a_folder_with_other_files_is_refused(swept, training, tmp_path):
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="expected a new folder, or that of a sweep; got one with other files"):
        swept(over=RATES)


@pytest.mark.parametrize("content", ["{", '{"spec": {}, "plugins": []}'], ids=["cut", "without values"])
def test_a_damaged_definition_is_said(content, swept, training, tmp_path):
    swept(over=RATES)
    (tmp_path / "sweep" / "sweep.json").write_text(content)
    with pytest.raises(UserError, match=r"sweep\.json: expected the definition of a sweep; got another file"):
        swept(over=RATES)


def test_an_edited_definition_is_checked_before_its_trials(swept, training, tmp_path):
    training.killed_at = 1
    with pytest.raises(Killed):
        swept(over=RATES)
    file = tmp_path / "sweep" / "sweep.json"
    file.write_text(file.read_text().replace('"batch_size": 16', '"batch_size": "many"'))
    with pytest.raises(SpecError, match=r"train\.batch_size: expected an integer >= 1; got .many."):
        swept(spec=tmp_path / "sweep", out=None)


@pytest.mark.parametrize("seeds", ["0..9999999999999", "0..9999999"])
def test_a_grid_that_nobody_can_train_is_refused(seeds):
    with pytest.raises(UserError, match=r"--over train\.seed: expected at most 10,000 values; got 10,000,000"):
        read_grid([f"train.seed={seeds}"])


def test_combinations_that_nobody_can_train_are_refused(swept):
    with pytest.raises(UserError, match="expected at most 10,000 combinations of values; got 1,000,000"):
        swept(over={"train.seed": range(1000), "train.batch_size": range(1, 1001)})


def test_the_folder_of_a_sweep_has_its_own_parameters(swept, training):
    found = swept(over=RATES)
    with pytest.raises(UserError, match="expected no other parameters with the folder of a sweep"):
        swept(spec=found.folder, out=None, over=RATES)
