"""A hand-written estimator of PyTorch: latents of several images at a time, and torch.compile with `compile`.

Sums are in double precision, as those of probvae; there are no errors and no effective sample sizes.
"""

from __future__ import annotations

import math
import resource
import sys

import numpy as np
import torch
from torch.nn import functional

from benchmarks.turns import Turns

IMAGES, DRAWS = 100, 20


def main() -> None:
    turns = Turns()
    task = turns.task
    torch.manual_seed(0)
    with np.load(task["weights"]) as found:
        weights = {name: torch.from_numpy(array.T if array.ndim == 2 else array) for name, array in found.items()}

    def network(side: str, x: torch.Tensor) -> torch.Tensor:
        for layer in ("hidden.0/linear_and_gate", "hidden.1/linear_and_gate", "last"):
            kernel, bias = (weights[f"{side}/network/{layer}/{part}"] for part in ("kernel", "bias"))
            x = functional.linear(x, kernel, bias)
            x = x if layer == "last" else functional.glu(x)
        return x

    def log_weights(x: torch.Tensor, loc: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        noise = torch.randn((DRAWS, *loc.shape))
        z = loc + scale * noise
        logits = network("decoder", z)
        log_likelihood = -functional.binary_cross_entropy_with_logits(
            logits, x.expand_as(logits), reduction="none"
        ).sum(-1)
        return log_likelihood + 0.5 * (noise**2 - z**2).sum(-1) + scale.log().sum(-1)

    draw = torch.compile(log_weights) if "compile" in sys.argv[1:] else log_weights
    images = torch.from_numpy(np.load(task["images"]).reshape(-1, 784)).float()
    facts: dict[str, float] = {}
    while True:
        turns.begin(**facts)
        bounds = []
        with torch.inference_mode():
            for x in images.split(IMAGES):
                loc, raw = network("encoder", x).chunk(2, dim=-1)
                scale = functional.softplus(raw + 1e-5) + 1e-4
                total = torch.full((len(x),), -math.inf, dtype=torch.float64)
                for _ in range(task["samples"] // DRAWS):
                    log_w = draw(x, loc, scale).double()
                    total = torch.logaddexp(total, log_w.logsumexp(0))
                bounds.append(total - math.log(task["samples"]))
        facts = {
            "seconds": turns.seconds(),
            "bound": float(torch.cat(bounds).mean()),
            "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }


if __name__ == "__main__":
    main()
