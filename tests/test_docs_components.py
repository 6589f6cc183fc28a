"""The pages on components: the class is that of a new package, works in a spec, and its mistakes are found."""

import importlib
import re
import sys
import tomllib
from pathlib import Path

import pytest

import probvae
from probvae import testing
from probvae.registry import Registry
from probvae.scaffold.example import Example, source
from probvae.specs import plan, read

DOCS = Path(__file__).parent.parent / "docs"
FILES = {
    "likelihood": ("write_a_likelihood.md", "robust"),
    "posterior": ("write_a_posterior.md", "heavy"),
    "objective": ("write_an_objective.md", "bounds"),
    "metric": ("write_a_metric.md", "errors_of"),
}
"""Each kind, its page, and the name of the file that the page writes."""

PAGES = {kind: (DOCS / page).read_text(encoding="utf-8") for kind, (page, _) in FILES.items()}
CHECKED = tuple(kind for kind in FILES if kind != "metric")


def blocks(kind, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGES[kind], re.S | re.M)


def code(kind):
    """The class of a page."""
    (found,) = [text for text in blocks(kind, "python") if "@probvae.register" in text]
    return found


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Writes the file of a page, with some of it replaced, and loads it as a plugin; returns the registry."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()

    def write(kind, old="", new=""):
        text = code(kind)
        assert not old or text.count(old) == 1
        path = tmp_path / f"{FILES[kind][1]}.py"
        path.write_text(text.replace(old, new) if old else text, encoding="utf-8")
        registry = Registry()
        assert registry.load_file(path).state == "ok"
        return registry

    yield write
    for _, name in FILES.values():
        for module in (name, f"probvae_plugin_{name}"):
            sys.modules.pop(module, None)


def use(kind):
    return f"{FILES[kind][1]}.{Example.of(kind).name}"


@pytest.mark.parametrize("kind", FILES)
def test_the_class_is_that_of_a_new_package(kind):
    name = Example.of(kind).name
    assert code(kind).replace(f'@probvae.register("{kind}", "{name}")\n', "") == source(f"{kind}.py")
    assert f"`probvae new-plugin NAME --kind {kind}`" in PAGES[kind]
    assert f"Save this as `{FILES[kind][1]}.py`" in PAGES[kind]


@pytest.mark.parametrize("kind", FILES)
def test_a_page_is_short(kind):
    assert len(PAGES[kind].splitlines()) <= 120


@pytest.mark.parametrize("kind", CHECKED)
def test_the_tables_of_a_page_are_those_of_a_spec(kind, written):
    spec = tomllib.loads((DOCS.parent / "examples" / "first.toml").read_text())
    for shown in map(tomllib.loads, blocks(kind, "toml")):
        for name, table in shown.pop("model", {}).items():
            spec["model"][name] |= table
        spec |= shown
    planned = plan(read(spec), written(kind))
    assert f"'{use(kind)}'" in repr(planned.filled())


@pytest.mark.parametrize("kind", CHECKED)
def test_the_decorator_of_a_page_makes_a_test_of_each_check(kind, written):
    written(kind)
    (text,) = [text for text in blocks(kind, "python") if "@contract(" in text]
    names = {}
    exec(text, names)
    (test,) = [value for name, value in names.items() if name.startswith("test_")]
    (mark,) = test.pytestmark
    runs = dict(zip(mark.kwargs["ids"], mark.args[1], strict=True))
    test(runs["builds"])
    assert len(runs) > 5


MISTAKES = [
    (kind, *row)
    for kind in CHECKED
    for row in re.findall(r"^\| `(.+?)` \| `(.+?)` \| `(\w+)` \| (.+?) \|$", PAGES[kind], re.M)
]


@pytest.mark.parametrize(
    ("kind", "old", "new", "check", "found"), MISTAKES, ids=[f"{m[0]}-{m[3]}" for m in MISTAKES]
)
def test_a_mistake_of_a_page_is_found(kind, old, new, check, found, written):
    (result,) = testing.check(kind, use(kind), only=[check], registry=written(kind, old, new)).results
    assert result.status == "failed"
    assert found in result.message


def test_the_metric_of_the_page_is_called_as_it_shows(written, monkeypatch, capsys):
    from probvae.components import Bernoulli, Dense, DiagonalNormal, NetworkDecoder, NetworkEncoder, StandardNormal

    encoder = NetworkEncoder(Dense(hidden=(4,)), DiagonalNormal(2), event_shape=(28, 28, 1))
    decoder = NetworkDecoder(Dense(hidden=(4,)), Bernoulli((28, 28, 1)), latent_dim=2)
    monkeypatch.setattr(probvae, "load", lambda _: probvae.VAE(encoder, decoder, StandardNormal(2)), raising=False)
    assert ("metric", use("metric")) in written("metric")
    (text,) = [text for text in blocks("metric", "python") if "runs/first" in text]
    exec(text, {})
    assert re.fullmatch(r"0\.\d{4} ± 0\.\d{4} squared values\n", capsys.readouterr().out)


def test_the_support_that_the_page_on_likelihoods_names_exists():
    for name in re.findall(r"`([A-Z_]{4,})`|probvae\.([A-Z_]{4,})", PAGES["likelihood"]):
        assert isinstance(getattr(probvae, "".join(name)), probvae.Values)
