"""A run on partly labelled data, from its spec to the classes of new examples."""

import copy
import csv
import json

import numpy as np
import pytest

import probvae
from probvae.components.metrics.accuracy import accuracy
from probvae.errors import ConfigError, SpecError, UserError
from probvae.report.numbers import with_error
from probvae.runs import inference
from probvae.runs.loading import check
from probvae.runs.selection import Selection

from .setups import read, spec, stored, tiny_images, train

LABELLED = 12


def semi_supervised(data):
    made = spec({**data, "condition": "labels", "labelled": LABELLED}, epochs=2)
    made["model"]["classifier"] = {"network": {"use": "dense", "hidden": [8]}}
    made["objective"] = {"use": "semi_supervised", "alpha": 5.0}
    return made


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("semi_supervised")
    return train(semi_supervised(tiny_images(folder)), folder / "run")


@pytest.fixture(scope="module")
def run(trained):
    return trained[0]


def test_the_run_says_how_accurate_its_classifier_is(trained):
    run, text = trained
    assert "dense + diagonal_normal encoder" in text
    assert "dense classifier" in text
    found = json.loads(run.evaluation_file.read_text())["accuracy"]
    assert f"accuracy of the classifier  {with_error(found['value'], found['standard_error'])}" in text
    vae, test = probvae.load(run.folder), probvae.data.Arrays(**_own(run)).load().test
    assert found["value"] == pytest.approx(accuracy(vae, [test], 0).value)
    assert found["standard_error"] == pytest.approx((found["value"] * (1 - found["value"]) / 10) ** 0.5)
    assert {"train/entropy", "train/classification", "validation/kl"} <= set(run.metrics()[0])


def _own(run):
    return {key: value for key, value in run.spec["data"].items() if key in ("train", "divide_by", "binarize")}


def test_the_terms_know_which_labels_are_missing(run):
    """All of them are there in the validation data, and 28 of 40 are missing in the training data."""
    row = run.metrics()[-1]
    assert row["train/entropy"] > 0
    assert row["validation/entropy"] == 0
    assert row["validation/classification"] > row["train/classification"] > 0


def test_examples_are_encoded_with_the_probabilities_of_their_classes(run, tmp_path):
    vae = probvae.load(run.folder)
    inference.encode(run.folder, Selection("train"), tmp_path / "z.npz")
    inference.reconstruct(run.folder, Selection("train"), out=tmp_path / "x.npz")
    z, x = read(tmp_path / "z.npz"), read(tmp_path / "x.npz")["x"]
    assert np.sum(z["labels"] != -1) == LABELLED
    q = vae.labels(x).probs_parameter().numpy()
    np.testing.assert_allclose(z["class_probabilities"], q, rtol=1e-4, atol=1e-5)
    classes = np.where(z["labels"] == -1, q.argmax(1), z["labels"])
    np.testing.assert_allclose(z["mean"], vae.posterior(x, np.eye(3)[classes]).mean(), rtol=1e-3, atol=1e-4)


def test_new_examples_need_no_labels(run, tmp_path):
    np.save(tmp_path / "new.npy", np.full((6, 4, 4), 230, np.uint8))
    inference.encode(run.folder, Selection(file=tmp_path / "new.npy"), tmp_path / "z.csv")
    with open(tmp_path / "z.csv") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    assert {"class_probabilities_0", "class_probabilities_2", "mean_1"} <= set(rows[0])
    inference.reconstruct(run.folder, Selection("train", tmp_path / "new.npy"), out=tmp_path / "again.png")
    inference.sample(run.folder, 4, out=tmp_path / "classes.csv")
    with open(tmp_path / "classes.csv") as file:
        assert [row["condition"] for row in csv.DictReader(file)] == ["0", "1", "2", "0"]


def test_the_evidence_given_the_class_is_of_the_examples_that_have_a_label(run, tmp_path, capsys):
    found = probvae.evaluate(run.folder, split="train", out=tmp_path / "bounds.npz")
    assert (found["elbo"]["examples"], found["without_label"]) == (LABELLED, 28)
    assert "over 12 examples" in (said := capsys.readouterr().out)
    assert "left out, without a label: 28" in said
    inference.encode(run.folder, Selection("train"), tmp_path / "z.npz")
    bounds, z = read(tmp_path / "bounds.npz"), read(tmp_path / "z.npz")
    np.testing.assert_array_equal(bounds["row"], z["row"][z["labels"] != -1])
    np.save(tmp_path / "new.npy", np.full((6, 4, 4), 230, np.uint8))
    with pytest.raises(SpecError, match=r"probe metric: .* got the training examples"):
        probvae.evaluate(run.folder, ['evaluate.metrics=["probe"]'], split="train")
    with pytest.raises(
        ConfigError, match=r"train: expected examples with a label, as the evaluation .* none of 6"
    ):
        probvae.evaluate(run.folder, data=tmp_path / "new.npy")


