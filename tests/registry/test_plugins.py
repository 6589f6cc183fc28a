import itertools
import re
import sys

import pytest

from probvae.errors import PluginError, UnknownNameError
from probvae.registry import Registry, default

STUDENT_T = """
@register("prior", "student_t")
class StudentT:
    '''Heavy tails.'''
"""


def info(registry, name):
    (found,) = [plugin for plugin in registry.plugins if plugin.name == name]
    return found


# Where plugins come from, and under what names


def test_built_in_components_have_bare_names(registry):
    assert registry.names("prior") == ["maf", "mixture"]
    assert registry.owner("prior", "mixture") == "probvae 0.1.0"
    assert len(info(registry, "probvae.components").gives) == 3


def test_an_installed_plugin_gives_names_under_its_entry_point(world, registry):
    world.install(
        "tails-dist",
        {"tails": "tails_pkg.plugin"},
        version="2.5",
        tails_pkg____init__="",
        tails_pkg__plugin=world.giving("prior student_t tails_pkg.priors:StudentT"),
        tails_pkg__priors="class StudentT: pass",
    )
    assert registry["prior", "tails.student_t"].load().__name__ == "StudentT"
    assert registry.owner("prior", "tails.student_t") == "tails-dist 2.5"
    plugin = info(registry, "tails")
    assert (plugin.source, plugin.version, plugin.state, len(plugin.gives)) == ("tails-dist", "2.5", "ok", 1)


def test_a_file_gives_what_it_registers_and_what_its_hook_yields(world, registry):
    source = """
        class Cauchy: pass

        @hookimpl
        def probvae_components():
            yield ComponentSpec("prior", "cauchy", Cauchy)
            yield ComponentSpec("prior", "lazy", __name__ + ":Cauchy")

        @register("prior", "student_t")
        class StudentT:
            '''Heavy tails.'''
    """
    path = world.file("my_prior", source)
    plugin = registry.load_file(path)
    assert (plugin.name, plugin.source, plugin.state, len(plugin.gives)) == ("my_prior", str(path), "ok", 3)
    assert registry["prior", "my_prior.student_t"].load().__doc__ == "Heavy tails."
    assert registry["prior", "my_prior.lazy"].load() is registry["prior", "my_prior.cauchy"].load()
    assert registry.owner("prior", "my_prior.cauchy") == str(path)


def test_a_file_is_loaded_into_the_registry_that_asked_for_it(world, registry):
    registry.load_file(world.file("my_prior", STUDENT_T))
    assert ("prior", "my_prior.student_t") in registry
    assert ("prior", "my_prior.student_t") not in Registry()
    assert ("prior", "my_prior.student_t") not in default()


def test_a_file_can_hold_a_dataclass_whose_annotations_are_strings(world, registry):
    source = """
        from dataclasses import dataclass, KW_ONLY
        @register("metric", "counts")
        @dataclass
        class Counts:
            _: "KW_ONLY"
            n: "int" = 1
    """
    assert registry.load_file(world.file("my_metric", source)).state == "ok"
    assert registry["metric", "my_metric.counts"].load()(n=2).n == 2


def test_the_same_file_twice_is_loaded_once(world, registry):
    path = world.file("my_prior", STUDENT_T)
    registry.load_file(path)
    first = registry["prior", "my_prior.student_t"].load()
    assert registry.load_file(path.parent / ".." / path.parent.name / path.name).state == "ok"
    assert registry["prior", "my_prior.student_t"].load() is first


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.py", "got no such file"),
        ("notes.txt", r"got \.txt"),
        ("", "got a folder"),
        ("my-prior.py", "Rename it, for example to my_prior.py"),
        ("2d.py", "for example to _2d.py"),
    ],
)
def test_a_path_that_is_no_plugin_file_is_refused(world, registry, name, message):
    if name not in ("absent.py", ""):
        (world.files / name).touch()
    with pytest.raises(PluginError, match=message):
        registry.load_file(world.files / name)
    assert all(plugin.state == "ok" for plugin in registry.plugins)


