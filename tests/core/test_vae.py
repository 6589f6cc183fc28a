"""The model: its parts are checked against each other, and what follows from them is right."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from probvae import components as c
from probvae.core import (
    VAE,
    Batch,
    Dataset,
    Decoder,
    Encoder,
    LikelihoodHead,
    Losses,
    Metric,
    Objective,
    PosteriorHead,
    Prior,
)
from probvae.errors import ShapeError, UserError
from probvae.objectives import ELBO, IWAE

from .tiny_models import D, E, binary_data, decoder, encoder, normal_prior, tiny_vae

tfd = tfp.distributions


def prior_of(distribution):
    return normal_prior(lambda self: None, lambda self: distribution())


class LogitsOnly(Decoder):
    def likelihood(self, z):
        return tfd.Bernoulli(logits=tf.zeros((*z.shape[:-1], *E)))


class PosteriorWithoutEvent(c.NetworkEncoder):
    def posterior(self, x):
        q = super().posterior(x)
        return tfd.Normal(q.mean(), q.stddev())


MISFITS = {
    "a prior without an event": (
        lambda: tiny_vae(prior_of(lambda: tfd.Normal(tf.zeros(D), 1.0))),
        r"Special: expected p\(z\) with batch \[\] and event \[D\]; got batch \[2\] and event \[\]. .*Independent",
    ),
    "a prior with a batch": (
        lambda: tiny_vae(prior_of(lambda: tfd.MultivariateNormalDiag(tf.zeros((3, D)), tf.ones(D)))),
        r"got batch \[3\] and event \[2\]",
    ),
    "a decoder without Independent": (
        lambda: tiny_vae(decoder=LogitsOnly()),
        r"LogitsOnly: expected p\(x\|z\).*batch \[2\].*got batch \[2, 4\] and event \[\]",
    ),
    "an encoder without an event": (
        lambda: tiny_vae(encoder=PosteriorWithoutEvent(c.Dense(), c.DiagonalNormal(D), E)),
        r"PosteriorWithoutEvent: expected q\(z\|x\).*got batch \[2, 2\] and event \[\]",
    ),
    "a prior with more latents": (
        lambda: tiny_vae(c.StandardNormal(3)),
        r"NetworkDecoder to decode the 3 latents of StandardNormal; got: .*inputs \[..., 2\].*the same latent_dim",
    ),
    "an encoder with more latents": (
        lambda: tiny_vae(encoder=encoder(latent_dim=3)),
        r"one latent_dim; got 2 from StandardNormal and 3 from NetworkEncoder",
    ),
    "an encoder of other data": (
        lambda: tiny_vae(encoder=encoder(event_shape=(5,))),
        r"NetworkEncoder to encode examples \[4\], as NetworkDecoder.*inputs \[..., 5\].*the same event_shape",
    ),
}


@pytest.mark.parametrize("misfit", MISFITS)
def test_parts_that_do_not_fit_are_refused(misfit):
    build, message = MISFITS[misfit]
    with pytest.raises(ShapeError, match=message):
        build()


@pytest.mark.parametrize(
    "build",
    [
        lambda: VAE(decoder(), encoder(), c.StandardNormal(D)),
        lambda: VAE(encoder, decoder(), c.StandardNormal(D)),
        lambda: tiny_vae(prior_of(lambda: tf.zeros(D))),
        lambda: tiny_vae(prior_of(lambda: None)),
    ],
    ids=["swapped", "a function", "a tensor for a distribution", "nothing for a distribution"],
)
def test_a_part_of_the_wrong_kind_is_a_user_error(build):
    with pytest.raises(UserError):
        build()


def test_a_model_knows_its_sizes():
    vae = tiny_vae()
    assert (vae.latent_dim, vae.event_shape) == (D, E)


@pytest.mark.parametrize(
    "contract", [Encoder, Decoder, Prior, PosteriorHead, LikelihoodHead, Objective, Dataset, Metric]
)
def test_a_contract_without_its_method_cannot_be_built(contract):
    method = sorted(contract.__abstractmethods__)[0]
    lazy = type("Lazy", (contract,), {})
    with pytest.raises(TypeError, match=rf"abstract class Lazy .*{method}"):
        lazy()


def test_log_weights_are_log_p_minus_log_q():
    vae, x, samples = tiny_vae(c.Mixture(D, 3)), binary_data(5), 7
    log_w = vae.log_weights(x, samples, seed=3)
    q = vae.posterior(x)
    z = q.sample(samples, seed=tf.constant([0, 3])).numpy().astype(np.float64)
    mean, std = q.mean().numpy(), q.stddev().numpy()
    log_q = (-0.5 * ((z - mean) / std) ** 2 - np.log(std) - 0.5 * np.log(2 * np.pi)).sum(-1)
    logits = np.stack([vae.decoder.network.outputs(tf.constant(row, tf.float32)).numpy() for row in z])
    log_likelihood = (x * logits - np.logaddexp(0, logits)).sum(-1)
    log_prior = vae.prior.distribution().log_prob(tf.constant(z, tf.float32)).numpy()
    assert log_w.shape == (samples, 5)
    np.testing.assert_allclose(log_w, log_likelihood + log_prior - log_q, atol=2e-5)


@pytest.mark.parametrize("leading", [(), (3,), (2, 3)])
def test_the_log_joint_takes_any_leading_shape_of_latents(leading):
    vae, x = tiny_vae(), binary_data(5)
    z = np.random.default_rng(1).normal(size=(*leading, 5, D)).astype(np.float32)
    joint = vae.log_joint(x, z)
    assert joint.shape == (*leading, 5)
    each = [
        vae.decoder.likelihood(row).log_prob(x[i]) + vae.prior.distribution().log_prob(row)
        for i, row in enumerate(z.reshape(-1, 5, D)[-1])
    ]
    np.testing.assert_allclose(joint.numpy().reshape(-1, 5)[-1], each, rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.float64, np.uint8, bool])
def test_data_of_other_dtypes_counts_as_float32(dtype):
    vae, x = tiny_vae(), binary_data(5)
    np.testing.assert_allclose(vae.log_weights(x.astype(dtype), 2, 0), vae.log_weights(x, 2, 0), rtol=1e-6)


def test_shapes_of_what_is_drawn():
    vae, x = tiny_vae(), binary_data(5)
    assert vae.sample(3, seed=0).shape == (3, *E)
    assert vae.sample(3, seed=0, mean=True).shape == (3, *E)
    assert vae.reconstruct(x, seed=0).shape == (5, *E)
    assert vae(x).shape == (5, *E)
    assert vae.log_weights(x[:0], 2, 0).shape == (2, 0)


def test_sampled_latents_are_a_function_of_the_seed():
    vae = tiny_vae()
    one, same, other = (vae.sample_latents(4, seed=seed).numpy() for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_sample_means_are_the_means_of_what_is_sampled():
    vae = tiny_vae(decoder=decoder(head=c.Normal(E, "fixed", 0.5)))
    noise = (vae.sample(20_000, seed=4) - vae.sample(20_000, seed=4, mean=True)).numpy()
    assert np.all(np.abs(noise.mean(0)) < 5 * 0.5 / np.sqrt(20_000))
    np.testing.assert_allclose(noise.std(0), 0.5, rtol=5 / np.sqrt(2 * 20_000))


class NeedsADiagonal(ELBO):
    posterior = "diagonal"


def test_an_objective_that_needs_a_diagonal_posterior_refuses_another():
    tiny_vae().compile(objective=NeedsADiagonal())
    full = tiny_vae(encoder=c.NetworkEncoder(c.Dense(), c.FullCovarianceNormal(D), E))
    full.compile(objective=ELBO())
    with pytest.raises(UserError, match=r"expected a diagonal posterior.*got MultivariateNormalTriL"):
        full.compile(objective=NeedsADiagonal())


class _WithoutMean(tfd.Categorical):
    def _mean(self):
        raise NotImplementedError


class _Categories(LikelihoodHead):
    output_shape = E

    def likelihood(self, outputs):
        elements = _WithoutMean(logits=tf.stack([outputs, -outputs, 0 * outputs], -1), dtype=tf.float32)
        return tfd.Independent(elements, 1)


def test_a_likelihood_without_a_mean_is_reconstructed_by_a_draw():
    vae = tiny_vae(decoder=decoder(head=_Categories()))
    made = vae.reconstruct(binary_data(), seed=3).numpy()
    assert set(np.unique(made)) <= {0, 1, 2}
    np.testing.assert_array_equal(made, vae.reconstruct(binary_data(), seed=3))
    with pytest.raises(UserError, match=r"with a mean; that of NetworkDecoder has none. Leave out mean"):
        vae.sample(2, seed=0, mean=True)


DRAWS = {
    "sample": lambda vae, seed: vae.sample(4, seed=seed),
    "reconstruct": lambda vae, seed: vae.reconstruct(binary_data(), seed=seed),
    "log_weights": lambda vae, seed: vae.log_weights(binary_data(), 2, seed=seed),
}


@pytest.mark.parametrize("draw", DRAWS)
def test_a_draw_is_a_function_of_its_seed_alone(draw):
    vae, draw = tiny_vae(c.Mixture(D, 3)), DRAWS[draw]
    tf.random.set_seed(1)
    first = draw(vae, 7).numpy()
    keras.utils.set_random_seed(2)
    np.testing.assert_array_equal(draw(vae, 7), first)
    np.testing.assert_array_equal(draw(vae, tf.constant([0, 7])), first)
    np.testing.assert_allclose(tf.function(draw)(vae, 7), first, atol=1e-5)
    assert np.any(draw(vae, 8).numpy() != first)


def test_a_draw_without_a_seed_is_that_of_seed_zero():
    vae, x = tiny_vae(), binary_data(5)
    np.testing.assert_array_equal(vae.sample(3), vae.sample(3, seed=0))
    np.testing.assert_array_equal(vae.reconstruct(x), vae.reconstruct(x, seed=0))


# Keras' own methods

# Keras' variables do not take numpy 2's `copy` argument, and some of its callbacks meet that.
KERAS_AND_NUMPY_2 = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def compiled(objective=None, seed=0, run_eagerly=True):
    vae = tiny_vae()
    vae.compile(keras.optimizers.Adam(0.01), objective or ELBO(), seed=seed, run_eagerly=run_eagerly)
    return vae


def test_fit_reports_the_loss_and_its_terms_and_lowers_the_loss():
    vae, x = compiled(run_eagerly=False), binary_data(4).repeat(16, axis=0)
    history = vae.fit(x, epochs=12, batch_size=16, validation_data=(x,), verbose=0).history
    assert set(history) == {
        f"{v}{t}" for v in ("", "val_") for t in ("loss", "negative_log_likelihood", "kl", "beta")
    }
    assert history["loss"][-1] < history["loss"][0] - 0.1
    assert history["val_loss"][-1] < history["val_loss"][0] - 0.1
    result = vae.evaluate(x, batch_size=16, verbose=0, return_dict=True)
    np.testing.assert_allclose(result["loss"], history["val_loss"][-1], rtol=1e-6)
    np.testing.assert_allclose(result["loss"], result["negative_log_likelihood"] + result["kl"], rtol=1e-5)


def test_fit_stops_early_and_gives_back_the_best_weights():
    vae, x = compiled(), binary_data()
    before = [v.numpy() for v in vae.trainable_variables]
    stop = keras.callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True)
    vae.optimizer.learning_rate = 10.0  # never better than after its first epoch
    history = vae.fit(x, epochs=20, validation_data=(x,), callbacks=[stop], verbose=0).history
    assert len(history["loss"]) == stop.best_epoch + 3 < 20
    best = vae.evaluate(x, batch_size=32, verbose=0, return_dict=True)["loss"]
    np.testing.assert_allclose(best, min(history["val_loss"]), rtol=1e-5)
    assert any(np.any(v.numpy() != old) for v, old in zip(vae.trainable_variables, before, strict=True))


@KERAS_AND_NUMPY_2
def test_fit_lowers_the_learning_rate_on_a_plateau():
    vae, x = compiled(), binary_data()
    plateau = keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1e9)
    history = vae.fit(x, epochs=4, callbacks=[plateau], verbose=0).history
    np.testing.assert_allclose(history["learning_rate"], [0.01, 0.01, 0.005, 0.0025])
    np.testing.assert_allclose(float(vae.optimizer.learning_rate), 0.00125)


@KERAS_AND_NUMPY_2
def test_fit_writes_what_tensorboard_reads(tmp_path):
    vae, x = compiled(run_eagerly=False), binary_data()
    board = keras.callbacks.TensorBoard(tmp_path, histogram_freq=1)
    losses = vae.fit(x, epochs=2, validation_data=(x,), callbacks=[board], verbose=0).history
    for part, prefix in (("train", ""), ("validation", "val_")):
        (file,) = (tmp_path / part).iterdir()
        found = {}
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            for value in event.summary.value:
                if value.tag == "epoch_loss":
                    found[event.step] = float(tf.make_ndarray(value.tensor))
        assert [found[0], found[1]] == pytest.approx(losses[f"{prefix}loss"], rel=1e-6)


@KERAS_AND_NUMPY_2
def test_fit_saves_checkpoints_by_callback(tmp_path):
    vae, x = compiled(), binary_data()
    save = keras.callbacks.ModelCheckpoint(tmp_path / "best.weights.h5", "loss", save_weights_only=True)
    vae.fit(x, epochs=1, callbacks=[save], verbose=0)
    other = tiny_vae()
    other.load_weights(tmp_path / "best.weights.h5")
    for one, there in zip(vae.weights, other.weights, strict=True):
        np.testing.assert_array_equal(one, there)


def test_fit_takes_a_dataset_and_another_objective():
    vae, x = compiled(IWAE(3), run_eagerly=False), binary_data()
    batches = tf.data.Dataset.from_tensor_slices(x.astype(np.uint8)).batch(5)
    history = vae.fit(batches, epochs=2, verbose=0, shuffle=False, validation_data=batches).history
    assert set(history) == {"loss", "negative_elbo", "val_loss", "val_negative_elbo"}
    assert np.all(np.array(history["loss"]) <= history["negative_elbo"])


def test_evaluate_is_the_mean_over_examples_whatever_the_batches():
    vae, x = compiled(), binary_data(11)
    kl = [vae.evaluate(x, batch_size=size, verbose=0, return_dict=True)["kl"] for size in (3, 11)]
    np.testing.assert_allclose(kl, ELBO()(vae, Batch(x), 0, 0).terms["kl"].numpy().mean(), rtol=1e-5)


def test_evaluate_measures_after_the_warm_up():
    vae = compiled(ELBO(warmup_epochs=1000, steps_per_epoch=1))
    assert vae.evaluate(binary_data(), verbose=0, return_dict=True)["beta"] == 1.0
    assert vae.fit(binary_data(), verbose=0).history["beta"] == [0.0]


class Jumping(Objective):
    """A loss of 2²⁴ for an example of ones, and of 1 for one of zeros."""

    terms = ()

    def __call__(self, vae, batch, seed, step):
        ones = tf.reduce_mean(batch.x, axis=list(range(1, 1 + len(E))))
        return Losses(1.0 + (2.0**24 - 1.0) * ones, {})


def test_a_mean_over_many_batches_keeps_what_single_precision_loses():
    """2²⁴ + 1 is no float32."""
    vae = tiny_vae()
    vae.compile(objective=Jumping())
    x = np.zeros((3, *E), np.float32)
    x[0] = 1.0
    found = vae.evaluate(x, batch_size=1, verbose=0, return_dict=True)["loss"]
    assert found == pytest.approx((2**24 + 2) / 3, abs=0.01)


def test_two_fits_from_the_same_weights_and_seed_are_the_same():
    x, histories = binary_data(), []
    start = [np.random.default_rng(0).normal(size=v.shape) for v in tiny_vae().trainable_variables]
    for seed in (1, 1, 2):
        vae = compiled(seed=seed)
        for variable, value in zip(vae.trainable_variables, start, strict=True):
            variable.assign(value)
        histories.append(vae.fit(x, epochs=2, batch_size=6, shuffle=False, verbose=0).history["loss"])
    assert histories[0] == histories[1] != histories[2]


def fitted(optimizer, policy="float32"):
    """The weights and the loss of a model after a step, from the same weights."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        vae = tiny_vae()
    finally:
        keras.config.set_dtype_policy(before)
    rng = np.random.default_rng(0)
    vae.set_weights([rng.normal(size=v.shape) for v in vae.weights])
    vae.compile(optimizer, ELBO(), run_eagerly=True)
    loss = vae.fit(binary_data(), shuffle=False, verbose=0).history["loss"]
    return vae.get_weights(), loss


