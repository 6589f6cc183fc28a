"""A wrong spec is reported with file, line, key path, what was expected, what was found and how to fix it."""

import json
import re
from typing import NamedTuple

import numpy as np
import pytest


class Case(NamedTuple):
    """A mistake, and how it must be reported.

    Args:
        mistake: what was done wrong, in words.
        replacements: old and new text, in turns, in the right spec of conftest.py.
        line: where the mistake is.
        path: the key path at fault.
        words: what must occur in the message, in this order.
    """

    mistake: str
    replacements: tuple[str, ...]
    line: int | None
    path: str
    words: tuple[str, ...]

    def parameter(self):
        return pytest.param(self, id=self.mistake)


def case(mistake, *replacements, at, says):
    line, path = at
    return Case(mistake, replacements, line, path, (says,) if isinstance(says, str) else says)


K = "components = 4"
POSTERIOR = '{ use = "diagonal_normal" }'
LIKELIHOOD = '{ use = "bernoulli" }'
FILTERS = "model.encoder.network.filters"
DATA = 'use = "fashion_mini"'

NAMES = [
    case("a misspelt table", "[objective]", "[objektive]", at=(20, "objektive"), says="Did you mean 'objective'?"),
    case(
        "a misspelt table of the model",
        *("[objective]", '[model.priors]\nuse = "maf"\n[objective]'),
        at=(20, "model.priors"),
        says="Did you mean 'prior'? Known: classifier, decoder, encoder, latent_dim, prior.",
    ),
    case("a misspelt prior", '"mixture"', '"mixtur"', at=(17, "model.prior.use"), says="Did you mean 'mixture'?"),
    case(
        "a misspelt posterior in an inline table",
        *("diagonal_normal", "diag_normal"),
        at=(9, "model.encoder.posterior.use"),
        says=("the name of a posterior", '"diag_normal"', "Did you mean 'diagonal_normal'?"),
    ),
    case(
        "a misspelt objective",
        *('"elbo"', '"elbow"'),
        at=(21, "objective.use"),
        says=("the name of an objective", '"elbow"', "Did you mean 'elbo'? Known: beta_tc, "),
    ),
    case("a misspelt dataset", "fashion_mini", "fashion_mimi", at=(24, "data.use"), says="'fashion_mini'?"),
    case(
        "a name of another kind",
        *('"conv"', '"bernoulli"'),
        at=(7, "model.encoder.network.use"),
        says=("No network is named 'bernoulli'", "There is one of kind likelihood."),
    ),
    case(
        "a network in the place of an encoder",
        *('network.use = "conv"\nnetwork.filters = [8, 16]', 'use = "dense"\nhidden = [8]'),
        at=(7, "model.encoder.use"),
        says=("the name of an encoder", '"dense"', 'it is a network. Write network = { use = "dense" } instead.'),
    ),
    case(
        "a name of a plugin that is not there",
        *('"mixture"', '"mine.mixture"'),
        at=(17, "model.prior.use"),
        says=("Did you mean 'mixture'?", "No plugin is named 'mine'", "--plugin mine.py"),
    ),
    case(
        "a misspelt parameter",
        *("components =", "componets ="),
        at=(18, "model.prior.componets"),
        says=("a known key", "'componets'", "Did you mean 'components'?"),
    ),
    case(
        "a misspelt parameter that holds a component",
        *("posterior =", "posteriors ="),
        at=(9, "model.encoder.posteriors"),
        says="Did you mean 'posterior'? Known: condition, network, posterior.",
    ),
    case(
        "a misspelt parameter in an inline table",
        *(POSTERIOR, '{ use = "diagonal_normal", floor = 0.1 }'),
        at=(9, "model.encoder.posterior.floor"),
        says="Did you mean 'scale_floor'?",
    ),
    case("a misspelt setting of train", "epochs", "epoch", at=(27, "train.epoch"), says="Did you mean 'epochs'?"),
    case(
        "a misspelt setting of evaluate",
        *("[train]", "[evaluate]\nsample = 3\n[train]"),
        at=(27, "evaluate.sample"),
        says="Did you mean 'samples'?",
    ),
    case(
        "a parameter that the model supplies",
        *(K, "components = 4\nlatent_dim = 2"),
        at=(19, "model.prior.latent_dim"),
        says=("no such key here", "It is supplied from [model] latent_dim."),
    ),
    case(
        "a parameter that the data supplies",
        *("network.filters = [8, 16]", "event_shape = [28, 28, 1]"),
        at=(8, "model.encoder.event_shape"),
        says=("no such key here", "It is supplied from the data."),
    ),
]

