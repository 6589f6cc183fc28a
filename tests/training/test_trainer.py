"""Training: what is learned, that it is learned by the rule, and that interruptions leave no trace."""

import errno
import functools
import math
import shutil
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from safetensors.numpy import load_file

from probvae import components
from probvae.core import FINAL_STEP, VAE, Batch, Losses, Prior, Split, Stream, fold_in, trainable_names
from probvae.errors import CheckpointError, ConfigError, ProbvaeError, TrainingError
from probvae.objectives import ELBO, IWAE, SemiSupervised
from probvae.training import (
    Callback,
    Compilation,
    Trainer,
    TrainSettings,
    best_checkpoint,
    newest_checkpoint,
    restore,
)
from probvae.training.checkpoint import write

from .setups import (
    BATCH,
    STEPS,
    TRAIN,
    D,
    E,
    KillAt,
    Killed,
    Record,
    StepByStep,
    StopAt,
    Wrapped,
    assert_same,
    data,
    data_for,
    differs,
    dropping_vae,
    gradient_is_nan_at,
    is_nan_from,
    nothing_but_the_first_pixel,
    slots,
    state,
    trained,
    trainer,
    vae,
    weights,
)

tfd = tfp.distributions


@pytest.fixture(scope="module")
def reference():
    """A training of three epochs that nothing disturbed."""
    return trained(epochs=3)


# What is learned


def test_the_loss_falls(reference):
    losses = [row["train/loss"] for row in reference.rows]
    validation = [row["validation/loss"] for row in reference.rows]
    assert max(losses[1:]) < losses[0]
    assert validation == sorted(validation, reverse=True)


@pytest.mark.traced
@pytest.mark.parametrize("prior", ["standard_normal", "vamp"])
def test_every_trainable_variable_moves(prior):
    """With every other prior, and with convolutions, it is tested on runs."""
    model = vae(prior)
    before = weights(model)
    after = trained(model).weights
    trainable = set(trainable_names(model))
    assert any(name.startswith("prior/") for name in trainable) == (prior != "standard_normal")
    assert not [name for name in trainable if np.array_equal(before[name], after[name])]
    assert_same(*({name: of[name] for name in of if name not in trainable} for of in (before, after)))


def test_another_seed_gives_another_order_and_other_noise(reference):
    other = trained(epochs=3, seed=1)
    assert differs(other.weights, reference.weights)
    assert other.rows[0]["validation/loss"] != reference.rows[0]["validation/loss"]


def test_equal_seeds_give_the_same_weights_in_every_bit_whatever_the_global_random_state(reference):
    model = vae()
    keras.utils.set_random_seed(99)
    assert_same(trained(model, epochs=3).weights, reference.weights)


@pytest.mark.traced
def test_a_training_is_a_loop_of_gradient_clipping_and_adam():
    """Written out: the batches of each step, -log p(x|z) + KL, its gradient, and Adam's rule."""
    clip = 0.5
    done = trained(epochs=2, clip_norm=clip)
    model, rate, first, second = vae(), 1e-2, 0.9, 0.999
    variables = [variable.value for variable in model.trainable_variables]
    means, squares = ([tf.zeros_like(v) for v in variables] for _ in range(2))
    losses = []
    for step in range(2 * STEPS):
        x = done.trainer.batches.batch(step).x
        count = done.trainer.batches.examples(step)  # the rest fills up the epoch's last batch
        with tf.GradientTape() as tape:
            q = model.encoder.posterior(x)
            z = q.sample(1, seed=fold_in(0, Stream.LATENT, step))
            kl = tfd.kl_divergence(q, tfd.MultivariateNormalDiag(tf.zeros(D), tf.ones(D)))
            loss = tf.reduce_mean((kl - model.decoder.likelihood(z).log_prob(x)[0])[:count])
        gradients = tape.gradient(loss, variables)
        gradients, norm = tf.clip_by_global_norm(gradients, clip)
        assert norm > clip
        means = [first * m + (1 - first) * g for m, g in zip(means, gradients, strict=True)]
        squares = [second * s + (1 - second) * g**2 for s, g in zip(squares, gradients, strict=True)]
        size = rate * math.sqrt(1 - second ** (step + 1)) / (1 - first ** (step + 1))
        for variable, m, s in zip(variables, means, squares, strict=True):
            variable.assign_sub(size * m / (tf.sqrt(s) + 1e-7))
        losses.append((float(loss), count))
    for name, value in weights(model).items():
        np.testing.assert_allclose(done.weights[name], value, rtol=2e-4, atol=2e-6, err_msg=name)
    sums = np.array([loss * count for loss, count in losses]).reshape(2, STEPS).sum(axis=1)
    np.testing.assert_allclose([row["train/loss"] for row in done.rows], sums / TRAIN, rtol=1e-5)


