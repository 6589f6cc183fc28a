"""Checkpoints: everything comes back, and nothing that is not whole is ever believed."""

import errno
import hashlib
import json
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from safetensors.numpy import load_file, save

import probvae
from probvae import components
from probvae.core import VAE, named_variables, trainable_names
from probvae.errors import CheckpointError, TrainingError
from probvae.registry import default
from probvae.training import best_checkpoint, checkpoint, newest_checkpoint, restore, warm_start
from probvae.training.checkpoint import (
    FORMAT,
    MANIFEST,
    OPTIMIZER,
    STATE,
    WEIGHTS,
    CheckpointState,
    prune,
    snapshot,
    verify,
    write,
)
from probvae.training.running_means import RunningMeans, RunningMeansState
from probvae.training.saver import Saver

from .setups import Holder, assert_same, differs, dropping_vae, vae, weights

FILES = (WEIGHTS, OPTIMIZER, STATE, MANIFEST)


def adam(model):
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(model.trainable_variables)
    return optimizer


def state(step, best=None):
    totals = RunningMeansState(sums={"loss": 2.5}, examples=3, seconds=0.5, skipped=0)
    return CheckpointState("", step, step // 10, best or step, best_loss=1.0, totals=totals)


def perturb(variables, seed=0):
    """Give every variable values of its own, none of which it had."""
    rng = np.random.default_rng(seed)
    for variable in variables:
        value = rng.random(variable.shape) * 3 + 1
        if variable.dtype == "bool":
            value = ~variable.numpy()
        elif variable.dtype.startswith(("int", "uint")):
            value = np.floor(value * 20)
        variable.assign(np.asarray(value).astype(variable.numpy().dtype))


@pytest.fixture(scope="module")
def model():
    return vae()


@pytest.fixture(scope="module")
def three(tmp_path_factory, model):
    """Checkpoints of steps 10, 20 and 30, the second of which is best; each with weights of its own."""
    root = tmp_path_factory.mktemp("three")
    optimizer = adam(model)
    for step in (10, 20, 30):
        perturb([*model.variables, *optimizer.variables], seed=step)
        write(root, snapshot(model, optimizer), state(step, best=min(step, 20)))
    return root


@pytest.fixture
def root(three, tmp_path):
    return shutil.copytree(three, tmp_path / "checkpoints")


def stored(folder, name=WEIGHTS):
    return load_file(folder / name)


# Round trips

DTYPES = ["float16", "bfloat16", "float32", "float64", "bool"]
DTYPES += [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]


@pytest.mark.parametrize("shape", [(), (3,), (0, 2), (2, 1, 3)], ids=str)
def test_every_dtype_and_shape_comes_back(shape, tmp_path):
    def make(self):
        for dtype in DTYPES:
            variable = self.add_weight(shape=shape, dtype=dtype, initializer="zeros", name=dtype, trainable=False)
            setattr(self, f"of_{dtype}", variable)
        self.trained = self.add_weight(shape=shape, initializer="zeros", name="trained")

    source, target = Holder(make), Holder(make)
    perturb(source.variables)
    written = write(tmp_path, snapshot(source, adam(source)), state(1))
    optimizer = adam(target)
    restore(verify(written.folder), target, optimizer)
    assert len(named_variables(target)) == len(DTYPES) + 1
    for name, variable in named_variables(target).items():
        original = named_variables(source)[name]
        assert variable.dtype == original.dtype
        assert variable.shape == original.shape
        np.testing.assert_array_equal(variable.numpy(), original.numpy(), err_msg=name)


def test_special_values_come_back_in_every_bit(tmp_path):
    values = np.array([np.nan, np.inf, -np.inf, -0.0, 1e-45, np.finfo(np.float32).max], np.float32)

    def make(self):
        self.weight = self.add_weight(shape=(6,), initializer="zeros", name="weight")

    source, target = Holder(make), Holder(make)
    source.weight.assign(values)
    restore(write(tmp_path, snapshot(source, adam(source)), state(1)), target)
    assert target.weight.numpy().tobytes() == values.tobytes()


def test_a_checkpoint_holds_four_files_and_the_state(three):
    found = verify(three / "step-000030")
    assert sorted(file.name for file in found.folder.iterdir()) == sorted(FILES)
    assert found.state == state(30, best=20)
    assert found.step == 30


def test_a_restored_optimizer_takes_the_same_next_step(tmp_path):
    def make(self):
        self.weight = self.add_weight(shape=(3,), initializer="ones", name="weight")

    def step(holder, optimizer):
        optimizer.apply([holder.weight * holder.weight], [holder.weight])

    source, target = Holder(make), Holder(make)
    optimizer, other = adam(source), adam(target)
    for _ in range(3):
        step(source, optimizer)
    restore(write(tmp_path, snapshot(source, optimizer), state(3)), target, other)
    step(source, optimizer)
    step(target, other)
    np.testing.assert_array_equal(target.weight.numpy(), source.weight.numpy())


def test_slots_return_to_the_variables_that_they_belong_to(tmp_path):
    source, target = vae("mixture"), vae("mixture", seed=1)
    optimizer, other = adam(source), adam(target)
    perturb(optimizer.variables)
    restore(write(tmp_path, snapshot(source, optimizer), state(1)), target, other)
    names = trainable_names(source)
    for name, variable in trainable_names(target).items():
        for slot in ("_momentums", "_velocities"):
            here = getattr(other, slot)[other._get_variable_index(variable)]
            there = getattr(optimizer, slot)[optimizer._get_variable_index(names[name])]
            np.testing.assert_array_equal(here.numpy(), there.numpy(), err_msg=name)
    assert int(other.iterations) == int(optimizer.iterations) > 1


def test_slots_are_stored_under_the_names_of_their_variables(three, model):
    kept = set(load_file(three / "step-000010" / OPTIMIZER))
    slots = {f"{kind}/{name}" for name in trainable_names(model) for kind in ("momentums", "velocities")}
    assert kept == slots | {"iteration", "learning_rate"}


def test_variables_whose_keras_names_collide_are_kept_apart(tmp_path):
    """Keras calls all of them w, and all of their slots too; their attributes distinguish them."""

    def make(self):
        self.first = self.add_weight(shape=(2,), initializer="zeros", name="w")
        self.second = self.add_weight(shape=(2,), initializer="zeros", name="w")
        self.parts = [Holder(inner), Holder(inner)]

    def inner(self):
        self.weight = self.add_weight(shape=(2,), initializer="zeros", name="w")

    source, target = Holder(make), Holder(make)
    optimizer, other = adam(source), adam(target)
    perturb([*source.variables, *optimizer.variables])
    restore(write(tmp_path, snapshot(source, optimizer), state(1)), target, other)
    assert len({value.tobytes() for value in weights(target).values()}) == 4
    assert_same(weights(target), weights(source))
    for one, here in zip(optimizer.variables, other.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), here.numpy())


