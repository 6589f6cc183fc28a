"""Decoders: any network with any likelihood head."""

from __future__ import annotations

from typing import Annotated

from annotated_types import MinLen

from probvae.components.networks.conv import ConvTranspose
from probvae.components.networks.dense import Activation, Dense, DenseActivation
from probvae.components.networks.network import Network
from probvae.components.networks.resnet import ResNetUp
from probvae.core import Decoder, Distribution, LikelihoodHead, Positive, Tensor


class NetworkDecoder(Decoder):
    """p(x|z) from a network and a likelihood head, batch [...] and event [*E].

    Args:
        network: maps z [..., D] to what the head asks for.
        head: makes the distribution.

    Raises:
        ShapeError: the network's outputs are not of the head's shape.
    """

    def __init__(self, network: Network, head: LikelihoodHead) -> None:
        super().__init__()
        network.serve(head)
        self.network = network
        self.head = head
        self.support = head.support

    def likelihood(self, z: Tensor) -> Distribution:
        """p(x|z) of z [..., D]: [...], [*E]."""
        return self.head.likelihood(self.network.outputs(z))


class DenseDecoder(NetworkDecoder):
    """A fully connected decoder, for data of any shape.

    Args:
        latent_dim: D, the size of one latent.
        likelihood: the head that makes p(x|z).
        hidden: the sizes of the hidden layers.
        activation: what follows each hidden layer; "gated" multiplies it by a sigmoid gate.
    """

    def __init__(
        self,
        latent_dim: Positive,
        likelihood: LikelihoodHead,
        hidden: tuple[Positive, ...] = (300, 300),
        activation: DenseActivation = "relu",
    ) -> None:
        super().__init__(Dense((latent_dim,), likelihood.output_shape, hidden, activation), likelihood)


class ConvTransposeDecoder(NetworkDecoder):
    """A convolutional decoder: a dense layer, strided transposed convolutions, and one more to the image.

    Args:
        latent_dim: D, the size of one latent.
        likelihood: the head that makes p(x|z).
        filters: how many filters each strided transposed convolution has.
        kernel_size: one for all of them, or one for each; the last, linear one has kernel 3 and stride 1.
        strides: one for all of them, or one for each; their product must divide the image's height and width.
        base_filters: how many maps the dense layer makes.
        activation: what follows every layer but the last.
    """

    def __init__(
        self,
        latent_dim: Positive,
        likelihood: LikelihoodHead,
        filters: Annotated[tuple[Positive, ...], MinLen(1)] = (64, 32),
        kernel_size: Positive | tuple[Positive, ...] = 3,
        strides: Positive | tuple[Positive, ...] = 2,
        base_filters: Positive = 32,
        activation: Activation = "relu",
    ) -> None:
        network = ConvTranspose(
            (latent_dim,), likelihood.output_shape, filters, kernel_size, strides, base_filters, activation
        )
        super().__init__(network, likelihood)


class ResNetDecoder(NetworkDecoder):
    """A residual convolutional decoder: each stage doubles the image.

    Args:
        latent_dim: D, the size of one latent.
        likelihood: the head that makes p(x|z).
        filters: how many filters each stage has; 2 to their number must divide the image's height and width.
        blocks: residual blocks per stage.
    """

    def __init__(
        self,
        latent_dim: Positive,
        likelihood: LikelihoodHead,
        filters: Annotated[tuple[Positive, ...], MinLen(1)] = (64, 32),
        blocks: Positive = 1,
    ) -> None:
        super().__init__(ResNetUp((latent_dim,), likelihood.output_shape, filters, blocks), likelihood)
