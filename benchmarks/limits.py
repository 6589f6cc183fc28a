"""How much of what the machine can compute does a training step use?

The floating-point operations of a step are counted in its graph by TensorFlow. The machine's rates are measured in
the same turns: that of a large matrix product, in the precision of the step, and that of reading and writing
memory. An optimizer reads and writes each variable, its gradient and its two moments: 32 bytes for a parameter.

    python -m benchmarks limits
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from benchmarks.reference import EVENT, MODELS
from benchmarks.results import measured, page, parser_of, render, write
from benchmarks.turns import alternating
from probvae import ELBO, VAE, Batch
from probvae.core import dtype_policy
from probvae.training.adam import Adam
from probvae.training.steps import CompiledSteps

ROWS, COLUMNS = 4096, 1024
"""The matrix product is [ROWS, COLUMNS] by [COLUMNS, COLUMNS]."""
ELEMENTS = 10**8
PRODUCTS, PASSES = 5, 3
"""How many of them are timed together."""
BYTES_OF_A_PARAMETER = 32


class Step(NamedTuple):
    """A training step.

    Args:
        model: in `reference`.
        batch: the number of examples.
        jit: whether XLA compiles it, as the trainer does.
        precision: of its networks.
        steps: how many are timed together.
    """

    model: str
    batch: int
    jit: bool
    precision: str = "float32"
    steps: int = 50


STEPS = {
    "conv": Step("conv", 256, jit=False, steps=10),
    "conv, bfloat16": Step("conv", 256, jit=False, precision="mixed_bfloat16", steps=10),
    "dense": Step("dense", 128, jit=True),
    "gated": Step("gated", 100, jit=True),
}


def operations(vae: VAE, batch: int) -> int:
    """The floating-point operations of the loss and its gradient."""

    def gradients(x: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            losses = ELBO()(vae, Batch(x), tf.constant([0, 0]), tf.constant(0))
            loss = tf.reduce_mean(losses.per_example)
        found: list[tf.Tensor] = tape.gradient(loss, [variable.value for variable in vae.trainable_variables])
        return found

    spec = tf.TensorSpec((batch, *EVENT), tf.float32)
    graph = tf.function(gradients, autograph=False).get_concrete_function(spec).graph
    builder = tf.compat.v1.profiler.ProfileOptionBuilder
    options = builder(builder.float_operation()).with_empty_output().build()
    return int(tf.compat.v1.profiler.profile(graph, options=options).total_float_ops)


def working(step: Step) -> tuple[Callable[[], object], dict[str, int]]:
    """What takes some steps, and what is known of one of them."""
    with dtype_policy(step.precision):
        vae = MODELS[step.model]()
    x = (np.random.default_rng(0).random((step.batch, *EVENT)) < 0.5).astype(np.float32)
    batches = iter(tf.data.Dataset.from_tensors(Batch(tf.constant(x))).repeat())
    steps = CompiledSteps(vae, ELBO(), Adam(1e-3), 0, jit=step.jit)
    facts = {
        "operations": operations(vae, step.batch),
        "parameters": sum(int(np.prod(variable.shape)) for variable in vae.trainable_variables),
    }
    return lambda: steps.run(batches, 0, step.steps), facts


def rates() -> dict[str, Callable[[], object]]:
    """What measures the machine: matrix products, and passes over memory."""
    found: dict[str, Callable[[], object]] = {}

    @tf.function
    def products(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        for _ in tf.range(PRODUCTS):
            a = tf.matmul(a, b)
        return a

    @tf.function
    def passes(values: tf.Tensor) -> tf.Tensor:
        for _ in tf.range(PASSES):
            values = -values
        return values[0]

    for precision, dtype in (("float32", tf.float32), ("mixed_bfloat16", tf.bfloat16)):
        a, b = tf.ones((ROWS, COLUMNS), dtype), tf.eye(COLUMNS, dtype=dtype)
        found[precision] = partial(products, a, b)
    values = tf.ones(ELEMENTS)
    found["memory"] = partial(passes, values)
    return found


def table(results: dict[str, Any]) -> str:
    """The results in Markdown."""
    median = {name: statistics.median(seconds) for name, seconds in results["seconds"].items()}
    flop = 2 * ROWS * COLUMNS**2 * PRODUCTS
    matrix = {precision: flop / median[precision] / 1e9 for precision in ("float32", "mixed_bfloat16")}
    memory = 2 * 4 * ELEMENTS * PASSES / median["memory"] / 1e9
    lines = [
        f"Medians of {results['rounds']} turns. Large matrix products run at {matrix['float32']:.0f} GFLOP/s "
        f"in float32 and {matrix['mixed_bfloat16']:.0f} in bfloat16; memory is read and written at "
        f"{memory:.0f} GB/s.",
        "",
        "| step | GFLOP | ms | GFLOP/s | of the matrix rate | bytes of the optimizer | at the rate of memory |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, step in STEPS.items():
        facts = results["facts"][name]
        seconds, gflop = median[name] / step.steps, facts["operations"] / 1e9
        traffic = BYTES_OF_A_PARAMETER * facts["parameters"]
        lines.append(
            f"| {name}, batch {step.batch} | {gflop:.2f} | {1e3 * seconds:.1f} | {gflop / seconds:.0f} "
            f"| {gflop / seconds / matrix[step.precision]:.0%} | {traffic / 1e6:.0f} MB "
            f"| {traffic / memory / 1e6:.1f} ms |"
        )
    return page("limits", "What limits a training step", results, lines)


def main(arguments: Sequence[str]) -> None:
    """Measure, and write the results."""
    parser = parser_of("limits", __doc__)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args(arguments)
    made = {name: working(step) for name, step in STEPS.items()}
    seconds = alternating({name: function for name, (function, _) in made.items()} | rates(), options.rounds)
    facts = {name: found for name, (_, found) in made.items()}
    results = measured(rounds=options.rounds, seconds=seconds, facts=facts)
    write("limits", results)
    render("limits", results, table)
