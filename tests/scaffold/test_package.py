"""The files of a package: whole, right by themselves, and never written over another."""

import ast
import subprocess
import sys
import tomllib

import pytest

from probvae.errors import UserError
from probvae.registry import KINDS
from probvae.scaffold import PLACES, Example, PluginNames, render, write
from probvae.scaffold.example import CHECKED, FOLDER
from probvae.scaffold.names import LONGEST
from probvae.scaffold.package import FILES, TEMPLATES

NAMES = ["tails", "t", "heavy_tails", "t" * LONGEST]
every_package = pytest.mark.parametrize(
    ("name", "kind"), [(name, "prior") for name in NAMES] + [("tails", kind) for kind in PLACES]
)


def files(name="tails", kind="prior"):
    return render(PluginNames(name), "1.2.3", kind)


def test_every_template_is_used():
    shared = {path.rpartition("/")[2].removeprefix(".") + ".template" for path in FILES if "$name" not in path}
    assert {file.name for file in TEMPLATES.iterdir()} == shared
    own = {f"{file}.py.template" for kind in PLACES for file in (kind, f"test_{kind}")}
    assert {file.name for file in FOLDER.iterdir()} == own


def test_every_kind_has_an_example():
    assert set(PLACES) == set(KINDS)


def test_a_component_is_named_after_its_class():
    names = {kind: Example.of(kind).name for kind in PLACES}
    assert (names["prior"], names["metric"], names["dataset"]) == ("student_t", "reconstruction_error", "rings")


@every_package
def test_every_python_file_parses(name, kind):
    sources = {path: text for path, text in files(name, kind).items() if path.endswith(".py")}
    assert len(sources) == 4 + (kind in CHECKED)
    for path, text in sources.items():
        ast.parse(text, path)


@every_package
def test_no_placeholder_is_left(name, kind):
    for path, text in files(name, kind).items():
        assert "$" not in text.replace("${{ matrix.python-version }}", ""), path


@every_package
def test_lint_finds_nothing(name, kind, tmp_path):
    write(files(name, kind), tmp_path)
    for command in (["check"], ["format", "--check"]):
        ended = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache", "."],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_project_says_what_pip_and_probvae_read():
    project = tomllib.loads(files("heavy_tails")["pyproject.toml"])["project"]
    assert project["name"] == "probvae-heavy-tails"
    assert project["dependencies"] == ["probvae>=1.2.3"]
    assert project["entry-points"] == {"probvae": {"heavy_tails": "probvae_heavy_tails.plugin"}}
    assert {part.partition(">")[0] for part in project["optional-dependencies"]["dev"]} == {"pytest", "ruff"}


def test_the_licence_is_left_to_the_author():
    made = files()
    assert not any("LICENSE" in path for path in made)
    assert "license" not in tomllib.loads(made["pyproject.toml"])["project"]
    assert "add a LICENSE file" in made["README.md"]
    assert "add a LICENSE file" in made["pyproject.toml"]


def test_the_workflow_tests_the_versions_that_the_project_takes():
    made = files()
    assert 'python-version: ["3.11", "3.12", "3.13"]' in made[".github/workflows/test.yml"]
    assert tomllib.loads(made["pyproject.toml"])["project"]["requires-python"] == ">=3.11,<3.14"
    assert "${{ matrix.python-version }}" in made[".github/workflows/test.yml"]


# Writing


def test_the_files_are_written_as_they_are(tmp_path):
    folder = tmp_path / "new" / "folder"
    write(files(), folder)
    written = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert written == set(files())
    for path, text in files().items():
        assert (folder / path).read_bytes() == text.encode()


def test_a_folder_with_anything_in_it_is_left_as_it_is(tmp_path):
    (tmp_path / "pyproject.toml").write_text("mine")
    with pytest.raises(UserError, match="got a folder with files in it"):
        write(files(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["pyproject.toml"]
    assert (tmp_path / "pyproject.toml").read_text() == "mine"


def test_a_file_in_the_folders_place_is_left_as_it_is(tmp_path):
    taken = tmp_path / "taken"
    taken.write_text("mine")
    with pytest.raises(UserError, match="expected a new or empty folder; got a file"):
        write(files(), taken)
    assert taken.read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="expected a folder that can be created; got"):
        write(files(), tmp_path / "file" / "folder")


def test_a_file_that_appears_meanwhile_is_not_written_over(tmp_path, monkeypatch):
    (tmp_path / "README.md").write_text("mine")
    with monkeypatch.context() as patch:
        patch.setattr(type(tmp_path), "iterdir", lambda _: iter([]))
        with pytest.raises(UserError, match=r"README\.md cannot be written: .*File exists"):
            write(files(), tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["README.md"]
    assert (tmp_path / "README.md").read_text() == "mine"


def test_half_of_a_package_is_removed(tmp_path):
    with pytest.raises(UserError, match=r"cannot be written: .*too long"):
        write({"a/b/c.py": "", "d.py": "", "e" * 300: ""}, tmp_path)
    assert list(tmp_path.iterdir()) == []
