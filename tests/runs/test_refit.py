"""A prior for a trained model: the other parts stay as they are, and the gain is measured example by example."""

import io
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from rich.console import Console

import probvae
from probvae.core import named_variables
from probvae.errors import SpecError, UserError
from probvae.registry import Registry
from probvae.report.numbers import with_error

from .setups import PRIORS, assert_same, kept, rows, spec, steps, stored, strict, tiny_images, train
from .test_semi_supervised import semi_supervised

pytestmark = pytest.mark.traced  # as these are long enough for it to pay


def clusters(folder):
    """The [data] table of binary images of three kinds: the latents of a trained model form three groups."""
    rng = np.random.default_rng(0)
    kinds = rng.random((3, 4, 4)) < 0.5
    arrays = {}
    for name, count in {"train": 120, "validation": 40, "test": 60}.items():
        flipped = rng.random((count, 4, 4)) < 0.03
        arrays[name] = (kinds[np.arange(count) % 3] ^ flipped).astype(np.uint8)
    return stored(folder / "clusters.npz", arrays)


@pytest.fixture(scope="module")
def source(tmp_path_factory, undrawn):
    """A trained run with a standard normal prior."""
    folder = tmp_path_factory.mktemp("source")
    asked = spec(clusters(folder), epochs=30)
    asked["objective"]["beta"] = 0.2
    return train(asked, folder / "run")[0]


@pytest.fixture(scope="module")
def small(tmp_path_factory, undrawn):
    """A run that is hardly trained."""
    folder = tmp_path_factory.mktemp("small")
    return train(spec(tiny_images(folder), epochs=1), folder / "run")[0]


def refit(run, prior, out, **options):
    """As `probvae.refit`, with a small prior and a registry of its own; returns the run and what was printed."""
    parameters = {name: value for name, value in PRIORS[prior].items() if not isinstance(value, dict | str)}
    options["overrides"] = [f"model.prior.{n}={v}" for n, v in parameters.items()] + options.get("overrides", [])
    return printed(probvae.refit, run, prior, out, **options)


def printed(function, *arguments, **options):
    """What a function returns, and what it prints."""
    text = io.StringIO()
    console = Console(file=text, width=200, highlight=False)
    return function(*arguments, console=console, registry=Registry(), **options), text.getvalue()


def part(weights, name):
    return {key: value for key, value in weights.items() if key.startswith(f"{name}/")}


def evaluation(run):
    return strict(run.evaluation_file.read_text())


def best(run):
    return kept(run, evaluation(run)["checkpoint"])


@pytest.fixture(scope="module")
def mixture(source, tmp_path_factory):
    return refit(source, "mixture", tmp_path_factory.mktemp("mixture") / "run", overrides=["train.epochs=60"])


def test_a_refitted_mixture_gains_nats(mixture, source):
    run, text = mixture
    found, before = evaluation(run), evaluation(source)
    gain = found["gain"]["elbo"]
    assert gain["value"] > 0.3
    assert gain["value"] > 10 * gain["standard_error"]
    for name in ("elbo", "importance_weighted"):
        assert found["gain"][name]["value"] == pytest.approx(
            found[name]["value"] - before[name]["value"], abs=1e-4
        )
        assert found["gain"][name]["standard_error"] < 0.5 * found[name]["standard_error"]
    assert f"gain over {source.folder}: {with_error(gain['value'], gain['standard_error'])}, importance-" in text


def test_the_gain_is_that_of_the_priors_at_the_same_latents(mixture, source):
    """E_q[log p_new(z) - log p_old(z)] with draws of its own: encoder and decoder do not enter."""
    run, _ = mixture
    new, old = probvae.load(run), probvae.load(source)
    with np.load(source.spec["data"]["train"]) as file:
        x = file["test"][..., None]
    z = old.posterior(x).sample(2000, seed=tf.constant([1, 2]))  # [S, B, D]
    log_ratio = np.mean(new.prior.distribution().log_prob(z) - old.prior.distribution().log_prob(z), axis=0)
    gain = evaluation(run)["gain"]["elbo"]
    assert gain["value"] == pytest.approx(np.mean(log_ratio), abs=0.15)
    assert gain["standard_error"] == pytest.approx(np.std(log_ratio, ddof=1) / 60**0.5, rel=0.5)


def test_encoder_and_decoder_stay_bit_identical(mixture, source):
    run, _ = mixture
    ours, theirs = kept(run, steps(run)[-1]), best(source)
    for name in ("encoder", "decoder"):
        assert part(theirs, name)
        assert_same(part(ours, name), part(theirs, name), name)
    untrained = {name: value.numpy() for name, value in named_variables(probvae.build(run.spec)).items()}
    for name, value in part(ours, "prior").items():
        assert not np.array_equal(value, untrained[name]), name


def test_the_loss_is_the_kl_of_which_the_cross_entropy_falls(mixture):
    found = rows(mixture[0])
    for split in ("train", "validation"):
        for row in (found[0], found[-1]):
            loss, cross, entropy = (
                row[f"{split}/{name}"] for name in ("loss", "cross_entropy", "posterior_entropy")
            )
            assert loss == pytest.approx(cross - entropy, abs=1e-3)
        assert found[-1][f"{split}/cross_entropy"] < found[0][f"{split}/cross_entropy"] - 0.2


def test_the_spec_of_the_run_alone_reproduces_it(mixture, tmp_path):
    run, _ = mixture
    again, _ = train(tomllib.loads(run.spec_file.read_text()), tmp_path / "again")
    assert_same(kept(again, steps(again)[-1]), kept(run, steps(run)[-1]))
    assert evaluation(again) == evaluation(run)


