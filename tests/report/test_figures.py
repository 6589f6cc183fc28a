import subprocess
import sys
from dataclasses import replace
from statistics import NormalDist

import keras
import matplotlib
import numpy as np
import pytest
import tensorflow as tf

from probvae.components import (
    Bernoulli,
    Conditional,
    Dense,
    DiagonalNormal,
    NetworkDecoder,
    NetworkEncoder,
    Normal,
    StandardNormal,
)
from probvae.core import VAE, Condition, Split
from probvae.report import (
    NoPictureError,
    draw,
    latent_grid,
    latent_map,
    reconstructions,
    run_differences,
    samples,
    save,
)

from .models import Given, Meanless, Sphere, Spherical, Whole, data, described, model, rows, split, tfd

ALL = ["curves", "samples", "reconstructions", "latent_grid", "latent_map"]
SHAPES = {
    "grey image": (6, 5, 1),
    "colour image": (4, 4, 3),
    "point": (2,),
    "vector": (7,),
    "sequence": (9, 2),
    "rows": (6, 8),
}


@pytest.fixture(autouse=True)
def _matplotlibs_global_state_is_left_alone():
    before = ("matplotlib.pyplot" in sys.modules, dict(matplotlib.rcParams))
    yield
    assert before == ("matplotlib.pyplot" in sys.modules, dict(matplotlib.rcParams))


def text(figure):
    return " ".join(text.get_text() for text in figure.texts).replace("\n", " ")


def names(drawn):
    return [path.stem for path in drawn.written]


def test_importing_the_package_imports_neither_tensorflow_nor_matplotlib():
    code = "import sys, probvae.report; sys.exit(bool({'tensorflow', 'matplotlib', 'keras'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("event_shape", SHAPES.values(), ids=SHAPES)
def test_every_figure_of_such_data_is_written(event_shape, tmp_path):
    drawn = draw(model(event_shape), data(event_shape), rows(), tmp_path / "run" / "figures")
    assert names(drawn) == ALL
    assert drawn.left_out == {}
    for path in drawn.written:
        content = path.read_bytes()
        assert content.startswith(b"\x89PNG")
        assert len(content) < 500_000


@pytest.mark.parametrize("event_shape", [(1,), (2, 3, 4, 1)], ids=str)
def test_data_without_a_picture_is_left_out_with_the_reason(event_shape, tmp_path):
    drawn = draw(model(event_shape), data(event_shape), rows(), tmp_path)
    assert names(drawn) == ["curves", "latent_map"]
    assert set(drawn.left_out) == {"samples", "reconstructions", "latent_grid"}
    assert all(str(list(event_shape)) in reason for reason in drawn.left_out.values())


def test_the_same_seed_writes_the_same_files_and_another_seed_others(tmp_path):
    vae, shown = model((4, 4, 1), 3), split((4, 4, 1), count=60)
    figures = {
        "samples": lambda seed: samples(vae, seed),
        "reconstructions": lambda seed: reconstructions(vae, shown, seed),
        "latent_map": lambda seed: latent_map(vae, shown, seed),
    }
    for name, figure in figures.items():
        files = []
        for seed in (0, 0, 1):
            save(figure(seed), tmp_path / name)
            files.append((tmp_path / name).read_bytes())
        assert files[0] == files[1] != files[2]


def test_large_noisy_images_stay_small_files(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (40, 96, 96, 3), np.uint8)
    save(reconstructions(model((96, 96, 3)), Split(noise, divide_by=255.0)), tmp_path / "noise.png")
    assert 50_000 < (tmp_path / "noise.png").stat().st_size <= 500_000


# Examples


def test_reconstructions_stand_below_the_examples_and_are_named():
    figure = reconstructions(model((4, 4, 1)), split((4, 4, 1), count=40))
    for axes in figure.axes:
        assert [label.get_text() for label in axes.get_yticklabels()] == ["data", "model"]
    assert "Random test examples, and below each its reconstruction" in text(figure)


