"""Trains on several replicas or as one worker of several, and writes the results. Run by test_devices."""

import json
import os
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
import tensorflow as tf
from setups import OBJECTIVES, Record, data_for, trainer, vae, weights
from tensorflow.python.autograph.pyct import transpiler

from probvae.errors import TrainingError
from probvae.training import select_devices

CONVERTED = set()
"""The names of the functions that AutoGraph has converted in a training."""


def main(folder: str, devices: str, trainings: str) -> None:
    """Train once for each of the trainings, name -> options, one after the other."""
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})  # for long trainings only
    here = select_devices(int(devices))
    convert = transpiler.PyToPy.transform_function
    transpiler.PyToPy.transform_function = lambda self, function, context: (
        CONVERTED.add(function.__qualname__) or convert(self, function, context)
    )
    for name, options in json.loads(trainings).items():
        train(here, Path(folder, name), **options)


def train(here, out, prior="standard_normal", objective="elbo", stop=False, checkpoints=None, **settings):
    record = Record()
    CONVERTED.clear()
    with here.strategy.scope():
        checkpoints = Path(checkpoints) if checkpoints else None
        examples = data_for(prior)
        made = trainer(vae(prior), OBJECTIVES[objective](), checkpoints, [record], examples, **settings)
        if stop:
            record.progress = lambda _: made.stop()  # between the steps, as a signal comes
        made.resume()
        try:
            finished = made.train()
        except TrainingError as error:
            sys.exit(f"error: {error}")
    np.savez(f"{out}.npz", **weights(made.vae))
    report = {"rows": record.rows, "finished": finished, "step": made.step, "devices": str(here)}
    report["converted"] = sorted(CONVERTED)
    Path(f"{out}.json").write_text(json.dumps(report), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
