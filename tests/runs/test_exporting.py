"""Exported models compute what the model computes, in runtimes that know nothing of probvae."""

import importlib.util
import json
import math
import re
import shutil
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf

import probvae
from probvae import exporting
from probvae.core import Condition, ConditionColumn
from probvae.errors import UserError, WorkError
from probvae.exporting.signatures import Signature, Value
from probvae.runs.exporting import RECORD, Export

from ..program import program
from .setups import spec

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
SEED, S = 11, 4
ALL = ["encode", "decode", "sample", "bounds", "log_weight"]


@pytest.fixture(scope="module")
def run(trained_once):
    return trained_once


@pytest.fixture(scope="module")
def vae(run):
    return probvae.load(run)


@pytest.fixture(scope="module")
def saved(run):
    return probvae.export(run)


@pytest.fixture(scope="module")
def onnx(run):
    """By the command line."""
    ended = program("export", run.folder, "--format", "onnx", "--json")
    assert ended.status == 0, ended.text
    record = json.loads(ended.out)
    return Export(Path(record.pop("folder")), record)


@pytest.fixture
def x(vae):
    return (np.random.default_rng(0).random((7, *vae.event_shape)) < 0.5).astype(np.float32)


def expected_of(vae, x):
    """What the signatures should give, by the methods of the model."""
    q, z = vae.posterior(x), np.random.default_rng(1).normal(size=(len(x), vae.latent_dim)).astype(np.float32)
    weights = vae.log_weights(x, S, SEED)
    return z, {
        "encode/mean": q.mean(),
        "encode/stddev": q.stddev(),
        "decode/mean": vae.likelihood(z).mean(),
        "sample/x": vae.sample(3, SEED),
        "sample/mean": vae.sample(3, SEED, mean=True),
        "bounds/elbo": tf.reduce_mean(weights, axis=0),
        "bounds/importance_weighted": tf.reduce_logsumexp(weights, axis=0) - np.log(np.float32(S)),
        "log_weight/log_weight": vae.log_joint(x, z) - q.log_prob(z),
    }


IN_ANOTHER_PROCESS = """
import sys
sys.modules["probvae"] = sys.modules["keras"] = sys.modules["tensorflow_probability"] = None
import numpy as np, tensorflow as tf
folder, given, S, seed, destination = sys.argv[1:]
given = dict(np.load(given))
f = tf.saved_model.load(folder).signatures
x, z = map(tf.constant, (given["x"], given["z"]))
S, seed = tf.constant(int(S)), tf.constant(int(seed), tf.int64)
found = {
    "encode": f["encode"](x=x),
    "decode": f["decode"](z=z),
    "sample": f["sample"](seed=seed, count=tf.constant(3)),
    "bounds": f["bounds"](x=x, seed=seed, samples=S),
    "log_weight": f["log_weight"](x=x, z=z),
}
np.savez(destination, **{f"{name}/{key}": value for name, one in found.items() for key, value in one.items()})
"""


def test_a_saved_model_computes_the_same_without_probvae(saved, vae, x, tmp_path):
    z, expected = expected_of(vae, x)
    np.savez(tmp_path / "given.npz", x=x, z=z)
    arguments = [saved.folder, tmp_path / "given.npz", S, SEED, tmp_path / "found.npz"]
    command = [sys.executable, "-c", IN_ANOTHER_PROCESS, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "found.npz") as file:
        found = dict(file)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-5, err_msg=name)


def test_onnx_runtime_computes_the_same(onnx, vae, x):
    z, expected = expected_of(vae, x)
    inputs = {"x": x, "z": z}
    assert sorted(path.name for path in onnx.folder.iterdir()) == [
        "decode.onnx",
        "encode.onnx",
        RECORD,
        "log_weight.onnx",
    ]
    for path in onnx.folder.glob("*.onnx"):
        session = onnxruntime.InferenceSession(path)
        assert {value.shape[0] for value in (*session.get_inputs(), *session.get_outputs())} == {"batch"}
        for count in (7, 1):
            given = {value.name: inputs[value.name][:count] for value in session.get_inputs()}
            for output, found in zip(session.get_outputs(), session.run(None, given), strict=True):
                value = expected[f"{path.stem}/{output.name}"][:count]
                np.testing.assert_allclose(found, value, rtol=1e-4, atol=1e-5)


