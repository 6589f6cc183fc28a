"""What the learning curves say about a training, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from probvae.core import Array
from probvae.report.numbers import plain_number
from probvae.report.series import Best, Rows, best, series
from probvae.report.words import table_of

_SHORTEST = 5  # a trend needs this number of epochs
_SHARE = 5  # the end of a training is the last fifth of its epochs
_SIGNIFICANT, _SUSPICIOUS = 4.0, 2.0  # standard errors of a slope


@dataclass(frozen=True)
class Finding:
    """One diagnosis.

    Args:
        level: "good", "note" or "warning".
        title: the diagnosis.
        text: what it is seen by, and what to do.
    """

    level: Literal["good", "note", "warning"]
    title: str
    text: str


def findings(rows: Rows, spec: Mapping[str, object]) -> list[Finding]:
    """The diagnoses of a training: what is unfinished, falling, rising or skipped.

    Args:
        rows: one for each epoch.
        spec: the filled spec.
    """
    lowest = best(rows)
    if lowest is None:
        return [Finding("note", "No epoch is finished", "There is no finite loss yet.")]
    found = [_length(rows, spec, lowest.epoch), _trend(rows, lowest), _skipped(rows)]
    if lowest.side != "validation":
        found.append(Finding("note", "No validation loss", "The best epoch is that of the lowest training loss."))
    return [finding for finding in found if finding]


def finished(rows: Rows, spec: Mapping[str, object]) -> bool:
    """Whether a training ended: after all epochs, or early."""
    return bool(rows) and (_complete(rows, spec) or stopped_early(rows, spec))


def stopped_early(rows: Rows, spec: Mapping[str, object]) -> bool:
    """Whether a training ended because its validation loss had not improved for `patience` epochs.

    As in `Trainer.train`, they count from the end of the warm-up of β at the earliest.
    """
    lowest, patience = best(rows), table_of(spec, "train").get("patience")
    waited = rows[-1]["epoch"] - max(lowest.epoch, warmup_epochs(spec)) if lowest else 0
    return isinstance(patience, int) and 0 < patience <= waited and not _complete(rows, spec)


def warmup_epochs(spec: Mapping[str, object]) -> int:
    """The epochs, the last perhaps in part, in which β grows: `ELBO.warmup_steps`, also of a loss in a loss."""
    objective = table_of(spec, "objective")
    ramp, cycles = objective.get("warmup_epochs"), objective.get("warmup_cycles", 1)
    if isinstance(ramp, (int, float)) and isinstance(cycles, int):
        return math.ceil(ramp * (2 * cycles - 1))
    return warmup_epochs({"objective": objective["loss"]}) if "loss" in objective else 0


def _complete(rows: Rows, spec: Mapping[str, object]) -> bool:
    epochs = table_of(spec, "train").get("epochs")
    return not isinstance(epochs, int) or rows[-1]["epoch"] >= epochs


def _length(rows: Rows, spec: Mapping[str, object], best_epoch: float) -> Finding | None:
    last, settings, warmup = rows[-1]["epoch"], table_of(spec, "train"), warmup_epochs(spec)
    if stopped_early(rows, spec):
        since = "that" if best_epoch >= warmup else f"the warm-up of {warmup} epochs"
        text = (
            f"The validation loss was lowest after epoch {best_epoch:g} and did not improve in the "
            f"{settings['patience']} epochs after {since} (train.patience)."
        )
        return Finding("good", f"Stopped early after epoch {last:g}", text)
    if not _complete(rows, spec):
        text = f"{last:g} of {settings['epochs']} epochs are finished. Resuming continues with the next step."
        return Finding("note", "The training is not finished", text)
    return None


def _trend(rows: Rows, lowest: Best) -> Finding | None:
    """Whether the validation loss still falls at the end, rises, or has settled."""
    settled = _comparable(rows)
    loss, train = (series(settled, side, "loss") for side in ("validation", "train"))
    epochs = np.array([row["epoch"] for row in settled], np.float64)
    count = max(_SHORTEST, len(rows) // _SHARE)
    if len(settled) < _SHORTEST or not np.isfinite(loss).any():
        return None
    best_epoch = lowest.epoch
    after = epochs > best_epoch  # without the best one, by whose choice the rest is higher
    rise = float(loss[-1] - lowest.loss)
    if after.sum() >= _SHORTEST and _slope(epochs[after], loss[after]) > _SIGNIFICANT:
        overfits = _slope(epochs[after], train[after]) < -_SIGNIFICANT
        text = (
            f"It was lowest after epoch {best_epoch:g} and is {plain_number(rise)} nats higher at the end"
            + (", while the training loss falls" if overfits else "")
            + ". The weights of the best epoch are used."
            + (" A smaller model, more data or fewer latents overfit less." if overfits else "")
        )
        return Finding("warning", "Overfitting: the validation loss rises" if overfits else "The loss rises", text)
    last = slice(-count, None)
    slope = _slope(epochs[last], loss[last])
    if slope < -_SIGNIFICANT:
        speed = -np.polynomial.Polynomial.fit(epochs[last], loss[last], 1).convert().coef[1]
        text = (
            f"In the last {len(loss[last])} epochs it fell by about {speed:.2g} nats per epoch. Train longer: "
            "the numbers would improve."
        )
        return Finding("warning", "The validation loss is still falling", text)
    if slope < -_SUSPICIOUS or best_epoch == epochs[-1]:
        text = f"It was lowest after epoch {best_epoch:g} of {epochs[-1]:g}. Train longer to see."
        return Finding("note", "The validation loss may still fall", text)
    text = f"In the last {len(loss[last])} epochs it shows no trend; it was lowest after epoch {best_epoch:g}."
    return Finding("good", "The validation loss has settled", text)


def _comparable(rows: Rows) -> Rows:
    """The last rows whose losses have the same meaning: those with the weight of the KL of the last one."""
    weights = series(rows, "train", "beta")
    if not np.isfinite(weights).any():
        return rows
    other = np.flatnonzero(np.abs(weights - weights[-1]) > 1e-3)
    return rows[other[-1] + 1 :] if len(other) else rows


def _slope(epochs: Array, values: Array) -> float:
    """The slope of a line through the values, in its standard errors; 0 where it is not defined."""
    finite = np.isfinite(values)
    epochs, values = epochs[finite] - epochs[finite].mean(), values[finite]
    if len(values) < _SHORTEST:
        return 0.0
    slope = (epochs @ values) / (epochs @ epochs)
    residuals = values - values.mean() - slope * epochs
    error = np.sqrt((residuals @ residuals) / (len(values) - 2) / (epochs @ epochs))
    return float(slope / error) if error > 0 else float(np.sign(slope) * np.inf if slope else 0.0)


def _skipped(rows: Rows) -> Finding | None:
    count = sum(int(row.get("skipped", 0)) for row in rows)
    if not count:
        return None
    epochs = [row["epoch"] for row in rows if row.get("skipped")]
    text = (
        f"Their loss or gradient was not finite; the first were in epoch {epochs[0]:g}, the last in epoch "
        f"{epochs[-1]:g}. A lower train.learning_rate, or train.clip_norm, may avoid them."
    )
    return Finding("warning", f"{count:,} step{'s were' if count > 1 else ' was'} skipped", text)
