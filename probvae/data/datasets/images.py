"""A user's own images, from a folder of PNG and JPEG files."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from probvae.core import (
    Array,
    Binarize,
    Data,
    DataInfo,
    Dataset,
    FilePath,
    Positive,
    PositiveFloat,
    Shape,
    Split,
    Values,
)
from probvae.data.feeding.splits import Share, UserData, scaling, split_off
from probvae.data.files.image_files import SUFFIXES, ImageRows, channels_of, find_images
from probvae.data.files.labels import described
from probvae.data.files.memory import check_memory
from probvae.data.files.parts import NAMES, PARTS, Part
from probvae.errors import ConfigError


class ImageFolder(Dataset):
    """Your own images, from a folder of PNG and JPEG files.

    The folders in it are classes, and their names those of the labels; the label of an image that is directly in
    it is missing. If it has a folder train (or training), then the images of each part are in a folder of their
    own: train, validation (valid, val) and test (testing), each with its classes. A part without a folder is split
    off from the training images. Images come in the order of their paths. Hidden files and files of other suffixes
    than .png, .jpg and .jpeg are left out; a note counts them. In results the id of an image is its path.

    JPEG images are turned as their EXIF orientation says. The largest central part of each image that has the
    proportions of `size` is cut out, and resized to `size` (bilinear, antialiased). Images of that size stay as
    they are.

    Args:
        folder: the folder.
        size: height and width.
        channels: 1 for grey, 3 for colours; if not set, as the files have them, which must then be alike.
            Transparency is left out.
        share: the share of the training images that is split off for a part that has no folder, the same images in
            every run.
        divide_by: the divisor of all values, which are bytes.
        binarize: dynamic (training images afresh at every step), static (all once), or none.
        in_memory: if false, decode images when they are needed, for more images than fit in memory; the files must
            not change meanwhile.
    """

    def __init__(
        self,
        folder: FilePath,
        size: tuple[Positive, Positive],
        channels: Literal[1, 3] | None = None,
        share: Share = 0.1,
        divide_by: PositiveFloat = 255.0,
        binarize: Binarize = "none",
        in_memory: bool = True,
    ) -> None:
        self.folder = folder
        self.size = size
        self.channels = channels
        self.share = share
        self.divide_by = divide_by
        self.binarize = binarize
        self.in_memory = in_memory

    def info(self) -> DataInfo:
        """The description of the data; of the images only the first is decoded.

        Raises:
            ConfigError: the folder is missing, or does not hold what it should.
            DataError: the first image cannot be read.
        """
        return self._data().info(self.binarize)

    def load(self) -> Data:
        """The three splits.

        Raises:
            ConfigError: the folder is missing, or does not hold what it should, or the images do not fit in
                memory.
            DataError: an image cannot be read.
        """
        data = self._data()
        if self.in_memory:
            _check_memory([split.stored.shape for split in data.splits.values()])
            splits = {part: replace(split, stored=split.stored[:]) for part, split in data.splits.items()}
            data = replace(data, splits=splits)
        return data.load(self.binarize)

    def _data(self) -> UserData:
        """The data, its images not decoded."""
        folder = Path(os.path.expanduser(self.folder))  # Path.expanduser may raise
        paths, others = find_images(folder, "data.folder")
        parts = _parts(paths, folder)
        others += len(paths) - sum(map(len, parts.values()))
        labels, classes = _labels(parts)
        channels = self.channels or channels_of(folder / parts["train"][0].path)
        splits = {}
        for part, images in parts.items():
            files = tuple(folder / image.path for image in images)
            stored = ImageRows(files, self.size, channels, convert=bool(self.channels))
            ids = np.array([image.path for image in images])
            splits[part] = Split(stored, labels.get(part), self.divide_by, ids=ids)
        notes = [f"{part}: {len(split):,} images{_of_class(split, classes)}" for part, split in splits.items()]
        if others:
            kinds = ", ".join(SUFFIXES)
            notes.append(f"ignored: {others:,} files that are hidden, not {kinds}, or not in the folder of a part")
        return UserData(
            *split_off(splits, self.share, "data.folder", "Put images into a folder {} beside a folder train."),
            values=Values.levels(256, self.divide_by),
            scaling=f"images cut and resized to {self.size[0]}x{self.size[1]}; {scaling(self.divide_by)}",
            source=f"the user's images in {self.folder}",
            notes=tuple(notes),
            classes=classes,
        )


def _check_memory(shapes: list[Shape]) -> None:
    sizes = [math.prod(shape) for shape in shapes]
    needed = sum(sizes) + max(sizes)  # the trainer copies the training images once
    what = f"{sum(shape[0] for shape in shapes):,} images of {list(shapes[0][1:])} bytes"
    fix = "Set data.in_memory = false, which decodes images as needed, or a smaller data.size."
    check_memory("data.folder", needed, what, fix)


def _of_class(split: Split, classes: tuple[str, ...]) -> str:
    return "" if split.labels is None else f"; labels: {described(split.labels, classes)}"


class _Image(NamedTuple):
    """An image: its path relative to the folder, and the folder of its class in that of its part, or ""."""

    path: str
    label: str

    @classmethod
    def at(cls, path: str, inner: str) -> _Image:
        """An image by its path, and the part of it below the folder of its part."""
        top, slash, _ = inner.partition("/")
        return cls(path, top if slash else "")


def _parts(paths: Sequence[str], folder: Path) -> dict[Part, list[_Image]]:
    """The images of each part: all are for training, unless there are folders of parts."""
    part_of = {name: part for part in PARTS for name in NAMES[part]}
    parts: dict[Part, list[_Image]] = {}
    for path in paths:
        top, slash, inner = path.partition("/")
        if slash and top.lower() in part_of:
            parts.setdefault(part_of[top.lower()], []).append(_Image.at(path, inner))
    if not parts:
        return {"train": [_Image.at(path, path) for path in paths]}
    if "train" not in parts:
        got = f"{folder} with images for {' and '.join(parts)}, and none for train"
        raise ConfigError.of("data.folder", "a folder train beside those of the other parts", got)
    return parts


def _labels(parts: Mapping[Part, list[_Image]]) -> tuple[dict[Part, Array], tuple[str, ...]]:
    """The labels of each part, -1 where an image is in no folder of a class, and the names of the classes.

    None if no image is in one.
    """
    names = tuple(sorted({image.label for images in parts.values() for image in images} - {""}))
    if not names:
        return {}, ()
    number = {"": -1} | {name: place for place, name in enumerate(names)}
    return {part: np.array([number[image.label] for image in images]) for part, images in parts.items()}, names
