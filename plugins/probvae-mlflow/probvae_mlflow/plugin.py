"""The hooks: they do nothing without MLFLOW_TRACKING_URI, and import MLflow only for a run that is logged."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from probvae import hookimpl

from probvae_mlflow.errors import tracking_errors

if TYPE_CHECKING:
    from probvae import RunView

    from probvae_mlflow.tracker import Tracker

_trackers: dict[Path, Tracker] = {}
"""The trainings that are being logged, by folder; one whose start could not be logged is not among them."""


@hookimpl
def probvae_run_started(run: RunView) -> None:
    """Start an MLflow run, or continue the one that mlflow.json in the run's folder names."""
    _trackers.pop(run.folder, None)
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        return
    with tracking_errors(
        uri, f"Training continues and is not logged. Once this is fixed, {_later(run)} logs what is missing."
    ):
        from probvae_mlflow.store import connect
        from probvae_mlflow.tracker import Tracker

        client = connect(uri)
        tracker = Tracker.known(run, client) or Tracker.new(run, client)
        tracker.started()
        _trackers[run.folder] = tracker


@hookimpl
def probvae_epoch_ended(run: RunView) -> None:
    """Log the epoch, and earlier ones that could not be logged when they ended."""
    if tracker := _trackers.get(run.folder):
        with tracking_errors(
            tracker.uri, "Training continues, and what is missing is logged once the store is reachable."
        ):
            tracker.epoch_ended()


@hookimpl
def probvae_run_ended(run: RunView, status: str) -> None:
    """Log the results of the run and its status."""
    if tracker := _trackers.pop(run.folder, None):
        with tracking_errors(tracker.uri, f"Once this is fixed, {_later(run)} logs what is missing."):
            tracker.ended(status)


@hookimpl
def probvae_run_evaluated(run: RunView) -> None:
    """Log a later evaluation of a run that MLflow has."""
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if not uri or not (run.folder / "mlflow.json").is_file():
        return
    with tracking_errors(uri, f"Once this is fixed, {_later(run)} logs what is missing."):
        from probvae_mlflow.store import connect
        from probvae_mlflow.tracker import Tracker

        if tracker := Tracker.known(run, connect(uri)):
            tracker.evaluated()


def _later(run: RunView) -> str:
    return f"'probvae train {run.folder} --resume'"