TYPES = [
    case(
        "a string for an integer", K, 'components = "4"', at=(18, "model.prior.components"), says=("an int", '"4"')
    ),
    case(
        "a float for an integer", K, "components = 4.0", at=(18, "model.prior.components"), says=("integer", "4.0")
    ),
    case(
        "true for an integer", K, "components = true", at=(18, "model.prior.components"), says=("integer", "true")
    ),
    case(
        "a list for an integer", K, "components = [4]", at=(18, "model.prior.components"), says=("integer", "[4]")
    ),
    case("a table for an integer", K, "components.k = 4", at=(18, "model.prior.components"), says='{"k": 4}'),
    case(
        "a date for an integer", K, "components = 2020-01-01", at=(18, "model.prior.components"), says="2020-01-01"
    ),
    case(
        "a string for a number", "1e-3", '"1e-3"', at=(29, "train.learning_rate"), says=("a number > 0", '"1e-3"')
    ),
    case("true for a number", "1e-3", "true", at=(29, "train.learning_rate"), says=("a number > 0", "true")),
    case("an integer for a string", DATA, 'use = "arrays"\ntrain = 3', at=(25, "data.train"), says="a string"),
    case(
        "a date for a string",
        *(DATA, 'use = "arrays"\ntrain = 2020-01-01'),
        at=(25, "data.train"),
        says=("expected  a string",),
    ),
    case(
        "an integer for a boolean",
        *('"mixture"', '"vamp"', K, "learned_weights = 1"),
        at=(18, "model.prior.learned_weights"),
        says=("true or false", "got       1"),
    ),
    case(
        "an integer for a list",
        "[8, 16]",
        "8",
        at=(8, FILTERS),
        says=("a list", "got       8"),
    ),
    case(
        "a string in a list",
        "[8, 16]",
        '[8, "16"]',
        at=(8, FILTERS),
        says=("a list", '[8, "16"]'),
    ),
    case(
        "a list in a list",
        "[8, 16]",
        "[8, [16]]",
        at=(8, FILTERS),
        says=("a list", "[8, [16]]"),
    ),
    case(
        "neither of two types",
        *("[8, 16]", '[8, 16]\nnetwork.kernel_size = "3"'),
        at=(9, "model.encoder.network.kernel_size"),
        says=("an integer >= 1; or a list, each an integer >= 1", '"3"'),
    ),
    case(
        "a list of another length",
        *(POSTERIOR, '{ use = "diagonal_normal", log_variance_range = [-2, 0, 2] }'),
        at=(9, "model.encoder.posterior.log_variance_range"),
        says=("a list of 2: a number, a number", "[-2, 0, 2]"),
    ),
    case(
        "a name that is no string", '"mixture"', "3", at=(17, "model.prior.use"), says=("the name of a prior", "3")
    ),
    case(
        "a name in the place of a table",
        *(LIKELIHOOD, '"bernoulli"'),
        at=(14, "model.decoder.likelihood"),
        says=("a table that names a likelihood", 'Write likelihood = { use = "bernoulli" }.'),
    ),
    case(
        "an array of tables in the place of a table",
        *("[model.prior]", "[[model.prior]]"),
        at=(16, "model.prior"),
        says="a table",
    ),
    case("a number in the place of a table", "[train]", "[[train]]", at=(26, "train"), says="a table"),
]

