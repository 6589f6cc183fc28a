"""The report in a real browser: no errors, charts and pictures are drawn, nothing is wider than a phone."""

import pytest

from probvae.report.sweep import render_sweep

from ..browser import look
from . import reported
from .reported import comparison, page, pictures

SURVEY = """
<!DOCTYPE html><meta charset="utf-8"><pre id="found">nothing</pre>
<iframe id="phone" src="report.html" style="border:0;width:360px;height:800px"></iframe>
<iframe id="desk" src="report.html" style="border:0;width:1280px;height:800px"></iframe>
<iframe id="compared" src="compared.html" style="border:0;width:360px;height:800px"></iframe>
<iframe id="swept" src="swept.html" style="border:0;width:360px;height:800px"></iframe>
<iframe id="broken" src="broken.html" style="border:0;width:360px;height:800px"></iframe>
<script>
function survey(id) {
  const page = document.getElementById(id).contentDocument, all = query => [...page.querySelectorAll(query)];
  all("details").forEach(part => part.open = true);
  return {
    width: page.documentElement.scrollWidth,
    charts: all("svg[role=img]").map(chart => chart.getBoundingClientRect().width),
    lines: all(".charts polyline").map(line => line.getBoundingClientRect().width),
    pictures: all("img").map(image => image.naturalWidth),
    dead: all("a").filter(link => !page.querySelector(link.hash)).length,
    small: all(".tick").filter(text => text.getBoundingClientRect().height < 9).length,
  };
}
window.onload = () => {
  const found = ["phone", "desk", "compared", "swept", "broken"].map(id => [id, survey(id)]);
  document.getElementById("found").textContent = JSON.stringify(Object.fromEntries(found));
};
</script>
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What the browser finds on the page at two widths, and on one that is broken; and what it logs."""
    folder = tmp_path_factory.mktemp("browser")
    report = page(pictures(folder / "figures"))
    compared = comparison(folder / "figures")
    swept = render_sweep(reported.swept(), reported.SPEC)
    broken = report.replace(
        "<h2", '<img src="none.png" alt=""><a href="#nowhere">x</a><p style="width:500px">x</p><h2', 1
    )
    pages = {"report": report, "compared": compared, "swept": swept, "broken": broken, "survey": SURVEY}
    for name, text in pages.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return look(folder / "survey.html", folder / "profile")


def test_the_survey_finds_what_is_broken(seen):
    found, console = seen
    broken = found["broken"]
    assert broken["width"] > 360
    assert 0 in broken["pictures"]
    assert broken["dead"] == 1
    assert any("none.png" in line for line in console)


def test_the_browser_logs_nothing_about_the_report(seen):
    _, console = seen
    assert [line for line in console if "none.png" not in line] == []


@pytest.mark.parametrize(("place", "width"), [("phone", 360), ("desk", 1280)])
def test_the_page_is_drawn_whole_and_no_wider_than_the_window(place, width, seen):
    found = seen[0][place]
    assert found["width"] <= width
    assert len(found["charts"]) == 3
    assert min(found["charts"]) > 250
    assert len(found["lines"]) == 6
    assert min(found["lines"]) > 200
    assert found["pictures"] == [300] * 4
    assert found["dead"] == 0
    assert found["small"] == 0


def test_a_comparison_is_no_wider_than_a_phone(seen):
    found = seen[0]["compared"]
    assert found["width"] <= 360
    assert len(found["charts"]) == 1
    assert min(found["lines"]) > 50  # one of the runs has a quarter of the epochs
    assert found["pictures"] == [300] * 3


def test_a_sweep_is_no_wider_than_a_phone(seen):
    found = seen[0]["swept"]
    assert found["width"] <= 360
    assert len(found["charts"]) == 2
    assert found["dead"] == 0
