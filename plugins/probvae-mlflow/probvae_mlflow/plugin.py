"""The hooks: they do nothing without MLFLOW_TRACKING_URI, and only a run that is logged imports MLflow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from probvae import hookimpl

from probvae_mlflow.errors import told

if TYPE_CHECKING:
    from probvae import RunView

    from probvae_mlflow.tracker import Tracker

_trackers: dict[Path, Tracker] = {}
"""The runs that are being logged, by their folders; one that could not be begun is not among them."""


@hookimpl
def probvae_run_started(run: RunView) -> None:
    """Begin an MLflow run, or go on with the one that is remembered in the run's folder."""
    _trackers.pop(run.folder, None)
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        return
    later = f"probvae train {run.folder} --resume"
    with told(uri, f"Training goes on and is not logged. Once that is mended, {later!r} logs what is missing."):
        from probvae_mlflow.tracker import Tracker

        _trackers[run.folder] = Tracker(run, uri)


@hookimpl
def probvae_epoch_ended(run: RunView, epoch: int, metrics: dict[str, float]) -> None:
    """Log the epoch's numbers."""
    if tracker := _trackers.get(run.folder):
        with told(tracker.uri, "Training goes on, and what is missing is logged once the store is back."):
            tracker.epoch_ended(epoch, metrics)


@hookimpl
def probvae_run_ended(run: RunView, status: str) -> None:
    """Log what the run leaves, and how it ended."""
    if tracker := _trackers.pop(run.folder, None):
        later = f"probvae train {run.folder} --resume"
        with told(tracker.uri, f"Once that is mended, {later!r} logs what is missing."):
            tracker.ended(status)