SCALING = {
    "a loss scale": (keras.optimizers.SGD(0.1, loss_scale_factor=1024.0), "float32"),
    "a dynamic scale": (keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1)), "float32"),
    "float16": (keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), 512), "mixed_float16"),
}


@pytest.mark.parametrize("how", SCALING)
def test_fit_takes_the_same_steps_with_an_optimizer_that_scales_the_loss(how):
    optimizer, policy = SCALING[how]
    (weights, losses), (expected, expected_losses) = fitted(optimizer, policy), fitted(keras.optimizers.SGD(0.1))
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-5 if policy == "float32" else 1e-2)
    for found, right in zip(weights, expected, strict=True):
        np.testing.assert_allclose(found, right, atol=1e-5 if policy == "float32" else 1e-2)


def test_predict_reconstructs():
    vae, x = compiled(), binary_data()
    predicted = vae.predict(x, verbose=0)
    assert predicted.shape == x.shape
    np.testing.assert_allclose(predicted, vae.reconstruct(x, seed=0), atol=1e-6)


def test_fit_needs_an_objective():
    with pytest.raises(UserError, match=r"expected .*objective.*got None"):
        tiny_vae().compile("adam")
    with pytest.raises(UserError, match=r"expected .*objective.*got <class"):
        tiny_vae().compile("adam", ELBO)


