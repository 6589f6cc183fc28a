"""Whole runs on data that stays in its files."""

import re
from pathlib import Path

import numpy as np
import pytest

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


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="has no peak of memory")
@pytest.mark.traced  # and so quick enough
def test_a_large_sparse_matrix_is_never_dense_in_a_run(tmp_path, monkeypatch):
    """20,000 rows of 4,000 counts, 2.5 % of them above 0: 320 MB if it were dense, 16 MB as it is."""
    monkeypatch.setattr("probvae.runs.training.draw_figures", lambda *_: None)
    N, n, each = 20_000, 4_000, 100
    rng = np.random.default_rng(0)
    np.savez(
        tmp_path / "counts.npz",
        format=b"csr",
        shape=(N, n),
        data=rng.integers(1, 5, N * each).astype(np.float32),
        indices=rng.integers(0, n, N * each).astype(np.int32),
        indptr=np.arange(0, N * each + 1, each).astype(np.int32),
    )
    data = {"use": "arrays", "train": str(tmp_path / "counts.npz")}
    made = spec(data, likelihood="poisson", epochs=1, batch_size=200, learning_rate=1e-3)
    made["evaluate"] = {"samples": 1, "batch_size": 100}
    Path("/proc/self/clear_refs").write_text("5")  # the peak is what there is now
    before = memory("VmHWM")
    run, _ = train(made, tmp_path / "run")
    assert run.environment.data.sizes == (16_000, 2_000, 2_000)
    assert memory("VmHWM") - before < 250e6


def memory(name):
    """An entry of the process's state, in bytes."""
    return 1000 * int(re.search(rf"{name}:\s*(\d+) kB", Path("/proc/self/status").read_text())[1])