@pytest.mark.parametrize("count", [1, 25])
def test_few_examples_are_enough(count):
    reconstructions(model((4, 4, 1)), split((4, 4, 1), count=count)).draw_without_rendering()
    latent_map(model((4, 4, 1)), split((4, 4, 1), count=count)).draw_without_rendering()


@pytest.mark.parametrize("latent_dim", [2, 3])
def test_latents_on_a_sphere_are_mapped_without_regions_of_the_plane(latent_dim):
    vae = model((4, 4, 1), latent_dim, Sphere(latent_dim), Spherical(latent_dim))
    figure = latent_map(vae, split((4, 4, 1)))
    figure.draw_without_rendering()
    assert "All live on the unit sphere." in text(figure)
    assert "Grey" not in text(figure)


def test_a_circle_has_no_grid_of_quantiles_and_says_why():
    vae = model((4, 4, 1), 2, Sphere(2), Spherical(2))
    with pytest.raises(NoPictureError, match="latents that fill the plane; these live on the unit sphere"):
        latent_grid(vae)


@pytest.mark.parametrize("count", [1, 7, 100])
def test_any_number_of_samples_can_be_asked_for(count):
    figure = samples(model((4, 4, 1)), count=count)
    figure.draw_without_rendering()
    assert sum(round(axes.get_xlim()[1] * axes.get_ylim()[0]) for axes in figure.axes) == count


def test_every_chosen_example_is_reconstructed():
    figure = reconstructions(model((4, 4, 1)), split((4, 4, 1), count=25))
    assert [axes.get_xlim()[1] for axes in figure.axes] == [10, 10, 5]


def test_no_examples_are_not_enough(tmp_path):
    drawn = draw(model((4, 4, 1)), replace(data((4, 4, 1)), test=split((4, 4, 1), count=0)), [], tmp_path)
    assert names(drawn) == ["samples", "latent_grid"]
    assert drawn.left_out["latent_map"] == "There are no examples to draw."


def test_values_beyond_0_and_1_share_one_range_that_is_reported():
    figure = reconstructions(model((4, 4, 1)), Split(np.linspace(-3, 5, 64, dtype=np.float32).reshape(4, 4, 4, 1)))
    assert "Shades go from -3 (black) to 5 (white)." in text(figure)
    pixels = figure.axes[0].images[0].get_array()
    assert pixels.min() == 0
    binary = reconstructions(model((4, 4, 1), likelihood=Bernoulli((4, 4, 1))), Split(np.eye(4)[None, :, :, None]))
    assert "Shades" not in text(binary)


def test_a_tile_is_the_example_pixel_by_pixel():
    image = np.random.default_rng(0).random((1, 5, 4, 1)).astype(np.float32)
    figure = reconstructions(model((5, 4, 1), likelihood=Bernoulli((5, 4, 1))), Split(image))
    pixels = np.asarray(figure.axes[0].images[0].get_array())
    np.testing.assert_allclose(pixels[1:6, 1:5, 0], image[0, :, :, 0], atol=1e-6)


def test_points_are_drawn_over_the_data():
    figure = samples(model((2,)), data=split((2,), count=50))
    behind, front = figure.axes[0].collections
    assert len(behind.get_offsets()) == 50
    assert len(front.get_offsets()) == 2000


def test_a_likelihood_without_a_mean_is_sampled_and_says_so():
    vae = model((4, 4, 1), likelihood=Whole((4, 4, 1)))
    for figure in (samples(vae), latent_grid(vae), reconstructions(vae, split((4, 4, 1)))):
        assert "raw from p(x|z), which has no mean," in text(figure)


def test_outputs_that_are_not_finite_are_left_out_with_the_reason(tmp_path):
    vae = model((4, 4, 1))
    vae.decoder.network.weights[0].assign(np.full(vae.decoder.network.weights[0].shape, np.nan))
    drawn = draw(vae, data((4, 4, 1)), rows(), tmp_path)
    assert names(drawn) == ["curves", "latent_map"]
    assert set(drawn.left_out.values()) == {"The model's outputs are not all finite numbers."}


