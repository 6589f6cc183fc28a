import math

import numpy as np
import pytest

from probvae.objectives import ELBO, SemiSupervised
from probvae.report.findings import findings, finished, stopped_early, warmup_epochs

from .models import rows

SETTINGS = {"epochs": 40, "patience": 0}


def recorded(validation, train=None, **terms):
    """Rows of these losses, one for each epoch."""
    train = validation if train is None else train
    made = rows(len(validation), **terms)
    for row, loss, fitted in zip(made, validation, train, strict=True):
        row["validation/loss"], row["train/loss"] = float(loss), float(fitted)
    return made


def noise(count, seed=0):
    return 0.1 * np.random.default_rng(seed).normal(size=count)


def diagnoses(rows, **settings):
    return {finding.title: finding for finding in findings(rows, {"train": {**SETTINGS, **settings}})}


def test_a_loss_that_still_falls_is_a_warning_with_its_speed():
    found = diagnoses(recorded(300 - 0.5 * np.arange(40) + noise(40) / 100))
    finding = found["The validation loss is still falling"]
    assert finding.level == "warning"
    assert "In the last 8 epochs it fell by about 0.5 nats per epoch." in finding.text


def test_a_loss_without_a_trend_has_settled():
    """Some random losses look like a trend at their end, and few like one that is worth a warning."""
    flat = 250 + 100 * np.exp(-np.arange(40.0))
    found = [list(diagnoses(recorded(flat + noise(40, seed)))) for seed in range(200)]
    settled, may_fall = ["The validation loss has settled"], ["The validation loss may still fall"]
    assert found.count(settled) > 180
    assert found.count(settled) + found.count(may_fall) >= 198


def test_a_loss_that_is_lowest_at_the_end_may_still_fall():
    loss = 250 + noise(40)
    loss[-1] = loss.min() - 0.01
    finding = diagnoses(recorded(loss))["The validation loss may still fall"]
    assert finding.level == "note"
    assert "lowest after epoch 40 of 40" in finding.text


def test_a_rise_of_the_validation_loss_is_overfitting_where_the_training_loss_falls():
    epochs = np.arange(40)
    validation = 250 + 0.02 * (epochs - 15) ** 2 + noise(40)
    falling, flat = 250 - epochs + noise(40, 1), 250 + noise(40, 1)
    overfits = diagnoses(recorded(validation, falling))["Overfitting: the validation loss rises"]
    assert overfits.level == "warning"
    lowest = int(validation.argmin())
    assert f"lowest after epoch {lowest + 1} and is {validation[-1] - validation.min():.2f} nats" in overfits.text
    assert "The loss rises" in diagnoses(recorded(validation, flat))


def test_a_warm_up_of_the_weight_is_no_rise_of_the_loss():
    """The loss of another weight is another quantity."""
    epochs = np.arange(40)
    warm_up = recorded(200 + np.minimum(epochs, 20) + noise(40), beta=lambda epoch: min(1.0, epoch / 20))
    assert list(diagnoses(warm_up)) == ["The validation loss has settled"]
    assert diagnoses(warm_up[:15]) == {"The training is not finished": diagnoses(warm_up[:15]).popitem()[1]}


def test_a_rise_is_from_the_loss_of_the_epoch_that_is_named():
    """Also where that epoch is within the warm-up."""
    loss = np.r_[110.0, 106, 103, 100, np.linspace(104, 136, 26)] + noise(30) / 10
    found = diagnoses(recorded(loss, beta=lambda epoch: min(1.0, epoch / 10)), epochs=30)
    (text,) = [finding.text for finding in found.values() if "lowest after epoch" in finding.text]
    assert f"lowest after epoch 4 and is {loss[-1] - loss[3]:.2f} nats higher at the end" in text


def test_an_early_stop_is_named_with_its_epochs():
    loss = np.r_[300 - np.arange(10.0), 291.5 * np.ones(5)]
    rows = recorded(loss)
    found = diagnoses(rows, patience=5)
    text = found["Stopped early after epoch 15"].text
    assert "lowest after epoch 10 and did not improve in the 5 epochs after that" in text
    assert stopped_early(rows, {"train": {**SETTINGS, "patience": 5}})
    assert not stopped_early(rows, {"train": {**SETTINGS, "patience": 6}})


def test_patience_begins_after_the_warm_up_as_in_the_trainer():
    spec = {"train": {"epochs": 40, "patience": 3}, "objective": {"warmup_epochs": 5.5}}
    rows = recorded(np.arange(1.0, 10))  # lowest after epoch 1
    assert not stopped_early(rows[:8], spec)
    assert not finished(rows[:8], spec)
    assert stopped_early(rows, spec)
    (stop, *_) = findings(rows, spec)
    assert "did not improve in the 3 epochs after the warm-up of 6 epochs" in stop.text


@pytest.mark.parametrize("cycles", [1, 2, 3])
@pytest.mark.parametrize("epochs", [0.0, 0.01, 0.5, 1.0, 2.3])
def test_the_epochs_of_a_warm_up_are_those_of_the_objective(epochs, cycles):
    settings = {"warmup_epochs": epochs, "warmup_cycles": cycles if epochs else 1}
    loss = ELBO(**settings, steps_per_epoch=7)
    expected = math.ceil(SemiSupervised(loss).warmup_steps / 7)
    assert warmup_epochs({"objective": settings}) == expected
    assert warmup_epochs({"objective": {"use": "semi_supervised", "loss": settings}}) == expected


def test_a_training_is_finished_after_all_epochs_or_an_early_stop():
    rows = recorded(np.r_[1.0, 2.0, 2.0])
    assert finished(rows, {"train": {"epochs": 3, "patience": 0}})
    assert finished(rows, {"train": {"epochs": 9, "patience": 2}})
    assert not finished(rows, {"train": {"epochs": 4, "patience": 0}})
    assert not finished([], {"train": {"epochs": 4, "patience": 0}})


def test_an_unfinished_training_says_how_far_it_is():
    assert "12 of 40 epochs" in diagnoses(recorded(np.ones(12)))["The training is not finished"].text


def test_skipped_steps_are_counted_over_all_epochs():
    rows = recorded(250 + noise(40))
    rows[3]["skipped"], rows[7]["skipped"], rows[8]["skipped"] = 2, 1, 0
    finding = diagnoses(rows)["3 steps were skipped"]
    assert finding.level == "warning"
    assert "the first were in epoch 4, the last in epoch 8" in finding.text


def test_epochs_that_are_too_few_for_a_trend_get_none():
    assert findings(recorded([3.0, 2.0, 1.0]), {"train": {"epochs": 3}}) == []


def test_no_finite_loss_is_said():
    assert [finding.title for finding in findings([], {"train": SETTINGS})] == ["No epoch is finished"]
