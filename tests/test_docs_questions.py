"""The tutorial, the frequent questions, the page on anomalies: their code runs and does what they say."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import probvae
from probvae.registry import default

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


def blocks(name, language="python"):
    return re.findall(rf"^```{language}\n(.*?)^```$", (DOCS / name).read_text(encoding="utf-8"), re.S | re.M)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    default.cache_clear()
    yield
    default.cache_clear()


def code(name, *replaced):
    """The code of a page as one text, with some of it replaced by what takes less time."""
    text = "\n".join(blocks(name))
    for old, new in replaced:
        assert old in text
        text = text.replace(old, new)
    return text


SMALL = (('"epochs": 20', '"epochs": 1'), ("[200]", "[8]"))


def quick(monkeypatch):
    """Let trainings be short: without XLA, reports and figures."""
    for module in ("training", "evaluation"):
        monkeypatch.setattr(f"probvae.runs.{module}.try_report", lambda *_: None)
    monkeypatch.setattr("probvae.runs.training.draw_figures", lambda *_: None)
    train, quiet = probvae.train, Console(quiet=True)
    few = ["train.jit=false", "train.batch_size=1000", "evaluate.samples=2"]
    monkeypatch.setattr(
        probvae, "train", lambda *a, **k: train(*a, **k, overrides=few, console=quiet), raising=False
    )


def test_the_code_of_the_tutorial_runs(monkeypatch):
    quick(monkeypatch)
    names = {"__name__": "__main__"}
    fewer = (
        ("2000", "300"),
        ("=500", "=3"),
        (', "samples_are_from_the_density"', ""),
        ('"probe"', '"active_units"'),
    )
    exec(code("tutorial.md", *SMALL, *fewer), names)
    assert names["again"].shape == (5, 28, 28, 1)
    assert names["q"].batch_shape == (5,)
    assert names["new"].shape == (16, 28, 28, 1)
    assert names["heavy"].folder.name == "heavy"
    assert len(names["comparison"]["runs"]) == 2
    assert names["accuracy"]["value"] <= 4
    assert np.all(names["tighter"] >= names["elbo"])


def test_the_notebook_is_that_of_the_tutorial():
    spec = importlib.util.spec_from_file_location("notebook", ROOT / "tools" / "site" / "notebook.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = (DOCS / "tutorial.md").read_text(encoding="utf-8")
    assert module.NOTEBOOK.read_text(encoding="utf-8") == module.notebook(page), "run tools/site/notebook.py"


@pytest.mark.slow
def test_the_notebook_runs_as_it_is(tmp_path):
    cells = json.loads((DOCS / "tutorial.ipynb").read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    script = tmp_path / "tutorial.py"
    script.write_text("\n".join(code), encoding="utf-8")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, done.stderr
    assert "keeps its contract" in done.stdout
    assert {folder.name for folder in (tmp_path / "runs").iterdir()} == {"clothes", "waves", "heavy"}


def test_the_code_of_the_frequent_questions_does_what_they_say():
    names = {"__name__": "faq"}
    exec(code("faq.md"), names)
    assert names["encoder"].posterior(np.zeros((5, 3), np.float32)).event_shape == (2,)
    assert names["each"].shape == (5,)
    one = 0.5 * (4 + 1 - 1 - np.log(4))  # of N(1, 2²) from N(0, 1)
    assert np.allclose(names["each"], 8 * one)
    with pytest.raises(ValueError, match="A KerasTensor cannot be used as input to a TensorFlow function"):
        names["tfp"].layers.IndependentNormal(2)(names["keras"].Input((4,)))
    assert "0.38" in blocks("faq.md")[-1]
    assert float(names["mass"]) == pytest.approx(0.38, abs=0.005)


def test_each_question_is_in_the_list_at_the_top():
    page = (DOCS / "faq.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)", page, re.M) == re.findall(r"^- \[(.+)\]\(#", page, re.M)


def test_the_code_on_anomalies_runs(monkeypatch):
    quick(monkeypatch)
    names = {}
    exec(code("anomalies.md", *SMALL), names)
    assert names["score"].shape == (1000,)
    assert names["bag"].sum() == 100
    assert 0 <= names["above"] <= 1
    assert names["found"].dtype == bool