# Columns

COLUMNS = ("height in $_{", "cost in $", "age")


def ticks(axis):
    return tuple(label.get_text() for label in axis.get_ticklabels())


def test_the_figures_of_a_table_have_axes_with_the_names_of_its_columns():
    vae, shown, info = model((3,)), split((3,)), described((3,), columns=COLUMNS)
    drawn = samples(vae, data=shown, info=info)
    assert ticks(drawn.axes[0].xaxis) == COLUMNS
    assert drawn.axes[0].get_ylabel() == "value"
    assert [entry.get_text() for entry in drawn.axes[0].get_legend().get_texts()] == ["data", "samples"]
    made = reconstructions(vae, shown, info=info)
    assert len(made.axes) == 12
    assert all(ticks(axes.xaxis) == COLUMNS for axes in made.axes[-4:])
    grid = latent_grid(vae, info=info)
    assert "In each cell, from left to right: height in $_{, cost in $, age." in text(grid)
    for figure in (drawn, made, grid):
        figure.draw_without_rendering()


def test_a_row_is_a_line_through_its_values():
    vae, shown = model((3,)), split((3,), count=1)
    (axes,) = reconstructions(vae, shown).axes
    data_line, model_line = (lines.get_segments()[0] for lines in axes.collections)
    np.testing.assert_allclose(data_line, np.stack([np.arange(3), shown.stored[0]], axis=-1))
    assert np.isfinite(model_line).all()
    assert ticks(axes.xaxis) == ("x₁", "x₂", "x₃")
    low, high = axes.get_ylim()
    assert low < min(data_line[:, 1].min(), model_line[:, 1].min())
    assert high > max(data_line[:, 1].max(), model_line[:, 1].max())


def test_samples_of_a_table_are_draws_as_many_as_asked_for():
    vae = model((3,))
    (lines,) = samples(vae, seed=4, count=7).axes[0].collections
    np.testing.assert_allclose([line[:, 1] for line in lines.get_segments()], vae.sample(7, 4), rtol=1e-5)


def test_points_have_the_names_of_their_two_columns():
    info = described((2,), columns=("east", "north"))
    for figure in (
        samples(model((2,)), info=info),
        reconstructions(model((2,)), split((2,)), info=info),
        latent_grid(model((2,)), info=info),
    ):
        assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("east", "north")


def test_a_long_vector_is_a_line_without_names():
    assert "Heights go from" in text(reconstructions(model((40,)), split((40,))))


# Latents


def test_classes_have_their_names_in_the_map():
    info = described((4, 4, 1), classes=("cat", "$dog$", "a name that is longer than a legend has room for"))
    figure = latent_map(model((4, 4, 1)), split((4, 4, 1)), info=info)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    expected = ["cat", "$dog$", "a name that is… room for"]
    assert [entry.get_text() for entry in axes.get_legend().get_texts()] == expected
    assert [entry.get_text() for entry in axes.texts] == expected
    assert axes.get_legend().get_title().get_text() == "class"


def test_a_label_without_a_name_is_a_number():
    figure = latent_map(model((4, 4, 1)), split((4, 4, 1)), info=described((4, 4, 1), classes=("cat", "dog")))
    assert [entry.get_text() for entry in figure.axes[0].get_legend().get_texts()] == ["cat", "dog", "2"]


def test_no_line_of_a_heading_begins_with_a_unit():
    for latent_dim in (2, 3, 4):
        lines = latent_map(model((4, 4, 1), latent_dim), split((4, 4, 1))).texts[1].get_text().split("\n")
        assert not any(line.startswith("%") for line in lines)
        assert any("99\u00a0%" in line for line in lines)


