"""Small replacements of published datasets, and a server on this machine to fetch them from."""

import gzip
import hashlib
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from probvae.data.datasets.mnist import Mnist, MnistLike
from probvae.data.files.fetch import File

TRAIN, TEST, HELD_OUT = 50, 20, 10


def idx(array):
    """An array as an IDX file."""
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@dataclass
class Server:
    """What a server on this machine hands out, and what it was asked."""

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    cut: int = 0  # how many bytes of each file it withholds although it announced them


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.lstrip("/")
            served.requests.append(name)
            if name not in served.files:
                self.send_error(404)
                return
            content = served.files[name]
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with suppress(ConnectionError):  # a client may have had enough
                self.wfile.write(content[: len(content) - served.cut])

        def log_message(self, *_):
            pass

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        served = Server(f"http://127.0.0.1:{http.server_port}/")
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        yield served
        http.shutdown()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("PROBVAE_DATA", str(folder))
    return folder


@pytest.fixture
def arrays():
    """Training images and labels, test images and labels; an image's first pixel is its number."""
    rng = np.random.default_rng(0)
    x, test_x = (rng.integers(0, 256, (count, 28, 28), np.uint8) for count in (TRAIN, TEST))
    x[:, 0, 0] = np.arange(TRAIN)
    y, test_y = (rng.integers(0, 10, count).astype(np.uint8) for count in (TRAIN, TEST))
    return x, y, test_x, test_y


@pytest.fixture
def archives(arrays):
    """The four files as they are published."""
    return {
        file.name: gzip.compress(idx(array), mtime=0)
        for file, array in zip(Mnist.source.files, arrays, strict=True)
    }


@pytest.fixture
def tiny(server, cache, archives) -> type[MnistLike]:
    """A dataset in MNIST's form, served on this machine."""
    server.files.update(archives)
    files = tuple(
        File(name, len(content), hashlib.sha256(content).hexdigest(), npz=f"tiny-{number}.npz")
        for number, (name, content) in enumerate(archives.items())
    )

    class Tiny(MnistLike):
        """A tiny dataset."""

        source = replace(
            Mnist.source,
            name="tiny",
            url=server.url,
            files=files,
            counts=(TRAIN, TEST),
            held_out=HELD_OUT,
            package="dataset-tiny",
        )

    return Tiny
