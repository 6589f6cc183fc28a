"""Encoders and decoders: any network with any head, for any leading shape."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from probvae import components as c
from probvae.components.networks.made import MADE
from probvae.core import Network, dtype_policy, named_variables
from probvae.errors import ConfigError, ShapeError, UserError

from .numerics import perturb

# Architecture


def shapes(network):
    return {name: tuple(v.shape) for name, v in named_variables(network).items()}


def test_the_conv_encoder_is_the_reference_recipe():
    encoder = c.NetworkEncoder(c.Conv((32, 64)), c.DiagonalNormal(2), (28, 28, 1))
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
    decoder = c.NetworkDecoder(c.ConvTranspose((64, 32)), c.Bernoulli((28, 28, 1)), 2)
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
    network = c.NetworkEncoder(c.Dense(()), c.DiagonalNormal(2), (3,)).network
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    kernel, bias = (v.numpy() for v in named_variables(network).values())
    np.testing.assert_allclose(network.outputs(x), x @ kernel + bias, rtol=1e-5)


def test_a_gated_layer_is_linear_times_sigmoid():
    network = c.NetworkEncoder(c.Dense((4,), "gated"), c.DiagonalNormal(2), (3,)).network
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    both, shift, last, bias = (v.numpy() for v in perturb(network).trainable_variables)
    linear, gate = np.split(x @ both + shift, 2, axis=1)
    np.testing.assert_allclose(
        network.outputs(x), linear / (1 + np.exp(-gate)) @ last + bias, rtol=1e-4, atol=1e-5
    )


def test_a_gated_convolution_is_linear_times_sigmoid():
    network = perturb(c.Conv((3,), activation="gated").connect((5, 6, 2), (2,)), 0.1)
    x = np.random.default_rng(0).normal(size=(4, 5, 6, 2)).astype(np.float32)
    kernel, shift = (v.numpy() for v in network.convolutions[0].variables)
    linear, gate = (
        tf.nn.conv2d(x, kernel[..., part], 2, "SAME").numpy() + shift[part] for part in (slice(3), slice(3, 6))
    )
    np.testing.assert_allclose(network.convolutions[0](x), linear / (1 + np.exp(-gate)), rtol=1e-4, atol=1e-5)


def test_the_published_gated_encoder_and_decoder_at_full_resolution():
    """Those of Tomczak and Welling (2018), and of Norouzi, Fleet and Norouzi (2020), for images of 28x28."""
    published = {"filters": (32, 32, 64, 64, 6), "kernel_size": (7, 3, 5, 3, 3), "strides": (1, 2, 1, 2, 1)}
    down = c.Conv(**published, activation="gated").connect((28, 28, 1), (80,))
    kernels = [shape for name, shape in shapes(down).items() if name.endswith("gate/kernel")]
    assert kernels == [(7, 7, 1, 64), (3, 3, 32, 64), (5, 5, 32, 128), (3, 3, 64, 128), (3, 3, 64, 12)]
    assert shapes(down)["last/kernel"] == (7 * 7 * 6, 80)
    full = {"filters": (64,) * 4, "strides": 1, "base_filters": 1, "hidden": (300,), "last_kernel_size": 1}
    up = c.ConvTranspose(**full, activation="gated").connect((80,), (28, 28, 1))
    assert (shapes(up)["hidden.0/linear_and_gate/kernel"], up.base_shape) == ((80, 600), (28, 28, 1))
    assert shapes(up)["first/linear_and_gate/kernel"] == (300, 2 * 784)
    assert [shapes(up)[f"convolutions.{i}/linear_and_gate/kernel"][:2] for i in range(4)] == [(3, 3)] * 4
    assert shapes(up)["last/kernel"] == (1, 1, 1, 64)


def test_a_residual_block_adds_to_its_input():
    encoder = c.NetworkEncoder(c.ResNet((3, 5), blocks=2), c.DiagonalNormal(2), (8, 8, 1))
    stages = encoder.network.stages
    assert [len(stage) for stage in stages] == [3, 3]  # a halving convolution, and two blocks
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype(np.float32)
    block = stages[0][1]
    assert np.abs(block(x) - x).max() > 1e-3
    for variable in block.second.variables:
        variable.assign(tf.zeros_like(variable))
    np.testing.assert_array_equal(block(x), x)


def test_parallel_networks_make_their_parts_of_the_outputs():
    network = perturb(c.Parallel(c.Conv((3,)), c.Dense((4,)), first_outputs=2).connect((5, 6, 1), (7,)))
    assert (network.first.out_shape, network.second.out_shape) == ((2,), (5,))
    x = np.random.default_rng(0).normal(size=(3, 4, 5, 6, 1)).astype(np.float32)
    found = network.outputs(x)
    np.testing.assert_array_equal(found[..., :2], network.first.outputs(x))
    np.testing.assert_array_equal(found[..., 2:], network.second.outputs(x))
    means_and_scales = c.Parallel(c.ConvTranspose((3,)), c.Dense(())).connect((2,), (8, 8, 2))
    assert means_and_scales.first.out_shape == means_and_scales.second.out_shape == (8, 8, 1)


# Sizes


def test_strides_that_do_not_divide_a_size_round_up_and_are_cropped():
    network = c.ConvTranspose((4, 3)).connect((2,), (79, 30, 1))
    assert network.base_shape == (20, 8, 32)
    assert network.sizes == [(40, 15), (79, 30)]


@pytest.mark.parametrize("shape", [(79, 79, 1), (28, 30, 3), (5, 1, 1), (79, 2), (1, 3)], ids=str)
@pytest.mark.parametrize(
    ("down", "up"),
    [
        (lambda: c.Conv((4, 3), activation="elu"), lambda: c.ConvTranspose((3, 4), activation="elu")),
        (
            lambda: c.Conv((4, 3), strides=(3, 1), activation="elu"),
            lambda: c.ConvTranspose((3, 4), (2, 5), strides=(2, 3), activation="elu"),
        ),
        (
            lambda: c.Conv((4, 3), activation="gated"),
            lambda: c.ConvTranspose((3, 4), strides=1, activation="gated", hidden=(5,), last_kernel_size=1),
        ),
        (lambda: c.ResNet((2, 3, 4)), lambda: c.ResNet((2, 3, 4))),
    ],
    ids=["conv", "conv with other strides", "gated conv", "resnet"],
)
def test_images_and_signals_of_any_size_go_down_and_up(down, up, shape):
    """A last element that were cut off, or never filled, would leave no gradient."""
    encoder = perturb(c.NetworkEncoder(down(), c.DiagonalNormal(2), shape))
    decoder = perturb(c.NetworkDecoder(up(), c.Normal(shape, "fixed"), 2))
    x = tf.constant(np.random.default_rng(0).normal(size=(3, *shape)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        z = encoder.posterior(x).mean()
    assert np.abs(tape.gradient(z, x)).sum(axis=(0, -1))[-1].max() > 0
    means = decoder.likelihood(np.eye(3, 2)).mean()
    assert means.shape == x.shape
    assert np.ptp(means, axis=0).min() > 0


def test_a_signal_goes_through_convolutions_of_one_dimension():
    network = c.Conv((4,), 5).connect((100, 3), (2,))
    assert shapes(network)["convolutions.0/kernel"] == (5, 3, 4)
    assert shapes(c.ConvTranspose((4,), 5).connect((2,), (100, 3)))["last/kernel"] == (3, 3, 4)
    assert shapes(c.ResNet((4,)).connect((100, 3), (2,)))["stages.0.0/kernel"] == (3, 3, 4)


# What is refused


@pytest.mark.parametrize(
    ("network", "shape", "parameter", "message"),
    [
        (c.Conv, (784,), "network", r"channels\]; got shape \[784\]\. Use 'dense'\."),
        (c.ResNet, (784,), "network", r"resnet: .*got shape \[4\]\. Use 'dense'\."),
        (c.ConvTranspose, (8, 8, 1), "network", r"got shape \[4\]\. Use 'conv', which goes from images"),
        (lambda: c.Conv(strides=(2, 2, 2)), (8, 8, 1), "strides", "each of the 2 layers"),
        (lambda: c.Conv(kernel_size=(3,)), (8, 8, 1), "kernel_size", r"got \[3\]"),
        (lambda: c.Parallel(c.Dense(), c.Conv()), (784,), "network", r"conv: .*got shape \[784\]"),
        (
            lambda: c.Parallel(c.Dense(), c.Dense(), 4),
            (8,),
            "network",
            r"got 4 for the first of 4 .*first_outputs",
        ),
    ],
)
def test_an_encoder_refuses_a_network_that_does_not_fit(network, shape, parameter, message):
    with pytest.raises(ConfigError, match=message) as error:
        c.NetworkEncoder(network(), c.DiagonalNormal(2), shape)
    assert error.value.parameter == parameter


@pytest.mark.parametrize("shape", [(4, 64, 1), (1, 28, 28), (2, 9)])
def test_convolutions_take_any_image_with_more_channels_for_a_condition_or_parameters(shape):
    encoder = c.NetworkEncoder(c.Conv((2,)), c.DiagonalNormal(2), shape, condition_dim=10)
    assert encoder.posterior(np.zeros((3, *shape)), np.eye(10)[:3]).event_shape == (2,)
    if len(shape) == 3:
        decoder = c.NetworkDecoder(c.ConvTranspose((2,)), c.DiscretisedLogisticMixture(shape), 2)
        assert decoder.likelihood(np.zeros((3, 2))).event_shape == shape


@pytest.mark.parametrize(
    ("network", "shape", "message"),
    [
        (
            c.Conv,
            (8, 8, 1),
            r"got shape \[2\]\. Use 'conv_transpose', which goes from vectors",
        ),
        (c.ConvTranspose, (784,), r"got shape \[784\]\. Use 'dense'\."),
        (c.ResNet, (784,), r"got shape \[784\]\. Use 'dense'\."),
    ],
)
def test_a_decoder_refuses_a_network_that_does_not_fit(network, shape, message):
    with pytest.raises(ConfigError, match=message) as error:
        c.NetworkDecoder(network(), c.Bernoulli(shape), 2)
    assert error.value.parameter == "network"


NETWORKS = {
    "Dense": lambda: c.Dense((6,), "gated"),
    "Conv": lambda: c.Conv((3,)),
    "ResNet": lambda: c.ResNet((3,)),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("shape", [(3, 16), (3, 4, 4), (3, 4, 4, 2), (4,)])
def test_inputs_of_another_shape_are_refused(name, shape):
    network = NETWORKS[name]().connect((4, 4, 1), (2,))
    with pytest.raises(ShapeError, match=rf"{name}: expected inputs \[..., 4, 4, 1\]; got ") as error:
        network.outputs(np.zeros(shape, np.float32))
    assert str(list(shape)) in str(error.value)


# The connection


def test_a_network_has_no_variables_before_it_is_connected():
    network = c.Dense((3,))
    assert not network.variables
    with pytest.raises(UserError, match=r"Dense: expected a connected network.*connect\(in_shape, out_shape\)"):
        network.outputs(np.zeros((2, 4), np.float32))


def test_a_network_is_connected_once():
    network = c.Dense((3,)).connect((4,), (2,))
    first = named_variables(network)
    assert network.connect((4,), (2,)) is network
    assert list(map(id, named_variables(network).values())) == list(map(id, first.values()))
    with pytest.raises(UserError, match=r"expected shapes \[4\] to \[2\].*got \[4\] to \[5\]\. Make another"):
        network.connect((4,), (5,))


class Wrong(Network):
    def make_layers(self, in_shape, out_shape):
        self.last = keras.layers.Dense(7)

    def map_rows(self, rows):
        return self.last(rows)


def test_a_network_that_returns_another_shape_is_refused():
    with pytest.raises(ShapeError, match=r"Wrong: expected map_rows to return \[N, 2\]; got \[2, 7\]"):
        Wrong().connect((4,), (2,))


def test_layers_compute_in_the_precision_of_when_the_network_was_made():
    with dtype_policy("mixed_bfloat16"):
        network = c.Dense((3,))
    network.connect((4,), (2,))
    assert [layer.compute_dtype for layer in [*network.hidden, network.last]] == ["bfloat16", "float32"]
    assert {variable.dtype for variable in network.variables} == {"float32"}
    assert network.outputs(np.zeros((5, 4), np.float32)).dtype == tf.float32


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


@pytest.mark.parametrize("hidden", [(), (1,), (4,), (7, 2, 5)], ids=str)
@pytest.mark.parametrize("size", [1, 3])
def test_made_with_a_context_sees_all_of_it_and_solves_for_its_inputs_as_repeated_passes_do(size, hidden):
    made = perturb(MADE(size, 2, hidden, context=2), 0.5)
    noise, context = (
        tf.constant(np.random.default_rng(2).normal(size=(7, count)), tf.float32) for count in (size, 2)
    )

    def value(noise, outputs):
        return noise * tf.exp(outputs[..., 0]) + outputs[..., 1]

    with tf.GradientTape(persistent=True) as tape:
        tape.watch([noise, context])
        expected = tf.zeros_like(noise)
        for _ in range(size):
            outputs = made.parameters(expected, context)
            expected = value(noise, outputs)
        x, found = made.solve(lambda i, output: value(tf.transpose(noise)[i], tf.transpose(output)), 7, context)
        losses = [tf.reduce_sum(tf.sin(a + tf.range(1.0, 1.0 + size))) for a in (expected, x)]
        firsts = tf.reduce_sum(outputs[:, 0])
    np.testing.assert_allclose(x, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found, outputs, rtol=1e-5, atol=1e-5)
    (by_noise, by_context), ours = (tape.gradient(loss, [noise, context]) for loss in losses)
    np.testing.assert_allclose(ours[0], by_noise, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(ours[1], by_context, rtol=1e-4, atol=1e-4)
    assert np.all(by_context != 0)
    if all(units >= size for units in hidden):  # wide enough for what the first output, too, reads of the context
        assert np.all(tape.gradient(firsts, context) != 0)


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


@pytest.mark.parametrize("hidden", [(), (1,), (2,), (5,), (3, 1), (7, 2, 5)], ids=str)
@pytest.mark.parametrize("size", [1, 2, 5])
def test_made_solves_for_its_inputs_one_after_another_as_repeated_passes_do(size, hidden):
    """Values, and gradients to all weights and to the noise."""
    made = perturb(MADE(size, 2, hidden), 0.5)
    noise = tf.constant(np.random.default_rng(1).normal(size=(7, size)), tf.float32)
    weights = [v.value for v in named_variables(made).values()]

    def value(noise, outputs):  # [..., 2] last
        return noise * tf.exp(outputs[..., 0]) + outputs[..., 1]

    with tf.GradientTape(persistent=True) as tape:
        tape.watch(noise)
        expected = tf.zeros_like(noise)
        for _ in range(size):
            outputs = made.parameters(expected)
            expected = value(noise, outputs)
        x, found = made.solve(lambda i, output: value(tf.transpose(noise)[i], tf.transpose(output)), 7)
        losses = [
            tf.reduce_sum(tf.sin(a)) + tf.reduce_sum(tf.cos(b)) for a, b in ((expected, outputs), (x, found))
        ]
    np.testing.assert_allclose(x, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found, outputs, rtol=1e-5, atol=1e-5)
    right, ours = (tape.gradient(loss, [noise, *weights], unconnected_gradients="zero") for loss in losses)
    for one, other in zip(ours, right, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