def test_the_grid_has_the_decoders_means_at_the_priors_quantiles():
    vae = model((4, 4, 1), likelihood=Bernoulli((4, 4, 1)))
    pixels = np.asarray(latent_grid(vae).axes[0].images[0].get_array())
    side = len(pixels) // 4
    low, high = tfd.Normal(0.0, 1.0).quantile([0.5 / side, 1 - 0.5 / side]).numpy()
    # z1 grows to the right and z2 upwards.
    for tile, z in [(pixels[-4:, :4], [low, low]), (pixels[-4:, -4:], [high, low]), (pixels[:4, :4], [low, high])]:
        mean = vae.decoder.likelihood(tf.constant([z])).mean().numpy()[0]
        np.testing.assert_allclose(tile[..., :1], mean, atol=5e-3)


@pytest.mark.parametrize("latent_dim", [1, 3])
def test_only_two_latents_have_a_grid(latent_dim):
    with pytest.raises(NoPictureError, match=f"needs two latents; this model has {latent_dim}"):
        latent_grid(model((4, 4, 1), latent_dim))


def test_one_latent_has_no_map():
    with pytest.raises(NoPictureError, match="at least two latents"):
        latent_map(model((4, 4, 1), 1), split((4, 4, 1)))


def test_the_map_shows_every_posterior_mean():
    vae, shown = model((4, 4, 1)), split((4, 4, 1), labels=None)
    figure = latent_map(vae, shown)
    points = figure.axes[0].collections[-1].get_offsets()
    means = vae.posterior(shown.stored).mean().numpy()
    np.testing.assert_allclose(np.sort(points, axis=0), np.sort(means, axis=0), rtol=1e-5)
    assert "30 test examples, each at its posterior mean." in text(figure)
    assert figure.axes[0].get_legend() is None


def test_of_many_latents_the_map_shows_the_two_that_vary_most_and_says_so():
    vae, shown = model((4, 4, 1), 5), split((4, 4, 1))
    bias = vae.encoder.network.weights[-2]  # [hidden, 2 D]
    bias.assign(bias.value * np.array([1, 50, 1, 20, 1] * 2, np.float32))
    figure = latent_map(vae, shown)
    spread = vae.posterior(shown.stored).mean().numpy().var(axis=0)
    assert figure.axes[0].get_xlabel() == f"z₂ (variance {spread[1]:.2f})"
    assert figure.axes[0].get_ylabel() == f"z₄ (variance {spread[3]:.2f})"
    assert "Of 5 latents, the two that vary most over the examples." in text(figure)


def test_a_posterior_without_a_mean_is_sampled_and_says_so():
    figure = latent_map(model((4, 4, 1), posterior=Meanless(2)), split((4, 4, 1)))
    assert "each at one z ~ q(z|x)" in text(figure).replace("\u00a0", " ")


@pytest.mark.parametrize(("labels", "legend"), [(3, True), (10, True), (12, False)])
def test_labels_have_a_legend_as_long_as_colours_can_distinguish_them(labels, legend):
    axes, *bar = latent_map(model((4, 4, 1)), split((4, 4, 1), count=40, labels=labels)).axes
    assert bool(bar) is not legend
    if legend:
        entries = [entry.get_text() for entry in axes.get_legend().get_texts()]
        assert entries == [str(label) for label in range(labels)]


def test_a_prior_whose_density_is_not_known_has_a_map_and_no_grid(tmp_path):
    class Implicit(tfd.MultivariateNormalDiag):
        def _log_prob(self, z):
            raise NotImplementedError("no density")

    vae = model((4, 4, 1), prior=Given(lambda: Implicit([0.0, 0.0], [1.0, 1.0])))
    drawn = draw(vae, data((4, 4, 1)), rows(), tmp_path)
    assert names(drawn) == ["curves", "samples", "reconstructions", "latent_map"]
    assert "density" in drawn.left_out["latent_grid"]


def test_a_uniform_prior_has_a_map():
    box = Given(lambda: tfd.Independent(tfd.Uniform([-1.0, -1.0], [1.0, 1.0]), 1))
    latent_map(model((4, 4, 1), prior=box), split((4, 4, 1))).draw_without_rendering()


# Conditions

C = Condition(("cat", "dog", "eel"), one_hot=True)
NO_FORMULA = Condition(("in $", "data", "$x_{$"), one_hot=True)


