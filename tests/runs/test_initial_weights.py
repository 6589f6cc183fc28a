"""Starting from the weights of another run, and keeping some of them."""

import numpy as np
import pytest

import probvae
from probvae.core import named_variables, trainable_names
from probvae.errors import SpecError, TrainingError, UserError
from probvae.runs.loading import check

from .setups import assert_same, kept, rows, spec, steps, stored, strict, tiny_images, train


@pytest.fixture(scope="module")
def source(tmp_path_factory, undrawn):
    """A run with a standard normal prior, and its [data] table."""
    folder = tmp_path_factory.mktemp("source")
    data = tiny_images(folder)
    return train(spec(data), folder / "run")[0], data


def part(weights, name):
    return {key: value for key, value in weights.items() if key.startswith(f"{name}/")}


def best(run):
    return kept(run, strict(run.evaluation_file.read_text())["checkpoint"])


def test_another_prior_is_fitted_to_a_trained_model_that_stays_as_it_is(source, tmp_path, undrawn):
    before, data = source
    frozen = {"init_from": str(before.folder), "freeze": ["encoder", "decoder"]}
    run, text = train(spec(data, "mixture", **frozen), tmp_path / "run")
    ours, theirs = kept(run, steps(run)[-1]), best(before)
    for name in ("encoder", "decoder"):
        assert part(ours, name)
        assert_same(part(ours, name), part(theirs, name), name)
    untrained = {name: value.numpy() for name, value in named_variables(probvae.build(run.spec)).items()}
    for name, value in part(ours, "prior").items():
        assert not np.array_equal(value, untrained[name]), name
    losses = [row["validation/loss"] for row in rows(run)]
    assert losses[-1] < losses[0]
    count = len(theirs)
    assert f"Start:      {count} of {len(ours)} variables from {before.folder}" in text
    for name in part(ours, "prior"):
        assert f"new: {name} (not there)" in text
    origin = run.environment.init_from
    assert origin.run == before.identity
    assert sorted(origin.variables) == sorted(theirs)


def test_what_is_frozen_stays_so_when_the_run_is_resumed(source, tmp_path, undrawn):
    before, data = source
    frozen = {"init_from": str(before.folder), "freeze": ["encoder", "decoder"]}
    whole, _ = train(spec(data, "mixture", **frozen), tmp_path / "whole")
    train(spec(data, "mixture", **{**frozen, "epochs": 1}), tmp_path / "run")
    # The source may be gone by then: what a run needs is in its own checkpoints.
    elsewhere = before.folder.rename(before.folder.with_name("elsewhere"))
    try:
        run, _ = train(tmp_path / "run", resume=True, overrides=["train.epochs=3"], out=None)
    finally:
        elsewhere.rename(before.folder)
    assert rows(run) == rows(whole)
    assert_same(kept(run, steps(run)[-1]), kept(whole, steps(whole)[-1]))
    assert run.environment.init_from == whole.environment.init_from


def test_without_freezing_all_of_it_is_trained_from_there(source, tmp_path, undrawn):
    before, data = source
    run, text = train(spec(data, init_from=str(before.folder), learning_rate=1e-12), tmp_path / "run")
    assert "new:" not in text
    for name, value in best(before).items():
        np.testing.assert_allclose(kept(run, steps(run)[-1])[name], value, rtol=1e-5, atol=1e-8)


def test_what_the_source_has_and_the_model_has_not_is_listed(source, tmp_path, undrawn):
    _, data = source
    mixture, _ = train(spec(data, "mixture"), tmp_path / "mixture")
    _, text = train(spec(data, init_from=str(mixture.folder)), tmp_path / "run")
    for name in part(best(mixture), "prior"):
        assert f"unused: {name}" in text