def test_the_accuracy_of_one_example_has_no_error(run, tmp_path, capsys):
    x = np.full((3, 4, 4), 230, np.uint8)
    file = stored(tmp_path / "new.npz", {"train": x, "train_labels": np.array([-1, 1, -1])})["train"]
    found = probvae.evaluate(run.folder, data=file)
    assert found["accuracy"]["standard_error"] is None
    assert f"accuracy of the classifier  {found['accuracy']['value']:.0f}\n" in capsys.readouterr().out


def test_labels_may_be_missing_in_any_part_of_the_data(tmp_path):
    data = tiny_images(tmp_path)
    arrays = read(data["train"])
    arrays |= {f"{part}_labels": np.where(np.arange(len(arrays[part])) % 5, arrays[f"{part}_labels"], -1)
               for part in ("train", "test")}  # fmt: skip
    np.savez(tmp_path / "partly.npz", **arrays)
    made = semi_supervised({**data, "train": str(tmp_path / "partly.npz")})
    del made["data"]["labelled"]
    run, text = train(made, tmp_path / "run", overrides=["evaluate.samples=1000"])
    assert "labels: test_labels of " in text
    assert "3 classes, 2 labels missing" in text
    assert "left out, without a label: 2" in text
    assert (run.figures / "latent_map.png").exists()
    found, known = json.loads(run.evaluation_file.read_text()), arrays["test_labels"] != -1
    inference.reconstruct(run.folder, out=tmp_path / "x.npz")
    x, labels = read(tmp_path / "x.npz")["x"][known], arrays["test_labels"][known]
    vae = probvae.load(run.folder)
    again = vae.log_weights(x, 1000, 1, np.eye(3)[labels]).numpy().mean()
    assert found["elbo"]["value"] == pytest.approx(again, abs=0.3)
    right = vae.labels(x).probs_parameter().numpy().argmax(1) == labels
    assert found["accuracy"]["value"] == pytest.approx(right.mean())


CHANGES = {
    "no classifier": (["model"], "classifier", None, "SemiSupervised: expected a model with a classifier"),
    "no condition of labels": (["data"], "condition", None, 'data.labelled: expected condition = "labels"'),
    "no labels as classes": (["data"], ("condition", "labelled"), None, "a place where 'classes' is known"),
    "the bound alone": (["objective"], "use", "elbo", "expected a model without a classifier"),
    "no class in the model": (
        ["model", "decoder"],
        "condition",
        False,
        "expected a decoder or a prior that takes",
    ),
    "too few labels": (["data"], "labelled", 2, "data.labelled: expected at least 3"),
    "too many labels": (["data"], "labelled", 41, "data.labelled: expected at most as many"),
    "another weight": (["objective"], "alpha", -1.0, "alpha"),
    "frequencies of two": (["objective"], "class_frequencies", [1, 2], "expected class_frequencies of 3 classes"),
    "no objective in it": (
        ["objective"],
        "loss",
        {"use": "semi_supervised"},
        "expected the loss of x given its class",
    ),
}


@pytest.mark.parametrize(("path", "keys", "value", "message"), CHANGES.values(), ids=CHANGES)
def test_a_wrong_spec_is_refused_in_words(path, keys, value, message, tmp_path):
    wrong = copy.deepcopy(semi_supervised(tiny_images(tmp_path)))
    table = wrong
    for key in path:
        table = table[key]
    for key in [keys] if isinstance(keys, str) else keys:
        table.pop(key, None)
        if value is not None:
            table[key] = value
    if value == "elbo":
        del table["alpha"]
    with pytest.raises((SpecError, UserError), match=message):
        train(wrong, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_objective_that_needs_all_labels_says_so(tmp_path):
    """Of a spec with `labelled` before any data is read, and of data with missing labels before a run is made."""
    data = tiny_images(tmp_path)
    kept = spec({**data, "labelled": LABELLED}, "conditional", epochs=1)
    with pytest.raises(SpecError, match=r"an objective that takes examples without a label.*semi_supervised"):
        check(kept)
    arrays = read(data["train"])
    arrays["train_labels"] = np.where(np.arange(40) % 5, arrays["train_labels"], -1)
    np.savez(tmp_path / "partly.npz", **arrays)
    partly = spec({**data, "train": str(tmp_path / "partly.npz")}, "conditional", epochs=1)
    with pytest.raises(ConfigError, match=r"train: expected a label for every example, .*; got 8 of 40 missing"):
        train(partly, tmp_path / "run")
    assert not (tmp_path / "run").exists()
