"""The page of a sweep: its tables, its links, and its charts against each parameter."""

import re

import numpy as np
import pytest

from probvae.report.chart import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH
from probvae.report.marginals import marginals
from probvae.report.sweep import render_sweep

from .markup import Markup
from .reported import swept, trial

HOSTILE = "</td><script>alert(1)</script>\" onload='x' {{ 7*7 }}"


def test_the_page_is_well_formed_and_loads_nothing():
    markup = Markup(render_sweep(swept(), {"schema": 1}))
    assert markup.wrong == []
    assert markup.all("script") == markup.all("link") == markup.all("img") == []
    ids = [attributes["id"] for _, attributes in markup.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    named = {attributes["aria-labelledby"] for _, attributes in markup.elements if "aria-labelledby" in attributes}
    assert named <= set(ids)
    assert all(a["href"][1:] in ids for a in markup.all("a") if a["href"].startswith("#"))
    assert "schema = 1" in markup.text


def test_every_trial_is_there_with_its_numbers_and_its_reason():
    text = Markup(render_sweep(swept(), {})).text
    minus = "\N{MINUS SIGN}"
    assert f"1 0.001 vamp 240.00 11 of 12 {minus}240.00 ± 0.25 finished" in text
    assert "2 0.01 vamp 260.00 3 of 3 pruned" in text
    assert "Best run train.learning_rate 0.001 model.prior.use vamp Validation loss 240.00 nats" in text
    assert "2 finished, 1 pruned, 1 failed" in text
    assert "failed not finite" in text
    assert "pruned above the median" in text
    assert "Each setting is one training." in text


def test_settings_have_their_means_over_seeds():
    one = {
        "settings": {"model.prior.use": "vamp"},
        "trials": 3,
        "loss": {"value": 240.5, "standard_error": 0.75},
        "bound": None,
    }
    text = Markup(render_sweep(swept(settings=[one], parameters=["model.prior.use", "train.seed"]), {})).text
    assert "vamp 3 240.50 ± 0.75" in text
    assert (
        "Best setting model.prior.use vamp Validation loss 240.50 ± 0.75 nats per example, mean of 3 seeds" in text
    )


def test_a_run_is_linked_to_its_report_and_its_log_if_it_has_them(tmp_path):
    for file in ("runs/001-a/report.html", "logs/003-a.txt"):
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).write_text("")
    links = [
        a["href"] for a in Markup(render_sweep(swept(tmp_path), {})).all("a") if not a["href"].startswith("#")
    ]
    assert links == ["runs/001-a/report.html", "logs/003-a.txt"]


def test_text_of_a_sweep_is_no_markup():
    found = swept(f"sweeps/{HOSTILE}", notes=[HOSTILE], parameters=[HOSTILE])
    for one in found["trials"]:
        one["settings"], one["reason"] = {HOSTILE: HOSTILE}, HOSTILE
    markup = Markup(render_sweep(found, {"a": HOSTILE}))
    assert markup.wrong == []
    assert markup.all("script") == []
    assert not any("onload" in attributes for _, attributes in markup.elements)
    assert "{{ 7*7 }}" in markup.text


def test_a_sweep_before_its_first_result_has_a_page():
    waiting = [trial(0, {"train.seed": 0}, 1.0, "waiting")]
    waiting[0]["loss"] = None
    markup = Markup(render_sweep(swept(trials=waiting, parameters=["train.seed"]), {}))
    assert markup.wrong == []
    assert "1 waiting" in markup.text


# Charts


def dots(line):
    return [(round(x), round(y)) for x, y in line.dots]


