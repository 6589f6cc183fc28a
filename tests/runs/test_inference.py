"""What a trained run is used for: samples, reconstructions, encodings."""

import contextlib
import csv

import matplotlib.image
import numpy as np
import pytest

import probvae
from probvae import components as c
from probvae.core import VAE, Stream, fold_in
from probvae.data.datasets.given import Given
from probvae.errors import DataWarning, UserError
from probvae.evaluation import passes
from probvae.registry import Registry
from probvae.runs import inference
from probvae.runs.selection import Selection
from probvae.specs import SpecData, plan
from probvae.specs import read as read_spec

from .setups import read, spec, stored, tiny_images, train


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("use")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("probvae.runs.training.draw_figures", lambda *_: None)
        return train(spec(tiny_images(folder), epochs=1), folder / "run")[0]


@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory):
    """A run, figures and all, of data without labels."""
    folder = tmp_path_factory.mktemp("unlabelled")
    rng = np.random.default_rng(0)
    arrays = {
        name: (rng.random((count, 4, 4)) < 0.5).astype(np.uint8) for name, count in [("train", 30), ("test", 8)]
    }
    return train(spec(stored(folder / "bare.npz", arrays), epochs=1), folder / "run")[0]


def test_samples_are_a_picture_unless_asked_otherwise(run):
    output = inference.sample(run.folder, 9)
    path = run.folder / "samples-seed-0.png"
    assert str(output) == str(path)
    assert matplotlib.image.imread(path).std() > 0.01


def test_more_samples_than_fit_into_the_memory_are_refused_before_any_is_drawn(run):
    message = (
        r"--count: expected samples that fit into .* memory, .*; got 10000000000, whose means .* take 1\.3 TB"
    )
    with pytest.raises(UserError, match=message):
        inference.sample(run.folder, 10**10)


def test_samples_as_arrays_are_means_and_draws_at_the_same_latents(run, tmp_path):
    output = inference.sample(run.folder, 300, out=tmp_path / "new" / "x.npz")
    found = read(tmp_path / "new" / "x.npz")
    assert str(output) == f"{tmp_path / 'new' / 'x.npz'}: mean [300, 4, 4, 1], x [300, 4, 4, 1]"
    mean, x = found["mean"], found["x"]
    assert set(np.unique(x)) == {0.0, 1.0}
    assert ((mean > 0) & (mean < 1)).all()
    assert x.mean(axis=0) == pytest.approx(mean.mean(axis=0), abs=0.15)
    # A draw goes with its own mean rather than with another's.
    own, other = (np.mean((x - m) ** 2) for m in (mean, np.roll(mean, 1, axis=0)))
    assert own < other


@pytest.mark.parametrize("what", ["sample", "reconstruct"])
def test_equal_seeds_give_equal_arrays_and_others_do_not(what, run, tmp_path):
    def arrays(seed, name):
        out = tmp_path / f"{name}-{seed}.npz"
        if what == "sample":
            inference.sample(run.folder, 5, seed, out)
        else:
            inference.reconstruct(run.folder, Selection("test"), seed, out)
        return read(out)["mean"]

    np.testing.assert_array_equal(arrays(1, "a"), arrays(1, "b"))
    assert not np.array_equal(arrays(1, "c"), arrays(2, "c"))


