import gzip
import hashlib
import inspect
import io
import re
import socket
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from probvae.data import FashionMnist, Kmnist, Mnist
from probvae.data.files import fetch
from probvae.errors import ConfigError, DataError

PUBLISHED = (FashionMnist, Mnist, Kmnist)
IMAGES = Mnist.source.files[0].name
TRAIN, TEST, HELD_OUT = 50, 20, 10  # the sizes of the tiny dataset


def numbers(split):
    """Which images a split has: each carries its number in its first pixel."""
    return split.stored[:, 0, 0, 0].tolist()


def put(folder, files):
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return str(folder)


def left(cache):
    return [path for path in cache.rglob("*") if path.is_file()]


# What is declared


@pytest.mark.parametrize("dataset", PUBLISHED)
def test_each_says_what_it_is_and_takes_the_same_parameters(dataset):
    assert dataset.source.about.partition(" ")[0] in dataset.__doc__.splitlines()[0]
    assert list(inspect.signature(dataset).parameters) == ["binarize", "folder", "protocol"]
    assert "    folder: a folder with" in dataset.__doc__


@pytest.mark.parametrize("dataset", PUBLISHED)
def test_info_needs_no_file(dataset, cache, monkeypatch):
    monkeypatch.setattr(socket, "socket", None)
    info = dataset().info()
    assert info.sizes == (50_000, 10_000, 10_000)
    assert info.event_shape == (28, 28, 1)
    assert len(set(info.classes)) == 10
    assert not cache.exists()


def test_fashion_mnist_comes_from_debian_where_it_is_installed(cache):
    if not Path(FashionMnist.source.system).is_dir():
        pytest.skip("needs Debian's package dataset-fashion-mnist")
    dataset = FashionMnist(binarize="none")
    data = dataset.load()
    assert FashionMnist.source.system in data.info.source
    assert (len(data.train), len(data.validation), len(data.test)) == data.info.sizes
    together = np.bincount(np.concatenate([data.train.labels, data.validation.labels]))
    np.testing.assert_array_equal(together, np.full(10, 6_000))
    assert not cache.exists()


# The published protocol


def test_the_bits_of_the_published_protocol_are_those_of_its_code(tiny, arrays):
    data = tiny(protocol="exemplar_vae").load()
    images, test = (np.float32(arrays[number]) / 255 for number in (0, 2))
    np.random.seed(777)  # as published, with the generator that everyone shares
    validation = np.random.binomial(1, images[-HELD_OUT:])
    bits = {"validation": validation, "test": np.random.binomial(1, test)}
    for name, expected in bits.items():
        split = getattr(data, name)
        np.testing.assert_array_equal(split.intensities()[..., 0], expected)
        assert not split.binarize_on_read
    np.testing.assert_array_equal(data.train.stored[..., 0], arrays[0][:-HELD_OUT])
    assert data.train.binarize_on_read
    np.testing.assert_array_equal(data.train.labels, arrays[1][:-HELD_OUT])
    assert "seed 777" in data.info.protocol
    assert data.info == tiny(protocol="exemplar_vae").info()


@pytest.mark.parametrize("binarize", ["static", "none"])
def test_the_published_protocol_has_a_binarisation_of_its_own(tiny, binarize):
    with pytest.raises(ConfigError, match=f"data.binarize: expected \"dynamic\".*; got '{binarize}'"):
        tiny(binarize=binarize, protocol="exemplar_vae")


# From the network


def test_what_is_fetched_is_split_in_a_fixed_order(tiny, arrays):
    data = tiny(binarize="none").load()
    assert data.info == tiny(binarize="none").info()
    assert (len(data.train), len(data.validation), len(data.test)) == (TRAIN - HELD_OUT, HELD_OUT, TEST)
    assert sorted(numbers(data.train) + numbers(data.validation)) == list(range(TRAIN))
    assert numbers(data.validation) != list(range(TRAIN - HELD_OUT, TRAIN))
    np.testing.assert_array_equal(data.train.labels, arrays[1][numbers(data.train)])
    np.testing.assert_array_equal(data.test.stored[..., 0], arrays[2])
    again = tiny(binarize="none").load()
    np.testing.assert_array_equal(data.validation.stored, again.validation.stored)


def test_a_file_is_fetched_once(tiny, server, cache):
    tiny().load()
    tiny().load()
    assert sorted(server.requests) == sorted(file.name for file in tiny.source.files)
    assert {path.parent for path in left(cache)} == {cache / "tiny"}


def test_a_damaged_file_in_the_cache_is_fetched_again(tiny, server, cache):
    tiny().load()
    (cache / "tiny" / IMAGES).write_bytes(b"damaged")
    tiny().load()
    assert server.requests.count(IMAGES) == 2