def conditional(event_shape):
    """A model whose decoder takes a class."""
    keras.utils.set_random_seed(0)
    encoder = NetworkEncoder(Dense((4,)), DiagonalNormal(2), event_shape)
    decoder = NetworkDecoder(Dense((4,)), Normal(event_shape), 2, C.size)
    return VAE(encoder, decoder, StandardNormal(2))


def test_each_class_has_a_row_of_samples():
    vae = conditional((6, 5, 1))
    figure = samples(vae, seed=3, columns=C)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog", "eel"]
    tiles = np.asarray(axes.images[0].get_array())[..., 0].reshape(3, 8, 10, 7)[:, 1:7, :, 1:6]
    means = vae.sample(30, 3, mean=True, condition=np.eye(3)[np.arange(30) % 3]).numpy()[..., 0]
    shades = (means - means.min()) / np.ptp(means)
    for row, column in ((0, 0), (1, 0), (2, 9)):
        np.testing.assert_allclose(tiles[row, :, column], shades[3 * column + row], atol=1e-5)


def test_the_name_of_a_class_is_no_formula():
    vae = conditional((6, 5, 1))
    for figure in (
        samples(vae, columns=NO_FORMULA), latent_grid(vae, info=described((6, 5, 1), condition=NO_FORMULA))
    ):  # fmt: skip
        assert ticks(figure.axes[0].yaxis) == NO_FORMULA.names
        figure.draw_without_rendering()


def test_samples_of_one_class_and_of_very_many_have_no_rows():
    many = Condition(tuple(map(str, range(50))), one_hot=True)
    keras.utils.set_random_seed(0)
    decoder = NetworkDecoder(Dense((4,)), Normal((6, 5, 1)), 2, many.size)
    vae = VAE(NetworkEncoder(Dense((4,)), DiagonalNormal(2), (6, 5, 1)), decoder, StandardNormal(2))
    for figure in (samples(vae, columns=many), samples(conditional((6, 5, 1)), columns=C, condition=np.eye(3)[1])):
        assert not figure.axes[0].get_yticklabels()


def test_samples_of_points_are_coloured_by_class():
    figure = samples(conditional((2,)), columns=C, count=30)
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["cat", "dog", "eel"]


def test_classes_whose_names_look_alike_in_a_figure_are_kept_apart():
    alike = Condition(("data", "of some length, 1 and the rest", "of some length, 2 and the rest"), one_hot=True)
    expected = ["data", "data (2)", "of some length… the rest", "of some length… the rest (2)"]
    for size in (2, 3):
        vae, stored = conditional((size,)), np.zeros((4, size), np.float32)
        figure = samples(vae, data=Split(stored), columns=alike, count=30)
        legend = figure.axes[0].get_legend()
        assert [text.get_text() for text in legend.get_texts()] == expected
    figure = samples(conditional((6, 5, 1)), columns=alike)
    assert ticks(figure.axes[0].yaxis) == ("data", *expected[2:])
    figure = latent_map(model((4, 4, 1)), split((4, 4, 1)), info=described((4, 4, 1), classes=alike.names))
    assert [entry.get_text() for entry in figure.axes[0].get_legend().get_texts()] == ["data", *expected[2:]]


def test_a_class_whose_name_begins_with_an_underscore_is_in_the_legend():
    names = ("_noise_", "yes", "no")
    of_samples = samples(conditional((2,)), columns=Condition(names, one_hot=True), count=30)
    of_map = latent_map(model((4, 4, 1)), split((4, 4, 1)), info=described((4, 4, 1), classes=names))
    for figure in (of_samples, of_map):
        assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == [*names]


def test_runs_whose_names_are_long_are_kept_apart():
    names = [f"runs/of/a/sweep/with/a/long/name/seed={seed}/{kind}" for seed in (1, 2) for kind in ("a", "b" * 30)]
    shown = ticks(run_differences(names, [0.0] * 4, [0.0] * 4, "first").axes[0].yaxis)
    assert len(set(shown)) == 4
    assert max(map(len, shown)) < 30


