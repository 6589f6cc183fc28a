"""Images in files: found in a fixed order, decoded by TensorFlow, cut and resized by one rule."""

from __future__ import annotations

import functools
import os
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tensorflow as tf

from probvae.core import Array, DType, Rows, Tensor
from probvae.data.files.folders import walk
from probvae.data.files.kinds import kind_of
from probvae.errors import ConfigError, DataError

SUFFIXES = (".png", ".jpg", ".jpeg")
_AT_ONCE = 256  # images that are decoded by one call
_PARALLEL = 4  # of them


def find_images(folder: Path, place: str) -> tuple[list[str], int]:
    """The images in a folder and in the folders in it: their paths relative to it, sorted, with / in them.

    Hidden files and folders, and files of other suffixes, are left out. Links to folders are followed, but not to
    those that they are in.

    Args:
        folder: the folder.
        place: the key of the spec that names it, for errors.

    Returns:
        The paths, and how many other files there are.

    Raises:
        ConfigError: there is no such folder, it cannot be read, or has no images.
    """
    if not folder.is_dir():
        got = f"{folder}, a file" if folder.exists() else f"no folder {folder.absolute()}"
        raise ConfigError.of(place, "a folder of images", got, "Name the folder that holds the image files.")
    names, others = [], 0

    def unreadable(error: OSError) -> None:
        raise ConfigError.of(place, "a folder that can be read", f"{error.filename} ({error.strerror})")

    for path, _, files in walk(folder, unreadable):
        for name in files:
            if name.startswith(".") or not name.lower().endswith(SUFFIXES):
                others += 1
            else:
                names.append((path / name).relative_to(folder).as_posix())
    if not names:
        got = f"{folder} with none of them" + (f" and {others:,} other files" if others else "")
        raise ConfigError.of(place, f"a folder of images ({', '.join(SUFFIXES)})", got)
    return sorted(names), others


