"""A table whose columns are of several kinds, from its file to rows like it."""

import numpy as np
import pytest

import probvae
from probvae.core import Split
from probvae.errors import SpecError
from probvae.evaluation import Bounds, Estimate
from probvae.runs import inference
from probvae.runs.evaluation import _in_bits
from probvae.runs.selection import Selection

from .setups import train

pandas = pytest.importorskip("pandas")

RNG = np.random.default_rng(0)
COUNT = 60
NAMES = ["blue", "green", "red"]


def table(folder):
    kind = RNG.integers(3, size=COUNT)
    frame = pandas.DataFrame(
        {
            "height": 170 + 10 * kind + RNG.normal(size=COUNT),
            "colour": np.array(NAMES)[kind],
            "eggs": RNG.poisson(1.0 + 3 * kind),
        }
    )
    frame.loc[3, "colour"] = None
    frame.loc[5, "height"] = np.nan
    frame.to_csv(folder / "birds.csv", index=False)
    return folder / "birds.csv"


def spec(file, likelihood=None):
    network = {"use": "dense", "hidden": [8]}
    return {
        "schema": 1,
        "model": {
            "latent_dim": 2,
            "encoder": {"network": network},
            "decoder": {"network": network, "likelihood": likelihood or {"use": "mixed"}},
            "prior": {"use": "standard_normal"},
        },
        "data": {"use": "table", "train": str(file), "counts": ["eggs"], "categories": ["colour"]},
        "train": {"epochs": 1, "batch_size": 20},
        "evaluate": {"samples": 2},
    }


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return table(tmp_path_factory.mktemp("mixed"))


@pytest.fixture(scope="module")
def trained(file):
    return train(spec(file), file.parent / "run")


def test_samples_are_rows_of_the_table(trained, tmp_path):
    run, _ = trained
    inference.sample(run.folder, 40, out=tmp_path / "made.csv")
    made = pandas.read_csv(tmp_path / "made.csv")
    assert set(made["x_colour"]) <= set(NAMES)
    assert (made["x_eggs"] >= 0).all()
    assert (made["x_eggs"] % 1 == 0).all()
    assert made["x_height"].between(100, 250).all()
    assert {"mean_colour", "mean_eggs", "mean_height"} <= set(made.columns)


def test_another_table_of_the_same_columns_is_encoded(trained, file, tmp_path):
    run, _ = trained
    rows = pandas.read_csv(file).head(4)[["eggs", "colour", "height"]]
    rows.to_csv(tmp_path / "new.csv", index=False)
    inference.reconstruct(run.folder, Selection.of(None, tmp_path / "new.csv"), out=tmp_path / "again.csv")
    again = pandas.read_csv(tmp_path / "again.csv")
    np.testing.assert_array_equal(again["x_eggs"], rows["eggs"])
    assert set(again["mean_colour"]) <= set(NAMES)


def test_what_is_missing_in_a_table_is_missing_in_its_reconstructions_and_filled_in_by_the_means(
    trained, tmp_path
):
    run, _ = trained
    (tmp_path / "gaps.csv").write_text("height,colour,eggs\n170,,3\n,red,\n")
    inference.reconstruct(run.folder, Selection.of(None, tmp_path / "gaps.csv"), out=tmp_path / "again.csv")
    again = pandas.read_csv(tmp_path / "again.csv")
    columns = ["height", "colour", "eggs"]
    assert again[[f"x_{name}" for name in columns]].isna().to_numpy().tolist() == [
        [False, True, False],
        [True, False, True],
    ]
    assert not again[[f"mean_{name}" for name in columns]].isna().any(axis=None)


def test_the_elements_of_a_category_are_no_dimensions(tmp_path):
    (tmp_path / "names.csv").write_text("colour,eggs\n" + "red,3\nblue,1\n" * 20)
    vae = probvae.build(spec(tmp_path / "names.csv"))
    assert vae.support.discrete
    estimate = Estimate(-3.5, 0.5, None, 2, 5)
    found = Bounds(estimate, estimate)
    assert _in_bits(found, vae, {"test": Split(np.zeros((2, 3), np.float32))}) == {}


def test_the_filled_spec_names_the_likelihood_of_each_kind(trained):
    run, _ = trained
    likelihood = run.spec["model"]["decoder"]["likelihood"]
    assert (likelihood["numbers"]["use"], likelihood["counts"]["use"]) == ("normal", "negative_binomial")
    assert probvae.load(run.folder).decoder.head.output_shape == (1 + 1 + 3,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": {"counts": ["height"]}}, "data.counts: expected integers from 0 up in the column 'height' of"),
        ({"data": {"counts": ["egg"]}}, "data.counts: expected a column 'egg' in"),
        ({"data": {"counts": ["eggs"], "features": ["eggs", "height"]}}, "data.counts: expected each column once"),
        ({"data": {"categories": ["eggs", "colour"]}}, "data.counts: expected each column once"),
        (
            {"likelihood": {"use": "mixed", "numbers": {"use": "poisson"}}},
            "expected a likelihood of numbers, all numb",
        ),
        ({"likelihood": {"use": "mixed", "number": {"use": "normal"}}}, "Did you mean 'numbers'?"),
    ],
    ids=["no counts", "no column", "twice", "a category too", "no likelihood", "misspelt"],
)
def test_what_does_not_fit_is_an_error_in_words(file, change, message):
    wrong = spec(file, change.get("likelihood"))
    wrong["data"] |= change.get("data", {})
    with pytest.raises(SpecError) as error:
        probvae.build(wrong)
    assert message in str(error.value)


def test_data_of_one_kind_is_refused(file):
    wrong = spec(file) | {"data": {"use": "fashion_mini"}}
    with pytest.raises(SpecError, match=r"groups.*got 'mixed', which asks for it"):
        probvae.build(wrong)
