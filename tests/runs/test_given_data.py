"""Runs on data that a program gives, and on tables: what they store of it, and what uses them later."""

import csv
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

import probvae
from probvae.data import Arrays
from probvae.errors import DataWarning, UserError
from probvae.runs import inference
from probvae.runs.selection import Selection
from probvae.training import Trainer, TrainSettings

from .setups import rows, spec, stored, strict, train

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 4)).astype(np.float32)


pytestmark = pytest.mark.usefixtures("undrawn")


def real(data=None, **how):
    """A spec for numbers, with this [data] table or none."""
    table = spec(data, likelihood="normal", **{"epochs": 1, **how})
    return table if data else {name: part for name, part in table.items() if name != "data"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on an array."""
    return train(real(), tmp_path_factory.mktemp("given") / "run", data=X)[0]


def test_an_array_is_trained_on_as_the_same_file_is(run, tmp_path):
    file, _ = train(real(stored(tmp_path / "x.npz", {"train": X})), tmp_path / "file")
    assert rows(run) == rows(file)
    assert (
        strict((run.folder / "evaluation.json").read_text())["elbo"]
        == strict((file.folder / "evaluation.json").read_text())["elbo"]
    )
    assert run.spec["data"] == {"use": "given", "share": 0.1, "library_size": False}
    assert run.environment.data.fingerprint == file.environment.data.fingerprint
    assert run.environment.data.source == "an array in Python"


def test_the_spec_may_have_another_dataset_which_is_not_used(run, tmp_path):
    other, printed = train(real({"use": "mnist", "binarize": "none"}), tmp_path / "run", data=X)
    assert rows(other) == rows(run)
    assert other.spec["data"] == {"use": "given", "share": 0.1, "library_size": False}
    assert "given: 32 training, 4 validation, 4 test examples" in printed
    assert "note: data.binarize = \"none\" is ignored: 'given' has no such parameter." in printed


def test_what_uses_the_run_needs_the_data_again(run, tmp_path):
    assert probvae.load(run).latent_dim == 2
    for use in (probvae.evaluate, inference.encode):
        with pytest.raises(
            UserError, match=r"data of the run, which was given in Python; got none\. .*--data FILE"
        ):
            use(run)
    with pytest.raises(UserError, match="data of the run, which was given in Python; got none"):
        train(run.folder, None, resume=True)
    before = (run.folder / "evaluation.json").read_bytes()
    assert probvae.evaluate(run, data=X, split="test") == strict(before)
    assert (run.folder / "evaluation.json").read_bytes() == before
    assert probvae.evaluate(run, data=X[:7])["elbo"]["examples"] == 7
    np.save(tmp_path / "x.npy", X)
    one = inference.encode(run, Selection.of(None, X), tmp_path / "a.npz")
    other = inference.encode(run, Selection.of(None, tmp_path / "x.npy"), tmp_path / "b.npz")
    with np.load(one.path) as first, np.load(other.path) as second:
        np.testing.assert_array_equal(first["row"], np.arange(40))
        np.testing.assert_array_equal(first["mean"], second["mean"])


def test_a_run_on_given_data_resumes_on_it_and_on_no_other(run, tmp_path):
    twice = {"train.epochs=2"}
    whole = train(real(epochs=2), tmp_path / "whole", data=X)[0]
    part = train(real(), tmp_path / "part", data=X)[0]
    with pytest.raises(UserError, match="expected the data of the run; got other data"):
        train(part.folder, None, resume=True, overrides=twice, data=X + 1)
    train(part.folder, None, resume=True, overrides=twice, data=X)
    assert rows(part) == rows(whole)


def test_the_labels_of_given_data_may_be_its_condition(tmp_path):
    table = real()
    table["data"] = {"condition": "labels"}
    labels = np.array(["cat", "dog"])[np.arange(40) % 2]
    run, _ = train(table, tmp_path / "run", data=(X, labels))
    assert run.spec["data"] == {"use": "given", "share": 0.1, "condition": "labels", "library_size": False}
    assert run.environment.data.condition.names == ("cat", "dog")
    assert probvae.load(run).sample(2, condition=np.eye(2)).shape == (2, 4)
    assert probvae.evaluate(run, data=(X[:5], labels[:5]))["elbo"]["examples"] == 5
    with pytest.raises(UserError, match=r"train: expected a label for every .*; got 40 of 40 missing"):
        probvae.evaluate(run, data=X)


def test_a_tilde_is_the_home_of_the_user(run, tmp_path, monkeypatch):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    np.save(tmp_path / "x.npy", X[:7])
    assert probvae.evaluate(run, data="~/x.npy")["elbo"]["examples"] == 7


def test_a_file_that_is_not_there_is_named(run):
    with pytest.raises(UserError, match=r"--data nowhere.csv: expected a file or a folder; got no such file"):
        probvae.evaluate(run, data="nowhere.csv")


def test_data_of_another_shape_is_refused(run):
    with pytest.raises(UserError, match=r"expected examples of shape \[4\], as the run .*; got \[3\]"):
        probvae.evaluate(run, data=X[:, :3])


def test_a_model_is_built_for_data_and_starts_from_it(run):
    made = real()
    made["model"]["prior"] = {"use": "vamp", "pseudo_inputs": 5}
    found = probvae.build(made, data=X).prior.pseudo_inputs.numpy()
    assert {row.tobytes() for row in found} <= {row.tobytes() for row in X}
    with pytest.raises(UserError, match=r"Give examples"):
        probvae.build(made, event_shape=(4,))


def test_the_trainer_takes_what_train_takes(run, tmp_path):
    np.save(tmp_path / "x.npy", X)
    settings, losses = TrainSettings(epochs=1, batch_size=16, jit=False), []
    for data in (X, Arrays(str(tmp_path / "x.npy"))):
        vae = probvae.build(real(), event_shape=(4,))
        trainer = Trainer(vae, probvae.objectives.ELBO(), data, settings)
        trainer.train()
        losses.append(trainer.best_loss)
    assert losses[0] == losses[1]


# Tables


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A table with missing values, its file, and a run on it."""
    pd = pytest.importorskip("pandas")
    folder = tmp_path_factory.mktemp("table")
    frame = pd.DataFrame(X.astype(np.float64) * [1, 10, 100, 1000] + 5, columns=[*"abcd"]).round(3)
    frame = frame.mask(RNG.random(frame.shape) < 0.1).assign(kind=[*"xy"] * 20)
    frame["name"] = [f"p{row}" for row in range(40)]
    frame.to_csv(folder / "a.csv", index=False)
    data = {"use": "table", "train": str(folder / "a.csv"), "label": "kind", "id": "name"}
    return frame, train(real(data), folder / "run")[0]


def test_a_run_prepares_another_table_as_its_own(table, tmp_path):
    frame, run = table
    fitted = run.environment.data.fitted
    assert fitted["features"] == [*"abcd"]
    assert fitted["classes"] == [*"xy"]
    order = [30, 3, 17, 8, 21]
    frame.loc[order, ["kind", *"dcba", "name"]].to_csv(tmp_path / "new.csv", index=False)
    own = inference.encode(run, Selection("all"), tmp_path / "own.npz")
    new = inference.encode(run, Selection.of(None, tmp_path / "new.csv"), tmp_path / "new.npz")
    with np.load(own.path) as first, np.load(new.path) as second:
        np.testing.assert_allclose(second["mean"], first["mean"][order], rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(second["labels"], first["labels"][order])
        assert second["id"].tolist() == [f"p{row}" for row in order]
    given = inference.encode(run, Selection.of(None, frame[[*"abcd"]]), tmp_path / "frame.npz")
    with np.load(own.path) as first, np.load(given.path) as second:
        np.testing.assert_allclose(second["mean"], first["mean"], rtol=1e-5, atol=1e-6)


def test_data_that_the_standardisation_cannot_be_applied_to_is_refused(table, tmp_path):
    _, run = table
    np.save(tmp_path / "x.npy", X)
    for data in (X, tmp_path / "x.npy"):
        with pytest.raises(
            UserError, match=r"expected data that the features, means, .* of the run can be applied to"
        ):
            probvae.evaluate(run, data=data)


def test_a_table_is_used_as_it_is_by_a_run_that_learnt_nothing(run, tmp_path):
    """A run on an array standardised nothing, and another table must not be standardised by its own rows."""
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X[:9], columns=[*"abcd"])
    frame.to_csv(tmp_path / "new.csv", index=False)
    own = inference.encode(run, Selection.of(None, X[:9]), tmp_path / "own.npz")
    for name, data in {"file": tmp_path / "new.csv", "frame": frame}.items():
        new = inference.encode(run, Selection.of(None, data), tmp_path / f"{name}.npz")
        with np.load(own.path) as first, np.load(new.path) as second:
            np.testing.assert_allclose(second["mean"], first["mean"], rtol=1e-5, atol=1e-6)


def test_what_a_run_that_learnt_nothing_cannot_know_of_a_table_is_refused(run, tmp_path):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=[*"abcd"]).assign(kind=[*"xy"] * 20)
    frame.to_csv(tmp_path / "new.csv", index=False)
    message = r"data.{}: expected none, as the run .* has not learnt .*; got kind\."
    with pytest.raises(UserError, match=message.format("categories")):
        probvae.evaluate(run, ['data.categories=["kind"]'], data=tmp_path / "new.csv")
    for data in (tmp_path / "new.csv", frame):
        with pytest.raises(UserError, match=message.format("condition")):
            probvae.evaluate(run, ['data.condition=["kind"]'], data=data)