def test_a_class_of_a_notebook_is_named_after_its_module(registry):
    in_notebook = type("StudentT", (), {"__module__": "__main__"})
    in_package = type("StudentT", (), {"__module__": "package.heavy"})
    assert registry.register("prior", "student_t")(in_notebook) is in_notebook
    assert registry["prior", "main.student_t"].load() is in_notebook
    assert registry.owner("prior", "main.student_t") == "module __main__"
    registry.register("prior", "student_t")(in_package)  # after the first access, too
    assert registry.names("prior") == ["maf", "mixture", "heavy.student_t", "main.student_t"]


def test_a_cell_that_runs_again_replaces_its_class(registry):
    for _ in range(2):
        latest = type("StudentT", (), {"__module__": "__main__"})
        registry.register("prior", "student_t")(latest)
        assert registry["prior", "main.student_t"].load() is latest


def test_another_class_does_not_take_a_name_that_its_module_has_given(registry):
    first = registry.register("prior", "student_t")(type("First", (), {"__module__": "__main__"}))
    with pytest.raises(PluginError, match=r"given twice: by __main__:First and by __main__:Second"):
        registry.register("prior", "student_t")(type("Second", (), {"__module__": "__main__"}))
    assert registry["prior", "main.student_t"].load() is first


@pytest.mark.parametrize(("kind", "name"), [("pior", "x"), ("prior", "main.x"), ("prior", "X")])
def test_the_decorator_refuses_a_wrong_kind_or_name_on_the_spot(registry, kind, name):
    with pytest.raises(PluginError, match=re.escape(name if kind == "prior" else "Did you mean 'prior'")):
        registry.register(kind, name)(type("X", (), {}))


# What is wrong with a plugin is reported, and does no harm

HOOK = "@hookimpl\ndef probvae_components():"
BROKEN = {
    "import_error": (
        "import absent_module",
        r"ModuleNotFoundError: No module named 'absent_module' \(.*, line 2\)",
    ),
    "syntax_error": ("def :", r"SyntaxError: invalid syntax \(.*, line 2\)"),
    "exit": ("raise SystemExit(3)", r"SystemExit: 3 \(.*, line 2\)"),
    "nothing_offered": (
        "x = 1",
        r"it has no component and no hook; expected @probvae.register\(kind, name\) on a class, or @hookimpl on",
    ),
    "unmarked_hook": ("def probvae_components(): return []", "expected @probvae.hookimpl above it"),
    "misspelt_argument": ("@hookimpl\ndef probvae_run_started(runn): pass", "'runn'.* can not be found"),
    "hook_that_raises": (f"{HOOK} return 1 / 0", r"ZeroDivisionError: division by zero \(.*, line 3\)"),
    "generator_that_raises": (
        f"{HOOK}\n    yield ComponentSpec('prior', 'x', 'a:B')\n    1 / 0",
        r"ZeroDivisionError: division by zero \(.*, line 5\)",
    ),
    "no_return": (f"{HOOK} pass", "returned None; expected ComponentSpecs"),
    "no_iterable": (f"{HOOK} return 1", "TypeError: 'int' object is not iterable"),
    "no_spec": (f"{HOOK} return [('prior', 'x')]", r"expected a ComponentSpec; got \('prior', 'x'\)"),
    "unknown_kind": (
        f"{HOOK} return [ComponentSpec('pior', 'x', 'a:B')]",
        "no kind is named 'pior'. Did you mean 'prior'",
    ),
    "name_with_a_dot": (
        f"{HOOK} return [ComponentSpec('prior', 'ns.x', 'a:B')]",
        "prior 'ns.x': expected a name of .* Leave the namespace out",
    ),
    "name_in_capitals": (
        f"{HOOK} return [ComponentSpec('prior', 'StudentT', 'a:B')]",
        "prior 'StudentT': expected a name of a-z, 0-9 and _",
    ),
    "name_that_is_no_text": (f"{HOOK} return [ComponentSpec('prior', 3, 'a:B')]", "prior 3: expected a name"),
    "factory_without_class": (
        f"{HOOK} return [ComponentSpec('prior', 'x', 'package.module')]",
        "expected a class or 'package.module:Class'; got 'package.module'",
    ),
    "function_as_factory": (f"{HOOK} return [ComponentSpec('prior', 'x', print)]", "expected a class or"),
    "name_given_twice": (
        f"{HOOK} return [ComponentSpec('prior', 'x', 'a:B'), ComponentSpec('prior', 'x', 'c:D')]",
        r"prior 'name_given_twice\.x' is given twice: by a:B of .* and by c:D of ",
    ),
}


