"""What the pages in docs/ say is so: their code runs, their reports are the kit's, their tables are the code's."""

import ast
import inspect
import io
import itertools
import json
import re
import shutil
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase
from PIL import Image
from rich.console import Console

import probvae
from probvae import VAE, testing
from probvae import components as c
from probvae.core import exact_kl
from probvae.data import Arrays
from probvae.errors import ConfigError, SpecError
from probvae.registry import Registry, default
from probvae.report import latent_map, samples
from probvae.specs import SpecData, json_schema, plan, plan_dataset, read
from probvae.testing import agreement, strategies
from probvae.testing.checking import ALPHA
from probvae.testing.checks import densities
from probvae.testing.report import WORDS
from probvae.testing.runner import SHRINKING, checks_for
from probvae.training import TrainSettings

from .program import program

ROOT = Path(__file__).parent.parent
PAGES = {page.name: page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs").glob("*.md"))}
CHECKS = PAGES["checks.md"]
PRIOR = PAGES["write_a_prior.md"]
DATA = PAGES["your_data.md"]
DATASET = PAGES["write_a_dataset.md"]
LARGE = PAGES["large_data.md"]
TRAINING = PAGES["training.md"]
NETWORKS = PAGES["networks.md"]
CONDITIONS = PAGES["conditions.md"]
HIERARCHIES = PAGES["hierarchies.md"]
LABELS = PAGES["labels.md"]
LIKELIHOODS = PAGES["likelihoods.md"]
POSTERIORS = PAGES["posteriors.md"]
PRIORS = PAGES["priors.md"]

HEADINGS = ["*Why.", "*How.", "*Published cases.", "*What it cannot see."]
ALL = list(testing.iter_checks())
KINDS = (
    "prior",
    "encoder",
    "posterior",
    "decoder",
    "likelihood",
    "classifier",
    "network",
    "objective",
    "bijector",
)


def settings_of(page, table):
    """The rows of a table of settings: (key, default, meaning)."""
    section = page.partition(f"## [{table}]")[2].partition("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \| (?:`(.*?)`)? ?\| (.*) \|$", section, re.M)


@pytest.mark.parametrize("table", ["train", "evaluate"])
def test_the_page_of_the_spec_has_every_setting_with_its_default(table):
    schema = json_schema(default())["properties"][table]["properties"]
    expected = [
        (key, json.dumps(value["default"]) if "default" in value else "", value["description"])
        for key, value in schema.items()
    ]
    assert settings_of(PAGES["spec.md"], table) == expected


def blocks(page, language):
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", page, re.S | re.M)
    return [text for name, text in fenced if name == language]


def block(words, language="python"):
    """The one block of the page on priors that has these words in it."""
    (found,) = [text for text in blocks(PRIOR, language) if words in text]
    return found


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working folder with the page's files in it, and a registry of its own for each test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for text in blocks(PRIOR, "python"):
        if named := re.match(r'"""(\w+\.py): ', text):
            (tmp_path / named[1]).write_text(text, encoding="utf-8")
    (tmp_path / "examples").mkdir()
    shutil.copy(ROOT / "examples" / "first.toml", tmp_path / "examples")
    default.cache_clear()
    yield tmp_path
    default.cache_clear()
    for name in list(sys.modules):
        if name.startswith(("probvae_plugin_", "probvae_sharp", "laplace_prior")):
            del sys.modules[name]


def ran(*arguments):
    """What `probvae ARGUMENTS` prints."""
    return program(*arguments).text.strip("\n")


def checked(file, *only):
    """The report on the prior of a file of the page."""
    registry = Registry()
    registry.load_file(file)
    (name,) = [name for name in registry.names("prior") if name.startswith(f"{Path(file).stem}.")]
    return testing.check("prior", name, only=only, registry=registry)


# The page on the checks


def sections():
    parts = re.split(r"^### (.+)\n", CHECKS.partition("\n## The checks\n")[2], flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_check_has_its_section_in_the_order_of_the_kit():
    assert list(sections()) == [check.name for check in ALL]


@pytest.mark.parametrize("check", ALL, ids=[check.name for check in ALL])
def test_a_section_says_what_holds_for_whom_why_how_and_what_is_not_seen(check):
    holds, kinds, *rest = sections()[check.name].strip().split("\n\n")
    assert holds == f"**{check.holds}**"
    assert kinds.startswith("For: ")
    assert set(re.findall(r"[a-z]+", kinds.partition(".")[0])) & set(KINDS) == set(check.kinds)
    assert ("Not mandatory." in kinds) != check.mandatory
    assert ("with the tag" in kinds) == (check.tag is not None)
    assert check.tag is None or f"`{check.tag}`" in kinds
    assert [part.partition("* ")[0] for part in rest] == HEADINGS


def test_the_table_of_kinds_is_that_of_the_kit():
    rows = [f"| check | {' | '.join(KINDS)} | cases |", "|---|" + ":-:|" * len(KINDS) + "--:|"]
    for check in ALL:
        marks = " | ".join("●" if kind in check.kinds else "" for kind in KINDS)
        cases = f"{check.examples['fast']}, {check.examples['deep']}"
        rows.append(f"| [{check.name}](#{check.name}) | {marks} | {cases} |")
    (table,) = re.findall(r"^\| check \|.*?(?=\n\n)", CHECKS, re.S | re.M)
    right = "\n".join(rows)
    assert table == right, f"the table in docs/checks.md should be\n\n{right}"


def test_the_numbers_are_those_of_the_code():
    first, rest = CHECKS.split("\n## Which checks run for which kind\n")
    assert ALPHA == 1e-6
    assert "one in a million" in first
    assert "δ = 10⁻⁹ / 40" in first
    assert agreement.FUNCTIONS == 40
    assert f"It has {SHRINKING['fast']:g} seconds for this, or {SHRINKING['deep']:g} in" in one_line(first)
    assert f"{densities.DRAWS:,} samples and {densities.DRAWS:,} points" in one_line(rest)
    statistical = [check.name for check in ALL if check.statistical]
    count = {13: "Thirteen", 14: "Fourteen"}[len(statistical)]
    assert f"{count} are statistical" in one_line(first)
    assert all(f"`{name}`" in first for name in statistical)
    optional = [check.name for check in ALL if not check.mandatory]
    assert optional == [
        "elements_are_no_copies",
        "parameters_change_something",
        "samples_move_with_the_density",
        "finite_at_every_joint",
        "bounds_the_evidence",
        "means_are_as_declared",
        "equals_what_it_names_in_its_limits",
        "parameters_have_an_effect",
        "gradients_are_those_of_their_targets",
        "density_integrates_to_one",
        "probabilities_sum_to_one",
        "mean_is_that_of_the_samples",
        "exact_kl_is_that_of_the_samples",
    ]
    count = {13: "thirteen"}[len(optional)]
    assert f"{count} checks, {', '.join(f'`{name}`' for name in optional[:-1])} and `{optional[-1]}`," in one_line(
        first
    )


def test_every_result_that_there_is_is_explained():
    assert re.findall(r"^\| ([\w ,]+) \|", CHECKS.partition("\n## Properties")[0], re.M)[1:] == list(
        WORDS.values()
    )


def test_the_line_that_repeats_a_check_runs():
    (code,) = [text for text in blocks(CHECKS, "python") if "testing.replay(" in text]
    exec(code, {})


def test_a_property_of_ones_own_runs_over_every_configuration():
    (code,) = [text for text in blocks(CHECKS, "python") if "strategies.cases(" in text]
    names = {"Phase": Phase}
    exec(code, names)
    names["test_the_mean_lies_between_those_of_the_parts"]()
    wrong = code.replace("- 1e-5 <= p.mean()", "+ 1e-5 <= p.mean()")  # a property that does not hold
    exec(wrong.replace("deadline=None", "deadline=None, phases=[Phase.generate]"), names)
    with pytest.raises(AssertionError):
        names["test_the_mean_lies_between_those_of_the_parts"]()


def test_the_strategies_of_the_page_are_those_of_the_kit():
    (table,) = re.findall(r"^\| strategy .*?(?=\n\n)", CHECKS, re.S | re.M)
    listed = re.findall(r"`(\w+)\(", table)
    own = inspect.getmembers(strategies, lambda m: inspect.isfunction(m) and m.__module__ == strategies.__name__)
    public = {name for name, _ in own if not name.startswith("_")}
    assert set(listed) == public - {"cases_of", "configurations_of", "shapes_of", "some_values", "wrong_values"}


def one_line(text):
    return " ".join(text.split())


# The page on objectives


def test_the_page_on_objectives_lists_all_of_them():
    listed = re.findall(r"^\| `(\w+)` \|", PAGES["objectives.md"], re.M)
    assert sorted(listed) == sorted(name for kind, name in default() if kind == "objective" and "." not in name)


# All pages


@pytest.mark.parametrize("name", PAGES)
def test_what_a_page_points_at_is_there(name):
    for file, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", PAGES[name]):
        assert (ROOT / "docs" / file).exists()
        if anchor:
            titles = re.findall(r"^#+ (.+)", PAGES[file or name], re.M)
            assert anchor in [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]
    for path in re.findall(r"`((?:examples|probvae|docs|benchmarks|tests|plugins)/[\w/.]*)`", PAGES[name]):
        assert (ROOT / path).exists() or path == "tests/test_laplace.py"


def test_the_files_that_contributing_names_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    paths = re.findall(r"`((?:probvae|docs|tests|tools)/[\w/.]+)`", text)
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", PAGES)
def test_the_code_of_a_page_is_python(name):
    for code in blocks(PAGES[name], "python"):
        ast.parse(f"class _:\n{code}" if code.startswith(" ") else code)


# The page on priors


def test_the_first_prior_is_right():
    report = checked("laplace_prior.py", "builds", "shapes", "finite", "learns", "restores")
    assert report.ok, report


@pytest.mark.parametrize("shown", blocks(PRIOR, "console"), ids=lambda text: text.partition("\n")[0][10:30])
def test_what_a_command_answers_is_what_it_answers(shown, folder):
    line, _, answer = shown.replace("\\\n", "").removeprefix("$ probvae ").partition("\n")
    command = line.split()
    if command[:2] == ["check", "--plugin"]:
        the_reports_are_the_kits(answer.strip("\n"), command[2], folder)
    else:
        assert ran(*command) == answer.strip("\n").replace("/home/you", str(folder))


def the_reports_are_the_kits(shown, file, folder):
    """A report that is shown names the checks of a prior, and says of each red one what the kit says."""
    registry = Registry()
    registry.load_file(file)
    expected = checks_for(testing.Subject("prior", f"{Path(file).stem}.laplace", registry))
    assert re.findall(r"^  [✓✗-] (\w+) ", shown, re.M) == [check.name for check in expected]
    red, left = (re.findall(rf"^  {mark} (\w+) ", shown, re.M) for mark in "✗-")
    assert left == ["exact_kl_is_that_of_the_samples"]
    assert f"laplace  {len(expected)} checks, fast, seed 0\n" in shown
    assert f"{len(expected) - len(red) - len(left)} passed" in shown.splitlines()[-1]
    default().load_file(file)
    for name in red:
        (result,) = testing.check("prior", f"{Path(file).stem}.laplace", only=[name]).results
        message = "\n".join(f"    {line}" for line in str(result).splitlines()[1:])
        assert roughly(message) in roughly(shown.replace("/home/you", str(folder)))


def roughly(text):
    """Without the digits that another machine may give, and the ends of lines that follow from them."""
    return one_line(re.sub(r"-?\d+\.\d+", "0.0", text))


def test_the_constructor_refuses_what_a_spec_refuses(folder):
    (shown,) = blocks(PRIOR, "pycon")
    code, _, answer = shown.removeprefix(">>> ").partition("\n")
    names = {}
    exec("from laplace_prior import Laplace", names)
    with pytest.raises(ConfigError) as caught:
        eval(code, names)
    assert answer.strip() == f"probvae.errors.ConfigError: {caught.value}"


def test_the_check_in_python_runs(capsys):
    exec(block("report = testing.check"), {})
    assert "prior laplace_prior.laplace keeps its contract: 3 passed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "check", "found"),
    re.findall(r"^\| `(.+?)` \| `(.+?)` \| `(\w+)` \| (.+?) \|$", PRIOR, re.M),
    ids=lambda text: text if re.fullmatch(r"\w+", text) else "",
)
def test_a_changed_line_is_found(old, new, check, found, folder):
    fixed = (folder / "own_laplace.py").read_text().replace(" / 2**0.5", "")
    assert fixed.count(old) == 1
    (folder / "wrong_laplace.py").write_text(fixed.replace(old, new))
    (result,) = checked("wrong_laplace.py", check).results
    assert result.status == "failed"
    assert found in result.message


def test_the_fixed_prior_is_right(folder):
    text = (folder / "own_laplace.py").read_text()
    (folder / "own_laplace.py").write_text(text.replace(" / 2**0.5", ""))
    assert checked("own_laplace.py", "shapes", "learns", "samples_are_from_the_density").ok


def promising(folder, file, line):
    """A file of the page with a line in its class."""
    before, after = (folder / file).read_text().rsplit("    def __init__", 1)
    before = before.replace("\nimport probvae\n", "\nimport probvae\nfrom probvae.core import Promises\n")
    (folder / file).write_text(f"{before}{line}\n    def __init__{after}")


def test_promises_are_held(folder):
    promising(folder, "laplace_prior.py", block("tags=("))
    report = checked("laplace_prior.py", "builds", "prior_samples_carry_gradients", "xla_equals_eager")
    assert report.ok, report
    assert len(report.results) == 3


def test_an_expected_failure_is_green_until_it_has_gone(folder):
    promising(folder, "own_laplace.py", block("expected_failures={"))
    green, red = [text.strip() for text in blocks(PRIOR, "") if text.startswith("samples_are_from")]
    report = checked("own_laplace.py", "samples_are_from_the_density")
    assert report.ok
    assert str(report.results[0]) == green
    text = (folder / "own_laplace.py").read_text()
    (folder / "own_laplace.py").write_text(text.replace(" / 2**0.5", ""))
    report = checked("own_laplace.py", "samples_are_from_the_density")
    assert not report.ok
    assert str(report.results[0]).splitlines()[0] == red


def test_another_support_is_declared_and_needed(folder):
    assert checked("positive_prior.py", "stays_in_its_support", "density_integrates_to_one").ok
    text = (folder / "positive_prior.py").read_text()
    (folder / "positive_prior.py").write_text(re.sub(r"\n    support: .*", "", text))
    report = checked("positive_prior.py", "density_integrates_to_one", "samples_are_from_the_density")
    assert [result.status for result in report.results] == ["failed", "failed"]


def test_the_table_of_supports_is_that_of_the_core():
    from probvae.core import REAL, SIMPLEX, SPHERE, UNIT, Values

    (table,) = re.findall(r"^\| support \|.*?(?=\n\n)", PRIOR, re.S | re.M)
    assert Values(0, 1) == UNIT
    assert Values() == REAL
    assert SPHERE.measure in table
    assert probvae.LogSimplex.of(2).measure in table
    assert SIMPLEX.measure.removesuffix(" element") in table


def test_one_latent_on_a_sphere_is_refused():
    names = {}
    exec(block("def at_least_two"), names)
    assert names["at_least_two"](2) == 2
    with pytest.raises(ConfigError, match="expected latent_dim >= 2; got 1"):
        names["at_least_two"](1)


def test_the_decorator_makes_a_test_of_each_check():
    names = {}
    exec(block("@contract("), names)
    (mark,) = names["test_laplace_keeps_its_contract"].pytestmark
    tests = dict(zip(mark.kwargs["ids"], mark.args[1], strict=True))
    expected = [
        check.name
        for check in ALL
        if "prior" in check.kinds and check.tag is None and not (check.conditional or check.rows)
    ]
    assert list(tests) == expected
    names["test_laplace_keeps_its_contract"](tests["shapes"])


def test_the_test_of_the_density_holds():
    names = {}
    exec(block("pytest.approx"), names)
    (test,) = [value for name, value in names.items() if name.startswith("test_")]
    test()


def test_the_package_holds_the_prior_once_it_is_put_in(folder, monkeypatch):
    ran("new-plugin", "sharp")
    package = folder / "probvae-sharp"
    prior = (folder / "laplace_prior.py").read_text()
    prior = prior.replace('@probvae.register("prior", "laplace")\n', "")
    (package / "probvae_sharp" / "laplace.py").write_text(prior)
    (package / "probvae_sharp" / "plugin.py").write_text(block("def probvae_components"))
    monkeypatch.syspath_prepend(package)
    from probvae_sharp.plugin import probvae_components

    (spec,) = probvae_components()
    assert (spec.kind, spec.name) == ("prior", "laplace")
    assert testing.check("prior", spec.load(), only=["shapes"]).ok


# The page on large data


def run_on(table, folder, *plugins):
    """A short run of the first example on other data; what it says."""
    for plugin in plugins:
        default().load_file(plugin)
    spec = tomllib.loads((folder / "examples" / "first.toml").read_text()) | table
    small = {"network": {"use": "dense", "hidden": [8]}}
    likelihood = {"use": "normal" if plugins else "bernoulli"}
    spec["model"] |= {"encoder": small, "decoder": {**small, "likelihood": likelihood}}
    spec["train"] |= {"epochs": 1, "jit": False}
    output = io.StringIO()
    run = probvae.train(spec, folder / "run", overrides=["evaluate.samples=1"], console=Console(file=output))
    assert (run.folder / "evaluation.json").is_file()
    assert "without" not in output.getvalue()


def test_the_array_that_is_written_is_trained_on(folder):
    exec(blocks(LARGE, "python")[0], {})
    run_on(tomllib.loads(blocks(LARGE, "toml")[0]), folder)


# The page on datasets


def test_the_dataset_of_the_page_is_trained_on(folder):
    rng = np.random.default_rng(0)
    np.savez("spectra.npz", flux=rng.normal(size=(60, 64)), night=np.repeat(range(6), 10))
    run_on(tomllib.loads(blocks(DATASET, "toml")[0]), folder, write(DATASET, folder))


def test_a_missing_file_points_into_the_spec(folder):
    with pytest.raises(SpecError, match=r"data\.file: expected a \.npz file; got no file .*spectra\.npz"):
        run_on(tomllib.loads(blocks(DATASET, "toml")[0]), folder, write(DATASET, folder))


def write(page, folder):
    """The file of a page."""
    code = blocks(page, "python")[0]
    path = folder / re.match(r'"""(\w+\.py): ', code)[1]
    path.write_text(code, encoding="utf-8")
    return path


def test_the_splits_of_the_page_are_as_it_says(capsys):
    code = blocks(DATASET, "python")[1]
    exec(code, {})
    assert capsys.readouterr().out.splitlines()[0] == re.search(r"print\(train\)  # (.+)", code)[1]


@pytest.mark.parametrize("number", [2, 3], ids=["read as needed", "streamed"])
def test_the_examples_that_are_not_in_memory_come_once_an_epoch(number):
    names = {}
    exec(blocks(DATASET, "python")[number], names)
    batches, x = names["batches"], names["batch"].x
    assert x.shape == (32, 64)
    assert (batches.size, batches.steps_per_epoch) == (32, 4)
    stream = batches.stream(4)
    epoch = np.concatenate([next(stream).x[: batches.examples(step)] for step in range(4, 8)])
    stored = batches._split.stored[np.arange(100)]
    np.testing.assert_array_equal(np.unique(epoch, axis=0), np.unique(stored, axis=0))
    if number == 3:
        np.testing.assert_array_equal(x, epoch[32:64])


def test_the_page_on_training_gives_the_defaults_of_the_code():
    settings = TrainSettings()
    assert f"| `checkpoint_minutes = {settings.checkpoint_minutes:g}` |" in TRAINING
    assert f"| `keep = {settings.keep}` |" in TRAINING
    assert '`jit = "auto"`' in TRAINING
    assert settings.jit == "auto"
    tables = [tomllib.loads(shown)["train"] for shown in blocks(TRAINING, "toml")]
    assert len(tables) == 2
    for table in tables:
        assert TrainSettings(**table | {"freeze": tuple(table["freeze"])}).freeze == ("encoder", "decoder")
    for name in re.findall(r"^\| `(\w+) = |`(\w+) = ", TRAINING, re.M):
        assert hasattr(settings, "".join(name)), name


# The page on data


def test_the_data_of_the_page_is_read_as_the_page_says(folder):
    exec(blocks(DATA, "python")[0], {})
    shown = blocks(DATA, "console")[0]
    command, _, output = shown.partition("\n")
    program, *arguments = command.removeprefix("$ ").split()
    assert program == "probvae"
    assert ran(*arguments) == output.rstrip("\n")
    table = tomllib.loads(blocks(DATA, "toml")[0])["data"]
    settings = dict(argument.split("=") for argument in arguments if "=" in argument)
    assert settings == {name: str(value) for name, value in table.items() if name != "use"}


def test_the_folder_of_the_page_is_read_as_the_page_says(folder):
    for number in range(20):
        path = folder / "animals" / ("cat", "dog")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((80, 70, 3), number, np.uint8)).save(path)
    (table,) = [made for text in blocks(DATA, "toml") if (made := tomllib.loads(text)["data"])["use"] == "images"]
    data = SpecData(document := read({"data": table}), plan_dataset(document, Registry())).loaded
    assert data.info.event_shape == (64, 64, 3)
    assert data.info.classes == ("cat", "dog")


