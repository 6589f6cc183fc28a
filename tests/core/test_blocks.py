"""Work on many rows at once takes bounded memory, and gives the same values."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import probvae
from probvae.components import Bernoulli, Dense, DiagonalNormal, NetworkDecoder, NetworkEncoder, StandardNormal
from probvae.core import blocks

SCRIPT = r"""
import re
from pathlib import Path

import numpy as np

import probvae
from probvae.components import (
    Bernoulli, Conv, ConvTranspose, DiagonalNormal, NetworkDecoder, NetworkEncoder, StandardNormal
)

def memory(field):
    return int(re.search(rf"{field}:\s*(\d+) kB", Path("/proc/self/status").read_text()).group(1)) // 1000

E = (28, 28, 1)
vae = probvae.VAE(
    NetworkEncoder(Conv(), DiagonalNormal(2), E),
    NetworkDecoder(ConvTranspose(), Bernoulli(E), 2),
    StandardNormal(2),
)
x = np.ones((4000, *E), np.float32)
vae.log_weights(x[:10], 2, 0)
before = memory("VmRSS")
vae.posterior(x).mean()
vae.log_weights(x[:2000], 2, 0)
vae.log_weights(x[:4], 1000, 0)
print(memory("VmHWM") - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory of a process from /proc")
def test_posteriors_and_weights_of_many_examples_take_less_than_300_megabytes():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 300  # 1,260 in one piece


def test_values_do_not_depend_on_the_size_of_blocks(monkeypatch):
    keras.utils.set_random_seed(0)
    vae = probvae.VAE(
        NetworkEncoder(Dense([5]), DiagonalNormal(2), (3,)),
        NetworkDecoder(Dense([5]), Bernoulli((3,)), 2),
        StandardNormal(2),
    )
    x = np.random.default_rng(0).integers(0, 2, (7, 3)).astype(np.float32)

    def results():
        weights = vae.log_weights(x, 4, seed=1)
        none = vae.log_weights(x[:0], 4, seed=1)
        return vae.posterior(x).mean(), weights, vae.sample(5, seed=2, mean=True), none

    whole = results()
    assert whole[1].shape == (4, 7)
    for largest in (1, 7, 12, 40):
        monkeypatch.setattr(blocks, "LARGEST", largest)
        for one, other in zip(whole, results(), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)


def test_gradients_go_through_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "LARGEST", 4)
    rows = tf.constant(np.arange(12.0).reshape(6, 2))
    with tf.GradientTape() as tape:
        tape.watch(rows)
        total = tf.reduce_sum(blocks.in_blocks(tf.square, rows, 2))
    np.testing.assert_allclose(tape.gradient(total, rows), 2 * rows)
