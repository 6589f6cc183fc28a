"""Runs side by side: the numbers of their evaluations, and differences example by example."""

import json
import shutil

import matplotlib.image
import numpy as np
import pytest

import probvae
from probvae.errors import UserError
from probvae.runs.comparison import _notes

from ..program import program
from .setups import PRIORS, spec, strict, tiny_images, train


@pytest.fixture(scope="module")
def runs(tmp_path_factory, undrawn):
    """Two runs on the same data."""
    folder = tmp_path_factory.mktemp("compared")
    data = tiny_images(folder)
    asked = spec(data, epochs=1)
    other = {**asked, "model": {**asked["model"], "prior": {"use": "mixture", **PRIORS["mixture"]}}}
    return [train(table, folder / name)[0] for name, table in (("first", asked), ("mixture", other))]


def arrays(run):
    with np.load(run.folder / "evaluation.npz") as file:
        return dict(file)


def test_differences_are_means_over_pairs_of_examples(runs, tmp_path):
    first, other = runs
    found = probvae.compare(runs, out=tmp_path / "differences.png")
    for name in ("elbo", "importance_weighted"):
        apart = arrays(other)[name] - arrays(first)[name]
        difference = found["differences"][0][name]
        assert difference["value"] == pytest.approx(apart.mean())
        assert difference["standard_error"] == pytest.approx(apart.std(ddof=1) / len(apart) ** 0.5)
        assert found["runs"][1][name] == strict(other.evaluation_file.read_text())[name]
    row = found["runs"][0]
    assert (row["run"], row["samples"], row["epochs"], row["best_epoch"]) == (str(first.folder), 5, 1, 1)
    assert row["parameters"] == sum(np.prod(v.shape) for v in probvae.load(first).variables)
    assert row["training_seconds"] == first.metrics()[0]["seconds"]
    assert min(matplotlib.image.imread(tmp_path / "differences.png").shape[:2]) > 100


def test_a_run_is_not_different_from_itself_and_the_notes_say_so(runs):
    found = probvae.compare([runs[0], runs[0]])
    assert found["differences"][0]["elbo"]["value"] == found["differences"][0]["elbo"]["standard_error"] == 0
    assert probvae.compare(runs)["notes"][-1].startswith("each run is one training")


def test_a_gain_over_a_model_of_another_evidence_says_so(tmp_path, undrawn):
    """log p(x) of a model whose encoder alone takes the condition, and log p(x|c)."""
    asked = spec(tiny_images(tmp_path, condition="labels"), epochs=1)
    conditional, _ = train(asked, tmp_path / "conditional")
    model = {**asked["model"], "decoder": {**asked["model"]["decoder"], "condition": False}}
    run, _ = train({**asked, "model": model}, tmp_path / "plain")
    printed = program("evaluate", str(run.folder), "--set", f"evaluate.compare_with={conditional.folder}")
    note = "the numbers of the other run are of log p(x given c), which is no log p(x)"
    assert strict(run.evaluation_file.read_text())["gain"]["note"] == note
    assert note in printed.out
    assert "note" not in probvae.evaluate(run, [f"evaluate.compare_with={run.folder}"])["gain"]


def test_the_difference_of_one_example_has_no_error():
    row = {"run": "b", "importance_weighted": {"value": 12.5, "standard_error": None}}
    assert _notes([], [row])[0] == "b: the difference, 12.50 nats, is that of one example: it has no error"


def test_the_command_prints_a_table_and_json(runs):
    folders = [str(run.folder) for run in runs]
    printed = program("compare", *folders)
    assert printed.status == 0
    heading, *rows = printed.out.splitlines()
    assert heading.split()[:2] == ["run", "log"]
    assert [row.split()[0] for row in rows[:2]] == folders
    assert "note: each run is one training" in printed.out
    found = json.loads(program("compare", *folders, "--json").out)
    assert found == probvae.compare(runs)


def test_the_page_has_the_numbers_curves_and_settings(runs, tmp_path):
    folders, path = [str(run.folder) for run in runs], tmp_path / "compared.html"
    printed = program("compare", *folders, "--html", path)
    assert (printed.status, printed.out.splitlines()[-1]) == (0, str(path))
    text = path.read_text(encoding="utf-8")
    for content in (*folders, "model.prior.use", "standard_normal", "Validation loss in nats per example"):
        assert content in text
    refused = program("compare", *folders, "--html", path)
    assert refused.status == 2
    assert f"--html {path}: expected a file that does not exist yet" in refused.err