def test_the_number_of_steps_between_checks_changes_only_how_often_progress_is_reported(reference):
    done = trained(epochs=3, kind=StepByStep)
    assert_same(done.weights, reference.weights)
    assert done.rows == reference.rows
    record = done.record
    reported = [(p.epoch, p.step, p.steps_per_epoch) for p in record.of("progress")]
    assert reported == [(epoch, step, 3) for epoch in (1, 2, 3) for step in (1, 2, 3)]
    assert len(reference.record.of("progress")) < len(reported)
    assert all(p.examples_per_second > 0 for p in record.of("progress"))
    last, epoch = record.of("progress")[0], record.of("epoch_ended")[0]
    assert last.means.keys() == epoch.train.keys() == epoch.validation.keys() == {"loss", *ELBO.terms}


def test_an_epoch_is_counted_in_steps_and_examples(reference):
    assert [(row["epoch"], row["step"]) for row in reference.rows] == [(1, 3), (2, 6), (3, 9)]
    assert {row["learning_rate"] for row in reference.rows} == {np.float32(1e-2)}


def test_a_batch_may_be_larger_than_the_data():
    done = trained(epochs=1, batch_size=1000)
    assert done.rows[0]["step"] == 1


@pytest.mark.traced
def test_another_objective_is_another_row():
    done = trained(objective=IWAE(3), epochs=1)
    row = done.rows[0]
    assert row["train/loss"] <= row["train/negative_elbo"]
    assert "train/kl" not in row


# What the numbers mean


def test_means_weigh_a_smaller_last_batch_by_its_examples():
    examples = data(binarize_on_read=False)
    done = trained(objective=Wrapped(nothing_but_the_first_pixel), examples=examples, epochs=1)
    for part, split in [("train", examples.train), ("validation", examples.validation)]:
        first = split.intensities()[:, 0].mean()
        assert done.rows[0][f"{part}/loss"] == pytest.approx(first, rel=1e-6)
        assert done.rows[0][f"{part}/kl"] == pytest.approx(2 * first, rel=1e-6)


def test_validation_is_the_same_each_time_and_does_not_move_the_model(reference):
    before = weights(reference.vae)
    one, other = reference.trainer.validate(), reference.trainer.validate()
    assert one == other
    assert {f"validation/{name}": value for name, value in one.items()}.items() <= reference.rows[-1].items()
    assert_same(weights(reference.vae), before)


def test_a_dynamic_validation_split_has_the_bits_of_the_seed_and_shares_none_with_training():
    """Seen through a loss that differs for each batch of bits."""
    grey = Split(np.full((BATCH, *E), 0.5, np.float32), binarize_on_read=True)
    examples = replace(data(), train=grey, validation=grey)
    place = tf.constant(np.random.default_rng(0).normal(size=(BATCH, *E)), tf.float32)

    def weigh(losses, x, step):
        return Losses(tf.reduce_sum(x * place, axis=1), losses.terms)

    def validated(seed):
        made = trainer(objective=Wrapped(weigh), examples=examples, seed=seed)
        return made, made.validate()["loss"]

    made, first = validated(0)
    assert first == validated(0)[1] != validated(1)[1]
    trained_on = [float(tf.reduce_mean(tf.reduce_sum(made.batches.batch(n).x * place, axis=1))) for n in range(20)]
    assert min(abs(first - loss) for loss in trained_on) > 1e-6


def test_validation_is_measured_where_schedules_have_ended():
    objective = ELBO(beta=0.5, warmup_epochs=1000, steps_per_epoch=1)
    done = trained(objective=objective, epochs=1)
    row = done.rows[0]
    assert row["train/beta"] == pytest.approx(0.5 * (0 * 8 + 1 * 8 + 2 * 4) / 1000 / TRAIN)
    assert row["validation/beta"] == 0.5
    nll, kl = row["validation/negative_log_likelihood"], row["validation/kl"]
    assert row["validation/loss"] == pytest.approx(nll + 0.5 * kl, rel=1e-6)
    x = done.trainer.data.validation.intensities()
    x = np.concatenate([x, x[: BATCH - len(x)]])  # filled up, with noise for all of them
    seed = fold_in(0, Stream.VALIDATION, Stream.LATENT, 0)
    by_hand = float(tf.reduce_mean(objective(done.vae, Batch(x), seed, tf.constant(FINAL_STEP)).per_example[:7]))
    assert row["validation/loss"] == pytest.approx(by_hand, rel=1e-5)


# Interruptions


