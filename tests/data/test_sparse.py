"""Sparse matrices of counts, in the layouts that SciPy writes; SciPy itself is compared where it is installed."""

import numpy as np
import pytest

from probvae.core import COUNTS, REAL, Values
from probvae.data import Arrays, Batches
from probvae.data.files.sparse import SparseRows
from probvae.errors import ConfigError

RNG = np.random.default_rng(0)
COUNTS_OF_WORDS = RNG.poisson(0.3, (40, 30)).astype(np.int64)
COUNTS_OF_WORDS[5] = COUNTS_OF_WORDS[:, 7] = 0


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Files are named relative to the current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def layout(dense, form):
    """The arrays of a matrix, as SciPy's documentation describes its formats."""
    common = {"format": np.array(form.encode()), "shape": np.array(dense.shape)}
    if form == "coo":
        row, col = (place[::-1].astype(np.int32) for place in np.nonzero(dense))  # in any order
        return {**common, "row": row, "col": col, "data": dense[row, col]}
    matrix = dense if form == "csr" else dense.T
    rows, columns = np.nonzero(matrix)
    starts = np.append(0, np.cumsum(np.count_nonzero(matrix, axis=1))).astype(np.int32)
    return {**common, "indices": columns.astype(np.int32), "indptr": starts, "data": matrix[rows, columns]}


def save(name, dense=COUNTS_OF_WORDS, form="csr", **changed):
    arrays = {**layout(dense, form), **changed}
    np.savez_compressed(name, **{key: array for key, array in arrays.items() if array is not None})


@pytest.mark.parametrize("form", ["csr", "csc", "coo"])
@pytest.mark.parametrize("dtype", [np.int64, np.float32, ">i2", np.bool_])
def test_a_sparse_matrix_is_the_dense_one(form, dtype):
    dense = COUNTS_OF_WORDS.astype(dtype)
    save("sparse.npz", dense, form)
    np.save("dense.npy", dense)
    sparse, whole = Arrays("sparse.npz").load(), Arrays("dense.npy").load()
    assert sparse.info.values == whole.info.values
    assert sparse.info.values in COUNTS
    for part in ("train", "validation", "test"):
        one, other = getattr(sparse, part), getattr(whole, part)
        assert isinstance(one.stored, SparseRows)
        assert one.stored.dtype == other.stored.dtype
        np.testing.assert_array_equal(one.stored[:], other.stored)
        np.testing.assert_array_equal(one.stored[np.array([2, 0, 2])], other.stored[[2, 0, 2]])
        np.testing.assert_array_equal(one.stored.part(np.array([2, 1]))[:], other.stored[[2, 1]])
        np.testing.assert_array_equal(one.rows, other.rows)
    for step in (0, 5):
        np.testing.assert_array_equal(*(Batches(data.train, 7, 0).batch(step).x for data in (sparse, whole)))


def test_scipy_writes_what_is_read():
    scipy_sparse = pytest.importorskip("scipy.sparse")
    for form in ("csr", "csc", "coo"):
        for kind in (scipy_sparse.csr_matrix, scipy_sparse.csr_array):
            scipy_sparse.save_npz("a.npz", kind(COUNTS_OF_WORDS).asformat(form))
            np.testing.assert_array_equal(Arrays("a.npz", test="a.npz").load().test.stored[:], COUNTS_OF_WORDS)


def test_indices_may_be_unsigned():
    arrays = layout(COUNTS_OF_WORDS, "csr")
    save("a.npz", **{key: arrays[key].astype(np.uint64) for key in ("indices", "indptr")})
    np.testing.assert_array_equal(Arrays("a.npz", test="a.npz").load().test.stored[:], COUNTS_OF_WORDS)


def test_values_of_one_place_are_summed():
    """As SciPy does, where a matrix has two values for the same row and column."""
    place = np.array([3, 3, 0, 1])
    save("a.npz", form="coo", row=place, col=place, data=np.array([1, 4, 2, 2]))
    stored = Arrays("a.npz", test="a.npz").load().test.stored[:]
    assert stored.sum() == 9
    assert stored[3, 3] == 5


def test_labels_come_from_a_file_of_their_own_and_the_note_names_the_matrix():
    save("a.npz")
    np.save("y.npy", np.arange(40) % 3)
    data = Arrays("a.npz", train_labels="y.npy").load()
    np.testing.assert_array_equal(data.test.labels, data.test.rows % 3)
    assert data.info.notes == (
        "train: the sparse matrix of a.npz, int64 [40, 30]; labels: y.npy, int64 [40], 3 classes",
    )


def test_real_numbers_and_divisors_are_as_of_a_dense_matrix():
    save("a.npz", RNG.normal(size=(30, 5)) * (RNG.random((30, 5)) < 0.5))
    assert Arrays("a.npz").info().values in REAL
    save("a.npz", np.minimum(COUNTS_OF_WORDS, 2))
    assert Arrays("a.npz", divide_by=2).info().values == Values.levels(3, divide_by=2)


def test_a_matrix_takes_the_memory_of_its_values(monkeypatch):
    values = np.ones(50)
    place = np.arange(50)
    save("a.npz", form="coo", row=place, col=place, data=values, shape=np.array([50, 10**5]))
    monkeypatch.setattr("probvae.data.files.memory.available_memory", lambda: 2 * 10**6)  # 40 MB, if dense
    assert Arrays("a.npz").info().event_shape == (10**5,)
    save("a.npz", form="coo", row=place, col=place, data=values, shape=np.array([10**12, 100]))
    with pytest.raises(ConfigError, match=r"fits in the 2\.0 MB .*; got the sparse matrix of a\.npz"):
        Arrays("a.npz").info()


WRONG = {
    "another format": (
        "csr",
        {"format": np.array(b"dia")},
        r"got a.npz in the format dia. Save it by rows: scipy",
    ),
    "no starts": ("csr", {"indptr": None}, "got a.npz, which lacks indptr"),
    "no columns": ("coo", {"col": None}, "got a.npz, which lacks col"),
    "few starts": ("csr", {"indptr": np.array([0, 1])}, "has an indptr that is not of 40 rows or columns"),
    "starts that fall": ("csr", {"indptr": np.arange(41)[::-1]}, "has an indptr that is not of 40"),
    "columns outside": ("csr", {"shape": np.array([40, 3])}, r"has values outside of a matrix \[40, 3\]"),
    "columns below 0": (
        "coo",
        {"col": np.array([-1]), "row": np.array([1]), "data": np.array([1])},
        "has values outside",
    ),
    "fractions": ("coo", {"row": np.array([0.5])}, "has indices that are not lists of integers"),
    "lengths": ("coo", {"row": np.array([1])}, "has values outside of"),
    "a shape of three": ("csr", {"shape": np.array([40, 30, 2])}, "has a shape that no matrix has"),
    "a shape below 0": ("csr", {"shape": np.array([-40, 30])}, "has a shape that no matrix has"),
    "no rows": ("csr", {"shape": np.array([0, 30])}, "none of these 0; got"),
    "complex": ("coo", {"data": np.ones(3, complex)}, "expected an array of real numbers; got complex128"),
    "not finite": (
        "csr",
        {"data": np.full(COUNTS_OF_WORDS.astype(bool).sum(), np.nan)},
        "NaN or infinity in example",
    ),
}


@pytest.mark.parametrize(("form", "changed", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said(form, changed, message):
    save("a.npz", form=form, **changed)
    with pytest.raises(ConfigError, match=f"data.train: .*{message}"):
        Arrays("a.npz").load()