@pytest.mark.parametrize("source", ["file", "distribution"])
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_is_listed_with_its_reason_and_gives_nothing(world, registry, name, source):
    code, reason = BROKEN[name]
    if source == "file":
        assert registry.load_file(world.file(name, code)).state == "broken"
    else:
        world.install("some-dist", {name: f"module_{name}"}, **{f"module_{name}": code})
    plugin = info(registry, name)
    assert re.search(reason, plugin.reason)
    assert (plugin.state, len(plugin.gives)) == ("broken", 0)
    assert registry.names("prior") == ["maf", "mixture"]
    assert f"probvae_plugin_{name}" not in sys.modules


def test_a_misspelt_hook_is_reported_with_the_right_name(world, registry):
    plugin = registry.load_file(world.file("my_prior", "@hookimpl\ndef probvae_component(): return []"))
    assert plugin.state == "broken"
    assert plugin.reason.startswith("no hook is named 'probvae_component'. Did you mean 'probvae_components'?")


def test_a_hook_of_another_version_can_be_marked_optional(world, registry):
    source = "@hookimpl(optionalhook=True)\ndef probvae_tomorrow(): pass"
    assert registry.load_file(world.file("early", source)).state == "ok"


def test_a_name_registered_and_yielded_is_given_twice(world, registry):
    source = (
        STUDENT_T + "\n@hookimpl\ndef probvae_components(): return [ComponentSpec('prior', 'student_t', 'a:B')]"
    )
    plugin = registry.load_file(world.file("my_prior", source))
    assert "is given twice: by a:B of " in plugin.reason
    assert "and by probvae_plugin_my_prior:StudentT of " in plugin.reason


def test_a_broken_plugin_is_broken_as_a_whole(world, registry):
    registry.load_file(world.file("my_prior", STUDENT_T + "\n@hookimpl\ndef probvae_run_begun(run): pass"))
    assert ("prior", "my_prior.student_t") not in registry


def test_an_entry_point_to_nothing_is_a_broken_plugin(world, registry):
    world.install("some-dist", {"nothing": "absent_module", "no_attribute": "own_priors:Absent", "odd": "???"})
    assert "ModuleNotFoundError: No module named 'absent_module'" in info(registry, "nothing").reason
    assert "AttributeError" in info(registry, "no_attribute").reason
    assert info(registry, "odd").state == "broken"
    assert len(registry) == 4


def test_an_entry_point_that_is_no_identifier_is_a_broken_plugin(world, registry):
    world.install("some-dist", {"my-prior": "own_components", "probvae.components": "own_components"})
    assert "expected a name that is an identifier; got 'my-prior'" in info(registry, "my-prior").reason
    (other,) = [plugin for plugin in registry.plugins if plugin.source == "some-dist" and "." in plugin.name]
    assert other.state == "broken"
    assert registry.names("prior") == ["maf", "mixture"]


def test_damaged_metadata_is_a_broken_plugin(world, registry):
    world.install("some-dist", {"tails": "own_components"})
    (world.site / "some-dist-1.0.dist-info" / "METADATA").unlink()
    plugin = info(registry, "some-dist-1.0.dist-info")
    assert plugin.state == "broken"
    assert len(registry) == 4


def test_a_distribution_that_is_on_the_path_twice_is_the_first_one(world, registry):
    for version in ("1.0", "2.0"):
        site, world.site = world.site, world.site / version
        world.site.mkdir()
        world.install("tails-dist", {"tails": "own_components"}, version=version)
        sys.path.insert(0, str(world.site))
        world.site = site
    plugin = info(registry, "tails")
    assert (plugin.version, plugin.state) == ("2.0", "ok")


# Of two that claim the same, neither wins