@pytest.mark.traced
@pytest.mark.parametrize(
    "prior",
    ["conditional", *(pytest.param(prior, marks=pytest.mark.slow) for prior in ("dropping", "classified"))],
)
def test_a_killed_and_resumed_run_ends_as_one_that_was_not(prior, tmp_path):
    """With everything that depends on the step, and a layer that keeps a random state of its own."""
    model = dropping_vae if prior == "dropping" else functools.partial(vae, prior)
    settings = {
        "schedule": "cosine",
        "warmup_steps": 4,
        "clip_norm": 0.5,
        "examples": data_for(prior),
    }
    settings = {**settings, "epochs": 3, "kind": StepByStep}

    def objective():
        elbo = ELBO(warmup_epochs=7, steps_per_epoch=1)
        return SemiSupervised(elbo) if prior == "classified" else elbo

    whole = trained(model(), objective(), folder=tmp_path / "whole", **settings)
    first = Record()
    with pytest.raises(Killed):
        trainer(model(), objective(), tmp_path / "killed", [first, KillAt(STEPS + 2)], **settings).train()
    assert [row["epoch"] for row in first.rows] == [1]

    record = Record()
    again = trainer(model(seed=5), objective(), tmp_path / "killed", [record], **settings)
    assert again.resume()
    assert again.step == STEPS
    again.train()

    assert record.events[0] == ("resumed", 1, STEPS, [])
    assert_same(weights(again.vae), whole.weights)
    for one, other in zip(slots(again), slots(whole.trainer), strict=True):
        np.testing.assert_array_equal(one, other)
    assert [*first.rows, *record.rows] == whole.rows
    ends = [newest_checkpoint(tmp_path / run)[0].folder for run in ("whole", "killed")]
    for file in ("weights.safetensors", "optimizer.safetensors"):
        assert_same(load_file(ends[0] / file), load_file(ends[1] / file))
    assert state(ends[0]) == state(ends[1])


