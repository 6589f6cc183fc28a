import os
import pickle
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

import probvae.registry
from probvae import core
from probvae.errors import UnknownNameError, UserError
from probvae.registry import KINDS, Registry

ROOT = Path(probvae.registry.__file__).parents[2]


def message(registry, kind, name):
    with pytest.raises(UnknownNameError) as caught:
        registry[kind, name]
    return str(caught.value)


def test_it_reads_like_a_mapping(registry):
    assert list(registry) == [
        ("prior", "maf"),
        ("prior", "mixture"),
        ("likelihood", "bernoulli"),
        ("objective", "elbo"),
    ]
    assert len(registry) == 4
    assert ("prior", "mixture") in registry
    assert ("prior", "mixtur") not in registry
    assert "prior" not in registry
    assert registry.get(("prior", "mixtur")) is None
    assert dict(registry)["prior", "maf"].factory == "own_priors:Flow"


def test_nothing_is_discovered_before_the_first_access(world, registry):
    world.install("late-dist", {"late": "late_plugin"}, late_plugin=world.giving("prior x own_priors:Mixture"))
    assert "late_plugin" not in sys.modules
    assert ("prior", "late.x") in registry


def test_the_order_of_names_is_that_of_kinds_then_built_in_then_alphabetical(world, registry):
    for name in ("zoo", "ant"):
        registry.load_file(world.file(name, world.giving(f"prior b{name} a:B", f"encoder a{name} a:B")))
    assert registry.names("prior") == ["maf", "mixture", "ant.bant", "zoo.bzoo"]
    assert [kind for kind, _ in registry] == sorted((kind for kind, _ in registry), key=KINDS.index)


def test_every_kind_has_its_base_class():
    assert tuple(core.KINDS) == KINDS
    assert [base.kind for base in core.KINDS.values()] == list(KINDS)


def test_an_unknown_name_is_answered_with_a_suggestion(registry):
    assert message(registry, "prior", "mixtur") == (
        "No prior is named 'mixtur'. Did you mean 'mixture'? Known: maf, mixture."
    )
    assert message(registry, "decoder", "conv") == "No decoder is named 'conv'. Known: none."


def test_an_unknown_kind_is_answered_with_a_suggestion(registry):
    assert message(registry, "priors", "mixture").startswith("No kind is named 'priors'. Did you mean 'prior'?")
    with pytest.raises(UnknownNameError, match="Did you mean 'prior'"):
        registry.names("priors")


def test_a_name_of_another_kind_is_pointed_out(registry):
    assert message(registry, "prior", "bernoulli").endswith(" There is one of kind likelihood.")


def test_a_bare_name_that_a_plugin_gives_suggests_the_full_one(world, registry):
    registry.load_file(world.file("my_prior", world.giving("prior x a:B")))
    assert "Did you mean 'my_prior.x'?" in message(registry, "prior", "x")


@pytest.mark.parametrize("name", ["tfrecords", "tfrecords.examples"])
def test_a_name_of_a_package_that_is_not_installed_says_which_package(name, registry):
    text = message(registry, "dataset", name)
    assert text.endswith("It comes with the package probvae-tfrecords: pip install probvae-tfrecords.")


def test_a_namespace_alone_is_answered_with_its_components(world, registry):
    registry.load_file(world.file("tfrecords", world.giving("dataset examples a:B")))
    assert "Did you mean 'tfrecords.examples'?" in message(registry, "dataset", "tfrecords")
    assert "pip install" not in message(registry, "dataset", "tfrecords.x")


def test_an_unknown_namespace_says_where_plugins_come_from(registry):
    assert message(registry, "prior", "my_prior.student_t").endswith(
        " No plugin is named 'my_prior': a single file is given with --plugin my_prior.py, "
        "an installed one with pip."
    )