def channels_of(file: Path) -> int:
    """How many channels an image has: 1 if it is grey, 3 if it has colours; transparency does not count.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return int(_decoded(tf.io.read_file(os.fsencode(file)), 0).shape[-1])
    except tf.errors.OpError as error:
        raise _unreadable(file) from error


@dataclass(frozen=True, repr=False)
class ImageRows:
    """Images [N, H, W, C] of bytes, decoded when they are read: an `ArrayLike`.

    A JPEG image is turned as its EXIF orientation says. Of each image the largest part in the middle with the
    proportions of [H, W] is cut out, and resized to it (bilinear, antialiased). An image of that size stays as it
    is.

    Args:
        files: of the N images.
        size: [H, W].
        channels: C, 1 for grey or 3 for colours.
        convert: whether images of another number of channels are converted; otherwise they are errors.
    """

    files: tuple[Path, ...]
    size: tuple[int, int]
    channels: int
    convert: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """[N, H, W, C]."""
        return len(self.files), *self.size, self.channels

    @property
    def dtype(self) -> DType:
        """Bytes."""
        return np.dtype(np.uint8)

    def __len__(self) -> int:
        return len(self.files)

    def __repr__(self) -> str:
        return f"<ImageRows: {self.dtype} {list(self.shape)}>"

    def __getitem__(self, which: Rows) -> Array:
        files = self._files(which)
        images = np.empty((len(files), *self.shape[1:]), np.uint8)
        for start in range(0, len(files), _AT_ONCE):
            some = files[start : start + _AT_ONCE]
            images[start : start + len(some)] = self._decoded(some)
        return images

    def _decoded(self, files: list[Path]) -> Array:
        """The images of files, [B, H, W, C].

        Raises:
            DataError: one of them cannot be read, or has another number of channels.
        """
        read = _reader(self.size, self.channels if self.convert else 0)
        try:
            images: Array = read([os.fsencode(file) for file in files], list(map(orientation_of, files))).numpy()
            if images.shape[-1] == self.channels:
                return images
        except tf.errors.OpError as error:
            if len(files) == 1:
                raise _unreadable(files[0]) from error
        if len(files) == 1:
            raise _other_channels(files[0], images.shape[-1])
        return np.concatenate([self._decoded([file]) for file in files])  # which of them it is

    def part(self, rows: Array) -> ImageRows:
        """Some of the images."""
        return replace(self, files=tuple(self._files(rows)))

    def _files(self, which: Rows) -> list[Path]:
        return [self.files[row] for row in np.arange(len(self))[which].tolist()]


@functools.cache
def _reader(size: tuple[int, int], channels: int) -> Callable[[list[bytes], list[int]], Tensor]:
    """What reads images, uint8 [B, H, W, C]: with the channels that they have if they are 0."""

    def read(path_and_orientation: tuple[Tensor, Tensor]) -> Tensor:
        path, orientation = path_and_orientation
        return _fitted(_turned(_decoded(tf.io.read_file(path), channels), orientation), size)

    def read_all(*paths_and_orientations: Tensor) -> Tensor:
        signature = tf.TensorSpec((*size, None), tf.uint8)
        return tf.map_fn(
            read, paths_and_orientations, fn_output_signature=signature, parallel_iterations=_PARALLEL
        )

    made: Callable[[list[bytes], list[int]], Tensor] = tf.function(
        read_all, input_signature=[tf.TensorSpec([None], tf.string), tf.TensorSpec([None], tf.int32)]
    )
    return made


def _decoded(content: Tensor, channels: int) -> Tensor:
    """A PNG or JPEG image, uint8 [h, w, C], with the channels that it has if they are 0; without transparency."""
    image = tf.io.decode_jpeg(content, channels, dct_method="INTEGER_ACCURATE")  # decodes PNG too
    if channels:
        return image
    return image[..., : tf.where(tf.shape(image)[-1] > 2, 3, 1)]


def orientation_of(file: Path) -> int:
    """How a JPEG image is to be turned, by its EXIF orientation: 2 to 8; 1 if not at all, as all other files."""
    try:
        with open(file, "rb") as opened:
            head = opened.read(2**16)
        if not head.startswith(b"\xff\xd8") or not (found := _EXIF.search(head)):
            return 1
        tiff, order = head[found.start(1) :], "<" if found[1] == b"II*\0" else ">"
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, start)
        entries = (struct.unpack_from(f"{order}HHIH", tiff, start + 2 + 12 * place) for place in range(count))
        orientation = next((value for tag, _, _, value in entries if tag == _ORIENTATION), 1)
    except (OSError, struct.error):  # it cannot be read, or its EXIF is damaged
        return 1
    return int(orientation) if 1 <= orientation <= 8 else 1


_EXIF = re.compile(rb"\xff\xe1..Exif\0\0(II\*\0|MM\0\*)", re.DOTALL)
_ORIENTATION = 0x0112  # a tag of EXIF


def _turned(image: Tensor, orientation: Tensor) -> Tensor:
    """An image [h, w, C] as its EXIF orientation says."""

    def turn() -> Tensor:
        swapped = tf.cond(orientation >= 5, lambda: tf.transpose(image, (1, 0, 2)), lambda: image)
        mirrored = [3, 4, 7, 8], [2, 3, 6, 7]  # top to bottom, left to right
        down, right = (tf.where(tf.reduce_any(orientation == which), -1, 1) for which in mirrored)
        return swapped[::down, ::right]

    return tf.ensure_shape(tf.cond(orientation > 1, turn, lambda: image), (None, None, None))


def _fitted(image: Tensor, size: tuple[int, int]) -> Tensor:
    """The middle of an image [h, w, C] that has the proportions of `size`, resized to it: [H, W, C]."""
    H, W = size
    h, w = tf.unstack(tf.shape(image)[:2])
    height, width = tf.maximum(tf.minimum(h, w * H // W), 1), tf.maximum(tf.minimum(w, h * W // H), 1)
    top, left = (h - height) // 2, (w - width) // 2
    middle = tf.ensure_shape(image[top : top + height, left : left + width], (None, None, None))
    return tf.cast(tf.round(tf.image.resize(middle, size, antialias=True)), tf.uint8)


def _unreadable(file: Path) -> DataError:
    try:
        with open(file, "rb") as opened:
            kind = kind_of(file, opened)
        found = f"{kind.what} that is damaged" if kind.what in ("a PNG image", "a JPEG image") else kind.what
    except OSError as error:
        found = f"a file that cannot be read ({error.strerror})"
    return DataError(f"{file}: expected a PNG or JPEG image; got {found}. Replace the file, or remove it.")


def _other_channels(file: Path, channels: int) -> DataError:
    grey, colours = "an image in grey", "an image in colours"
    expected, got = (grey, colours) if channels > 1 else (colours, grey)
    fix = "Set data.channels = 3, or 1 for grey, to make all alike."
    return DataError(f"{file}: expected {expected}, as the first of the training images; got {got}. {fix}")