def test_what_cannot_be_compared_is_refused_in_words(runs, tmp_path, undrawn):
    other, _ = train(spec(tiny_images(tmp_path, divide_by=300.0), epochs=1), tmp_path / "run")
    with pytest.raises(
        UserError, match=r"expected runs on the data of .*first; got .*run: protocol .*300.* instead of .*255"
    ):
        probvae.compare([runs[0], other])
    kept = other.folder / "evaluation.npz"
    content = kept.read_bytes()
    for damaged in (content[:-200], b"", None):
        kept.unlink() if damaged is None else kept.write_bytes(damaged)
        with pytest.raises(UserError, match=r"evaluation\.npz: expected .* `probvae evaluate .*run --samples 5`"):
            probvae.compare([runs[0], other])
    with pytest.raises(UserError, match="expected two runs or more; got 1"):
        probvae.compare(runs[:1])


def test_densities_are_not_compared_with_probabilities(tmp_path, undrawn):
    data = tiny_images(tmp_path, binarize="none")
    continuous, discrete = (
        train(spec(data, likelihood=name, epochs=1), tmp_path / name)[0]
        for name in ("normal", "discretised_logistic")
    )
    message = r"whose likelihood is a density, as that of .*; got .*logistic, whose likelihood is a probab"
    with pytest.raises(UserError, match=message):
        probvae.compare([continuous, discrete])
    with pytest.raises(UserError, match=rf"evaluate\.compare_with: .*{message}.* --set evaluate\.compare_with=''"):
        probvae.evaluate(continuous, [f"evaluate.compare_with={discrete.folder}"])
    asked = spec(data, likelihood="normal", epochs=1)
    with pytest.raises(UserError, match=message):
        train(asked | {"evaluate": {"compare_with": str(discrete.folder)}}, tmp_path / "new")
    assert not (tmp_path / "new" / "checkpoints").exists()


def test_a_conditional_model_is_compared_with_a_note(runs, tmp_path):
    for name, run in zip(("first", "other"), runs, strict=True):
        shutil.copytree(run.folder, tmp_path / name)
    file = tmp_path / "other" / "evaluation.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"condition": "one of 3 labels"}))
    (note,) = [
        note for note in probvae.compare([tmp_path / "first", tmp_path / "other"])["notes"] if "given c" in note
    ]
    assert note == f"the numbers of {tmp_path / 'other'} are of log p(x given c), which is no log p(x)"


def test_images_of_other_random_bits_are_not_compared(runs, tmp_path):
    for name, run, seed in (("first", runs[0], 0), ("other", runs[1], 1)):
        shutil.copytree(run.folder, tmp_path / name)
        found = probvae.evaluate(tmp_path / name, [f"evaluate.seed={seed}", "evaluate.metrics=[]"])
        (tmp_path / name / "evaluation.json").write_text(json.dumps(found | {"bits_of_seed": True}))
    with pytest.raises(UserError, match=r"binarised with evaluate\.seed = 1, not 0"):
        probvae.compare([tmp_path / "first", tmp_path / "other"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda found: found["settings"].update(samples=6), r"another evaluation .* --samples"),
        (lambda found: found.update(settings=[]), r"settings: expected .* --samples 100"),
    ],
)
def test_estimates_of_another_evaluation_are_refused(change, message, runs):
    first, other = runs
    before = first.evaluation_file.read_text()
    found = json.loads(before)
    change(found)
    first.evaluation_file.write_text(json.dumps(found))
    try:
        with pytest.raises(UserError, match=message):
            probvae.compare([first, other])
    finally:
        first.evaluation_file.write_text(before)


@pytest.mark.parametrize(
    ("elbo", "message"),
    [
        (np.full(10, np.nan), "elbo is not finite"),
        (np.full(10, -np.inf, np.float32), "elbo is not finite"),
        (np.array(["a"] * 10), "elbo is not finite"),
        (np.full(10, 1j), "elbo is not finite"),
        (np.array([{}] * 10), "allow_pickle=False"),
        (None, "context manager"),
    ],
    ids=["nan", "infinite", "text", "complex", "pickled", "no archive"],
)
def test_what_is_no_estimate_is_not_compared(elbo, message, runs, tmp_path):
    shutil.copytree(runs[1].folder, tmp_path / "other")
    file = tmp_path / "other" / "evaluation.npz"
    with np.load(file) as stored:
        arrays = dict(stored)
    with file.open("wb") as opened:
        if elbo is None:
            np.save(opened, arrays["elbo"])
        else:
            np.savez(opened, **arrays | {"elbo": elbo})
    with pytest.raises(UserError, match=message):
        probvae.compare([runs[0], tmp_path / "other"])