RANGES = [
    case(
        "zero of something", K, "components = 0", at=(18, "model.prior.components"), says=("an integer >= 1", "0")
    ),
    case(
        "a size beyond all",
        K,
        "components = 99999999999999999999",
        at=(18, "model.prior.components"),
        says="9999",
    ),
    case("no latents", "latent_dim = 2", "latent_dim = 0", at=(4, "model.latent_dim"), says="an integer >= 1"),
    case("no filters", "[8, 16]", "[]", at=(8, FILTERS), says=("1 or more of them", "[]")),
    case(
        "a zero in a list",
        "[8, 16]",
        "[8, 0]",
        at=(8, FILTERS),
        says=("integer >= 1", "[8, 0]"),
    ),
    case(
        "a negative learning rate", "1e-3", "-1.0", at=(29, "train.learning_rate"), says=("a number > 0", "-1.0")
    ),
    case("a rate that is no number", "1e-3", "nan", at=(29, "train.learning_rate"), says=("a number > 0", "NaN")),
    case("an infinite rate", "1e-3", "inf", at=(29, "train.learning_rate"), says=("a number > 0", "Infinity")),
    case("a negative seed", "epochs = 1", "seed = -1", at=(27, "train.seed"), says=("an integer >= 0", "-1")),
    case(
        "a seed beyond 32 bits",
        "epochs = 1",
        "seed = 4294967296",
        at=(27, "train.seed"),
        says="4294967296",
    ),
    case(
        "a share of more than half",
        *(DATA, 'use = "arrays"\ntrain = "bytes.npy"\nshare = 0.7'),
        at=(26, "data.share"),
        says=("a number >= 0 and < 0.5", "0.7"),
    ),
    case(
        "a choice that is not offered",
        *("[8, 16]", '[8, 16]\nnetwork.activation = "reluu"'),
        at=(9, "model.encoder.network.activation"),
        says=("one of 'gated', 'relu'", '"reluu"', "of each convolution"),
    ),
]

MISSING = [
    case("no schema", "schema = 1\n", "", at=(None, "schema"), says=("no such key", "schema = 1")),
    case("a newer schema", "schema = 1", "schema = 2", at=(1, "schema"), says=("1", "2", "A newer probvae")),
    case("a schema that is no number", "schema = 1", 'schema = "1"', at=(1, "schema"), says=("1", '"1"')),
    case("no data", f"[data]\n{DATA}\n", "", at=(None, "data"), says=("a table", "no such table", "[data]")),
    case("no name", 'use = "mixture"\n', "", at=(16, "model.prior.use"), says=("no such key", "Known: ")),
    case(
        "no name in an inline table", LIKELIHOOD, "{}", at=(14, "model.decoder.likelihood.use"), says="bernoulli"
    ),
    case(
        "no likelihood",
        *(f"likelihood = {LIKELIHOOD}\n", ""),
        at=(11, "model.decoder.likelihood"),
        says=("no such table", "Write a table [model.decoder.likelihood]", "Known: bernoulli,"),
    ),
    case(
        "no required parameter",
        *(DATA, 'use = "arrays"'),
        at=(23, "data.train"),
        says=("a string", "no such key", "arrays dataset needs it: train: the file with the training examples"),
    ),
    case(
        "no latent_dim",
        *("latent_dim = 2\n", ""),
        at=(3, "model.latent_dim"),
        says="no such key",
    ),
    case(
        "no prior",
        *('[model.prior]\nuse = "mixture"\ncomponents = 4\n', ""),
        at=(3, "model.prior"),
        says=("no such table", "Write a table [model.prior]", "Known: ", "mixture"),
    ),
]

CONFLICTS = [
    case(
        "a network of the other side",
        *('"conv_transpose"', '"conv"'),
        at=(12, "model.decoder.network"),
        says=("conv: expected", "[2]. Use 'conv_transpose', which goes from vectors to images."),
    ),
    case(
        "one kernel for two layers",
        *("[8, 16]", "[8, 16]\nnetwork.kernel_size = [3]"),
        at=(9, "model.encoder.network.kernel_size"),
        says=("expected one number, or one for each of the 2 layers", "got [3]"),
    ),
    case(
        "a convolutional encoder for vectors",
        *(DATA, 'use = "arrays"\ntrain = "vectors.npy"'),
        at=(7, "model.encoder.network"),
        says=("expected images [height, width, channels]", "[5]", "Use 'dense'"),
    ),
    case(
        "an exact KL that does not exist",
        *('"elbo"', '"elbo"\nkl = "exact"'),
        at=(22, "objective.kl"),
        says=("MultivariateNormalDiag", "NormalMixture", "Set kl = 'monte_carlo' or 'auto'."),
    ),
    case(
        "a warm-up of a KL that is left out",
        *('"elbo"', '"elbo"\nbeta = 0\nwarmup_epochs = 0.5'),
        at=(23, "objective.warmup_epochs"),
        says="Set beta above 0",
    ),
    case(
        "free bits of a KL that is left out",
        *('"elbo"', '"elbo"\nbeta = 0\nfree_bits = 2.0'),
        at=(23, "objective.free_bits"),
        says="Set beta above 0, or leave free_bits out.",
    ),
    case(
        "two forms of a scale",
        *(POSTERIOR, '{ use = "diagonal_normal", scale_floor = 0.1, log_variance_range = [-2, 2] }'),
        at=(9, "model.encoder.posterior.scale_floor"),
        says="Give one of them.",
    ),
    case(
        "an empty range",
        *(POSTERIOR, '{ use = "diagonal_normal", log_variance_range = [2, -2] }'),
        at=(9, "model.encoder.posterior.log_variance_range"),
        says=("low < high", "[2.0, -2.0]"),
    ),
    case(
        "a warm-up without a schedule",
        *("epochs = 1", "warmup_steps = 5"),
        at=(27, "train.warmup_steps"),
        says=("warmup_steps = 5 has no effect", "Set schedule = 'cosine'"),
    ),
    case(
        "a warm-up longer than the training",
        *("epochs = 1", 'epochs = 1\nschedule = "cosine"\nwarmup_steps = 5000'),
        at=(29, "train.warmup_steps"),
        says=("5000",),
    ),
]

