"""MNIST and two datasets in its form: 60,000 and 10,000 images of 28x28 bytes in four IDX files."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np

from probvae.core import Array, Binarize, Data, DataInfo, Dataset, FilePath
from probvae.data.feeding.binarize import (
    PUBLISHED,
    binarize_as_published,
    binarize_splits,
    fixed_order,
    image_values,
    images,
    protocol,
)
from probvae.data.files.array_files import ArrayFile, listed
from probvae.data.files.fetch import CACHE_VARIABLE, File, cache_folder, fetch
from probvae.data.files.idx import idx_length, read_idx
from probvae.data.files.kinds import kind_of
from probvae.errors import ConfigError, DataError

FASHION = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
"""The classes of Fashion-MNIST."""


_NAMES = (
    "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz",
)  # fmt: skip
"""The names of the four files, the same for all of these datasets."""


def _files(*published: tuple[Any, ...]) -> tuple[File, ...]:
    """The four files; of each the size, the sha256, that of its content, and another name, as far as known."""
    return tuple(File(name, *rest) for name, rest in zip(_NAMES, published, strict=True))


@dataclass(frozen=True)
class Source:
    """The origin of one of these datasets.

    Args:
        name: its name in a spec.
        about: title, reference and licence.
        url: the address of the folder with the files.
        files: training images and labels, test images and labels.
        classes: the meanings of the labels.
        system: a folder that may contain the files already.
        package: the Debian package that puts them there.
        counts: the numbers of training and test images.
        held_out: the number of training images for validation.
    """

    name: str
    about: str
    url: str
    files: tuple[File, ...]
    classes: tuple[str, ...]
    system: str = ""
    package: str = ""
    counts: tuple[int, int] = (60_000, 10_000)
    held_out: int = 10_000

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shapes of the arrays in the four files."""
        train, test = self.counts
        return (train, 28, 28), (train,), (test, 28, 28), (test,)

    @property
    def alternatives(self) -> str:
        """What to do when the files cannot be fetched."""
        ways = [
            'name a folder with the files (data.folder = "...")',
            f"put them into {cache_folder(self.name)} (${CACHE_VARIABLE} moves it)",
        ]
        if self.package:
            ways.append(f"`apt-get install {self.package}`")
        ways.append('use the images that come with probvae (data.use = "fashion_mini")')
        return f"Alternatives: {'; '.join(ways)}."


Protocol: TypeAlias = Literal["probvae", "exemplar_vae"]


