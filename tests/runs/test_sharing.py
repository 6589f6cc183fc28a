"""Runs are pushed to a hub and pulled again: what is needed, nothing that is executed, and errors in words."""

import hashlib
import json
import pickle
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
from safetensors.numpy import load_file

import probvae
from probvae.errors import CheckpointError, SpecError, TemporaryError, UserError
from probvae.runs import Run
from probvae.runs.requirements import required
from probvae.runs.sharing import CARD, pull, push
from probvae.specs import plan, read
from probvae.training import best_checkpoint
from probvae.training.checkpoint import OPTIMIZER, WEIGHTS, write

from ..program import program
from .hub import TOKEN, running
from .setups import steps

NAME = "somebody/tiny"


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """The stand-in, for a user with a token."""
    with running() as (hub, address):
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
        template = f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.chdir(tmp_path)
        yield hub


@pytest.fixture
def run(trained_once, tmp_path):
    """A copy of the run, as its card is written to its folder."""
    shutil.copytree(trained_once.folder, tmp_path / "tiny")
    return Run(tmp_path / "tiny", trained_once.spec)


def test_a_pulled_run_is_the_pushed_one_without_what_nobody_needs(hub, run):
    pushed = push(run, NAME)
    assert pushed.address.endswith(NAME)
    assert hub.private == {NAME: True}
    files = hub.repositories[NAME]
    assert sorted(files) == pushed.files
    (step,) = {path.split("/")[1] for path in files if path.startswith("checkpoints/")}
    checkpoint = {f"checkpoints/{step}/{name}" for name in ("weights.safetensors", "optimizer.safetensors")}
    checkpoint |= {f"checkpoints/{step}/{name}" for name in ("state.json", "manifest.json")}
    figures = {f"figures/{path.name}" for path in run.figures.glob("*.png")}
    assert len(figures) > 3
    records = {CARD, "spec.toml", "environment.json", "metrics.jsonl", "evaluation.json"}
    assert set(files) == records | checkpoint | figures
    assert len(files[f"checkpoints/{step}/optimizer.safetensors"]) < 100

    pulled = pull(NAME)
    assert pulled == (Path("runs/tiny"), {})
    found = {path.relative_to(pulled.folder).as_posix() for path in pulled.folder.rglob("*") if path.is_file()}
    assert found == set(files)
    one, other = probvae.load(run), probvae.load(pulled.folder)
    np.testing.assert_array_equal(one.sample(4, seed=1), other.sample(4, seed=1))
    assert probvae.runs.write_report(pulled.folder).is_file()


def test_a_pulled_run_without_the_optimizer_says_so_when_it_is_resumed(hub, run):
    push(run, NAME)
    folder = pull(NAME).folder
    before = [(folder / name).read_bytes() for name in ("spec.toml", "environment.json")]
    with pytest.raises(CheckpointError, match=r"got weights only.*train\.init_from=runs/tiny"):
        probvae.train(folder, resume=True, overrides=["train.epochs=4"])
    assert [(folder / name).read_bytes() for name in ("spec.toml", "environment.json")] == before


def test_a_resumable_run_is_pushed_with_its_optimizer_and_a_later_push_replaces_it(hub, run):
    push(run, NAME, public=True, resumable=True)
    assert hub.private == {NAME: False}
    folder = pull(NAME, "again").folder
    again = Run(folder, run.spec)
    assert steps(again)[-1] == steps(run)[-1]
    for step in steps(again):
        for name in ("optimizer.safetensors", "manifest.json"):
            assert (again.checkpoints / step / name).read_bytes() == (run.checkpoints / step / name).read_bytes()
    push(run, NAME)
    assert len([path for path in hub.repositories[NAME] if path.endswith("manifest.json")]) == 1


def test_the_commands_say_what_they_did(hub, run):
    pushed = program("push", run.folder, NAME)
    assert pushed.status == 0, pushed.text
    assert re.search(
        rf"/{NAME}: \d+ files\ncard: {run.folder / CARD}, written now; edit it, and push again\n", pushed.out
    )
    assert pushed.out.endswith("note: the spec has paths of this machine, which readers see: data.train\n")
    pulled = program("pull", NAME, "--json")
    assert json.loads(pulled.out) == {"folder": "runs/tiny", "missing": {}}
    again = program("pull", NAME)
    assert again.status == 2
    assert "runs/tiny: expected a folder that does not exist yet" in again.err
    shown = program("pull", NAME, "with space")
    assert shown.out == "with space\nNext: probvae sample 'with space'\n"


