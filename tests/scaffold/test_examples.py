"""The component of each new package is right: its tests pass, the contract kit finds nothing, and it trains."""

import importlib

import numpy as np
import pytest

import probvae
from probvae import testing
from probvae.registry import Registry
from probvae.scaffold import PLACES, Example, PluginNames, render, write
from probvae.scaffold.example import CHECKED
from probvae.specs import SpecData, build_model, plan, read

QUICK = ("builds", "shapes", "learns")


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """A package of each kind, as `pip install -e` makes it known: on the path, with its entry point."""
    root = tmp_path_factory.mktemp("packages")
    with pytest.MonkeyPatch.context() as patch:
        for kind in PLACES:
            names = PluginNames(f"own_{kind}")
            folder = root / kind
            write(render(names, probvae.__version__, kind), folder)
            info = folder / f"{names.module}-0.1.0.dist-info"
            info.mkdir()
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {names.distribution}\nVersion: 0.1.0\n")
            (info / "entry_points.txt").write_text(f"[probvae]\n{names.namespace} = {names.module}.plugin\n")
            patch.syspath_prepend(folder)
        importlib.invalidate_caches()
        yield root


@pytest.fixture(scope="module")
def registry(packages):
    return Registry()


def use(kind):
    return f"own_{kind}.{Example.of(kind).name}"


@pytest.mark.parametrize("kind", PLACES)
def test_it_is_listed_and_loads(kind, registry):
    spec = registry[kind, use(kind)]
    assert spec.summary() == Example.of(kind).summary
    assert issubclass(spec.load(), getattr(probvae, spec.load().__mro__[1].__name__))


@pytest.mark.parametrize("kind", CHECKED)
def test_the_first_checks_of_the_kit_hold(kind, registry):
    names = {check.name for check in testing.iter_checks(kind)}
    report = testing.check(kind, use(kind), only=names.intersection(QUICK), registry=registry)
    assert report.ok, report


@pytest.mark.slow
@pytest.mark.parametrize("kind", CHECKED)
def test_all_checks_of_the_kit_hold(kind, registry):
    report = testing.check(kind, use(kind), registry=registry)
    assert report.ok, report


def test_models_of_them_are_built_from_specs_and_trained(registry):
    networks = {
        "encoder": {"network": {"use": use("network"), "width": 8}, "posterior": {"use": use("posterior")}},
        "decoder": {"network": {"use": use("network"), "width": 8}, "likelihood": {"use": use("likelihood")}},
    }
    for parts in (networks, {kind: {"use": use(kind)} for kind in ("encoder", "decoder")}):
        spec = {
            "schema": 1,
            "model": {"latent_dim": 2, **parts, "prior": {"use": use("prior")}},
            "objective": {"use": use("objective"), "samples": 2},
            "data": {"use": use("dataset"), "count": 200},
        }
        planned = plan(read(spec), registry)
        data = SpecData.of(planned).loaded
        vae, objective = build_model(planned, data.info.event_shape)
        vae.compile("adam", objective=objective)
        before = vae.get_weights()
        vae.fit(data.train.stored, batch_size=40, epochs=1, verbose=0)
        assert all(np.all(np.isfinite(new)) for new in vae.get_weights())
        assert not any(np.array_equal(old, new) for old, new in zip(before, vae.get_weights(), strict=True))
        metric = registry["metric", use("metric")].load()()
        found = metric(vae, data, seed=0)["reconstruction_error"]
        assert np.all(np.isfinite([found.value, found.standard_error]))


@pytest.mark.parametrize("kind", PLACES)
def test_its_own_tests_pass(kind, packages, capsys):
    folder = packages / kind
    test = folder / "tests" / f"test_{Example.of(kind).name}.py"
    status = pytest.main(["-c", str(folder / "pyproject.toml"), "-p", "no:cacheprovider", str(test)])
    assert status == 0, capsys.readouterr().out