def test_the_table_of_the_page_is_read_as_the_page_says(folder):
    pytest.importorskip("pandas")
    lines = [
        f"p{number},{number},{number % 3},{('Graz', 'Wien')[number % 2]},{number % 4}" for number in range(20)
    ]
    (folder / "people.csv").write_text("\n".join(["name,age,income,town,group", *lines]))
    table = tomllib.loads(blocks(DATA, "toml")[1])["data"]
    data = SpecData(document := read({"data": table}), plan_dataset(document, Registry())).loaded
    assert data.info.columns == ("age", "income", "town=Graz", "town=Wien")
    assert data.info.classes == ("0", "1", "2", "3")
    assert data.test.ids.tolist() == [f"p{row}" for row in data.test.rows]


def test_a_table_becomes_latents_and_filled_values_as_the_page_says(folder, monkeypatch):
    """Its commands and its code, in their order; but for one epoch."""
    pd = pytest.importorskip("pandas")
    monkeypatch.setattr("probvae.runs.training.draw_figures", lambda *_: None)
    shutil.copy(ROOT / "examples" / "data" / "penguins.csv", folder)
    table = pd.read_csv("penguins.csv")
    table[100:105].to_csv("new.csv", index=False)
    names, section = {}, DATA.partition("\n## A table, from start to end\n")[2].partition("\n## ")[0]
    for language, text in re.findall(r"^```(\w+)\n(.*?)^```$", section, re.S | re.M):
        if language == "toml":
            spec = Path("penguins.toml").read_text()
            assert "epochs = 200\n" in spec
            Path("penguins.toml").write_text(re.sub(r"\[data\]\n.*?\n\n", f"{text}\n", spec, flags=re.S))
        elif language == "python":
            exec(text, names)
        else:
            for command, answer in re.findall(r"^\$ probvae (.+)\n((?:[^$].*\n)*)", text, re.M):
                small = ["--set", "train.epochs=1", "--set", "train.jit=false", "--set", "evaluate.samples=2"]
                found = ran(*command.split(), *(small if command.startswith("train") else []))
                assert not answer or found == answer.strip("\n")
    joined, filled = names["joined"], names["filled"]
    assert (len(joined), [*joined.columns[:10]]) == (344, [*table.columns])
    assert (joined.species == joined["labels"]).all()
    assert (joined.row == np.arange(344)).all()
    new, row = pd.read_csv("new_latents.csv"), joined[100:105].reset_index()
    assert (new.id == row.bird).all()
    np.testing.assert_allclose(new.mean_0, row.mean_0, rtol=1e-4, atol=1e-6)
    known = table.set_index("bird")
    numbers = known.columns[3:]
    assert not filled[numbers].isna().any(axis=None)
    assert (filled[numbers] == known[numbers])[known[numbers].notna()].sum().sum() == known[numbers].count().sum()
    again, made_up = pd.read_csv("again.csv"), pd.read_csv("made_up.csv")
    np.testing.assert_allclose(again.x_body_mass_g, table.body_mass_g, rtol=1e-5)  # gaps too
    assert len(made_up) == 500
    assert made_up.x_flipper_length_mm.mean() == pytest.approx(table.flipper_length_mm.mean(), rel=0.2)
    gap = filled.body_mass_g[known.body_mass_g.isna()]
    assert gap.between(known.body_mass_g.min(), known.body_mass_g.max()).all()