def test_quiet_commands_print_nothing(hub, run):
    for command in (("push", run.folder, NAME), ("pull", NAME)):
        ended = program("--quiet", *command)
        assert (ended.status, ended.text) == (0, "")
    assert "Fetching" in program("pull", NAME, "again").err


# The card


def test_the_card_has_the_numbers_with_their_errors_and_how_to_load(hub, run):
    push(run, NAME)
    text = (run.folder / CARD).read_text(encoding="utf-8")
    assert hub.repositories[NAME][CARD].decode() == text
    card = huggingface_hub.ModelCard(text)
    assert card.data.library_name == "probvae"
    assert card.data.pipeline_tag == "unconditional-image-generation"
    assert {"probvae", "variational-autoencoder"} <= set(card.data.tags)
    evaluation = run.evaluation()
    results = {result.metric_type: result for result in card.data.eval_results}
    assert results["elbo"].metric_value == evaluation["elbo"]["value"]
    assert results["importance_weighted"].dataset_name == "arrays"
    assert results["active_units.active_units"].metric_value in (0, 1, 2)
    row = re.search(r"^\| evidence lower bound .* \| (\S+) ± (\S+) \| (.+?) \|", text, re.M)
    assert float(row[1].replace("\N{MINUS SIGN}", "-")) == pytest.approx(evaluation["elbo"]["value"], abs=0.01)
    assert float(row[2]) == pytest.approx(evaluation["elbo"]["standard_error"], abs=0.01)
    assert row[3] == "nats per example"
    assert f"Protocol: {evaluation['protocol']}." in text
    assert run.environment.data.fingerprint in text
    assert f"probvae pull {NAME} tiny" in text
    assert "![samples](figures/samples.png)" in text
    assert "&" not in text


def test_a_number_of_any_name_is_in_the_card(hub, run):
    evaluation, name = run.evaluation(), "a|b\n# \N{GRINNING FACE}"
    evaluation["metrics"]["odd"] = {"numbers": {name: {"value": 1.5, "unit": "x|y"}}}
    run.evaluation_file.write_text(json.dumps(evaluation))
    push(run, NAME)
    text = (run.folder / CARD).read_text(encoding="utf-8")
    found = {
        result.metric_type: result.metric_value for result in huggingface_hub.ModelCard(text).data.eval_results
    }
    assert found[f"odd.{name}"] == 1.5
    assert "\n| odd: a\\|b # \N{GRINNING FACE} | 1.5000 | x\\|y |  |\n" in text


def test_a_card_is_written_anew_until_it_is_edited(hub, run):
    assert not push(run, "somebody/before").own_card
    assert not push(run, NAME).own_card
    written = (run.folder / CARD).read_text(encoding="utf-8")
    assert f"probvae pull {NAME} tiny" in written
    edited = written.replace("---\nlibrary_name", "---\nlicense: mit\nlibrary_name")
    (run.folder / CARD).write_text(edited, encoding="utf-8")
    assert push(run, NAME).own_card
    assert hub.repositories[NAME][CARD].decode() == (run.folder / CARD).read_text(encoding="utf-8") == edited


def test_paths_of_this_machine_in_the_spec_are_named(hub, run):
    assert push(run, NAME).paths == ["data.train"]


def test_plugin_files_are_named_and_not_pushed(hub, run):
    environment = json.loads(run.environment_file.read_text())
    run.environment_file.write_text(json.dumps(environment | {"plugins": ["/home/me/own.py"]}))
    pushed = program("push", run.folder, NAME)
    assert "note: it needs plugins that are not pushed: /home/me/own.py\n" in pushed.out
    assert not [path for path in hub.repositories[NAME] if path.endswith(".py")]


def test_a_run_without_a_checkpoint_is_not_pushed(hub, run):
    shutil.rmtree(run.checkpoints)
    with pytest.raises(CheckpointError, match="has no valid checkpoint"):
        push(run, NAME)
    assert not (run.folder / CARD).exists()
    assert hub.requests == []


def test_other_weights_than_those_of_the_numbers_are_not_pushed(hub, run):
    best, _ = best_checkpoint(run.checkpoints)
    arrays = {name: load_file(best.folder / name) for name in (WEIGHTS, OPTIMIZER)}
    write(run.checkpoints, arrays, replace(best.state, step=best.step + 1, best_step=best.step))
    (best.folder / WEIGHTS).write_bytes(b"")
    with pytest.raises(
        UserError, match=r"push: expected the weights of the best epoch.* Restore them from a copy"
    ):
        push(run, NAME)
    assert hub.requests == []


