"""What does the trainer cost, compared with a hand-written training loop?

Trains a model with `probvae.training.Trainer`, everything on (noise and order by seed and step, finite checks,
sums in double precision, progress, a checkpoint after each epoch of 60,000 images), and, in alternating epochs of
the same process, the same model with a `tf.function` loop that does only what it must: shuffled batches by
tf.data, binarisation, the negative evidence lower bound, Adam. Also how long a checkpoint pauses
training, and how long a thread then writes it.

    python -m benchmarks overhead --rounds 15
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from benchmarks.reference import EVENT, conv, dense
from benchmarks.results import measured, page, parser_of, render, write
from probvae import BINARY, VAE, Data, DataInfo, Split
from probvae.objectives import ELBO
from probvae.training import Callback, Epoch, Trainer, TrainSettings
from probvae.training.checkpoint import CheckpointState, snapshot, verify
from probvae.training.checkpoint import write as write_checkpoint
from probvae.training.running_means import RunningMeansState

CALL = 20
"""How many steps of the hand-written loop are one call, which saves most of the time in Python."""


class Kind(NamedTuple):
    """A model, and how it is trained."""

    vae: Callable[[], VAE]
    batch_size: int
    jit: bool

    @property
    def steps(self) -> int:
        """Of an epoch."""
        return 60_000 // self.batch_size


KINDS = {
    "conv": Kind(conv, 256, jit=False),
    "dense": Kind(dense, 128, jit=False),
    "dense, XLA": Kind(dense, 128, jit=True),
}


def images(count: int) -> Split:
    """Random bytes, binarised anew at every step."""
    stored = np.random.default_rng(0).integers(0, 256, (count, *EVENT), np.uint8)
    return Split(stored, divide_by=255.0, binarize_on_read=True)


def by_hand(kind: Kind, split: Split) -> Callable[[], None]:
    """A hand-written loop; each call takes the steps of an epoch."""
    vae, optimizer = kind.vae(), keras.optimizers.Adam(1e-3)
    optimizer.build(vae.trainable_variables)

    def binarised(x: tf.Tensor) -> tf.Tensor:
        x = tf.cast(x, tf.float32) / 255.0
        return tf.cast(tf.random.uniform(tf.shape(x)) < x, tf.float32)

    dataset = tf.data.Dataset.from_tensor_slices(split.stored).repeat().shuffle(len(split))
    batches = iter(dataset.batch(kind.batch_size, drop_remainder=True).map(binarised).prefetch(4))

    def step(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            posterior = vae.encoder.posterior(x)
            log_likelihood = vae.decoder.likelihood(posterior.sample()).log_prob(x)
            divergence = tfp.distributions.kl_divergence(posterior, vae.prior.distribution())
            loss = tf.reduce_mean(divergence - log_likelihood)
        gradients = tape.gradient(loss, [variable.value for variable in vae.trainable_variables])
        optimizer.apply(gradients, vae.trainable_variables)
        return loss

    compiled = tf.function(step, jit_compile=kind.jit)

    @tf.function
    def many(batches: Iterator[tf.Tensor], count: tf.Tensor) -> tf.Tensor:
        total = 0.0
        for _ in tf.range(count):
            total += compiled(next(batches))
        return total

    def epoch() -> None:
        for start in range(0, kind.steps, CALL):
            float(many(batches, tf.constant(min(CALL, kind.steps - start))))

    return epoch


class Turns(Callback):
    """Runs the hand-written loop for as many steps after each epoch of the trainer; records the seconds.

    The trainer's seconds are from the end of one epoch to the end of the next: its steps, the validation of one
    batch, and the pauses for checkpoints.
    """

    def __init__(self, other: Callable[[], None]) -> None:
        self.trainer: list[float] = []
        self.by_hand: list[float] = []
        self._other = other
        self._began = time.perf_counter()

    def epoch_ended(self, epoch: Epoch) -> None:
        """Run the hand-written loop."""
        now = time.perf_counter()
        self.trainer.append(now - self._began)
        self._other()
        self._began = time.perf_counter()
        self.by_hand.append(self._began - now)


def compared(kind: Kind, rounds: int) -> dict[str, Any]:
    """The row of a model."""
    keras.utils.set_random_seed(0)
    split = images(kind.steps * kind.batch_size)
    turns = Turns(by_hand(kind, split))
    validation = images(kind.batch_size)
    data = Data(DataInfo(EVENT, BINARY, (len(split), len(validation), 1), "", ""), split, validation, images(1))
    settings = TrainSettings(epochs=rounds + 2, batch_size=kind.batch_size, jit=kind.jit)
    vae = kind.vae()
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(vae, ELBO(), data, settings, Path(folder), [turns])
        trainer.train()
        saving = [saved(trainer, Path(folder) / "timed", number) for number in range(rounds)]
    both = list(zip(turns.trainer[2:], turns.by_hand[2:], strict=True))  # the first two are traced and warmed up
    ratios = [other / one for one, other in both]
    return {
        "variables": int(sum(np.prod(variable.shape) for variable in vae.trainable_variables)),
        "batch_size": kind.batch_size,
        "steps": kind.steps * rounds,
        "images_per_second": {
            "trainer": len(split) / statistics.median(one for one, _ in both),
            "by_hand": len(split) / statistics.median(other for _, other in both),
        },
        "ratio": statistics.median(ratios),
        "quartiles": statistics.quantiles(ratios, n=4)[::2],
        "saving": {
            "stalls": statistics.median(stall for stall, _ in saving),
            "writes": statistics.median(writing for _, writing in saving),
        },
    }


def saved(trainer: Trainer, folder: Path, step: int) -> tuple[float, float]:
    """The seconds for which a checkpoint pauses training, and those of the thread that writes it."""
    began = time.perf_counter()
    arrays = snapshot(trainer.vae, trainer.optimizer)
    copied = time.perf_counter()
    verify(
        write_checkpoint(
            folder, arrays, CheckpointState("", step, step, 0, None, RunningMeansState({}, 0, 0.0, 0))
        ).folder
    )
    return copied - began, time.perf_counter() - copied


def table(found: dict[str, Any]) -> str:
    """The results in Markdown."""
    lines = [
        f"Images per second, medians of {found['rounds']} alternating epochs in one process. The trainer's time "
        "includes its checkpoints.",
        "",
        "| model | batch | trainer | hand-written | ratio | quartiles |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in found["kinds"].items():
        speed, (low, high) = row["images_per_second"], row["quartiles"]
        lines.append(
            f"| {name} | {row['batch_size']} | {speed['trainer']:,.0f} | {speed['by_hand']:,.0f} "
            f"| {row['ratio']:.3f} | {low:.3f}, {high:.3f} |"
        )
    lines += [
        "",
        "A checkpoint: training pauses for the copy; a thread writes, syncs and verifies it meanwhile.",
        "",
        "| model | variables | training pauses | the thread works |",
        "|---|---|---|---|",
    ]
    for name, row in found["kinds"].items():
        stalls, writes = (1000 * row["saving"][part] for part in ("stalls", "writes"))
        lines.append(f"| {name} | {row['variables']:,} | {stalls:.1f} ms | {writes:.0f} ms |")
    return page("overhead", "The trainer and a hand-written loop", found, lines)


def main(arguments: Sequence[str]) -> None:
    """Measure, and write the results."""
    parser = parser_of("overhead", __doc__)
    parser.add_argument("--rounds", type=int, default=15, help="epochs of each")
    options = parser.parse_args(arguments)
    kinds = {}
    for name, kind in KINDS.items():
        kinds[name] = compared(kind, options.rounds)
        print(f"{name}: {kinds[name]['ratio']:.3f}", flush=True)
    results = measured(rounds=options.rounds, kinds=kinds)
    write("overhead", results)
    render("overhead", results, table)