def test_the_array_of_the_page_is_trained_on(monkeypatch):
    monkeypatch.setattr("probvae.runs.training.draw_figures", lambda *_: None)
    names = {}
    (code,) = [text for text in blocks(DATA, "python") if "probvae.train(" in text]
    exec(code, names)
    assert names["numbers"]["elbo"]["examples"] == 20
    (code,) = [text for text in blocks(DATA, "python") if "observed=" in text]
    exec(code, names)
    data = names["data"]
    assert [len(split) for split in (data.train, data.validation, data.test)] == [160, 20, 20]
    assert data.info.sizes == (160, 20, 20)
    assert np.isnan(names["x"]).sum() == 200 * 8 - sum(
        split.observed[:].sum() for split in (data.train, data.validation, data.test)
    )


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras, with NumPy 2
def test_the_code_on_weights_callbacks_and_interpolation_runs(folder, monkeypatch, capsys):
    monkeypatch.setattr("probvae.runs.training.draw_figures", lambda *_: None)

    def parts():
        encoder = c.NetworkEncoder(c.Dense((4,)), c.DiagonalNormal(2), (3,))
        return encoder, c.NetworkDecoder(c.Dense((4,)), c.Normal((3,)), 2), c.StandardNormal(2)

    x = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    vae = VAE(*parts())
    vae.save_weights("vae.weights.h5")
    names = {"VAE": VAE, "vae": vae, "x": x, "np": np, "probvae": probvae}
    names |= dict(zip(("encoder", "decoder", "prior"), parts(), strict=True))
    (load,) = [text for text in blocks(TRAINING, "python") if "load_weights" in text]
    exec(load, names)
    np.testing.assert_array_equal(names["again"].posterior(x).mean(), vae.posterior(x).mean())

    (path,) = [text for text in blocks(PAGES["python.md"], "python") if "share" in text]
    exec(path, names)
    assert names["path"].shape == (10, 3)

    (define,) = [text for text in blocks(TRAINING, "python") if "probvae.Callback" in text]
    exec(define.partition("run = ")[0], names)
    model = {
        "latent_dim": 2,
        "encoder": {"network": {"use": "dense"}},
        "decoder": {"network": {"use": "dense"}, "likelihood": {"use": "normal"}},
        "prior": {"use": "standard_normal"},
    }
    spec = {"schema": 1, "model": model, "train": {"epochs": 2}}
    probvae.train(spec, data=x, callbacks=[names["Losses"]()], console=Console(quiet=True))
    assert re.fullmatch(r"1 [\d.]+ [\d.]+\n2 [\d.]+ [\d.]+\n", capsys.readouterr().out)


