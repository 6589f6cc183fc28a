"""Tiny models, data whose last batch is smaller than the others, and what a training reports and leaves."""

import json
import random
from types import SimpleNamespace

import keras
import numpy as np
import tensorflow as tf

from probvae import components as c
from probvae.core import (
    BINARY,
    FINAL_STEP,
    VAE,
    Component,
    Condition,
    Data,
    DataInfo,
    Losses,
    Objective,
    Prior,
    Split,
    named_variables,
    whole_batch_mean,
)
from probvae.objectives import ELBO, BetaTC, InfoVAE, SemiSupervised
from probvae.training import Callback, Trainer, TrainSettings

D, E, C = 2, (6,), 2
TRAIN, BATCH = 20, 8  # three steps an epoch, the last of four examples
STEPS = 3

PRIORS = {
    "standard_normal": lambda encoder: c.StandardNormal(D),
    "mixture": lambda encoder: c.Mixture(D, components=3),
    "vamp": lambda encoder: c.Vamp(encoder, E, pseudo_inputs=3, initial="noise"),
    "exemplar": lambda encoder: c.Exemplar(encoder, E, np.eye(TRAIN, *E, dtype=np.float32), exemplars=TRAIN),
    "maf": lambda encoder: c.MAF(D, layers=2, hidden=(4,)),
    "hierarchical": lambda encoder: c.HierarchicalPrior(
        D, c.StandardNormal(1), c.Conditional(1, c.Dense((4,)), c.DiagonalNormal(1))
    ),
    "conditional": lambda encoder: c.Conditional(C, c.Dense((4,)), c.DiagonalNormal(D)),
}
CONDITIONAL = ("conditional", "classified")
"""The models that take a condition; the second has the prior of the first, and a classifier."""


def vae(prior="standard_normal", seed=0, head=None, hidden=(5,)):
    """A dense VAE whose initial weights are a function of the seed."""
    random.seed(seed)  # which Keras takes the seeds of its initializers from
    condition_dim = C if prior in CONDITIONAL else None
    posterior = c.DiagonalNormal(D)
    if prior == "hierarchical":
        posterior = c.HierarchicalPosterior(D, c.DiagonalNormal(1), c.Dense((4,)), c.DiagonalNormal(1))
    encoder = c.NetworkEncoder(c.Dense(hidden), posterior, E, condition_dim)
    decoder = c.NetworkDecoder(c.Dense(hidden), head or c.Bernoulli(E), D, condition_dim)
    if prior == "classified":
        return VAE(encoder, decoder, PRIORS["conditional"](encoder), c.NetworkClassifier(c.Dense(hidden), E, C))
    return VAE(encoder, decoder, prior if isinstance(prior, Prior) else PRIORS[prior](encoder))


def data_for(prior):
    """The examples for a model; without conditions where labels are missing that they are made of."""
    return data(conditional=prior in CONDITIONAL, complete=prior != "classified")


def data(train=TRAIN, validation=7, binarize_on_read=True, conditional=False, complete=True):
    """Bytes with structure, binarised afresh at every step; conditional ones with labels and missing elements."""
    rng = np.random.default_rng(0)

    def split(count, **how):
        bright = rng.random((count, 1)) < 0.5
        stored = np.where(bright, rng.integers(150, 256, (count, *E)), rng.integers(0, 100, (count, *E)))
        if conditional:
            how["condition"] = np.eye(C, dtype=np.float32)[bright[:, 0].astype(int)] if complete else None
            how["labels"] = np.where(np.arange(count) % 3, bright[:, 0], -1)
            how["observed"] = np.random.default_rng(count).random((count, *E)) < 0.8
        return Split(stored.astype(np.uint8), divide_by=255.0, **how)

    sizes = (train, validation, 3)
    condition = Condition(("dark", "bright"), one_hot=True) if conditional else None
    info = DataInfo(E, BINARY, sizes, "binarised for tests", "made up", condition=condition)
    return Data(info, split(train, binarize_on_read=binarize_on_read), split(validation), split(3))


class Record(Callback):
    """Everything that a training reports, in order."""

    def __init__(self):
        self.events = []

    def resumed(self, epoch, step, complaints):
        self.events.append(("resumed", epoch, step, list(complaints)))

    def progress(self, progress):
        self.events.append(("progress", progress))

    def epoch_ended(self, epoch):
        self.events.append(("epoch_ended", epoch))

    def stopped_early(self, epoch, best_epoch):
        self.events.append(("stopped_early", epoch, best_epoch))

    def of(self, kind):
        return [parts[0] if len(parts) == 1 else tuple(parts) for name, *parts in self.events if name == kind]

    @property
    def rows(self):
        """The epochs' records without the times."""
        records = [epoch.record() for epoch in self.of("epoch_ended")]
        timings = ("seconds", "examples_per_second")
        return [{name: value for name, value in row.items() if name not in timings} for row in records]


class Killed(KeyboardInterrupt):
    """In place of a signal: nothing catches it."""


