"""Whole runs on data that stays in its files."""

import numpy as np

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
