"""A hand-written loop of PyTorch: channels last, fused Adam, and torch.compile with the argument `compile`."""

from __future__ import annotations

import sys

import numpy as np
import torch

from benchmarks.contestants.plain_torch import Autoencoder
from benchmarks.turns import Turns


def main() -> None:
    turns = Turns()
    task = turns.task
    torch.manual_seed(0)
    model = Autoencoder(task["model"])
    if task["model"] == "conv":
        model = model.to(memory_format=torch.channels_last)
    bfloat16 = task["precision"] == "bfloat16"
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    loss_of = torch.compile(model) if "compile" in sys.argv[1:] else model
    images = torch.from_numpy(np.load(task["images"])).permute(0, 3, 1, 2).contiguous()

    def step(rows: torch.Tensor) -> torch.Tensor:
        x = torch.bernoulli(images[rows].float() / 255.0)
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(x, bfloat16)
        loss.backward()
        optimizer.step()
        return loss.detach()

    steps, batch = task["steps"], task["batch"]
    facts = {"parameters": sum(parameter.numel() for parameter in model.parameters())}
    while True:
        turns.begin(**facts)
        order = torch.randperm(len(images))[: steps * batch].reshape(steps, batch)
        total = sum(step(rows) for rows in order)
        facts = {"seconds": turns.seconds(), "loss": float(total) / steps}


if __name__ == "__main__":
    main()
