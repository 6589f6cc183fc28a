"""A run knows the data that it was trained on, and what uses it notices when that has changed."""

import json
import os
import shutil

import numpy as np
import pytest

import probvae
from probvae.core import REAL, Data, DataInfo, Split
from probvae.errors import DataWarning, ReportWarning, UserError
from probvae.runs import environment, inference
from probvae.runs.selection import Selection

from .setups import rows, spec, stored, strict, tiny_images, train

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of one epoch."""
    folder = tmp_path_factory.mktemp("data_of_runs") / "whole"
    folder.mkdir()
    return train(spec(tiny_images(folder), epochs=1), folder / "run")[0]


@pytest.fixture
def run(trained, tmp_path):
    """It, with its data: a test may change both."""
    folder, kept = trained.folder.parent, tmp_path / "kept"
    shutil.copytree(folder, kept)
    yield trained
    shutil.rmtree(folder)
    shutil.copytree(kept, folder)


def changed(run, **arrays):
    """Other arrays in the file of the run's data."""
    path = run.spec["data"]["train"]
    with np.load(path) as file:
        before = dict(file)
    stored(path, before | {name: change(before[name]) for name, change in arrays.items()})


def three_of(split):
    """Data whose three parts are this one."""
    info = DataInfo(split.stored.shape[1:], REAL, (len(split),) * 3, "made up", "here")
    return Data(info, split, split, split)


def one_pixel(images):
    images = images.copy()
    images[3, 1, 2] ^= 1
    return images