@pytest.mark.traced
@pytest.mark.parametrize(
    ("stops", "jit"),
    [((2, STEPS, STEPS + 1), False), ((STEPS + 2,), True)]
    + [pytest.param((stop,), True, marks=pytest.mark.slow) for stop in range(1, 3 * STEPS)],
)
def test_a_training_stopped_after_any_step_resumes_with_the_next_batch(stops, jit, tmp_path):
    """Stopped after each of these steps, and resumed by a trainer with other initial weights each time."""
    settings = {"epochs": 3, "kind": StepByStep, "jit": jit, "keep": 1}
    whole, done, rows = whole_training(jit), 0, []
    for stop in (*stops, None):
        record = Record()
        again = trainer(vae(seed=done), folder=tmp_path, callbacks=[record], **settings)
        again.callbacks = [record, StopAt(again, stop)]
        assert again.resume() == (done > 0)
        assert record.events == ([("resumed", done // STEPS, done, [])] if done else [])
        assert again.train() == (stop is None)
        rows += record.rows
        done = again.step
        assert stop in (None, done)
    assert_same(weights(again.vae), whole.weights)
    for one, other in zip(slots(again), slots(whole.trainer), strict=True):
        np.testing.assert_array_equal(one, other)
    assert rows == whole.rows


@functools.cache
def whole_training(jit):
    return trained(epochs=3, kind=StepByStep, jit=jit)


def test_checkpoints_are_written_every_checkpoint_steps_of_an_epoch(tmp_path):
    trained(folder=tmp_path, epochs=2, checkpoint_steps=2, keep=99)
    assert sorted(folder.name for folder in tmp_path.iterdir()) == [f"step-00000{step}" for step in (2, 3, 5, 6)]


def test_checkpoints_are_written_after_checkpoint_minutes(tmp_path):
    trained(folder=tmp_path, epochs=1, checkpoint_minutes=1e-9, keep=99, kind=StepByStep)
    assert sorted(folder.name for folder in tmp_path.iterdir()) == [f"step-00000{step}" for step in (1, 2, 3)]


@pytest.mark.parametrize("keep", [1, 3])
def test_the_newest_checkpoints_are_kept_and_the_best(keep, tmp_path):
    class Worsening(Trainer):
        def validate(self):
            return {"loss": float(self.step)}

    trained(folder=tmp_path, epochs=5, keep=keep, kind=Worsening)
    newest = [f"step-{step:06d}" for step in range(15, 0, -STEPS)][:keep]
    assert {folder.name for folder in tmp_path.iterdir()} == {"step-000003", *newest}


def test_old_checkpoints_stay_until_a_new_one_is_verified(tmp_path, monkeypatch):
    def damaged(root, arrays, state):
        written = write(root, arrays, state)
        (written.folder / "weights.safetensors").write_bytes(b"")
        return written

    trained(folder=tmp_path, epochs=2, keep=1)
    monkeypatch.setattr("probvae.training.saver.write", damaged)
    again = trainer(folder=tmp_path, epochs=3, keep=1)
    again.resume()
    with pytest.raises(CheckpointError, match="step-000009"):
        again.train()
    found, complaints = newest_checkpoint(tmp_path)
    assert (found.step, len(complaints)) == (2 * STEPS, 1)


def test_a_full_disk_ends_the_training_with_the_last_good_checkpoint(tmp_path, monkeypatch):
    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    trained(folder=tmp_path, epochs=1)
    monkeypatch.setattr("probvae.training.checkpoint.write_through", full)
    again = trainer(folder=tmp_path, epochs=3)
    again.resume()
    with pytest.raises(CheckpointError, match=r"step-000006 could not be written.*No space left.*intact"):
        again.train()
    assert newest_checkpoint(tmp_path)[0].step == STEPS


def test_a_checkpoint_of_another_run_is_not_resumed_from(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        done = trainer(folder=folder, epochs=2)
        done.run = folder.name
        done.train()
    shutil.rmtree(one / "step-000006")
    shutil.copytree(other / "step-000006", one / "step-000006")
    again = trainer(folder=one, epochs=2)
    again.run = "one"
    record = Record()
    again.callbacks = [record]
    again.resume()
    ((_, step, complaints),) = record.of("resumed")
    assert step == STEPS
    assert "belongs to another run" in complaints[0]


def test_a_run_killed_before_its_first_checkpoint_starts_anew(tmp_path):
    (tmp_path / ".step-000003.tmp").mkdir()
    assert not trainer(folder=tmp_path).resume()
    assert not trainer(folder=tmp_path / "not even this").resume()


@pytest.fixture
def finished(tmp_path_factory, two_epochs):
    """A folder with the checkpoints of two epochs."""
    folder = tmp_path_factory.mktemp("finished")
    shutil.copytree(two_epochs, folder, dirs_exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def two_epochs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    trained(folder=folder, epochs=2)
    return folder


def test_a_finished_run_takes_no_step_when_resumed(finished):
    record = Record()
    again = trainer(folder=finished, callbacks=[record], epochs=2)
    assert again.resume()
    again.train()
    assert record.events == [("resumed", 2, 2 * STEPS, [])]


def test_a_resumed_run_can_be_made_longer(finished, reference):
    again = trainer(folder=finished, epochs=3)
    again.resume()
    again.train()
    assert_same(weights(again.vae), reference.weights)


def test_a_resumed_run_skips_a_damaged_checkpoint_with_a_message(finished, reference):
    file = finished / "step-000006" / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    record = Record()
    again = trainer(folder=finished, epochs=3, callbacks=[record])
    again.resume()
    again.train()
    ((epoch, _, complaints),) = record.of("resumed")
    assert epoch == 1
    assert len(complaints) == 1
    assert str(file) in complaints[0]
    assert_same(weights(again.vae), reference.weights)
    assert newest_checkpoint(finished)[1] == []  # and the damaged one is replaced


def test_without_a_folder_nothing_is_resumed():
    assert not trainer().resume()


def test_checkpoints_kept_are_the_best_and_the_last_two(tmp_path):
    losses = iter([3.0, 1.0, 2.0, 4.0, 5.0])

    class Scripted(Trainer):
        def validate(self):
            return {"loss": next(losses)}

    done = trained(folder=tmp_path, kind=Scripted, epochs=5)
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["step-000006", "step-000012", "step-000015"]
    assert [epoch.best for epoch in done.record.of("epoch_ended")] == [True, True, False, False, False]


# Early stopping


class Scripted(Trainer):
    """Its validation losses are given, whatever the model does."""

    losses = (5.0, 4.0, 4.5, 4.0, 6.0, 1.0)

    def validate(self):
        return {"loss": self.losses[self.epoch - 1]}


class Snapshots(Record):
    """Keeps the weights after each epoch."""

    def __init__(self):
        super().__init__()
        self.model = None
        self.weights = {}

    def epoch_ended(self, epoch):
        super().epoch_ended(epoch)
        self.weights[epoch.epoch] = weights(self.model)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A run that stops early: epoch 2 is best, and neither epoch 3 nor 4 is better."""
    folder = tmp_path_factory.mktemp("stopped")
    snapshots = Snapshots()
    snapshots.model = vae()
    done = trained(
        snapshots.model,
        folder=folder,
        kind=Scripted,
        callbacks=[snapshots],
        epochs=6,
        patience=2,
        learning_rate=0.1,
    )
    return folder, done, snapshots


def test_training_stops_when_patience_is_over(stopped):
    _, done, _ = stopped
    assert [row["epoch"] for row in done.rows] == [1, 2, 3, 4]
    assert done.record.events[-1] == ("stopped_early", 4, 2)


def test_patience_begins_where_the_warm_up_ends():
    objective = ELBO(warmup_epochs=2.5, steps_per_epoch=STEPS)
    done = trained(objective=objective, kind=Scripted, epochs=6, patience=2)
    assert done.record.events[-1] == ("stopped_early", 5, 2)


def test_an_equal_loss_is_no_better(stopped):
    _, done, _ = stopped
    assert [epoch.best for epoch in done.record.of("epoch_ended")] == [True, True, False, False]


def test_the_best_weights_are_kept(stopped):
    folder, _, snapshots = stopped
    best, complaints = best_checkpoint(folder)
    assert (best.folder.name, complaints) == ("step-000006", [])
    model = vae(seed=8)
    restore(best, model)
    assert_same(weights(model), snapshots.weights[2])
    assert differs(snapshots.weights[2], snapshots.weights[4])


def test_resuming_after_an_early_stop_does_nothing(stopped):
    folder, done, _ = stopped
    record = Record()
    again = trainer(vae(seed=4), folder=folder, callbacks=[record], kind=Scripted, epochs=6, patience=2)
    again.resume()
    again.train()
    assert record.events == [("resumed", 4, 4 * STEPS, []), ("stopped_early", 4, 2)]
    assert_same(weights(again.vae), done.weights)


def test_more_patience_resumes_after_an_early_stop(stopped):
    folder, _, _ = stopped
    record = Record()
    again = trainer(vae(seed=4), callbacks=[record], folder=folder, kind=Scripted, epochs=5, patience=3)
    again.resume()
    again.checkpoints = None  # the other tests look at this folder
    again.train()
    assert [row["epoch"] for row in record.rows] == [5]


# When it cannot go on


def test_a_diverging_run_stops_with_its_step_and_a_fix(tmp_path):
    with pytest.raises(TrainingError) as error:
        trained(folder=tmp_path, epochs=5, learning_rate=1e20)
    assert "step 1 (epoch 1)" in str(error.value)
    assert "No checkpoint was written yet" in str(error.value)
    assert "train.learning_rate" in str(error.value)


def test_a_term_that_turns_nan_is_named_with_the_last_good_checkpoint(tmp_path):
    with pytest.raises(TrainingError) as error:
        trained(objective=Wrapped(is_nan_from("kl", 7)), folder=tmp_path, epochs=5)
    message = str(error.value)
    assert "step 7 (epoch 3)" in message
    assert str(tmp_path / "step-000006") in message
    good = newest_checkpoint(tmp_path)[0]
    assert good.step == 6
    assert all(np.isfinite(value).all() for value in load_file(good.folder / "weights.safetensors").values())


def test_variables_that_are_bad_from_the_start_are_named(tmp_path):
    model = vae()
    next(v for v in model.trainable_variables if v.path.endswith("kernel")).assign(np.full((6, 5), np.nan))
    with pytest.raises(TrainingError, match=r"before the first step: not finite: encoder.*kernel") as error:
        trainer(model, folder=tmp_path, jit=True).train()
    assert "Change how they are initialised" in str(error.value)
    assert "learning_rate" not in str(error.value)


def test_only_the_terms_that_went_bad_first_are_named():
    """Step 8 of the same chunk has NaN in every term, as the weights have by then; step 7 is what counts."""
    with pytest.raises(TrainingError, match="step 7") as error:
        trained(objective=Wrapped(is_nan_from("negative_log_likelihood", 7)), epochs=5)
    assert "not finite: loss, negative_log_likelihood." in str(error.value)


def test_the_examples_with_bad_losses_are_named():
    examples = data(binarize_on_read=False)
    examples.train.stored[[3, 11]] = 200, 201, 202, 203, 204, 205

    def refuse_some(losses, x, step):
        bad = tf.reduce_all(tf.abs(x[:, 0] - 200 / 255) < 1e-6, axis=()) & (x[:, 5] > 0.8)
        return Losses(tf.where(bad, np.inf, losses.per_example), losses.terms)

    with pytest.raises(TrainingError, match=r"not finite: loss in the training examples (3|11|3, 11|11, 3)\."):
        trained(objective=Wrapped(refuse_some), examples=examples, epochs=1)
    numbers = np.arange(len(examples.train))
    named = replace(examples.train, rows=numbers + 100, ids=np.array([f"p{number}" for number in numbers]))
    one = r"(103 \('p3'\)|111 \('p11'\))"
    with pytest.raises(TrainingError, match=rf"loss in the training examples {one}(, {one})?\."):
        trained(objective=Wrapped(refuse_some), examples=replace(examples, train=named), epochs=1)


@pytest.mark.traced
@pytest.mark.parametrize("jit", [False, True], ids=["plain", "XLA"])
@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_a_step_that_is_not_finite_can_be_skipped_and_counted(what, jit):
    """The others are those of a training that never saw it."""

    def bad_at_4(losses, x, step):
        if what == "gradient":
            return gradient_is_nan_at(4)(losses, x, step)
        return Losses(losses.per_example + tf.where(tf.equal(step, 4), np.nan, 0.0), losses.terms)

    class Left(StepByStep):
        def _run(self, count):
            before = weights(self.vae), slots(self)
            taken = super()._run(count)
            if self.step == 4:
                assert not taken.applied.any()
                assert_same(weights(self.vae), before[0])
                for variable, other in zip(self.optimizer.variables, before[1], strict=True):
                    counts = variable is self.optimizer.iterations  # the learning rate goes by the step
                    np.testing.assert_array_equal(variable.numpy(), other + 1 if counts else other)
            return taken

    done = trained(objective=Wrapped(bad_at_4), epochs=3, kind=Left, non_finite="skip", jit=jit)
    assert [row["skipped"] for row in done.rows] == [0, 1, 0]
    assert all(math.isfinite(row["train/loss"]) for row in done.rows)
    assert all(np.isfinite(value).all() for value in done.weights.values())


@pytest.mark.traced
@pytest.mark.parametrize("jit", [False, True], ids=["plain", "XLA"])
def test_a_skipped_step_does_not_hold_the_learning_rate_up(jit):
    settings = {"schedule": "cosine", "non_finite": "skip", "jit": jit, "epochs": 3}
    done = trained(objective=Wrapped(gradient_is_nan_at(4)), **settings)
    assert sum(row["skipped"] for row in done.rows) == 1
    cosine = [1e-2 * (1 + math.cos(math.pi * epoch / 3)) / 2 for epoch in (1, 2, 3)]
    assert [row["learning_rate"] for row in done.rows] == pytest.approx(cosine, abs=1e-8)


@pytest.mark.traced
@pytest.mark.parametrize(("bad", "jit"), [(0, False), (4, True)], ids=["plain", "XLA"])
def test_a_gradient_that_is_not_finite_is_reported_with_its_variables(bad, jit):
    with pytest.raises(TrainingError) as error:
        trained(objective=Wrapped(gradient_is_nan_at(bad)), clip_norm=0.5, jit=jit)
    message = str(error.value)
    where = f"at step {bad} (epoch {bad // STEPS + 1})"
    assert f"{where}: the loss is finite, and its gradient is not, for " in message
    named = message.partition("is not, for ")[2].partition(".")[0]
    assert "encoder/network/hidden" in named or "decoder/network/hidden" in named
    assert 'train.non_finite = "skip"' in message
    assert "clip_norm" not in message  # no norm to clip to makes it finite
    assert "learning_rate" not in message


def test_a_gradient_whose_norm_overflows_is_reported():
    def steep(losses, x, step):
        factor = tf.where(tf.equal(step, 4), 1e25, 1.0)
        return Losses(losses.per_example * factor, losses.terms)

    with pytest.raises(
        TrainingError, match=r"step 4 .*norm of the gradient is too large for float32; .*coder/"
    ) as error:
        trained(objective=Wrapped(steep), clip_norm=0.5, jit=False)
    assert "Try a lower train.learning_rate than 0.01, or a lower train.clip_norm than 0.5." in str(error.value)


@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        (
            {},
            'Try a lower train.learning_rate than 0.01, or train.clip_norm = 10. train.non_finite = "skip" skips',
        ),
        (
            {"clip_norm": 3.0},
            "Try a lower train.learning_rate than 0.01, or a lower train.clip_norm than 3. train.non",
        ),
    ],
    ids=["nothing set", "clipped"],
)
def test_no_advice_names_what_is_set_already(settings, advice):
    with pytest.raises(TrainingError) as error:
        trained(objective=Wrapped(is_nan_from("kl", 2)), epochs=1, jit=False, **settings)
    assert advice in str(error.value)


def test_skipping_is_not_advised_where_steps_are_skipped_already():
    def only_in_validation(losses, x, step):
        return Losses(losses.per_example + tf.where(tf.equal(step, FINAL_STEP), np.nan, 0.0), losses.terms)

    for change, advice in [(only_in_validation, "Try a lower"), (is_nan_from("kl", 0), "No step has changed")]:
        with pytest.raises(TrainingError, match=advice) as error:
            trained(objective=Wrapped(change), epochs=1, jit=False, non_finite="skip", clip_norm=2.0)
        assert "skip" not in str(error.value)
        assert "clip_norm = 10" not in str(error.value)


def test_a_loss_that_is_not_finite_before_any_step_is_not_blamed_on_the_learning_rate():
    with pytest.raises(
        TrainingError, match=r"step 0 .*not finite: loss, kl\. .*No step has changed the model"
    ) as error:
        trained(objective=Wrapped(is_nan_from("kl", 0)), epochs=1, jit=False)
    assert "learning_rate" not in str(error.value)


def test_an_epoch_of_nothing_but_skipped_steps_is_an_error():
    with pytest.raises(TrainingError, match="after epoch 1: none of its steps was finite"):
        trained(objective=Wrapped(is_nan_from("kl", 0)), epochs=1, non_finite="skip")


@pytest.mark.parametrize("bad", [STEPS - 1, 2 * STEPS - 1], ids=["first epoch", "second epoch"])
def test_no_checkpoint_ever_holds_weights_that_are_not_finite(bad, tmp_path):
    """A finite loss with a NaN gradient in the last step of an epoch: the next step is too late to notice."""
    with pytest.raises(TrainingError):
        trained(objective=Wrapped(gradient_is_nan_at(bad)), folder=tmp_path, epochs=2)
    kept, _ = newest_checkpoint(tmp_path)
    if kept is not None:
        assert kept.step <= bad
        assert all(np.isfinite(value).all() for value in load_file(kept.folder / "weights.safetensors").values())


def test_a_validation_loss_that_is_not_finite_is_an_error():
    def only_in_validation(losses, x, step):
        return Losses(losses.per_example + tf.where(tf.equal(step, FINAL_STEP), np.nan, 0.0), losses.terms)

    with pytest.raises(TrainingError, match="validation"):
        trained(objective=Wrapped(only_in_validation), epochs=1)


def special(make, distribution):
    class Special(Prior):
        def __init__(self):
            super().__init__()
            make(self)

        def distribution(self):
            return distribution(self)

    return Special()


def around(loc):
    return tfd.MultivariateNormalDiag(loc, tf.ones(D))


def test_a_variable_in_a_closure_is_refused():
    hidden = tf.Variable(tf.zeros(D), name="hidden_loc")

    def distribution(self):
        return around(hidden + 0.0)

    model = vae(special(lambda self: None, distribution))
    with pytest.raises(TrainingError, match=r"hidden_loc.*neither trained nor saved"):
        trainer(model).train()


def test_a_variable_that_the_loss_does_not_use_is_refused():
    def make(self):
        self.idle = self.add_weight(shape=(D,), name="idle")

    def distribution(self):
        return around(tf.zeros(D))

    model = vae(special(make, distribution))
    with pytest.raises(TrainingError, match="does not depend on these trainable variables: prior/idle"):
        trainer(model).train()


@pytest.mark.parametrize("raised", [SystemExit(3), ValueError("of the callback")], ids=repr)
def test_what_a_callback_raises_is_raised_as_it_is(raised):
    class Raising(Callback):
        def progress(self, progress):
            raise raised

    with pytest.raises(type(raised)) as error:
        trained(callbacks=[Raising()], epochs=1)
    assert error.value is raised


def test_an_objective_that_leaves_out_a_term_is_an_error():
    def without_kl(losses, x, step):
        return Losses(losses.per_example, {"negative_log_likelihood": losses.terms["negative_log_likelihood"]})

    with pytest.raises(ProbvaeError, match="kl"):
        trainer(objective=Wrapped(without_kl)).train()


def test_an_empty_validation_split_is_refused_in_words():
    with pytest.raises(ProbvaeError, match="validation"):
        trained(examples=data(validation=0), epochs=1)


# XLA


class Uncompilable(Wrapped):
    """Its loss passes through an operation that XLA does not know."""

    def __init__(self):
        super().__init__(self.through_a_string)

    @staticmethod
    def through_a_string(losses, x, step):
        number = tf.strings.to_number(tf.strings.as_string(tf.cast(step, tf.int32)))
        return Losses(losses.per_example + 0.0 * number, losses.terms)


@pytest.mark.traced
def test_what_xla_cannot_compile_is_trained_without_it_with_a_message():
    class Notes(Record):
        def noted(self, note):
            self.events.append(("noted", note))

    notes = Notes()
    done = trained(objective=Uncompilable(), epochs=1, callbacks=[notes], jit="auto")
    (note,) = notes.of("noted")
    assert note.startswith("Continuing without XLA, which cannot compile this model:")
    assert_same(done.weights, trained(epochs=1, jit=False).weights)


@pytest.mark.traced
def test_what_xla_cannot_compile_is_an_error_with_jit_true():
    with pytest.raises(TrainingError, match=r"XLA cannot compile this model: .* Set train.jit"):
        trained(objective=Uncompilable(), epochs=1, jit=True)


@pytest.mark.parametrize(("jit", "compiled"), [("auto", True), (True, True), (False, False)])
def test_a_dense_model_is_compiled_unless_that_is_refused(jit, compiled):
    assert trainer(jit=jit).compilation.jit == compiled


def test_a_model_with_convolutions_is_not_compiled_on_a_cpu():
    event = (4, 4, 1)
    encoder = components.NetworkEncoder(components.Conv((2,)), components.DiagonalNormal(D), event)
    decoder = components.NetworkDecoder(components.Dense((3,)), components.Bernoulli(event), D)
    found = Compilation.of("auto", VAE(encoder, decoder, components.StandardNormal(D)))
    assert (found.jit, found.reason) == (False, "XLA is slow at convolutions on CPUs")


def test_what_replicas_exchange_in_a_loss_is_not_compiled():
    found = Compilation.of("auto", vae(), exchanges=True)
    assert not found.jit
    assert "several devices" in found.reason
    with pytest.raises(ConfigError, match=r'expected jit = "auto" or false.*got true') as error:
        Compilation.of(True, vae(), exchanges=True)
    assert error.value.parameter == "jit"


@pytest.mark.traced
@pytest.mark.parametrize(
    "objective",
    [*(pytest.param(one, marks=pytest.mark.slow) for one in (ELBO(), ELBO("monte_carlo", samples=2))), IWAE(3)],
    ids=["exact", "mc", "iwae"],
)
def test_xla_changes_nothing_but_rounding(objective):
    one, other = (trained(objective=objective, jit=jit, clip_norm=0.5, epochs=3) for jit in (False, True))
    for name, value in one.weights.items():
        np.testing.assert_allclose(other.weights[name], value, rtol=1e-3, atol=1e-4, err_msg=name)
    for row, there in zip(one.rows, other.rows, strict=True):
        assert row == pytest.approx(there, rel=1e-4)


# Settings


def rate(settings, steps_per_epoch, step):
    optimizer = settings.optimizer(steps_per_epoch)
    optimizer.build([keras.Variable(0.0)])
    optimizer.iterations.assign(step)
    return float(optimizer.learning_rate)


def test_a_cosine_falls_to_zero():
    settings = TrainSettings(epochs=4, learning_rate=0.2, schedule="cosine")
    assert [rate(settings, 5, step) for step in (0, 10, 20)] == pytest.approx([0.2, 0.1, 0.0], abs=1e-8)
    assert rate(settings, 5, 5) == pytest.approx(0.1 * (1 + math.cos(math.pi / 4)))


def test_a_warm_up_rises_from_zero_and_the_cosine_ends_with_the_training():
    settings = TrainSettings(epochs=4, learning_rate=0.2, schedule="cosine", warmup_steps=4)
    found = [rate(settings, 5, step) for step in (0, 1, 4, 12, 20)]
    assert found == pytest.approx([0.0, 0.05, 0.2, 0.1, 0.0], abs=1e-8)


def test_a_constant_rate_is_constant():
    settings = TrainSettings(learning_rate=0.2)
    assert rate(settings, 5, 0) == rate(settings, 5, 1000) == np.float32(0.2)


def test_a_warm_up_that_means_nothing_is_refused():
    with pytest.raises(ConfigError, match=r"warmup_steps = 3 has no effect.*cosine") as error:
        TrainSettings(warmup_steps=3)
    assert error.value.parameter == "warmup_steps"


def test_a_warm_up_as_long_as_the_training_is_refused():
    settings = TrainSettings(epochs=2, schedule="cosine", warmup_steps=6)
    assert settings.optimizer(4)
    with pytest.raises(ConfigError, match="6 steps"):
        settings.optimizer(3)


def test_clip_norm_bounds_the_global_norm_of_a_gradient():
    """After one step Adam's first moment is a tenth of the gradient."""

    def norm(clip):
        done = trained(epochs=1, batch_size=TRAIN, clip_norm=clip).trainer
        moments = [done.optimizer._momentums[i].numpy() for i in range(len(done.vae.trainable_variables))]
        return 10 * np.sqrt(sum((moment**2).sum() for moment in moments))

    free = norm(0.0)
    assert free > 0.2
    assert norm(free / 4) == pytest.approx(free / 4, rel=1e-4)


def test_the_state_has_the_numbers_of_the_training(two_epochs, reference):
    found = state(newest_checkpoint(two_epochs)[0].folder)
    loss = reference.rows[1]["validation/loss"]
    assert {"step": 6, "epoch": 2, "best_step": 6, "best_loss": loss}.items() <= found.items()