def test_the_random_state_of_a_layer_is_saved(tmp_path):
    source, target = dropping_vae(), dropping_vae(seed=1)
    z = tf.ones((4, 2))
    for _ in range(3):
        source.decoder.drop(z, training=True)
    assert any("seed" in name for name in named_variables(source))
    restore(write(tmp_path, snapshot(source, adam(source)), state(1)), target)
    after = [model.decoder.drop(z, training=True).numpy() for model in (source, target)]
    np.testing.assert_array_equal(*after)


EVENT = (8, 8, 1)
PLAIN = {
    "latent_dim": 2,
    "encoder": {"network": {"use": "dense", "hidden": [3]}},
    "decoder": {"network": {"use": "dense", "hidden": [3]}, "likelihood": {"use": "bernoulli"}},
    "prior": {"use": "standard_normal"},
}


def model_with(kind, name):
    part = {"use": name}
    if name == "mixed":  # for tables
        c, groups = components, (("numbers", 2), ("counts", 1), ("categories", 3))
        head = c.Mixed(groups, c.Normal((2,)), c.NegativeBinomial((1,)))
        encoder = c.NetworkEncoder(c.Dense((3,)), c.DiagonalNormal(2), (6,))
        return VAE(encoder, c.NetworkDecoder(c.Dense((3,)), head, 2), c.StandardNormal(2))
    if name == "concrete":  # the posterior and the prior have the same latents
        model = PLAIN | {"prior": part, "encoder": PLAIN["encoder"] | {"posterior": part}}
    elif kind == "prior":
        model = PLAIN | {"prior": part}
    elif kind == "network":
        side = "decoder" if name == "conv_transpose" else "encoder"
        model = PLAIN | {side: PLAIN[side] | {"network": part}}
    elif kind == "posterior":
        model = PLAIN | {"encoder": PLAIN["encoder"] | {"posterior": part}}
    else:
        model = PLAIN | {"decoder": PLAIN["decoder"] | {"likelihood": part}}
    spec = {"schema": 1, "model": model, "objective": {"use": "elbo"}, "data": {"use": "fashion_mini"}}
    condition = probvae.Condition(("a", "b")) if (kind, name) == ("prior", "conditional") else None
    if (kind, name) in (("prior", "vamp"), ("prior", "exemplar")):  # which start from data
        return vae(name)
    return probvae.build(spec, EVENT, condition=condition)


