"""Errors of MLflow, in one sentence each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from probvae.errors import WorkError


class TrackingError(WorkError):
    """A run cannot be logged. probvae shows it as a warning and continues."""


@contextmanager
def tracking_errors(uri: str, then: str) -> Iterator[None]:
    """Raise whatever MLflow, a database or the network raises as a TrackingError.

    Args:
        uri: the store.
        then: what happens now, and how to fix it.
    """
    try:
        yield
    except ImportError as error:
        brings = "'pip install --upgrade probvae-mlflow' brings mlflow-skinny, sqlalchemy and alembic"
        then = f"Install it ({brings}), or unset MLFLOW_TRACKING_URI. {then}"
        raise _error(uri, "the packages that MLflow needs for this store", str(error), then) from error
    except Exception as error:
        found = str(error) if isinstance(error, TrackingError) else f"{type(error).__name__}: {error}"
        raise _error(uri, "a store that can be reached and written", found, then) from error


def _error(uri: str, expected: str, found: str, then: str) -> TrackingError:
    found = " ".join(found.split()).rstrip(".")
    text = f"MLFLOW_TRACKING_URI={uri}: expected {expected}; got {found}. {then}"
    return TrackingError(re.sub(r"//[^/@\s]+@", "//***@", text))  # without passwords