def test_what_onnx_does_not_have_is_left_out_in_words(onnx):
    left_out = onnx.record["left_out"]
    assert left_out.keys() == {"sample", "bounds"}
    for reason in left_out.values():
        assert "it draws random numbers (Stateless" in reason
        assert "use the SavedModel" in reason


def test_the_record_says_what_a_caller_needs(saved, onnx, run):
    for made in (saved, onnx):
        record = json.loads((made.folder / RECORD).read_text())
        assert record == made.record
        assert record["run"] == run.identity
        assert record["signatures"]["encode"]["inputs"] == {
            "x": {
                "shape": [None, 4, 4, 1],
                "dtype": "float32",
                "is": "examples, prepared as the training data was",
            }
        }
        assert (
            record["signatures"]["log_weight"]["call"] == "log_weight(x [B, 4, 4, 1], z [B, 2]) -> log_weight [B]"
        )
        for signature in record["signatures"].values():
            for output in signature["outputs"].values():
                assert 0 <= output["largest_difference"] < 1e-4 * max(1, output["largest_value"])
        data = record["data"]
        assert data["divide_by"] == 255
        assert data["preparation"][0] == "x: float32 [B, 4, 4, 1], 0 and 1 only; nothing checks it."
        assert any("binarised" in sentence for sentence in data["preparation"])
    assert list(saved.record["signatures"]) == ALL
    assert saved.record["left_out"] == {}
    assert {"tf2onnx", "onnx", "onnxruntime", "tensorflow"} <= onnx.record["versions"].keys()


def test_a_folder_that_exists_is_kept(run, saved, tmp_path):
    before = sorted(saved.folder.rglob("*"))
    for out in (None, saved.folder):
        with pytest.raises(UserError, match="expected a folder that does not exist yet"):
            probvae.export(run, out)
    assert sorted(saved.folder.rglob("*")) == before
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        probvae.export(run, tmp_path / "file" / "inside")


def test_a_saved_model_that_cannot_be_written_is_an_error_of_the_system(vae, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="not a directory"):
        exporting.saved_model.write(vae, {}, tmp_path / "file" / "inside")


def test_the_command_prints_what_was_written_and_what_was_left_out(onnx, run):
    first, *lines = str(onnx).splitlines()
    assert first == f"{onnx.folder}: onnx, 0.0 MB"
    assert lines[0] == "  encode(x [B, 4, 4, 1]) -> mean [B, 2], stddev [B, 2]"
    difference = re.fullmatch(r"    mean: largest difference to the model (\S+), of values up to \d\S*", lines[1])[
        1
    ]
    assert float(difference) < 1e-5
    assert [line.split(":")[0] for line in lines[-2:]] == ["  without sample", "  without bounds"]
    again = program("export", run.folder, "--format", "onnx")
    assert (again.status, again.out) == (2, "")
    assert "expected a folder that does not exist yet" in again.err


def test_another_format_is_refused(run):
    with pytest.raises(UserError, match="format: expected saved_model or onnx; got 'h5'"):
        probvae.export(run, format="h5")


@pytest.mark.parametrize("package", ["tf2onnx", "onnx", "onnxruntime"])
def test_a_missing_package_is_named_with_its_extra(run, package, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=rf"by {package}.* Install it: pip install 'probvae\[export\]'"):
        probvae.export(run, tmp_path / "out", format="onnx")
    assert not list(tmp_path.iterdir())


