import re

import pytest

from probvae.report.chart import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, charts, constants

from .models import rows


def points(part):
    return [tuple(map(float, point.split(","))) for point in part.split()]


def test_a_line_has_a_point_for_each_epoch_in_proportion():
    (chart,) = charts(rows(5, loss=lambda epoch: 10.0 * epoch))
    assert [line.style for line in chart.lines] == ["train", "validation"]
    ((part,), dots) = chart.lines[0].parts, chart.lines[0].dots
    assert points(part) == list(dots)
    (x1, y1), *_, (x5, y5) = points(part)
    assert LEFT < x1 < x5 < WIDTH - RIGHT
    assert TOP < y5 < y1 < HEIGHT - BOTTOM
    for epoch, (x, y) in enumerate(points(part), 1):
        assert x == pytest.approx(x1 + (epoch - 1) * (x5 - x1) / 4, abs=0.11)
        assert y == pytest.approx(y1 + (epoch - 1) * (y5 - y1) / 4, abs=0.11)


def test_ticks_are_where_their_labels_say():
    """To all digits: a tick at 0.25 is not labelled 0.2."""
    for high in (0.7, 1.0, 2.0, 3.0, 12.5, 700.0, 123456.0):
        (chart,) = charts(rows(40, loss=lambda epoch, high=high: high * epoch / 40))
        (part,) = chart.lines[0].parts
        (_, y1), *_, (_, y40) = points(part)
        for tick in chart.up:
            value = float(tick.label.replace(",", "").replace("\N{MINUS SIGN}", "-"))
            assert tick.at == pytest.approx(y1 + (value / high - 1 / 40) / (39 / 40) * (y40 - y1), abs=0.3)
        assert len(chart.up) >= 3
        assert all(re.fullmatch(r"\d+", tick.label) for tick in chart.across)


def test_the_best_epoch_is_marked_on_the_loss_only():
    loss, term = charts(rows(5, kl=float))
    assert (loss.best.x, loss.best.y) == loss.lines[1].dots[4]
    assert loss.best.style == "validation"
    assert term.best is None


def test_what_is_not_finite_is_a_gap():
    recorded = rows(7)
    recorded[3]["train/loss"] = float("nan")
    (chart,) = charts(recorded)
    assert [len(points(part)) for part in chart.lines[0].parts] == [3, 3]
    assert len(chart.lines[0].dots) == 6


def test_long_trainings_have_no_more_points_than_a_screen_shows():
    (chart,) = charts(rows(3000))
    (part,) = chart.lines[0].parts
    assert len(points(part)) == 500
    assert chart.lines[0].dots == ()


def test_a_description_has_the_numbers_of_the_chart():
    assert charts(rows(4))[0].description == (
        "Loss in nats per example, epochs 1 to 4. "
        "Training: 100.00 at first, 25.00 at the end, from 25.00 to 100.00. "
        "Validation: 100.00 at first, 25.00 at the end, from 25.00 to 100.00. Lowest validation loss: 25.00 after "
        "epoch 4."
    )


def test_every_term_is_a_chart_or_a_constant():
    recorded = rows(4, kl=float, beta=lambda epoch: 0.5)
    assert [chart.title for chart in charts(recorded)] == ["loss", "KL divergence"]
    assert constants(recorded) == {"weight of the KL, β": 0.5}


@pytest.mark.parametrize("recorded", [[], [{"epoch": 1}], rows(2, loss=lambda epoch: float("inf"))])
def test_without_a_finite_loss_there_is_no_chart(recorded):
    assert charts(recorded) == []
    assert constants(recorded) == {}


@pytest.mark.parametrize("epochs", [1, 2])
def test_few_epochs_can_be_drawn(epochs):
    (chart,) = charts(rows(epochs))
    assert len(chart.lines[0].dots) == epochs
    assert [tick.label for tick in chart.across] == [str(epoch) for epoch in range(1, epochs + 1)]
