"""Counts as shares of the total of each example, from a spec to samples of a given total."""

import numpy as np
import pytest

from probvae.errors import SpecError, UserError
from probvae.runs import evaluation, inference
from probvae.runs.selection import Selection

from .setups import read, train

RNG = np.random.default_rng(0)
SIZES = RNG.integers(20, 2000, 60)
COUNTED = np.stack([RNG.multinomial(size, [0.1, 0.2, 0.3, 0.4]) for size in SIZES])


def spec(file):
    network = {"use": "dense", "hidden": [8]}
    decoder = {"network": network, "condition": False, "likelihood": {"use": "negative_binomial"}}
    return {
        "schema": 1,
        "model": {
            "latent_dim": 2,
            "encoder": {"network": network},
            "decoder": decoder,
            "prior": {"use": "standard_normal"},
        },
        "data": {"use": "arrays", "train": str(file), "library_size": True, "condition": "labels"},
        "train": {"epochs": 1, "batch_size": 20},
        "evaluate": {"samples": 2},
    }


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    file = tmp_path_factory.mktemp("counts") / "cells.npz"
    np.savez(file, x_train=COUNTED, y_train=np.arange(60) % 2)
    return file


@pytest.fixture(scope="module")
def run(file):
    return train(spec(file), file.parent / "run")[0]


def test_samples_have_the_total_that_is_asked_for(run, tmp_path):
    inference.sample(run.folder, 20, out=tmp_path / "a.npz", condition="label=1,library_size=500")
    found = read(tmp_path / "a.npz")
    np.testing.assert_allclose(found["mean"].sum(axis=1), 500, rtol=1e-4)
    np.testing.assert_allclose(found["condition"], [[0, 1, np.log(500)]] * 20, rtol=1e-6)
    inference.sample(run.folder, 3, out=tmp_path / "a.csv", condition="label=1,library_size=500")
    header, row = (tmp_path / "a.csv").read_text().splitlines()[:2]
    assert float(row.split(",")[header.split(",").index("condition_library_size")]) == pytest.approx(500)
    with pytest.raises(UserError, match=r"expected a value for each of label, library_size.*; got none"):
        inference.sample(run.folder, 3)


def test_other_counts_bring_totals_of_their_own(run, tmp_path):
    np.savez(tmp_path / "new.npz", x=[[10, 20, 30, 40], [1, 0, 0, 0]], y=[1, 0])
    inference.reconstruct(run.folder, Selection.of(None, tmp_path / "new.npz"), out=tmp_path / "again.npz")
    np.testing.assert_allclose(read(tmp_path / "again.npz")["mean"].sum(axis=1), [100, 1], rtol=1e-4)
    record = evaluation.evaluate(run.folder, data=tmp_path / "new.npz")
    assert record["condition"] == "3 columns (label=0, label=1, library_size)"


def test_an_example_without_counts_is_an_error_in_the_spec(file, tmp_path):
    np.savez(tmp_path / "empty.npz", x_train=np.concatenate([COUNTED, np.zeros((1, 4), int)]), y_train=[0] * 61)
    with pytest.raises(
        SpecError, match=r"data.library_size: expected a total above 0 in every example.*example 60"
    ):
        train(spec(tmp_path / "empty.npz"), tmp_path / "run")


def test_a_classifier_is_for_classes_that_are_the_whole_condition(file, tmp_path):
    wrong = spec(file)
    wrong["model"]["classifier"] = {"network": {"use": "dense", "hidden": [8]}}
    with pytest.raises(SpecError, match=r"'classes' is known; .* Set \[data\] library_size = false"):
        train(wrong, tmp_path / "run")