def test_a_plugin_that_works_and_lacks_the_name_is_no_suspect(world, registry):
    registry.load_file(world.file("my_prior", world.giving("prior student_t a:B")))
    assert message(registry, "prior", "my_prior.studnt_t") == (
        "No prior is named 'my_prior.studnt_t'. Did you mean 'my_prior.student_t'? "
        "Known: maf, mixture, my_prior.student_t."
    )


def test_a_broken_plugin_that_might_have_the_name_is_named_with_its_reason(world, registry):
    path = world.file("my_prior", "1 / 0")
    registry.load_file(path)
    suspicion = f" Plugin my_prior ({path}) is broken: ZeroDivisionError: division by zero (my_prior.py, line 2)."
    assert message(registry, "prior", "my_prior.student_t").endswith(suspicion)
    assert message(registry, "prior", "student_t").endswith(suspicion)
    assert suspicion not in message(registry, "prior", "mixtur")
    assert suspicion not in message(registry, "prior", "other.student_t")


def test_a_disabled_plugin_that_might_have_the_name_is_named(world, registry):
    registry.disable(["my_prior"])
    path = world.file("my_prior", "1 / 0")
    registry.load_file(path)
    suspicion = f" Plugin my_prior ({path}) is disabled: by an option or by PROBVAE_DISABLE_PLUGINS."
    assert message(registry, "prior", "my_prior.student_t").endswith(suspicion)


@pytest.mark.parametrize("name", ["mixture", "mixtur"])
def test_a_broken_built_in_plugin_is_the_first_thing_to_know(world, name):
    kind = "ComponentSpec('priors', 'mixture', 'own_priors:Mixture')"
    world.write(world.site / "own_components.py", f"@hookimpl\ndef probvae_components(): return [{kind}]")
    cause = "Plugin probvae.components (probvae) is broken: no kind is named 'priors'. Did you mean 'prior'?"
    text = message(Registry(), "prior", name)
    assert text.startswith(cause)
    assert f"No prior is named '{name}'." in text


def test_an_unknown_name_is_the_users_mistake_and_a_missing_key(registry):
    with pytest.raises(KeyError) as caught:
        registry["prior", "mixtur"]
    assert isinstance(caught.value, UserError)
    assert str(caught.value).startswith("No prior is named")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_the_default_registry_is_one_and_takes_what_is_registered(monkeypatch):
    default = probvae.registry.default
    assert default() is default()
    fresh = Registry()
    monkeypatch.setattr("probvae.registry.registry.default", lambda: fresh)
    student_t = type("StudentT", (), {"__module__": "__main__"})
    assert probvae.registry.register("prior", "student_t")(student_t) is student_t
    assert fresh["prior", "main.student_t"].load() is student_t


LIST = """
import sys
from probvae.registry import default
assert "own_components" not in sys.modules
names = [(kind, name, spec.summary()) for (kind, name), spec in default().items()]
assert ("prior", "mixture", "A learned mixture.") in names, names
assert "own_priors" not in sys.modules
for heavy in ("tensorflow", "keras", "numpy", "click", "rich", "pydantic"):
    assert heavy not in sys.modules, heavy
"""


def test_listing_names_imports_no_tensorflow(world):
    environment = {**os.environ, "PYTHONPATH": f"{world.site}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-c", LIST]
    done = subprocess.run(command, env=environment, cwd=world.site, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_discovery_and_thirty_summaries_take_little_time(world):
    body = "\n".join(f"def f{i}(x):\n    return x + {i}" for i in range(100))
    world.install(
        "big-dist",
        {"big": "big_plugin"},
        big_plugin=world.giving(*(f"prior p{i} big_pkg.m{i}:P" for i in range(30))),
        big_pkg____init__="raise RuntimeError('imported')",
        **{f"big_pkg__m{i}": f"class P:\n    '''Number {i}.'''\n{body}\n" for i in range(30)},
    )
    registry = Registry()
    start = time.process_time()
    summaries = [registry[key].summary() for key in registry]
    assert time.process_time() - start < 0.5
    assert sum(bool(re.fullmatch(r"Number \d+\.", summary)) for summary in summaries) == 30
