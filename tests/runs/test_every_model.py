"""Each prior with dense and with convolutional parts: trained, saved, and the same in a fresh process."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tomli_w

import probvae
from probvae.core import trainable_names
from probvae.registry import default
from probvae.runs import Run

from .outputs import outputs
from .setups import PARTS, PRIORS, assert_same, clothes, in_a_fresh_process, kept, rows, spec, steps, train


def test_no_built_in_prior_is_left_out():
    built_in = {name for name in default().names("prior") if "." not in name}
    assert set(PRIORS) == built_in, "add it to PRIORS in tests/runs/setups.py"


def assert_trained(run, initial, name):
    """The loss fell, and every trainable variable moved."""
    losses = [row["train/loss"] for row in rows(run)]
    assert losses[1] < losses[0], name
    after = kept(run, steps(run)[-1])
    still = [key for key, value in initial.items() if np.array_equal(after[key], value)]
    assert initial, name
    assert not still, name


def trainable(model):
    return {name: variable.numpy() for name, variable in trainable_names(model).items()}


@pytest.mark.slow
@pytest.mark.traced
def test_every_prior_is_trained_saved_and_the_same_in_a_fresh_process(tmp_path, monkeypatch):
    """The quick run has the checks `learns` and `restores_in_a_fresh_process` of each prior."""
    trained = []
    monkeypatch.setattr("probvae.runs.training.draw_figures", lambda run, vae, *_: trained.append(outputs(vae)))
    data, runs = clothes(tmp_path), []
    for parts, prior in [(parts, prior) for parts in PARTS for prior in PRIORS]:
        asked = spec(data, prior, parts, epochs=2, jit="auto")
        initial = trainable(probvae.build(asked))
        run, _ = train(asked, tmp_path / f"{parts}-{prior}")
        assert_trained(run, initial, run.folder.name)
        runs.append(run)
    again = in_a_fresh_process(runs, tmp_path / "outputs.npz")
    for run, before, after in zip(runs, trained, again, strict=True):
        assert_same(before, after, run.folder.name)
        assert all(np.isfinite(value).all() for value in after.values()), run.folder.name


def program(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "probvae", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize("prior", PRIORS)
def test_the_program_trains_every_model_on_real_images_and_measures_the_same_again(prior, parts, tmp_path):
    """Two epochs of fashion_mini; the model that is measured by a fresh process is the one that was trained."""
    asked = spec({"use": "fashion_mini"}, prior, parts, epochs=2, batch_size=128, learning_rate=1e-3)
    layers = {"realnvp": {"couplings": 2}, "maf": {"layers": 2}, "spline": {"couplings": 2}}
    asked["model"]["prior"] = PRIORS[prior] | layers.get(prior, {})
    file = tmp_path / "spec.toml"
    file.write_text(tomli_w.dumps(asked))
    program("train", file, "--out", tmp_path / "run")
    run = Run(tmp_path / "run", asked)
    assert_trained(run, trainable(probvae.build(asked)), prior)
    measured = json.loads(run.evaluation_file.read_text())
    run.evaluation_file.unlink()
    program("evaluate", run.folder)
    assert json.loads(run.evaluation_file.read_text()) == measured
    (fresh,) = in_a_fresh_process([run], tmp_path / "outputs.npz")
    assert_same(outputs(probvae.load(run.folder)), fresh)
    assert len(list(run.figures.glob("*.png"))) >= 4
