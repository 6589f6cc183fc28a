"""An MLP-Mixer, a network in one file: give `--plugin examples/mlp_mixer.py`, and use "mlp_mixer.mixer"."""

from math import prod
from typing import Annotated

import keras
from annotated_types import Ge

import probvae


@probvae.register("network", "mixer")
class Mixer(probvae.Network):
    """From an image [height, width, channels] of any size to a vector, or from a vector to an image.

    Patches become rows of features, which dense layers mix in turns over patches and over features (Tolstikhin et
    al., MLP-Mixer: an all-MLP architecture for vision, 2021).

    Args:
        patch: the height and width of a patch.
        features: the number of features of each patch.
        depth: the number of mixing layers.
    """

    def __init__(
        self, patch: probvae.Positive = 4, features: Annotated[int, Ge(4)] = 32, depth: probvae.Positive = 2
    ) -> None:
        super().__init__()
        self.patch, self.features, self.depth = patch, features, depth

    def make_layers(self, in_shape: probvae.Shape, out_shape: probvae.Shape) -> None:
        """The embedding of patches, the mixing layers, and the last layer."""
        self.encodes = len(in_shape) == 3
        image = in_shape if self.encodes else out_shape
        if len(image) != 3:
            raise probvae.ConfigError(f"mixer: expected images [height, width, channels]; got {list(image)}.")
        rows, columns = (-(-size // self.patch) for size in image[:2])  # rounded up
        self.grid = (rows, columns, self.features)
        patches = {"kernel_size": self.patch, "strides": self.patch, "padding": "same"}
        if self.encodes:
            self.first = keras.layers.Conv2D(self.features, **patches)
            self.last = keras.layers.Dense(prod(out_shape), dtype="float32")
        else:
            self.first = keras.layers.Dense(prod(self.grid))
            self.last = keras.layers.Conv2DTranspose(image[2], **patches, dtype="float32")
        norm = keras.layers.LayerNormalization
        self.mixers = [[norm(), mlp(rows * columns), norm(), mlp(self.features)] for _ in range(self.depth)]

    def map_rows(self, rows: probvae.Tensor) -> probvae.Tensor:
        """Images [N, height, width, channels] to vectors [N, O], or vectors [N, I] to images."""
        x = keras.ops.reshape(self.first(rows), (-1, prod(self.grid[:2]), self.features))  # [N, patches, features]
        for one_norm, over_patches, other_norm, over_features in self.mixers:
            x += keras.ops.swapaxes(over_patches(keras.ops.swapaxes(one_norm(x), 1, 2)), 1, 2)
            x += over_features(other_norm(x))
        if self.encodes:
            return keras.ops.reshape(self.last(keras.ops.mean(x, axis=1)), (-1, *self.out_shape))
        image = self.last(keras.ops.reshape(x, (-1, *self.grid)))
        return image[:, : self.out_shape[0], : self.out_shape[1]]


def mlp(size: int) -> keras.Sequential:
    """Two dense layers on the last axis."""
    return keras.Sequential([keras.layers.Dense(2 * size, "gelu"), keras.layers.Dense(size)])
