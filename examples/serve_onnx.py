"""Serve an exported model with ONNX Runtime, without TensorFlow and probvae.

probvae export runs/first --format onnx --out first_onnx
pip install onnxruntime
python serve_onnx.py first_onnx 8000

curl localhost:8000                                            what the model takes and returns
curl localhost:8000/decode -d '{"z": [[0.5, -1.0]]}'           {"mean": [[...]]}
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

LARGEST = 2**26
"""The size of the largest request, in bytes."""


class Model:
    """The ONNX files of a folder, and the record beside them."""

    def __init__(self, folder: Path) -> None:
        self.record: dict[str, Any] = json.loads((folder / "export.json").read_text())
        self.sessions = {
            name: onnxruntime.InferenceSession(folder / f"{name}.onnx") for name in self.record["signatures"]
        }

    def __call__(self, name: str, given: dict[str, Any]) -> dict[str, list[Any]]:
        """The outputs of a signature.

        Raises:
            ValueError: there is no such signature, or an input is missing or has another shape.
        """
        if name not in self.sessions:
            raise ValueError(f"expected one of {', '.join(self.sessions)}; got {name!r}")
        inputs = {}
        for key, value in self.record["signatures"][name]["inputs"].items():
            if key not in given:
                raise ValueError(f"expected {key}; got {', '.join(given) or 'nothing'}")
            inputs[key] = np.asarray(given[key], value["dtype"])
            if inputs[key].shape[1:] != tuple(value["shape"][1:]):
                raise ValueError(f"{key}: expected shape {value['shape']}; got {list(inputs[key].shape)}")
        session = self.sessions[name]
        names = [output.name for output in session.get_outputs()]
        return {key: found.tolist() for key, found in zip(names, session.run(names, inputs), strict=True)}


def server(folder: Path, port: int) -> ThreadingHTTPServer:
    """A server on this machine; port 0 is any that is free."""
    model = Model(folder)

    class Handler(BaseHTTPRequestHandler):
        def answer(self, status: int, content: object) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self.answer(200, model.record)

        def do_POST(self) -> None:
            try:
                size = int(self.headers["Content-Length"] or 0)
                if size > LARGEST:
                    raise ValueError(f"expected at most {LARGEST} bytes; got {size}")
                self.answer(200, model(self.path.strip("/"), json.loads(self.rfile.read(size))))
            except (ValueError, TypeError, AttributeError) as error:
                self.answer(400, {"error": str(error)})

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


if __name__ == "__main__":
    server(Path(sys.argv[1]), int(sys.argv[2])).serve_forever()
