"""What does the density of a mixture of K normals cost, compared with TensorFlow Probability's?

One call is the log-density of B = 100 points with D = 40 dimensions and its gradient with respect to the points,
the means, the scales and the weights. The plain form is the same matrix product without its care for small
scales: float32 throughout. The error is that of the log-density relative to TensorFlow Probability's in float64,
the largest over mixtures whose scales are 1e-3 to 1e3 apart.

    python -m benchmarks mixtures
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from matplotlib.figure import Figure

from benchmarks.charts import lines as lines_of
from benchmarks.results import measured, page, parser_of, render, write
from benchmarks.turns import alternating, ratios
from probvae.components.mixtures import mixture
from probvae.core import Array, Tensor

tfd = tfp.distributions

COUNTS = (16, 500, 5_000, 25_000)
POINTS, DIMENSIONS = 100, 40

LogDensity = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""(z [B, D], logits [K], means [K, D], scales [K, D]) -> [B]."""


def of_probvae(z: Tensor, logits: Tensor, means: Tensor, scales: Tensor) -> Tensor:
    """As the priors have it."""
    return mixture(logits, tfd.MultivariateNormalDiag(means, scales)).log_prob(z)


def of_tfp(z: Tensor, logits: Tensor, means: Tensor, scales: Tensor) -> Tensor:
    """As a user of TensorFlow Probability has it."""
    normals = tfd.MultivariateNormalDiag(means, scales)
    return tfd.MixtureSameFamily(tfd.Categorical(logits=logits), normals).log_prob(z)


def plain(z: Tensor, logits: Tensor, means: Tensor, scales: Tensor) -> Tensor:
    """The matrix form in the precision of its arguments."""
    precisions = 1.0 / scales**2
    constants = (
        tf.nn.log_softmax(logits)
        - tf.reduce_sum(tf.math.log(scales) + 0.5 * means**2 * precisions, axis=-1)
        - 0.5 * DIMENSIONS * math.log(2 * math.pi)
    )
    products = tf.matmul(z, means * precisions, transpose_b=True)
    squares = tf.matmul(z**2, precisions, transpose_b=True)
    return tf.reduce_logsumexp(products - 0.5 * squares + constants, axis=-1)


FORMS: dict[str, LogDensity] = {"probvae": of_probvae, "TFP": of_tfp, "plain": plain}


def arguments_of(count: int, spread: float = 1.0, seed: int = 0) -> list[Array]:
    """Points and a mixture of `count` normals, whose scales are up to a factor of `spread`² apart."""
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(count, DIMENSIONS))
    scales = spread ** rng.uniform(-1, 1, (count, DIMENSIONS))
    near = rng.integers(count, size=POINTS)
    z = means[near] + scales[near] * rng.normal(size=(POINTS, DIMENSIONS))
    return [array.astype(np.float32) for array in (z, rng.normal(size=count), means, scales)]


def compared(count: int, rounds: int) -> dict[str, Any]:
    """The milliseconds of each form for a mixture of `count` normals."""
    arguments = [tf.constant(array) for array in arguments_of(count)]

    def called(form: LogDensity) -> Callable[[], object]:
        def value_and_gradients(*given: Tensor) -> Tensor:
            return tfp.math.value_and_gradient(form, given)

        compiled = tf.function(value_and_gradients)
        return partial(_computed, compiled, arguments)

    seconds = alternating({name: called(form) for name, form in FORMS.items()}, rounds)
    return {
        name: {"milliseconds": 1e3 * statistics.median(each), "probvae_over_it": ratios(each, seconds["probvae"])}
        for name, each in seconds.items()
    }


def _computed(function: Callable[..., Any], arguments: Sequence[Tensor]) -> Array:
    """The log-densities, once they are there."""
    found: Array = function(*arguments)[0].numpy()
    return found


def errors(count: int) -> dict[str, float]:
    """The largest relative error of each form over mixtures whose scales are more or less apart."""
    found = {}
    for name in ("probvae", "plain"):
        worst = 0.0
        for spread in (1.0, 10.0, 1e3**0.5, 1e3):
            given = arguments_of(count, spread, seed=1)
            exact = of_tfp(*(tf.constant(array, tf.float64) for array in given)).numpy()
            value = FORMS[name](*map(tf.constant, given)).numpy()
            worst = max(worst, float(np.max(np.abs(value - exact) / np.maximum(1.0, np.abs(exact)))))
        found[name] = worst
    return found


def table(results: dict[str, Any]) -> str:
    """The results in Markdown."""
    lines = [
        f"Milliseconds for the log-density and its gradient, {POINTS} points of {DIMENSIONS} dimensions; medians "
        f"of {results['rounds']} turns in one process.",
        "",
        "| K | TFP | plain, float32 | probvae | TFP over probvae | error, plain | error, probvae |",
        "|---|---|---|---|---|---|---|",
    ]
    for count, row in results["counts"].items():
        speed, error = row["speed"], row["error"]
        times = " | ".join(f"{speed[name]['milliseconds']:.1f}" for name in ("TFP", "plain", "probvae"))
        gain = speed["TFP"]["probvae_over_it"]["median"]
        lines.append(f"| {int(count):,} | {times} | {gain:.1f} | {error['plain']:.1e} | {error['probvae']:.1e} |")
    return page("mixtures", "The density of a mixture of normals", results, lines, "milliseconds along K")


def picture(results: dict[str, Any]) -> Figure:
    """The milliseconds along K."""
    curves = {
        name: {float(count): row["speed"][name]["milliseconds"] for count, row in results["counts"].items()}
        for name in ("TFP", "plain", "probvae")
    }
    panels = {f"{POINTS} points of {DIMENSIONS} dimensions, along K": curves}
    return lines_of("The density of a mixture of normals, with its gradient", "milliseconds", panels)


def main(arguments: Sequence[str]) -> None:
    """Measure, and write the results."""
    parser = parser_of("mixtures", __doc__)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args(arguments)
    counts = {str(count): {"speed": compared(count, options.rounds), "error": errors(count)} for count in COUNTS}
    results = measured(rounds=options.rounds, counts=counts)
    write("mixtures", results)
    render("mixtures", results, table, picture)
