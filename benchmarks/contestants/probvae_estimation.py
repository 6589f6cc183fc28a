"""The estimator of probvae, everything on: errors, effective sample sizes, Pareto k. A turn is a seed."""

from __future__ import annotations

import resource

import numpy as np

from benchmarks.reference import gated
from benchmarks.turns import Turns
from probvae import Split
from probvae.core import trainable_names
from probvae.evaluation import example_bounds


def main() -> None:
    turns = Turns()
    task = turns.task
    vae = gated()
    with np.load(task["weights"]) as weights:
        for name, variable in trainable_names(vae).items():
            variable.assign(weights[name])
    split, seed = Split(np.load(task["images"])), 0
    facts: dict[str, float] = {}
    while True:
        turns.begin(**facts)
        found = example_bounds(vae, split, task["samples"], seed)
        facts = {
            "seconds": turns.seconds(),
            "bound": float(found["importance_weighted"].mean()),
            "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }
        seed += 1


if __name__ == "__main__":
    main()
