"""Arrays in .npy and .npz files: found by key, their sizes checked by their headers before they are read."""

from __future__ import annotations

import errno
import lzma
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, NamedTuple

from probvae.core import Array, readable
from probvae.data.files.kinds import NPY, NPZ, kind_of, regular
from probvae.data.files.npy import Header, read_array, read_header
from probvae.data.files.on_disk import OnDisk
from probvae.errors import ConfigError

_EXPECTED = "a .npy or .npz file"
_DEFLATE_AT_MOST = 1040  # times: DEFLATE cannot expand more than 1032 times
EXPAND_AT_MOST, LARGE = 100, 2**27
"""How many times an array may expand that becomes larger than this number of bytes."""
_MOST_NAMES, _LONGEST_NAME = 20, 60
_ENCRYPTED = 0x1  # a flag of a member
_DAMAGE = (
    EOFError,
    ValueError,
    OverflowError,
    KeyError,
    NotImplementedError,  # a compression that zipfile does not know
    struct.error,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
)
"""What numpy, zipfile and the decompressors raise on a damaged file."""


@dataclass(frozen=True)
class ArrayFile:
    """A .npy or .npz file and the keys of its arrays.

    Args:
        place: the key of the spec that names it, as `data.train`, for errors.
        path: its path.
        member: the array that the user named, or "".
        names: the keys of all its arrays; a .npy file has one, "array".
        archive: whether it is a .npz file.
    """

    place: str
    path: Path
    member: str
    names: tuple[str, ...]
    archive: bool

    @classmethod
    def at(cls, text: str, place: str) -> ArrayFile:
        """The file that a key of a spec names, as `path` or as `path.npz:member`.

        Raises:
            ConfigError: there is none, or it is of another kind, or has no such array.
        """
        start, npz, member = text.partition(".npz:")
        path = Path(os.path.expanduser(start + ".npz" if npz else text))  # Path.expanduser may raise
        names: tuple[str, ...] = ("array",)
        with _opened(path, place) as file:
            kind = kind_of(path, file)
            if kind not in (NPY, NPZ):
                raise ConfigError.of(place, _EXPECTED, f"{path}, which is {kind.what}", kind.advice)
            if kind == NPZ:
                with zipfile.ZipFile(file) as archive:
                    members = dict.fromkeys(archive.namelist())  # each once, in order
                names = tuple(name.removesuffix(".npy") for name in members if name.endswith(".npy"))
        if member and member not in names:
            raise ConfigError.of(place, f"an array {member} in {path}", listed(names))
        return cls(place, path, member, names, kind == NPZ)

    def find(self, wanted: tuple[str, ...]) -> str | None:
        """The key of the array that has the first possible of the wanted names, in upper or lower case."""
        known = {name.lower(): name for name in reversed(self.names)}
        return next((known[name] for name in wanted if name in known), None)

    def only(self, ignoring: tuple[str, ...] = ()) -> str | None:
        """The key of the only array, if there is one alone besides those of the ignored names."""
        names = [name for name in self.names if name.lower() not in ignoring]
        return names[0] if len(names) == 1 else None

    def not_found(self, expected: str) -> ConfigError:
        """The error for arrays of which none has a key that is read, and how to name one."""
        fix = f'Name it: {self.place} = "{self.path}:{shown(self.names[0])}".' if self.names else ""
        return ConfigError.of(self.place, expected, f"{listed(self.names)} in {self.path}", fix)

    def array(self, name: str) -> FileArray:
        """One of the arrays, as its header describes it.

        Raises:
            ConfigError: the header is damaged, the file is smaller than it says, or would expand too much.
        """
        with _opened(self.path, self.place) as file, self._stream(file, name) as (stream, length):
            return FileArray(self, name, read_header(stream, length))

    @contextmanager
    def _stream(self, file: BinaryIO, name: str) -> Iterator[tuple[IO[bytes], int]]:
        """The .npy content of an array, and its length, expanded."""
        size = os.fstat(file.fileno()).st_size
        if not self.archive:
            yield file, size
            return
        with zipfile.ZipFile(file) as archive:
            member = archive.getinfo(f"{name}.npy")
            self._check(member, size)
            with archive.open(member) as stream:
                yield stream, member.file_size

    def _check(self, member: zipfile.ZipInfo, size: int) -> None:
        """Raise for a member that cannot have the size that it declares, or that expands as no data does."""
        packed, whole = member.compress_size, member.file_size
        if member.flag_bits & _ENCRYPTED:
            found = f"{self.path}, in which {shown(member.filename)} is encrypted"
            raise ConfigError.of(self.place, _EXPECTED, found, "Save the arrays with numpy.savez.")
        stored = member.compress_type == zipfile.ZIP_STORED
        deflated = member.compress_type == zipfile.ZIP_DEFLATED
        if (
            packed > size
            or (stored and packed != whole)
            or (deflated and whole > _DEFLATE_AT_MOST * packed + 1000)
        ):
            raise ValueError(
                f"{shown(member.filename)} cannot expand from {readable(packed)} to {readable(whole)}"
            )
        if whole > LARGE and whole > EXPAND_AT_MOST * packed:
            grows = f"{shown(member.filename)} expands {whole // max(packed, 1):,} times"
            raise ConfigError.of(
                self.place,
                f"arrays that expand at most {EXPAND_AT_MOST} times",
                f"{self.path}, in which {grows}, from {readable(packed)} to {readable(whole)}",
                "Nearly all of it is repeated. If it is data, save the array uncompressed, with numpy.save.",
            )


