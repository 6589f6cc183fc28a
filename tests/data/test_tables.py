"""Tables: which columns are used as what, and what the model sees of them."""

import numpy as np
import pytest

from probvae.core import COUNTS, REAL, Condition, ConditionColumn, Values
from probvae.data import TableFile
from probvae.data.files.columns import in_units
from probvae.data.files.encoding import sorted_names
from probvae.errors import ConfigError, UserError

pd = pytest.importorskip("pandas")

RNG = np.random.default_rng(0)
N = 40
PEOPLE = pd.DataFrame(
    {
        "name": [f"p{number:03}" for number in range(N)],
        "age": RNG.integers(20, 80, N),
        "income": RNG.normal(3e4, 1e4, N).round(2),
        "smokes": RNG.random(N) < 0.3,
        "town": RNG.choice(["Graz", "Linz", "Wien"], N),
        "group": np.arange(N) % 2 + 8,  # as text in order of size: 8, 9
    }
)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Files are named relative to the current directory, where people.csv is."""
    monkeypatch.chdir(tmp_path)
    PEOPLE.to_csv("people.csv", index=False)
    return tmp_path


def people(file="people.csv", **how):
    return TableFile(file, **how)


def rows(data):
    """All examples in the order of the file: as stored, and which elements are known."""
    splits = (data.train, data.validation, data.test)
    order = np.argsort(np.concatenate([split.rows for split in splits]))
    known = [np.ones(split.stored.shape, bool) if split.observed is None else split.observed for split in splits]
    return np.concatenate([split.stored for split in splits])[order], np.concatenate(known)[order]


# What the columns become


def test_columns_of_numbers_are_the_elements_of_an_example():
    data = people(standardise=False).load()
    assert data.info.columns == ("age", "income", "smokes", "group")
    assert data.info.event_shape == (4,)
    assert data.info.sizes == (32, 4, 4)
    found, _ = rows(data)
    np.testing.assert_array_equal(found, PEOPLE[[*data.info.columns]].to_numpy(np.float32))
    assert data.train.observed is None
    assert "ignored: name (text, as 'p000'), town (text, as 'Graz')" in data.info.notes
    assert data.info == people(standardise=False).info()


def test_a_column_without_a_name_is_a_feature_only_if_it_is_named():
    """As the index that pandas writes."""
    PEOPLE.to_csv("indexed.csv")
    data = people("indexed.csv").load()
    assert data.info.columns == ("age", "income", "smokes", "group")
    assert "ignored: Unnamed: 0 (the file has no name for it, as for an index)" in " ".join(data.info.notes)
    assert people("indexed.csv", features=("Unnamed: 0", "age")).load().info.columns == ("Unnamed: 0", "age")


def test_a_label_is_a_feature_too_if_it_is_named_as_one():
    data = people(features=("age", "group"), label="group", standardise=False).load()
    np.testing.assert_array_equal(data.train.stored[:, 1], data.train.labels + 8)


def test_columns_are_standardised_by_the_training_rows():
    data = people(features=("income", "age")).load()
    train = PEOPLE.loc[data.train.rows, ["income", "age"]].to_numpy(np.float64)
    np.testing.assert_allclose(data.train.stored, (train - train.mean(0)) / train.std(0), rtol=1e-5, atol=1e-6)
    test = PEOPLE.loc[data.test.rows, ["income", "age"]].to_numpy(np.float64)
    np.testing.assert_allclose(data.test.stored, (test - train.mean(0)) / train.std(0), rtol=1e-5, atol=1e-6)
    assert data.info.values in REAL
    assert data.info.protocol.startswith(
        "columns of numbers standardised by the training rows; validation and test"
    )
    assert data.info.fitted["means"] == pytest.approx(train.mean(0).tolist())
    assert data.info.fitted["scales"] == pytest.approx(train.std(0).tolist())


def test_missing_values_are_not_observed_and_do_not_count():
    table = PEOPLE[["age", "income"]].astype(float)
    gone = RNG.random(table.shape) < 0.2
    table.mask(gone).to_csv("gaps.csv", index=False)
    data = people("gaps.csv").load()
    found, known = rows(data)
    np.testing.assert_array_equal(known, ~gone)
    assert (found[gone] == 0).all()
    train = table.mask(gone).loc[data.train.rows]
    expected = ((table - train.mean()) / train.std(ddof=0)).to_numpy()  # pandas leaves missing values out
    np.testing.assert_allclose(found[~gone], expected[~gone], rtol=1e-4, atol=1e-5)
    assert f"{gone.sum()} of 80 values missing" in data.info.notes[0]


def test_the_values_are_those_that_are_known(here):
    (here / "a.csv").write_text("a,b\n" + "3,5\n4,\n,7\n" * 4)
    assert people("a.csv", standardise=False).info().values == Values(3, 7, integer=True)


@pytest.mark.parametrize("cell", ["", "NA", "NaN", "null", "n/a"])
def test_an_empty_cell_is_written_in_several_ways(here, cell):
    lines = ["a,b", "1,2", f"3,{cell}", "5,6", "8,9", "2,1"]
    (here / "a.csv").write_text("\n".join(lines))
    found, known = rows(people("a.csv", share=0.2, standardise=False).load())
    assert np.argwhere(~known).tolist() == [[1, 1]]
    assert found[1].tolist() == [3, 0]


def test_categories_are_one_hot_vectors_with_a_name_for_each_element():
    data = people(features=("age",), categories=("town", "group"), standardise=False).load()
    assert data.info.columns == ("age", "town=Graz", "town=Linz", "town=Wien", "group=8", "group=9")
    found, _ = rows(data)
    expected = pd.get_dummies(PEOPLE[["town", "group"]].astype(str)).to_numpy(np.float32)
    np.testing.assert_array_equal(found[:, 1:], expected)


def test_a_missing_category_is_a_missing_value():
    table = PEOPLE.assign(town=PEOPLE.town.mask(PEOPLE.index == 7))
    table.to_csv("gaps.csv", index=False)
    data = people("gaps.csv", features=("age",), categories=("town",), standardise=False).load()
    found, known = rows(data)
    assert (~known).sum() == 3
    assert not known[7, 1:].any()
    assert not found[7, 1:].any()


def test_equal_integers_that_are_written_differently_have_one_order():
    assert sorted_names({"1", "01", "001"}) == sorted_names({"001", "01", "1"}) == ("001", "01", "1")
    assert sorted_names({"10", "9", "-1"}) == ("-1", "9", "10")


def test_other_categories_have_an_element_if_this_is_declared():
    PEOPLE.assign(town="Bonn").to_csv("new.csv", index=False)
    how = {"features": ("age",), "categories": ("town",), "test": "new.csv"}
    with pytest.raises(ConfigError, match=r"a category of 'town' .* \(Graz, Linz, Wien\); got 'Bonn' in row 0"):
        people(**how).load()
    data = people(**how, other=True).load()
    assert data.info.columns[-1] == "town=other"
    assert data.test.stored[:, 1:].tolist() == [[0, 0, 0, 1]] * N
    assert not data.train.stored[:, -1].any()


@pytest.mark.parametrize("name", ["None", "NULL", "null", "n/a", "nan"])
def test_in_columns_of_names_only_empty_cells_na_and_nan_are_missing(here, name):
    """Pandas takes more names for missing values; in columns of numbers they are."""
    lines = [f"{row},{(name, 'x', 'y')[row % 3]}" for row in range(30)]
    (here / "a.csv").write_text("age,kind\n" + "\n".join([*lines, f"{name},NA", "5,NaN", "7,"]))
    names = tuple(sorted([name, "x", "y"]))
    encoded = people("a.csv", features=("age",), categories=("kind",), share=0.0).load()
    assert encoded.info.columns == ("age", *(f"kind={known}" for known in names))
    expected = np.ones((33, 4), bool)
    expected[30, 0] = False
    expected[30:, 1:] = False
    np.testing.assert_array_equal(encoded.train.observed, expected)
    labelled = people("a.csv", label="kind", share=0.0).load()
    assert labelled.info.classes == names
    assert labelled.train.missing_labels == 3
    (here / "b.csv").write_text("age,kind\n" + "\n".join(lines))
    assert people("b.csv", conditions=("kind",)).info().condition.names == names
    (here / "c.csv").write_text("age,kind\n" + "\n".join([*(f"{row},p{row}" for row in range(30)), f"31,{name}"]))
    assert people("c.csv", id="kind", share=0.0).load().train.ids[-1] == name


def test_labels_are_classes_in_order_and_may_be_missing():
    PEOPLE.assign(group=PEOPLE.group.astype(object).mask(PEOPLE.index == 3)).to_csv("gaps.csv", index=False)
    for file, missing in (("people.csv", -2), ("gaps.csv", 3)):
        data = people(file, label="group").load()
        assert data.info.classes == ("8", "9")
        assert "group" not in data.info.columns
        for split in (data.train, data.validation, data.test):
            expected = np.where(split.rows == missing, -1, split.rows % 2)
            np.testing.assert_array_equal(split.labels, expected)


def test_a_label_of_minus_one_is_missing_where_all_are_integers():
    gone = PEOPLE.index % 4 == 0
    PEOPLE.assign(group=PEOPLE.group.mask(gone, -1)).to_csv("numbers.csv", index=False)
    PEOPLE.assign(group=PEOPLE.group.mask(gone)).to_parquet("gaps.parquet")  # 8.0, 9.0 and NaN
    for file in ("numbers.csv", "gaps.parquet"):
        data = people(file, label="group").load()
        assert data.info.classes == ("8", "9")
        assert f"labels: group, 2 classes (8, 9), {gone.sum()} labels missing" in data.info.notes
        np.testing.assert_array_equal(data.train.labels == -1, gone[data.train.rows])
    PEOPLE.assign(group=PEOPLE.town.mask(gone, "-1")).to_csv("names.csv", index=False)
    assert people("names.csv", label="group").load().info.classes == ("-1", "Graz", "Linz", "Wien")


@pytest.mark.parametrize("how", [{}, {"standardise": False}, {"categories": ("town",)}])
def test_conditions_are_standardised_numbers_and_one_hot_names(how):
    data = people(conditions=("age", "town"), **how).load()
    assert data.info.columns == ("income", "smokes", "group")
    age, town = data.info.condition.table
    known = PEOPLE.age[data.train.rows].to_numpy()
    assert (age.mean, age.scale) == pytest.approx((known.mean(), known.std()))
    assert town.categories == ("Graz", "Linz", "Wien")
    assert data.info.condition.names == ("age", "town=Graz", "town=Linz", "town=Wien")
    assert "condition: age, town (Graz, Linz, Wien)" in data.info.notes
    for split in (data.train, data.validation, data.test):
        rows = PEOPLE.loc[split.rows]
        np.testing.assert_allclose(split.condition[:, 0], (rows.age - age.mean) / age.scale, atol=1e-6)
        expected = rows.town.to_numpy()[:, None] == np.array(town.categories)
        np.testing.assert_array_equal(split.condition[:, 1:], expected)
        row = next(iter(rows.itertuples()))
        read = data.info.condition.read(f"age={row.age}, town={row.town}")
        np.testing.assert_allclose(read, split.condition[0], atol=1e-6)


def test_codes_are_classes_if_they_are_declared_as_categories():
    assert people(conditions=("group",), label="group").load().info.condition == Condition.of(
        (ConditionColumn("group", categories=("8", "9")),)
    )
    assert not people(conditions=("group",)).load().info.condition.one_hot


def test_conditions_of_another_table_are_prepared_by_those_of_the_training():
    first = people(conditions=("age", "town"))
    PEOPLE[5:9].to_csv("new.csv", index=False)
    other = people("new.csv", conditions=("age", "town"), share=0.2).with_fitted(first.info().fitted).load()
    every = first.load()
    place = {
        row: c
        for s in (every.train, every.validation, every.test)
        for row, c in zip(s.rows.tolist(), s.condition, strict=True)
    }
    for split in (other.train, other.validation, other.test):
        np.testing.assert_array_equal(split.condition, [place[row + 5] for row in split.rows.tolist()])
    assert other.info.condition == every.info.condition
    PEOPLE[:4].assign(town="Bonn").to_csv("new.csv", index=False)
    with pytest.raises(
        ConfigError, match=r"data.condition: expected a category of 'town' .*; got 'Bonn' in row 0"
    ):
        people("new.csv", conditions=("age", "town")).with_fitted(first.info().fitted).info()


def test_ids_are_the_text_of_their_column(here):
    (here / "a.csv").write_text("id,x\n" + "".join(f"{number:03},{number}\n" for number in range(10)))
    data = people("a.csv", id="id", standardise=False).load()
    assert data.info.columns == ("x",)
    for split in (data.train, data.validation, data.test):
        assert split.ids.tolist() == [f"{number:03.0f}" for number in split.stored[:, 0]]


def test_counts_stay_counts_if_they_are_not_standardised():
    pd.DataFrame(RNG.poisson(3, (30, 4)), columns=[*"abcd"]).to_csv("counts.csv", index=False)
    assert people("counts.csv", standardise=False).info().values in COUNTS


def test_the_parts_may_have_files_of_their_own():
    PEOPLE[:10][::-1].to_csv("val.csv", index=False)
    PEOPLE[[*reversed(PEOPLE.columns)]][:7].to_csv("test.csv", index=False)  # columns are found by their names
    data = people(validation="val.csv", test="test.csv", features=("age",), standardise=False).load()
    assert data.info.sizes == (N, 10, 7)
    np.testing.assert_array_equal(data.validation.stored[:, 0], PEOPLE.age[:10][::-1])
    np.testing.assert_array_equal(data.test.stored[:, 0], PEOPLE.age[:7])
    assert "split off" not in data.info.protocol


def test_what_was_learnt_is_used_for_another_table():
    """As a run does with the tables that it is used on."""
    first = people(categories=("town",), label="group")
    learnt = first.info().fitted
    small = PEOPLE[5:10].assign(extra=1.0)
    small.to_csv("new.csv", index=False)
    other = people("new.csv", categories=("town",), label="group", share=0.2).with_fitted(learnt)
    found, _ = rows(other.load())
    expected, _ = rows(first.load())
    np.testing.assert_array_equal(found, expected[5:10])
    assert other.info().columns == first.info().columns
    assert other.info().classes == ("8", "9")
    with pytest.raises(
        ConfigError, match=r"data\.use: expected data of the same kind as that of the run; got a table"
    ):
        other.with_fitted({"components": [1.0]})


@pytest.mark.parametrize("other", [False, True])
def test_examples_are_rows_of_the_table_again(other):
    data = people(features=("age", "income"), categories=("town", "group"), other=other).load()
    found = in_units(data.info.fitted, data.test.stored)
    rows = PEOPLE.loc[data.test.rows]
    assert [*found] == ["age", "income", "town", "group"]
    for name in ("age", "income"):
        np.testing.assert_allclose(found[name], rows[name], rtol=1e-5)
        assert found[name].dtype == np.float32
    for name in ("town", "group"):
        assert found[name].tolist() == rows[name].astype(str).tolist()
    assert in_units({"variables": ["g1"]}, data.test.stored) == {}


# How files are read


@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_the_delimiter_is_seen_in_the_first_line(here, sign):
    PEOPLE.to_csv("other.csv", sep=sign, index=False)
    (here / "bom.csv").write_bytes(b"\xef\xbb\xbf" + (here / "other.csv").read_bytes())
    for file in ("other.csv", "bom.csv"):
        data = people(file, label="group").load()
        np.testing.assert_array_equal(data.train.stored, people(label="group").load().train.stored)


def test_the_delimiter_is_that_of_the_first_line_with_names(here):
    content = PEOPLE.rename(columns={"age": "age, in years, and no months, at all"}).to_csv(sep=";", index=False)
    (here / "other.csv").write_text("\n \n" + content.replace("age, in", '"age, in').replace("at all", 'at all"'))
    assert people("other.csv").load().info.columns == (
        "age, in years, and no months, at all",
        *PEOPLE.columns[2:4],
        "group",
    )


def test_parquet_is_read_as_csv_is():
    pytest.importorskip("pyarrow")
    PEOPLE.astype({"town": "category", "age": "Int64"}).set_index("name").to_parquet("people.data")
    how = {"categories": ("town",), "label": "group", "id": "name"}
    csv, parquet = (people(file, **how).load() for file in ("people.csv", "people.data"))
    assert csv.info.columns == parquet.info.columns
    for part in ("train", "test"):
        one, other = getattr(csv, part), getattr(parquet, part)
        np.testing.assert_array_equal(one.stored, other.stored)
        np.testing.assert_array_equal(one.labels, other.labels)
        np.testing.assert_array_equal(one.ids, other.ids)


def test_a_missing_pandas_is_said_in_one_line(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(UserError, match=r"Install it: pip install 'probvae\[tables\]'$"):
        people().info()


# What is refused

WRONG = {
    "no file": (None, {}, r"data.train: expected a table, CSV or Parquet; got no file .*a\.csv"),
    "no content": ("", {}, "got a.csv, which is an empty file. Write it again"),
    "no rows": ("a,b\n", {}, "expected a table with rows; got a.csv with none"),
    "no names": ("1,2\n3,4\n", {}, "the names of the columns on the first line; got 1, 2 in a.csv. Add a line"),
    "one name twice": ("a,b,a\n1,2,3\n", {}, "columns of different names in a.csv; got a more than once"),
    "a missing column": (
        "age,b\n1,2\n",
        {"features": ("aeg",)},
        r"data.features: .* 'aeg' .*; got age, b. Did you mean 'age'",
    ),
    "a missing label": (
        "a,kind\n1,2\n",
        {"label": "knid"},
        'mean .kind.. For a table without it set data.label = ""',
    ),
    "a missing id": ("a,b\n1,2\n", {"id": "i"}, 'data.id: expected a column .i.* set data.id = ""'),
    "a row without an id": ("a,i\n1,x\n2,\n", {"id": "i"}, r"'i' of a.csv; got none in row 1"),
    "a missing condition": (
        "a,b\n1,2\n,\n",
        {"conditions": ("a",)},
        "data.condition: .*'a' of a.csv; got none in row 1",
    ),
    "a condition that is no column": (
        "age,b\n1,2\n",
        {"conditions": ("aeg",)},
        r"data.condition: expected a column 'aeg' in a.csv; got age, b. Did you mean 'age'",
    ),
    "a condition with a typing error": (
        "a,b\n1,2\n3,4\nx5,6\n",
        {"conditions": ("a",)},
        r"data.condition: expected numbers in the column 'a' of a.csv; got 'x5' in row 2",
    ),
    "a constant condition": (
        "a,b\n" + "1,2\n1,3\n" * 5,
        {"conditions": ("a",)},
        "data.condition: expected a column 'a' with different values in the 8 training rows; got 1 in all",
    ),
    "a condition twice": (
        "a,b\n1,2\n",
        {"conditions": ("a", "a")},
        "data.condition: expected each column once; got a more",
    ),
    "a missing category": (
        "a,b\n1,2\n",
        {"categories": ("c",)},
        "data.categories: expected a column 'c' in a.csv",
    ),
    "text": (
        "a,b\n1,2\n3,4x\n",
        {"features": ("b",)},
        r"'b' of a.csv; got '4x' in row 1 \(the first is 0\). Correct",
    ),
    "infinity": ("a,b\n1,2\n3,inf\n", {}, "finite numbers in the column 'b' of a.csv; got inf in row 1"),
    "too large": ("a,b\n1,2\n3,1e300\n", {}, r"column 'b' of a.csv; got 1e\+300 in row 1"),
    "only text": ("a,b\nx,y\n", {}, "data.features: expected a column of numbers, .*; got a, b in a.csv. Name"),
    "a constant": (
        "a,b\n" + "1,2\n3,2\n" * 5,
        {},
        "'b' with different values in the 8 training rows; got 2 in all",
    ),
    "an empty column": ("a,b\n" + "1,\n3,\n" * 5, {}, "'b' with different values .*; got no value in any of them"),
    "nothing known": (
        "a,b\n" + ",\n" * 9,
        {"features": ("a", "b"), "standardise": False},
        "got none: all are missing",
    ),
    "a column twice": (
        "a,b\n1,2\n",
        {"features": ("a", "a")},
        "data.features: expected each column once; got a more",
    ),
    "few names": ("a,b\n1,2,3\n4,5,6\n", {}, "a name for each column of a.csv; got more values than the 2 names"),
    "a long line": ("a,b\n1,2\n4,5,6\n", {}, "a.csv, which cannot be read: .* in line 3, saw 3"),
    "few rows": (
        "a,b\n1,2\n3,4\n",
        {},
        "enough training examples to split off validation and test examples; got 2",
    ),
    "an image": (b"\x89PNG\r\n\x1a\n", {}, "a.csv, which is a PNG image"),
    "a damaged Parquet": (b"PAR1 damaged PAR1", {}, "a.csv, which cannot be read: "),
    "another encoding": ("a,b\n1,ö\n".encode("latin-1"), {}, "got a.csv, which is a file of an unknown kind"),
}


@pytest.mark.parametrize(("content", "how", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said(here, content, how, message):
    if content is not None:
        (here / "a.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError, match=message):
        people("a.csv", **how).load()


def test_a_table_that_does_not_fit_in_memory_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr("probvae.data.files.memory.available_memory", lambda: 1000)
    message = r"data\.train: .* fits in the 1\.0 kB of memory .*; got people\.csv, with which the data needs"
    with pytest.raises(ConfigError, match=message):
        people().info()


def test_a_label_that_training_does_not_have_is_named_with_its_row():
    learnt = people(label="town").info().fitted
    PEOPLE.assign(town=["Bonn" if row == 4 else "Wien" for row in range(N)]).to_csv("new.csv", index=False)
    other = people("new.csv", label="town").with_fitted(learnt)
    with pytest.raises(
        ConfigError, match=r"a class that the training rows have \(Graz, Linz, Wien\); got 'Bonn' in row 4"
    ):
        other.info()