# Files of somebody else


class Bomb:
    def __init__(self, sentinel):
        self.sentinel = sentinel

    def __reduce__(self):
        return Path.touch, (self.sentinel,)


@pytest.fixture
def sentinel(tmp_path):
    """A file that code of a repository would make."""
    path = tmp_path / "code-was-executed"
    pickle.loads(pickle.dumps(Bomb(path)))
    assert path.exists()  # the bomb works
    path.unlink()
    yield path
    assert not path.exists()


def test_code_in_a_repository_is_not_fetched(hub, run, sentinel):
    push(run, NAME)
    code = f"import pathlib; pathlib.Path({str(sentinel)!r}).touch()".encode()
    names = ["conftest.py", "plugin.py", "checkpoints/__init__.py", "figures/x.py", "report.html", "model.pkl"]
    names += ["../escaped.json", "figures/../../escaped.png", "checkpoints/step-1/../../../state.json"]
    right = set(hub.repositories[NAME])
    hub.repositories[NAME] |= dict.fromkeys(names, code)
    folder = pull(NAME).folder
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == right
    probvae.load(folder)


@pytest.mark.parametrize("file", ["weights.safetensors", "optimizer.safetensors"])
def test_a_pickle_in_the_place_of_weights_is_refused(hub, run, file, sentinel, tmp_path):
    push(run, NAME)
    files = hub.repositories[NAME]
    (path,) = [path for path in files if path.endswith(file)]
    files[path] = pickle.dumps(Bomb(sentinel))
    manifest = path.replace(file, "manifest.json")
    content = json.loads(files[manifest])
    content["files"][file] = {"size": len(files[path]), "sha256": hashlib.sha256(files[path]).hexdigest()}
    files[manifest] = json.dumps(content).encode()
    with pytest.raises(CheckpointError, match="cannot be read"):
        pull(NAME)
    assert not [*(tmp_path / "runs").iterdir()]


@pytest.mark.parametrize("use", ["os:system", "pathlib.Path", "builtins.eval", "__main__.Bomb"])
def test_a_spec_names_components_and_imports_nothing(hub, run, use, sentinel):
    push(run, NAME)
    files = hub.repositories[NAME]
    files["spec.toml"] = files["spec.toml"].replace(b'use = "mixture"', f'use = "{use}"'.encode())
    with pytest.raises(SpecError, match=re.escape(f"No prior is named {use!r}")):
        probvae.load(pull(NAME).folder)


def test_a_plugin_that_a_repository_names_is_not_loaded_and_is_named(hub, run, sentinel, tmp_path):
    push(run, NAME)
    files = hub.repositories[NAME]
    (tmp_path / "plugin.py").write_text(f"import pathlib; pathlib.Path({str(sentinel)!r}).touch()")
    files["spec.toml"] = files["spec.toml"].replace(b'use = "mixture"', b'use = "plugin.prior"')
    environment = json.loads(files["environment.json"])
    environment["plugins"] = [str(tmp_path / "plugin.py")]
    environment["requires"] = {"plugin.prior": environment["plugins"][0], "sphere.uniform": "probvae-sphere 1.2"}
    files["environment.json"] = json.dumps(environment).encode()
    pulled = pull(NAME)
    assert pulled.missing == environment["requires"]
    with pytest.raises(SpecError) as refused:
        probvae.load(pulled.folder)
    made_with = f"--plugin {tmp_path / 'plugin.py'}, sphere.uniform of probvae-sphere 1.2"
    assert f"It was made with {made_with}. A plugin is code: use those that you trust." in str(refused.value)


def test_a_run_records_where_its_components_come_from(run, tmp_path):
    (tmp_path / "own.py").write_text(
        "import probvae\nfrom probvae.components import StandardNormal\n"
        "@probvae.register('prior', 'plain')\nclass Plain(StandardNormal): pass\n"
    )
    registry = probvae.registry.Registry()
    registry.load_file(tmp_path / "own.py")
    spec = {**run.spec, "model": {**run.spec["model"], "prior": {"use": "own.plain"}}}
    assert required(plan(read(spec), registry), registry) == {"own.plain": str(tmp_path / "own.py")}
    assert run.environment.requires == {}


@pytest.mark.parametrize("name", ["metrics.jsonl", "figures/samples.png"])
def test_a_link_to_another_file_is_not_pushed(hub, run, name, tmp_path):
    (tmp_path / "secret").write_text("of the user")
    (run.folder / name).unlink()
    (run.folder / name).symlink_to(tmp_path / "secret")
    with pytest.raises(UserError, match=rf"{name}: expected a file of the run; got a link to .*/secret"):
        push(run, NAME)
    assert hub.repositories == {}


