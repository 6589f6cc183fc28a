"""The page that compares runs: its structure, its numbers, and what differs between them."""

import re
from pathlib import Path

import pytest

from probvae.report.comparison import BAR, ComparedRun, bars, different_settings, render_comparison
from probvae.report.html import rendered
from probvae.report.style import COLOURS

from .markup import Markup
from .models import rows
from .reported import SPEC, comparison, pictures, row

HOSTILE = "</td><script>alert(1)</script>\" onload='x' {{ 7*7 }}"


@pytest.fixture(scope="module")
def markup(tmp_path_factory):
    return Markup(comparison(pictures(tmp_path_factory.mktemp("figures"))))


def test_the_page_is_well_formed_and_loads_nothing(markup):
    assert markup.wrong == []
    assert markup.all("script") == markup.all("link") == []
    images = markup.all("img")
    assert [image["alt"] for image in images] == [f"Samples of runs/{name}." for name in "abc"]
    assert all(image["src"].startswith("data:image/png;base64,") for image in images)
    ids = [attributes["id"] for _, attributes in markup.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    named = {attributes["aria-labelledby"] for _, attributes in markup.elements if "aria-labelledby" in attributes}
    assert named <= set(ids)


def test_each_run_has_its_bound_and_its_paired_difference_from_the_first(markup):
    minus = "\N{MINUS SIGN}"
    assert f"1. runs/a {minus}300.00 ± 2.50 reference {minus}303.00 ± 2.60" in markup.text
    assert f"2. runs/b {minus}298.50 ± 2.50 1.50 ± 0.12" in markup.text
    assert f"3. runs/c {minus}300.25 ± 2.50 {minus}0.25 ± 0.12" in markup.text
    assert "each run is one training" in markup.text


def test_the_losses_are_one_chart_with_a_line_for_each_run(markup):
    lines = [line["class"] for line in markup.all("polyline") if len(line["points"].split()) > 2]
    assert lines == ["run-0", "run-1", "run-2"]
    assert "run 2: lowest 5.00 after epoch 20" in markup.text


def test_lines_of_any_number_of_runs_are_drawn_in_a_colour_and_a_pattern_of_their_own():
    styles = rendered("page.css", runs=range(35))
    lines = dict(re.findall(r"polyline\.run-(\d+) \{ (stroke: [^}]*) \}", styles))
    assert list(lines) == [str(number) for number in range(35)]
    assert len(set(lines.values())) == 35
    assert lines["0"] == f"stroke: {COLOURS[0]};"
    assert lines["10"] == f"stroke: {COLOURS[0]}; stroke-dasharray: 5 2;"
    assert "polyline.run-" not in rendered("page.css")
    assert re.findall(r"polyline\.run-(\d+)", comparison(Path())) == ["0", "1", "2"]


def test_only_the_settings_that_differ_are_listed(markup):
    assert "objective.samples" in markup.text
    assert "model.prior.use" not in markup.text
    one, two = {"train": {"seed": 0}, "versions": {"a": "1"}}, {"train": {"seed": 1, "keep": 2}, "versions": {}}
    assert different_settings([one, two]) == {"train.seed": ["0", "1"], "train.keep": ["", "2"]}
    assert different_settings([one, one]) == {}


def test_the_plots_of_differences_share_a_scale_with_0_in_it():
    found = bars([{"value": 2.0, "standard_error": 0.5}, {"value": -1.0, "standard_error": None}])
    assert found[0].zero == found[1].zero
    first, second = found
    assert (second.low, second.at, second.high) == (4, 4, 4)
    assert first.high == BAR - 4
    unit = (first.high - second.at) / 4  # from -1 to 3
    assert first.at - first.zero == pytest.approx(2 * unit, abs=0.1)
    assert first.low - first.zero == pytest.approx(unit, abs=0.1)
    assert len(bars([{"value": 0.0, "standard_error": 0.0}])) == 1


def test_the_pictures_of_many_runs_are_left_out_for_the_size_of_the_page(tmp_path):
    (tmp_path / "samples.png").write_bytes(bytes(500_000))
    many = [ComparedRun(SPEC, rows(3), tmp_path)] * 9
    found = {"runs": [row(str(n), -300.0) for n in range(9)], "notes": []}
    found["differences"] = [{"importance_weighted": {"value": 0.0, "standard_error": 1.0}}] * 8
    assert len(render_comparison(found, many).encode()) < 3_000_000


def test_nothing_of_a_run_becomes_markup(tmp_path):
    markup = Markup(comparison(tmp_path, (HOSTILE, HOSTILE, HOSTILE)))
    assert markup.wrong == []
    assert markup.all("script") == []
    assert markup.text.count(" ".join(HOSTILE.split())) > 5