def test_a_chart_has_a_marker_for_each_trial_on_a_log_axis():
    loss, bound = marginals(swept()["trials"], ["train.learning_rate", "model.prior.use"])
    assert (loss.title, bound.title) == ("validation loss", "bound on log p(x)")
    assert loss.across_title == "train.learning_rate"
    assert [tick.label for tick in loss.across] == ["0.0001", "0.001", "0.01"]
    finished, pruned = loss.lines
    assert (finished.style, pruned.style) == ("finished", "pruned")
    (better, low), (worse, high) = finished.dots  # as the trials are sorted
    assert worse == loss.across[0].at
    assert better == loss.across[1].at
    assert TOP < high < low < HEIGHT - BOTTOM  # a lower loss is lower
    assert pruned.dots == ((loss.across[2].at, TOP + 3.5),)  # beyond the others: at the edge
    assert "0.0001: 250.00; 0.001: 240.00" in loss.description


def test_repetitions_are_joined_by_their_mean():
    points = [(1, 10.0), (1, 14.0), (2, 13.0), (2, 13.0)]
    trials = [trial(n, {"a.b": beta}, loss) for n, (beta, loss) in enumerate(points)]
    loss, _ = marginals(trials, ["a.b"])
    mean, runs = loss.lines
    assert mean.style == "mean"
    points = [tuple(map(float, point.split(","))) for point in mean.parts[0].split()]
    assert len(points) == 2
    (x, first), (_, second), (_, third), _ = runs.dots
    assert points[0] == pytest.approx((x, (first + second) / 2), abs=0.1)
    assert points[1][1] == third
    assert "1: 12.00 (mean of 2); 2: 13.00 (mean of 2)" in loss.description


def test_values_that_are_too_close_have_round_ticks():
    near = [trial(n, {"a.b": value}, float(n)) for n, value in enumerate([1.0, 1.01, 2.0])]
    assert [tick.label for tick in marginals(near, ["a.b"])[0].across] == [
        "1.0",
        "1.2",
        "1.4",
        "1.6",
        "1.8",
        "2.0",
    ]
    far = [trial(n, {"a.b": value}, float(n)) for n, value in enumerate([0.5, 1, 2, 4])]
    ticks = marginals(far, ["a.b"])[0].across
    assert [tick.label for tick in ticks] == ["0.5", "1", "2", "4"]
    assert np.ptp(np.diff([tick.at for tick in ticks])) < 0.2  # on a log axis


def test_names_and_lists_have_a_place_each():
    trials = [trial(n, {"a.b": value}, float(n)) for n, value in enumerate(["vamp", [32, 64], "x" * 40])]
    loss, _ = marginals(trials, ["a.b"])
    assert [tick.label for tick in loss.across] == ["vamp", "32, 64", f"{'x' * 15}…"]
    assert np.allclose(np.diff([tick.at for tick in loss.across]), (WIDTH - RIGHT - LEFT) / 3, atol=0.2)
    assert [x for x, _ in loss.lines[0].dots] == [tick.at for tick in loss.across]


def test_values_of_single_runs_are_not_joined():
    trials = [trial(n, {"a.b": value}, float(n)) for n, value in enumerate([1, 1, 2])]
    assert [line.style for line in marginals(trials, ["a.b"])[0].lines] == ["finished"]


def test_a_run_that_is_far_from_the_others_is_at_the_edge():
    losses = [240.0, 241.0, 242.0, 243.0, 244.0, 900.0]
    loss, _ = marginals([trial(n, {"a.b": n}, loss) for n, loss in enumerate(losses)], ["a.b"])
    heights = [y for _, y in loss.lines[0].dots]
    assert heights[-1] == TOP + 3.5
    assert heights[0] - heights[4] > 30  # the others are apart


def test_a_parameter_of_one_value_has_no_chart():
    assert marginals([trial(0, {"a.b": 1}, 1.0), trial(1, {"a.b": 1}, 2.0)], ["a.b"]) == []
    assert marginals([], ["a.b"]) == []


def test_all_of_a_chart_is_within_it():
    text = render_sweep(swept(), {})
    places = re.findall(r'<circle class="(?:finished|pruned)" cx="([\d.]+)" cy="([\d.]+)" r="3.5"', text)
    assert len(places) == 5
    assert all(LEFT <= float(x) <= WIDTH - RIGHT and TOP <= float(y) <= HEIGHT - BOTTOM for x, y in places)