def test_a_download_of_another_size_is_refused_and_not_kept(tiny, server, cache):
    server.files[IMAGES] += b"more"
    size = tiny.source.files[0].size
    with pytest.raises(DataError, match=rf"{server.url}{IMAGES}: expected {size:,} bytes; got {size + 4:,}"):
        tiny().load()
    assert not left(cache)


def test_a_download_that_does_not_end_is_ended(tiny, server, cache):
    server.files[IMAGES] += bytes(100_000_000)
    size = tiny.source.files[0].size
    with pytest.raises(DataError, match=rf"expected {size:,} bytes; got [\d,]+ or more \(an IDX file") as caught:
        tiny().load()
    assert int(re.search(r"got ([\d,]+)", str(caught.value))[1].replace(",", "")) < size + 2**17
    assert not left(cache)


def test_a_page_that_a_server_sends_in_place_of_a_file_is_named(tiny, server, cache):
    server.files[IMAGES] = b"<!DOCTYPE html><html><body>Please log in"
    with pytest.raises(DataError, match=r"got 40 \(an HTML page\)\. Nothing was kept"):
        tiny().load()


def test_a_download_with_another_hash_is_refused_and_not_kept(tiny, server, cache):
    content = server.files[IMAGES]
    server.files[IMAGES] = content[:-1] + bytes([content[-1] ^ 1])
    with pytest.raises(DataError, match=f"{IMAGES}: expected sha256 {tiny.source.files[0].sha256}"):
        tiny().load()
    assert not left(cache)


def test_a_download_that_breaks_off_is_refused_and_not_kept(tiny, server, cache):
    server.cut = 100
    with pytest.raises(DataError, match="could not be fetched"):
        tiny().load()
    assert not left(cache)


def test_an_address_that_is_gone_is_named(tiny, server, cache):
    server.files.clear()
    with pytest.raises(DataError, match=f"{server.url}{IMAGES}: could not be fetched.*404"):
        tiny().load()
    assert not left(cache)


def test_without_a_network_the_error_names_every_remedy(tiny, cache):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        tiny.source = replace(tiny.source, url=f"http://127.0.0.1:{free.getsockname()[1]}/")
        with pytest.raises(DataError) as caught:
            tiny().load()
    message = str(caught.value)
    ways = (
        "data.folder",
        "PROBVAE_DATA",
        str(cache / "tiny"),
        "apt-get install dataset-tiny",
        "fashion_mini",
    )
    for way in (tiny.source.url + IMAGES, "ConnectionError", *ways):
        assert way in message


def test_a_cache_that_cannot_be_written_is_named(tiny, cache):
    cache.write_text("a file, not a folder")
    with pytest.raises(DataError, match=f"could not be fetched into {cache}"):
        tiny().load()


