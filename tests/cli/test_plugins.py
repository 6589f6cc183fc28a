"""Plugins through the program: one that works is used like a built-in, one that does not is only a warning."""

import os
import subprocess
import sys

import numpy as np
import pytest

import probvae
from probvae.registry import DISABLE, default

STUDENT_T = '''
import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions


@probvae.register("prior", "student_t")
class StudentT(probvae.Prior):
    """Independent Student-t distributions with learned locations and scales, batch [] and event [D].

    Args:
        latent_dim: D, the size of one latent.
        df: the degrees of freedom.
    """

    def __init__(self, latent_dim: int, df: float = 5.0) -> None:
        super().__init__()
        self.df = df
        self.loc = self.add_weight(shape=(latent_dim,), initializer="zeros", name="loc")
        self.raw_scale = self.add_weight(shape=(latent_dim,), initializer="zeros", name="raw_scale")

    def distribution(self):
        """p(z): [], [D]."""
        elements = tfd.StudentT(self.df, self.loc.value, tf.nn.softplus(self.raw_scale.value) + 1e-4)
        return tfd.Independent(elements, reinterpreted_batch_ndims=1)
'''
USE = ("--set", "model.prior.use=my_prior.student_t")

BROKEN = {
    "raises": ("raise RuntimeError('no luck today')", "RuntimeError: no luck today (raises.py, line 2)"),
    "imports": ("import nowhere_to_be_found", "ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
    "misspells": (
        "@probvae.hookimpl\ndef probvae_component():\n    return []",
        "no hook is named 'probvae_component'. Did you mean 'probvae_components'?",
    ),
    "exits": ("raise SystemExit(3)", "SystemExit: 3"),
    "is_empty": ("", "it has no component and no hook"),
    "no_kind": (
        '@probvae.register("priors", "x")\nclass X:\n    """X."""',
        "no kind is named 'priors'. Did you mean 'prior'?",
    ),
    "bad_name": ('@probvae.register("prior", "Student-t")\nclass X:\n    """X."""', "expected a name of a-z"),
}


@pytest.fixture
def my_prior(plugin):
    return plugin("my_prior", STUDENT_T)


def words(text):
    """The text with single spaces: how wide a column is depends on what is installed."""
    return " ".join(text.split())


# One that works


def test_a_single_file_is_listed_shown_and_checked_like_a_built_in(my_prior, program, tiny):
    with_it = ("--plugin", my_prior)
    assert f"my_prior ok 1 components {my_prior}" in words(program("plugins", *with_it).out)
    assert "my_prior.student_t Independent Student-t" in words(program("list", "prior", *with_it).out)
    shown = program("show", "prior", "my_prior.student_t", *with_it)
    assert shown.out.startswith(f"prior my_prior.student_t  ({my_prior})")
    assert "df: a number  [5.0]\n      the degrees of freedom." in shown.out
    checked = program("check", tiny, *with_it, *USE, "--set", "model.prior.df=3")
    assert (checked.status, checked.err) == (0, "")
    assert "prior my_prior.student_t" in checked.out
    filled = program("fill", tiny, *with_it, *USE)
    assert 'use = "my_prior.student_t"\ndf = 5.0' in filled.out


def test_a_parameter_of_a_plugin_is_checked_like_any_other(my_prior, program, tiny):
    ended = program("check", tiny, "--plugin", my_prior, *USE, "--set", "model.prior.df=heavy")
    assert ended.status == 2
    assert "expected  a number" in ended.err
    assert "the degrees of freedom." in ended.err


def test_the_short_name_of_a_plugins_component_is_reported_in_full(my_prior, program, tiny):
    ended = program("check", tiny, "--plugin", my_prior, "--set", "model.prior.use=student_t")
    assert ended.status == 2
    assert "Did you mean 'my_prior.student_t'?" in ended.err


def test_a_model_with_a_plugins_prior_is_trained_and_loaded_again(my_prior, program, tiny, folder):
    ended = program("train", tiny, "--plugin", my_prior, *USE, "--out", "run")
    assert ended.status == 0, ended.err
    assert "my_prior.student_t prior" in ended.out
    assert "epoch 1/1" in ended.out

    default.cache_clear()
    vae = probvae.load(folder / "run", plugins=[my_prior])
    assert type(vae.prior).__name__ == "StudentT"
    assert {variable.name for variable in vae.prior.trainable_variables} == {"loc", "raw_scale"}
    assert np.any(vae.prior.loc.numpy())  # it was trained, and the trained values are here

    default.cache_clear()
    with pytest.raises(probvae.errors.SpecError) as refused:
        probvae.load(folder / "run")
    assert "No prior is named 'my_prior.student_t'" in str(refused.value)
    assert f"It was made with --plugin {my_prior}." in str(refused.value)

    ended = program("sample", "run", "--count", "3", "--out", "x.npz")
    assert ended.status == 2
    assert f"It was made with --plugin {my_prior}." in ended.err
    ended = program("sample", "run", "--count", "3", "--out", "x.npz", "--plugin", my_prior)
    assert ended.out == "x.npz: mean [3, 4, 4, 1], x [3, 4, 4, 1]\n"


# One that does not


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_is_reported_and_all_else_works(name, plugin, program, tiny):
    source, reason = BROKEN[name]
    with_it = ("--plugin", plugin(name, source))
    listed = program("plugins", *with_it)
    assert listed.status == 0
    row, below, *others = listed.out.splitlines()[
        [line.split()[0] for line in listed.out.splitlines()].index(name) :
    ]
    assert row.split()[:3] == [name, "broken", "0"]
    assert reason in below
    assert all(line.split()[1] == "ok" for line in others)
    for command in (["list", "prior"], ["show", "prior", "mixture"], ["check", tiny], ["fill", tiny]):
        ended = program(*command, *with_it)
        assert ended.status == 0
        assert f"warning: The plugin {with_it[1]} is broken: " in ended.err
        assert reason in ended.err
        assert "Traceback" not in ended.text


def test_training_continues_without_a_broken_plugin(plugin, program, tiny, folder):
    ended = program("train", tiny, "--plugin", plugin("raises", BROKEN["raises"][0]), "--out", "run")
    assert ended.status == 0
    assert "warning: The plugin" in ended.err
    assert (folder / "run" / "evaluation.json").is_file()


@pytest.mark.parametrize("name", ["raises.student_t", "student_t"])
def test_a_name_that_a_broken_plugin_may_have_meant_to_give_says_so(name, plugin, program, tiny):
    file = plugin("raises", BROKEN["raises"][0])
    ended = program("check", tiny, "--plugin", file, "--set", f"model.prior.use={name}")
    assert ended.status == 2
    assert f"Plugin raises ({file}) is broken: RuntimeError: no luck today" in ended.err


def test_two_files_of_one_name_are_both_refused_whichever_comes_first(plugin, program, tiny, folder):
    first, second = (plugin(f"{name}/my_prior", STUDENT_T) for name in "ab")
    outputs = []
    for files in [(first, second), (second, first)]:
        options = [option for file in files for option in ("--plugin", file)]
        listed = program("plugins", *options)
        assert listed.out.count("my_prior            broken") == 2
        assert f"the namespace 'my_prior' is claimed by {first} and by {second}; rename one" in listed.out
        outputs.append(listed.out)
        ended = program("check", tiny, *options, *USE)
        assert ended.status == 2
        assert f"is claimed by {first} and by {second}" in ended.err
        assert program("check", tiny, *options).status == 0
    assert outputs[0] == outputs[1]


def test_list_reports_a_broken_plugin_once(plugin, program):
    ended = program("list", "--plugin", plugin("raises", BROKEN["raises"][0]))
    assert ended.err.count("no luck today") == 1


@pytest.mark.parametrize(
    ("init", "body", "words"),
    [
        pytest.param("raise ValueError('k must not be 3')", "return None", "k must not be 3"),
        pytest.param("pass", "raise ValueError('no such p(z)')", "no such p(z)"),
        pytest.param("pass", "return None", "None"),
        pytest.param(
            "pass",
            "import tensorflow_probability as tfp; return tfp.distributions.Normal([0.0, 0.0], 1.0)",
            "expected p(z) with batch [] and event [D]; got batch [2] and event []",
        ),
    ],
    ids=["its constructor raises", "its method raises", "its method returns nothing", "its shape is wrong"],
)
def test_a_component_that_fails_is_reported_with_its_place(init, body, words, plugin, program, tiny):
    file = plugin(
        "wrong",
        f'''
        @probvae.register("prior", "thing")
        class Wrong(probvae.Prior):
            """A prior that does not work."""

            def __init__(self, latent_dim: int, k: int = 3) -> None:
                super().__init__()
                {init}

            def distribution(self):
                {body}
        ''',
    )
    ended = program("check", tiny, "--plugin", file, "--set", "model.prior.use=wrong.thing")
    assert ended.status == 2, ended.err
    assert words in ended.err
    assert "Traceback" not in ended.err


def test_a_class_that_is_not_of_its_kind_is_reported(plugin, program, tiny):
    file = plugin(
        "wrong",
        '''
        @probvae.register("prior", "thing")
        class Thing:
            """No prior at all."""
        ''',
    )
    ended = program("check", tiny, "--plugin", file, "--set", "model.prior.use=wrong.thing")
    assert ended.status == 2
    assert "Traceback" not in ended.err


def test_a_default_that_a_spec_cannot_hold_is_reported(plugin, program):
    file = plugin(
        "wrong",
        '''
        @probvae.register("prior", "thing")
        class Thing(probvae.Prior):
            """A prior with a function for a parameter."""

            def __init__(self, latent_dim: int, start: int = print) -> None:
                super().__init__()

            def distribution(self):
                return None
        ''',
    )
    ended = program("show", "prior", "wrong.thing", "--plugin", file)
    assert "Traceback" not in ended.err


def test_a_variable_that_is_never_trained_is_found_by_check(plugin, program, tiny):
    file = plugin("idle", STUDENT_T.replace("self.loc.value", "0.0 * tf.zeros(self.loc.shape)"))
    ended = program("check", tiny, "--plugin", file, "--set", "model.prior.use=idle.student_t")
    assert ended.status == 1
    assert "The loss does not depend on these trainable variables: prior/loc." in ended.err
    assert "Traceback" not in ended.err


# Disabled, and installed


def test_a_disabled_plugin_gives_nothing_and_says_why(program, tiny):
    ended = program("--disable-plugin", "probvae.data", "check", tiny)
    assert ended.status == 2
    assert "Plugin probvae.data (probvae) is disabled" in ended.err
    _, known, names = ended.err.partition("Known: ")
    assert known
    assert "fashion_mini" not in names
    listed = program("--disable-plugin", "probvae.data", "plugins")
    assert any(line.split()[:2] == ["probvae.data", "disabled"] for line in listed.out.splitlines())
    assert "fashion_mini" not in program("--disable-plugin", "probvae.data", "data", "list").out


def test_a_plugin_is_disabled_in_the_processes_of_a_command_too(program, tiny, monkeypatch):
    seen = []
    monkeypatch.setattr("probvae.runs.workers.run_workers", lambda *_: seen.append(os.environ[DISABLE]) or 0)
    monkeypatch.setenv(DISABLE, "other")
    program("--disable-plugin", "probvae.data", "train", tiny, "--workers", 2)
    assert seen == ["other,probvae.data"]
    assert os.environ[DISABLE] == "other"


def test_the_environment_disables_a_plugin_too(program, monkeypatch):
    monkeypatch.setenv("PROBVAE_DISABLE_PLUGINS", "probvae.data, other")
    assert "fashion_mini" not in program("list").out


def test_a_name_of_no_plugin_to_disable_is_reported(program):
    ended = program("--disable-plugin", "probvae.dta", "list")
    assert "probvae.data" in ended.err


@pytest.fixture
def installed(tmp_path):
    """Installs a distribution with one plugin, and runs the program in a process that sees it."""

    def run(name, source, *arguments):
        site = tmp_path / "site"
        info = site / f"{name}-1.0.dist-info"
        info.mkdir(parents=True, exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[probvae]\n{name} = {name}\n")
        (site / f"{name}.py").write_text(source)
        return subprocess.run(
            [sys.executable, "-m", "probvae", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={**os.environ, "PYTHONPATH": str(site)},
        )

    return run


COMMAND = """
import click
from probvae.registry import hookimpl

print("imported")

@hookimpl
def probvae_cli(app):
    @app.command()
    def hello():
        print("hello")
    @app.command()
    @click.pass_context
    def fail(context):
        context.exit(3)
"""


def test_an_installed_plugin_adds_a_command(installed):
    ended = installed("greeting", COMMAND, "hello")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "imported\nhello\n", "")
    assert "hello" in installed("greeting", COMMAND, "--help").stdout


def test_the_exit_status_of_a_plugins_command_is_the_programs(installed):
    assert installed("greeting", COMMAND, "fail").returncode == 3


def test_a_disabled_plugin_is_not_imported(installed):
    ended = installed("greeting", COMMAND, "--disable-plugin", "greeting", "list", "prior")
    assert ended.returncode == 0
    assert "imported" not in ended.stdout


def test_an_installed_plugin_whose_commands_fail_is_a_warning(installed):
    source = COMMAND.replace("@app.command()\n    def hello", "raise ValueError('not today')\n    def hello")
    ended = installed("greeting", source, "list", "prior")
    assert ended.returncode == 0
    assert "mixture" in ended.stdout
    assert "warning: plugin greeting: probvae_cli failed: ValueError: not today" in ended.stderr


@pytest.mark.parametrize(
    ("raises", "message"),
    [("raise SystemExit(5)", "SystemExit: 5"), ("raise GeneratorExit", "GeneratorExit")],
)
def test_whatever_a_plugin_raises_while_it_is_imported_is_reported(raises, message, program, plugin):
    file = plugin("leaving", raises)
    ended = program("plugins", "--plugin", file)
    assert ended.status == 0
    assert "broken" in ended.out
    assert message in ended.out
    assert "(leaving.py, line 2)" in ended.out


def test_a_component_that_exits_does_not_end_the_program_silently(program, plugin, spec):
    file = plugin(
        "leaving",
        """
        import sys
        from probvae.components import StandardNormal

        @probvae.register("prior", "leaving")
        class Leaving(StandardNormal):
            def distribution(self):
                sys.exit(5)
        """,
    )
    text = 'use = "mixture"\ncomponents = 4'
    ended = program("check", spec((text, 'use = "leaving.leaving"')), "--plugin", file)
    assert ended.status == 2
    assert "SystemExit: 5 (leaving.py, line 9)" in ended.err
    assert "Traceback" not in ended.err


def test_a_component_that_fails_in_a_command_is_reported_in_one_line(program, plugin):
    file = plugin(
        "failing",
        """
        @probvae.register("dataset", "failing")
        class Failing(probvae.Dataset):
            @property
            def info(self):
                return 1 / 0

            load = info
        """,
    )
    ended = program("data", "info", "failing.failing", "--plugin", file)
    assert ended.status in (1, 2)
    assert "ZeroDivisionError: division by zero (failing.py, line" in ended.err
    assert "Traceback" not in ended.err