class MnistLike(Dataset):
    """The base of the datasets of this form; each has its origin in `source`.

    The training images are put into one fixed order, the same for everyone, and the last 10,000 are for
    validation. With the protocol "exemplar_vae" they stay in the order of the files.

    Raises:
        ConfigError: a published protocol with a binarisation that is not its own.
    """

    source: ClassVar[Source]

    def __init__(
        self, binarize: Binarize = "dynamic", folder: FilePath = "", protocol: Protocol = "probvae"
    ) -> None:
        if protocol != "probvae" and binarize != "dynamic":
            expected = f'"dynamic", the binarisation of the protocol "{protocol}"'
            raise ConfigError.of("data.binarize", expected, repr(binarize), 'Or set data.protocol = "probvae".')
        self.binarize = binarize
        self.folder = folder
        self.protocol = protocol

    def info(self) -> DataInfo:
        """The description of the data, without fetching it.

        Raises:
            ConfigError: the folder is missing, or lacks a file.
        """
        return self._info(self._local_files())

    def load(self) -> Data:
        """The three splits; files that are missing are fetched.

        Raises:
            ConfigError: the folder is missing, or lacks a file.
            DataError: a file could not be fetched, or is damaged.
        """
        source = self.source
        found = self._local_files()
        info = self._info(found)
        paths = found or [
            fetch(source.url, file, cache_folder(source.name), source.alternatives) for file in source.files
        ]
        x, labels, test_x, test_labels = (
            _read(path, file, shape) for path, file, shape in zip(paths, source.files, source.shapes, strict=True)
        )
        published = self.protocol == "exemplar_vae"
        order = np.arange(len(x)) if published else fixed_order(len(x))
        kept, held_out = order[: -source.held_out], order[-source.held_out :]
        train, validation = (images(x[part], labels[part]) for part in (kept, held_out))
        test = images(test_x, test_labels)
        if published:
            return Data(info, *binarize_as_published(train, validation, test))
        return Data(info, *binarize_splits(train, validation, test, self.binarize))

    def _info(self, found: list[Path]) -> DataInfo:
        train, test = self.source.counts
        return DataInfo(
            event_shape=(28, 28, 1),
            values=image_values(self.binarize),
            sizes=(train - self.source.held_out, self.source.held_out, test),
            protocol=PUBLISHED if self.protocol == "exemplar_vae" else protocol(self.binarize),
            source=f"{self.source.about}; {self._origin(found)}",
            classes=self.source.classes,
        )

    def _origin(self, found: list[Path]) -> str:
        if not found:
            return f"from {self.source.url}"
        unchecked = [
            path.name
            for path, file in zip(found, self.source.files, strict=True)
            if path.suffix == ".npz" or (path.suffix != ".gz" and not file.content)
        ]
        doubt = f" (no checksum is known of {', '.join(unchecked)}: only shapes and types are checked)"
        return f"from the folder {found[0].parent}{doubt if unchecked else ''}"

    def _local_files(self) -> list[Path]:
        """The four files in the user's folder or the system's; none if the system's does not hold them."""
        source = self.source
        if not (self.folder or source.system):
            return []
        folder = Path(os.path.expanduser(self.folder or source.system))  # Path.expanduser may raise
        found = [next(filter(os.path.isfile, map(folder.joinpath, file.names)), None) for file in source.files]
        missing = [file.names for file, path in zip(source.files, found, strict=True) if path is None]
        if missing and self.folder:
            lacks = "; ".join(" or ".join(names) for names in missing)
            path, there = folder.absolute(), os.path.isdir(folder)
            got = f"{path}, which lacks {lacks}" if there else f"no folder {path}"
            fix = f"Leave data.folder out to download the files from {source.url}."
            raise ConfigError.of("data.folder", f"a folder with the files of {source.name}", got, fix)
        return [] if missing else [path for path in found if path]