PARTS = {"train": ["train", "training"], "validation": ["validation", "valid", "val"], "test": ["test", "testing"]}


def test_the_keys_of_the_page_are_read(folder):
    """Every key of the table: of each part under each of its names, of a file of one part, and no other."""
    examples, labels = (row.split(" | ") for row in re.findall(r"^\| (?:examples|labels) \| (.+) \|$", DATA, re.M))
    kinds = [re.findall(r"`([a-z]+)`", row[0].partition("KIND is ")[2]) for row in (examples, labels)]
    named = re.search(r"^PART is (.+)$", DATA, re.M)[1]
    assert re.findall(r"`(\w+)`", named) == [name for names in PARTS.values() for name in names]
    both = "{kind}_{part}", "{part}_{kind}"
    x, y = np.zeros((20, 3)), np.arange(20)

    def keys(part, of):
        return [form.format(kind=kind, part=part) for kind in kinds[of] for form in both]

    for part, names in PARTS.items():
        others = {other: x for other in PARTS if other != part}
        for number, name in enumerate(names):
            examples_keys, label_keys = [name, *keys(name, 0)], keys(name, 1)
            for place in range(number % 2, len(label_keys), 2):
                key = examples_keys[place % len(examples_keys)]
                np.savez("a.npz", **others, **{key.upper(): x, label_keys[place]: y})
                made = getattr(Arrays("a.npz").load(), part)
                assert (len(made), len(made.labels)) == (20, 20)
    for kind, label in itertools.product(kinds[0], kinds[1]):
        np.savez("a.npz", **{kind: x, label: y, "x_test": np.zeros((5, 3))})
        made = Arrays("a.npz").load()
        assert (made.info.sizes, len(made.train.labels)) == ((18, 2, 5), 18)
    np.savez("a.npz", flux=x, y=y)
    assert len(Arrays("a.npz").load().train) == 16
    np.savez("a.npz", flux=x, weights=x)
    with pytest.raises(ConfigError, match=r"expected the examples under a key as train, .*; got flux, weights in"):
        Arrays("a.npz").info()


