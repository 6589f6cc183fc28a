"""Whole runs on TFRecord files, by a spec."""

import io
import tomllib
from pathlib import Path

import numpy as np
import probvae
import pytest
from probvae.data import Arrays
from probvae.errors import SpecError
from rich.console import Console

from .written import record, write, write_shards

IMAGES = np.random.default_rng(0).integers(0, 256, (60, 4, 4, 1)).astype(np.uint8)
README = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8")


def spec(data, prior="standard_normal", epochs=1):
    dense = {"network": {"use": "dense", "hidden": [8]}}
    model = {"latent_dim": 2, "prior": {"use": prior}}
    model["encoder"] = {**dense, "posterior": {"use": "diagonal_normal"}}
    model["decoder"] = {**dense, "likelihood": {"use": "bernoulli"}}
    train = {"epochs": epochs, "batch_size": 16, "learning_rate": 1e-2, "jit": False}
    return {"schema": 1, "model": model, "objective": {"use": "elbo"}, "data": data, "train": train}


def train(table, folder):
    output = io.StringIO()
    run = probvae.train(table, folder, overrides=["evaluate.samples=1"], console=Console(file=output))
    return run, output.getvalue()


@pytest.fixture
def data(folder):
    for part in ("train", "validation", "test"):
        write_shards(folder, IMAGES, 3, part)
    parts = {part: f"{part}-*.tfrecord" for part in ("train", "validation", "test")}
    return {"use": "tfrecords.examples", **parts, "shape": [4, 4, 1], "divide_by": 255.0, "binarize": "dynamic"}


def test_a_run_leaves_what_every_run_leaves(data, folder):
    """With a prior that starts from examples."""
    run, output = train(spec(data, prior="vamp", epochs=2), folder / "run")
    assert len((folder / "run" / "metrics.jsonl").read_text().splitlines()) == 2
    assert (run.folder / "evaluation.json").is_file()
    assert "without" not in output


def test_bytes_can_be_used_with_a_likelihood_of_8_bit_images(data, folder):
    table = spec({**data, "binarize": "none"})
    table["model"]["decoder"]["likelihood"] = {"use": "discretised_logistic"}
    assert probvae.runs.check(table).plan.components[("data",)].use == "tfrecords.examples"


def test_a_wrong_pattern_or_shape_points_into_the_spec(data, folder):
    with pytest.raises(SpecError, match=r"data\.validation: .*no file .*nothing-"):
        train(spec({**data, "validation": ["nothing-*"]}), folder / "run")
    with pytest.raises(SpecError, match=r"data\.shape: .*768 bytes"):
        train(spec({**data, "shape": [16, 16, 3]}), folder / "run")


def test_a_damaged_record_ends_the_training_with_its_place(data, folder):
    write(folder / "train-1.tfrecord", [*IMAGES[20:24], IMAGES[24, :3], *IMAGES[25:40]])
    message = r"train-1\.tfrecord, record 4: expected 16 bytes in 'image' .*; got 12\."
    with pytest.raises(probvae.DataError, match=message):
        train(spec(data), folder / "run")


def test_a_file_of_another_kind_is_named_with_its_dataset():
    write("a.tfrecord", [record(IMAGES[0])])
    with pytest.raises(probvae.ConfigError, match=r'a TFRecord file\. .*data\.use = "tfrecords\.examples"'):
        Arrays("a.tfrecord").info()


def test_the_example_of_the_readme_is_trained_on(folder):
    blocks = [block.partition("\n") for block in README.split("```")[1::2]]
    (code,) = [text for language, _, text in blocks if language == "python" and "TFRecordWriter" in text]
    (table,) = [tomllib.loads(text)["data"] for language, _, text in blocks if language == "toml"]
    exec(code, {})
    run, _ = train(spec(table), folder / "run")
    assert (run.folder / "evaluation.json").is_file()
