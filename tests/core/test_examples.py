"""What a user gives to a model is of its shape, finite, and within the support of its likelihood."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from probvae import components as c
from probvae.core import VAE, Values
from probvae.core.examples import asserted, check_examples, check_shape, plain_assertions
from probvae.errors import ShapeError, UserError
from probvae.objectives import ELBO

from .tiny_models import D, E, binary_data, decoder, tiny_vae


def compiled(**options):
    vae = tiny_vae()
    vae.compile("adam", ELBO(), **options)
    return vae


@functools.cache
def unchanged():
    """A model for many tests: what is refused changes no weight."""
    return compiled()


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
    "log_joint": lambda vae, x: vae.log_joint(x, np.zeros((12, D), np.float32)),
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
        WAYS[way](unchanged(), np.zeros(shape, np.float32))


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
        ([[0.0, 0.35]], Values.levels(11, 10), r"multiples of 1/10 .*; got numbers .*np.round\(10 \* x\) / 10"),
        ([[0.0, 7.0]], Values.levels(256, 255), r"multiples of 1/255 .*; got integers .* Scale them: x / 7\."),
        ([[-1.0, 0.5]], Values(0, 1), "got numbers from -1 to 0.5. Transform x"),
        ([[-1.0, 2.5]], Values(0, np.inf, True), "integers from 0 up; got numbers from -1 to 2.5. Transform x"),
    ],
)
def test_the_error_says_what_values_there_are(x, support, message):
    with pytest.raises(UserError, match=message):
        check_examples(np.array(x), (2,), support)


def test_multiples_of_a_step_are_found_in_arrays_and_in_graphs():
    support, x = Values.levels(256, divide_by=255), np.arange(256, dtype=np.float32).reshape(64, 4) / 255
    check_examples(x, (4,), support)
    graph = tf.function(lambda x: asserted(x, support), autograph=False)
    np.testing.assert_array_equal(graph(x), x)
    with pytest.raises(UserError, match="multiples of 1/255 from 0 to 1; got others"), plain_assertions((4,)):
        graph(x + np.float32(0.1 / 255))


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


X = binary_data()
NO_EXAMPLES = {
    "None": (lambda: None, "expected an array of examples; got None"),
    "a path": (lambda: "x.npy", "expected an array of examples; got 'x.npy'"),
    "text": (lambda: X.astype(str), "expected an array of real numbers; got values of type <U32"),
    "objects": (lambda: X.astype(object), "expected an array of real numbers; got values of type object"),
    "complex": (lambda: X.astype(np.complex64), "expected an array of real numbers; got values of type complex64"),
    "rows of several lengths": (lambda: [[0.0], [0.0, 1.0]], "expected an array of real numbers; got a list"),
    "masked": (lambda: np.ma.masked_equal(X, 1), r"got a masked array. Fill it: x.filled\(value\)"),
    "sparse": (
        lambda: tf.sparse.from_dense(X),
        r"expected a dense array; got SparseTensor. .* tf.sparse.to_dense",
    ),
    "ragged": (lambda: tf.ragged.constant(X.tolist()), r"expected a dense array; got RaggedTensor. .*x.to_tensor"),
    "a dict": (lambda: {"image": X}, r"expected an array; got a dict of image"),
}


@pytest.mark.parametrize("way", ["fit", "evaluate", "log_weights", "log_joint"])
@pytest.mark.parametrize("kind", NO_EXAMPLES)
def test_what_is_no_array_of_numbers_is_refused(way, kind):
    make, message = NO_EXAMPLES[kind]
    with pytest.raises(UserError, match=message):
        WAYS[way](unchanged(), make())


@pytest.mark.parametrize("kind", [list, tuple, tf.Variable, keras.Variable])
def test_lists_and_variables_are_examples(kind):
    vae, x = compiled(), kind(X.tolist())
    np.testing.assert_array_equal(vae.log_weights(x, 2, 0), vae.log_weights(X, 2, 0))
    assert vae.evaluate(x, verbose=0) == vae.evaluate(X, verbose=0)
    with pytest.raises(UserError, match="0 and 1 only; got integers from 0 to 255"):
        vae.evaluate(kind((X * 255).tolist()), verbose=0)


def test_no_examples_at_all_are_refused():
    for run in (compiled().fit, compiled().evaluate, compiled().predict):
        with pytest.raises(UserError, match="x: expected at least one example; got none"):
            run(X[:0], verbose=0)


def test_numbers_too_large_for_single_precision_are_not_finite():
    vae = VAE(tiny_vae().encoder, decoder(head=c.Normal(E)), c.StandardNormal(D))
    with pytest.raises(UserError, match="expected finite numbers; got NaN or infinity in 12 of 12"):
        vae.log_weights(np.full((12, *E), 1e300), 1, 0)


def of_unknown_shape(x):
    batches = tf.data.Dataset.from_generator(lambda: iter([x]), output_signature=tf.TensorSpec(None))
    return batches.apply(tf.data.experimental.assert_cardinality(1))


@pytest.mark.parametrize("shape", [(4,), (8, 5)])
def test_a_dataset_of_unknown_shape_is_checked_as_its_batches_come(shape):
    vae, wrong = compiled(), of_unknown_shape(np.zeros(shape))
    for run in (lambda x: vae.fit(x, shuffle=False, verbose=0), vae.evaluate, vae.predict):
        with pytest.raises(ShapeError, match=r"x: expected examples \[B, 4\]; got shape \[" + str(shape[0])):
            run(wrong)
    assert vae.predict(of_unknown_shape(X), verbose=0).shape == X.shape


def test_single_batches_are_checked_too():
    vae = compiled()
    for run in (vae.train_on_batch, vae.test_on_batch):
        assert np.isfinite(run(X)[0])
        with pytest.raises(UserError, match="0 and 1 only; got integers from 0 to 255"):
            run(X * 255)
        with pytest.raises(ShapeError, match=r"Add the batch axis: x\[None\]"):
            run(X[0])


@pytest.mark.parametrize("option", ["sample_weight", "class_weight"])
def test_weights_of_examples_are_refused_with_targets_and_without(option):
    weights = np.ones(len(X)) if option == "sample_weight" else {0: 1.0}
    for targets in (None, np.zeros(len(X))):
        with pytest.raises(UserError, match=f"{option}: expected none, as all examples have the same weight"):
            compiled().fit(X, targets, verbose=0, **{option: weights})


def test_validation_data_is_checked_at_any_place_in_the_arguments():
    with pytest.raises(UserError, match="got integers from 0 to 255"):
        compiled().fit(X, None, 4, 1, 0, None, 0.0, X * 255)