def test_a_frozen_part_that_does_not_match_is_refused(source, tmp_path, undrawn):
    before, data = source
    other = spec(data, init_from=str(before.folder), freeze=["encoder"])
    other["model"]["encoder"] = {"network": {"use": "dense", "hidden": [17]}}
    with pytest.raises(
        TrainingError, match=r"frozen encoder; encoder/.*float32 \[16\] there, float32 \[17\] here"
    ):
        train(other, tmp_path / "run")
    assert not (tmp_path / "run" / "spec.toml").exists()  # the folder is free for the next attempt


def test_a_folder_that_is_no_run_is_a_users_mistake(source, tmp_path, undrawn):
    _, data = source
    with pytest.raises(UserError, match="expected a run"):
        train(spec(data, init_from=str(tmp_path / "nowhere")), tmp_path / "run")


def test_freezing_untrained_weights_is_refused(source, tmp_path):
    _, data = source
    with pytest.raises(SpecError, match=r"freeze.*would freeze untrained weights"):
        train(spec(data, freeze=["encoder"]), tmp_path / "run")


def test_freezing_everything_is_refused(source, tmp_path):
    before, data = source
    frozen = {"init_from": str(before.folder), "freeze": ["encoder", "decoder"]}
    with pytest.raises(UserError, match="expected a trainable variable in the other parts"):
        train(spec(data, **frozen), tmp_path / "run")


def test_a_check_freezes_what_the_training_does_and_refuses_parts_that_the_loss_does_not_train(source):
    before, data = source
    by_rate = spec(data, "mixture", init_from=str(before.folder), freeze=["encoder", "decoder"])
    by_rate["objective"] = {"use": "rate"}
    assert [name.partition("/")[0] for name in trainable_names(check(by_rate).vae)] == 3 * ["prior"]
    by_rate["train"]["freeze"] = ["encoder"]
    with pytest.raises(
        UserError, match=r"Rate: .*whose decoder is not trained.* \[train\] freeze = \['decoder'\]"
    ):
        check(by_rate)


def test_frozen_is_a_part_of_the_model(source, tmp_path):
    before, data = source
    with pytest.raises(SpecError, match=r"freeze"):
        train(spec(data, init_from=str(before.folder), freeze=["encodr"]), tmp_path / "run")


def test_exemplars_stay_those_of_the_data_that_is_trained_on(source, tmp_path, undrawn):
    """Those of another run come with row numbers, which leave out the right examples of the same data only."""
    _, data = source
    before, _ = train(spec(data, "exemplar"), tmp_path / "before")
    again, _ = train(spec(data, "exemplar", init_from=str(before.folder), seed=1), tmp_path / "again")
    ours, theirs = kept(again, steps(again)[-1]), best(before)
    for name in ("prior/rows", "prior/exemplars"):
        np.testing.assert_array_equal(ours[name], theirs[name])
    with np.load(data["train"]) as file:
        arrays = {name: 255 - array if array.ndim > 1 else array for name, array in file.items()}
    other = stored(tmp_path / "other.npz", arrays, divide_by=255.0, binarize="dynamic")
    elsewhere, text = train(spec(other, "exemplar", init_from=str(before.folder)), tmp_path / "elsewhere")
    ours = kept(elsewhere, steps(elsewhere)[-1])
    np.testing.assert_allclose(
        ours["prior/exemplars"][..., 0], arrays["train"][ours["prior/rows"]] / 255, rtol=1e-6
    )
    assert "new: prior/exemplars (of other data there)" in text
    frozen = spec(other, "exemplar", init_from=str(before.folder), freeze=["prior"])
    with pytest.raises(
        TrainingError, match=r"every variable of the frozen prior; prior/.* is of other data there"
    ):
        train(frozen, tmp_path / "frozen")
    stored(tmp_path / "other.npz", {name: array[::-1] for name, array in arrays.items()})
    with pytest.raises(UserError, match=r"expected the data of the run, as its prior leaves .*; got other data"):
        train(elsewhere.folder, None, resume=True, allow_other_data=True)