class KillAt(Callback):
    """Kills the training after this number of steps."""

    def __init__(self, step):
        self.step = step

    def progress(self, progress):
        if (progress.epoch - 1) * progress.steps_per_epoch + progress.step >= self.step:
            raise Killed


class StepByStep(Trainer):
    """It checks for signals after each step."""

    seconds_between_checks = 0.0


class StopAt(Callback):
    """Asks a trainer to stop after a step, as a signal does."""

    def __init__(self, of, step):
        self.of = of
        self.step = step

    def progress(self, progress):
        if self.of.step == self.step:
            self.of.stop()


def trainer(model=None, objective=None, folder=None, callbacks=(), examples=None, kind=Trainer, **settings):
    # Without XLA, as compiling takes longer than such a training; tests that concern it say jit = True.
    settings = {"epochs": 2, "batch_size": BATCH, "learning_rate": 1e-2, "jit": False} | settings
    return kind(
        model or vae(),
        objective or ELBO(),
        examples or data(),
        TrainSettings(**settings),
        folder,
        callbacks,
    )


def trained(*arguments, **options):
    """The trainer after training, with a record of its events."""
    record = Record()
    options["callbacks"] = [record, *options.get("callbacks", ())]
    done = trainer(*arguments, **options)
    done.train()
    return SimpleNamespace(trainer=done, vae=done.vae, weights=weights(done.vae), record=record, rows=record.rows)


def weights(model):
    return {name: variable.numpy() for name, variable in named_variables(model).items()}


def slots(done):
    """The values of the optimizer's variables, in its order."""
    return [variable.numpy() for variable in done.optimizer.variables]


def assert_same(one, other):
    """Two dicts of arrays are equal in every bit."""
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)


def differs(one, other):
    return any(not np.array_equal(one[name], other[name]) for name in one)


def state(folder):
    return json.loads((folder / "state.json").read_text())


class Wrapped(Objective):
    """The evidence lower bound, with its losses changed by `change(losses, x, step)`."""

    terms = ELBO.terms

    def __init__(self, change):
        self.elbo = ELBO()
        self.change = change

    def __call__(self, vae, batch, seed, step):
        return self.change(self.elbo(vae, batch, seed, step), batch.x, step)


def nothing_but_the_first_pixel(losses, x, step):
    """A loss that is known without the model, and depends on every variable with gradient zero."""
    loss = 0.0 * losses.per_example + x[:, 0]
    return Losses(loss, losses.terms | {"kl": 2.0 * x[:, 0]})


def is_nan_from(term, bad):
    def change(losses, x, step):
        now = (step >= bad) & (step < FINAL_STEP)  # validation is measured at the last of all steps
        terms = losses.terms | {term: losses.terms[term] * tf.where(now, np.nan, 1.0)}
        return Losses(terms["negative_log_likelihood"] + terms["kl"], terms)

    return change


def gradient_is_nan_at(bad):
    """The loss is finite at that step, and its gradient is not: the root of zero."""

    def change(losses, x, step):
        extra = tf.cond(
            tf.equal(step, bad), lambda: tf.sqrt(0.0 * losses.per_example), lambda: 0.0 * losses.per_example
        )
        return Losses(losses.per_example + extra, losses.terms)

    return change


class Coupled(Objective):
    """The negative evidence lower bound with the square of the mean KL: its gradient crosses rows and replicas."""

    terms = ELBO.terms
    couples_rows = True

    def __call__(self, vae, batch, seed, step):
        losses = ELBO()(vae, batch, seed, step)
        mean = whole_batch_mean(losses.terms["kl"], batch.weights)
        return Losses(losses.terms["negative_log_likelihood"] + 3.0 * mean**2, losses.terms)


OBJECTIVES = {
    "elbo": ELBO,
    "coupled": Coupled,
    "free_bits": lambda: ELBO("monte_carlo", free_bits=0.25),  # nats: the KL passes it within two epochs
    "free_bits_per_latent": lambda: ELBO(free_bits=0.1, free_bits_per="latent"),
    "beta_tc": lambda: BetaTC(train_size=20),
    "info_vae": lambda: InfoVAE(weight=10.0),
    "semi_supervised": lambda: SemiSupervised(ELBO("monte_carlo", free_bits=0.25), alpha=2.0),
}


class Dropping(c.NetworkDecoder):
    """A decoder with a layer that keeps a random state of its own."""

    def __init__(self, rate=0.3):
        super().__init__(c.Dense((5,)), c.Bernoulli(E), D)
        self.drop = keras.layers.Dropout(rate, seed=3)

    def likelihood(self, z):
        return super().likelihood(self.drop(z, training=True))


def dropping_vae(seed=0):
    random.seed(seed)  # which Keras takes the seeds of its initializers from
    return VAE(c.NetworkEncoder(c.Dense((5,)), c.DiagonalNormal(D), E), Dropping(), c.StandardNormal(D))


class Holder(Component):
    """A component with the variables that `make(self)` gives it."""

    def __init__(self, make):
        super().__init__()
        make(self)