VALUES = [
    case(
        "grey images for a Bernoulli",
        *(DATA, 'use = "fashion_mini"\nbinarize = "none"'),
        at=(14, "model.decoder.likelihood"),
        says=(
            "0 and 1 only",
            "of 1/255 from 0 to 1, from 'fashion_mini'",
            "data.binarize",
            "continuous_bernoulli",
        ),
    ),
    case(
        "bytes for a Bernoulli",
        *(DATA, 'use = "arrays"\ntrain = "bytes.npy"'),
        at=(14, "model.decoder.likelihood"),
        says=("0 and 1 only", "integers from 0 to 255, from 'arrays'", "data.divide_by = 255"),
    ),
    case(
        "bytes to be binarised",
        *(DATA, 'use = "arrays"\ntrain = "bytes.npy"\nbinarize = "dynamic"'),
        at=(26, "data.binarize"),
        says=("numbers from 0 to 1", "integers from 0 to 255", "Set data.divide_by = 255"),
    ),
    case(
        "real numbers for a continuous Bernoulli",
        *(DATA, 'use = "arrays"\ntrain = "real.npy"', '"bernoulli"', '"continuous_bernoulli"'),
        at=(14, "model.decoder.likelihood"),
        says=("numbers from 0 to 1", "numbers from -", "likelihood.use = 'normal'"),
    ),
    case(
        "no file of that name",
        *(DATA, 'use = "arrays"\ntrain = "nowhere.npy"'),
        at=(25, "data.train"),
        says=("a .npy or .npz file", "no file", "nowhere.npy"),
    ),
    case(
        "no folder of that name",
        *(DATA, 'use = "mnist"\nfolder = "nowhere"'),
        at=(25, "data.folder"),
        says=("got no folder", "nowhere", "Leave data.folder out"),
    ),
]


