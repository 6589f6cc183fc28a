import numpy as np
import pytest

from probvae.report import NoPictureError, curves

from .models import rows


def panels(figure):
    return {axes.get_title(loc="left"): axes for axes in figure.axes}


def line(axes, label):
    (found,) = [line for line in axes.lines if line.get_label() == label]
    return found


def text(figure):
    return " ".join(text.get_text() for text in figure.texts).replace("\u00a0", " ")


def test_the_loss_is_drawn_for_both_sides_in_nats_per_example():
    (axes,) = curves(rows(5)).axes
    assert axes.get_ylabel() == "nats per example"
    assert axes.get_xlabel() == "epoch"
    for side in ("training", "validation"):
        np.testing.assert_allclose(line(axes, side).get_xdata(), [1, 2, 3, 4, 5])
        np.testing.assert_allclose(line(axes, side).get_ydata(), [100, 50, 100 / 3, 25, 20])


def test_every_term_that_changes_has_a_panel_whatever_the_objective():
    figure = curves(rows(kl=lambda epoch: epoch, renyi_bound=lambda epoch: -epoch, beta=lambda epoch: 1.0))
    assert list(panels(figure)) == ["loss", "KL divergence", "renyi bound"]


def test_a_weight_that_grows_is_drawn_without_a_unit():
    beta = panels(curves(rows(beta=lambda epoch: min(1.0, epoch / 2))))["weight of the KL, β"]
    assert beta.get_ylabel() == ""


def test_the_best_epoch_is_that_of_the_lowest_finite_validation_loss():
    recorded = rows(4)
    for row, loss in zip(recorded, [9.0, 7.0, float("nan"), 8.0], strict=True):
        row["validation/loss"] = loss
        row["train/loss"] = 1.0
    figure = curves(recorded)
    best = line(figure.axes[0], "best epoch")
    assert (best.get_xdata(), best.get_ydata()) == ([2], [7.0])
    assert "Lowest validation loss: 7.00 nats per example, after epoch 2." in text(figure)


def test_without_validation_the_training_loss_is_marked_and_named():
    recorded = [{key: value for key, value in row.items() if "validation" not in key} for row in rows(3)]
    figure = curves(recorded)
    assert line(figure.axes[0], "best epoch").get_xdata() == [3]
    assert "Lowest training loss" in text(figure)


def test_late_progress_stays_visible_beside_a_steep_start():
    losses = lambda epoch: 5000.0 if epoch < 5 else 100 - epoch / 1000  # noqa: E731
    low, high = curves(rows(2000, loss=losses)).axes[0].get_ylim()
    assert low < 98
    assert 100 < high < 105


def test_a_best_epoch_at_the_start_stays_in_view():
    (axes,) = curves(rows(200, loss=lambda epoch: 10.0 if epoch == 1 else 100 + epoch / 100)).axes
    assert axes.get_ylim()[0] < 10


@pytest.mark.parametrize("epochs", [1, 2, 2000])
def test_any_number_of_epochs_can_be_drawn(epochs):
    figure = curves(rows(epochs, kl=float))
    figure.draw_without_rendering()
    low, high = figure.axes[0].get_xlim()
    assert low < 1 <= epochs < high


def test_a_dollar_sign_in_a_terms_name_is_no_formula():
    curves(rows(**{"a_$\\term": float})).draw_without_rendering()


@pytest.mark.parametrize("recorded", [[], rows(2, loss=lambda epoch: float("nan")), [{"epoch": 1}]])
def test_without_a_finite_loss_there_is_nothing_to_draw(recorded):
    with pytest.raises(NoPictureError, match="finite loss"):
        curves(recorded)