class FileArray(NamedTuple):
    """An array in a file, not read yet.

    Args:
        file: the file.
        name: the array's key in it.
        header: its shape and type.
    """

    file: ArrayFile
    name: str
    header: Header

    def __str__(self) -> str:
        place = f"{shown(self.name)} of {self.file.path}" if self.file.archive else f"{self.file.path}"
        return f"{place}, {self.header}"

    @property
    def names(self) -> tuple[str, ...]:
        """The keys that it takes of the file."""
        return (self.name,)

    @property
    def size(self) -> int:
        """The bytes that it takes in memory."""
        return self.header.size

    def read(self) -> Array:
        """The array, in memory."""
        file = self.file
        if self.header.dtype.hasobject:
            raise ConfigError.of(file.place, "an array of real numbers", f"object in {file.path}", OBJECTS)
        with _opened(file.path, file.place) as opened, file._stream(opened, self.name) as (stream, _):
            return read_array(stream)

    def on_disk(self) -> OnDisk:
        """The array of a .npy file, left where it is."""
        file = self.file
        if file.archive:
            hint = "Save each array in a file of its own with numpy.save, or set data.in_memory = true."
            raise ConfigError.of(file.place, "a .npy file, to be read as needed", f"the archive {file.path}", hint)
        if self.header.by_columns:
            hint = "Save numpy.ascontiguousarray(array), or set data.in_memory = true."
            found = f"Fortran's order in {file.path}"
            raise ConfigError.of(file.place, "an array that lies in its file row after row", found, hint)
        with _opened(file.path, file.place) as opened:
            return OnDisk.open(file.path, opened, self.header)


OBJECTS = 'Python objects are never unpickled, as that may run any code: save array.astype("float32").'


@contextmanager
def _opened(path: Path, place: str) -> Iterator[BinaryIO]:
    """The file, open; the errors of numpy and zipfile become one that says what is wrong with it."""
    try:
        if path.is_dir():
            fix = 'Name a file. For a folder of images set data.use = "images", data.folder and data.size.'
            raise ConfigError.of(place, _EXPECTED, f"{path}, a directory", fix)
        if not regular(path):
            raise ConfigError.of(place, _EXPECTED, f"{path}, a device", "Name a file.")
        with open(path, "rb") as file:
            yield file
    except ConfigError:  # a ValueError too
        raise
    except FileNotFoundError:
        raise ConfigError.of(place, _EXPECTED, f"no file {path.absolute()}") from None
    except OSError as error:
        broken = error.errno == errno.EINVAL  # an archive that places something before its beginning
        found = "is damaged" if broken else f"cannot be read ({error.strerror or error})"
        raise ConfigError.of(place, _EXPECTED, f"{path}, which {found}") from error
    except MemoryError:
        raise ConfigError.of(place, "data that fits in memory", f"{path}, which does not", TOO_LARGE) from None
    except _DAMAGE as error:
        raise ConfigError.of(place, _EXPECTED, f"{path}, which is damaged: {error}", "Replace it.") from error


TOO_LARGE = "Set data.in_memory = false, which reads examples as needed, from .npy files that numpy.save writes."


def listed(names: Sequence[str]) -> str:
    """The keys of arrays; of many, the first ones."""
    some = [shown(name) for name in names[:_MOST_NAMES]]
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(some) + more or "no arrays"


def shown(name: str) -> str:
    """A name from a file, which may be of any length and have any characters."""
    text = name if name.isprintable() else ascii(name)
    return text if len(text) <= _LONGEST_NAME else f"{text[:_LONGEST_NAME]}..."
