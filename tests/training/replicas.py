"""Trains on several replicas or as one worker of several, and writes the results. Run by test_devices."""

import json
import os
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from setups import OBJECTIVES, Record, data, trainer, vae, weights

from probvae.errors import TrainingError
from probvae.training import select_devices


def main(folder: str, name: str, devices: str, options: str) -> None:
    here = select_devices(int(devices))
    record = Record()
    settings = json.loads(options)
    with here.strategy.scope():
        prior = settings.pop("prior", "standard_normal")
        stop, checkpoints = settings.pop("stop", False), settings.pop("checkpoints", None)
        checkpoints = Path(checkpoints) if checkpoints else None
        objective = OBJECTIVES[settings.pop("objective", "elbo")]()
        examples = data(conditional=prior == "conditional")
        made = trainer(vae(prior), objective, checkpoints, [record], examples, **settings)
        if stop:
            record.progress = lambda _: made.stop()  # between the steps, as a signal comes
        made.resume()
        try:
            finished = made.train()
        except TrainingError as error:
            sys.exit(f"error: {error}")
    np.savez(f"{folder}/{name}.npz", **weights(made.vae))
    report = {"rows": record.rows, "finished": finished, "step": made.step, "devices": str(here)}
    with open(f"{folder}/{name}.json", "w", encoding="utf-8") as file:
        json.dump(report, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
