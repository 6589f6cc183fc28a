"""The documentation site builds without a warning, has a page for each component, and needs no network."""

import doctest
import html
import importlib.util
import json
import logging
import re
import tomllib
import warnings
from pathlib import Path

import pytest

from probvae.registry import Registry
from probvae.specs import plan, read

from .browser import look

mkdocs = pytest.importorskip("mkdocs", reason="the site needs pip install 'probvae[docs]'")

ROOT = Path(__file__).parent.parent
WITHOUT_FIGURE = {("dataset", "kmnist")}  # its files could not be downloaded
BUILT_IN = [(kind, name) for kind, name in Registry() if "." not in name]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site, as `make docs` builds it."""
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.chdir(ROOT)
        warnings.simplefilter("ignore")  # of the packages that build it; its own are raised, as it is strict
        config = load_config("mkdocs.yml", site_dir=str(folder), strict=True)
        config.plugins.on_startup(command="build", dirty=False)
        build(config)
    logging.getLogger("mkdocs").handlers.clear()
    assert all(doctest.testmod(hook).failed == 0 for hook in config.hooks.values())
    return folder


def module(name):
    """A module of tools/site."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / "site" / f"{name}.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def test_a_component_has_a_page_with_its_spec_and_its_figure(site):
    for kind, name in BUILT_IN:
        page = (site / "components" / kind / f"{name}.html").read_text(encoding="utf-8")
        assert re.search(f"<code>{name}</code> .{kind}.", page)
        assert f'"{name}"' in html.unescape(page)
        figure = f"figures/{kind}.{name}.png"
        assert f'src="../{figure}"' in page or (kind, name) in WITHOUT_FIGURE, (
            f"run tools/site/figures.py {kind} {name}"
        )
    figures = [*(site / "components" / "figures").iterdir()]
    assert {tuple(path.stem.split(".")) for path in figures} == {*BUILT_IN} - WITHOUT_FIGURE
    assert max(path.stat().st_size for path in figures) < 100_000


def test_the_models_in_the_figures_can_be_trained_again():
    figures = module("figures")
    shown = {pair: figures.of_a_run(*pair) for pair in BUILT_IN}
    assert {kind for (kind, _), run in shown.items() if run is None} == {"likelihood", "dataset", "metric"}
    for run in filter(None, shown.values()):
        settings = [text for text in run.settings if text != "objective.use=rate"]  # of `probvae refit`
        plan(read(figures.SPEC).override(settings), Registry())


def test_figures_that_are_of_no_run_can_be_drawn_again():
    drawings = module("drawings")
    for figure in (drawings.likelihood("poisson"), drawings.dataset("given")):
        assert figure.axes


def test_what_a_page_shows_of_a_spec_is_valid(site):
    base = read(ROOT / "examples" / "first.toml").tables
    conditional = {"data": {"use": "fashion_mini", "condition": "labels"}}
    for kind, name in BUILT_IN:
        page = (site / "components" / kind / f"{name}.html").read_text(encoding="utf-8")
        (block,) = re.findall(r'<div class="language-toml highlight">(.*?)</div>', page, re.S)
        text = html.unescape(re.sub("<.*?>", "", block))
        if ", required" not in text:
            spec = merged(merged(base, conditional if name == "conditional" else {}), tomllib.loads(text))
            plan(read(spec), Registry())


def merged(table, other):
    """Two tables, where both have a component the other's."""
    if "use" in other or not isinstance(table, dict):
        return other
    both = {
        key: merged(table.get(key, {}), value) if isinstance(value, dict) else value
        for key, value in other.items()
    }
    return {**table, **both}


def test_nothing_is_loaded_from_a_network(site):
    loaded = re.compile(
        r'<(?:script|img|iframe|source)[^>]+src="(?:https?:)?//|<link[^>]+rel="(?:stylesheet|preconnect|preload)"[^>]+href="(?:https?:)?//'
    )
    pages = [*site.rglob("*.html")]
    assert len(pages) > len(BUILT_IN) + 20
    assert [page for page in pages if loaded.search(page.read_text(encoding="utf-8"))] == []
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    assert not re.search(r"url\(['\"]?(?:https?:)?//|@import", styles)


def test_the_search_knows_pages_components_and_names(site):
    index = json.loads(
        (site / "search" / "search_index.js").read_text(encoding="utf-8").removeprefix("var __index = ")
    )
    places = {entry["location"].partition("#")[0] for entry in index["docs"]}
    assert {"tutorial.html", "components/prior/vamp.html", "api/probvae.html"} <= places


SURVEY = """
<!DOCTYPE html><meta charset="utf-8"><pre id="found">nothing</pre>
<iframe src="index.html"></iframe> <iframe src="faq.html"></iframe>
<iframe src="components/objective/elbo.html"></iframe> <iframe src="api/probvae.html"></iframe>
<style>iframe { border: 0; width: 360px; height: 800px }</style>
<script>
window.onload = async () => {
  const frames = [...document.querySelectorAll("iframe")], pages = frames.map(frame => frame.contentDocument);
  const field = pages[2].querySelector(".md-search__input");
  field.focus();
  field.value = "importance sampling";
  field.dispatchEvent(new frames[2].contentWindow.KeyboardEvent("keyup", { bubbles: true }));
  await new Promise(done => setTimeout(done, 4000));
  document.getElementById("found").textContent = JSON.stringify({
    widths: pages.map(page => page.documentElement.scrollWidth),
    pictures: pages.flatMap(page => [...page.querySelectorAll("img")]).filter(image => !image.naturalWidth).length,
    results: [...pages[2].querySelectorAll(".md-search-result__link")].map(link => new URL(link.href).pathname),
  });
};
</script>
"""


def test_pages_fit_on_a_phone_and_are_searched_without_a_server(site, tmp_path):
    (site / "survey.html").write_text(SURVEY, encoding="utf-8")
    found, console = look(site / "survey.html", tmp_path, milliseconds=10_000)
    assert max(found["widths"]) <= 360
    assert found["pictures"] == 0
    assert any(path.endswith("/evaluation.html") for path in found["results"])
    assert console == []


def test_every_page_is_in_the_navigation(site):
    home = (site / "index.html").read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert f'href="{page.stem}.html"' in home or page.stem == "index", page.name
