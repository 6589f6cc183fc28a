"""The kind of a file, by its content: errors name it, and say how to turn the file into an array."""

from __future__ import annotations

import json
import math
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO, NamedTuple

from numpy.lib.format import MAGIC_PREFIX

_HEAD = 4096  # bytes that are read
_LONGEST_WORD = len("-Infinity")  # of JSON


class Kind(NamedTuple):
    """A kind of files.

    Args:
        what: its name, with an article.
        advice: what to do with a file of this kind, in a sentence.
    """

    what: str
    advice: str


NPY = Kind("a .npy file", 'Set data.use = "arrays" for such files.')
NPZ = Kind("a .npz file", NPY.advice)
RECORDS = Kind(
    "a TFRecord file", 'Install probvae-tfrecords, and set data.use = "tfrecords.examples" for such files.'
)
PARQUET = Kind("a Parquet table", 'Set data.use = "table" for such files.')
HDF5 = "an HDF5 file"
TEXT = "text"
"""How the names of all kinds of text begin."""
EMPTY = Kind("an empty file", "Write it again: what wrote it did not finish.")

_SAVE = "numpy.save('{stem}.npy', %s)."
_FOLDER = 'For a folder of PNG and JPEG images set data.use = "images", data.folder and data.size.'
_IMAGES = (
    "Put all images into one array [N, height, width, channels]: numpy.save('images.npy', "
    "numpy.stack([numpy.asarray(PIL.Image.open(path)) for path in paths]))."
)
_SOUND = "Save its samples: " + _SAVE % "scipy.io.wavfile.read('{name}')[1]"
_VIDEO = "Save its frames as one array [N, height, width, channels] with numpy.save."
_TORCH = "Save its tensor: " + _SAVE % "torch.load('{name}', weights_only=True).numpy()"
_PICKLE = (
    "Python objects are never unpickled, as that may run any code. If you trust the file: "
    + _SAVE % "numpy.asarray(pickle.loads(pathlib.Path('{name}').read_bytes()), 'float32')"
)
_MEMBER = "Save one of its arrays: " + _SAVE
_HDF5 = 'For AnnData (.h5ad) set data.use = "anndata". For others: ' + _SAVE
_DOWNLOAD = "Download the data itself: servers send such pages for a login or an error."
_NO_DATA = "Save the examples as one array with numpy.save."
_UTF_16 = "Save it as UTF-8, or as an array with numpy.save."


def _table_by(reader: str) -> str:
    return "Save its numbers: " + _SAVE % f"pandas.{reader}('{{name}}').to_numpy('float32')"


def _expand(command: str) -> str:
    return f"Expand it, and name what is in it: {command} {{name}}."


_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (rb"\x89PNG\r\n", "a PNG image", _FOLDER),
    (rb"\xff\xd8\xff", "a JPEG image", _FOLDER),
    (rb"GIF8[79]a", "a GIF image", _IMAGES),
    (rb"II\*\0", "a TIFF image", _IMAGES),
    (rb"MM\0\*", "a TIFF image", _IMAGES),
    (rb"RIFF....WEBP", "a WebP image", _IMAGES),
    (rb"RIFF....WAVE", "a WAV recording", _SOUND),
    (rb"\0...ftyp", "a video (MP4)", _VIDEO),
    (rb"\x89HDF\r\n", HDF5, _HDF5 % "h5py.File('{name}')['NAME'][:]"),
    (rb"MATLAB 5\.0 MAT-file", "a MATLAB file", _MEMBER % "scipy.io.loadmat('{name}')['NAME']"),
    (rb"CDF[\1\2\5]", "a NetCDF file", _MEMBER % "xarray.open_dataset('{name}')['NAME']"),
    (rb"SIMPLE  = +T", "a FITS file", "Save its array: " + _SAVE % "astropy.io.fits.getdata('{name}')"),
    (rb"PAR1(?![,;\t\r\n])", *PARQUET),
    (rb"ARROW1\0", "a Feather (Arrow) table", _table_by("read_feather")),
    (rb"SQLite format 3\0", "an SQLite database", "Save the result of a query with numpy.save."),
    (rb"\x80\x02\x8a\nl\xfc\x9cF", "a PyTorch file", _TORCH),
    (rb"\x80[\2-\5]", "a pickle", _PICKLE),
    (rb"%PDF-", "a PDF document", _NO_DATA),
    (rb"BZh[1-9](1AY&SY|\x17rE8P\x90)", "a file compressed by bzip2", _expand("bunzip2 -k")),
    (rb"\xfd7zXZ\0", "a file compressed by xz", _expand("unxz -k")),
    (rb"\x28\xb5\x2f\xfd", "a file compressed by Zstandard", _expand("unzstd")),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive", _expand("7z x")),
    (rb".{257}ustar[\0 ]", "a tar archive", _expand("tar -xf")),
    (rb"version https://git-lfs", "a Git LFS pointer to a file that was not fetched", "Fetch it: git lfs pull."),
    (rb"\xff\xfe", f"{TEXT} in UTF-16", _UTF_16),
    (rb"\xfe\xff", f"{TEXT} in UTF-16", _UTF_16),
)
"""How files of a kind begin, as a regular expression: all of it, as the names in a table may begin so too."""