@pytest.mark.parametrize("order", list(itertools.permutations("abc")))
def test_neither_of_two_claimants_wins(world, registry, order):
    for name in order:
        (world.site / name).mkdir()
    sys.path[:0] = [str(world.site / name) for name in order]
    for name in order:
        site, world.site = world.site, world.site / name
        world.install(f"dist-{name}", {"ns": f"plugin_{name}"}, **{f"plugin_{name}": STUDENT_T})
        world.site = site
    plugins = [plugin for plugin in registry.plugins if plugin.name == "ns"]
    reason = "the namespace 'ns' is claimed by dist-a 1.0 and by dist-b 1.0 and by dist-c 1.0; rename one"
    assert [(p.source, p.state, p.reason) for p in plugins] == [(f"dist-{x}", "broken", reason) for x in "abc"]
    assert len(registry) == 4
    assert not any(f"plugin_{name}" in sys.modules for name in order)
    with pytest.raises(UnknownNameError, match=r"claimed by dist-a 1\.0 and by dist-b"):
        registry["prior", "ns.student_t"]


@pytest.mark.parametrize("first", ["left", "right"])
def test_neither_of_two_files_of_one_name_wins(world, registry, first):
    paths = [world.file("my_prior", STUDENT_T, folder) for folder in ("left", "right")]
    for path in paths if first == "left" else reversed(paths):
        registry.load_file(path)
    claimants = [plugin for plugin in registry.plugins if plugin.name == "my_prior"]
    reason = f"the namespace 'my_prior' is claimed by {paths[0]} and by {paths[1]}; rename one"
    assert [(plugin.state, plugin.reason) for plugin in claimants] == [("broken", reason)] * 2
    assert ("prior", "my_prior.student_t") not in registry
    assert "probvae_plugin_my_prior" not in sys.modules


@pytest.mark.parametrize("first", ["discovery", "file"])
def test_a_file_does_not_take_the_namespace_of_an_installed_plugin(world, registry, first):
    world.install(
        "tails-dist",
        {"tails": "tails_plugin"},
        tails_plugin=world.giving("prior student_t own_priors:Mixture"),
    )
    path = world.file("tails", STUDENT_T + "\n@hookimpl\ndef probvae_run_started(run): 1 / 0")
    if first == "discovery":
        assert ("prior", "tails.student_t") in registry
    plugin = registry.load_file(path)
    assert plugin.state == "broken"
    assert "claimed by " in plugin.reason
    assert str(path) in plugin.reason
    assert "tails-dist 1.0" in plugin.reason
    assert ("prior", "tails.student_t") not in registry
    assert registry.notify("probvae_run_started", run=None) == []


@pytest.mark.parametrize("first", ["one.priors", "two.priors"])
def test_neither_of_two_modules_of_one_name_wins(registry, first):
    for module in sorted(["one.priors", "two.priors"], key=lambda name: name != first):
        registry.register("prior", "student_t")(type("StudentT", (), {"__module__": module}))
    assert ("prior", "priors.student_t") not in registry
    with pytest.raises(UnknownNameError, match=r"claimed by module one\.priors and by module two\.priors"):
        registry["prior", "priors.student_t"]


@pytest.mark.parametrize("first", ["extra", "more"])
def test_a_bare_name_given_twice_is_withheld(world, first):
    entry_points = {"extra": "own_extra", "more": "own_more"}
    lines = sorted(entry_points.items(), key=lambda item: item[0] != first)
    (world.site / "probvae-0.1.0.dist-info" / "entry_points.txt").unlink()
    (world.site / "probvae-0.1.0.dist-info" / "entry_points.txt").write_text(
        "\n".join(["[probvae]", "components = own_components", *(f"{name} = {module}" for name, module in lines)])
    )
    world.write(world.site / "own_extra.py", world.giving("prior vamp own_priors:A", "prior flow own_priors:F"))
    world.write(world.site / "own_more.py", world.giving("prior vamp own_priors:B"))
    registry = Registry()
    assert registry.names("prior") == ["maf", "mixture"]
    for name in entry_points:
        reason = "given twice: by own_priors:A of probvae 0.1.0 and by own_priors:B of probvae 0.1.0"
        assert reason in info(registry, f"probvae.{name}").reason


def test_two_entry_points_to_one_module_follow_a_run_once(world, registry):
    source = world.giving("prior x own_priors:Mixture") + "@hookimpl\ndef probvae_run_started(run): run.append(1)"
    world.install("some-dist", {"new_name": "aliased", "old_name": "aliased"}, aliased=source)
    run = []
    assert registry.notify("probvae_run_started", run=run) == []
    assert run == [1]
    assert registry.names("prior") == ["maf", "mixture", "new_name.x", "old_name.x"]


# Disabling


