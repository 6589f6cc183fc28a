"""Every variable of a component is seen, once, under a name that says where it is."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from probvae import components as c
from probvae.core import Component, named_variables, trainable_names
from probvae.errors import TrainingError
from probvae.objectives import ELBO

from .tiny_models import D, around, binary_data, decoder, encoder, holder, names, normal_prior, tiny_vae

tfb, tfd = tfp.bijectors, tfp.distributions


def dense():
    layer = keras.layers.Dense(1)
    layer.build((None, 2))
    return layer


class Foreign(keras.layers.Layer):
    """A Keras layer, no component, with a raw variable that Keras does not see."""

    def __init__(self):
        super().__init__()
        self.raw = tf.Variable(1.0)
        self.built = True


class OwnBijector(tfb.Bijector):
    """A bijector as a user writes one, around a Keras layer."""

    def __init__(self):
        super().__init__(forward_min_event_ndims=1, name="own")
        self.net = dense()


class OwnModule(tf.Module):
    def __init__(self, **attributes):
        super().__init__()
        for name, value in attributes.items():
            setattr(self, name, value)


class Weights(Component):
    def __init__(self):
        super().__init__()
        self.w = self.add_weight(shape=(2,), name="w")
        self.frozen = self.add_weight(shape=(), name="frozen", trainable=False)


class PrivateWeights(Component):
    def __init__(self):
        super().__init__()
        self._w = self.add_weight(shape=())
        self._ws = [self.add_weight(shape=()) for _ in range(2)]


HOLDERS = {
    "weights": (Weights, ["w", "frozen"]),
    "a layer": (lambda: holder(net=dense()), ["net/kernel", "net/bias"]),
    "layers in a list": (
        lambda: holder(nets=[dense(), dense()]),
        ["nets.0/kernel", "nets.0/bias", "nets.1/kernel", "nets.1/bias"],
    ),
    "a layer in a dict": (lambda: holder(nets={"a": dense()}), ["nets.a/kernel", "nets.a/bias"]),
    "layers in lists in a dict": (lambda: holder(nets={"a": [dense()]}), ["nets.a.0/kernel", "nets.a.0/bias"]),
    "a component in a component": (lambda: holder(inner=Weights()), ["inner/w", "inner/frozen"]),
    "a raw variable": (lambda: holder(v=tf.Variable(1.0)), ["v"]),
    "raw variables in a list": (lambda: holder(v=[tf.Variable(1.0), tf.Variable(2.0)]), ["v.0", "v.1"]),
    "a raw variable in a component": (lambda: holder(inner=holder(v=tf.Variable(1.0))), ["inner/v"]),
    "a distribution": (
        lambda: holder(
            d=tfd.Independent(
                tfd.Normal(tf.Variable([0.0, 0.0]), tf.Variable([1.0, 1.0])), reinterpreted_batch_ndims=1
            )
        ),
        ["d.distribution.loc", "d.distribution.scale"],
    ),
    "a transformed variable": (
        lambda: holder(d=tfd.Normal(0.0, tfp.util.TransformedVariable(1.0, tfb.Softplus()))),
        ["d.scale.pretransformed_input"],
    ),
    "a chain of bijectors": (
        lambda: holder(b=tfb.Chain([tfb.Shift(tf.Variable(1.0)), tfb.Scale(tf.Variable(2.0))])),
        ["b.bijectors.0.shift", "b.bijectors.1.scale"],
    ),
    "a layer in a module": (lambda: holder(m=OwnModule(net=dense())), ["m.net/kernel", "m.net/bias"]),
    "a raw variable in a module": (lambda: holder(m=OwnModule(v=tf.Variable(1.0))), ["m.v"]),
    "a layer in a bijector": (lambda: holder(b=OwnBijector()), ["b.net/kernel", "b.net/bias"]),
    "a foreign layer": (lambda: holder(net=Foreign()), ["net.raw"]),
    "a foreign layer in a list": (lambda: holder(nets=[{"a": Foreign()}]), ["nets.0.a.raw"]),
}


@pytest.mark.parametrize("kind", HOLDERS)
def test_a_name_is_the_path_of_attributes(kind):
    factory, expected = HOLDERS[kind]
    assert sorted(names(factory())) == sorted(expected)


@pytest.mark.parametrize("kind", HOLDERS)
def test_keras_trains_what_is_named(kind):
    component = HOLDERS[kind][0]()
    assert {id(v) for v in component.variables} == {id(v) for v in named_variables(component).values()}


@pytest.mark.parametrize(
    "factory", [*(factory for factory, _ in HOLDERS.values()), PrivateWeights], ids=[*HOLDERS, "private"]
)
def test_names_do_not_depend_on_what_was_built_before(factory):
    assert names(factory()) == names(factory())


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64, tf.int32, tf.bool])
def test_an_adopted_variable_shares_its_storage(dtype):
    raw = tf.Variable(tf.cast(1, dtype), trainable=False)
    seen = named_variables(holder(v=raw))["v"]
    assert seen.value is raw
    assert seen.dtype == dtype.name


def test_trainable_flags_are_kept():
    component = holder(a=tf.Variable(1.0), b=tf.Variable(1.0, trainable=False), inner=Weights())
    assert {name: v.trainable for name, v in named_variables(component).items()} == {
        "a": True,
        "b": False,
        "inner/w": True,
        "inner/frozen": False,
    }
    assert sorted(trainable_names(component)) == ["a", "inner/w"]


def test_a_frozen_component_keeps_its_adopted_variables():
    stored = around(tf.Variable(tf.ones(D)))
    vae = tiny_vae(normal_prior(lambda self: setattr(self, "d", stored), lambda self: self.d))
    vae.prior.trainable = False
    vae.compile(objective=ELBO(), run_eagerly=True)
    vae.fit(binary_data(), verbose=0)
    np.testing.assert_array_equal(stored.loc, np.ones(D))


def test_a_shared_layer_is_listed_once():
    layer = dense()
    assert names(holder(a=layer, b=[layer])) == ["a/kernel", "a/bias"]
    shared = encoder()
    prior = c.Vamp(shared, (4,), pseudo_inputs=3, initial="noise")
    listed = names(tiny_vae(prior, encoder=shared))
    assert not [name for name in listed if name.startswith("prior/encoder")]
    assert "encoder/network/last/kernel" in listed


def test_a_variable_shared_by_two_components_is_listed_once():
    raw = tf.Variable(1.0)
    component = holder(a=holder(v=raw), b=holder(v=raw))
    assert names(component) == ["a/v"]
    assert len(component.trainable_variables) == 1


def test_the_variables_of_a_model_are_named_by_its_parts():
    assert names(tiny_vae(c.Mixture(D, 3))) == [
        "encoder/network/hidden.0/kernel",
        "encoder/network/hidden.0/bias",
        "encoder/network/last/kernel",
        "encoder/network/last/bias",
        "decoder/network/hidden.0/kernel",
        "decoder/network/hidden.0/bias",
        "decoder/network/last/kernel",
        "decoder/network/last/bias",
        "prior/logits",
        "prior/loc",
        "prior/raw_scale",
    ]


def test_two_variables_with_one_name_are_refused():
    class Twice(Component):
        def __init__(self):
            super().__init__()
            self.add_weight(shape=(), name="same")  # no attribute distinguishes them
            self.add_weight(shape=(), name="same")

    with pytest.raises(TrainingError, match="two named 'same'"):
        named_variables(Twice())
    with pytest.raises(TrainingError, match=r"two named 'd\.1'"):
        named_variables(holder(d={1: tf.Variable(1.0), "1": tf.Variable(2.0)}))


def test_two_seed_generators_have_two_names():
    component = holder(a=keras.random.SeedGenerator(1), b=keras.random.SeedGenerator(1))
    assert len(names(component)) == 2


def test_a_component_that_forgets_super_raises_an_error_that_says_so():
    class Forgetful(Component):
        def __init__(self):
            self.v = tf.Variable(1.0)

    with pytest.raises(Exception, match=r"super\(\).__init__\(\)"):
        Forgetful()


def test_adopt_returns_the_thing_and_names_its_variables():
    component = holder()
    stored = tfd.Normal(tf.Variable(0.0), 1.0)
    assert component.adopt(stored, "base") is stored
    assert component.adopt(stored, "again") is stored
    assert names(component) == ["base.loc"]


# Training: what is adopted moves, what is hidden or idle is refused.

ADOPTED = {
    "a raw variable": lambda self: setattr(self, "loc", tf.Variable(tf.ones(D))),
    "a keras weight": lambda self: setattr(
        self, "loc", self.add_weight(shape=(D,), name="loc", initializer="ones")
    ),
}


@pytest.mark.parametrize("kind", ADOPTED)
def test_fit_moves_every_trainable_variable(kind):
    vae = tiny_vae(normal_prior(ADOPTED[kind], lambda self: around(tf.convert_to_tensor(self.loc))))
    check_that_fit_moves(vae)


def test_fit_moves_the_variables_inside_a_stored_distribution():
    def attributes(self):
        scale = tfp.util.TransformedVariable(tf.fill([D], 0.7), tfb.Softplus())
        self.d = tfd.MultivariateNormalDiag(tf.Variable(tf.ones(D)), scale)

    vae = tiny_vae(normal_prior(attributes, lambda self: self.d))
    assert len(vae.prior.trainable_variables) == 2
    check_that_fit_moves(vae)


def check_that_fit_moves(vae):
    before = {name: v.numpy().copy() for name, v in trainable_names(vae).items()}
    vae.compile(keras.optimizers.Adam(0.01), ELBO(), run_eagerly=True)
    vae.fit(binary_data(), batch_size=4, verbose=0)
    for name, variable in trainable_names(vae).items():
        assert np.abs(variable.numpy() - before[name]).max() > 1e-3, name


def in_a_closure(self):
    hidden = tf.Variable(tf.zeros(D), name="hidden")
    self.make = lambda: around(hidden)


def in_a_private_attribute(self):
    self._d = around(tf.Variable(tf.zeros(D), name="hidden"))
    self.make = lambda: self._d


def appended_after_assignment(self):
    self.ds = []
    self.ds.append(around(tf.Variable(tf.zeros(D), name="hidden")))
    self.make = lambda: self.ds[0]


def in_a_layer_of_a_sequential(self):
    layer = Foreign()
    layer.raw = tf.Variable(tf.zeros(D), name="hidden")
    self.net = keras.Sequential([layer])
    self.make = lambda: around(layer.raw)


@pytest.mark.parametrize(
    "hide", [in_a_closure, in_a_private_attribute, appended_after_assignment, in_a_layer_of_a_sequential]
)
def test_a_trainable_variable_that_is_hidden_is_refused_or_seen(hide):
    vae = tiny_vae(normal_prior(hide, lambda self: self.make()))
    if any("hidden" in v.value.name for v in vae.variables):
        return check_that_fit_moves(vae)
    vae.compile(objective=ELBO(), run_eagerly=True)
    with pytest.raises(TrainingError, match=r"belong to no component: hidden.*adopt"):
        vae.fit(binary_data(), verbose=0)
    return None


def test_a_trainable_variable_that_is_not_used_is_refused():
    def attributes(self):
        self.spare = tf.Variable(1.0)

    vae = tiny_vae(normal_prior(attributes, lambda self: around(tf.zeros(D))))
    vae.compile(objective=ELBO(), run_eagerly=True)
    with pytest.raises(TrainingError, match=r"does not depend on these trainable variables: prior/spare\."):
        vae.fit(binary_data(), verbose=0)


def test_an_unused_variable_that_is_not_trainable_is_fine():
    def attributes(self):
        self.spare = tf.Variable(1.0, trainable=False)

    vae = tiny_vae(normal_prior(attributes, lambda self: around(tf.zeros(D))))
    vae.compile(objective=ELBO(), run_eagerly=True)
    vae.fit(binary_data(), verbose=0)
    assert "prior/spare" in names(vae)


def test_a_distribution_that_copied_a_keras_weight_is_refused():
    def attributes(self):
        self.loc = self.add_weight(shape=(D,), name="loc")
        self.d = around(self.loc)

    vae = tiny_vae(normal_prior(attributes, lambda self: self.d))
    vae.compile(objective=ELBO(), run_eagerly=True)
    with pytest.raises(TrainingError, match=r"variables: prior/(d\.)?loc\. Build the distribution.*holds copies"):
        vae.fit(binary_data(), verbose=0)


def test_the_decoder_is_audited_too_in_a_traced_step():
    hidden = tf.Variable(0.0, name="hidden")

    class Shifted(c.NetworkDecoder):
        def likelihood(self, z):
            return super().likelihood(z + hidden)

    vae = tiny_vae(decoder=Shifted(c.Dense((3,)), c.Bernoulli((4,)), D))
    assert names(vae) == names(tiny_vae(decoder=decoder()))
    vae.compile(objective=ELBO())
    with pytest.raises(TrainingError, match="hidden"):
        vae.fit(binary_data(), verbose=0)