def test_the_summary_counts_the_parameters_of_each_part():
    lines = []
    tiny_vae(c.Mixture(D, 3)).summary(lines.append)
    rows = {line.split()[0]: line.split()[-2:] for line in lines}
    assert rows["encoder"] == ["49", "49"]  # 4 x 5 + 5 + 5 x 4 + 4
    assert rows["decoder"] == ["39", "39"]  # 2 x 5 + 5 + 5 x 4 + 4
    assert rows["prior"] == ["15", "15"]  # 3 + 2 x 6
    assert rows["total"] == ["103", "103"]
    assert "q(z|x): [B], [2]" in lines[1]


@pytest.mark.parametrize("option", ["loss", "metrics", "loss_weights", "weighted_metrics"])
def test_compile_refuses_what_would_have_no_effect(option):
    with pytest.raises(UserError, match=f"compile: expected no {option}, as the objective defines"):
        tiny_vae().compile(objective=ELBO(), **{option: ["mse"]})


@pytest.mark.parametrize("samples", [0, -1, 2.0, 2**31, "2", None])
def test_a_number_of_samples_is_a_positive_integer(samples):
    vae = tiny_vae()
    for draw in (lambda: vae.sample(samples), lambda: vae.log_weights(binary_data(), samples, 0)):
        with pytest.raises(UserError, match="samples: expected an integer from 1 to"):
            draw()


@pytest.mark.parametrize("seed", [None, 1.5, "a", [1], [1.0, 2.0]])
def test_a_seed_is_one_integer_or_two(seed):
    vae = tiny_vae()
    for draw in (lambda: vae.sample(2, seed), lambda: vae.compile(objective=ELBO(), seed=seed)):
        with pytest.raises(UserError, match="seed: expected an int, or two of them; got"):
            draw()
