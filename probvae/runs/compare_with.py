"""The model of another run on the same data, with which one is compared."""

from __future__ import annotations

from typing import Literal

from probvae.core import VAE
from probvae.errors import UserError
from probvae.evaluation import EvaluateSettings
from probvae.registry import Registry
from probvae.runs.environment import DataRecord
from probvae.runs.folder import Run, find_run
from probvae.runs.loading import load
from probvae.specs import read


def compared_model(
    run: Run, data: DataRecord, vae: VAE, settings: EvaluateSettings, registry: Registry | None = None
) -> VAE | None:
    """The trained model of the run that [evaluate] compare_with names; None if it names none.

    Args:
        run: the run that is compared with it.
        data: what the data of that run is.
        vae: the model of that run.
        settings: those of [evaluate].
        registry: where names are looked up; None for the default one.

    Raises:
        UserError: it names no run, or one on other data; one of the two likelihoods is a density and the other a
            probability; or the run's spec names a component that is not installed.
        CheckpointError: it has no valid checkpoint.
    """
    if not settings.compare_with:
        return None
    fix = "Name a comparable run on the same data, or compare with none: --set evaluate.compare_with=''."
    try:
        folder = find_run(settings.compare_with)
    except UserError as error:
        raise UserError(f"evaluate.compare_with: {error} {fix}") from error
    other = Run(folder, read(folder).tables)
    if differences := data.differences(other.environment.data):
        raise UserError(
            f"evaluate.compare_with: expected a run on the data of {run.folder}; got {folder}: "
            f"{'; '.join(differences)}. {fix}"
        )
    model = load(folder, registry=registry)
    if measure_of(model) != measure_of(vae):
        raise UserError(
            f"evaluate.compare_with: expected a run whose likelihood is a {measure_of(vae)}, as that of "
            f"{run.folder}; got {folder}, whose likelihood is a {measure_of(model)}. {fix}"
        )
    return model


def is_conditional(vae: VAE) -> bool:
    """Whether the evidence of a model is log p(x|c), given the condition, and not log p(x)."""
    return bool(vae.decoder.condition_dim or vae.prior.condition_dim)


def conditional_note(names: str) -> str:
    """What to say where the evidence of some of the compared models is log p(x|c)."""
    return f"the numbers of {names} are of log p(x given c), which is no log p(x)"


def measure_of(vae: VAE) -> Literal["probability", "density"]:
    """What p(x|z) of a model is. Logarithms of the one are not comparable with those of the other."""
    return "probability" if vae.support.discrete else "density"
