"""The store of MLflow: whether it can be reached, and the experiment in it."""

from __future__ import annotations

import sqlite3
import ssl
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from probvae_mlflow.errors import TrackingError

PATIENCE = 5.0
"""How many seconds a server or another writer of the database may take."""


def connect(uri: str) -> MlflowClient:
    """A client of the store, which can be used.

    Raises:
        Exception: it cannot; of any type.
    """
    check(uri)
    return MlflowClient(tracking_uri=uri)


def check(uri: str) -> None:
    """Raise soon if a server does not answer or an SQLite file cannot be written.

    MLflow itself retries an unreachable server for about four minutes and an SQLite file that it cannot open for
    nearly two; training would wait for it.

    Raises:
        Exception: the store cannot be used; of any type.
    """
    if uri.startswith(("http://", "https://")):
        _check_server(uri)
    elif uri.startswith("sqlite:///"):
        _check_sqlite(uri.removeprefix("sqlite:///").partition("?")[0])


def _check_server(uri: str) -> None:
    parts = urlsplit(uri)
    bare = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}/health"
    try:
        urllib.request.urlopen(bare, timeout=PATIENCE).close()
    except urllib.error.HTTPError as answer:
        answer.close()  # a server answers; MLflow finds out whether it accepts the user
    except (urllib.error.URLError, TimeoutError) as error:
        reason = getattr(error, "reason", error)
        if not isinstance(reason, ssl.SSLError):  # MLflow has certificates and settings of its own
            raise ConnectionError(f"no answer from {bare}: {reason}") from error


def _check_sqlite(path: str) -> None:
    if path in ("", ":memory:") or path.startswith("file:"):
        return
    Path(path).parent.mkdir(parents=True, exist_ok=True)  # as MLflow does
    with closing(sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")  # the right to write, released at once
        database.execute("ROLLBACK")


def experiment_id(client: MlflowClient, name: str) -> str:
    """The id of the experiment of this name, which is created if it does not exist.

    Raises:
        TrackingError: it was deleted.
    """
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return client.create_experiment(name)
        except MlflowException as error:
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
            if error.error_code != "RESOURCE_ALREADY_EXISTS":  # another run created it in between
                raise
    if found.lifecycle_stage != "active":
        restore = f"mlflow experiments restore --experiment-id {found.experiment_id}"
        raise TrackingError(
            f"the experiment {name!r} deleted; restore it with {restore!r}, or choose another with "
            "MLFLOW_EXPERIMENT_NAME"
        )
    return found.experiment_id
