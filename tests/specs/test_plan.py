"""Plans: a right spec filled with every default, and what an override does to it."""

import json
import sys
import tomllib
from pathlib import Path

import pytest
import tomli_w

import probvae
from probvae.core import PositiveFloat, Signature
from probvae.errors import SpecError
from probvae.registry import Registry
from probvae.specs import build_model, plan, plan_dataset, read
from probvae.training import TrainSettings

EXAMPLES = sorted(Path(__file__).parents[2].joinpath("examples").glob("*.toml"))

SPEC = {
    "schema": 1,
    "model": {
        "latent_dim": 2,
        "encoder": {"network": {"use": "dense", "hidden": [4]}},
        "decoder": {"network": {"use": "dense", "hidden": [4]}, "likelihood": {"use": "bernoulli"}},
        "prior": {"use": "mixture", "components": 3},
    },
    "data": {"use": "fashion_mini"},
}


@pytest.fixture(scope="module")
def registry():
    return Registry()


@pytest.fixture
def planned(registry):
    """Plans a spec, with options."""

    def make(spec, *options):
        return plan(read(spec).override(options), registry)

    return make


def described(checked):
    """All that is built from a plan: components by path, with what they are given."""

    def inside(part):
        return part.use, part.values, {name: inside(inner) for name, inner in part.components.items()}

    components = {path: inside(component) for path, component in checked.components.items()}
    metrics = [inside(metric) for metric in checked.metrics]
    return checked.latent_dim, components, checked.train, checked.evaluate, metrics


def test_there_are_examples():
    assert EXAMPLES


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_filling_an_example_twice_is_filling_it_once_and_plans_the_same(example, planned):
    checked = planned(example)
    filled = checked.filled()
    written = tomllib.loads(tomli_w.dumps(filled))
    assert written == filled
    again = planned(written)
    assert again.filled() == filled
    assert described(again) == described(checked)


@pytest.mark.parametrize("kind", ["encoder", "decoder", "prior", "posterior", "likelihood", "objective"])
def test_a_filled_component_has_every_parameter_that_is_set(kind, planned, registry):
    settings = {
        "encoder": "model.encoder",
        "decoder": "model.decoder",
        "prior": "model.prior",
        "posterior": "model.encoder.posterior",
        "likelihood": "model.decoder.likelihood",
        "objective": "objective",
    }
    for name in registry.names(kind):
        checked = planned(SPEC, f"{settings[kind]}.use={name}")
        filled = checked.filled()
        table = filled
        for key in settings[kind].split("."):
            table = table[key]
        settable = Signature.of(registry[kind, name].load()).settable
        unset = {key for key, parameter in settable.items() if parameter.default is None and not parameter.use}
        assert table["use"] == name
        assert set(table) == {"use", *settable} - unset
        assert planned(filled).filled() == filled


def test_a_filled_spec_has_every_setting(planned):
    filled = planned(SPEC).filled()
    assert set(filled) == {"schema", "model", "objective", "data", "train", "evaluate"}
    assert filled["train"] == vars(TrainSettings()) | {"freeze": []}  # TOML has no tuples
    assert filled["objective"]["use"] == "elbo"
    assert filled["model"]["encoder"]["posterior"] == {"use": "diagonal_normal"}
    assert filled["model"]["prior"] == SPEC["model"]["prior"]


def test_a_filled_spec_keeps_what_is_given_and_its_versions(planned):
    given = {
        **SPEC,
        "objective": {"use": "iwae", "samples": 7},
        "train": {"learning_rate": 1, "seed": 3},
        "versions": {"probvae": "0.1.0"},
    }
    filled = planned(given).filled()
    assert filled["objective"] == given["objective"]
    assert filled["train"] == vars(TrainSettings(learning_rate=1.0, seed=3)) | {"freeze": []}
    assert filled["versions"] == given["versions"]
    assert planned(filled).filled() == filled


def test_a_spec_and_its_filled_form_build_models_of_the_same_variables(planned):
    checked = planned(SPEC)
    shapes = [
        [(variable.path, tuple(variable.shape)) for variable in build_model(one, (4, 4, 1))[0].variables]
        for one in (checked, planned(checked.filled()))
    ]
    strip = [[(path.rpartition("/")[2], shape) for path, shape in variables] for variables in shapes]
    assert strip[0] == strip[1]


def test_the_same_spec_in_json_toml_and_python_is_the_same_plan(planned, tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(SPEC))
    (tmp_path / "a.toml").write_text(tomli_w.dumps(SPEC))
    plans = [described(planned(spec)) for spec in (SPEC, tmp_path / "a.json", tmp_path / "a.toml")]
    assert plans[0] == plans[1] == plans[2]


