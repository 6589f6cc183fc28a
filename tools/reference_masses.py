"""Write the log-probabilities that tests compare likelihoods with: SciPy's, in double precision.

    pip install scipy && python tools/reference_masses.py

The tests themselves need no SciPy. Each row of a table is [*parameters, x, log p(x)]. The parameters of the tables
`large_...` are numbers that float32 has exactly, and those of TensorFlow Probability's classes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from scipy import stats

FILE = Path(__file__).parents[1] / "tests" / "components" / "reference_masses.json"
MEANS = (1e-5, 0.05, 1.0, 2.0, 12.0, 400.0, 8000.0)
DISPERSIONS = (2e-4, 0.01, 0.3, 1.0, 5.0, 40.0)
CONCENTRATIONS = (0.003, 0.4, 1.0, 7.0, 300.0)
LOG_MEANS = (6.5, 11.75, 16.125)
TOTALS = (0.25, 30.0, 8192.0)


def near(mean: float) -> list[int]:
    """Counts from 0 to far above a mean."""
    return sorted({0, 1, 2, 7, *(round(share * mean) for share in (0.5, 0.9, 1, 1.1, 2, 6))})


def poisson() -> Iterator[list[float]]:
    """[mean, x, log p]."""
    for mean in MEANS:
        for x in near(mean):
            yield [mean, x, float(stats.poisson.logpmf(x, mean))]


def negative_binomial() -> Iterator[list[float]]:
    """[mean, dispersion, x, log p]: n = 1 / dispersion failures, which have probability p = n / (n + mean)."""
    for mean, dispersion in product(MEANS, DISPERSIONS):
        for x in near(mean):
            p = stats.nbinom.logpmf(x, n=1 / dispersion, p=1 / (1 + dispersion * mean))
            yield [mean, dispersion, x, float(p)]


def beta_binomial() -> Iterator[list[float]]:
    """[trials, a, b, x, log p]."""
    for trials, a, b in product((1, 10, 255), CONCENTRATIONS, CONCENTRATIONS):
        for x in sorted({0, 1, trials // 3, trials - 1, trials}):
            yield [trials, a, b, x, float(stats.betabinom.logpmf(x, trials, a, b))]


def around(mean: float, deviation: float, most: float = np.inf) -> list[int]:
    """Counts at and around a mean, which float32 has exactly."""
    counts = (0, 1, *(int(np.float32(round(mean + steps * deviation))) for steps in (-8, -1, 0, 1, 8)))
    return sorted({count for count in counts if 0 <= count <= most})


def large_poisson() -> Iterator[list[float]]:
    """[log mean, x, log p]."""
    for log_mean in LOG_MEANS:
        mean = np.exp(log_mean)
        for x in around(mean, np.sqrt(mean)):
            yield [log_mean, x, float(stats.poisson.logpmf(x, mean))]


def large_negative_binomial() -> Iterator[list[float]]:
    """[total count, logit, x, log p]: the logit is that of a success, of which x are counted."""
    for total, log_mean in product(TOTALS, LOG_MEANS):
        logit = float(np.float32(log_mean - np.log(total)))
        mean = total * np.exp(logit)
        for x in around(mean, np.sqrt(mean + mean**2 / total)):
            yield [total, logit, x, float(stats.nbinom.logpmf(x, n=total, p=1 / (1 + np.exp(logit))))]


def large_beta_binomial() -> Iterator[list[float]]:
    """[trials, a, b, x, log p]."""
    for a, b in product((0.25, 40.0, 5e5), repeat=2):
        p = stats.betabinom(65535, a, b)
        for x in around(p.mean(), p.std(), 65535):
            yield [65535, a, b, x, float(p.logpmf(x))]


def main() -> None:
    """Write the file, a line for each table."""
    tables: dict[str, Any] = {"made_by": f"tools/reference_masses.py with SciPy {scipy.__version__}"}
    small = (poisson, negative_binomial, beta_binomial)
    for table in (*small, large_poisson, large_negative_binomial, large_beta_binomial):
        tables[table.__name__] = [[float(f"{number:.12g}") for number in row] for row in table()]
    lines = [f"{json.dumps(name)}: {json.dumps(rows)}" for name, rows in tables.items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
