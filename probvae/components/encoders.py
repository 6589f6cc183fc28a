"""Encoders: any network with any posterior head."""

from __future__ import annotations

from typing import Annotated

from annotated_types import MinLen

from probvae.components.networks.conv import Conv
from probvae.components.networks.dense import Activation, Dense, DenseActivation
from probvae.components.networks.network import Network
from probvae.components.networks.resnet import ResNetDown
from probvae.core import Distribution, Encoder, Positive, PosteriorHead, Shape, Tensor, Use


class NetworkEncoder(Encoder):
    """q(z|x) from a network and a posterior head, batch [B] and event [D].

    Args:
        network: maps x [B, *E] to what the head asks for.
        head: makes the distribution.

    Raises:
        ShapeError: the network's outputs are not of the head's shape.
    """

    def __init__(self, network: Network, head: PosteriorHead) -> None:
        super().__init__()
        network.serve(head)
        self.network = network
        self.head = head
        self.support = head.support

    def posterior(self, x: Tensor) -> Distribution:
        """q(z|x) of x [B, *E]: [B], [D]."""
        return self.head.posterior(self.network.outputs(x))


class DenseEncoder(NetworkEncoder):
    """A fully connected encoder, for data of any shape.

    Args:
        event_shape: E, the shape of one example.
        posterior: the head that makes q(z|x).
        hidden: the sizes of the hidden layers.
        activation: what follows each hidden layer; "gated" multiplies it by a sigmoid gate.
    """

    def __init__(
        self,
        event_shape: Shape,
        posterior: Annotated[PosteriorHead, Use("diagonal_normal")],
        hidden: tuple[Positive, ...] = (300, 300),
        activation: DenseActivation = "relu",
    ) -> None:
        super().__init__(Dense(event_shape, posterior.output_shape, hidden, activation), posterior)


class ConvEncoder(NetworkEncoder):
    """A convolutional encoder: strided convolutions, flattened, and a linear layer.

    Args:
        event_shape: E = [height, width, channels]; both sizes must divide by the product of the strides.
        posterior: the head that makes q(z|x).
        filters: how many filters each convolution has.
        kernel_size: one for all convolutions, or one for each.
        strides: one for all convolutions, or one for each.
        activation: what follows each convolution.
    """

    def __init__(
        self,
        event_shape: Shape,
        posterior: Annotated[PosteriorHead, Use("diagonal_normal")],
        filters: Annotated[tuple[Positive, ...], MinLen(1)] = (32, 64),
        kernel_size: Positive | tuple[Positive, ...] = 3,
        strides: Positive | tuple[Positive, ...] = 2,
        activation: Activation = "relu",
    ) -> None:
        network = Conv(event_shape, posterior.output_shape, filters, kernel_size, strides, activation)
        super().__init__(network, posterior)


class ResNetEncoder(NetworkEncoder):
    """A residual convolutional encoder: each stage halves the image.

    Args:
        event_shape: E = [height, width, channels]; both sizes must divide by 2 to the number of stages.
        posterior: the head that makes q(z|x).
        filters: how many filters each stage has.
        blocks: residual blocks per stage.
    """

    def __init__(
        self,
        event_shape: Shape,
        posterior: Annotated[PosteriorHead, Use("diagonal_normal")],
        filters: Annotated[tuple[Positive, ...], MinLen(1)] = (32, 64),
        blocks: Positive = 1,
    ) -> None:
        super().__init__(ResNetDown(event_shape, posterior.output_shape, filters, blocks), posterior)