def test_a_refit_is_named_after_the_run_and_the_prior_and_is_resumed_by_the_same_command(
    small, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    whole, _ = refit(small, "mixture", None, overrides=["train.epochs=3"])
    assert whole.folder == Path("runs/run-mixture")
    refit(small, "mixture", tmp_path / "run", overrides=["train.epochs=1"])
    run, text = refit(small, "mixture", tmp_path / "run", overrides=["train.epochs=3"], resume=True)
    assert "Resuming after step 3" in text
    assert_same(kept(run, steps(run)[-1]), kept(whole, steps(whole)[-1]))
    assert evaluation(run)["gain"] == evaluation(whole)["gain"]


def test_a_refit_continues_on_other_data_as_its_error_says(tmp_path, undrawn):
    data = tiny_images(tmp_path)
    before, _ = train(spec(data, epochs=1), tmp_path / "before")
    refit(before, "mixture", tmp_path / "run", overrides=["train.epochs=1"])
    with np.load(data["train"]) as file:
        stored(tmp_path / "tiny.npz", {**file, "train": file["train"][::-1]})
    more = {"overrides": ["train.epochs=2", "evaluate.compare_with=''"], "resume": True}
    with pytest.raises(UserError, match=r"got other data: .* add --allow-other-data"):
        refit(before, "mixture", tmp_path / "run", **more)
    with pytest.raises(UserError, match=r"compare with none: --set evaluate\.compare_with=''"):
        refit(before, "mixture", tmp_path / "run", resume=True, allow_other_data=True)
    run, _ = refit(before, "mixture", tmp_path / "run", **more, allow_other_data=True)
    assert rows(run)[-1]["epoch"] == 2


def test_a_prior_that_uses_the_encoder_leaves_it_as_it_is(small, tmp_path):
    run, _ = refit(small, "vamp", tmp_path / "run")
    ours, untrained = kept(run, steps(run)[-1]), named_variables(probvae.build(run.spec))
    assert_same(part(ours, "encoder"), part(best(small), "encoder"))
    assert not np.array_equal(ours["prior/pseudo_inputs"], untrained["prior/pseudo_inputs"].numpy())


def test_a_model_with_a_classifier_gets_a_prior_of_the_class(tmp_path, undrawn):
    before, _ = train(semi_supervised(tiny_images(tmp_path)), tmp_path / "before")
    run, _ = refit(before, "conditional", tmp_path / "run", overrides=["train.epochs=1"])
    ours, theirs = kept(run, steps(run)[-1]), best(before)
    for name in ("encoder", "decoder", "classifier"):
        assert_same(part(ours, name), part(theirs, name), name)
    assert run.spec["objective"]["loss"] == {"use": "rate"}
    assert evaluation(run)["gain"]["elbo"]["examples"] == 10


def test_what_cannot_be_refitted_is_refused_in_words(small, tmp_path):
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("spec.toml", "environment.json"):
        (bare / name).write_bytes((small.folder / name).read_bytes())
    out = tmp_path / "run"
    with pytest.raises(
        UserError, match=r"bare: expected a trained run, .* got one without a checkpoint\. Train it"
    ):
        probvae.refit(bare, "mixture", out)
    with pytest.raises(UserError, match="nowhere: expected a run that `probvae train` made; got no such folder"):
        probvae.refit(tmp_path / "nowhere", "mixture", out)
    with pytest.raises(
        SpecError, match=r"model\.prior\.use: expected the name of a prior; got \"mixtur\"\. .*'mixture'"
    ):
        probvae.refit(small, "mixtur", out)
    with pytest.raises(UserError, match="expected a trainable variable in the other parts"):
        refit(small, "standard_normal", out)
    assert not (out / "spec.toml").exists()


SHARES = '''
import probvae
import tensorflow as tf
import tensorflow_probability as tfp


@probvae.register("prior", "shares")
class Shares(probvae.Prior):
    """Shares of a whole."""

    support = probvae.SIMPLEX

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.log_concentration = self.add_weight(shape=(latent_dim,), name="log_concentration")

    def distribution(self):
        return tfp.distributions.Dirichlet(tf.exp(self.log_concentration.value))
'''


def test_a_prior_of_another_support_is_refused(small, tmp_path):
    file = tmp_path / "shares.py"
    file.write_text(SHARES)
    with pytest.raises(SpecError, match="Expected a posterior and a prior of one support"):
        printed(probvae.refit, small, "shares.shares", tmp_path / "run", plugins=[file])


def test_a_comparison_needs_a_run_on_the_same_data(small, source, tmp_path):
    for other, message in {
        source.folder: r"compare_with: expected a run on the data of .*; got .*: \w+ .* instead of ",
        tmp_path / "nowhere": r"compare_with: .*nowhere: expected a run .* --set evaluate\.compare_with=''",
    }.items():
        with pytest.raises(UserError, match=message):
            printed(probvae.evaluate, small, [f"evaluate.compare_with={other}"])


def test_any_two_runs_on_the_same_data_are_compared(mixture, source):
    """The same models the other way round: the differences have the other sign."""
    run, _ = mixture
    found, _ = printed(probvae.evaluate, source, [f"evaluate.compare_with={run.folder}"], split="validation")
    again, _ = printed(probvae.evaluate, run, split="validation")
    assert found["gain"]["elbo"]["value"] == pytest.approx(-again["gain"]["elbo"]["value"], rel=1e-6)
    assert "gain" not in printed(probvae.evaluate, run, ["evaluate.compare_with="], split="validation")[0]


def test_the_tables_in_the_docs_are_those_of_a_refit(mixture, source):
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text()
    (shown,) = re.findall(r"```toml\n(\[objective\].*?)```", page, re.S)
    tables = tomllib.loads(shown.replace("/home/you/runs/first", str(source.folder)))
    for name, table in tables.items():
        assert mixture[0].spec[name] | table == mixture[0].spec[name]
