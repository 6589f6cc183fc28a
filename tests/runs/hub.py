"""A stand-in for the Hugging Face Hub: an HTTP server on this machine, for the requests of pushing and pulling.

It stores every file in its commits, as the hub does with small ones; the storage of large files is not imitated.
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = "hf_of_the_tests"


class Hub:
    """The repositories: name -> path -> content, who may read it, what was asked, and sizes."""

    def __init__(self):
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.private: dict[str, bool] = {}
        self.requests: list[str] = []
        self.failing = 0
        self.sizes: dict[str, int] = {}

    def sha(self, name):
        return hashlib.sha1(name.encode() + b"".join(self.repositories[name].values())).hexdigest()


@contextmanager
def running() -> Iterator[tuple[Hub, str]]:
    """The hub and its address."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def answer(self, content, status=200, **headers):
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def refuse(self, status, code=""):
            self.answer({"error": "refused by the stand-in"}, status, **({"X_Error_Code": code} if code else {}))

        def handle_request(self):
            hub.requests.append(f"{self.command} {self.path}")
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            path = self.path.partition("?")[0]
            if hub.failing:
                return self.refuse(hub.failing)
            if self.command == "POST" and self.headers["Authorization"] != f"Bearer {TOKEN}":
                return self.refuse(403)
            if path == "/api/repos/create":
                asked = json.loads(body)
                name = f"{asked['organization']}/{asked['name']}"
                status = 409 if name in hub.repositories else 200
                if status == 200:
                    hub.repositories[name] = {}
                    hub.private[name] = asked.get("visibility") == "private"
                return self.answer({"url": f"http://{self.headers['Host']}/{name}"}, status)
            if path == "/api/validate-yaml":
                return self.answer({"warnings": [], "errors": []})
            found = re.fullmatch(r"/(?:api/models/)?([\w.-]+/[\w.-]+)(?:/(\w+)/([^/]+)(?:/(.*))?)?", path)
            if found is None or found[1] not in hub.repositories:
                return self.refuse(404, "RepoNotFound")
            name, what, _, rest = found.groups()
            files = hub.repositories[name]
            if what == "preupload":
                return self.answer(
                    {
                        "files": [
                            {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                            for file in json.loads(body)["files"]
                        ]
                    }
                )
            if what == "commit":
                for line in map(json.loads, body.splitlines()):
                    value = line["value"]
                    if line["key"] == "file":
                        files[value["path"]] = base64.b64decode(value["content"])
                    elif line["key"] == "deletedFile":
                        del files[value["path"]]
                return self.answer(
                    {"commitUrl": f"http://{self.headers['Host']}/{name}/commit/1", "commitOid": "1"}
                )
            if what == "tree":
                return self.answer(
                    [
                        {
                            "type": "file",
                            "path": path,
                            "size": len(content),
                            "oid": hashlib.sha1(content).hexdigest(),
                        }
                        for path, content in files.items()
                    ]
                )
            if what == "resolve":
                if rest not in files:
                    return self.refuse(404, "EntryNotFound")
                etag = hashlib.sha1(files[rest]).hexdigest()
                return self.answer(files[rest], ETag=f'"{etag}"', X_Repo_Commit=hub.sha(name))
            siblings = [{"rfilename": path, "size": hub.sizes.get(path, len(files[path]))} for path in files]
            return self.answer({"id": name, "sha": hub.sha(name), "siblings": siblings})

        do_GET = do_HEAD = do_POST = handle_request  # noqa: N815  (the names of http.server)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield hub, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
