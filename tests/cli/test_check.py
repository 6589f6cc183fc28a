"""`probvae check` of components: what it prints, how it ends, what it says of wrong questions."""

import json
import re

import pytest

from ..brief import check_in_turn

pytestmark = pytest.mark.traced  # the kit compares what is traced with what is not

SUM_FORGOTTEN = '''
import probvae
import tensorflow as tf
import tensorflow_probability as tfp


@probvae.register("prior", "forgetful")
class Forgetful(probvae.Prior):
    """A normal whose event dimension was forgotten."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.loc = tf.Variable(tf.zeros(latent_dim))

    def distribution(self):
        return tfp.distributions.Normal(self.loc, 1.0)
'''


@pytest.fixture
def forgetful(plugin):
    return plugin("forgetful_prior", SUM_FORGOTTEN)


def test_a_wrong_prior_in_a_single_file_is_reported_with_its_smallest_case(forgetful, program):
    ended = program("check", "--plugin", forgetful)
    assert ended.status == 1
    assert re.search(r"^prior forgetful_prior\.forgetful  \d+ checks, fast, seed 0$", ended.out, re.M)
    assert "✗ shapes" in ended.out
    assert "✓ builds" in ended.out
    assert "must hold  The result is a float32 distribution with the right batch and event shape" in ended.out
    assert "expected batch [] and event [1]; got batch [1] and event []." in ended.out
    assert "smallest   every default; D = 1, S = (), seed 0" in ended.out
    line = next(text for text in ended.out.splitlines() if "repeat" in text and "'shapes'" in text)
    assert "'forgetful_prior.forgetful', plugin='" in line
    assert "does NOT keep its contract" in ended.out


def test_the_line_that_repeats_a_failure_can_be_pasted(forgetful):
    from probvae import testing

    with pytest.raises(testing.Violation, match=r"got batch \[1\] and event \[\]"):
        testing.replay("shapes", "prior", "forgetful_prior.forgetful", plugin=str(forgetful), latent_dim=1)


def test_json_is_one_report_for_each_component_and_nothing_else(program, monkeypatch):
    check_in_turn(monkeypatch)
    ended = program("check", "--component", "likelihood", "bernoulli", "--json", "--seed", "3")
    assert ended.status == 0
    (report,) = json.loads(ended.out)
    assert (report["kind"], report["name"], report["seed"], report["ok"]) == ("likelihood", "bernoulli", 3, True)
    others = [result["check"] for result in report["results"] if result["status"] != "passed"]
    assert others == ["density_integrates_to_one"]  # probabilities have a check of their own


def test_what_a_component_prints_is_no_json(plugin, program):
    talks = plugin("talks", SUM_FORGOTTEN.replace("super().__init__()", "print('Here I am.'); super().__init__()"))
    ended = program("check", "--plugin", talks, "--json")
    (report,) = json.loads(ended.out)
    assert not report["ok"]
    assert "Here I am." in ended.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Give a SPEC, or --component KIND NAME, or --plugin PLUGIN."),
        (["a.toml", "--component", "prior", "mixture"], "Give either a SPEC or --component, not both."),
        (["--component", "prior", "mixtur"], "No prior is named 'mixtur'. Did you mean 'mixture'?"),
        (["--component", "priors", "mixture"], "No kind with checks is named 'priors'. Did you mean 'prior'?"),
        (["--component", "bijector", "mixture"], "expected a class with a method bijector()"),
        (["--plugin", "probvea"], "No plugin is named 'probvea'. Did you mean 'probvae'?"),
        (["--plugin", "nowhere.py"], "expected a Python file, ending in .py; got no such file"),
        (["--plugin", "probvae.data"], "expected components of a kind with checks; got none"),
        (["--component", "prior", "mixture", "--set", "a=1"], "--set changes a SPEC, and none is given."),
        (["--component", "prior", "mixture", "--profile", "slow"], "'slow' is not one of 'fast', 'deep'"),
    ],
)
def test_a_wrong_question_is_answered_with_a_remedy(arguments, message, program):
    ended = program("check", *arguments)
    assert ended.status == 2
    assert message in " ".join(ended.err.split())
    assert "Traceback" not in ended.err


def test_a_broken_plugin_has_nothing_to_check(plugin, program):
    ended = program("check", "--plugin", plugin("raises", "raise RuntimeError('no luck today')"))
    assert ended.status == 2
    assert "is broken: RuntimeError: no luck today" in ended.err