def test_numbers_that_differ_from_the_models_are_an_error(vae):
    signatures = {signature.name: signature for signature in exporting.signatures(vae)}
    encode = signatures["encode"].function

    def differences(change):
        def run(inputs):
            return {name: change(value.numpy()) for name, value in encode(**inputs).items()}

        return exporting.differences(vae, signatures, {"encode": run}, None)

    assert {found.largest_difference for found in differences(lambda value: value)["encode"].values()} == {0.0}
    assert 0 < differences(lambda value: value + np.float32(1e-5))["encode"]["mean"].largest_difference < 2e-5
    with pytest.raises(WorkError, match=r"encode: mean: expected the numbers of the model.* differ by 0\.01"):
        differences(lambda value: value + np.float32(0.01))
    with pytest.raises(WorkError, match="encode: mean: expected the numbers of the model"):
        differences(lambda value: value * np.float32(np.nan))
    with pytest.raises(WorkError, match=r"encode: mean: expected float32 \[1, 2\], as the model has; got float64"):
        differences(lambda value: value.astype(np.float64))
    with pytest.raises(WorkError, match=r"got float32 \[1, 1\] from"):
        differences(lambda value: value[:, :1])


def test_an_infinite_number_does_not_hide_a_difference(vae):
    of_model = Signature("f", "", {}, {"y": Value((None,), "")}, lambda: {"y": tf.constant([-math.inf, 1.0])})

    def differences(*values):
        exported = {"f": lambda inputs: {"y": np.array(values, np.float32)}}
        return exporting.differences(vae, {"f": of_model}, exported, None)["f"]["y"]

    assert differences(-math.inf, 1.0) == (0.0, 1.0)
    for wrong in ((-math.inf, 1.1), (math.inf, 1.0), (0.0, 1.0)):
        with pytest.raises(WorkError, match="f: y: expected the numbers of the model"):
            differences(*wrong)


def test_a_run_in_bfloat16_is_exported_in_float32(run, vae, x, tmp_path, monkeypatch):
    shutil.copytree(run.folder, tmp_path / "run", ignore=shutil.ignore_patterns("export"))
    spec = tmp_path / "run" / "spec.toml"
    spec.write_text(spec.read_text().replace('precision = "float32"', 'precision = "mixed_bfloat16"'))
    signatures = exporting.signatures
    monkeypatch.setattr(exporting, "signatures", lambda vae: [next(signatures(vae))])  # encode alone
    made = probvae.export(tmp_path / "run")
    functions = tf.saved_model.load(str(made.folder))
    found, of_float32 = functions.encode(x)["mean"], vae.posterior(x).mean()
    np.testing.assert_allclose(found, of_float32, atol=1e-6)
    assert np.abs(probvae.load(tmp_path / "run").posterior(x).mean() - of_float32).max() > 1e-4
    assert made.record["precision"] == "float32"


# The page, and the example of a server


def test_the_code_of_the_page_runs(saved, onnx, vae, run, tmp_path, monkeypatch):
    with_onnx, with_tensorflow = re.findall(r"^```python\n(.*?)^```$", PAGE, re.S | re.M)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "first_onnx").symlink_to(onnx.folder)
    names = {}
    exec(with_onnx, names)
    x = names["x"]
    assert x.shape == (3, 4, 4, 1)
    np.testing.assert_allclose(names["again"], vae.likelihood(vae.posterior(x).mean()).mean(), atol=1e-5)
    weights = vae.log_weights(x, 1000, seed=0)
    spread = np.std(weights, axis=0).max() / 10
    np.testing.assert_allclose(names["elbo"], np.mean(weights, axis=0), atol=6 * spread)
    assert (names["elbo"] < names["importance_weighted"]).all()

    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "first").symlink_to(run.folder)
    names = {}
    exec(with_tensorflow, names)
    np.testing.assert_array_equal(names["images"], vae.sample(16, seed=0))
    assert names["found"]["mean"].shape == names["found"]["stddev"].shape == (16, 2)
    expected = tf.reduce_mean(vae.log_weights(names["images"], 100, seed=0), axis=0)
    np.testing.assert_allclose(names["bounds"]["elbo"], expected, rtol=1e-4)


