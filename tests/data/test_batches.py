import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from probvae.core import Split, Stream, fold_in
from probvae.data import Batches, batches_in_order
from probvae.data.feeding.batches import padded_batches
from probvae.errors import ConfigError

from ..streams import Pages


def split(count, binarize_on_read=False):
    """Examples that are their own number."""
    return Split(np.arange(count, dtype=np.int32).reshape(count, 1), binarize_on_read=binarize_on_read)


def grey(count=64):
    return Split(np.full((count, 4, 4, 1), 128, np.uint8), divide_by=255.0, binarize_on_read=True)


def epoch(batches, number):
    """The order of an epoch, as a list of the batches' indices without those that fill up the last one."""
    first = number * batches.steps_per_epoch
    steps = range(first, first + batches.steps_per_epoch)
    return [batches.indices(step).numpy()[: batches.examples(step)] for step in steps]


SIZES = [(1, 1), (1, 256), (2, 1), (3, 2), (5, 5), (7, 3), (100, 10), (257, 256), (1_000, 300), (8_000, 256)]


@pytest.mark.parametrize(("count", "size"), SIZES)
def test_an_epoch_has_every_example_once_in_batches_of_the_size(count, size):
    batches = Batches(split(count), size, seed=3)
    parts = epoch(batches, number=2)
    assert sorted(np.concatenate(parts)) == list(range(count))
    assert [len(part) for part in parts[:-1]] == [size] * (len(parts) - 1)
    assert 1 <= len(parts[-1]) <= size
    assert batches.steps_per_epoch == -(-count // size)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 200), st.integers(1, 250), st.integers(-(2**63), 2**63 - 1), st.integers(0, 10_000))
def test_an_epoch_is_a_permutation_whatever_the_numbers(count, size, seed, number):
    parts = epoch(Batches(split(count), max(size, count // 5), seed), number)
    assert sorted(np.concatenate(parts)) == list(range(count))


def orders(count, epochs, seed=0):
    """The orders of the first epochs [epochs, count]."""
    batches = Batches(split(count), count, seed)
    all_of_them = tf.function(lambda steps: tf.map_fn(batches.indices, steps))
    return all_of_them(tf.range(epochs, dtype=tf.int64)).numpy()


def test_no_two_of_a_thousand_epochs_have_the_same_order():
    assert len(np.unique(orders(100, 1_000), axis=0)) == 1_000


def test_seeds_have_orders_of_their_own():
    found = [orders(100, 1, seed)[0] for seed in (0, 1, 2, -1, 2**40)]
    assert len(np.unique(found, axis=0)) == 5
    np.testing.assert_array_equal(found[0], orders(100, 1, seed=tf.constant([0, 0]))[0])


def test_orders_of_epochs_are_uncorrelated():
    """For random orders a correlation has mean 0 and variance 1 / (N - 1): 6 standard errors either way."""
    count, epochs = 1_000, 100
    found = np.corrcoef(orders(count, epochs))[np.triu_indices(epochs, 1)] * np.sqrt(count - 1)
    assert abs(found.mean()) < 6 / np.sqrt(len(found))
    assert abs(found.var() - 1) < 6 * np.sqrt(2 / len(found))


@pytest.mark.parametrize("count", [2, 3, 4])
def test_every_order_of_a_few_examples_is_equally_likely(count):
    """Pearson's chi-squared, whose mean is its degrees of freedom k and its variance 2 k."""
    possible = {2: 2, 3: 6, 4: 24}[count]
    _, seen = np.unique(orders(count, 1_200), axis=0, return_counts=True)
    expected = 1_200 / possible
    chi_squared = ((seen - expected) ** 2 / expected).sum() + (possible - len(seen)) * expected
    freedom = possible - 1
    assert chi_squared < freedom + 8 * np.sqrt(2 * freedom) + 16  # P < 1e-6 for these k


@pytest.mark.parametrize(("count", "size"), [(20, 5), (20, 6)])
def test_a_graph_gives_what_eager_execution_gives(count, size):
    batches = Batches(
        Split(np.linspace(0, 1, count, dtype=np.float32)[:, None], binarize_on_read=True), size, seed=1
    )
    graph = tf.function(batches.batch, input_signature=[tf.TensorSpec((), tf.int64)])
    for step in range(2 * batches.steps_per_epoch):
        eager = batches.batch(step)
        for made in (graph(step), batches.batch(tf.constant(step, tf.int32))):
            np.testing.assert_array_equal(made.x, eager.x)
            np.testing.assert_array_equal(made.weights, eager.weights)


@pytest.mark.parametrize("count", [64, 60, 3])
def test_the_size_of_every_batch_is_known_to_a_graph(count):
    shapes = []

    @tf.function(input_signature=[tf.TensorSpec((), tf.int64)])
    def look(step):
        batch = Batches(grey(count), 16, seed=0).batch(step)
        shapes.append((tuple(batch.x.shape), tuple(batch.weights.shape)))

    look.get_concrete_function()
    size = min(count, 16)
    assert shapes == [((size, 4, 4, 1), (size,))]


@pytest.mark.parametrize(
    ("count", "size", "replicas"), [(7, 3, 1), (6, 3, 3), (5, 8, 4), (5, 100, 2), (257, 16, 4)]
)
def test_padding_weighs_nothing_and_the_examples_the_same(count, size, replicas):
    batches = Batches(split(count), size, seed=1, replicas=replicas)
    assert batches.size % replicas == 0
    for step in range(2 * batches.steps_per_epoch):
        batch = batches.batch(step)
        x, weights = batch.x.numpy(), batch.weights.numpy()
        n = batches.examples(step)
        assert len(x) == len(weights) == batches.size
        np.testing.assert_array_equal(weights[:n], np.float32(1 / n))
        np.testing.assert_array_equal(weights[n:], 0)
        assert set(x[n:, 0]) <= set(range(count))


@pytest.mark.parametrize("first", [0, 1, 5, 1000])
def test_a_stream_has_the_batches_from_any_step_on(first):
    batches = Batches(Split(np.linspace(0, 1, 20, dtype=np.float32)[:, None], binarize_on_read=True), 6, seed=1)
    stream = batches.stream(first)
    for step in range(first, first + 9):
        for found, expected in zip(next(stream), batches.batch(step), strict=True):
            np.testing.assert_array_equal(found, expected)


def test_a_batch_holds_the_examples_of_its_indices_prepared():
    batches = Batches(Split(np.arange(10, dtype=np.uint8)[:, None], divide_by=255.0), 4, seed=0)
    for step in range(6):
        expected = batches.indices(step).numpy()[:, None].astype(np.float32) / np.float32(255)
        x = batches.batch(step).x
        assert x.dtype == tf.float32
        np.testing.assert_array_equal(x, expected)


def test_binarisation_is_a_function_of_the_seed_and_the_step():
    batches = Batches(grey(), 64, seed=5)
    first, second = batches.batch(0).x, batches.batch(1).x
    assert set(np.unique(first)) == {0.0, 1.0}
    assert abs(float(tf.reduce_mean(first)) - 128 / 255) < 6 * 0.5 / 32
    np.testing.assert_array_equal(first, batches.batch(0).x)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, Batches(grey(), 64, seed=6).batch(0).x)
    stored = tf.fill((64, 4, 4, 1), 128)
    np.testing.assert_array_equal(first, grey().prepare(stored, fold_in(5, Stream.BINARIZE, 0)))


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int64", "uint32", "float16", "float64"])
def test_any_type_of_numbers_comes_out_as_float32(dtype):
    batches = Batches(Split(np.arange(6, dtype=dtype)[:, None]), 3, seed=0)
    assert {*batches.batch(0).x.numpy().ravel(), *batches.batch(1).x.numpy().ravel()} == set(range(6))


def test_batches_in_order_have_all_examples():
    parts = [batch.x for batch in batches_in_order(split(10), 4, seed=0)]
    assert [len(part) for part in parts] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate(parts)[:, 0], np.arange(10))
    assert parts[0].dtype == tf.float32


@pytest.mark.parametrize(("count", "size"), [(10, 4), (8, 4), (3, 5), (1, 1)])
def test_in_order_is_what_chunks_are_filled_up(count, size):
    filled, plain = padded_batches(split(count), size, seed=0), batches_in_order(split(count), size, seed=0)
    for (batch, examples), chunk in zip(filled, plain, strict=True):
        assert examples == len(chunk.x)
        assert len(batch.x) == size
        np.testing.assert_array_equal(batch.x[:examples], chunk.x)
        np.testing.assert_allclose(
            tf.reduce_sum(batch.weights * batch.x[:, 0]), tf.reduce_mean(chunk.x), rtol=1e-6
        )


def test_the_bits_of_chunks_are_a_function_of_the_seed():
    first, again, other = (
        np.concatenate([batch.x for batch in batches_in_order(grey(), 10, seed)]) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_batch_size_below_one_and_an_empty_split_are_refused():
    with pytest.raises(ConfigError, match="batch_size: expected at least 1; got 0"):
        Batches(split(10), 0, seed=0)
    with pytest.raises(ConfigError, match="empty"):
        Batches(split(0), 1, seed=0)


# Streamed examples


def streamed(count=23, size=5, seed=1, replicas=1, **how):
    return Batches(Split(Pages(split(count).stored), **how), size, seed, replicas)


@pytest.mark.parametrize(("count", "size"), [(1, 1), (6, 6), (23, 5), (23, 64)])
def test_a_streamed_epoch_has_every_example_once_in_batches_of_the_size(count, size):
    batches = streamed(count, size)
    stream = batches.stream(0)
    for epoch in range(2):
        steps = [epoch * batches.steps_per_epoch + number for number in range(batches.steps_per_epoch)]
        parts = [next(stream).x.numpy()[: batches.examples(step), 0] for step in steps]
        assert sorted(np.concatenate(parts)) == list(range(count))
        assert [len(part) for part in parts[:-1]] == [batches.size] * (len(parts) - 1)


@pytest.mark.parametrize("first", [0, 1, 4, 5, 13])
def test_a_stream_that_starts_at_a_step_has_what_the_whole_stream_has_there(first):
    batches = streamed(binarize_on_read=True, divide_by=23.0)
    stream, whole = batches.stream(first), batches.stream(0)
    for _ in range(first):
        next(whole)
    for step in range(first, first + 6):
        batch, expected = next(stream), next(whole)
        for made in (batch, batches.batch(step)):
            np.testing.assert_array_equal(made.x, expected.x)
            np.testing.assert_array_equal(made.weights, expected.weights)


def test_streamed_batches_have_one_shape_and_padding_weighs_nothing():
    batches = streamed(count=23, size=64, replicas=4)
    assert (batches.size, batches.steps_per_epoch, batches.examples(0)) == (24, 1, 23)
    batch = batches.batch(0)
    x, weights = batch.x, batch.weights
    indices = batches.indices(0).numpy()
    np.testing.assert_array_equal(x[:, 0], indices)
    assert indices[23] == indices[0]
    np.testing.assert_array_equal(weights, [np.float32(1 / 23)] * 23 + [0])


def test_only_the_examples_of_a_step_are_decoded():
    damaged = Batches(Split(Pages(split(23).stored, damaged=20)), 5, seed=1)
    bad = next(step for step in range(5) if 20 in damaged.indices(step))
    for step in range(5):
        if step != bad:
            damaged.batch(step)
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        damaged.batch(bad)
    assert str(damaged.fault(caught.value)) == "page 3 row 2 is damaged."
    assert damaged.fault(ValueError("another")) is None
    assert damaged.place(7) == "page 1 row 1"


def test_an_epoch_of_another_length_than_the_array_is_an_error():
    class Short(Pages):
        def epoch(self, seed):
            return super().epoch(seed).take(20)

    batches = Batches(Split(Short(split(23).stored)), 5, seed=1)
    with pytest.raises(tf.errors.FailedPreconditionError, match="contain 23 elements but contained only 20"):
        list(itertools.islice(batches.stream(0), 5))


@pytest.mark.parametrize("read", [lambda array: array, Pages], ids=["in memory", "streamed"])
def test_what_is_known_of_each_example_comes_with_it(read):
    """In batches of a training, of a stream from the middle of it, and in order; x is the example's number."""
    numbers = np.arange(11, dtype=np.int32)[:, None]
    labels = np.where(numbers[:, 0] % 3, numbers[:, 0], -1).astype(np.int16)
    condition, observed = (numbers * [1, 10]).astype(np.float32), numbers % 2 == 0
    known = Split(read(numbers), labels, condition=condition, observed=observed)
    batches = Batches(known, 4, seed=2)
    for batch in (batches.batch(5), *itertools.islice(batches.stream(4), 3)):
        which = batch.rows.numpy()
        np.testing.assert_array_equal(batch.x[:, 0], np.where(which % 2 == 0, which, 0))
        np.testing.assert_array_equal(batch.condition, condition[which])
        np.testing.assert_array_equal(batch.labels, labels[which])
        np.testing.assert_array_equal(batch.observed, observed[which])
        assert (batch.labels.dtype, batch.condition.dtype, batch.observed.dtype) == (tf.int64, tf.float32, tf.bool)
    (first, _), *_, (last, real) = padded_batches(known, 4, seed=0)
    assert real == 3
    np.testing.assert_array_equal(last.condition, condition[[8, 9, 10, 0]])
    np.testing.assert_array_equal(first.labels, labels[:4])
    assert first.rows is None