def test_conditions_of_numbers_are_those_of_examples():
    vae, stored = conditional((2,)), np.zeros((4, 2), np.float32)
    numbers = Split(stored, condition=np.ones((4, 3), np.float32))
    assert samples(vae, data=numbers, columns=Condition(("a", "b", "c")), count=7)
    with pytest.raises(NoPictureError, match="Samples of a conditional model need conditions; none were given"):
        samples(vae, columns=Condition(("a", "b", "c")))


@pytest.mark.parametrize("prior", [False, True])
def test_each_class_has_a_row_of_the_latent_space(prior):
    """Along each latent; a column has the same quantiles of p(z), or of p(z|c)."""
    vae = conditional((6, 5, 1))
    if prior:
        vae = VAE(vae.encoder, vae.decoder, Conditional(C.size, Dense((3,)), DiagonalNormal(2)))
    figure = latent_grid(vae, info=described((6, 5, 1), condition=C))
    along_first, along_second = figure.axes
    assert along_first.get_xlabel() == "quantile of z₁, z₂ at its median"
    one_hot = np.eye(3, dtype=np.float32)
    p = vae.prior_given(one_hot) if prior else vae.prior.distribution()
    loc, scale = (np.broadcast_to(moment, (3, 2)) for moment in (p.mean(), p.stddev()))
    reach = [NormalDist().inv_cdf((number + 0.5) / 11) for number in range(11)]
    panels = []
    for latent in (0, 1):
        z = np.repeat(loc[:, None], 11, axis=1)  # [K, levels, 2]
        z[..., latent] += np.multiply.outer(scale[:, latent], reach)
        panels.append(vae.likelihood(z.astype(np.float32), one_hot[:, None]).mean().numpy()[..., 0])
    low, high = np.min(panels), np.max(panels)
    for axes, means in zip((along_first, along_second), panels, strict=True):
        assert [label.get_text() for label in axes.get_yticklabels()] == [*C.names]
        tiles = np.asarray(axes.images[0].get_array())[..., 0].reshape(3, 8, 11, 7)[:, 1:7, :, 1:6]
        np.testing.assert_allclose(tiles.swapaxes(1, 2), (means - low) / (high - low), atol=0.02)


def test_a_condition_of_numbers_or_on_points_has_no_grid():
    for shape, condition in (((6, 5, 1), Condition(("a", "b", "c"))), ((2,), C)):
        with pytest.raises(NoPictureError, match="has a row for each class; this model has another condition"):
            latent_grid(conditional(shape), info=described(shape, condition=condition))


def test_points_with_a_missing_value_are_left_out():
    x = Split(np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32))
    some = replace(x, observed=np.arange(10).reshape(5, 2) > 1)
    (joined, *_) = reconstructions(model((2,)), some).axes[0].collections
    assert len(joined.get_offsets()) == 4
    none = replace(x, observed=np.tile([True, False], (5, 1)))
    with pytest.raises(NoPictureError, match="examples without missing values; there are none"):
        reconstructions(model((2,)), none)
    assert "over the data" in text(samples(model((2,)), data=none))


def test_missing_values_are_gaps():
    x, observed = split((4,)), np.ones((30, 4), bool)
    observed[:, 1] = False
    missing = replace(x, observed=observed)
    figure = reconstructions(model((4,)), missing, info=described((4,)))
    assert "Gaps in the data are missing values." in text(figure)
    data, made = (lines.get_paths()[0].vertices[:, 1] for lines in figure.axes[0].collections)
    assert np.isnan(data).tolist() == [False, True, False, False]
    assert np.isfinite(made).all()
    (behind, *_) = samples(model((4,)), data=missing).axes[0].collections
    assert np.isnan([path.vertices[:, 1] for path in behind.get_paths()]).sum(0).tolist() == [0, 30, 0, 0]
    partly = replace(split((2,)), observed=np.arange(60).reshape(30, 2) > 20)
    assert len(samples(model((2,)), data=partly).axes[0].collections[0].get_offsets()) == 19