def test_the_keys_of_ids_on_the_page_are_read(folder):
    (row,) = re.findall(r"^\| ids \| (.+?) \|", DATA, re.M)
    x, ids = np.zeros((20, 3)), np.arange(20)
    for kind in re.findall(r"`([a-z]+)`", row.partition("KIND is ")[2]):
        for key in (f"train_{kind}", f"{kind}_train"):
            np.savez("a.npz", train=x, validation=x, test=x, **{key: ids})
            np.testing.assert_array_equal(Arrays("a.npz").load().train.ids, ids)


# The page on networks


def test_the_code_of_the_page_on_networks_runs():
    connect, keras_model, example = blocks(NETWORKS, "python")
    names = {}
    exec(connect + keras_model, names)
    assert names["encoder"].network.out_shape == (4,)
    assert example == (ROOT / "examples" / "mlp_mixer.py").read_text(encoding="utf-8")


def test_the_tables_of_the_page_on_networks_are_those_of_a_spec():
    spec = tomllib.loads((ROOT / "examples" / "first.toml").read_text())
    for shown in blocks(NETWORKS, "toml"):
        for part, table in tomllib.loads(shown)["model"].items():
            spec["model"][part] |= table
        plan(read(spec), Registry())
    names = re.findall(r"^\| `(\w+)` \|", NETWORKS, re.M)
    assert sorted(names) == sorted(name for name in Registry().names("network") if "." not in name)


