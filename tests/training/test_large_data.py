"""Training on data that is not in memory: equal in every bit, resumed inside an epoch, clear about damage."""

import functools
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from probvae.core import Losses
from probvae.data import Arrays
from probvae.errors import DataError, TrainingError

from ..streams import Pages
from .setups import (
    Record,
    StepByStep,
    StopAt,
    Wrapped,
    assert_same,
    data,
    slots,
    trained,
    trainer,
    vae,
    weights,
)

SETTINGS = {"epochs": 3, "learning_rate": 1e-2}
STEPS = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The examples as .npy files."""
    made, root = data(), tmp_path_factory.mktemp("files")
    for part in ("train", "validation", "test"):
        np.save(root / f"{part}.npy", getattr(made, part).stored)
    return root


def arrays(root, binarize, in_memory):
    files = {part: str(root / f"{part}.npy") for part in ("train", "validation", "test")}
    return Arrays(**files, divide_by=255.0, binarize=binarize, in_memory=in_memory).load()


def streamed(damaged=None, **how):
    made = data(**how)
    return replace(made, train=replace(made.train, stored=Pages(made.train.stored, damaged)))


def stopped_and_resumed(load, stop, folder):
    """A training that is stopped after a step and resumes with a new trainer and new data; and its rows."""
    first, record = Record(), Record()
    stopped = trainer(examples=load(), folder=folder, callbacks=[first], kind=StepByStep, **SETTINGS)
    stopped.callbacks = [first, StopAt(stopped, stop)]
    assert not stopped.train()
    assert stopped.step == stop
    tf.random.set_seed(stop)
    again = trainer(vae(seed=5), examples=load(), folder=folder, callbacks=[record], kind=StepByStep, **SETTINGS)
    assert again.resume()
    assert again.train()
    return again, [*first.rows, *record.rows]


def assert_same_training(one, other):
    assert_same(weights(one.vae), weights(other.vae))
    for found, expected in zip(slots(one), slots(other), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("binarize", ["dynamic", pytest.param("static", marks=pytest.mark.slow)])
def test_training_on_a_file_is_training_on_the_array_in_every_bit(binarize, folder, tmp_path):
    whole = trained(examples=arrays(folder, binarize, in_memory=True), **SETTINGS)
    file = trained(examples=arrays(folder, binarize, in_memory=False), **SETTINGS)
    assert_same_training(file.trainer, whole.trainer)
    assert file.rows == whole.rows
    again, rows = stopped_and_resumed(lambda: arrays(folder, binarize, in_memory=False), STEPS + 1, tmp_path)
    assert_same_training(again, whole.trainer)
    assert rows == whole.rows


@pytest.mark.parametrize(
    "stop", [STEPS, STEPS + 2, *(pytest.param(stop, marks=pytest.mark.slow) for stop in (1, 3 * STEPS - 1))]
)
def test_training_on_a_stream_resumes_with_the_next_batch(stop, tmp_path):
    whole = whole_training_on_a_stream()
    losses = [row["train/loss"] for row in whole.rows]
    assert max(losses[1:]) < losses[0]
    again, rows = stopped_and_resumed(streamed, stop, tmp_path)
    assert_same_training(again, whole.trainer)
    assert rows == whole.rows


@functools.cache
def whole_training_on_a_stream():
    return trained(examples=streamed(), **SETTINGS)


@pytest.mark.traced
@pytest.mark.parametrize("jit", ["auto", False], ids=["XLA", "plain"])
def test_a_damaged_example_of_a_stream_ends_the_training_with_its_place(jit):
    with pytest.raises(DataError, match=r"page 2 row 1 is damaged\."):
        trained(examples=streamed(damaged=13), jit=jit, **SETTINGS)


def test_the_examples_with_a_bad_loss_are_named_by_their_places():
    examples = streamed(binarize_on_read=False)
    bad = data().train.stored[9].astype(np.float32) / 255

    def refuse_one(losses, x, step):
        is_bad = tf.reduce_all(tf.abs(x - bad) < 1e-6, axis=1)
        return Losses(tf.where(is_bad, np.inf, losses.per_example), losses.terms)

    message = r"not finite: loss in the training examples page 1 row 3\."
    with pytest.raises(TrainingError, match=message):
        trained(objective=Wrapped(refuse_one), examples=examples, epochs=1)