_IDX_TYPES = {0x08: "uint8", 0x09: "int8", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_DELIMITERS = {",": "commas", "\t": "tabs", ";": "semicolons", " ": "spaces"}


def kind_of(path: Path, file: BinaryIO) -> Kind:
    """The kind of an open file, which is left at its start.

    Args:
        path: its name, for the advice.
        file: the file, at its start.
    """
    head = file.read(_HEAD)
    try:
        kind = _zip(file, path) if head.startswith(b"PK\x03\x04") or head.startswith(b"PK\x05\x06") else None
    finally:
        file.seek(0)
    return kind or _of_bytes(head, path)


def kind_at(path: Path) -> Kind:
    """The kind of what is at a path.

    Raises:
        OSError: nothing is there, or it cannot be read.
    """
    if path.is_dir():
        return Kind("a directory", "Name a file.")
    if not regular(path):
        return Kind("a device", "Name a file.")
    with open(path, "rb") as file:
        return kind_of(path, file)


def dataset_for(path: Path) -> str:
    """The name of the dataset that reads a file: table, anndata, or arrays for all others."""
    try:
        kind = kind_at(path)
    except OSError:
        return "arrays"
    if kind.what == HDF5:
        return "anndata"
    return "table" if kind == PARQUET or kind.what.startswith(TEXT) else "arrays"


def regular(path: Path) -> bool:
    """Whether a path is a file that can be read from its start to its end, not a device or a pipe.

    Raises:
        OSError: it does not exist.
    """
    return stat.S_ISREG(path.stat().st_mode)


def _of_bytes(head: bytes, path: Path) -> Kind:
    """The kind of a file that begins with these bytes."""
    if not head:
        return EMPTY
    if head.startswith(MAGIC_PREFIX):
        return NPY
    if head.startswith(b"\x1f\x8b"):
        return _gzip(head, path)
    for magic, what, advice in _MAGIC:
        if re.match(magic, head, re.DOTALL):
            return Kind(what, _filled(advice, path))
    if _begins_as_records(head):
        return RECORDS
    return _idx(head, path, "{}") or _text(head, path) or _unknown(head)


def _begins_as_records(head: bytes) -> bool:
    """Whether a file begins as a TFRecord file of tf.train.Example messages.

    There are 8 bytes with the length of the message, 4 of a checksum, and the message: one field, whose own length
    is written with seven bits a byte, the last one below 128.
    """
    length, inner = int.from_bytes(head[:8], "little"), 0
    for place, byte in enumerate(head[13:22]):
        inner |= (byte & 127) << 7 * place
        if byte < 128:
            return head[12] == 10 and length == inner + place + 2
    return False


def _stem(path: Path) -> str:
    """The name of a new .npy file without its suffix."""
    return f"{path.stem}-array" if path.suffix == ".npy" else path.stem


def _filled(advice: str, path: Path) -> str:
    return advice.replace("{name}", path.name).replace("{stem}", _stem(path))


def _unknown(head: bytes) -> Kind:
    if not head.strip(b"\0"):
        return Kind("a file that begins with zeros, as one whose writing was cut short", EMPTY.advice)
    return Kind(f"a file of an unknown kind (it begins with the bytes {head[:8].hex(' ')})", _NO_DATA)


def _gzip(head: bytes, path: Path) -> Kind:
    """The kind of a gzip file, with that of its content as far as the first bytes show it."""
    try:
        inner = zlib.decompressobj(wbits=31).decompress(head, _HEAD)
    except zlib.error:
        return Kind("a damaged gzip file", "Replace it.")
    if idx := _idx(inner, path, "gzip.decompress({})"):
        return Kind(f"{idx.what}, compressed by gzip", idx.advice)
    name = path.with_suffix("") if path.suffix == ".gz" else path
    what = "an empty file" if not inner else _of_bytes(inner, name).what if inner[:2] != head[:2] else "another"
    return Kind(f"a file compressed by gzip ({what})", f"Expand it first: gunzip -k {path.name}.")


def _idx(head: bytes, path: Path, form: str) -> Kind | None:
    """An IDX file, the format of MNIST: two zeros, the type, the number of dimensions, the dimensions."""
    if len(head) < 8 or head[:2] != b"\0\0" or head[2] not in _IDX_TYPES or not 1 <= head[3] <= 4:
        return None
    start = 4 + 4 * head[3]
    shape = list(struct.unpack_from(f">{head[3]}I", head.ljust(start, b"\0"), 4))
    name = re.sub(r"\.gz$", "", path.name)
    content = form.format(f"pathlib.Path('{path.name}').read_bytes()")
    array = f"numpy.frombuffer({content}, '{_IDX_TYPES[head[2]]}', offset={start}).reshape({shape})"
    return Kind(
        f"an IDX file (the format of MNIST) of shape {shape}",
        f"Save it as an array: numpy.save('{name}.npy', {array}). "
        'For MNIST and its relatives set data.use = "mnist", "kmnist" or "fashion_mnist", and data.folder.',
    )


def _zip(file: BinaryIO, path: Path) -> Kind:
    """The kind of a zip archive, by the names in it."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except Exception:  # any part of its directory may be wrong
        return Kind("a damaged zip archive", "Replace it: it is cut short, or was changed after it was written.")
    if any(name.endswith(".npy") for name in names) or not names:
        return NPZ
    if any(name.endswith("data.pkl") for name in names):
        return Kind("a PyTorch file", _filled(_TORCH, path))
    if "xl/workbook.xml" in names:
        return Kind("an Excel workbook", _filled(_table_by("read_excel"), path))
    if "model.weights.h5" in names:
        return Kind("a Keras model", "Name a file of data.")
    first = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return Kind(f"a zip archive without arrays ({first[:200]})", f"Expand it (unzip {path.name}). {_NO_DATA}")


def _text(head: bytes, path: Path) -> Kind | None:
    """Text: a web page, JSON, or a table; its delimiter occurs equally often in each of the first lines."""
    try:
        text = head.decode() if len(head) < _HEAD else head[:-3].decode(errors="ignore")
        text = text.removeprefix("\ufeff")  # some editors write a byte order mark
    except UnicodeDecodeError:
        return None
    if any(unicodedata.category(char) == "Cc" and not char.isspace() for char in text):  # control characters
        return None
    start = text.lstrip()
    if start.lower().startswith(("<!doctype html", "<html")):
        return Kind("an HTML page", _DOWNLOAD)
    if start.startswith("<?xml"):
        return Kind("an XML document", _DOWNLOAD)
    if _is_json(start, cut=len(head) == _HEAD):
        array = f"numpy.asarray(json.loads(pathlib.Path('{path.name}').read_text()), 'float32')"
        return Kind("JSON text", f"Save its numbers as an array: numpy.save('{_stem(path)}.npy', {array}).")
    lines = [line for line in text.splitlines()[:20] if line.strip()]
    lines = lines[:-1] if len(lines) > 2 else lines  # the last one may be cut off
    for sign, name in _DELIMITERS.items():
        counts = {len(line.split(None if sign == " " else sign)) for line in lines}
        if len(counts) == 1 and counts != {1}:
            return Kind(f"{TEXT} with columns separated by {name}", _table(lines, sign, path))
    array = f"numpy.loadtxt('{path.name}', dtype='float32', ndmin=2)"
    return Kind(TEXT, f"If it is numbers, save them as an array: numpy.save('{_stem(path)}.npy', {array}).")


def _is_json(text: str, cut: bool) -> bool:
    """Whether text is JSON as far as it was read: a list or an object that ends, or that is cut off."""
    if not text.startswith(("{", "[")):
        return False
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except RecursionError:
        return True
    except json.JSONDecodeError as error:
        return cut and (error.msg.startswith("Unterminated string") or error.pos > len(text) - _LONGEST_WORD)
    return text[end:].lstrip()[:1] in ("", "{", "[")  # there may be an object on each line


def _table(lines: list[str], sign: str, path: Path) -> str:
    """How to read a table: without its header, and only its columns of numbers."""
    rows = [line.split(None if sign == " " else sign) for line in lines]
    header = len(rows) > 1 and not any(map(_number, rows[0]))
    numbers = [place for place, value in enumerate(rows[-1]) if _number(value)]
    options = "" if sign == " " else f", delimiter={sign!r}"
    options += ", skiprows=1" if header else ""
    if 0 < len(numbers) < len(rows[-1]):
        listed = f"{numbers}" if len(numbers) <= 10 else f"[{numbers[0]}, {numbers[1]}, ...]"
        options += f", usecols={listed}"
    array = f"numpy.loadtxt('{path.name}'{options}, dtype='float32', ndmin=2)"
    table = ' Or set data.use = "table".' if header else ""
    return f"Save its numbers as an array: numpy.save('{_stem(path)}.npy', {array}).{table}"


def _number(text: str) -> bool:
    try:
        return math.isfinite(float(text)) or True
    except ValueError:
        return False
