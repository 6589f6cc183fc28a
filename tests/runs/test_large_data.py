"""Whole runs on data that stays in its files."""

import numpy as np
import pytest

from probvae.errors import SpecError

from ..records import write_shards
from .setups import assert_same, kept, rows, spec, steps, train

IMAGES = np.random.default_rng(0).integers(0, 256, (60, 4, 4, 1)).astype(np.uint8)


def test_a_run_on_a_file_is_a_run_on_the_array(tmp_path):
    """With a prior that starts from examples."""
    np.save(tmp_path / "x.npy", IMAGES)
    data = {"use": "arrays", "train": str(tmp_path / "x.npy"), "divide_by": 255.0, "binarize": "dynamic"}
    one, other = (
        train(spec({**data, "in_memory": in_memory}, prior="vamp", epochs=2), tmp_path / str(in_memory))[0]
        for in_memory in (True, False)
    )
    assert rows(one) == rows(other)
    for step in steps(one):
        assert_same(kept(one, step), kept(other, step))
    assert (one.folder / "evaluation.json").read_text() == (other.folder / "evaluation.json").read_text()


@pytest.fixture
def records(tmp_path):
    for part in ("train", "validation", "test"):
        write_shards(tmp_path, IMAGES, 3, part)
    parts = {part: str(tmp_path / f"{part}-*.tfrecord") for part in ("train", "validation", "test")}
    return {"use": "tfrecords", **parts, "shape": [4, 4, 1], "divide_by": 255.0, "binarize": "dynamic"}


def test_a_run_on_records_leaves_what_every_run_leaves(records, tmp_path):
    run, told = train(spec(records, prior="vamp", epochs=2), tmp_path / "run")
    assert len(rows(run)) == 2
    assert (run.folder / "evaluation.json").is_file()
    assert "without" not in told


def test_a_wrong_pattern_or_shape_points_into_the_spec(records, tmp_path):
    with pytest.raises(SpecError, match=r"data\.validation: .*no file .*nothing-"):
        train(spec({**records, "validation": ["nothing-*"]}), tmp_path / "run")
    with pytest.raises(SpecError, match=r"data\.shape: .*768 bytes"):
        train(spec({**records, "shape": [16, 16, 3]}), tmp_path / "run")