def test_the_table_of_the_page_has_the_signatures(onnx):
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| (\S.*?) \|$", PAGE, re.M))
    assert list(rows) == ["encode", "decode", "log_weight", "sample", "bounds", "classify"]
    assert {name for name, in_onnx in rows.items() if in_onnx == "no"} == onnx.record["left_out"].keys()


@pytest.fixture(scope="module")
def address(onnx):
    """Where the server of the example listens."""
    where = importlib.util.spec_from_file_location("serve_onnx", ROOT / "examples" / "serve_onnx.py")
    module = importlib.util.module_from_spec(where)
    where.loader.exec_module(module)
    with module.server(onnx.folder, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def asked(address, body=None):
    request = urllib.request.Request(address, None if body is None else json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def test_the_server_of_the_example_decodes(address, vae, onnx):
    assert asked(address) == onnx.record
    z = [[0.5, -1.0], [0.0, 0.25]]
    np.testing.assert_allclose(asked(f"{address}/decode", {"z": z})["mean"], vae.likelihood(z).mean(), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "body", "message"),
    [
        ("bounds", {}, "expected one of encode, decode, log_weight; got 'bounds'"),
        ("decode", {}, "expected z; got nothing"),
        ("decode", {"z": [[1.0]]}, "z: expected shape [None, 2]; got [1, 1]"),
    ],
)
def test_the_server_of_the_example_refuses_what_is_wrong(address, name, body, message):
    with pytest.raises(urllib.error.HTTPError) as refused:
        asked(f"{address}/{name}", body)
    with refused.value as error:
        assert (error.code, json.load(error)) == (400, {"error": message})


# Other models, which are not trained


def built(model, shape=(4, 4, 1), condition=None, **tables):
    made = spec({"use": "fashion_mini"}) | tables
    made["model"] |= model
    return probvae.build(made, shape, condition=condition)


def exported(vae, folder, kind, names, condition=None):
    """The differences of some signatures to the model, and the reasons of those that are left out."""
    signatures = {each.name: each for each in exporting.signatures(vae) if each.name in names}
    left_out = kind.write(vae, signatures, folder / "out")
    return exporting.differences(vae, signatures, kind.load(folder / "out"), condition), left_out


CLASSES = Condition(("a", "b", "c"), one_hot=True)
COLUMNS = Condition.of(
    (
        ConditionColumn("age", 40.0, 10.0),
        ConditionColumn("sex", categories=("f", "m")),
        ConditionColumn("n", log=True),
    )
)


def test_conditions_are_inputs_where_a_part_takes_them(tmp_path):
    network = {"use": "dense", "hidden": [8]}
    model = {
        "encoder": {"network": network, "condition": False},
        "prior": {"use": "conditional", "network": network},
        "classifier": {"network": network},
    }
    objective = {"use": "semi_supervised"}
    vae = built(model, condition=CLASSES, objective=objective)
    inputs = {signature.name: list(signature.inputs) for signature in exporting.signatures(vae)}
    assert inputs == {
        "encode": ["x"],
        "decode": ["z", "condition"],
        "sample": ["seed", "condition"],
        "bounds": ["x", "seed", "samples", "condition"],
        "log_weight": ["x", "z", "condition"],
        "classify": ["x"],
    }
    names = ["decode", "sample", "classify"]
    found, _ = exported(vae, tmp_path, exporting.saved_model, names, CLASSES)
    assert list(found) == names
    functions = tf.saved_model.load(str(tmp_path / "out"))
    x, c = vae.zeros(3).x, np.eye(3, dtype=np.float32)
    np.testing.assert_allclose(
        functions.classify(x)["class_probabilities"], vae.labels(x).probs_parameter(), atol=1e-6
    )
    np.testing.assert_array_equal(
        functions.sample(tf.constant(3, tf.int64), c)["x"], vae.sample(3, 3, condition=c)
    )


def test_a_posterior_without_a_mean_gives_draws(tmp_path):
    network = {"use": "dense", "hidden": [8]}
    vae = built(
        {
            "latent_dim": 4,
            "encoder": {"network": network, "posterior": {"use": "hierarchical", "blocks": [2, 2]}},
            "prior": {"use": "hierarchical", "blocks": [2, 2], "lower": {"network": network}},
        }
    )
    found, _ = exported(vae, tmp_path, exporting.saved_model, ["encode"])
    assert found["encode"].keys() == {"z"}
    functions = tf.saved_model.load(str(tmp_path / "out"))
    drawn = functions.encode(vae.zeros(2).x, tf.constant(5, tf.int64))["z"]
    np.testing.assert_allclose(drawn, vae.posterior(vae.zeros(2).x).sample(seed=probvae.fold_in(5)), atol=1e-6)


def test_conditions_are_inputs_in_onnx_and_an_operation_that_it_lacks_is_named(tmp_path):
    decoder = {"network": {"use": "dense", "hidden": [8]}, "likelihood": {"use": "negative_binomial"}}
    vae = built({"decoder": decoder}, (3,), COLUMNS)
    names = ["encode", "decode", "log_weight"]
    found, left_out = exported(vae, tmp_path, exporting.onnx_files, names, COLUMNS)
    assert found.keys() == {"encode", "decode"}
    assert left_out == {"log_weight": "tf2onnx has no ONNX for Lgamma; use the SavedModel"}
    session = onnxruntime.InferenceSession(tmp_path / "out" / "decode.onnx")
    assert [(value.name, value.shape) for value in session.get_inputs()] == [
        ("z", ["batch", 2]),
        ("condition", ["batch", 4]),
    ]


def test_constants_from_outside_of_a_graph_are_in_its_onnx(tmp_path):
    vae = built({"prior": {"use": "maf", "layers": 1, "hidden": [8]}}, (3,))  # its masks are such constants
    found, left_out = exported(vae, tmp_path, exporting.onnx_files, ["log_weight"])
    assert (found.keys(), left_out) == ({"log_weight"}, {})


class OfPython(probvae.Prior):
    """A standard normal whose density is computed by Python."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim

    def distribution(self):
        from probvae import CustomDistribution

        def log_prob(z):
            value = tf.numpy_function(lambda z: -0.5 * (z**2 + np.log(2 * np.pi)).sum(-1), [z], tf.float32)
            return tf.ensure_shape(value, z.shape[:-1])

        def sample(n, seed):
            return tf.random.stateless_normal([n, self.latent_dim], seed)

        return CustomDistribution(sample, log_prob, [], [self.latent_dim])


def test_what_calls_python_is_left_out_of_a_saved_model(tmp_path):
    vae = built({})
    vae = probvae.VAE(vae.encoder, vae.decoder, OfPython(2))
    found, left_out = exported(vae, tmp_path, exporting.saved_model, ["decode", "log_weight"])
    assert found.keys() == {"decode"}
    assert "it calls Python (PyFunc), as by tf.numpy_function" in left_out["log_weight"]


@pytest.mark.parametrize("logit", [-1000.0, -200.0, -30.0, -0.01, 0.02, 30.0, 200.0, 1000.0])
def test_large_numbers_are_computed_as_in_the_model(logit, tmp_path):
    """The mean of a continuous Bernoulli has the exponential less 1 of its logit."""
    decoder = {"network": {"use": "dense", "hidden": []}, "likelihood": {"use": "continuous_bernoulli"}}
    vae = built({"decoder": decoder}, (3,))
    kernel, bias = vae.decoder.trainable_variables
    kernel.assign(0 * kernel.value)
    bias.assign(logit + 0 * bias.value)
    found, left_out = exported(vae, tmp_path, exporting.onnx_files, ["decode"])
    assert not left_out
    assert found["decode"]["mean"].largest_difference < 1e-5