@pytest.mark.parametrize("how", ["argument", "method", "environment"])
def test_a_disabled_plugin_is_listed_and_not_imported(world, monkeypatch, how):
    world.install("tails-dist", {"tails": "tails_plugin"}, tails_plugin=world.giving("prior x own_priors:Mixture"))
    path = world.file("my_prior", STUDENT_T)
    names = ["tails", "my_prior"]
    if how == "environment":
        monkeypatch.setenv("PROBVAE_DISABLE_PLUGINS", "tails, my_prior")
    registry = Registry(names if how == "argument" else ())
    if how == "method":
        registry.disable(names)
    assert registry.load_file(path).state == "disabled"
    assert info(registry, "tails").state == "disabled"
    assert len(registry) == 4
    assert not {"tails_plugin", "probvae_plugin_my_prior"} & set(sys.modules)


def test_a_plugin_in_use_can_be_disabled(world, registry):
    registry.load_file(world.file("my_prior", STUDENT_T + TRACKER.format(name="my_prior", then="1 / 0")))
    assert ("prior", "my_prior.student_t") in registry
    registry.disable(["my_prior"])
    assert ("prior", "my_prior.student_t") not in registry
    assert registry.notify("probvae_epoch_ended", run=[], epoch=1, metrics={"loss": 0.5}) == []


def test_a_built_in_plugin_can_be_disabled_by_its_full_name(world):
    registry = Registry(["probvae.components"])
    assert list(registry) == [("objective", "elbo")]
    with pytest.raises(UnknownNameError, match=r"Plugin probvae\.components \(probvae\) is disabled"):
        registry["prior", "mixture"]


# Following a run

TRACKER = """
@hookimpl
def probvae_epoch_ended(run, metrics):
    run.append(("{name}", metrics["loss"]))
    {then}
"""


def test_every_tracker_is_reported_of_an_epoch(world, registry):
    for name in ("one", "two"):
        registry.load_file(world.file(name, TRACKER.format(name=name, then="")))
    run = []
    assert registry.notify("probvae_epoch_ended", run=run, epoch=1, metrics={"loss": 0.5}) == []
    registry.hooks.probvae_epoch_ended(run=run, epoch=2, metrics={"loss": 0.25})
    assert sorted(run) == [("one", 0.25), ("one", 0.5), ("two", 0.25), ("two", 0.5)]


@pytest.mark.parametrize("failure", ["1 / 0", "raise SystemExit('no')"])
def test_a_tracker_that_fails_keeps_no_other_from_being_called(world, registry, failure):
    for name in ("one", "two", "three"):
        registry.load_file(world.file(name, TRACKER.format(name=name, then=failure if name == "two" else "")))
    run = []
    (message,) = registry.notify("probvae_epoch_ended", run=run, epoch=1, metrics={"loss": 0.5})
    error = "ZeroDivisionError: division by zero" if "1" in failure else "SystemExit: no"
    assert message == f"plugin two: probvae_epoch_ended failed: {error} (two.py, line 6)"
    assert sorted(name for name, _ in run) == ["one", "three", "two"]


def test_a_tracker_is_not_shielded_from_an_interrupt(world, registry):
    registry.load_file(world.file("one", TRACKER.format(name="one", then="raise KeyboardInterrupt")))
    with pytest.raises(KeyboardInterrupt):
        registry.notify("probvae_epoch_ended", run=[], epoch=1, metrics={"loss": 0.5})


def test_a_plugin_can_add_commands(world, registry):
    registry.load_file(world.file("shell", "@hookimpl\ndef probvae_cli(app): app.append('hello')"))
    app = []
    assert registry.notify("probvae_cli", app=app) == []
    assert app == ["hello"]


def test_a_plugin_may_use_the_registry_while_it_is_imported(world, registry, monkeypatch):
    monkeypatch.setitem(sys.modules, "the_registry", registry)
    source = "import the_registry\nassert ('prior', 'mixture') in the_registry\n" + STUDENT_T
    assert registry.load_file(world.file("curious", source)).state == "ok"


def test_an_interrupted_import_is_reported(world, registry):
    with pytest.raises(KeyboardInterrupt):
        registry.load_file(world.file("slow", "raise KeyboardInterrupt"))
    assert info(registry, "slow").reason == "its import was interrupted"
    assert "probvae_plugin_slow" not in sys.modules