BUILT_IN = [
    (kind, name)
    for kind in ("network", "posterior", "likelihood", "prior")
    for name in default().names(kind)
    if "." not in name
]


@pytest.mark.parametrize(("kind", "name"), BUILT_IN, ids=[" ".join(pair) for pair in BUILT_IN])
def test_every_variable_of_every_built_in_component_comes_back(kind, name, tmp_path):
    source = model_with(kind, name)
    optimizer = keras.optimizers.SGD()
    optimizer.build(source.trainable_variables)
    original = weights(source)
    perturb(named_variables(source).values())
    perturbed = weights(source)
    assert not [key for key, value in perturbed.items() if np.array_equal(value, original[key])]
    written = write(tmp_path, snapshot(source, optimizer), state(1))
    assert stored(written.folder).keys() == perturbed.keys()
    target = model_with(kind, name)
    restore(verify(written.folder), target)
    assert_same(weights(target), perturbed)


# Damage


def truncate(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def flip(file, at=0.5):
    content = bytearray(file.read_bytes())
    content[int(at * (len(content) - 1))] ^= 1
    file.write_bytes(content)


def empty(file):
    file.write_bytes(b"")


def delete(file):
    file.unlink()


def lengthen(file):
    file.write_bytes(file.read_bytes() + b" ")


def swap(file):
    """The same file of a checkpoint of the same model."""
    shutil.copyfile(file.parents[1] / "step-000010" / file.name, file)


def make_a_folder(file):
    file.unlink()
    file.mkdir()


DAMAGE = {
    "truncated": truncate,
    "flipped": flip,
    "flipped first": lambda file: flip(file, 0.0),
    "flipped last": lambda file: flip(file, 1.0),
    "emptied": empty,
    "deleted": delete,
    "swapped": swap,
    "a folder": make_a_folder,
}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_checkpoint_is_passed_over_and_named(file, damage, root):
    damage(root / "step-000030" / file)
    with pytest.raises(CheckpointError):
        verify(root / "step-000030")
    found, complaints = newest_checkpoint(root)
    assert found.step == 20
    assert len(complaints) == 1
    assert str(root / "step-000030") in complaints[0]


@pytest.mark.parametrize("file", [WEIGHTS, OPTIMIZER, STATE])
def test_a_file_that_grew_is_noticed(file, root):
    lengthen(root / "step-000030" / file)
    with pytest.raises(CheckpointError, match=r"expected \d+ bytes; got \d+"):
        verify(root / "step-000030")


def test_a_message_says_what_is_wrong_with_which_file(root):
    flip(root / "step-000030" / WEIGHTS)
    truncate(root / "step-000020" / OPTIMIZER)
    delete(root / "step-000010" / STATE)
    found, complaints = newest_checkpoint(root)
    assert found is None
    for step, file, what in zip((30, 20, 10), FILES, ("sha256", "bytes", "FileNotFound"), strict=False):
        (complaint,) = (text for text in complaints if f"step-0000{step}" in text)
        assert file in complaint
        assert what in complaint
    with pytest.raises(CheckpointError, match=r"no valid checkpoint.*step-000030"):
        best_checkpoint(root)


def test_no_flipped_bit_of_a_manifest_is_believed_or_a_crash(root):
    """Either it is noticed or, as in white space, it makes no difference."""
    folder = root / "step-000030"
    content = (folder / MANIFEST).read_bytes()
    noticed = 0
    for position in range(len(content)):
        flipped = bytearray(content)
        flipped[position] ^= 1 << position % 8
        (folder / MANIFEST).write_bytes(flipped)
        try:
            assert verify(folder).state == state(30, best=20)
        except CheckpointError:
            noticed += 1
    assert noticed > 0.6 * len(content)


MANIFESTS = {
    "null": "null",
    "a list": "[]",
    "a number": "1e400",
    "without files": json.dumps({"format": FORMAT}),
    "with a list of files": json.dumps({"format": FORMAT, "files": [WEIGHTS, OPTIMIZER, STATE]}),
    "with files that are numbers": json.dumps(
        {"format": FORMAT, "files": dict.fromkeys([WEIGHTS, OPTIMIZER, STATE], 3)}
    ),
    "with another file": json.dumps({"format": FORMAT, "files": {"../../secret": {"size": 1, "sha256": ""}}}),
    "of another format": '{"format": 1, "files": {}}',
    "nested too deep": "[" * 100_000,
}


@pytest.mark.parametrize("manifest", MANIFESTS.values(), ids=MANIFESTS)
def test_a_manifest_of_another_structure_is_a_checkpoint_error(manifest, root):
    (root / "step-000030" / MANIFEST).write_text(manifest)
    with pytest.raises(CheckpointError, match="step-000030"):
        verify(root / "step-000030")


def test_a_checkpoint_under_the_name_of_another_step_is_not_believed(root):
    """As after copying folders about: the weights of step 10 would pass for those of step 30."""
    shutil.rmtree(root / "step-000030")
    shutil.copytree(root / "step-000010", root / "step-000030")
    found, complaints = newest_checkpoint(root)
    assert found.folder.name == "step-000020"
    assert complaints


def test_a_changed_header_is_an_error_even_if_its_hash_fits(root, model):
    """Whoever rewrites the manifest too still meets the checks of names, shapes and dtypes."""
    folder = root / "step-000030"
    for content in (b"", b"\xff" * 64, (2**62).to_bytes(8, "little") + b"{}"):
        (folder / WEIGHTS).write_bytes(content)
        with pytest.raises(CheckpointError, match=WEIGHTS):
            restore(checkpoint.Checkpoint(folder, state(30)), model)


# Whole files with a right hash, whose content is wrong


def rewritten(folder, file, content):
    """Give a file another content, and the manifest its size and hash."""
    (folder / file).write_bytes(content)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"][file] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / MANIFEST).write_text(json.dumps(manifest))


STATES = {
    "best_step": ["best", "20", 20.0, None, True, -1, 31, 10**400],
    "step": [None, "30", 30.5, -1],
    "epoch": [None, [], -3],
    "best_loss": ["1.0", [], True],
    "run": [None, 3],
    "totals": [None, {}, [], "none"],
    "totals/sums": [None, [1.0], {"loss": None}, {"loss": "2"}],
    "totals/examples": [-1, 2.5, "3"],
    "totals/seconds": [-0.5, "1"],
    "another": [1],
}


@pytest.mark.parametrize(("path", "value"), [(path, value) for path, values in STATES.items() for value in values])
def test_a_state_of_another_type_is_refused_with_the_key_and_an_older_one_is_taken(path, value, root):
    folder = root / "step-000030"
    content = json.loads((folder / STATE).read_text())
    *tables, key = path.split("/")
    table = content
    for name in tables:
        table = table[name]
    table[key] = value
    rewritten(folder, STATE, json.dumps(content).encode())
    with pytest.raises(CheckpointError, match=rf"step-000030.*{path.replace('/', '.')}.*: .*; got "):
        verify(folder)
    assert newest_checkpoint(root)[0].step == 20


@pytest.mark.parametrize("missing", ["run", "step", "epoch", "best_step", "best_loss", "totals"])
def test_a_state_without_one_of_its_numbers_is_refused(missing, root):
    folder = root / "step-000030"
    content = json.loads((folder / STATE).read_text())
    del content[missing]
    rewritten(folder, STATE, json.dumps(content).encode())
    with pytest.raises(CheckpointError, match=rf"step-000030: .*{missing}: expected a value; got none"):
        verify(folder)


@pytest.mark.parametrize(
    "content",
    [b"null", b"[]", b"{", b"\xff", b"", b"[" * 100_000, b'{"best_loss": NaN}', b" " * 2**21],
    ids=range(8),
)
def test_a_state_of_another_structure_is_refused(content, root):
    rewritten(root / "step-000030", STATE, content)
    with pytest.raises(CheckpointError, match="step-000030"):
        verify(root / "step-000030")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused_by_name_and_older_ones_are_taken(value, root):
    folder = root / "step-000030"
    arrays = stored(folder)
    name = sorted(arrays)[1]
    arrays[name].flat[0] = value
    rewritten(folder, WEIGHTS, save(arrays))
    with pytest.raises(CheckpointError, match=rf"expected finite numbers; got others in {name}"):
        verify(folder)
    assert best_checkpoint(root)[0].step == 20


def test_an_optimizer_with_nan_is_refused_by_name_and_an_older_one_is_taken(root):
    folder = root / "step-000030"
    arrays = stored(folder, OPTIMIZER)
    name = next(name for name in sorted(arrays) if arrays[name].dtype.kind == "f")
    arrays[name].flat[0] = np.nan
    rewritten(folder, OPTIMIZER, save(arrays))
    with pytest.raises(CheckpointError, match=rf"optimizer\.safetensors: expected numbers; got NaN in {name}"):
        verify(folder)
    assert newest_checkpoint(root)[0].step == 20


def test_totals_of_another_objective_are_refused():
    with pytest.raises(CheckpointError, match=r"expected sums of loss, kl; got loss\."):
        RunningMeans.read(["loss", "kl"], state(1).totals)


# Another model


def assert_refused(written, target, optimizer, *parts):
    """Refused with a message that has these parts, and nothing assigned."""
    before = [variable.numpy() for variable in [*target.variables, *optimizer.variables]]
    with pytest.raises(CheckpointError) as error:
        restore(written, target, optimizer)
    for part in ("of another model", *parts):
        assert part in str(error.value)
    after = [variable.numpy() for variable in [*target.variables, *optimizer.variables]]
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_prior_is_named_by_its_variables(three):
    target = vae("mixture")
    assert_refused(
        verify(three / "step-000030"), target, adam(target), "the model has 'prior/logits', which it does not have"
    )


def test_missing_components_are_named_by_their_variables(tmp_path):
    source, target = vae("mixture"), vae()
    written = write(tmp_path, snapshot(source, adam(source)), state(1))
    assert_refused(written, target, adam(target), "it has 'prior/logits', which the model does not have")


def test_another_width_is_named_by_shapes(three):
    target = vae(hidden=(7,))
    assert_refused(
        verify(three / "step-000030"), target, adam(target), "is float32 [6, 5] there, float32 [6, 7] here"
    )


def test_another_precision_is_named_by_dtypes(tmp_path):
    def make(dtype):
        def weight(self):
            self.weight = self.add_weight(shape=(2,), dtype=dtype, name="weight")

        return Holder(weight)

    source, target = make("float32"), make("float16")
    written = write(tmp_path, snapshot(source, adam(source)), state(1))
    assert_refused(written, target, adam(target), "'weight' is float32 [2] there, float16 [2] here")


def test_the_weights_stay_if_the_optimizer_does_not_fit(three):
    """All or nothing goes for both files together."""
    target = vae(seed=3)
    momentum = keras.optimizers.SGD(momentum=0.9)
    momentum.build(target.trainable_variables)
    assert_refused(verify(three / "step-000030"), target, momentum, "velocities/")


def test_a_long_list_of_differences_is_cut_short(three):
    target = vae("maf", hidden=(7, 7))
    with pytest.raises(CheckpointError, match=r"and \d+ more"):
        restore(verify(three / "step-000030"), target)


def test_weights_alone_need_no_optimizer(three):
    target = vae(seed=3)
    restore(verify(three / "step-000030"), target)
    assert_same(weights(target), stored(three / "step-000030"))


def test_a_model_of_other_shapes_has_nothing_to_start_from(three):
    event = (5,)
    encoder = components.NetworkEncoder(components.Dense((7,)), components.DiagonalNormal(3), event)
    decoder = components.NetworkDecoder(components.Dense((7,)), components.Bernoulli(event), 3)
    with pytest.raises(
        TrainingError,
        match=r"none of the same name and shape, as \S+ is float32 \[.*\] there, float32 \[.*\] here",
    ):
        warm_start(verify(three / "step-000030"), VAE(encoder, decoder, components.StandardNormal(3)))


# Writing


def test_what_a_killed_writer_left_behind_is_no_checkpoint_and_in_nobodys_way(root, model):
    beside = root / ".step-000040.tmp"
    shutil.copytree(root / "step-000030", beside)
    (beside / "junk").write_text("junk")
    assert newest_checkpoint(root)[0].step == 30
    written = write(root, snapshot(model, adam(model)), state(40))
    assert not beside.exists()
    assert sorted(file.name for file in written.folder.iterdir()) == sorted(FILES)
    assert newest_checkpoint(root)[0].step == 40


def test_a_step_that_is_there_already_is_replaced(root, model):
    before = stored(root / "step-000030")
    perturb(model.variables, seed=77)
    write(root, snapshot(model, adam(model)), state(30))
    assert newest_checkpoint(root)[1] == []
    assert differs(stored(root / "step-000030"), before)


def test_a_folder_that_cannot_be_made_is_a_checkpoint_error(tmp_path, model):
    file = tmp_path / "checkpoints"
    file.write_text("not a folder")
    with pytest.raises(CheckpointError, match="could not be written"):
        write(file, snapshot(model, adam(model)), state(1))
    assert newest_checkpoint(file) == (None, [])


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_a_full_disk_leaves_the_earlier_ones_and_no_rest(number, root, model, monkeypatch):
    through, calls = checkpoint.write_through, []

    def full(path, content):
        calls.append(path)
        if len(calls) > number:
            path.write_bytes(content[: len(content) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        through(path, content)

    monkeypatch.setattr(checkpoint, "write_through", full)
    with pytest.raises(CheckpointError, match=r"step-000040 could not be written.*No space left.*intact"):
        write(root, snapshot(model, adam(model)), state(40))
    assert sorted(folder.name for folder in root.iterdir()) == ["step-000010", "step-000020", "step-000030"]
    assert newest_checkpoint(root)[1] == []


def test_replacing_a_step_keeps_the_old_one_if_the_disk_fails(root, model, monkeypatch):
    before = stored(root / "step-000030")

    def fail(*_):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("os.rename", fail)
        patch.setattr("os.replace", fail)
        with pytest.raises(CheckpointError):
            write(root, snapshot(model, adam(model)), state(30))
    assert newest_checkpoint(root)[0].step == 30
    assert_same(stored(root / "step-000030"), before)


def test_steps_beyond_six_digits_stay_in_order(root, model):
    write(root, snapshot(model, adam(model)), state(999_999))
    write(root, snapshot(model, adam(model)), state(1_000_000))
    assert newest_checkpoint(root)[0].step == 1_000_000


# Which one


def test_prune_keeps_the_newest_the_best_and_other_files(root):
    (root / "notes.txt").write_text("mine")
    (root / "step-by-step").mkdir()
    prune(root, 1, 10)
    kept = sorted(path.name for path in root.iterdir())
    assert kept == ["notes.txt", "step-000010", "step-000030", "step-by-step"]


def test_a_checkpoint_that_was_just_written_is_kept_behind_damaged_newer_ones(root, model):
    """Of a run that resumed from the best one, as those after it are damaged."""
    for step in (40, 50):
        write(root, snapshot(model, adam(model)), state(step))
        (root / f"step-{step:06d}" / "weights.safetensors").write_bytes(b"")
    with Saver(root, keep=2) as saver:
        saver.save(snapshot(model, adam(model)), state(25, best=20))
    assert newest_checkpoint(root)[0].step == 25


def test_the_best_checkpoint_is_the_one_that_the_newest_names(root):
    found, complaints = best_checkpoint(root)
    assert (found.step, complaints) == (20, [])


def test_the_best_checkpoint_is_looked_up_in_the_newest_that_is_whole(root):
    truncate(root / "step-000030" / STATE)
    found, complaints = best_checkpoint(root)
    assert found.step == 20
    assert "step-000030" in complaints[0]


@pytest.mark.parametrize("damage", [flip, delete], ids=["flipped", "deleted"])
def test_without_the_best_the_newest_is_used_with_a_message(damage, root):
    damage(root / "step-000020" / WEIGHTS)
    found, complaints = best_checkpoint(root)
    assert found.step == 30
    assert len(complaints) == 1
    assert "step-000020" in complaints[0]


def test_no_checkpoint_at_all_is_an_error_for_the_best_and_none_for_the_newest(tmp_path):
    assert newest_checkpoint(tmp_path / "nowhere") == (None, [])
    with pytest.raises(CheckpointError, match="no valid checkpoint"):
        best_checkpoint(tmp_path / "nowhere")
