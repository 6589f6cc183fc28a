"""A prior for a trained model: the second stage of two."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from probvae.core import Table
from probvae.errors import UserError
from probvae.registry import Registry
from probvae.runs.folder import Run, default_folder, find_run
from probvae.runs.training import train
from probvae.specs import read


def refit(
    run: str | os.PathLike[str],
    prior: str,
    out: str | Path | None = None,
    resume: bool = False,
    overrides: Sequence[str] = (),
    plugins: Sequence[str | Path] = (),
    console: Console | None = None,
    registry: Registry | None = None,
    devices: int = 0,
    data: object = None,
    allow_other_data: bool = False,
) -> Run:
    """Fit a prior to the aggregate posterior of a trained model, whose other parts stay as they are.

    This is training in two stages (Dai and Wipf, Diagnosing and enhancing VAE models, 2019; Ghosh et al., From
    variational to deterministic autoencoders, 2020). The new run is that of an ordinary spec: the old one with
    another prior, the objective `rate`, the weights of the old run, of which only the prior's are trained, and an
    evaluation that compares both models on the same examples with the same noise.

    Args:
        run: the trained run, or its folder; it is not changed.
        prior: the name of the prior.
        out: the folder of the new run; None for runs/RUN-PRIOR.
        resume: continue from the newest checkpoint of that folder.
        overrides: `key.path=value` settings of the new spec, as `model.prior.components=32` or `train.epochs=100`.
        plugins: files to load as plugins first.
        console: where to print; None for the standard output.
        registry: where names are looked up; None for the default one.
        devices: how many devices of this machine share each batch; 0 for all GPUs, or the CPU.
        data: the data in Python that the run was trained on, if it was.
        allow_other_data: whether a resumed run may continue on data that differs from its own.

    Returns:
        The new run. In its evaluation.json, `gain` is the mean of the differences from the old run, in nats.

    Raises:
        UserError: the folder holds no trained run, or the prior cannot be used with its model.
        WorkError: training failed; the last good checkpoint is kept.
        KeyboardInterrupt: a signal came; the new run is saved, and resuming it continues with the next step.
    """
    folder = find_run(run)
    spec = read(folder).tables
    if not Run(folder, spec).begun:
        raise UserError(
            f"{folder}: expected a trained run, whose encoder and decoder are to be kept; got one without a "
            f"checkpoint. Train it first: probvae train {folder}."
        )
    out = out or default_folder(f"{folder.resolve().name}-{prior}", resume)
    refitted = _refitted(spec, folder, prior)
    return train(
        refitted,
        out,
        resume,
        overrides,
        plugins,
        console,
        registry,
        devices=devices,
        allow_other_data=allow_other_data,
        data=data,
    )


def _refitted(spec: Table, folder: Path, prior: str) -> Table:
    """The spec of a run with another prior, of which only the prior is trained, from the weights of that run."""
    model, before, objective = spec["model"], str(folder.resolve()), {"use": "rate"}
    return spec | {
        "model": model | {"prior": {"use": prior}},
        "objective": {"use": "semi_supervised", "loss": objective} if "classifier" in model else objective,
        "train": spec["train"]
        | {"init_from": before, "freeze": [part for part in model if part not in ("latent_dim", "prior")]},
        "evaluate": spec["evaluate"] | {"compare_with": before},
    }
