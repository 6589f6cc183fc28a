"""Encoders and decoders: any network with any head, for any leading shape."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from probvae import components as c
from probvae.components.networks.made import MADE
from probvae.core import named_variables
from probvae.errors import ConfigError, ShapeError

from .numerics import perturb

# Architecture


def shapes(network):
    return {name: tuple(v.shape) for name, v in named_variables(network).items()}


def test_the_conv_encoder_is_the_reference_recipe():
    encoder = c.ConvEncoder((28, 28, 1), c.DiagonalNormal(2), (32, 64))
    assert shapes(encoder.network) == {
        "convolutions.0/kernel": (3, 3, 1, 32),
        "convolutions.0/bias": (32,),
        "convolutions.1/kernel": (3, 3, 32, 64),
        "convolutions.1/bias": (64,),
        "last/kernel": (3136, 4),
        "last/bias": (4,),
    }
    assert [layer.strides for layer in encoder.network.convolutions] == [(2, 2)] * 2
    assert {layer.activation for layer in encoder.network.convolutions} == {keras.activations.relu}
    assert encoder.network.last.activation is keras.activations.linear
    assert shapes(encoder) == {f"network/{name}": shape for name, shape in shapes(encoder.network).items()}


def test_the_conv_transpose_decoder_is_the_reference_recipe():
    decoder = c.ConvTransposeDecoder(2, c.Bernoulli((28, 28, 1)), (64, 32))
    network = decoder.network
    assert shapes(network) == {
        "first/kernel": (2, 1568),
        "first/bias": (1568,),
        "convolutions.0/kernel": (3, 3, 64, 32),  # Keras: [height, width, out, in]
        "convolutions.0/bias": (64,),
        "convolutions.1/kernel": (3, 3, 32, 64),
        "convolutions.1/bias": (32,),
        "last/kernel": (3, 3, 1, 32),
        "last/bias": (1,),
    }
    assert network.base_shape == (7, 7, 32)
    assert [layer.strides for layer in [*network.convolutions, network.last]] == [(2, 2), (2, 2), (1, 1)]
    assert network.first.activation is keras.activations.relu
    assert network.last.activation is keras.activations.linear


def test_a_dense_network_without_hidden_layers_is_affine():
    network = c.DenseEncoder((3,), c.DiagonalNormal(2), ()).network
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    kernel, bias = (v.numpy() for v in named_variables(network).values())
    np.testing.assert_allclose(network.outputs(x), x @ kernel + bias, rtol=1e-5)


def test_a_gated_layer_is_linear_times_sigmoid():
    network = c.DenseEncoder((3,), c.DiagonalNormal(2), (4,), "gated").network
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    both, shift, last, bias = (v.numpy() for v in perturb(network).trainable_variables)
    linear, gate = np.split(x @ both + shift, 2, axis=1)
    np.testing.assert_allclose(
        network.outputs(x), linear / (1 + np.exp(-gate)) @ last + bias, rtol=1e-4, atol=1e-5
    )


def test_a_residual_block_adds_to_its_input():
    encoder = c.ResNetEncoder((8, 8, 1), c.DiagonalNormal(2), (3, 5), blocks=2)
    stages = encoder.network.stages
    assert [len(stage) for stage in stages] == [3, 3]  # a halving convolution, and two blocks
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype(np.float32)
    block = stages[0][1]
    assert np.abs(block(x) - x).max() > 1e-3
    for variable in block.second.variables:
        variable.assign(tf.zeros_like(variable))
    np.testing.assert_array_equal(block(x), x)


# What is refused


@pytest.mark.parametrize(
    ("build", "parameter", "message"),
    [
        (lambda: c.ConvEncoder((30, 28, 1), c.DiagonalNormal(2)), "strides", "conv: .*divide.* by 4, and 30 x 28"),
        (lambda: c.ConvEncoder((3, 32, 32), c.DiagonalNormal(2)), None, r"conv: .*\[channels, .*moveaxis"),
        (
            lambda: c.ConvTransposeDecoder(2, c.Bernoulli((1, 28, 28))),
            None,
            r"\[1, 28, 28\].*\[channels, .*moveaxis",
        ),
        (lambda: c.ConvEncoder((9, 8, 1), c.DiagonalNormal(2), strides=(2, 3)), "strides", "by 6, and 9 x 8"),
        (lambda: c.ConvTransposeDecoder(2, c.Bernoulli((9, 9, 1)), (2, 2, 2), strides=3), "strides", "by 27"),
        (lambda: c.ResNetEncoder((28, 28, 1), c.DiagonalNormal(2), (4, 4, 4)), "filters", "by 8, and 28 x 28"),
        (lambda: c.ResNetDecoder(2, c.Bernoulli((28, 28, 1)), (4, 4, 4)), "filters", "by 8, and 28 x 28"),
        (
            lambda: c.ConvEncoder((784,), c.DiagonalNormal(2)),
            None,
            r"channels\]; got shape \[784\]",
        ),
        (lambda: c.ConvTransposeDecoder(2, c.Bernoulli((28, 28))), None, r"shape \[28, 28\].*axis.*'dense'"),
        (lambda: c.ResNetDecoder(2, c.Bernoulli((28, 28))), None, r"got shape \[28, 28\].*channel axis.*'dense'"),
        (
            lambda: c.ConvEncoder((8, 8, 1), c.DiagonalNormal(2), strides=(2, 2, 2)),
            "strides",
            "each of the 2 layers",
        ),
        (lambda: c.ConvEncoder((8, 8, 1), c.DiagonalNormal(2), kernel_size=(3,)), "kernel_size", r"got \[3\]"),
    ],
)
def test_settings_that_do_not_fit_are_refused(build, parameter, message):
    with pytest.raises(ConfigError, match=message) as error:
        build()
    # Too many halvings are as much the fault of the number of layers as of the strides.
    faults = {"filters", "strides"} if "divide" in str(error.value) else {parameter}
    assert error.value.parameter in faults


def test_the_error_for_two_channels_of_outputs_does_not_call_them_the_data():
    with pytest.raises(ConfigError, match=r"got shape \[28, 56\]. Give the data a channel axis"):
        c.ConvTransposeDecoder(2, c.Normal((28, 28), "per_element"))


ENCODERS = {
    "dense": lambda head: c.DenseEncoder((4, 4, 1), head, (6,), "gated"),
    "conv": lambda head: c.ConvEncoder((4, 4, 1), head, (3,)),
    "resnet": lambda head: c.ResNetEncoder((4, 4, 1), head, (3,)),
}


@pytest.mark.parametrize("network", ENCODERS)
@pytest.mark.parametrize("shape", [(3, 16), (3, 4, 4), (3, 4, 4, 2), (4,)])
def test_inputs_of_another_shape_are_refused(network, shape):
    encoder = ENCODERS[network](c.DiagonalNormal(2))
    with pytest.raises(ShapeError, match=rf"{network} network: expected inputs \[..., 4, 4, 1\]; got ") as error:
        encoder.posterior(np.zeros(shape, np.float32))
    assert str(list(shape)) in str(error.value)


def test_a_network_must_make_what_its_head_asks_for():
    from probvae.components.networks.dense import Dense

    with pytest.raises(ShapeError, match=r"DiagonalNormal asks for outputs \[4\]; the .*network makes \[5\]"):
        c.NetworkEncoder(Dense((3,), (5,)), c.DiagonalNormal(2))
    with pytest.raises(ShapeError, match=r"Bernoulli asks for outputs \[4\]; the .*network makes \[5\]"):
        c.NetworkDecoder(Dense((2,), (5,)), c.Bernoulli((4,)))


# MADE


@pytest.mark.parametrize("hidden", [(), (1,), (2,), (5,), (3, 1), (7, 2, 5)], ids=str)
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_made_sees_only_the_inputs_before(size, hidden):
    made = perturb(MADE(size, 2, hidden))
    x = tf.constant(np.random.default_rng(0).normal(size=(4, size)), tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        parts = tf.unstack(tf.reshape(made.parameters(x), (4, -1)), axis=1)  # one for each (input, parameter)
    rows = [tape.gradient(part, x) for part in parts]
    jacobian = np.stack([np.zeros((4, size)) if row is None else row for row in rows], axis=1)  # [4, D P, D]
    jacobian = np.abs(jacobian).reshape(4, size, 2, size).max(axis=(0, 2))
    np.testing.assert_array_equal(jacobian, np.tril(jacobian, -1))
    if all(units >= size - 1 for units in hidden):
        assert np.all(jacobian[np.tril_indices(size, -1)] > 0)


@pytest.mark.parametrize(
    ("size", "hidden"),
    [
        (100, (64, 64)),
        (100, (99,)),
        (100, (64, 7)),
        (100, (2,)),
        (40, (39, 64)),
        (40, (8, 38)),
        (40, (1,)),
        (3, (64,)),
    ],
    ids=str,
)
def test_made_cuts_no_input_off_and_sees_all_before_it_where_the_width_allows(size, hidden):
    """The pattern of the masks: which outputs a change of each input can reach."""
    made = MADE(size, 1, hidden)
    reaches = np.eye(size)
    for layer in [*made.hidden, made.last]:
        reaches = (reaches @ layer.mask.numpy() > 0).astype(float)  # [input, unit]
    assert not np.tril(reaches).any()
    assert reaches[:-1, -1].all()  # the last output depends on every input before it
    if min(hidden) >= size - 1:
        np.testing.assert_array_equal(reaches, np.triu(np.ones((size, size)), 1))
    elif min(hidden) > 1:
        # Degrees are spread evenly: an output misses fewer inputs just before it than a step for each layer.
        step = 1 + max(-(-(size - 2) // (units - 1)) for units in hidden)
        missing = np.triu(1 - reaches, 1)
        assert all(missing[:i, i].sum() < len(hidden) * step for i in range(size))


@pytest.mark.parametrize("size", [1, 2, 4])
def test_every_unit_of_made_learns(size):
    made = perturb(MADE(size, 2, (3, 5)))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(made.parameters(tf.random.stateless_normal((20, size), [1, 2])) ** 2)
    names = named_variables(made)
    for name, gradient in zip(names, tape.gradient(total, [v.value for v in names.values()]), strict=True):
        assert gradient is not None, name
        assert np.abs(gradient).max() > 0, name
        if name.endswith("bias"):
            assert np.all(gradient != 0), name  # no unit is cut off from the outputs by the masks


@pytest.mark.parametrize("leading", [(), (2,), (2, 3)])
def test_made_takes_any_leading_shape(leading):
    made = MADE(3, 2, (4,))
    x = np.random.default_rng(0).normal(size=(*leading, 3)).astype(np.float32)
    found = made.parameters(x)
    assert found.shape == (*leading, 3, 2)
    np.testing.assert_allclose(
        tf.reshape(found, (-1, 6)), tf.reshape(made.parameters(x.reshape(-1, 3)), (-1, 6)), atol=1e-5
    )
