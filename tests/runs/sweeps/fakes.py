"""Trainings that take no time: they write the folders of runs, and their losses are functions of the spec."""

import json
import math

from probvae.runs import Run
from probvae.runs.environment import DataRecord
from probvae.runs.loading import read_plan
from probvae.runs.sweeps import work
from probvae.specs import SpecData
from probvae.training import Epoch, Progress

EPOCHS = 4


class Killed(KeyboardInterrupt):
    """The process ends here, as far as the sweep can tell."""


def loss_of(spec):
    """The lowest validation loss: best at a learning rate of 1e-3, and a little different with each seed."""
    train = spec["train"]
    return 100 + 10 * (math.log10(train["learning_rate"]) + 3) ** 2 + 0.5 * train["seed"]


class FakeTraining:
    """Takes the place of `train`.

    Attributes:
        trained: the epochs that each folder was trained for, in order: (folder's name, epoch).
        killed_at: how many epochs there are in all before the process is killed; None for no kill.
        failing: whether a filled spec fails.
    """

    def __init__(self):
        self.trained = []
        self.killed_at = None
        self.failing = lambda spec: False

    def __call__(self, spec, out, *, overrides, plugins, registry, callbacks, **_):
        plan = read_plan(spec, overrides, plugins, registry, needs_data=True)
        filled = plan.filled()
        run = Run(out, filled | {"versions": {}})
        if self.failing(filled):
            raise ValueError("the\nmodel is wrong")
        if not run.environment_file.exists():
            run.create(DataRecord.of(SpecData.of(plan).loaded), [], {})
        (run.checkpoints / "step-000001").mkdir(parents=True, exist_ok=True)
        if rows := run.metrics():
            for callback in callbacks:
                callback.resumed(len(rows), len(rows), [])
        for epoch in range(len(rows) + 1, EPOCHS + 1):
            if self.killed_at == len(self.trained):
                raise Killed
            for callback in callbacks:
                callback.progress(Progress(epoch, 1, 1, {}, 1.0))
            self.trained.append((out.name, epoch))
            loss = loss_of(filled) + EPOCHS - epoch
            row = {"epoch": epoch, "step": epoch, "train/loss": loss, "validation/loss": loss}
            with run.metrics_file.open("a") as file:
                file.write(json.dumps(row) + "\n")
            for callback in callbacks:
                callback.epoch_ended(
                    Epoch(epoch, epoch, 1.0, 1.0, 1e-3, {"loss": loss}, {"loss": loss}, best=True)
                )
        bound = {"value": -loss_of(filled) + 1, "standard_error": 0.5}
        run.evaluation_file.write_text(json.dumps({"importance_weighted": bound}))
        return run


def faked(monkeypatch):
    """A fake training in the place of the real one."""
    training = FakeTraining()
    monkeypatch.setattr(work, "train", training)
    monkeypatch.setattr(work.gc, "collect", lambda: None)  # which would search all of TensorFlow
    return training