def test_equal_seeds_give_equal_pictures(run, tmp_path):
    for name in ("a", "b"):
        inference.sample(run.folder, 9, 3, tmp_path / f"{name}.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.fixture
def figures(monkeypatch):
    """The figures that are saved meanwhile."""
    caught = []
    monkeypatch.setattr(inference, "save", lambda figure, path: (path.touch(), caught.append(figure)))
    return caught


def tiles(axes, rows, columns):
    """The images [rows, columns, 4, 4, 1] in a panel; there are two white pixels between them."""
    pixels = np.asarray(axes.images[0].get_array())[..., :1]
    return pixels.reshape(rows, 6, columns, 6, 1).transpose(0, 2, 1, 3, 4)[:, :, 1:5, 1:5]


def test_the_picture_shows_the_samples_of_the_arrays(run, figures, tmp_path):
    inference.sample(run.folder, 9, 3, tmp_path / "x.png")
    inference.sample(run.folder, 9, 3, tmp_path / "x.npz")
    shown = tiles(figures[0].axes[0], 3, 3).reshape(9, 4, 4, 1)
    np.testing.assert_allclose(shown, read(tmp_path / "x.npz")["mean"], atol=1e-6)
    np.testing.assert_allclose(shown, probvae.load(run.folder).sample(9, 3, mean=True), atol=1e-6)


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_picture_shows_reconstructions_of_the_arrays(split, run, figures, tmp_path, monkeypatch):
    monkeypatch.setattr(passes, "CHUNK", 7)
    inference.reconstruct(run.folder, Selection(split), 3, tmp_path / "x.png")
    inference.reconstruct(run.folder, Selection(split), 3, tmp_path / "x.npz")
    pairs = np.concatenate([tiles(axes, 2, 10) for axes in figures[0].axes], axis=1)
    found = read(tmp_path / "x.npz")
    np.testing.assert_allclose(pairs, np.stack([found["x"], found["mean"]]), atol=1e-6)


def test_one_seed_gives_a_dynamic_split_one_binarisation_and_training_has_another(run, tmp_path):
    def bits(seed, name):
        inference.reconstruct(run.folder, Selection("train"), seed, tmp_path / name)
        return read(tmp_path / name)["x"]

    first = bits(0, "a.npz")
    np.testing.assert_array_equal(first, bits(0, "b.npz"))
    assert not np.array_equal(first, bits(1, "c.npz"))
    inference.encode(run.folder, Selection("train"), tmp_path / "z.npz")
    encoded = read(tmp_path / "z.npz")["mean"]
    np.testing.assert_allclose(encoded, probvae.load(run.folder).posterior(first).mean(), rtol=1e-5, atol=1e-6)
    train = SpecData.of(plan(read_spec(run.folder / "spec.toml"), Registry())).loaded.train
    for step in range(3):
        assert not np.array_equal(first, train.prepare(train.stored, fold_in(0, Stream.BINARIZE, step)))


@pytest.mark.parametrize(("split", "count"), [("train", 40), ("validation", 12), ("test", 10)])
def test_all_examples_of_a_split_are_reconstructed(split, count, run, tmp_path):
    inference.reconstruct(run.folder, Selection(split), out=tmp_path / "x.npz")
    found = read(tmp_path / "x.npz")
    assert found["x"].shape == found["mean"].shape == (count, 4, 4, 1)
    assert set(np.unique(found["x"])) == {0.0, 1.0}


def test_reconstructions_are_a_picture_unless_asked_otherwise(run):
    assert str(inference.reconstruct(run.folder, Selection("validation"))).endswith(
        "reconstructions-validation-seed-0.png"
    )


def test_encodings_are_the_moments_of_q_in_the_order_of_the_data(run, tmp_path):
    output = inference.encode(run.folder, Selection("test"))
    path = run.folder / "encodings-test.npz"
    assert str(output) == f"{path}: mean [10, 2], stddev [10, 2], labels [10], row [10]"
    found = read(path)
    np.testing.assert_array_equal(found["labels"], np.arange(10) % 3)
    inference.reconstruct(run.folder, Selection("test"), out=tmp_path / "x.npz")
    q = probvae.load(run.folder).posterior(read(tmp_path / "x.npz")["x"])
    np.testing.assert_allclose(found["mean"], q.mean(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found["stddev"], q.stddev(), rtol=1e-5)


def test_encodings_are_draws_where_q_has_no_moments(tmp_path, monkeypatch):
    monkeypatch.setattr("probvae.runs.training.draw_figures", lambda *_: None)
    asked = spec(tiny_images(tmp_path), "hierarchical", epochs=1)
    asked["model"]["encoder"]["posterior"] = {"use": "hierarchical", "network": {"use": "dense", "hidden": [4]}}
    run, _ = train(asked, tmp_path / "run")
    output = inference.encode(run.folder, Selection("test"), tmp_path / "one.npz")
    assert output.shapes == {"z": [10, 2], "labels": [10], "row": [10]}
    inference.encode(run.folder, Selection("test"), tmp_path / "again.npz")
    z = read(tmp_path / "one.npz")["z"]
    np.testing.assert_array_equal(z, read(tmp_path / "again.npz")["z"])
    inference.reconstruct(run.folder, Selection("test"), out=tmp_path / "x.npz")
    q = probvae.load(run.folder).posterior(read(tmp_path / "x.npz")["x"])
    seed = fold_in(0, Stream.USE, Stream.LATENT, 0)
    np.testing.assert_allclose(z, q.sample(seed=seed), rtol=1e-5, atol=1e-5)


def test_parts_do_not_show_in_the_arrays(run, tmp_path, monkeypatch):
    inference.encode(run.folder, Selection("train"), tmp_path / "whole.npz")
    monkeypatch.setattr(passes, "CHUNK", 7)
    inference.encode(run.folder, Selection("validation"), tmp_path / "parts.npz")
    monkeypatch.setattr(passes, "CHUNK", 1000)
    inference.encode(run.folder, Selection("validation"), tmp_path / "one.npz")
    parts, one = read(tmp_path / "parts.npz"), read(tmp_path / "one.npz")
    np.testing.assert_allclose(parts["mean"], one["mean"], rtol=1e-5, atol=1e-6)
    assert read(tmp_path / "whole.npz")["mean"].shape == (40, 2)


MISTAKES = {
    "an unknown suffix": (
        lambda run, to: inference.sample(run, 3, out=to / "x.jpg"),
        r"\.png or \.npz.*'\.jpg'",
    ),
    "no suffix": (lambda run, to: inference.reconstruct(run, Selection("test"), out=to / "x"), r"\.png or \.npz"),
    "a picture of encodings": (
        lambda run, to: inference.encode(run, Selection("test"), to / "x.png"),
        r"in \.npz",
    ),
    "a file as the folder": (
        lambda run, to: inference.sample(run, 3, out=to / "f" / "x.npz"),
        "cannot be written",
    ),
    "a folder as the file": (lambda run, to: inference.sample(run, 3, out=to / "d.npz"), "does not exist yet"),
    "an unknown split": (
        lambda run, to: inference.encode(run, Selection("tset"), to / "x.npz"),
        "all; got 'tset'",
    ),
    "no run": (lambda run, to: inference.sample(to, 3), "expected a run"),
}


@pytest.mark.parametrize(("call", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_reported_and_nothing_is_written(call, words, run, tmp_path):
    (tmp_path / "f").write_text("a file")
    (tmp_path / "d.npz").mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match=words):
        call(run.folder, tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_data_without_labels_is_trained_and_drawn(unlabelled):
    drawn = {path.stem for path in unlabelled.figures.iterdir()}
    assert {"curves", "samples", "reconstructions", "latent_grid"} <= drawn


def test_encodings_of_data_without_labels_have_none(unlabelled, tmp_path):
    inference.encode(unlabelled.folder, Selection("test"), tmp_path / "x.npz")
    assert read(tmp_path / "x.npz").keys() == {"mean", "stddev", "row"}


def test_a_picture_of_more_samples_than_can_be_seen_is_refused(run):
    with pytest.raises(UserError, match=r"--count: expected at most 10,000 samples in a picture; got 10,001"):
        inference.sample(run.folder, 10_001)


def test_samples_whose_decoding_does_not_fit_into_the_memory_are_refused(monkeypatch):
    event = (4, 4, 1)
    encoder = c.NetworkEncoder(c.Dense(hidden=[4]), c.DiagonalNormal(2), event)
    decoder = c.NetworkDecoder(c.Dense(hidden=[500]), c.Bernoulli(event), 2)
    vae = VAE(encoder, decoder, c.StandardNormal(2))
    monkeypatch.setattr("probvae.runs.inference.available_memory", lambda: 2 * 4 * 100_000 * 16)
    with pytest.raises(UserError, match=r"got 100000, whose decoding takes a tensor float32 \[100000, 500\]"):
        inference._check_room(vae, 100_000)


# Other data


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """A file of other images, with their labels as text, and in another place than the run's."""
    rng = np.random.default_rng(1)
    path = tmp_path_factory.mktemp("others") / "others.npz"
    bright = rng.choice(np.array([0, 255], np.uint8), (25, 4, 4))
    np.savez(path, x=bright, y=np.array(["cat", "dog", "owl", "bee", "ant"] * 5))
    return path, bright


def test_other_examples_are_encoded_in_the_order_of_their_file(run, others, tmp_path):
    path, bright = others
    inference.encode(run.folder, Selection(file=path), out=tmp_path / "z.npz")
    found = read(tmp_path / "z.npz")
    np.testing.assert_array_equal(found["row"], np.arange(25))
    x = (bright[..., None] / 255).astype(np.float32)
    expected = probvae.load(run).posterior(x).mean()
    np.testing.assert_allclose(found["mean"], expected, rtol=1e-5, atol=1e-6)
    assert [str(found["classes"][label]) for label in found["labels"]] == ["cat", "dog", "owl", "bee", "ant"] * 5
    assert "split" not in found  # nothing is split off


@pytest.mark.parametrize("count", [1, 2])
def test_a_single_example_is_encoded(count, run, others, tmp_path):
    np.save(tmp_path / "few.npy", others[1][:count])
    output = inference.encode(run.folder, Selection(file=tmp_path / "few.npy"))
    assert output.path == run.folder / "encodings-few-all.npz"
    np.testing.assert_array_equal(read(output.path)["row"], np.arange(count))
    with pytest.raises(UserError, match=r"expected one with examples, train or all; got 'test', which is empty"):
        Selection("test", given=1).splits(Given(others[1][:count], share=0.0).load())


def test_a_file_that_a_link_points_to_is_not_written_over(run, tmp_path):
    mine, link = tmp_path / "mine", run.folder / "encodings-test.npz"
    mine.write_text("precious")
    link.unlink(missing_ok=True)
    link.symlink_to(mine)
    inference.encode(run.folder, Selection("test"))
    assert mine.read_text() == "precious"
    assert len(read(link)["row"]) == 10
    assert [path.name for path in run.folder.glob(".*-encodings*")] == []


def test_one_split_of_other_examples_names_their_rows(run, others, tmp_path):
    path, bright = others
    inference.reconstruct(run.folder, Selection("validation", path), out=tmp_path / "x.npz")
    found = read(tmp_path / "x.npz")
    assert 0 < len(found["row"]) < 25
    np.testing.assert_allclose(found["x"][..., 0] * 255, bright[found["row"]], atol=1e-4)


def test_encodings_are_written_as_a_table_that_other_programs_read(run, others, tmp_path):
    inference.encode(run.folder, Selection(file=others[0]), out=tmp_path / "z.csv")
    inference.encode(run.folder, Selection(file=others[0]), out=tmp_path / "z.npz")
    with (tmp_path / "z.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    found = read(tmp_path / "z.npz")
    assert list(lines[0]) == ["labels", "row", "mean_0", "mean_1", "stddev_0", "stddev_1"]
    assert [line["labels"] for line in lines[:3]] == ["cat", "dog", "owl"]
    assert [int(line["row"]) for line in lines] == list(range(25))
    np.testing.assert_array_equal(np.float32([line["mean_1"] for line in lines]), found["mean"][:, 1])
    assert max(len(line["mean_1"]) for line in lines) < 16  # no digits of float64


@pytest.mark.parametrize("ids", [np.arange(25)[::-1], np.array([f"patient {n % 24}" for n in range(25)])])
def test_results_have_the_ids_of_the_examples(ids, run, others, tmp_path):
    np.savez(tmp_path / "named.npz", x=others[1], ids=ids)
    chosen = Selection(file=tmp_path / "named.npz")
    twice = len(set(ids.tolist())) < len(ids)
    with (
        pytest.warns(
            DataWarning, match="ids: expected a different one for each example; got 1 more than once, as pat"
        )
        if twice
        else contextlib.nullcontext()
    ):
        inference.encode(run.folder, chosen, out=tmp_path / "z.csv")
    with (tmp_path / "z.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert list(lines[0])[:3] == ["row", "id", "mean_0"]
    assert [line["id"] for line in lines] == [str(own) for own in ids]
    if not twice:
        inference.reconstruct(run.folder, chosen, out=tmp_path / "x.npz")
        np.testing.assert_array_equal(read(tmp_path / "x.npz")["id"], ids)


def test_examples_of_another_shape_are_an_error(run, tmp_path):
    np.save(tmp_path / "wide.npy", np.zeros((9, 7), np.uint8))
    with pytest.raises(UserError, match=r"expected examples of shape \[4, 4, 1\], .*; got \[7\]"):
        inference.encode(run.folder, Selection(file=tmp_path / "wide.npy"))


def test_values_that_the_likelihood_does_not_support_are_an_error(run, others):
    with pytest.raises(UserError, match=r"Set data\.divide_by = 255"):
        inference.encode(
            run.folder, Selection(file=others[0], overrides=["data.divide_by=1", "data.binarize=none"])
        )


def test_only_the_data_can_be_changed(run):
    with pytest.raises(UserError, match=r"Expected settings of the \[data\] table; got train\.seed=1"):
        inference.encode(run.folder, Selection(overrides=["train.seed=1"]))


def test_a_picture_of_all_splits_is_an_error(run):
    with pytest.raises(UserError, match="expected one split for a picture; got all"):
        inference.reconstruct(run.folder, Selection("all"))