def test_the_order_of_tables_makes_no_difference(planned):
    turned = {key: SPEC[key] for key in reversed(SPEC)}
    turned["model"] = {key: SPEC["model"][key] for key in reversed(SPEC["model"])}
    assert described(planned(turned)) == described(planned(SPEC))
    assert planned(turned).filled() == planned(SPEC).filled()


# Overrides


def test_another_component_drops_what_the_file_says_for_the_old_one_and_says_so(planned):
    checked = planned(SPEC, "model.prior.use=vamp", "model.prior.pseudo_inputs=7")
    assert checked.notes == ["model.prior.components = 3 is ignored: 'vamp' has no such parameter."]
    assert checked.filled()["model"]["prior"]["pseudo_inputs"] == 7


def test_what_is_written_of_a_plan_has_no_key_that_is_ignored(planned):
    options = ("model.prior.use=vamp", "model.encoder.network.use=conv")
    checked = planned(SPEC, *options)
    assert checked.written()["model"]["prior"] == {"use": "vamp"}
    again = planned(checked.written())
    assert not [note for note in again.notes if "ignored" in note]
    assert again.filled() == checked.filled()


def test_a_key_that_is_set_is_never_ignored_however_deep(planned):
    with pytest.raises(SpecError, match=r"model\.prior\.network: expected a known key"):
        planned(SPEC, "model.prior.use=vamp", "model.prior.network.hidden=[3]")


def test_a_required_table_may_not_be_left_out():
    class Named(probvae.components.StandardNormal):
        """A prior.

        Args:
            latent_dim: D.
            options: what it is called.
        """

        def __init__(self, latent_dim: int, options: dict[str, str]) -> None:
            super().__init__(latent_dim)

    registry = Registry()
    registry.register("prior", "named")(Named)
    name = next(name for name in registry.names("prior") if name.endswith(".named"))
    with pytest.raises(SpecError, match=r"model\.prior\.options: expected .*; got no such key"):
        plan(read(SPEC).override([f"model.prior.use={name}"]), registry)


def test_another_component_keeps_what_it_knows_too(planned):
    checked = planned(SPEC, "model.encoder.network.use=conv", "model.encoder.network.filters=[4]")
    assert checked.notes == ["model.encoder.network.hidden = [4] is ignored: 'conv' has no such parameter."]
    spec = {**SPEC, "objective": {"use": "elbo", "samples": 3}}
    checked = planned(spec, "objective.use=iwae")
    assert checked.notes == []
    assert checked.filled()["objective"] == {"use": "iwae", "samples": 3}


def test_the_same_component_by_an_option_drops_nothing(planned):
    checked = planned(SPEC, "model.prior.use=mixture")
    assert checked.notes == []
    assert described(checked) == described(planned(SPEC))


def test_a_misspelt_key_of_the_file_is_dropped_only_where_the_component_is_swapped(planned):
    wrong = {**SPEC, "model": {**SPEC["model"], "prior": {"use": "mixture", "componets": 3}}}
    with pytest.raises(SpecError, match="Did you mean 'components'"):
        planned(wrong, "model.prior.components=3")
    assert planned(wrong, "model.prior.use=maf").notes


def test_a_whole_table_by_an_option_leaves_nothing_of_the_old_one(planned):
    checked = planned(SPEC, 'model.prior={ use = "maf", layers = 2 }')
    assert checked.notes == []
    assert checked.filled()["model"]["prior"] == {"use": "maf", "layers": 2, "hidden": [64, 64]}


def test_an_option_makes_a_table_that_the_spec_has_not(planned):
    checked = planned(SPEC, "evaluate.samples=7", "objective.samples=2", "model.encoder.posterior.scale_floor=0.5")
    filled = checked.filled()
    assert filled["evaluate"]["samples"] == 7
    assert filled["objective"]["samples"] == 2
    assert filled["model"]["encoder"]["posterior"] == {"use": "diagonal_normal", "scale_floor": 0.5}


def metrics_of(checked):
    return checked.filled()["evaluate"]["metrics"]


def test_every_evaluation_has_metrics_and_a_list_adds_to_them(planned):
    always = [{"use": "rate_distortion"}, {"use": "active_units", "threshold": 0.01}]
    assert metrics_of(planned(SPEC)) == always
    more = planned(SPEC, 'evaluate.metrics=["probe", { use = "active_units", threshold = 0.5 }]')
    own = [{"use": "probe", "max_examples": 50_000}, {"use": "active_units", "threshold": 0.5}]
    assert metrics_of(more) == [always[0], *own]
    assert metrics_of(planned(more.filled())) == metrics_of(more)


