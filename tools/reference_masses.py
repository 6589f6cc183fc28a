"""Write the log-probabilities that tests compare likelihoods with: SciPy's, in double precision.

    pip install scipy && python tools/reference_masses.py

The tests themselves need no SciPy. Each row of a table is [*parameters, x, log p(x)].
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import scipy
from scipy import stats

FILE = Path(__file__).parents[1] / "tests" / "components" / "reference_masses.json"
MEANS = (1e-5, 0.05, 1.0, 2.0, 12.0, 400.0, 8000.0)
DISPERSIONS = (2e-4, 0.01, 0.3, 1.0, 5.0, 40.0)
CONCENTRATIONS = (0.003, 0.4, 1.0, 7.0, 300.0)


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


def main() -> None:
    """Write the file, a line for each table."""
    tables: dict[str, Any] = {"made_by": f"tools/reference_masses.py with SciPy {scipy.__version__}"}
    for table in (poisson, negative_binomial, beta_binomial):
        tables[table.__name__] = [[float(f"{number:.12g}") for number in row] for row in table()]
    lines = [f"{json.dumps(name)}: {json.dumps(rows)}" for name, rows in tables.items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
