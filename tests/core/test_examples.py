"""What a user gives to a model is of its shape, finite, and within the support of its likelihood."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from probvae import components as c
from probvae.core import VAE, Values
from probvae.core.examples import check_examples, check_shape
from probvae.errors import ShapeError, UserError
from probvae.objectives import ELBO

from .tiny_models import D, E, binary_data, decoder, tiny_vae


def compiled(**options):
    vae = tiny_vae()
    vae.compile("adam", ELBO(), **options)
    return vae


def dataset(x):
    return tf.data.Dataset.from_tensor_slices(x).batch(4)


def with_nan(x):
    x = x.copy()
    x[1, 1] = np.nan
    return x


WAYS = {
    "fit": lambda vae, x: vae.fit(x, verbose=0),
    "fit in eager mode": lambda vae, x: vae.fit(dataset(x), verbose=0, shuffle=False),
    "validation data": lambda vae, x: vae.fit(binary_data(), validation_data=(x,), verbose=0),
    "evaluate": lambda vae, x: vae.evaluate(x, verbose=0),
    "fit a dataset": lambda vae, x: vae.fit(dataset(x), verbose=0, shuffle=False),
    "evaluate a dataset": lambda vae, x: vae.evaluate(dataset(x), verbose=0),
    "log_weights": lambda vae, x: vae.log_weights(x, 2, 0),
    "log_joint": lambda vae, x: vae.log_joint(x, np.zeros((len(x), D), np.float32)),
}


@pytest.mark.parametrize("way", WAYS)
def test_values_without_probability_and_missing_values_are_refused_and_change_no_weight(way):
    vae = compiled(run_eagerly=way == "fit in eager mode")
    before = vae.get_weights()
    wrong = {
        "expected finite numbers; got NaN or infinity": with_nan(binary_data()),
        "expected values that the likelihood supports, 0 and 1 only; got": binary_data() * 255,
    }
    for message, x in wrong.items():
        with pytest.raises(UserError, match=message):
            WAYS[way](vae, x)
    if way != "validation data":
        for now, then in zip(vae.get_weights(), before, strict=True):
            np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize("way", ["fit", "evaluate", "fit a dataset", "log_weights", "log_joint"])
@pytest.mark.parametrize("shape", [(8,), (8, 2, 2), (8, 5)])
def test_another_shape_is_refused(way, shape):
    with pytest.raises(ShapeError, match=r"x: expected examples \[B, 4\]; got shape"):
        WAYS[way](compiled(), np.zeros(shape, np.float32))


def test_predict_and_posterior_check_the_shape_and_take_any_finite_values():
    vae = compiled()
    for run in (lambda x: vae.predict(x, verbose=0), vae.posterior):
        run(np.full((2, *E), 0.3, np.float32))
        with pytest.raises(ShapeError, match=r"expected examples \[B, 4\]; got shape \[2, 5\]"):
            run(np.zeros((2, 5), np.float32))
    with pytest.raises(UserError, match="in 1 of 12 examples, the first of them example 1"):
        vae.posterior(with_nan(binary_data()))


@pytest.mark.parametrize(
    ("shape", "event", "fix"),
    [
        ((28, 28, 1), (28, 28, 1), r"x\[None\]"),
        ((7, 28, 28), (28, 28, 1), r"x\[..., None\]"),
        ((7, 3, 32, 32), (32, 32, 3), r"np.moveaxis\(x, 1, -1\)"),
        ((7, 784), (28, 28, 1), r"x.reshape\(-1, 28, 28, 1\)"),
        ((7, 785), (28, 28, 1), "Build the model for this shape"),
        ((None, None), (28, 28, 1), "Build the model for this shape"),
    ],
)
def test_the_error_says_how_to_reshape(shape, event, fix):
    with pytest.raises(ShapeError, match=fix):
        check_shape(shape, event)


def test_shapes_that_are_unknown_in_part_are_let_through():
    check_shape((None, None, 28, 1), (28, 28, 1))
    check_shape((0, 28, 28, 1), (28, 28, 1))


@pytest.mark.parametrize(
    ("x", "support", "message"),
    [
        ([[0.0, 7.0]], Values(0, 1), r"numbers from 0 to 1; got integers from 0 to 7. Scale them: x / 7\."),
        ([[0.0, 0.5]], Values(0, 1, True), r"got numbers from 0 to 0.5. Binarize them, as in \(x > 0.5\)"),
        ([[-1.0, 0.5]], Values(0, 1), "got numbers from -1 to 0.5. Transform x"),
        ([[-1.0, 2.5]], Values(0, np.inf, True), "integers from 0 up; got numbers from -1 to 2.5. Transform x"),
    ],
)
def test_the_error_says_what_values_there_are(x, support, message):
    with pytest.raises(UserError, match=message):
        check_examples(np.array(x), (2,), support)


def test_values_are_checked_in_blocks_and_found_in_the_last(monkeypatch):
    monkeypatch.setattr("probvae.core.examples._BLOCK", 10)
    x = np.zeros((100, 4), np.float32)
    x[98, 3] = np.inf
    with pytest.raises(UserError, match="in 1 of 100 examples, the first of them example 98"):
        check_examples(x, (4,))
    x[98, 3] = 2
    with pytest.raises(UserError, match="got integers from 0 to 2"):
        check_examples(x, (4,), Values(0, 1))


def test_data_of_any_number_type_is_checked():
    for dtype in (bool, np.uint8, np.int64, np.float16):
        check_examples(np.ones((2, *E), dtype), E, Values(0, 1, True))


def test_a_model_of_real_data_takes_all_finite_numbers():
    vae = VAE(tiny_vae().encoder, decoder(head=c.Normal(E)), c.StandardNormal(D))
    vae.compile(keras.optimizers.Adam(), ELBO(), run_eagerly=True)
    vae.fit(binary_data() * 1e3 - 500, verbose=0)


def test_examples_that_a_graph_has_captured_are_checked_too():
    inside = tf.zeros((2, *E))
    outside = inside + 2.0
    tf.function(lambda: check_examples(inside, E, Values(0, 1)), autograph=False)()
    with pytest.raises(UserError, match="expected values that the likelihood supports"):
        tf.function(lambda: check_examples(outside, E, Values(0, 1)), autograph=False)()
