"""The model of another run on the same data, with which one is compared."""

from __future__ import annotations

from probvae.core import VAE
from probvae.errors import UserError
from probvae.evaluation import EvaluateSettings
from probvae.registry import Registry
from probvae.runs.folder import Run, find_run
from probvae.runs.loading import load
from probvae.specs import read


def compared_model(run: Run, settings: EvaluateSettings, registry: Registry | None = None) -> VAE | None:
    """The trained model of the run that [evaluate] compare_with names; None if it names none.

    Raises:
        UserError: as `check_compared`, or the run's spec names a component that is not installed.
        CheckpointError: it has no valid checkpoint.
    """
    check_compared(run, settings)
    return load(settings.compare_with, registry=registry) if settings.compare_with else None


def check_compared(run: Run, settings: EvaluateSettings) -> None:
    """Check that a run can be compared with the one that [evaluate] compare_with names.

    Raises:
        UserError: it names no run, or one on other data.
    """
    if not settings.compare_with:
        return
    fix = "Name a run on the same data, or compare with none: --set evaluate.compare_with=''."
    try:
        folder = find_run(settings.compare_with)
    except UserError as error:
        raise UserError(f"evaluate.compare_with: {error} {fix}") from error
    other = Run(folder, read(folder).tables)
    if differences := run.environment.data.differences(other.environment.data):
        raise UserError(
            f"evaluate.compare_with: expected a run on the data of {run.folder}; got {folder}: "
            f"{'; '.join(differences)}. {fix}"
        )
