"""A file of another kind is named, and what is advised turns it into an array."""

import bz2
import gzip
import io
import json
import pathlib
import pickle
import re
import struct
import zipfile
import zlib

import numpy as np
import pytest
import tensorflow as tf

from probvae.data import Arrays
from probvae.data.files.kinds import kind_at, kind_of
from probvae.errors import ConfigError

ARRAY = np.arange(60, dtype=np.float32).reshape(20, 3)
BYTES = np.arange(60, dtype=np.uint8).reshape(5, 4, 3)
IDX = bytes([0, 0, 8, 3]) + struct.pack(">3I", 5, 4, 3) + BYTES.tobytes()


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def npy(array):
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def archive(*names):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name in names:
            file.writestr(name, b"content")
    return content.getvalue()


def table(delimiter, header=""):
    content = io.StringIO()
    np.savetxt(content, ARRAY, delimiter=delimiter, header=header, comments="")
    return content.getvalue().encode()


def png():
    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    pixels = chunk(b"IDAT", zlib.compress(bytes(20)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2I5B", 4, 4, 8, 0, 0, 0, 0)) + pixels


CONVERTED = {
    "columns separated by commas": (table(","), ARRAY),
    "separated by commas": (table(",", "a,b,c"), ARRAY),
    "separated by tabs": (table("\t"), ARRAY),
    "separated by semicolons": (table(";", "a;b;c"), ARRAY),
    "separated by spaces": (table(" "), ARRAY),
    "got a.dat, which is text": (b"\n".join(b"%d" % n for n in range(20)), np.arange(20.0)[:, None]),
    "text with columns": (
        b"name,x,y\n" + b"\n".join(b"cell,%d,2" % n for n in range(20)),
        [[n, 2] for n in range(20)],
    ),
    "JSON text": (json.dumps(ARRAY.tolist()).encode(), ARRAY),
    "a pickle": (pickle.dumps(ARRAY.tolist()), ARRAY),
    "an IDX file (the format of MNIST) of shape [5, 4, 3]": (IDX, BYTES),
    "of shape [5, 4, 3], compressed by gzip": (gzip.compress(IDX), BYTES),
}
"""What is said of a file: its content, and the array that the advice makes of it."""


@pytest.mark.parametrize("said", CONVERTED)
def test_the_advice_makes_an_array_of_the_file(said, here):
    content, array = CONVERTED[said]
    (here / "a.dat").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        Arrays("a.dat").info()
    message = str(caught.value)
    assert said in message
    advice = re.search(r"numpy\.save\(.*?\)\.( |$)", message)[0].rstrip(". ")
    exec(advice, {"numpy": np, "json": json, "pickle": pickle, "gzip": gzip, "pathlib": pathlib})
    (made,) = here.glob("*.npy")
    np.testing.assert_array_equal(np.load(made), array)
    assert sum(Arrays(made.name).info().sizes) == len(array)


def test_the_advice_leaves_the_file_as_it_is_where_its_name_is_that_of_an_array(here):
    (here / "a.npy").write_text("1,2\n3,4\n")
    with pytest.raises(ConfigError, match=r"numpy\.save\('a-array\.npy', numpy\.loadtxt\('a\.npy'"):
        Arrays("a.npy").info()


NAMED = {
    "a PNG image": png(),
    "a JPEG image": b"\xff\xd8\xff\xe0\0\x10JFIF",
    "an HDF5 file": b"\x89HDF\r\n\x1a\n" + bytes(100),
    "a WAV recording": b"RIFF\x24\0\0\0WAVEfmt ",
    "a NetCDF file": b"CDF\x01" + bytes(100),
    "a video (MP4)": b"\0\0\0\x18ftypmp42",
    "a file compressed by bzip2": bz2.compress(b"1,2"),
    "a Parquet table": b"PAR1" + bytes(100),
    "a PyTorch file": archive("archive/data.pkl", "archive/version"),
    "an Excel workbook": archive("[Content_Types].xml", "xl/workbook.xml"),
    "a zip archive without arrays (a.csv, b.csv)": archive("a.csv", "b.csv"),
    "a damaged zip archive": archive("a.npy")[:-10],
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3\n",
    "an HTML page": b"\n<!DOCTYPE html>\n<html><body>Please log in",
    "an XML document": b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
    "an empty file": b"",
    "begins with zeros": bytes(5000),
    "compressed by gzip (a .npy file)": gzip.compress(npy(ARRAY)),
    "compressed by gzip (text with columns separated by commas)": gzip.compress(table(",")),
    "a damaged gzip file": b"\x1f\x8b" + bytes(range(30)),
    "a tar archive": b"x" * 257 + b"ustar\0",
    "text in UTF-16": "1,2,3\n".encode("utf-16"),
    "of an unknown kind (it begins with the bytes de ad be ef)": b"\xde\xad\xbe\xef",
}


@pytest.mark.parametrize("said", NAMED)
@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.other"])
def test_a_file_is_named_by_its_content_whatever_it_is_called(said, name, here):
    (here / name).write_bytes(NAMED[said])
    with pytest.raises(ConfigError) as caught:
        Arrays(name).info()
    message = str(caught.value)
    assert f"data.train: expected a .npy or .npz file; got {name}, which is " in message
    assert said in message
    assert "pickled (object) data" not in message
    assert "load it unsafely" not in message


def tfrecord(*images):
    with tf.io.TFRecordWriter("a.tfrecord") as writer:
        for image in images:
            content = tf.train.Feature(bytes_list=tf.train.BytesList(value=[image.tobytes()]))
            writer.write(tf.train.Example(features=tf.train.Features(feature={"x": content})).SerializeToString())
    return pathlib.Path("a.tfrecord").read_bytes()


TABLES = {
    "zero-width non-joiners": "\u0646\u0627\u0645,n\n\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645,3\n",
    "joined emoji": "name,n\n\U0001f469\u200d\U0001f467,3\n",
    "soft hyphens": "na\u00adme,n\nb,3\n",
    "concentrations": "[Ca],temp\n1,2\n3,4\n",
    "numbers in brackets": "[1],[2]\n1,2\n3,4\n",
    "a CDF": "CDF,x\n0.1,2\n0.3,4\n",
    "the WAVE": "country,WAVE,income\n1,2,3\n",
    "WEBP": "country,WEBP,income\n1,2,3\n",
    "ftyp": "abc,ftyp,income\n1,2,3\n",
    "PAR1": "PAR1,x\n1,2\n",
    "ARROW1": "ARROW1,x\n1,2\n",
    "BZh": "BZh,x\n1,2\n",
    "GIF8": "GIF8,x\n1,2\n",
}
"""CSV files whose names or values look like the first bytes of other files."""


@pytest.mark.parametrize("content", TABLES.values(), ids=TABLES)
def test_a_table_is_text_whatever_the_names_of_its_columns(content, here):
    (here / "a.csv").write_bytes(content.encode())
    assert kind_at(here / "a.csv").what == "text with columns separated by commas"


@pytest.mark.parametrize(
    "content",
    ["[[1, 2], [3, 4]]", '{"a": [1, 2]}\n', '{"a": 1}\n{"a": 2}\n', json.dumps([[0.25, None]] * 999), "[" * 5000],
)
def test_json_is_recognised_also_where_only_its_beginning_is_read(content, here):
    (here / "a.csv").write_text(content)
    assert kind_at(here / "a.csv").what == "JSON text"


@pytest.mark.parametrize("size", [1, 100, 200, 20_000, 3_000_000])
def test_a_tfrecord_file_is_named_with_the_package_that_reads_it(size):
    tfrecord(np.zeros(size, np.uint8))
    message = r'a TFRecord file\. Install probvae-tfrecords, and set data\.use = "tfrecords\.examples"'
    with pytest.raises(ConfigError, match=message):
        Arrays("a.tfrecord").info()


def test_a_compressed_tfrecord_file_is_to_be_expanded(here):
    (here / "a.gz").write_bytes(gzip.compress(tfrecord(BYTES)))
    with pytest.raises(ConfigError, match=r"compressed by gzip \(a TFRecord file\)\. Expand it first: gunzip"):
        Arrays("a.gz").info()


def test_a_small_file_that_expands_to_much_is_looked_at_in_little_memory(here):
    (here / "a.gz").write_bytes(gzip.compress(bytes(50_000_000)))
    with open("a.gz", "rb") as file:
        assert "compressed by gzip (a file that begins with zeros" in kind_of(here / "a.gz", file).what
        assert file.tell() == 0


def test_what_is_no_file_is_not_opened(here):
    for path, said in ((".", "a directory"), ("/dev/zero", "a device")):
        with pytest.raises(ConfigError, match=rf"expected a \.npy or \.npz file; got .*, {said}"):
            Arrays(path).info()