def test_a_setting_of_the_runs_data_that_other_data_cannot_have_is_named(tmp_path):
    data = stored(tmp_path / "x.npz", {"train": X}, divide_by=10.0)
    run, _ = train(real(data), tmp_path / "run")
    said = "data.divide_by = 10.0 is ignored: 'given' has no such parameter"
    with pytest.warns(DataWarning, match=said) as found:
        probvae.evaluate(run, data=X)
    assert len(found) == 1  # and none of the settings at their defaults
    probvae.evaluate(run, data=tmp_path / "x.npz")


def test_missing_values_do_not_count_in_an_evaluation(table):
    """Whatever value is there: the bound is that of the known values."""
    _, run = table
    record = probvae.evaluate(run, split="all")
    assert record["elbo"]["examples"] == 40
    vae, data = probvae.load(run), run_data(run)
    split = data.test
    assert split.observed is not None
    x, observed = split.stored, split.observed
    other = np.where(observed, x, 3.0).astype(np.float32)
    z = np.zeros((len(x), 2), np.float32)
    found = vae.log_likelihood(x, z, observed=observed)
    np.testing.assert_array_equal(found, vae.log_likelihood(other, z, observed=observed))
    likelihood = vae.decoder.likelihood(z)
    each = likelihood.distribution.log_prob(x).numpy()
    np.testing.assert_allclose(found, np.where(observed, each, 0).sum(-1), rtol=1e-5)