@pytest.fixture
def arrays(folder):
    """Small arrays of several sorts, in the working folder."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (30, 8, 8), np.uint8)
    images[0, 0, :2] = 0, 255
    np.save(folder / "bytes.npy", images)
    np.save(folder / "real.npy", rng.normal(size=(30, 8, 8)).astype(np.float32))
    np.save(folder / "vectors.npy", rng.integers(0, 2, (30, 5), np.uint8))


def problems_of(ended):
    """The problems that were reported: their places, and everything below each."""
    assert ended.status == 2, ended.text
    assert "Traceback" not in ended.text
    assert ended.out == ""
    first, *rest = ended.err.rstrip("\n").split("\n\n")
    count = int(re.fullmatch(r"error: The spec has (\d+) problems?\.", first)[1])
    assert len(rest) == count
    for problem in rest:
        assert re.match(r"\S.*(\n  expected  \S.*\n  got       \S.*)?(\n  \S|$)", problem), problem
        assert problem.count("got ") == 1, problem
    return [tuple(problem.split("\n", 1)) for problem in rest]


def occur(words, text):
    """Whether all the words occur in the text, in their order."""
    return re.search(".*?".join(map(re.escape, words)), text, re.DOTALL)


@pytest.mark.parametrize(
    "case",
    [case.parameter() for case in NAMES + TYPES + RANGES + MISSING + CONFLICTS + VALUES],
)
def test_a_mistake_is_reported_alone_with_line_path_and_remedy(case, program, spec, arrays):
    old, new = case.replacements[::2], case.replacements[1::2]
    path = spec(*zip(old, new, strict=True))
    ((place, below_path),) = problems_of(program("check", path))
    assert place == (f"{path}:{case.line}: {case.path}" if case.line else f"{path}: {case.path}")
    assert occur(case.words, below_path), below_path


def test_all_problems_are_reported_at_once_in_the_order_of_their_lines(program, spec):
    path = spec(
        ("schema = 1\n", "\n"),
        ("[8, 16]", "[8, -1]"),
        ("diagonal_normal", "diagnal_normal"),
        ('"mixture"', '"mixtur"'),
        ("epochs = 1", "epochs = 1.5"),
        ("batch_size", "batchsize"),
    )
    places = [place for place, _ in problems_of(program("check", path))]
    assert places == [
        f"{path}:8: model.encoder.network.filters",
        f"{path}:9: model.encoder.posterior.use",
        f"{path}:17: model.prior.use",
        f"{path}:27: train.epochs",
        f"{path}:28: train.batchsize",
        f"{path}: schema",
    ]


def test_a_missing_table_says_what_it_may_name_and_hides_no_other_problem(program, spec):
    path = spec(
        ('[data]\nuse = "fashion_mini"\n', ""),
        ("[model.prior]\nuse", "[model.pryor]\nuse"),
        ("epochs = 1", "epochs = 0"),
    )
    problems = dict(problems_of(program("check", path)))
    assert "epochs" in "".join(problems)
    assert 'use = "NAME". Known: ' in problems[f"{path}:3: model.prior"]
    assert 'use = "NAME". Known: anndata, arrays, fashion_mini, ' in problems[f"{path}: data"]


def test_options_that_cannot_be_applied_hide_no_other_problem(program, spec):
    options = ("--set", "model.prior", "--set", "schema.version=1", "--set", "train.epochs=0")
    places = [place for place, _ in problems_of(program("check", spec(('"mixture"', '"mixtur"')), *options))]
    assert [place.rpartition(": ")[2] for place in places] == [
        "model.prior.use",
        "--set",
        "schema",
        "train.epochs",
    ]


def test_an_error_that_says_what_it_expected_and_got_is_not_wrapped(program, spec):
    path = spec(("learning_rate = 1e-3", 'schedule = "cosine"\nwarmup_steps = 500'))
    ((place, below),) = problems_of(program("check", path))
    assert place == f"{path}:30: train.warmup_steps"
    assert below == "  train: expected warmup_steps below the training's 188 steps; got 500."


def test_train_reports_the_same_as_check_and_makes_no_folder(program, spec, folder):
    path = spec(('"mixture"', '"mixtur"'), ("epochs = 1", "epochs = 0"))
    assert program("train", path) == program("check", path) == program("fill", path)
    assert not (folder / "runs").exists()


def test_a_schedule_that_cannot_be_leaves_no_folder(program, tiny, folder):
    settings = ["--set", "train.schedule=cosine", "--set", "train.warmup_steps=500"]
    ended = program("train", tiny, *settings)
    assert ended.status == 2
    assert not (folder / "runs").exists()


def test_a_model_that_is_no_table_is_one_problem(program, spec):
    path = spec(text="schema = 1\nmodel = 3\n")
    assert [place for place, _ in problems_of(program("check", path))] == [f"{path}:2: model", f"{path}: data"]


def test_an_empty_spec_lacks_its_schema_its_model_and_its_data(program, spec):
    path = spec(text="")
    places = [place for place, _ in problems_of(program("check", path))]
    assert places == [f"{path}: schema", f"{path}: model", f"{path}: data"]


# Files


@pytest.mark.parametrize(
    ("name", "text", "place", "words"),
    [
        ("broken.toml", "schema = 1\n[model\n", ":2: TOML", ["valid TOML", "']'"]),
        ("broken.toml", "schema = 1\nx = [1,\n\n", ":4: TOML", ["valid TOML"]),
        ("broken.toml", 'schema = 1\nx = """a\n', ":3: TOML", ["valid TOML", "string"]),
        ("twice.toml", "schema = 1\nschema = 1\n", ":2: TOML", ["valid TOML", "overwrite"]),
        ("twice.toml", "[data]\n[data]\n", ":2: TOML", ["valid TOML", "twice"]),
        ("broken.json", '{"schema": 1,\n "model": {,}}', ":2: JSON", ["valid JSON"]),
        ("list.json", "[1]", ":1: JSON", ["an object", "[1]"]),
    ],
)
def test_a_text_that_is_no_spec_is_reported_with_its_line(name, text, place, words, program, spec):
    path = spec(text=text, name=name)
    ((found, below),) = problems_of(program("check", path))
    assert found == f"{path}{place}"
    assert occur(words, below)