def test_a_terminal_shows_progress(tiny, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(fetch.sys, "stderr", Terminal())
    tiny().load()
    assert IMAGES in fetch.sys.stderr.getvalue()


def test_no_terminal_shows_no_progress(tiny, capfd):
    tiny().load()
    assert "━" not in capfd.readouterr().err


# From a folder


def test_a_folder_with_the_published_files_will_do(tiny, archives, server, tmp_path):
    data = tiny(folder=put(tmp_path / "files", archives)).load()
    assert len(data.test) == TEST
    assert not server.requests
    assert str(tmp_path / "files") in data.info.source
    assert "no checksum" not in data.info.source


def test_a_folder_with_decompressed_files_will_do_and_says_what_was_not_checked(tiny, archives, tmp_path):
    files = {name.removesuffix(".gz"): gzip.decompress(content) for name, content in archives.items()}
    data = tiny(folder=put(tmp_path / "files", files)).load()
    assert len(data.test) == TEST
    assert f"no checksum is known of {IMAGES.removesuffix('.gz')}, " in data.info.source


def test_a_folder_with_npz_files_will_do_and_says_what_was_not_checked(tiny, arrays, tmp_path):
    (tmp_path / "files").mkdir()
    for number, array in enumerate(arrays):
        np.savez_compressed(tmp_path / "files" / f"tiny-{number}.npz", array)
    data = tiny(binarize="none", folder=str(tmp_path / "files")).load()
    np.testing.assert_array_equal(data.test.stored[..., 0], arrays[2])
    assert "no checksum is known of tiny-0.npz, tiny-1.npz" in data.info.source


def test_only_kmnist_is_known_as_npz_files():
    assert [file.npz for file in Kmnist.source.files] == [
        "kmnist-train-imgs.npz",
        "kmnist-train-labels.npz",
        "kmnist-test-imgs.npz",
        "kmnist-test-labels.npz",
    ]
    assert not any(file.npz for dataset in (Mnist, FashionMnist) for file in dataset.source.files)


def test_recompressed_files_will_do_where_the_hash_of_their_content_is_known(tiny, archives, tmp_path):
    recompressed = {
        name: gzip.compress(gzip.decompress(content), compresslevel=1, mtime=1)
        for name, content in archives.items()
    }
    folder = put(tmp_path / "files", recompressed)
    with pytest.raises(DataError, match=f"{IMAGES}: expected sha256 .*name files alike"):
        tiny(folder=folder).load()
    contents = [hashlib.sha256(gzip.decompress(content)).hexdigest() for content in archives.values()]
    files = (replace(file, content=content) for file, content in zip(tiny.source.files, contents, strict=True))
    tiny.source = replace(tiny.source, files=tuple(files))
    assert len(tiny(folder=folder).load().test) == TEST


def test_a_folder_of_another_dataset_is_recognised():
    if not Path(FashionMnist.source.system).is_dir():
        pytest.skip("needs Debian's package dataset-fashion-mnist")
    with pytest.raises(DataError, match="name files alike"):
        Mnist(folder=FashionMnist.source.system).load()


def test_a_missing_folder_is_named(tiny, tmp_path):
    for use in (tiny(folder=str(tmp_path / "none")).info, tiny(folder=str(tmp_path / "none")).load):
        with pytest.raises(ConfigError, match=f"got no folder {tmp_path / 'none'}") as caught:
            use()
        assert caught.value.parameter == "folder"


def test_what_a_folder_lacks_is_named(tiny, archives, tmp_path):
    del archives[IMAGES]
    with pytest.raises(ConfigError, match=rf"lacks {IMAGES} or {IMAGES[:-3]} or tiny-0.npz\. "):
        tiny(folder=put(tmp_path / "files", archives)).info()


def test_the_home_folder_may_be_written_as_a_tilde(tiny, archives, tmp_path, monkeypatch):
    put(tmp_path / "files", archives)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(tiny(folder="~/files").load().test) == TEST


@pytest.mark.parametrize("folder", ["~nobody-of-that-name", "a" * 5000, "nul\0byte"])
def test_a_folder_that_cannot_be_is_a_users_mistake(tiny, folder):
    with pytest.raises(ConfigError):
        tiny(folder=folder).info()


def test_a_truncated_archive_in_a_folder_is_named(tiny, archives, tmp_path):
    archives[IMAGES] = archives[IMAGES][:1000]
    tiny.source = replace(tiny.source, files=tuple(replace(file, content="0" * 64) for file in tiny.source.files))
    with pytest.raises(DataError, match=f"{IMAGES}: damaged"):
        tiny(folder=put(tmp_path / "files", archives)).load()


@pytest.mark.parametrize(
    ("saved", "message"),
    [
        ({"x": np.zeros(3)}, "expected a .npz file with an array arr_0; got x"),
        ({"arr_0": np.zeros((TRAIN, 28, 28))}, r"expected uint8 \[50, 28, 28\]; got float64"),
        (
            {"arr_0": np.zeros((TRAIN, 784), np.uint8)},
            r"expected uint8 \[50, 28, 28\]; got uint8 \[50, 784\]",
        ),
        ({"arr_0": np.array([None])}, r"expected uint8 \[50, 28, 28\]; got object"),
    ],
)
def test_an_npz_file_with_something_else_is_refused(tiny, archives, tmp_path, saved, message):
    del archives[IMAGES]
    folder = put(tmp_path / "files", archives)
    np.savez(tmp_path / "files" / "tiny-0.npz", **saved)
    with pytest.raises(DataError, match=f"tiny-0.npz: {message}"):
        tiny(folder=folder).load()


def test_a_file_of_another_kind_is_named(tiny, archives, tmp_path):
    page = b"<!DOCTYPE html><html><body>Not found"
    with pytest.raises(DataError, match=r"bytes, an HTML page\)"):
        tiny(folder=str(put(tmp_path / "a", {**archives, IMAGES: page}))).load()
    del archives[IMAGES]
    with pytest.raises(DataError, match=r"got 3c21444f, an HTML page"):
        tiny(folder=str(put(tmp_path / "b", {**archives, IMAGES.removesuffix(".gz"): page}))).load()


@pytest.mark.parametrize("known", [True, False])
def test_a_file_that_expands_to_too_much_is_not_expanded(tiny, archives, tmp_path, known, monkeypatch):
    """Only as much as shows that it is too much."""
    bomb = gzip.compress(bytes(50_000_000))
    folder = put(tmp_path / "files", {**archives, IMAGES: bomb})
    first, *others = tiny.source.files
    file = replace(first, content="0" * 64) if known else replace(first, sha256=hashlib.sha256(bomb).hexdigest())
    monkeypatch.setattr(tiny, "source", replace(tiny.source, files=(replace(file, size=len(bomb)), *others)))
    tracemalloc.start()
    with pytest.raises(DataError, match=IMAGES):
        tiny(folder=str(folder)).load()
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()