# The page on hierarchies


def test_the_code_on_hierarchies_does_what_it_says():
    (code,), (shown, parallel) = blocks(HIERARCHIES, "python"), blocks(HIERARCHIES, "toml")
    names = {}
    exec(code, names)
    assert names["vae"].blocks == {"z2": 2, "z1": 3}
    assert {name: kl.shape for name, kl in names["kl"].items()} == {"z2": (4,), "z1": (4,)}
    spec = {"schema": 1, "data": {"use": "fashion_mini"}, **tomllib.loads(shown)}
    spec["model"]["prior"]["top"]["pseudo_inputs"] = 3
    spec["model"]["encoder"] |= tomllib.loads(parallel)["model"]["encoder"]
    vae = probvae.build(spec)
    assert vae.blocks == {"z2": 8, "z1": 32}
    assert vae.encoder.network.first.out_shape == vae.encoder.head.top.output_shape


# The page on conditions


def test_the_code_on_conditions_does_what_it_says(capsys):
    model, data, own = blocks(CONDITIONS, "python")
    names = {}
    exec(model, names)
    assert names["vae"].condition_dim == 10
    assert names["x"].shape == (3, 28, 28, 1)
    exec(data, {})
    assert capsys.readouterr().out.strip() == re.search(r"print\(.*\)\n# (.+)", data)[1]
    exec(own, names)
    prior = names["ByClass"](2, condition_dim=10)
    assert prior.distribution(np.eye(10, dtype=np.float32)[[3, 3, 7]]).batch_shape == (3,)
    assert tomllib.loads(blocks(CONDITIONS, "toml")[0]) == {"data": {"use": "fashion_mini", "condition": "labels"}}