def test_an_unknown_file_is_reported_with_the_specs_beside_it(program, spec, folder):
    spec(name="right.toml")
    ((place, below),) = problems_of(program("check", folder / "rihgt.toml"))
    assert place == f"{folder / 'rihgt.toml'}: file"
    assert occur(["no file of that name", "right.toml"], below)


def test_a_folder_is_no_spec(program, folder):
    ((place, below),) = problems_of(program("check", folder))
    assert place == f"{folder}: file"
    assert "directory" in below


def test_a_text_that_is_not_utf_8_is_reported(program, folder):
    path = folder / "spec.toml"
    path.write_bytes("# Müller\nschema = 1\n".encode("latin-1"))
    ((place, below),) = problems_of(program("check", path))
    assert place == f"{path}: file"
    assert occur(["a readable text file", "utf-8"], below)


def test_a_byte_order_mark_does_no_harm(program, spec, folder):
    path = spec()
    path.write_text("\ufeff" + path.read_text(), encoding="utf-8")
    assert program("fill", path).status == 0


def test_a_key_that_is_there_twice_in_json_is_reported(program, spec):
    path = spec(text='{"schema": 2, "schema": 1, "data": {"use": "fashion_mini"}}', name="spec.json")
    assert any("schema" in place for place, _ in problems_of(program("check", path)))


def test_windows_line_ends_do_not_move_the_lines(program, spec):
    path = spec((K, 'components = "4"'))
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    ((place, _),) = problems_of(program("check", path))
    assert place == f"{path}:18: model.prior.components"


def test_the_problems_of_a_json_spec_name_file_and_path(program, spec):
    path = spec(text=json.dumps({"schema": 1, "model": {"latent_dim": 0}}), name="spec.json")
    places = [place for place, _ in problems_of(program("check", path))]
    assert f"{path}: model.latent_dim" in places


# --set


@pytest.mark.parametrize("setting", ["model.prior.components", "=3", "model..prior=3", "a b=3", "", "."])
def test_a_setting_of_no_known_form_is_reported_with_an_example(setting, program, spec):
    ((_, below),) = problems_of(program("check", spec(), "--set", setting))
    assert occur(["key.path=value", "model.prior.components=32", f"{setting!r}"], below)


@pytest.mark.parametrize(
    ("setting", "path", "words"),
    [
        ("model.prior.components=0", "model.prior.components", ["an integer >= 1", "got       0"]),
        ("model.prior.components=many", "model.prior.components", ["an integer >= 1", '"many"']),
        ("model.prior.components=", "model.prior.components", ["an integer >= 1", '""']),
        ("model.prior.components='", "model.prior.components", ["an integer >= 1", "'"]),
        ("model.prior.componets=3", "model.prior.componets", ["Did you mean 'components'?"]),
        ("model.prior.use=mixtur", "model.prior.use", ["Did you mean 'mixture'?"]),
        ("model.prior=mixture", "model.prior", ['Write prior = { use = "mixture" }.']),
        ("model.latent_dim.x=3", "model.latent_dim", ["a table", "2"]),
        ("train.learning_rate=nan", "train.learning_rate", ["a number > 0", "NaN"]),
        pytest.param(
            *("trian.epochs=3", "trian", ["Did you mean 'train'?"]),
        ),
        ("schema=2", "schema", ["1", "2"]),
        ("objective.kl=exact", "objective.kl", ["NormalMixture", "monte_carlo"]),
    ],
)
def test_a_mistake_in_an_option_is_reported_as_that_option(setting, path, words, program, spec):
    ((place, below),) = problems_of(program("check", spec(), "--set", setting))
    assert place == f"--set {setting}: {path}"
    assert occur(words, below)


def test_an_option_holds_one_value(program, spec):
    problems_of(program("fill", spec(), "--set", "train.epochs=3\nx = 1"))


def test_an_option_for_a_component_that_is_swapped_out_is_reported(program, spec):
    ((place, _),) = problems_of(
        program("check", spec(), "--set", "model.prior.components=3", "--set", "model.prior.use=standard_normal")
    )
    assert place == "--set model.prior.components=3: model.prior.components"
