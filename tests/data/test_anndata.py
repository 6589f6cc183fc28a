"""AnnData files: one that anndata wrote, and others in the same layout, written by h5py."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from probvae.core import COUNTS
from probvae.data import AnnDataFile, Batches
from probvae.data.files.sparse import SparseRows
from probvae.errors import ConfigError, UserError

from ..fuzz.data_files import ANYWHERE
from ..fuzz.trials import tried

CELLS = str(Path(__file__).parent / "files" / "cells.h5ad")
"""`tools/make_cells.py` makes it."""
STORED = np.arange(60).reshape(12, 5) % 7 % 3

RNG = np.random.default_rng(0)
N, n = 40, 6
COUNTED = RNG.poisson(0.7, (N, n))
GENES = [f"g{number}" for number in range(n)]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Files are named relative to the current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name="a.h5ad", dense=COUNTED, form="csr_matrix", genes=GENES, **obs):
    """A file as anndata writes it, with text and numbers as columns of obs."""
    with h5py.File(name, "w") as file:
        file.attrs["encoding-type"] = "anndata"
        _matrix(file, "X", dense, form)
        layers = file.create_group("layers")
        _matrix(layers, "doubled", 2 * dense, form)
        for frame, names in {"obs": [f"c{row}" for row in range(len(dense))], "var": genes}.items():
            group = file.create_group(frame)
            group.attrs["encoding-type"], group.attrs["_index"] = "dataframe", "names"
            group.create_dataset("names", data=names).attrs["encoding-type"] = "string-array"
        for column, values in obs.items():
            text = isinstance(values[0], str)
            made = file["obs"].create_dataset(column, data=values)
            made.attrs["encoding-type"] = "string-array" if text else "array"
    return name


def _matrix(parent, name, dense, form):
    if form == "array":
        parent.create_dataset(name, data=dense).attrs["encoding-type"] = form
        return
    matrix = dense if form == "csr_matrix" else dense.T
    rows, columns = np.nonzero(matrix)
    group = parent.create_group(name)
    group.attrs["encoding-type"], group.attrs["shape"] = form, dense.shape
    group["data"], group["indices"] = matrix[rows, columns], columns.astype(np.int32)
    group["indptr"] = np.append(0, np.cumsum(np.count_nonzero(matrix, axis=1))).astype(np.int32)


def rows(split):
    return np.asarray(split.stored[:])


# A file of anndata's own


@pytest.mark.parametrize(("layer", "sparse"), [("", True), ("columns", True), ("dense", False)])
def test_the_matrix_and_the_layers_of_a_file_of_anndata(layer, sparse):
    data = AnnDataFile(CELLS, layer=layer).load()
    for split in (data.train, data.validation, data.test):
        assert isinstance(split.stored, SparseRows) == sparse
        np.testing.assert_array_equal(rows(split), STORED[split.rows])
        assert split.ids.tolist() == [f"cell{row}" for row in split.rows]
    assert data.info.values in COUNTS
    assert data.info.columns == tuple(f"gene{column}" for column in range(5))
    assert data.info == AnnDataFile(CELLS, layer=layer).info()
    name = f"the layer {layer}" if layer else "X"
    kind = "float32" if not layer else "int64"
    assert data.info.notes == (f"train: {name} of {CELLS}, {'sparse ' * sparse}{kind} [12, 5]",)


LABELS = {
    "kind": (("B", "T"), lambda row: [0, 1, -1][row % 3]),
    "donor": (("d0", "d1"), lambda row: row % 2),
    "mice": (("1", "3"), lambda row: [0, -1, 1][row % 3]),
    "alive": (("False", "True"), lambda row: [1, 0, -1][row % 3]),
    "note": (("a", "b"), lambda row: [0, -1, 1][row % 3]),
}


@pytest.mark.parametrize("name", LABELS)
def test_columns_of_every_type_are_labels(name):
    pytest.importorskip("pandas")
    classes, label = LABELS[name]
    data = AnnDataFile(CELLS, label=name).load()
    assert data.info.classes == classes
    for split in (data.train, data.validation, data.test):
        np.testing.assert_array_equal(split.labels, [label(row) for row in split.rows.tolist()])


def test_columns_are_conditions_and_ids():
    pytest.importorskip("pandas")
    data = AnnDataFile(CELLS, conditions=("age", "donor"), id="donor").load()
    age, donor = data.info.condition.table
    assert donor.categories == ("d0", "d1")
    assert (age.mean, age.scale) == pytest.approx((data.train.rows.mean() / 2, data.train.rows.std() / 2))
    for split in (data.train, data.validation, data.test):
        expected = [data.info.condition.read(f"age={row / 2},donor=d{row % 2}") for row in split.rows]
        np.testing.assert_allclose(split.condition, expected, atol=1e-6)
        assert split.ids.tolist() == [f"d{row % 2}" for row in split.rows]


# Files of the same layout


@pytest.mark.parametrize("form", ["csr_matrix", "csc_matrix", "array"])
def test_a_matrix_is_the_same_in_every_format(form):
    data, array = (AnnDataFile(write(f"{name}.h5ad", form=name)).load() for name in (form, "array"))
    for part in ("train", "validation", "test"):
        np.testing.assert_array_equal(rows(getattr(data, part)), COUNTED[getattr(data, part).rows])
    np.testing.assert_array_equal(*(Batches(made.train, 7, 0).batch(3).x for made in (data, array)))
    doubled = AnnDataFile(f"{form}.h5ad", layer="doubled").load()
    np.testing.assert_array_equal(rows(doubled.test), 2 * rows(data.test))


def test_nothing_but_the_matrix_needs_pandas(monkeypatch):
    write(kind=["a", "b"] * 20)
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    assert AnnDataFile("a.h5ad").info().event_shape == (n,)
    with pytest.raises(UserError, match=r"Install it: pip install 'probvae\[tables\]'$"):
        AnnDataFile("a.h5ad", label="kind").info()


@pytest.mark.parametrize("form", ["csr_matrix", "csc_matrix", "array"])
def test_variables_of_other_files_are_found_by_their_names(form):
    """In another order, and with more of them."""
    order = [3, 0, 5, 1, 4, 2]
    more = np.concatenate([COUNTED[:9, order], np.ones((9, 2), int)], axis=1)
    write("new.h5ad", more, form, [*(GENES[place] for place in order), "g6", "g7"])
    data = AnnDataFile(write(), test="new.h5ad").load()
    np.testing.assert_array_equal(rows(data.test), COUNTED[:9])
    other = AnnDataFile("new.h5ad", share=0.0).with_fitted(data.info.fitted).load()
    np.testing.assert_array_equal(rows(other.train), COUNTED[:9])
    assert other.info.columns == tuple(GENES)


def test_classes_and_conditions_of_a_run_are_used_for_other_files():
    pytest.importorskip("pandas")
    how = {"label": "kind", "conditions": ("age",)}
    learnt = AnnDataFile(write(kind=["a", "b"] * 20, age=np.arange(40.0)), **how).info()
    write("new.h5ad", COUNTED[:3], kind=["b"] * 3, age=np.arange(3.0))
    other = AnnDataFile("new.h5ad", **how, share=0.0).with_fitted(learnt.fitted).load()
    np.testing.assert_array_equal(other.train.labels, [1, 1, 1])
    expected = [learnt.condition.read(f"{row}")[0] for row in range(3)]
    np.testing.assert_allclose(other.train.condition[:, 0], expected, atol=1e-6)
    write("odd.h5ad", COUNTED[:3], kind=["b", "c", "b"], age=np.arange(3.0))
    with pytest.raises(
        ConfigError, match=r"data.label: expected a class .* \(a, b\); got 'c' in row 1 .* obs of odd"
    ):
        AnnDataFile("odd.h5ad", **how).with_fitted(learnt.fitted).info()


def test_a_file_that_does_not_fit_in_memory_is_refused_before_it_is_read(monkeypatch):
    with h5py.File(write(form="array"), "a") as file:
        del file["X"]
        made = file.create_dataset("X", (N, n), "f8", chunks=(1, 1))  # of which nothing is stored
        assert made.id.get_storage_size() == 0
    monkeypatch.setattr("probvae.data.files.memory.available_memory", lambda: 2000)
    with pytest.raises(
        ConfigError, match=r"fits in the 2\.0 kB .*; got X of a\.h5ad, float64 \[40, 6\], with which"
    ):
        AnnDataFile("a.h5ad").info()


# What is refused


def changed(change):
    def made():
        with h5py.File(write(kind=["a", "b"] * 20, age=np.arange(40.0)), "a") as file:
            change(file)

    return made


def without(*names):
    return changed(lambda file: [file.__delitem__(name) for name in names])


def replaced(name, value):
    def change(file):
        del file[name]
        file[name] = value

    return changed(change)


def attribute(name, key, value):
    return changed(lambda file: file[name].attrs.__setitem__(key, value))


def elsewhere():
    write("other.h5ad")
    replaced("X", h5py.ExternalLink("other.h5ad", "X"))()


def outside():
    with h5py.File(write(form="array"), "a") as file:
        del file["X"]
        file.create_dataset("X", (N, n), "f8", external=[("/etc/hostname", 0, 8 * N * n)])


def hollow():
    """A matrix of which nothing is in the file."""
    with h5py.File(write(form="array"), "a") as file:
        del file["X"]
        file.create_dataset("X", (10**6, N), "f8", chunks=(1000, N))


def cut():
    content = Path(write()).read_bytes()
    Path("a.h5ad").write_bytes(content[: len(content) // 2])


def codes(file):
    """As anndata 0.7 wrote categories."""
    del file["obs/kind"]
    made = file["obs"].create_dataset("kind", data=np.zeros(N, np.int8))
    made.attrs["categories"] = file["var/names"].ref


WRONG = {
    "no file": (lambda: None, {}, r"expected an AnnData file \(.h5ad\); got no file .*a\.h5ad"),
    "a folder": (lambda: Path("a.h5ad").mkdir(), {}, "got a.h5ad, which is a directory. Name a file"),
    "another kind": (
        lambda: Path("a.h5ad").write_text("a,b\n1,2\n"),
        {},
        "got a.h5ad, which is text with columns",
    ),
    "half of a file": (cut, {}, "got a.h5ad, which cannot be read: .*truncated"),
    "another HDF5 file": (
        without("obs", "var"),
        {},
        "got a.h5ad, in which / has no var. Write it again by anndata",
    ),
    "no X": (without("X"), {}, "a layer, as a.h5ad has no X; got none. Name one: doubled"),
    "a missing layer": (
        without(),
        {"layer": "double"},
        r"data.layer: expected a layer 'double' in a.h5ad; got doubled. Did you mean 'doubled'\? For X leave",
    ),
    "no layers": (without("layers"), {"layer": "counts"}, "a layer 'counts' in a.h5ad; got none. For X leave"),
    "a missing label": (
        without(),
        {"label": "kin"},
        r"data.label: expected a column of obs 'kin' in a.h5ad; got age, kind. Did you mean 'kind'\?",
    ),
    "a missing condition": (without(), {"conditions": ("agee",)}, "data.condition: .* Did you mean 'age'"),
    "old categories": (
        changed(codes),
        {"label": "kind"},
        "/obs/kind has categories of anndata 0.7. Write it again",
    ),
    "a matrix of another format": (
        attribute("X", "encoding-type", "coo"),
        {},
        "the matrix is coo, not an array, csr_matrix or csc_matrix",
    ),
    "another shape": (
        attribute("X", "shape", (N, n + 1)),
        {},
        r"expected a matrix of obs by var; got .*\[40, 7\] in a.h5ad, with 40 names in obs and 6 in var",
    ),
    "no name of the names": (
        attribute("obs", "_index", ""),
        {},
        "in which obs has no attribute _index, the name of the column of its names. Write it again",
    ),
    "a shape below 0": (attribute("X", "shape", (-N, n)), {}, "the matrix has no shape"),
    "few starts": (replaced("X/indptr", [0, 1]), {}, "it has an indptr that is not of 40 rows or columns"),
    "columns outside": (
        changed(lambda file: file["X/indices"].__setitem__(3, 9)),
        {},
        r"it has values outside of a matrix \[40, 6\]",
    ),
    "a link to another file": (elsewhere, {}, "in which X is a link to another place"),
    "bytes of another file": (outside, {}, "in which X is a link to another place"),
    "a short column": (replaced("obs/age", [1.0, 2.0]), {"conditions": ("age",)}, "obs has 2 values of age"),
    "an array of nothing": (hollow, {}, "X expands from 0 bytes to 320.0 MB"),
    "text in X": (replaced("X", np.full((N, n), "a", "S1")), {}, "expected a matrix of real numbers"),
    "not finite": (
        lambda: write(dense=np.where(COUNTED > 2, np.nan, COUNTED), form="array"),
        {},
        "expected finite numbers .*; got NaN or infinity in example",
    ),
    "one value that is not finite": (
        lambda: write(dense=np.where(np.arange(N)[:, None] == 5, np.nan, COUNTED), form="array"),
        {},
        r"data.train: expected finite numbers .*; got NaN or infinity in example 5 \('c5'\)",
    ),
}


@pytest.mark.parametrize(("make", "how", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said(make, how, message):
    if any(how.get(key) for key in ("label", "conditions")):
        pytest.importorskip("pandas")
    make()
    with pytest.raises(ConfigError, match=message):
        AnnDataFile("a.h5ad", **how).load()


def test_variables_that_do_not_fit_are_named():
    write("new.h5ad", genes=["g0", "g1a", *GENES[2:]])
    message = (
        r"data.test: expected the variable 'g1' of the training rows in new.h5ad; got 6 others. Did you mean 'g1a'"
    )
    with pytest.raises(ConfigError, match=message):
        AnnDataFile(write(), test="new.h5ad").info()
    write("new.h5ad", genes=["g0", "g0", *GENES[2:]])
    with pytest.raises(
        ConfigError, match=r"variables of different names in new.h5ad, .*; got some more than once"
    ):
        AnnDataFile("a.h5ad", test="new.h5ad").info()
    AnnDataFile("new.h5ad").info()


@pytest.mark.parametrize(
    "how", [{}, {"layer": "columns", "label": "kind"}, {"layer": "dense", "conditions": ("age",)}]
)
def test_a_damaged_file_ends_in_no_traceback(how):
    if len(how) > 1:
        pytest.importorskip("pandas")
    content, found = Path(CELLS).read_bytes(), []
    for number in range(24):
        rng = np.random.default_rng(number)
        damage = ANYWHERE[number % len(ANYWHERE)]
        Path("a.h5ad").write_bytes(damage(content, rng))
        found.append(tried(damage.__name__, lambda: AnnDataFile("a.h5ad", **how).load()))
    assert not [trial for trial in found if trial.status == "failed"]
    assert {trial.status for trial in found} >= {"refused"}