def test_the_code_on_missing_labels_does_what_it_says():
    (code,) = blocks(LABELS, "python")
    names = {}
    exec(code, names)
    assert np.sum(names["known"]) == 600
    value = names["found"].value
    assert 0.1 < value < 1
    assert names["found"].standard_error == pytest.approx((value * (1 - value) / 1000) ** 0.5)
    (table,) = blocks(LABELS, "toml")
    example = tomllib.loads((ROOT / "examples" / "semi_supervised.toml").read_text())
    assert example["data"] == tomllib.loads(table)["data"]


def test_the_example_of_missing_labels_trains(folder):
    spec = ROOT / "examples" / "semi_supervised.toml"
    assert len(spec.read_text().splitlines()) <= 40
    small = [f"model.{part}.network.hidden=[4]" for part in ("encoder", "decoder", "classifier")]
    small += ["train.epochs=1", "train.batch_size=1000", "train.jit=false", "evaluate.samples=2"]
    run = probvae.train(spec, folder / "run", overrides=[*small, "data.labelled=100"], console=Console(quiet=True))
    assert 0 < json.loads(run.evaluation_file.read_text())["accuracy"]["value"] < 1
    assert (run.figures / "samples.png").exists()
    for settings, count in ((["data.labelled=100"], 100), ([], 600)):
        train = SpecData.of(plan(read(spec).override(settings), Registry())).loaded.train
        assert np.sum(train.labels != -1) == count


@pytest.mark.parametrize("name", ["table", "mixed_table", "counts"])
def test_the_examples_on_real_data_train(name, folder, monkeypatch):
    if name != "counts":
        pytest.importorskip("pandas")
    spec = ROOT / "examples" / f"{name}.toml"
    assert len(spec.read_text().splitlines()) <= 40
    drawn = []
    monkeypatch.setattr(
        "probvae.runs.training.draw_figures",
        lambda run, vae, data, console: drawn.append(latent_map(vae, data.test, info=data.info)),
    )
    small = ["train.epochs=1", "train.jit=false", "model.prior.components=1", "evaluate.samples=2"]
    run = probvae.train(spec, folder / "run", overrides=small, console=Console(quiet=True))
    assert len(drawn) == 1
    data = run.environment.data
    if name != "counts":
        assert data.groups == (
            ("numbers", 6),
            *((("categories", 3), ("categories", 2)) if name != "table" else ()),
        )
        assert data.fitted["classes"] == ["Adelie", "Chinstrap", "Gentoo"]
        assert sum(data.sizes) == 344
    else:
        assert (sum(data.sizes), data.event_shape, data.values) == (1228, (300,), "integers from 0 to 81")


def test_the_gallery_has_the_examples_on_real_data():
    page = PAGES["gallery.md"]
    shown = re.findall(r"^## `examples/(\w+)\.toml`", page, re.M)
    assert {"first", "conditional", "table", "counts"} <= {*shown}
    assert len(re.findall(r"^!\[.+\]\(.+\.png\)$", page, re.M)) == len(shown)


