"""A conditional run, from its spec to samples of a class."""

import matplotlib.image
import numpy as np
import pytest

import probvae
from probvae.errors import SpecError, UserError
from probvae.runs import inference
from probvae.runs.selection import Selection

from .setups import read, spec, tiny_images, train


def conditional(data):
    return spec(data, "conditional", epochs=1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("conditional")
    return train(conditional(tiny_images(folder)), folder / "run")


@pytest.fixture(scope="module")
def run(trained):
    return trained[0]


def test_the_run_says_what_its_numbers_are_of(trained):
    run, text = trained
    assert "condition: 3 classes (0, 1, 2)" in text
    assert "of log p(x|c), given the condition c: 3 classes (0, 1, 2)" in text
    assert run.spec["data"]["condition"] == "labels"
    drawn = {path.stem for path in run.figures.iterdir()}
    assert drawn == {"curves", "samples", "reconstructions", "latent_grid", "latent_map"}


def test_a_loaded_model_needs_the_condition(run):
    vae = probvae.load(run.folder)
    assert vae.condition_dim == 3
    assert vae.sample(2, condition=[0, 0, 1]).shape == (2, 4, 4, 1)
    with pytest.raises(
        UserError, match=r"condition: expected an array \[2, 3\], as the model is conditional; got n"
    ):
        vae.sample(2)


def test_samples_are_of_a_class_or_of_each_in_turn(run, tmp_path):
    inference.sample(run.folder, 7, out=tmp_path / "all.npz")
    np.testing.assert_array_equal(read(tmp_path / "all.npz")["condition"], np.eye(3)[np.arange(7) % 3])
    inference.sample(run.folder, 4, out=tmp_path / "one.npz", condition="2")
    one, vae = read(tmp_path / "one.npz"), probvae.load(run.folder)
    np.testing.assert_array_equal(one["condition"], [[0, 0, 1]] * 4)
    np.testing.assert_allclose(one["mean"], vae.sample(4, 0, mean=True, condition=[0, 0, 1]), atol=1e-6)
    assert matplotlib.image.imread(inference.sample(run.folder, 4, condition="2").path).std() > 0.01
    with pytest.raises(UserError, match=r"expected a class, one of 0, 1, 2; got '3'"):
        inference.sample(run.folder, 4, condition="3")


def test_encodings_and_reconstructions_take_the_conditions_of_the_data(run, tmp_path):
    vae = probvae.load(run.folder)
    inference.reconstruct(run.folder, out=tmp_path / "again.npz")
    inference.encode(run.folder, out=tmp_path / "z.npz")
    x, z = read(tmp_path / "again.npz")["x"], read(tmp_path / "z.npz")
    q = vae.posterior(x, np.eye(3)[z["labels"]])
    np.testing.assert_allclose(z["mean"], q.mean(), rtol=1e-4, atol=1e-5)


def test_other_data_is_evaluated_with_the_classes_of_the_run(run, tmp_path):
    """Labels of two of its three classes only, as text."""
    x = np.full((6, 4, 4), 200, np.uint8)
    np.savez(tmp_path / "more.npz", x=x, y=np.array(["2", "0"] * 3))
    inference.encode(run.folder, Selection(file=tmp_path / "more.npz"), out=tmp_path / "z.npz")
    np.testing.assert_array_equal(read(tmp_path / "z.npz")["labels"], [2, 0] * 3)
    np.savez(tmp_path / "none.npz", x=x)
    np.savez(tmp_path / "odd.npz", x=x, y=np.arange(6))
    for file, message in {
        "none": r"train: expected a label for every example, .*; got 6 of 6 missing",
        "odd": r"expected labels of the classes",
    }.items():
        with pytest.raises(UserError, match=message):
            inference.encode(run.folder, Selection(file=tmp_path / f"{file}.npz"), out=tmp_path / "no.npz")


def changed(tmp_path, change):
    made = conditional(tiny_images(tmp_path))
    change(made)
    return made


def test_a_condition_that_no_part_takes_is_an_error(tmp_path):
    def none(made):
        made["model"]["prior"] = {"use": "standard_normal"}
        made["model"]["encoder"]["condition"] = made["model"]["decoder"]["condition"] = False

    with pytest.raises(SpecError) as caught:
        train(changed(tmp_path, none), tmp_path / "run")
    for word in ("data.condition: ", "encoder", "decoder (condition = true)", "prior (use = 'conditional')"):
        assert word in str(caught.value)


@pytest.mark.parametrize("part", ["encoder", "decoder", "prior"])
def test_a_part_that_needs_a_condition_says_where_to_set_it(part, tmp_path):
    def without(made):
        del made["data"]["condition"]
        if part != "prior":
            made["model"][part]["condition"] = True
            made["model"]["prior"] = {"use": "standard_normal"}

    with pytest.raises(SpecError, match=r"\[data\] condition = [\"']labels[\"']"):
        train(changed(tmp_path, without), tmp_path / "run")


def test_wrong_values_of_condition_are_refused_with_their_place(tmp_path):
    for wrong in ("label", True, ["a"]):
        with pytest.raises(SpecError, match=r"data.condition: expected .*'labels'.*'none'"):
            probvae.build(
                conditional(tiny_images(tmp_path)) | {"data": {"use": "fashion_mini", "condition": wrong}}
            )


def test_a_model_of_a_shape_is_built_for_a_condition(tmp_path):
    made = conditional(tiny_images(tmp_path))
    vae = probvae.build(made, event_shape=(4, 4, 1), condition=probvae.Condition(("a", "b")))
    assert vae.condition_dim == 2
