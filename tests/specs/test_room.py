"""Room for a model: what cannot fit is refused before it is allocated, with the key to change."""

import os
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from probvae.core import VAE, trainable_names
from probvae.core.room import largest_tensor, variables_within
from probvae.errors import SpecError, TooLargeError
from probvae.registry import Registry
from probvae.specs import build_model, build_within_memory, plan, read, room

SPEC = {
    "schema": 1,
    "model": {
        "latent_dim": 2,
        "encoder": {"network": {"use": "dense", "hidden": [8]}},
        "decoder": {"network": {"use": "dense", "hidden": [8]}, "likelihood": {"use": "bernoulli"}},
        "prior": {"use": "mixture", "components": 3},
    },
    "data": {"use": "fashion_mini"},
}

MISUSES = {
    "model.prior.components=100000000": r"tensors float64 \[.*100000000\]",
    "objective.samples=1000000000": r"a training step with at least 4 tensors float32",
    "model.latent_dim=1000000000": r"variables of 64\.0 GB in all, the last of them float32 \[8, 2000000000\]",
    "model.encoder.network.hidden=[8, 1000000000]": r"variables of .* the last of them float32 \[8, 1000000000\]",
}

SCRIPT = r"""
import re, sys
from pathlib import Path
from probvae.errors import SpecError
from probvae.runs import check
from tests.specs.test_room import SPEC
for setting in sys.argv[1:]:
    try:
        check(SPEC, [setting])
    except SpecError as error:
        print(error)
# The peak of this process only: ru_maxrss would begin at that of the process that started it.
print(re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text()).group(1))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory of a process in kilobytes")
def test_a_number_that_is_too_large_is_reported_with_its_key_in_less_than_two_gigabytes():
    command = [sys.executable, "-c", SCRIPT, *MISUSES]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": "."}
    )
    *messages, peak = done.stdout.splitlines()
    assert int(peak) < 2_000_000
    for (setting, what), line in zip(MISUSES.items(), messages, strict=True):
        key, _, value = setting.partition("=")
        assert line.startswith(
            f"--set {setting}: {key}: expected a model that can be trained in the available memory"
        )
        assert f"got {value.strip('[]').split(', ')[-1]}, which makes" in line
        assert line.endswith("Lower it.")
        assert re.search(what, line), line


@pytest.fixture
def little(monkeypatch):
    """Makes the memory as small as given."""

    def make(size):
        monkeypatch.setattr(room, "available_memory", lambda: size)

    return make


def planned(*options):
    return plan(read(SPEC).override(options), Registry())


def test_a_model_that_fits_is_the_same_whether_it_was_tried_in_a_graph_first_or_not(monkeypatch):
    """Random numbers that the trial draws are not missing afterwards."""
    built = []
    for small in (room.SMALL, 4 * 784 * 4):
        monkeypatch.setattr(room, "SMALL", small)
        keras.utils.set_random_seed(3)
        vae = build_within_memory(planned(), (28, 28, 1), train_examples=100)[0]
        assert tf.executing_eagerly()
        built.append({name: variable.numpy() for name, variable in trainable_names(vae).items()})
    one, other = built
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


def test_a_model_is_refused_exactly_where_its_variables_and_what_trains_them_do_not_fit(little):
    keras.utils.set_random_seed(0)
    vae = build_model(planned("train.batch_size=1"), (28, 28, 1))[0]
    size = sum(4 * int(np.prod(variable.shape)) for variable in vae.variables)
    little(room.COPIES * size)
    assert isinstance(build_within_memory(planned("train.batch_size=1"), (28, 28, 1))[0], VAE)
    little(room.COPIES * size - 4)
    with pytest.raises(SpecError, match=r"model\.\w+\.\w+: expected a model that can be trained"):
        build_within_memory(planned("train.batch_size=1"), (28, 28, 1))


def test_tensors_of_a_step_that_fit_one_by_one_and_not_together_are_refused(little):
    options = ["model.prior.components=1000", "train.batch_size=16"]  # [16, 1000] in float64: 128,000 bytes
    little(8_000_000)
    assert isinstance(build_within_memory(planned(*options), (28, 28, 1))[0], VAE)
    with pytest.raises(SpecError, match=r"a training step with at least 4 tensors float64 \[16, 20000\]"):
        build_within_memory(planned("model.prior.components=20000", options[1]), (28, 28, 1))


@pytest.mark.parametrize(
    "key", ["model.latent_dim", "model.prior.components", "objective.samples", "train.batch_size"]
)
def test_a_size_that_tensorflow_cannot_count_is_refused(key):
    with pytest.raises(SpecError, match=rf"{key}: expected at most 2147483647; got 1000000000000\."):
        build_within_memory(planned(f"{key}=1000000000000"), (28, 28, 1))


def test_the_size_is_blamed_and_not_a_number_that_divides_it(little):
    little(10**6)
    with pytest.raises(SpecError, match=r"^--set .*: model\.encoder\.network\.hidden: .*; got 5006, which"):
        build_within_memory(planned("model.encoder.network.hidden=[5006]", "objective.samples=2"), (28, 28, 1))


def test_too_many_layers_are_blamed_on_their_number(monkeypatch):
    monkeypatch.setattr("probvae.core.room.MOST_VARIABLES", 20)
    layers = "model.prior={ use = 'maf', layers = 500, hidden = [4] }"
    with pytest.raises(SpecError, match=r"model\.prior\.layers: .*; got 500, which makes at least 21 variables"):
        build_within_memory(planned(layers), (4, 4, 1))


def test_where_the_memory_is_unknown_nothing_is_refused(little):
    little(None)
    assert isinstance(build_within_memory(planned(), (28, 28, 1))[0], VAE)


def test_variables_are_counted_however_they_are_made():
    made = [
        lambda: keras.layers.Layer().add_weight(shape=(10, 10)),
        lambda: keras.Variable(np.zeros((10, 10), np.float32)),
        lambda: tf.Variable(tf.zeros((10, 10))),
        lambda: tf.Variable(np.zeros((10, 10), np.float32)),
        lambda: tf.Variable(lambda: tf.zeros((10, 10))),
    ]
    for make in made:
        with variables_within(400):
            make()
        too_many = r"at least 2 variables of 800 bytes in all, .* float32 \[10, 10\]"
        with pytest.raises(TooLargeError, match=too_many), variables_within(799):
            make(), make()


def test_there_is_a_most_of_variables_however_small(monkeypatch):
    monkeypatch.setattr("probvae.core.room.MOST_VARIABLES", 2)
    little = [tf.zeros(())] * 3
    with pytest.raises(TooLargeError, match=r"at most 2 variables of .*; got at least 3"), variables_within(2**40):
        list(map(tf.Variable, little))


def test_the_largest_tensor_of_a_function_is_seen_without_computing_it():
    def function(x):
        return tf.reduce_sum(x[:, None] * tf.ones((1, 10**9)))

    assert largest_tensor(function, tf.TensorSpec((1000,), tf.float32)).shape == (1000, 10**9)
