"""What the README shows works when it is pasted."""

import json
import re
import statistics
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from probvae.registry import Registry

from .brief import check_in_turn
from .program import forget_plugins, program

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.S | re.M)


@pytest.fixture(autouse=True)
def no_plugins_of_others():
    forget_plugins()
    yield
    forget_plugins()


def test_the_spec_is_the_one_that_make_demo_trains():
    (shown,) = blocks("toml")
    example = tomllib.loads((ROOT / "examples" / "first.toml").read_text())
    shown = tomllib.loads(shown)
    # The example writes two defaults out.
    assert example["model"]["prior"].pop("components") == 16
    assert example["train"].pop("batch_size") == 128
    assert shown == example


def test_the_prior_trains_when_pasted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("my_prior.py").write_text(blocks("python")[0])
    Path("spec.toml").write_text(blocks("toml")[0])
    small = [
        "train.epochs=1",
        "train.batch_size=2000",
        "train.jit=false",
        "evaluate.samples=1",
        "model.encoder.network.use=dense",
        "model.decoder.network.use=dense",
    ]
    options = [part for text in ["model.prior.use=my_prior.student_t", *small] for part in ("--set", text)]
    done = program("train", "spec.toml", "--plugin", "my_prior.py", *options)
    assert done.status == 0, done.text
    assert "my_prior.student_t prior" in done.out
    assert Path("runs/spec/evaluation.json").is_file()

    check_in_turn(monkeypatch)
    right = program("check", "--plugin", "my_prior.py")
    assert right.status == 0, right.text
    assert "prior my_prior.student_t keeps its contract" in right.out

    wrong = program("check", "spec.toml", "--plugin", "my_prior.py", *options, "--set", "model.prior.df=-1")
    assert wrong.status == 2
    assert "model.prior.df" in wrong.err
    assert "a number >= 1" in wrong.err


def test_the_contract_test_is_collected_when_pasted(tmp_path, monkeypatch, capsys):
    (tmp_path / "my_prior.py").write_text(blocks("python")[0])
    (tmp_path / "test_my_prior.py").write_text(blocks("python")[1])
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    status = pytest.main(
        ["-q", "-k", "shapes or seed", "--rootdir", ".", "-p", "no:cacheprovider", "test_my_prior.py"]
    )
    shown = capsys.readouterr().out
    for name in ("my_prior", "test_my_prior"):
        sys.modules.pop(name, None)
    assert status == 0, shown
    assert "3 passed" in shown


def test_the_notebook_lines_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = blocks("python")[2].replace('FashionMini(binarize="static").load().train.stored', "IMAGES")
    assert "IMAGES" in code
    exec(code, {"IMAGES": (np.random.default_rng(0).random((40, 28, 28, 1)) < 0.5).astype("uint8")})


@pytest.mark.parametrize("path", re.findall(r"`((?:examples|probvae|docs|benchmarks)/[\w/.]*)`", README))
def test_the_files_that_it_names_are_there(path):
    assert (ROOT / path).exists()


def test_the_names_in_the_table_are_those_of_the_registry():
    table = README.partition("## What is built in")[2].partition("\n\n[")[0]
    listed = set()
    for kinds, names in re.findall(r"^\| ([a-z, ]+) \| (`.+) \|$", table, re.M):
        without_remarks = re.sub(r"\(.*?\)", "", names)
        listed |= {(kind, name) for kind in kinds.split(", ") for name in re.findall("`(.+?)`", without_remarks)}
    assert listed == {(kind, name) for kind, name in Registry() if "." not in name}


BENCHMARKS = ROOT / "benchmarks"


def test_the_number_of_mistakes_is_that_of_the_matrix():
    matrix = json.loads((BENCHMARKS / "contract_kit.json").read_text())["matrix"]
    assert re.findall(r"which of (\d+) mistakes", README) == [str(len(matrix))]


def test_the_log_likelihoods_are_those_of_the_trainings():
    """Each row of the leaderboard that is trained, beside the published number, if there is one."""
    table = README.split("## Numbers")[1].split("## Licence")[0].replace("\N{MINUS SIGN}", "-")
    lines = re.findall(r"^\| (?:dense|convolutions).*$", table, re.M)
    shown = [re.findall(r"[+-]\d+\.\d+", line) for line in lines]
    expected = []
    for row in tomllib.loads((BENCHMARKS / "fashion_mnist" / "rows.toml").read_text())["rows"]:
        files = (BENCHMARKS / "fashion_mnist" / "results").glob(f"{row['name']}-[0-9]*.json")
        found = [json.loads(file.read_text())["evaluation"]["importance_weighted"]["value"] for file in files]
        if found:
            ours, published = statistics.mean(found), row.get("published", [])[:1]
            numbers = [*published, ours, *(ours - number for number in published)]
            expected.append([f"{number:+.2f}" for number in numbers])
    assert shown == expected
    assert expected