class FashionMnist(MnistLike):
    """Fashion-MNIST: 70,000 articles of clothing in 28x28 grey pixels, ten classes.

    50,000 for training, 10,000 for validation (taken from the original training set in a fixed order), 10,000
    for test (Xiao, Rasul and Vollgraf, Fashion-MNIST, 2017).

    Args:
        binarize: dynamic (training images afresh at every step), static (all images once), or none.
        folder: a folder with the four IDX files, compressed or not; if empty, they come from Debian's
            package dataset-fashion-mnist where that is installed, else from the cache, else from the network.
        protocol: which images validate, and the bits of validation and test images: those described here, or
            "exemplar_vae", for a comparison with published log-likelihoods: the last 10,000 images validate, and
            the bits are those of Norouzi, Fleet and Norouzi, Exemplar VAE, 2020.
    """

    source = Source(
        name="fashion_mnist",
        about="Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017; MIT licence)",
        url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        files=_files(
            (26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
             "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
            (29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
             "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
            (4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
             "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
            (5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
             "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
        ),
        classes=FASHION,
        system="/usr/share/datasets/fashion-mnist",
        package="dataset-fashion-mnist",
    )  # fmt: skip


class Mnist(MnistLike):
    """MNIST: 70,000 handwritten digits in 28x28 grey pixels.

    50,000 for training, 10,000 for validation (taken from the original training set in a fixed order), 10,000
    for test (LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition,
    1998).

    Args:
        binarize: dynamic (training images afresh at every step), static (all images once), or none.
        folder: a folder with the four IDX files, compressed or not; if empty, they come from the cache,
            else from the network.
        protocol: which images validate, and the bits of validation and test images: those described here, or
            "exemplar_vae", for a comparison with published log-likelihoods: the last 10,000 images validate, and
            the bits are those of Norouzi, Fleet and Norouzi, Exemplar VAE, 2020.
    """

    source = Source(
        name="mnist",
        about="MNIST (LeCun, Bottou, Bengio and Haffner, 1998)",
        url="https://storage.googleapis.com/cvdf-datasets/mnist/",
        files=_files(
            (9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
            (28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
            (1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
            (4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
        ),
        classes=tuple("0123456789"),
    )  # fmt: skip


class Kmnist(MnistLike):
    """KMNIST: 70,000 handwritten Kuzushiji, cursive Japanese characters, in 28x28 grey pixels, ten classes.

    50,000 for training, 10,000 for validation (taken from the original training set in a fixed order), 10,000
    for test (Clanuwat, Bober-Irizar, Kitamoto, Lamb, Yamamoto and Ha, Deep learning for classical Japanese
    literature, 2018).

    Args:
        binarize: dynamic (training images afresh at every step), static (all images once), or none.
        folder: a folder with the four IDX files, compressed or not, or kmnist-train-imgs.npz and its
            three companions; if empty, they come from the cache, else from the network.
        protocol: which images validate, and the bits of validation and test images: those described here, or
            "exemplar_vae", for a comparison with published log-likelihoods: the last 10,000 images validate, and
            the bits are those of Norouzi, Fleet and Norouzi, Exemplar VAE, 2020.
    """

    source = Source(
        name="kmnist",
        about="KMNIST (Clanuwat et al., 2018; CC BY-SA 4.0)",
        url="http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        files=_files(
            (18_165_135, "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4", "",
             "kmnist-train-imgs.npz"),
            (29_497, "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17", "",
             "kmnist-train-labels.npz"),
            (3_041_136, "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5", "",
             "kmnist-test-imgs.npz"),
            (5_120, "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c", "",
             "kmnist-test-labels.npz"),
        ),
        classes=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),  # few fonts have Hiragana
    )  # fmt: skip


def _read(path: Path, file: File, shape: tuple[int, ...]) -> Array:
    """The array in a file, checked as far as possible; no more is read than there should be."""
    if path.suffix == ".npz":
        return _read_npz(path, shape)
    length = idx_length(shape)
    try:
        with open(path, "rb") as opened:
            content = opened.read(max(file.size, length) + 1)  # a longer file fails its checksum
        if path.suffix == ".gz":
            if not file.content:  # nothing but the archive itself can be compared
                _check(path, content, file.sha256)
            with gzip.open(io.BytesIO(content)) as expanded:
                content = expanded.read(length + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{path}: damaged, or not readable ({error}); it is {_what(path)}. Replace the file."
        ) from error
    if file.content:
        _check(path, content, file.content, "content with ")
    return read_idx(content, shape, str(path))


def _what(path: Path) -> str:
    """The kind of a file by its content."""
    try:
        with open(path, "rb") as file:
            return kind_of(path, file).what
    except OSError:
        return "not there"


def _read_npz(path: Path, shape: tuple[int, ...]) -> Array:
    try:
        file = ArrayFile.at(str(path), "data.folder")
        if "arr_0" not in file.names or not file.archive:
            raise DataError(f"{path}: expected a .npz file with an array arr_0; got {listed(file.names)}.")
        found = file.array("arr_0")
        if found.header.shape != shape or found.header.dtype != np.uint8:
            raise DataError(f"{path}: expected uint8 {list(shape)}; got {found.header}.")
        return found.read()
    except ConfigError as error:
        raise DataError(str(error)) from error


def _check(path: Path, content: bytes, expected: str, what: str = "") -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        kind = f"{path.stat().st_size:,} bytes, {kind_of(path, io.BytesIO(content)).what}"
        raise DataError(
            f"{path}: expected {what}sha256 {expected}; got {found} ({kind}). It is "
            "damaged or another dataset's: MNIST, KMNIST and Fashion-MNIST name files alike. Replace it."
        )
