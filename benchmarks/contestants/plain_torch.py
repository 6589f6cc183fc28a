"""The models of the benchmark in PyTorch."""

from __future__ import annotations

import torch
from torch import nn

LATENTS = {"conv": 2, "dense": 20, "gated": 40}


class Gated(nn.Module):
    """(W x + b) * sigmoid(V x + c)."""

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.both = nn.Linear(inputs, 2 * units)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, I] -> [B, units]."""
        linear, gate = self.both(x).chunk(2, dim=-1)
        return linear * torch.sigmoid(gate)


def encoder(model: str) -> nn.Sequential:
    """Images [B, 1, 28, 28] -> [B, 2 D]."""
    outputs = 2 * LATENTS[model]
    if model == "conv":
        first = nn.Conv2d(1, 32, 3, stride=2, padding=1)
        second = nn.Conv2d(32, 64, 3, stride=2, padding=1)
        return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), nn.Flatten(), nn.Linear(3136, outputs))
    if model == "dense":
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, outputs))
    return nn.Sequential(nn.Flatten(), Gated(784, 300), Gated(300, 300), nn.Linear(300, outputs))


def decoder(model: str) -> nn.Sequential:
    """Latents [B, D] -> logits [B, 1, 28, 28]."""
    inputs, image = LATENTS[model], nn.Unflatten(1, (1, 28, 28))
    if model == "conv":
        return nn.Sequential(
            nn.Linear(inputs, 7 * 7 * 32),
            nn.ReLU(),
            nn.Unflatten(1, (32, 7, 7)),
            nn.ConvTranspose2d(32, 64, 3, stride=2, padding=1, output_padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(64, 32, 3, stride=2, padding=1, output_padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(32, 1, 3, padding=1),
        )
    if model == "dense":
        return nn.Sequential(nn.Linear(inputs, 400), nn.ReLU(), nn.Linear(400, 784), image)
    return nn.Sequential(Gated(inputs, 300), Gated(300, 300), nn.Linear(300, 784), image)


class Autoencoder(nn.Module):
    """A VAE whose output is its loss."""

    def __init__(self, model: str) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder(model), decoder(model)

    def forward(self, x: torch.Tensor, bfloat16: bool) -> torch.Tensor:
        """The mean negative evidence lower bound of binary images x, in nats; networks in bfloat16 if asked."""
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            outputs = self.encoder(x)
        loc, raw = outputs.float().chunk(2, dim=-1)
        scale = nn.functional.softplus(raw) + 1e-4
        z = loc + scale * torch.randn_like(loc)
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            logits = self.decoder(z)
        kl = (0.5 * (scale**2 + loc**2 - 1) - scale.log()).sum()
        cross_entropy = nn.functional.binary_cross_entropy_with_logits(logits.float(), x, reduction="sum")
        return (kl + cross_entropy) / len(x)