@pytest.mark.parametrize(
    ("listed", "problem"),
    [
        ("probe", 'evaluate.metrics: expected a list of metrics; got "probe"'),
        (["prob"], "evaluate.metrics.0.use: expected the name of a metric; got \"prob\". .* 'probe'"),
        ([3], "evaluate.metrics.0: expected a table; got 3"),
        ([{"threshold": 0.1}], "evaluate.metrics.0.use: expected the name of a metric; got no such key"),
        ([{"use": "active_units", "threshold": 0}], "evaluate.metrics.0.threshold: expected a number > 0; got 0"),
        (["probe", {"use": "probe"}], "evaluate.metrics: expected each metric once; got 'probe' 2 times"),
    ],
)
def test_a_wrong_list_of_metrics_is_a_problem_at_its_place(listed, problem, planned):
    with pytest.raises(SpecError, match=problem):
        planned(SPEC | {"evaluate": {"metrics": listed}})


def test_a_note_is_given_for_an_inner_component_too(planned):
    spec = json.loads(json.dumps(SPEC))
    spec["model"]["decoder"]["likelihood"] = {"use": "normal", "scale": "fixed"}
    checked = planned(spec, "model.decoder.likelihood.use=bernoulli")
    assert checked.notes == [
        "model.decoder.likelihood.scale = \"fixed\" is ignored: 'bernoulli' has no such parameter."
    ]


@pytest.mark.parametrize("default", [None, "three", -1.0])
def test_a_default_that_contradicts_its_annotation_is_blamed_on_the_signature(default):
    registry = Registry()

    @registry.register("prior", "odd")
    class Odd(probvae.Prior):
        def __init__(self, latent_dim: int, df: PositiveFloat = default) -> None:
            super().__init__()

    spec = SPEC | {"model": {**SPEC["model"], "prior": {"use": "test_plan.odd"}}}
    with pytest.raises(SpecError) as refused:
        plan(read(spec), registry)
    assert str(refused.value) == (
        f"model.prior.df: expected a number > 0; got the default {default!r}. "
        "The signature of test_plan.odd prior is wrong, not the spec: change its annotation or its default."
    )


@pytest.mark.parametrize("version", [None, 1, ["1"], {"a": "1"}])
def test_a_version_is_a_string(version, planned):
    with pytest.raises(SpecError, match=r"^versions\.tensorflow: expected a version, as a string; got "):
        planned(SPEC | {"versions": {"keras": "3", "tensorflow": version}})


# From Python


def test_a_model_is_built_from_a_dict():
    vae = probvae.build(SPEC, event_shape=(4, 4, 1))
    assert (vae.latent_dim, vae.event_shape) == (2, (4, 4, 1))
    vae = probvae.build({key: value for key, value in SPEC.items() if key != "data"}, event_shape=(5,))
    assert vae.event_shape == (5,)


@pytest.mark.parametrize("objective", [{"use": "beta_tc"}, {"use": "elbo", "warmup_epochs": 3}])
def test_a_model_is_built_for_a_shape_whatever_its_objective_needs_of_the_data(objective):
    assert probvae.build(SPEC | {"objective": objective}, event_shape=(4, 4, 1)).latent_dim == 2


def test_a_wrong_dict_is_reported_without_a_place():
    wrong = {**SPEC, "model": {**SPEC["model"], "latent_dim": 0}, "trian": {}}
    with pytest.raises(SpecError) as refused:
        probvae.build(wrong, event_shape=(4,))
    assert [str(problem).split(":")[0] for problem in refused.value.problems] == ["trian", "model.latent_dim"]
    assert isinstance(refused.value, ValueError)


def test_a_spec_without_data_says_so_where_data_is_needed(planned):
    without = {key: value for key, value in SPEC.items() if key != "data"}
    with pytest.raises(SpecError, match=r"data: expected a table.*no such table\. Write .*fashion_mini"):
        plan(read(without), Registry(), needs_data=True)


def test_a_dataset_can_be_planned_alone(registry):
    part = plan_dataset(read({"data": {"use": "fashion_mini"}}), registry)
    assert part.values == {"binarize": "dynamic"}
    with pytest.raises(SpecError, match="Did you mean 'fashion_mini'"):
        plan_dataset(read({"data": {"use": "fashion_mimi"}}), registry)


