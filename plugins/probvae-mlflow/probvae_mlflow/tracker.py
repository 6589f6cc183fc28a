"""One probvae run and the MLflow run that it is logged to."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import mlflow.entities
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from probvae_mlflow import names
from probvae_mlflow.store import check, experiment_id

if TYPE_CHECKING:
    from probvae import RunView

STATUS = {"finished": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"}
MEMORY = "mlflow.json"
"""The file in a run's folder that names its MLflow run."""
GONE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
PAUSE = 60.0
"""How many seconds a store that failed is not used again, so that a slow store does not slow down training."""


class Tracker:
    """Logs a run: its new epochs, and those of metrics.jsonl that MLflow does not have yet.

    Each method raises what MLflow raises where the store cannot be reached, or refuses a value.

    Args:
        run: the run, with its folder and its spec.
        client: the client of the store.
        found: the MLflow run.
    """

    def __init__(self, run: RunView, client: MlflowClient, found: mlflow.entities.Run) -> None:
        self.run = run
        self.client = client
        self.uri: str = client.tracking_uri
        self.run_id: str = found.info.run_id
        self._there = found.data
        self._logged = int(found.data.metrics.get("epoch", 0))
        self._not_before = 0.0

    @classmethod
    def known(cls, run: RunView, client: MlflowClient) -> Tracker | None:
        """That of the MLflow run which mlflow.json in the run's folder names, if the store still has it."""
        try:
            run_id = json.loads((run.folder / MEMORY).read_text(encoding="utf-8"))["run_id"]
            found = client.get_run(run_id)
        except (FileNotFoundError, ValueError, LookupError, TypeError):  # no such file, or not of this package
            return None
        except MlflowException as error:
            if error.error_code in GONE:
                return None
            raise
        return cls(run, client, found) if found.info.lifecycle_stage == "active" else None

    @classmethod
    def new(cls, run: RunView, client: MlflowClient) -> Tracker:
        """That of a new MLflow run, which mlflow.json then names."""
        experiment = experiment_id(client, os.environ.get("MLFLOW_EXPERIMENT_NAME") or "probvae")
        found = client.create_run(experiment, run_name=run.folder.absolute().name[: names.MAX_NAME])
        memory = {"experiment_id": experiment, "run_id": found.info.run_id}
        temporary = run.folder / f".{MEMORY}.tmp"
        temporary.write_text(json.dumps(memory, indent=2) + "\n", encoding="utf-8")
        os.replace(temporary, run.folder / MEMORY)
        return cls(run, client, found)

    def started(self) -> None:
        """Log that the run is training, and its spec."""
        self.client.update_run(self.run_id, status="RUNNING")
        self._log_spec()
        self._log_artifacts("spec.toml", "environment.json")

    def epoch_ended(self) -> None:
        """Log the epoch, and earlier ones that could not be logged when they ended."""
        if time.monotonic() < self._not_before:
            return
        try:
            check(self.uri)
            self._log_rows()
        except Exception:
            self._not_before = time.monotonic() + PAUSE
            raise

    def ended(self, status: str) -> None:
        """Log the results of the run and its status."""
        check(self.uri)
        try:
            self._log_rows()
            if status == "finished":  # else evaluation.json is missing, or of an earlier training
                self.evaluated()
            figures = sorted(self.run.folder.glob("figures/*.png"))
            self._log_artifacts("report.html", *(str(file.relative_to(self.run.folder)) for file in figures))
        finally:
            self.client.set_terminated(self.run_id, STATUS[status])

    def evaluated(self) -> None:
        """Log the numbers of the run's evaluation."""
        evaluation = self.run.evaluation()
        if evaluation:
            self._log_metrics(names.numbers(evaluation, evaluation["split"]), evaluation["epoch"])
            self._log_artifacts("evaluation.json")

    def _log_spec(self) -> None:
        """The spec as params. MLflow never changes a param: what a resume has changed is logged as a tag."""
        params = []
        tags = [RunTag("probvae.folder", names.text(str(self.run.folder.absolute())))]
        for key, value in names.flat(self.run.spec).items():
            tag = names.name(f"probvae.resumed.{key}")
            if key not in self._there.params:
                params.append(Param(key, value))
            elif value != self._there.params[key] or tag in self._there.tags:  # changed now, or earlier
                tags.append(RunTag(tag, value))
        self.client.log_batch(self.run_id, params=params, tags=tags)

    def _log_rows(self) -> None:
        """Log the epochs that MLflow does not have; one that a resumed run repeated is equal."""
        for row in self.run.metrics():
            epoch = int(row.pop("epoch"))
            if epoch > self._logged:
                # The epoch is last: if the store fails halfway, it lacks it, and the row is logged again.
                self._log_metrics({**row, "epoch": epoch}, epoch)
                self._logged = epoch

    def _log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        now = int(time.time() * 1000)
        entities = [Metric(names.name(name), float(value), now, step) for name, value in metrics.items()]
        self.client.log_batch(self.run_id, metrics=entities)

    def _log_artifacts(self, *files: str) -> None:
        for file in map(Path, files):
            if (self.run.folder / file).is_file():
                into = None if file.parent == Path(".") else file.parent.as_posix()
                self.client.log_artifact(self.run_id, str(self.run.folder / file), into)