def test_columns_of_a_table_are_the_condition_of_a_run(table, tmp_path):
    """The same from a file and from a data frame; a condition is written as the table has it."""
    frame, _ = table
    frame = frame.assign(a=np.arange(40.0))
    frame.to_csv(tmp_path / "a.csv", index=False)
    condition = ["a", "kind"]
    file = train(
        real({"use": "table", "train": str(tmp_path / "a.csv"), "condition": condition}), tmp_path / "file"
    )[0]
    given = train(real() | {"data": {"condition": condition}}, tmp_path / "given", data=frame)[0]
    assert rows(file) == rows(given)
    assert given.spec["data"] == {"use": "given", "share": 0.1, "condition": condition, "library_size": False}
    found = file.environment.data.condition
    assert found == given.environment.data.condition
    assert found.names == ("a", "kind=x", "kind=y")
    age = found.table[0]
    for number, text in enumerate(("a=30,kind=y", "30,y")):
        made = inference.sample(file.folder, 2, out=tmp_path / f"{number}.npz", condition=text)
        with np.load(made.path) as arrays:
            assert arrays["x"].shape == (2, 3)
            np.testing.assert_allclose(arrays["condition"], [[(30 - age.mean) / age.scale, 0, 1]] * 2, rtol=1e-6)
    made = inference.sample(file.folder, 2, out=tmp_path / "given.csv", condition="a=30,kind=y")
    with open(made.path) as opened:
        lines = list(csv.DictReader(opened))
    assert [(float(line["condition_a"]), line["condition_kind"]) for line in lines] == [
        (pytest.approx(30), "y")
    ] * 2
    with pytest.raises(UserError, match=r"--condition: expected a value for each of a, kind, as a=.*; got none"):
        inference.sample(file.folder, 2)
    own = inference.encode(file, Selection("all"), tmp_path / "own.npz")
    frame[7:9].to_csv(tmp_path / "new.csv", index=False)
    new = inference.encode(file, Selection.of(None, tmp_path / "new.csv"), tmp_path / "new.npz")
    again = inference.encode(given, Selection.of(None, frame[7:9]), tmp_path / "frame.npz")
    with np.load(own.path) as first, np.load(new.path) as second, np.load(again.path) as third:
        np.testing.assert_allclose(second["mean"], first["mean"][7:9], rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(second["mean"], third["mean"])


def test_labels_and_a_condition_of_one_column_have_nothing_to_do_with_each_other(table, tmp_path):
    """The label has more classes than the condition has categories."""
    frame, _ = table
    frame.assign(group=[*"uvwu"] * 10).to_csv(tmp_path / "a.csv", index=False)
    data = {"use": "table", "train": str(tmp_path / "a.csv"), "label": "group", "condition": ["kind"]}
    run, _ = train(real(data), tmp_path / "run")
    assert run.environment.data.condition.names == ("x", "y")
    made = inference.encode(run, Selection("all"), tmp_path / "all.npz")
    with np.load(made.path) as arrays:
        np.testing.assert_array_equal(arrays["labels"], [0, 1, 2, 0] * 10)


def test_columns_of_what_has_none_are_refused_as_a_condition(tmp_path):
    np.save(tmp_path / "x.npy", X)
    table = real({"use": "arrays", "train": str(tmp_path / "x.npy"), "condition": ["a"]})
    message = (
        r"data.condition: expected 'labels' or 'none'; got \[\"a\"\], a list of columns\. .*'arrays' have no col"
    )
    with pytest.raises(UserError, match=message):
        train(table, tmp_path / "run")
    with pytest.raises(UserError, match=r"data.condition: expected a pandas.DataFrame, .* a list; got ndarray"):
        train(table, tmp_path / "run", data=X)


def test_a_run_on_an_anndata_file_is_used_on_another(tmp_path):
    """Whose cells are named, and whose genes are in another order."""
    cells = Path(__file__).parents[1] / "data" / "files" / "cells.h5ad"
    run, _ = train(real({"use": "anndata", "train": str(cells), "layer": "dense"}), tmp_path / "run")
    assert run.environment.data.fitted["variables"] == [f"gene{number}" for number in range(5)]
    own = inference.encode(run, Selection("all"), tmp_path / "own.npz")
    shutil.copy(cells, tmp_path / "new.h5ad")
    with h5py.File(tmp_path / "new.h5ad", "a") as file:
        for array in (file["layers/dense"], file["var/_index"]):
            array[:] = array[:][..., ::-1]
    new = inference.encode(run, Selection.of(None, tmp_path / "new.h5ad"), tmp_path / "new.npz")
    with np.load(own.path) as first, np.load(new.path) as second:
        assert second["id"].tolist() == [f"cell{row}" for row in range(12)]
        np.testing.assert_allclose(second["mean"], first["mean"], rtol=1e-5, atol=1e-6)


def run_data(run):
    from probvae.runs.loading import load_run

    return load_run(run)[1].data.loaded
