"""The models of the benchmark as plain Keras layers and a loss that is written out: what a user would write."""

from __future__ import annotations

import keras
import tensorflow as tf

LATENTS = {"conv": 2, "dense": 20, "gated": 40}


class Gated(keras.layers.Layer):
    """(W x + b) * sigmoid(V x + c)."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.both = keras.layers.Dense(2 * units)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """[B, I] -> [B, units]."""
        linear, gate = tf.split(self.both(x), 2, axis=-1)
        return linear * tf.sigmoid(gate)


def networks(model: str) -> tuple[keras.Sequential, keras.Sequential]:
    """The encoder, images [B, 28, 28, 1] -> [B, 2 D], and the decoder, latents [B, D] -> [B, 28, 28, 1]."""
    layers, D = keras.layers, LATENTS[model]
    image, last = (28, 28, 1), {"dtype": "float32"}
    if model == "conv":
        transpose = {"strides": 2, "padding": "same", "activation": "relu"}
        down = [layers.Conv2D(count, 3, strides=2, padding="same", activation="relu") for count in (32, 64)]
        up = [layers.Dense(7 * 7 * 32, activation="relu"), layers.Reshape((7, 7, 32))]
        up += [layers.Conv2DTranspose(count, 3, **transpose) for count in (64, 32)]
        up += [layers.Conv2DTranspose(1, 3, padding="same", **last)]
    else:
        hidden = {"dense": lambda: [layers.Dense(400, "relu")], "gated": lambda: [Gated(300), Gated(300)]}[model]
        down = [layers.Flatten(), *hidden()]
        up = [*hidden(), layers.Dense(784, **last), layers.Reshape(image, **last)]
    down += [] if model != "conv" else [layers.Flatten()]
    encoder = keras.Sequential([layers.Input(image), *down, layers.Dense(2 * D, **last)])
    return encoder, keras.Sequential([layers.Input((D,)), *up])


def loss(encoder: keras.Sequential, decoder: keras.Sequential, x: tf.Tensor) -> tf.Tensor:
    """The mean negative evidence lower bound of binary images, in nats."""
    loc, raw = tf.split(encoder(x), 2, axis=-1)
    scale = tf.nn.softplus(raw) + 1e-4
    z = loc + scale * tf.random.normal(tf.shape(loc))
    kl = tf.reduce_sum(0.5 * (scale**2 + loc**2 - 1) - tf.math.log(scale), axis=1)
    cross_entropy = tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=decoder(z))
    return tf.reduce_mean(kl + tf.reduce_sum(cross_entropy, axis=[1, 2, 3]))


def binarised(images: tf.Tensor) -> tf.Tensor:
    """Bits of bytes: 1 with probability byte / 255."""
    x = tf.cast(images, tf.float32) / 255.0
    return tf.cast(tf.random.uniform(tf.shape(x)) < x, tf.float32)


def batches(images: object, size: int) -> tf.data.Dataset:
    """Shuffled batches of bits, forever."""
    dataset = tf.data.Dataset.from_tensor_slices(images).repeat().shuffle(10_000)
    return dataset.batch(size, drop_remainder=True).map(binarised).prefetch(4)


PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


def prepared(task: dict[str, object]) -> tuple[keras.Sequential, keras.Sequential, list[keras.Variable]]:
    """The networks of a task in its precision, and their variables."""
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(PRECISIONS[str(task["precision"])])
    encoder, decoder = networks(str(task["model"]))
    return encoder, decoder, [*encoder.trainable_variables, *decoder.trainable_variables]
