"""One probvae run and the MLflow run that it is logged to."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow.entities
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from probvae_mlflow import names
from probvae_mlflow.store import check, experiment_id

if TYPE_CHECKING:
    from probvae import RunView

STATUS = {"finished": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"}
GONE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
PAUSE = 60.0
"""How many seconds a store that failed is not used again, so that a slow store does not slow down training."""


class Tracker:
    """Logs a run: its new epochs, and those of metrics.jsonl that MLflow does not have yet.

    Args:
        run: the run, with its folder and its spec.
        uri: the store.

    Raises:
        Exception: the store cannot be reached, or refuses a value.
    """

    def __init__(self, run: RunView, uri: str) -> None:
        check(uri)
        self.uri = uri
        self.folder = run.folder
        self.client = MlflowClient(tracking_uri=uri)
        found = self._known() or self._new()
        self.run_id: str = found.info.run_id
        self.logged = int(found.data.metrics.get("epoch", 0))
        self._not_before = 0.0
        self.client.update_run(self.run_id, status="RUNNING")
        self._log_spec(run.spec, found.data)
        self._log_artifacts(["spec.toml", "environment.json"])

    def epoch_ended(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Log an epoch, and earlier ones that could not be logged when they ended."""
        if time.monotonic() < self._not_before:
            return
        try:
            check(self.uri)
            earlier = [row for row in _rows(self.folder) if row["epoch"] < epoch]
            self._log_rows([*earlier, {**metrics, "epoch": epoch}])
        except Exception:
            self._not_before = time.monotonic() + PAUSE
            raise

    def ended(self, status: str) -> None:
        """Log the results of the run and its status."""
        check(self.uri)
        try:
            self._log_rows(_rows(self.folder))
            if status == "finished":  # else evaluation.json is missing, or of an earlier training
                self._log_evaluation()
            figures = sorted(self.folder.glob("figures/*.png"))
            self._log_artifacts(["evaluation.json", *(str(file.relative_to(self.folder)) for file in figures)])
        finally:
            self.client.set_terminated(self.run_id, STATUS[status])

    def _known(self) -> mlflow.entities.Run | None:
        """The MLflow run that mlflow.json names, if the store still has it."""
        try:
            run_id = json.loads(self._memory.read_text(encoding="utf-8"))["run_id"]
            found = self.client.get_run(run_id)
        except (
            FileNotFoundError,
            ValueError,
            LookupError,
            TypeError,
        ):  # no such file, or not one that this package wrote
            return None
        except MlflowException as error:
            if error.error_code in GONE:
                return None
            raise
        return found if found.info.lifecycle_stage == "active" else None

    def _new(self) -> mlflow.entities.Run:
        experiment = experiment_id(self.client, os.environ.get("MLFLOW_EXPERIMENT_NAME") or "probvae")
        found = self.client.create_run(experiment, run_name=self.folder.absolute().name[: names.MAX_NAME])
        memory = {"experiment_id": experiment, "run_id": found.info.run_id}
        temporary = self._memory.with_name(f".{self._memory.name}.tmp")
        temporary.write_text(json.dumps(memory, indent=2) + "\n", encoding="utf-8")
        os.replace(temporary, self._memory)
        return found

    @property
    def _memory(self) -> Path:
        return self.folder / "mlflow.json"

    def _log_spec(self, spec: Mapping[str, Any], there: mlflow.entities.RunData) -> None:
        """The spec as params. MLflow never changes a param: what a resume has changed is logged as a tag."""
        params = []
        tags = [RunTag("probvae.folder", names.text(str(self.folder.absolute())))]
        for key, value in names.flat(spec).items():
            tag = names.name(f"probvae.resumed.{key}")
            if key not in there.params:
                params.append(Param(key, value))
            elif value != there.params[key] or tag in there.tags:  # changed now, or earlier
                tags.append(RunTag(tag, value))
        self.client.log_batch(self.run_id, params=params, tags=tags)

    def _log_rows(self, rows: Iterable[Mapping[str, float]]) -> None:
        """Log the epochs that MLflow does not have; one that a resumed run repeated is equal."""
        for row in rows:
            epoch = int(row["epoch"])
            if epoch > self.logged:
                # The epoch is last: if the store fails halfway, it lacks it, and the row is logged again.
                self._log_metrics({**_without_epoch(row), "epoch": epoch}, epoch)
                self.logged = epoch

    def _log_evaluation(self) -> None:
        found = json.loads((self.folder / "evaluation.json").read_text(encoding="utf-8"))
        metrics = {}
        for bound, estimate in found.items():
            if isinstance(estimate, dict) and "standard_error" in estimate:
                metrics[f"{found['split']}/{bound}"] = estimate["value"]
                metrics[f"{found['split']}/{bound}_standard_error"] = estimate["standard_error"]
        known = {name: value for name, value in metrics.items() if value is not None}
        self._log_metrics(known, found["epoch"])

    def _log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        now = int(time.time() * 1000)
        entities = [Metric(names.name(name), float(value), now, step) for name, value in metrics.items()]
        self.client.log_batch(self.run_id, metrics=entities)

    def _log_artifacts(self, files: Iterable[str]) -> None:
        for file in map(Path, files):
            if (self.folder / file).is_file():
                into = None if file.parent == Path(".") else file.parent.as_posix()
                self.client.log_artifact(self.run_id, str(self.folder / file), into)


def _without_epoch(row: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in row.items() if name != "epoch"}


def _rows(folder: Path) -> list[dict[str, float]]:
    """The epochs in metrics.jsonl; an incomplete last line is skipped."""
    try:
        lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    rows = []
    for line in lines:
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows
