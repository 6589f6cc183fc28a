"""Pythae's own trainer. It does not binarise images anew at each step: they are binarised once, before."""

from __future__ import annotations

import tempfile

import numpy as np
import torch
from pythae.data.datasets import BaseDataset
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from torch import nn

from benchmarks.contestants.plain_torch import LATENTS, decoder, encoder
from benchmarks.turns import Turns


class Encoder(BaseEncoder):
    """In the form that Pythae asks for."""

    def __init__(self, layers: nn.Sequential) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, x: torch.Tensor) -> ModelOutput:
        """The mean and the log-variance."""
        loc, log_variance = self.layers(x).chunk(2, dim=-1)
        return ModelOutput(embedding=loc, log_covariance=log_variance)


class Decoder(BaseDecoder):
    """In the form that Pythae asks for."""

    def __init__(self, layers: nn.Sequential) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, z: torch.Tensor) -> ModelOutput:
        """Probabilities, as its loss takes no logits."""
        return ModelOutput(reconstruction=torch.sigmoid(self.layers(z)))


def main() -> None:
    turns = Turns()
    task = turns.task
    torch.manual_seed(0)
    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=LATENTS[task["model"]], reconstruction_loss="bce")
    model = VAE(config, Encoder(encoder(task["model"])), Decoder(decoder(task["model"])))
    images = torch.from_numpy(np.load(task["images"])[: task["steps"] * task["batch"]]).permute(0, 3, 1, 2)
    x = torch.bernoulli(images.float() / 255.0)
    with tempfile.TemporaryDirectory() as folder:
        settings = BaseTrainerConfig(
            output_dir=folder,
            per_device_train_batch_size=task["batch"],
            num_epochs=1,
            learning_rate=1e-3,
            no_cuda=True,
        )
        trainer = BaseTrainer(model, BaseDataset(x, torch.zeros(len(x))), training_config=settings)
        trainer.prepare_training()
        facts = {"parameters": sum(parameter.numel() for parameter in model.parameters())}
        epoch = 0
        while True:
            turns.begin(**facts)
            epoch += 1
            loss = trainer.train_step(epoch)
            facts = {"seconds": turns.seconds(), "loss": float(loss)}


if __name__ == "__main__":
    main()