FILTERS = ["model.encoder.network.filters=[2]", "model.decoder.network.filters=[2]"]
SMALL = dict.fromkeys(["conditional", "conditional_prior", "mmd_vae", "beta_tc", "flow_posterior"], FILTERS)
SMALL["hierarchy"] = [
    f"model.{part}.hidden=[4]"
    for part in ("encoder.network", "decoder.network", "encoder.posterior.network", "prior.lower.network")
]
"""Examples, and what makes their networks small."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "conditional_prior" else ()) for name in SMALL]
)
def test_the_examples_of_conditions_objectives_and_hierarchies_train(name, folder, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "probvae.runs.training.draw_figures",
        lambda run, vae, data, console: drawn.append(samples(vae, 0, data.test, info=data.info)),
    )
    spec = ROOT / "examples" / f"{name}.toml"
    assert len(spec.read_text().splitlines()) <= 40
    small = [
        *SMALL[name],
        "train.epochs=1",
        "train.batch_size=1000",
        "train.jit=false",
        "evaluate.samples=2",
        "data.binarize=static",
    ]
    probvae.train(spec, folder / "run", overrides=small, console=Console(quiet=True))
    assert len(drawn) == 1


def test_the_table_of_likelihoods_has_all_of_them_with_their_supports():
    rows = re.findall(r"^\| .+? \| `(\w+)` \| (.+?) \| .+? \|$", LIKELIHOODS, re.M)
    built_in = {name: default()["likelihood", name].load() for name in default().names("likelihood")}
    kinds = (("numbers", 1), ("counts", 1), ("categories", 2))
    shapes = {
        "mixed": {"column_groups": kinds, "numbers": built_in["normal"]((1,)), "counts": built_in["poisson"]((1,))}
    }
    right = {
        name: str(factory(**shapes.get(name, {"event_shape": (2,)})).support)
        for name, factory in built_in.items()
        if "." not in name
    }
    assert dict(rows) == right | {"mixed": "numbers, counts, categories"}
    assert right["mixed"] == "1 numbers, 1 counts, 2 categories"


def test_the_specs_of_the_pages_on_likelihoods_and_objectives_are_valid():
    model = {"latent_dim": 2, "encoder": {"network": {"use": "dense"}}, "prior": {"use": "mixture"}}
    decoder = {"network": {"use": "dense"}, "likelihood": {"use": "normal"}}
    for text in blocks(LIKELIHOODS, "toml") + blocks(PAGES["objectives.md"], "toml"):
        if "[" in text.splitlines()[0]:
            table = {"data": {"use": "fashion_mini"}, **tomllib.loads(text)}
            parts = {**model, "decoder": decoder, **table.pop("model", {})}
            plan(read({"schema": 1, "model": parts, **table}), default())


def test_the_table_of_posteriors_has_all_of_them_with_their_latents_outputs_and_divergences():
    D, rows = 4, re.findall(r"^\| .+? \| `(\w+)` \| (.+?) \| (.+?) \| (.+?) \|$", POSTERIORS, re.M)
    registry = default()
    assert sorted(row[0] for row in rows) == sorted(
        name for name in registry.names("posterior") if "." not in name
    )
    for name, latents, outputs, kl in rows:
        if name == "hierarchical":
            continue
        head = registry["posterior", name].load()(D)
        assert str(head.support) == latents.replace(" D ", f" {D} ")
        sizes = {"D": D, "K": 4, "C": 16}  # K and C by default
        parts = re.sub(r"(?<=[\w)]) (?=[\w(])", " * ", outputs)  # `2 K D` is a product
        assert head.output_shape == (eval(parts, sizes),)
        q = head.posterior(np.zeros((2, *head.output_shape), np.float32))
        exact = re.findall(r"`(\w+)`", kl)
        for prior in ("standard_normal", "laplace"):
            p = registry["prior", prior].load()(D).distribution()
            assert (exact_kl(q, p) is not None) == (prior in exact)


@pytest.mark.parametrize(
    ("part", "head", "page", "count"),
    [("decoder", "likelihood", LIKELIHOODS, 6), ("encoder", "posterior", POSTERIORS, 6)],
)
def test_the_heads_of_a_page_are_those_of_a_spec(part, head, page, count):
    lines = re.findall(rf"^{head} = .+$", page, re.M)
    assert len(lines) == count
    for line in lines:
        model = {
            "latent_dim": 2,
            "encoder": {"network": {"use": "dense"}},
            "decoder": {"network": {"use": "dense"}, "likelihood": {"use": "bernoulli"}},
            "prior": {"use": "mixture"},
        }
        model[part] |= tomllib.loads(line)
        plan(read({"schema": 1, "model": model, "data": {"use": "fashion_mini"}}), default())


# The page on priors to choose from


def test_the_table_of_priors_has_all_of_them():
    table = PRIORS.partition("## The priors\n")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `(\w+)` \|", table, re.M)
    assert sorted(listed) == sorted(name for name in default().names("prior") if "." not in name)


def test_the_code_of_the_page_on_priors_does_what_it_says():
    (code,), (table,) = blocks(PRIORS, "python"), blocks(PRIORS, "toml")
    names = {}
    exec(code, names)
    assert (names["p"].batch_shape, names["p"].event_shape) == ((), (2,))
    found = names["left"].log_prob(np.zeros((1, 2), np.float32)).numpy()
    assert found.shape == (3,)
    assert np.all(found[:2] != found[2])
    np.testing.assert_allclose(found[2], names["p"].log_prob(np.zeros(2, np.float32)), rtol=1e-6)
    spec = tomllib.loads((ROOT / "examples" / "first.toml").read_text())
    spec["model"] |= tomllib.loads(table)["model"]
    plan(read(spec), Registry())