@pytest.mark.parametrize(
    "name", ["latent_dim", "event_shape", "encoder", "examples", "steps_per_epoch", "train_size"]
)
def test_what_the_assembler_supplies_cannot_be_set(name, planned):
    for table in ("model.prior", "objective", "data", "model.decoder.likelihood"):
        with pytest.raises(SpecError, match=rf"{table}\.{name}: expected no such key here; .* supplied from"):
            planned(SPEC, f"{table}.{name}=1")


def test_a_misspelt_context_parameter_is_the_mistake_of_its_class():
    class Own(probvae.Prior):
        """A prior."""

        def __init__(self, latents_dim: int) -> None:
            raise NotImplementedError

    registry = Registry()
    registry.register("prior", "own")(Own)
    spec = {**SPEC, "model": {**SPEC["model"], "prior": {"use": "test_plan.own"}}}
    meant = r"own prior has no default for it\. Did its author mean latent_dim, which is supplied from \[model\]"
    with pytest.raises(SpecError, match=meant):
        plan(read(spec), registry)


def test_initial_weights_are_a_function_of_the_seed_in_the_spec():
    first, same, other = (
        probvae.build(SPEC | {"train": {"seed": seed}}, event_shape=(4, 4, 1)).prior.loc.numpy()
        for seed in (1, 1, 2)
    )
    assert (first == same).all()
    assert (first != other).all()


def test_paths_of_a_file_are_relative_to_it_and_those_of_options_to_the_working_folder(registry, tmp_path):
    path = tmp_path / "specs" / "spec.toml"
    path.parent.mkdir()
    spec = SPEC | {"data": {"use": "arrays", "train": "x.npz:train", "test": str(tmp_path / "test.npy")}}
    path.write_text(tomli_w.dumps(spec))
    values = plan(read(path).override(["data.validation=val.npy"]), registry).components["data",].values
    assert values["train"] == str(tmp_path / "specs" / "x.npz:train")
    assert values["test"] == str(tmp_path / "test.npy")
    assert values["validation"] == "val.npy"
    assert values["train_labels"] == ""


def test_a_filled_spec_has_absolute_paths(registry, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spec = SPEC | {"data": {"use": "arrays", "train": "x.npy"}, "train": {"init_from": "runs/a"}}
    filled = plan(read(spec), registry).filled()
    assert filled["data"]["train"] == str(tmp_path / "x.npy")
    assert filled["data"]["test"] == ""
    assert filled["train"]["init_from"] == str(tmp_path / "runs" / "a")
    monkeypatch.chdir("/")
    assert plan(read(filled), registry).filled() == filled


def test_a_tilde_is_the_home_of_the_user_in_what_is_stored_too(registry, tmp_path, monkeypatch):
    home = tmp_path / "home"
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    path = tmp_path / "spec.toml"
    settings = {"train": {"init_from": "~/runs/a"}, "evaluate": {"compare_with": "~/runs/b"}}
    path.write_text(tomli_w.dumps(SPEC | settings | {"data": {"use": "arrays", "train": "~/x.npz:train"}}))
    planned = plan(read(path).override(["data.test=~/test.npy"]), registry)
    assert planned.components["data",].values["train"] == str(home / "x.npz:train")
    assert planned.components["data",].values["test"] == str(home / "test.npy")
    for stored in (planned.filled(), planned.written()):
        assert stored["data"]["train"] == str(home / "x.npz:train")
        assert stored["data"]["test"] == str(home / "test.npy")
        assert stored["train"]["init_from"] == str(home / "runs" / "a")
        assert stored["evaluate"]["compare_with"] == str(home / "runs" / "b")


@pytest.mark.parametrize(
    ("options", "convolutions"),
    [
        ((), False),
        (("model.encoder.network.use=conv",), True),
        (("model.decoder.network.use=resnet",), True),
        (("model.encoder.network={use='parallel', second={use='conv'}}",), True),
        (("model.prior={use='conditional', network={use='conv'}}",), False),  # priors compute in float32
    ],
)
def test_an_automatic_precision_is_chosen_for_the_networks_of_encoder_and_decoder(
    options, convolutions, planned, monkeypatch
):
    seen = []
    monkeypatch.setattr(
        sys.modules[plan.__module__],
        "faster_precision",
        lambda found: seen.append(found) or ("mixed_bfloat16", "so"),
    )
    checked = planned(SPEC, *options, "train.precision=auto")
    assert seen == [convolutions]
    assert checked.train.precision == checked.filled()["train"]["precision"] == "mixed_bfloat16"
    assert checked.notes[-1] == 'train.precision = "auto" is mixed_bfloat16 here: so.'
    planned(SPEC, *options, "train.precision=float32")
    assert len(seen) == 1