def test_other_pictures_of_the_user_stay_here(hub, run):
    shutil.copy(run.figures / "samples.png", run.figures / "my own.png")
    assert "figures/my own.png" not in push(run, NAME).files


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"metrics.jsonl": 2**27}, r"expected at most 67\.1 MB in metrics\.jsonl; got 134\.2 MB"),
        ({"checkpoints/step-000006/weights.safetensors": 2**60}, r"which the disk has left; got 1\.2 EB"),
    ],
)
def test_what_is_too_large_is_not_fetched(hub, run, sizes, message, tmp_path):
    push(run, NAME)
    (step,) = {path.split("/")[1] for path in hub.repositories[NAME] if path.startswith("checkpoints/")}
    hub.sizes = {name.replace("step-000006", step): size for name, size in sizes.items()}
    with pytest.raises(UserError, match=message):
        pull(NAME)
    assert not [*(tmp_path / "runs").iterdir()]


@pytest.mark.parametrize("name", ["spec.toml", "environment.json"])
def test_a_damaged_run_is_named_as_in_the_repository(hub, run, name, tmp_path):
    push(run, NAME)
    hub.repositories[NAME][name] = b"\xff"
    with pytest.raises(UserError, match=f"pull {NAME}: expected a whole run; got a damaged one: {name}: "):
        pull(NAME)
    assert not [*(tmp_path / "runs").iterdir()]


def test_text_of_a_repository_does_not_steer_the_terminal(hub, run):
    push(run, NAME)
    environment = json.loads(hub.repositories[NAME]["environment.json"])
    environment["requires"] = {"\x1b]0;title\x07a.b": "\x1b[2Jc\nNext: run me"}
    hub.repositories[NAME]["environment.json"] = json.dumps(environment).encode()
    assert program("pull", NAME).out == (
        "runs/tiny\nnote: it needs \\x1b]0;title\\x07a.b of \\x1b[2Jc Next: run me, which is not installed\n"
        "Next: probvae sample runs/tiny\n"
    )


# Errors


def test_no_token_is_an_error_before_anything_is_written(hub, run, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(UserError, match=r"expected a token .* `hf auth login`, or set HF_TOKEN"):
        push(run, NAME)
    assert not (run.folder / CARD).exists()
    assert hub.requests == []


def test_a_token_that_may_not_write_is_an_error(hub, run, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_of_somebody_else")
    with pytest.raises(UserError, match=f"push {NAME}: expected a token that may do this; got a refusal"):
        push(run, NAME)


def test_a_repository_that_is_not_there_is_an_error(hub):
    with pytest.raises(UserError, match=r"pull nobody/nothing: expected a repository that is there; got none"):
        pull("nobody/nothing")


def test_a_repository_without_a_run_is_an_error(hub):
    hub.repositories["nobody/other"] = {"README.md": b"", "model.safetensors": b""}
    with pytest.raises(UserError, match="expected a run that `probvae push` made; got a repository without"):
        pull("nobody/other")


def test_a_hub_that_fails_is_an_error_that_may_pass(hub, run, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)  # between tries
    hub.failing = 503
    for work in (lambda: push(run, NAME), lambda: pull(NAME)):
        with pytest.raises(TemporaryError, match="the hub has an error of its own"):
            work()


def test_no_network_is_an_error_that_may_pass(hub, run, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")  # where nobody listens
    for work in (lambda: push(run, NAME), lambda: pull(NAME)):
        with pytest.raises(TemporaryError, match="the hub cannot be reached"):
            work()


@pytest.mark.parametrize("name", ["tiny", "a/b/c", "../tiny", "a/..", "https://huggingface.co/a/b", "a b/c", ""])
def test_a_wrong_name_is_an_error(hub, run, name):
    for work in (lambda: push(run, name), lambda: pull(name)):
        with pytest.raises(UserError, match="Expected the name of a repository, user/name; got"):
            work()
    assert hub.requests == []


def test_a_folder_that_exists_is_kept(hub, run):
    push(run, NAME)
    with pytest.raises(UserError, match="expected a folder that does not exist yet"):
        pull(NAME, run.folder)


def test_the_missing_extra_is_named(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    for work in (lambda: push(run, NAME), lambda: pull(NAME)):
        with pytest.raises(UserError, match=r"Install it: pip install 'probvae\[hub\]'"):
            work()
