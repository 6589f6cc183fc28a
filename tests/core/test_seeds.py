"""A seed is a function of its numbers: the same ones give the same, others give others."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from probvae.core import Stream, as_seed, fold_in
from probvae.errors import UserError

INTS = [0, 1, 2, -1, -2, 2**31 - 1, 2**31, -(2**31), 2**32 - 1, 2**32, 2**32 + 1, 2**40, -(2**40), 2**63 - 1]


def as_tuple(seed):
    assert seed.shape == (2,)
    assert seed.dtype == tf.int32
    return tuple(seed.numpy())


def test_ints_give_seeds_of_their_own():
    assert len({as_tuple(as_seed(seed)) for seed in INTS}) == len(INTS)
    assert [as_tuple(as_seed(seed)) for seed in INTS] == [as_tuple(as_seed(seed)) for seed in INTS]


@pytest.mark.parametrize("seed", [[3, 4], (3, 4), np.array([3, 4]), tf.constant([3, 4], tf.int64)], ids=repr)
def test_a_seed_of_two_numbers_stays_as_it_is(seed):
    assert as_tuple(as_seed(seed)) == (3, 4)


@pytest.mark.parametrize("seed", [np.int64(7), np.int32(7), tf.constant(7)], ids=["int64", "int32", "tensor"])
def test_an_integer_of_another_type_is_an_integer(seed):
    assert as_tuple(as_seed(seed)) == as_tuple(as_seed(7))


@pytest.mark.parametrize("seed", [[1], [1, 2, 3], [[1, 2]]], ids=str)
def test_a_seed_of_another_shape_is_refused(seed):
    with pytest.raises(ValueError, match="seed"):
        as_seed(seed)


@pytest.mark.parametrize(
    "seed",
    [(2**40, 1), (1, -(2**31) - 1), tf.constant([2**32, 0], tf.int64), tf.constant([0.7, 1.9]), tf.constant(1.5),
     2**64, -(2**63) - 1, 2**63, 1.5, [True, False]],
    ids=repr,
)  # fmt: skip
def test_a_seed_that_would_be_that_of_other_numbers_is_refused(seed):
    with pytest.raises(UserError, match=r"(?s)seed: expected an int, or two of them; got .* 64 bits"):
        as_seed(seed)


def test_words_of_32_bits_may_be_signed_or_not():
    assert as_tuple(as_seed((2**32 - 1, 2**31))) == (-1, -(2**31))
    assert as_tuple(as_seed(np.array([2**32 - 1, 1], np.uint32))) == (-1, 1)


def test_what_is_folded_in_matters():
    numbers = [0, 1, 2, -1, 1000, Stream.ORDER + 10, 2**31 - 1, -(2**31)]
    seeds = {as_tuple(fold_in(seed, a, b)) for seed in INTS for a, b in itertools.product(numbers, repeat=2)}
    assert len(seeds) == len(INTS) * len(numbers) ** 2
    assert as_tuple(fold_in(3, 1, 2)) == as_tuple(fold_in(fold_in(3, 1), 2))
    assert as_tuple(fold_in(3)) == as_tuple(as_seed(3))


def test_a_number_beyond_32_bits_matters_when_folded_in():
    assert as_tuple(fold_in(0, 2**32)) != as_tuple(fold_in(0, 0))


@pytest.mark.parametrize("number", INTS)
def test_a_tensor_is_folded_in_as_its_number_is(number):
    assert as_tuple(fold_in(3, tf.constant(number, tf.int64))) == as_tuple(fold_in(3, number))
    if -(2**31) <= number < 2**31:
        assert as_tuple(fold_in(3, tf.constant(number, tf.int32))) == as_tuple(fold_in(3, number))


def test_a_step_in_a_graph_gives_the_seed_of_the_number():
    @tf.function
    def folded(step):
        return fold_in(5, Stream.LATENT, step)

    for step in (0, 7, 2**31 - 1):
        for dtype in (tf.int32, tf.int64):
            assert as_tuple(folded(tf.constant(step, dtype))) == as_tuple(fold_in(5, Stream.LATENT, step))


def test_streams_of_a_seed_draw_different_numbers():
    draws = {float(tf.random.stateless_uniform((), fold_in(0, stream, 1))) for stream in Stream}
    assert len(draws) == len(Stream)


def test_seeds_are_the_same_in_code_that_autograph_converts():
    converted = tf.autograph.to_graph(as_seed)
    for seed in (tf.constant([-1917417380, 0]), (2, 3), -7):
        np.testing.assert_array_equal(converted(seed), as_seed(seed))