USES = {
    "evaluate": probvae.evaluate,
    "reconstruct": lambda run, **options: inference.reconstruct(run.folder, Selection(**options)),
    "encode": lambda run, **options: inference.encode(run.folder, Selection(**options)),
    "resume": lambda run, **options: train(run.folder, None, resume=True, overrides=["train.epochs=2"], **options),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_one_changed_pixel_is_noticed_unless_it_is_meant(use, run):
    changed(run, train=one_pixel)
    message = r"expected the data of the run; got other data: .* values or labels .*--allow-other-data"
    with pytest.raises(UserError, match=message):
        use(run)
    use(run, allow_other_data=True)


def test_values_that_have_no_probability_are_refused_also_where_the_change_is_meant(tmp_path):
    bits = np.random.default_rng(0).integers(0, 2, (40, 4)).astype(np.float32)
    table = stored(tmp_path / "bits.npz", {"train": bits, "validation": bits[:10], "test": bits[:10]})
    run, _ = train(spec(table, epochs=1), tmp_path / "run")
    changed(run, test=lambda x: x - 3)
    with pytest.raises(UserError, match="supports, 0 and 1 only; got integers from -3 to 1"):
        probvae.evaluate(run, allow_other_data=True)


def test_examples_without_any_density_are_named_also_where_no_metric_is_computed(tmp_path):
    x = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    table = stored(tmp_path / "x.npz", {"train": x, "validation": x[:10], "test": x[:10]})
    run, _ = train(spec(table, likelihood="normal", epochs=1), tmp_path / "run")
    x[7, 1] = 1e25
    message = r"whose evidence lower bound is finite; got -inf for 1 of .* in rows 7 "
    with pytest.warns(DataWarning, match="far from"), pytest.raises(UserError, match=message):
        probvae.evaluate(run, data=x, overrides=["data.share=0.2"], split="all")


def test_the_message_says_what_differs(run):
    changed(run, train=lambda x: x[:30], train_labels=lambda y: y[:30])
    with pytest.raises(UserError, match=r"sizes \(30, 12, 10\) instead of \(40, 12, 10\)"):
        inference.encode(run.folder)


def test_a_changed_label_is_noticed(run):
    changed(run, test_labels=lambda y: (y + 1) % 3)
    with pytest.raises(UserError, match="values or labels"):
        inference.encode(run.folder)


def test_the_same_data_as_other_numbers_is_the_same_data(run):
    changed(run, train=lambda x: x.astype(np.int16))
    inference.encode(run.folder)


def test_an_evaluation_of_other_data_is_not_written_to_the_run(run, tmp_path):
    kept = run.evaluation_file.read_bytes()
    other = tiny_images(tmp_path / "other" if (tmp_path / "other").mkdir() is None else tmp_path)["train"]
    record = probvae.evaluate(run, data=other, split="test", out=tmp_path / "bounds.npz")
    assert record["elbo"]["examples"] == 10
    assert run.evaluation_file.read_bytes() == kept
    with np.load(tmp_path / "bounds.npz") as file:
        assert file["elbo"].mean() == pytest.approx(record["elbo"]["value"])
        np.testing.assert_array_equal(file["row"], np.arange(10))
    for split, count in (("all", 62), ("validation", 12)):
        assert probvae.evaluate(run, split=split)["elbo"]["examples"] == count
    assert run.evaluation_file.read_bytes() == kept
    assert probvae.evaluate(run) == strict(kept)


def test_the_runs_data_at_another_place_is_the_runs_data(run, tmp_path):
    before = run.evaluation_file.read_bytes()
    moved = stored(tmp_path / "moved.npz", dict(np.load(run.spec["data"]["train"])))["train"]
    probvae.evaluate(run, [f"data.train={moved}", "evaluate.samples=7"])
    assert strict(run.evaluation_file.read_text())["settings"]["samples"] == 7
    probvae.evaluate(run, [f"data.train={moved}", "data.divide_by=300", "evaluate.samples=8"])
    assert strict(run.evaluation_file.read_text())["settings"]["samples"] == 7
    assert strict(before)["settings"]["samples"] != 7


def test_an_evaluation_with_fewer_samples_does_not_replace_a_better_one(run, capsys):
    probvae.evaluate(run, ["evaluate.samples=9"])
    kept = run.evaluation_file.read_bytes()
    assert probvae.evaluate(run)["settings"]["samples"] == 5
    assert run.evaluation_file.read_bytes() == kept
    added = f"metrics added to {run.evaluation_file}, which keeps its bounds with 9 samples"
    assert added in capsys.readouterr().out


def test_a_run_that_cannot_be_written_is_evaluated_all_the_same(run, tmp_path, monkeypatch):
    kept = run.evaluation_file.read_bytes()
    monkeypatch.setattr(os, "access", lambda path, mode: path != run.folder)  # as on a read-only disk
    with pytest.warns(ReportWarning, match=r"cannot be written: its evaluation\.json stays as it is"):
        record = probvae.evaluate(run, ["evaluate.samples=9"], out=tmp_path / "bounds.npz")
    assert record["settings"]["samples"] == 9
    assert (tmp_path / "bounds.npz").exists()
    assert run.evaluation_file.read_bytes() == kept


def test_bounds_are_written_to_new_files_only(run, tmp_path):
    mine = tmp_path / "mine.csv"
    probvae.evaluate(run, out=str(mine))
    content = mine.read_bytes()
    assert content.startswith(b"labels,row,")
    with pytest.raises(UserError, match=r"mine\.csv: expected a file that does not exist yet"):
        probvae.evaluate(run, out=mine)
    assert mine.read_bytes() == content


def test_the_fingerprint_is_of_the_values_whatever_their_type():
    """Also where they are hashed in several blocks, with the labels of each."""
    rng = np.random.default_rng(0)
    x, labels = rng.integers(0, 256, (6000, 28, 28, 1), np.uint8), rng.integers(0, 10, 6000)
    found = [environment.fingerprint(three_of(Split(x.astype(dtype), labels))) for dtype in ("u1", "f4", "f8")]
    assert len(set(found)) == 1
    labels[5999] ^= 1
    assert environment.fingerprint(three_of(Split(x, labels))) != found[0]


def test_bounds_on_other_data_are_not_kept(run):
    probvae.evaluate(run, ["evaluate.samples=9"])
    changed(run, train=one_pixel)
    train(run.folder, None, resume=True, allow_other_data=True)
    found = strict(run.evaluation_file.read_text())
    assert found["fingerprint"] == run.environment.data.fingerprint
    assert found["settings"]["samples"] == 5


def test_a_run_of_a_version_without_fingerprints_is_compared_by_what_it_has(run):
    content = json.loads(run.environment_file.read_text())
    del content["data"]["fingerprint"]
    run.environment_file.write_text(json.dumps(content))
    inference.encode(run.folder)
    changed(run, train=one_pixel)
    inference.encode(run.folder)


def test_of_large_data_only_some_examples_are_read(monkeypatch):
    monkeypatch.setattr(environment, "WHOLE", 100)
    monkeypatch.setattr(environment, "SAMPLE", 7)
    split = Split(np.zeros((1000, 5), np.uint8))
    read = np.concatenate(list(environment._hashed_rows(split)))
    assert len(read) == 7
    assert (read[0], read[-1]) == (0, 999)


def test_a_run_is_one_line_and_is_taken_for_its_folder(run):
    assert repr(run) == f"Run({str(run.folder)!r})"
    assert probvae.load(run).latent_dim == 2


def test_training_twice_in_a_notebook_makes_two_runs(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = spec(run.spec["data"], epochs=1)
    first, second = train(table, None)[0], train(table, None)[0]
    assert (str(first.folder), str(second.folder)) == ("runs/run", "runs/run-2")
    assert rows(first) == rows(second)
    with pytest.raises(UserError, match=r"resume=True.*out="):
        train(table, first.folder)


def test_a_run_is_used_from_any_folder(tmp_path, monkeypatch):
    table = spec(tiny_images(tmp_path), epochs=1)
    table["data"]["train"] = "tiny.npz"  # in the folder of the spec
    (tmp_path / "spec.json").write_text(json.dumps(table))
    monkeypatch.chdir("/")
    run, _ = train(tmp_path / "spec.json", tmp_path / "run")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert probvae.evaluate(run) == strict(run.evaluation_file.read_text())
