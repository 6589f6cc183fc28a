import re
import zipfile

import numpy as np
import pytest

from probvae.core import BINARY, COUNTS, REAL, UNIT, Condition, Values
from probvae.data import Arrays, FashionMini
from probvae.data.datasets.mini import FILE
from probvae.errors import ConfigError

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (40, 28, 28), np.uint8)
NORMAL = RNG.normal(size=(30, 5)).astype(np.float32)
LABELS = np.arange(40) % 7


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Files are named relative to the current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sizes(data):
    return len(data.train), len(data.validation), len(data.test)


def refusal(use, parameter):
    """The message with which info and load refuse what they were given."""
    with pytest.raises(ConfigError) as caught:
        use.info()
    with pytest.raises(ConfigError) as again:
        use.load()
    assert str(caught.value) == str(again.value)
    assert caught.value.parameter == parameter
    assert str(caught.value).startswith(f"data.{parameter}: expected ")
    return str(caught.value)


# What is found in which file


def test_one_array_is_split_in_three_the_same_way_every_time():
    np.save("a.npy", NORMAL)
    data, again = Arrays("a.npy").load(), Arrays("a.npy").load()
    assert data.info == Arrays("a.npy").info()
    assert sizes(data) == data.info.sizes == (24, 3, 3)
    rows = np.concatenate([data.train.stored, data.validation.stored, data.test.stored])
    assert {row.tobytes() for row in rows} == {row.tobytes() for row in NORMAL}
    np.testing.assert_array_equal(data.test.stored, again.test.stored)
    assert "validation and test examples split off from the training examples (10% each, seed 0)" in (
        data.info.protocol
    )
    assert "a.npy" in data.info.source


def test_a_share_of_0_splits_nothing_off():
    np.save("a.npy", NORMAL)
    data = Arrays("a.npy", share=0.0).load()
    assert data.info.sizes == (30, 0, 0)
    assert data.train.rows is None
    assert "split off" not in data.info.protocol


def test_the_share_that_is_split_off_can_be_chosen():
    np.save("a.npy", NORMAL)
    assert Arrays("a.npy", share=0.3).info().sizes == (12, 9, 9)


def test_parts_may_come_from_files_of_their_own():
    for part, count in (("train", 30), ("val", 20), ("test", 10)):
        np.save(f"{part}.npy", NORMAL[:count])
    data = Arrays("train.npy", validation="val.npy", test="test.npy").load()
    assert sizes(data) == (30, 20, 10)
    np.testing.assert_array_equal(data.train.stored, NORMAL)
    assert "split off" not in data.info.protocol
    assert "train.npy, val.npy, test.npy" in data.info.source


@pytest.mark.parametrize(
    "names",
    [
        ("train", "validation", "test"),
        ("x_train", "x_val", "x_test"),
        ("X_train", "X_valid", "X_test"),
        ("train_images", "val_images", "test_images"),
        ("training", "valid", "testing"),
    ],
)
def test_usual_names_are_found_in_one_file(names):
    np.savez("a.npz", **{name: NORMAL[: 30 - 10 * place] for place, name in enumerate(names)})
    assert sizes(Arrays("a.npz").load()) == (30, 20, 10)


@pytest.mark.parametrize("names", [("train_labels", "test_labels"), ("y_train", "y_test"), ("train_y", "Test_Y")])
def test_labels_are_found_beside_the_examples(names):
    train, test = names
    np.savez("a.npz", x_train=BYTES, x_test=BYTES[:10], **{train: LABELS, test: LABELS[:10]})
    data = Arrays("a.npz").load()
    assert sizes(data) == (36, 4, 10)
    assert "test examples split off" not in data.info.protocol
    np.testing.assert_array_equal(data.test.labels, LABELS[:10])
    place = {image.tobytes(): label for image, label in zip(BYTES[..., None], LABELS, strict=True)}
    for split in (data.train, data.validation):  # labels follow their examples when a part is split off
        assert [place[image.tobytes()] for image in split.stored] == split.labels.tolist()


@pytest.mark.parametrize("name", ["arr_0", "x", "images", "whatever"])
def test_an_array_that_is_alone_in_its_file_needs_no_name(name):
    np.savez("a.npz", **{name: NORMAL})
    np.savez("b.npz", **{name: NORMAL[:7], "test_labels": LABELS[:7]})
    data = Arrays("a.npz", test="b.npz").load()
    assert sizes(data) == (27, 3, 7)
    assert "validation examples split off from the training examples (10%, seed 0)" in data.info.protocol
    assert data.train.labels is None
    np.testing.assert_array_equal(data.test.labels, LABELS[:7])


def test_an_array_can_be_named():
    np.savez("a.npz", left=NORMAL, right=NORMAL[:20], classes=LABELS[:20])
    data = Arrays("a.npz:right", test="a.npz:left", train_labels="a.npz:classes").load()
    assert sizes(data) == (18, 2, 30)
    assert data.train.labels.shape == (18,)
    assert data.test.labels is None


def test_labels_may_come_from_files_of_their_own():
    np.save("x.npy", BYTES)
    np.save("y.npy", LABELS[:, None])
    data = Arrays("x.npy", test="x.npy", train_labels="y.npy", test_labels="y.npy").load()
    np.testing.assert_array_equal(data.test.labels, LABELS)
    assert data.validation.labels.shape == (4,)


def test_the_home_folder_may_be_written_as_a_tilde(here, monkeypatch):
    monkeypatch.setenv("HOME", str(here))
    np.savez("a.npz", left=NORMAL, right=NORMAL)
    assert Arrays("~/a.npz:left").info().sizes == (24, 3, 3)


def test_the_packaged_images_can_be_read_as_a_users_file():
    ours, theirs = FashionMini("static").load(), Arrays(str(FILE), divide_by=255, binarize="static").load()
    for part in ("train", "validation", "test"):
        np.testing.assert_array_equal(getattr(ours, part).stored, getattr(theirs, part).stored)
        np.testing.assert_array_equal(getattr(ours, part).labels, getattr(theirs, part).labels)


# What the values are


def test_bytes_are_not_rescaled_silently():
    np.save("a.npy", BYTES)
    info = Arrays("a.npy").info()
    assert info.values == Values(0, 255, integer=True)
    assert info.values in COUNTS
    assert info.values not in UNIT
    assert "values as given" in info.protocol


def test_bytes_divided_by_255_are_intensities():
    np.save("a.npy", BYTES)
    data = Arrays("a.npy", divide_by=255).load()
    assert data.info.values == Values.levels(256, divide_by=255)
    assert data.info.values in UNIT
    assert "values divided by 255" in data.info.protocol
    assert data.train.stored.dtype == np.uint8
    assert data.train.intensities().max() == 1


def test_values_are_declared_from_all_three_parts():
    np.save("a.npy", np.zeros((5, 2)))
    np.save("b.npy", np.full((5, 2), -1.5))
    np.save("c.npy", np.full((5, 2), 2.0))
    assert Arrays("a.npy", validation="b.npy", test="c.npy").info().values == Values(-1.5, 2.0)
    assert Arrays("a.npy", validation="a.npy", test="c.npy").info().values == Values(0, 2, integer=True)


def test_real_numbers_are_real():
    np.save("a.npy", NORMAL)
    values = Arrays("a.npy").info().values
    assert values in REAL
    assert values not in UNIT
    assert not values.integer


def test_booleans_are_binary():
    np.save("a.npy", NORMAL > 0)
    data = Arrays("a.npy").load()
    assert data.info.values == BINARY
    assert data.train.stored.dtype == np.uint8


@pytest.mark.parametrize("dtype", [">f4", ">i2", "float16", "longdouble", "uint32"])
def test_types_that_tensorflow_does_not_know_are_translated(dtype):
    np.save("a.npy", np.arange(20).reshape(10, 2).astype(dtype))
    data = Arrays("a.npy").load()
    assert data.train.prepare(data.train.stored, None).numpy().max() <= 19
    assert data.info.values == Values(0, 19, integer=True)


@pytest.mark.parametrize("binarize", ["dynamic", "static"])
def test_intensities_can_be_binarised(binarize):
    np.save("a.npy", BYTES)
    data = Arrays("a.npy", divide_by=255, binarize=binarize).load()
    assert data.info.values == BINARY
    assert "divided by 255" in data.info.protocol
    assert "binarised" in data.info.protocol
    assert data.train.binarize_on_read == (binarize == "dynamic")
    assert set(np.unique(data.test.stored)) == {0, 1}


@pytest.mark.parametrize(
    ("shape", "channel_axis", "event"),
    [
        ((10, 8, 6), True, (8, 6, 1)),
        ((10, 8, 6), False, (8, 6)),
        ((10, 8, 6, 3), True, (8, 6, 3)),
        ((10, 8), True, (8,)),
    ],
)
def test_examples_of_two_dimensions_get_a_channel_axis(shape, channel_axis, event):
    np.save("a.npy", np.zeros(shape))
    dataset = Arrays("a.npy", channel_axis=channel_axis)
    assert dataset.info().event_shape == dataset.load().train.stored.shape[1:] == event


# What is refused


def test_values_that_are_no_probabilities_are_not_binarised():
    np.save("a.npy", BYTES)
    message = refusal(Arrays("a.npy", binarize="dynamic"), "binarize")
    assert "integers from 0 to 255" in message
    assert "data.divide_by = 255" in message
    np.save("b.npy", NORMAL)
    assert "divide_by" not in refusal(Arrays("b.npy", binarize="static"), "binarize")


def test_an_unknown_binarisation_is_refused():
    with pytest.raises(ConfigError, match="one of 'dynamic', 'static', 'none'; got 'statik'"):
        Arrays("a.npy", binarize="statik")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_values_that_are_not_finite_are_refused_with_their_place(value):
    array = NORMAL.astype(np.float64)
    array[17, 3] = value
    np.save("a.npy", array)
    np.save("b.npy", NORMAL)
    assert "NaN or infinity in example 17" in refusal(Arrays("b.npy", test="a.npy"), "test")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((0, 5)), r"got [0, 5] in a.npy"),
        (np.zeros((5, 0)), r"got [5, 0] in a.npy"),
        (np.zeros(()), r"got [] in a.npy"),
        (np.zeros(5), r"got [5] in a.npy. Examples of one number are an array [N, 1]"),
        (np.zeros((5, 2), np.complex64), "real numbers; got complex64"),
        (np.full((5, 2), "text"), "real numbers; got text in a.npy. If the text is numbers"),
        (np.zeros((5, 2), "datetime64[s]"), "real numbers; got datetime64"),
        (np.zeros((5, 2), [("a", "f4")]), "real numbers; got [("),
        (np.array([[None]]), "never unpickled"),
        (np.zeros((2, 5)), "enough training examples to split off validation and test examples; got 2"),
    ],
)
def test_an_array_that_cannot_be_data_is_refused(array, message):
    np.save("a.npy", array)
    assert message in refusal(Arrays("a.npy"), "train")
    np.savez("a.npz", array)
    assert message.replace(".npy", ".npz") in refusal(Arrays("a.npz"), "train")


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.csv"])
@pytest.mark.parametrize("content", [b"", b"1,2,3\n", b"PK\x03\x04 damaged", b"\x93NUMPY damaged"])
def test_a_file_that_is_something_else_is_refused(here, name, content):
    (here / name).write_bytes(content)
    assert "a .npy or .npz file" in refusal(Arrays(name), "train")


def test_a_truncated_file_is_refused(here):
    np.save("a.npy", NORMAL)
    np.savez_compressed("a.npz", NORMAL)
    for name in ("a.npy", "a.npz"):
        content = (here / name).read_bytes()
        (here / name).write_bytes(content[:-40])
        assert name in refusal(Arrays(name), "train")


def test_a_bit_that_flipped_in_an_archive_is_noticed(here):
    np.savez_compressed("a.npz", NORMAL)
    content = bytearray((here / "a.npz").read_bytes())
    content[len(content) // 2] ^= 4
    (here / "a.npz").write_bytes(bytes(content))
    assert "damaged" in refusal(Arrays("a.npz"), "train")


def test_a_missing_file_is_named_with_its_whole_path(here):
    assert f"no file {here / 'none.npy'}" in refusal(Arrays("none.npy"), "train")
    np.save("a.npy", NORMAL)
    assert "none.npz" in refusal(Arrays("a.npy", test="none.npz"), "test")
    assert "none.npy" in refusal(Arrays("a.npy", train_labels="none.npy"), "train_labels")
    assert "directory" in refusal(Arrays(str(here)), "train")
    refusal(Arrays(""), "train")
    refusal(Arrays("nul\0byte"), "train")


def test_names_that_are_not_clear_are_listed_with_a_remedy():
    np.savez("a.npz", left=NORMAL, right=NORMAL)
    message = refusal(Arrays("a.npz"), "train")
    assert "got left, right" in message
    assert 'data.train = "a.npz:left"' in message
    assert "got left, right" in refusal(Arrays("a.npz:middle"), "train")
    np.savez("empty.npz")
    assert "no arrays" in refusal(Arrays("empty.npz"), "train")


@pytest.mark.parametrize("labels", [LABELS[:5], LABELS / 2, np.zeros((40, 7), int), np.array(3)])
def test_labels_that_do_not_fit_are_refused(labels):
    np.save("x.npy", BYTES)
    np.save("y.npy", labels)
    message = refusal(Arrays("x.npy", train_labels="y.npy"), "train_labels")
    assert "integers or text of shape [40]" in message
    assert 'data.labels = "none"' in message
    assert f"{list(labels.shape)}" in message


def test_labels_without_their_examples_are_refused():
    np.save("x.npy", BYTES)
    np.save("y.npy", LABELS)
    assert "data.test" in refusal(Arrays("x.npy", test_labels="y.npy"), "test_labels")


def test_parts_of_different_shape_or_kind_are_refused():
    np.save("a.npy", BYTES)
    np.save("b.npy", BYTES[:, :14])
    np.save("c.npy", BYTES / 255)
    message = refusal(Arrays("a.npy", test="b.npy"), "test")
    assert "[28, 28, 1]" in message
    assert "[14, 28, 1]" in message
    assert "uint8; got float64" in refusal(Arrays("a.npy", validation="c.npy", divide_by=255), "validation")


@pytest.mark.parametrize(
    ("parameter", "value", "bound"),
    [
        ("divide_by", 0.0, "> 0"),
        ("divide_by", -1, "> 0"),
        ("divide_by", np.inf, "> 0"),
        ("share", -0.1, ">= 0"),
        ("share", 0.5, ">= 0"),
    ],
)
def test_numbers_out_of_bounds_are_refused(parameter, value, bound):
    with pytest.raises(ConfigError, match=f"expected {parameter} to be a number {bound}") as error:
        Arrays("a.npy", **{parameter: value})
    assert error.value.parameter == parameter


# What was taken for what


def test_the_notes_name_the_arrays_that_are_used_and_ignored():
    parts = {"x_train": BYTES, "x_test": BYTES[:9], "y_train": LABELS}
    np.savez("a.npz", **parts, target=NORMAL[:, 0], meta=NORMAL)
    np.save("b.npy", BYTES[:7])
    assert Arrays("a.npz", validation="b.npy").info().notes == (
        "train: x_train of a.npz, uint8 [40, 28, 28]; labels: y_train of a.npz, int64 [40], 7 classes",
        "validation: b.npy, uint8 [7, 28, 28]",
        "test: x_test of a.npz, uint8 [9, 28, 28]",
        "ignored: target, meta of a.npz",
    )


def test_text_labels_become_integers_that_mean_the_same_in_all_parts():
    train, test = np.array(["dog", "cat"] * 15), np.array([b"eel", b"cat", b"cat"])
    np.savez("a.npz", train=NORMAL, train_labels=train, test=NORMAL[:3], test_labels=test)
    data = Arrays("a.npz").load()
    assert data.test.labels.tolist() == [2, 0, 0]
    assert {*data.train.labels.tolist()} == {0, 1}
    assert "3 classes (cat, dog, eel)" in data.info.notes[0]
    assert data.info.classes == ("cat", "dog", "eel")


def test_columns_have_the_names_that_are_given():
    np.save("a.npy", NORMAL)
    names = ("a", "b", "c", "d", "e")
    assert Arrays("a.npy", columns=names).load().info.columns == names
    assert Arrays("a.npy").info().columns == ()
    message = refusal(Arrays("a.npy", columns=("a", "b")), "columns")
    assert "a name for each element of an example, of shape [5]; got 2" in message


@pytest.mark.parametrize("name", ["y", "labels", "target", "targets", "classes"])
@pytest.mark.parametrize("dtype", ["bool", "float32", "int64", ">i2", "uint64", "U", "S"])
def test_labels_are_found_under_any_usual_name_and_type(name, dtype):
    np.savez("a.npz", x=NORMAL, **{name: (np.arange(30) % 2).astype(dtype)})
    data = Arrays("a.npz").load()
    assert sorted(np.concatenate([getattr(data, part).labels for part in ("train", "validation", "test")])) == (
        [0] * 15 + [1] * 15
    )


@pytest.mark.parametrize(
    "labels", [NORMAL[:, 0], np.zeros((30, 7), int), np.arange(29), np.full(30, np.nan), np.zeros(30, complex)]
)
def test_what_is_found_beside_the_examples_and_is_no_label_stops_nothing(labels):
    np.savez("a.npz", x=NORMAL, y=labels)
    data = Arrays("a.npz").load()
    assert data.train.labels is None
    assert data.info.notes[1].startswith("ignored: y of a.npz, ")
    assert data.info.notes[1].endswith(
        "expected labels of train to be integers or text of shape [30], one for each example"
    )


def test_labels_can_be_switched_off():
    np.savez("a.npz", x=NORMAL, y=np.arange(30))
    np.save("bad.npy", NORMAL)
    assert Arrays("a.npz").load().train.labels is not None
    data = Arrays("a.npz", train_labels="bad.npy", labels="none").load()
    assert data.train.labels is None
    assert "ignored: y of a.npz" in data.info.notes


def test_images_with_their_channels_first_are_pointed_out():
    np.save("a.npy", np.zeros((40, 3, 32, 32), np.uint8))
    assert "numpy.moveaxis(array, 1, -1)" in Arrays("a.npy").info().notes[-1]
    np.save("a.npy", np.moveaxis(np.load("a.npy"), 1, -1))
    assert len(Arrays("a.npy").info().notes) == 1


# What the values are taken for


def test_bytes_of_which_none_is_255_are_divided_by_255_all_the_same():
    np.save("a.npy", np.minimum(BYTES, 254))
    np.save("b.npy", np.minimum(BYTES, 254).astype(np.float32))
    for file in ("a.npy", "b.npy"):
        for divide_by in (1, 200):
            assert "divide_by = 255" in refusal(Arrays(file, divide_by=divide_by, binarize="dynamic"), "binarize")


def test_counts_are_not_to_be_binarised():
    np.save("a.npy", RNG.poisson(5.0, (40, 20)))
    message = refusal(Arrays("a.npy", binarize="dynamic"), "binarize")
    assert "These seem to be counts" in message
    assert 'binarize = "none"' in message


# Sizes


def claiming(path, shape, dtype="<f4", content=b""):
    """A .npy file whose header says what it likes."""
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
        file.write(content)


@pytest.mark.parametrize("shape", [(10**12, 28, 28), (2**40, 2**40), (3, 5), (10**400, 1), (-1, 5)])
@pytest.mark.parametrize("in_memory", [True, False])
def test_a_header_that_says_more_than_there_is_allocates_nothing(shape, in_memory):
    claiming("a.npy", shape, content=bytes(50))
    message = refusal(Arrays("a.npy", in_memory=in_memory), "train")
    assert "a.npy, which is damaged: its header says" in message


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_header_whose_shape_is_no_integers_is_damaged(in_memory):
    claiming("a.npy", (True, 3), content=bytes(50))
    assert "its header says a shape that no array has" in refusal(Arrays("a.npy", in_memory=in_memory), "train")


def test_an_archive_whose_array_says_more_than_there_is_allocates_nothing(here):
    claiming("x.npy", (10**12, 28, 28))
    with zipfile.ZipFile("a.npz", "w") as archive:
        archive.write("x.npy")
    assert "its header says float32 [1000000000000, 28, 28], which takes 3.1 PB" in refusal(
        Arrays("a.npz"), "train"
    )


@pytest.mark.parametrize("place", [20, 24])  # of the sizes in the archive's directory: before, and expanded
def test_an_archive_that_says_more_than_it_can_hold_is_damaged(here, place):
    np.savez_compressed("a.npz", NORMAL)
    content = bytearray((here / "a.npz").read_bytes())
    start = content.index(b"PK\x01\x02")
    content[start + place : start + place + 4] = (2**31).to_bytes(4, "little")
    (here / "a.npz").write_bytes(content)
    assert "damaged" in refusal(Arrays("a.npz"), "train")


def test_a_small_archive_that_expands_to_much_is_refused_without_expanding_it(here):
    claiming("x.npy", (140_000, 1000), "|u1")
    with zipfile.ZipFile("a.npz", "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w") as member:
        member.write((here / "x.npy").read_bytes())
        for _ in range(140):
            member.write(bytes(1_000_000))
    message = refusal(Arrays("a.npz"), "train")
    assert re.search(
        r"at most 100 times; got a\.npz, in which x\.npy expands 1,0\d\d times, from .* to 140\.0 MB", message
    )
    assert "numpy.save" in message


def test_what_does_not_fit_in_memory_is_refused_before_it_is_read(monkeypatch):
    np.save("a.npy", NORMAL)
    np.savez("b.npz", x=BYTES, y=LABELS)
    monkeypatch.setattr("probvae.data.files.memory.available_memory", lambda: 1500)
    message = refusal(Arrays("a.npy"), "train")
    assert (
        "expected data that fits in the 1.5 kB of memory that are available; got a.npy, float32 [30, 5]" in message
    )
    assert "needs 1.8 kB" in message
    assert "data.in_memory = false" in message
    assert "x of b.npz, uint8 [40, 28, 28]" in refusal(Arrays("b.npz"), "train")
    assert Arrays("a.npy", in_memory=False).info().sizes == (24, 3, 3)


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_file_with_holes_is_as_large_as_it_says(in_memory, monkeypatch):
    """Its header is right, and it takes no room on the disk."""
    claiming("a.npy", (30, 10**9), "|u1")
    with open("a.npy", "r+b") as file:
        file.truncate(30 * 10**9 + 128)
    monkeypatch.setattr("probvae.data.files.memory.available_memory", lambda: 15 * 10**9)
    message = refusal(Arrays("a.npy", in_memory=in_memory), "train")
    assert "got a.npy, uint8 [30, 1000000000], with which the data needs" in message


def test_an_array_that_runs_out_of_memory_while_it_is_read_is_a_message(monkeypatch):
    np.save("a.npy", NORMAL)

    def read_array(file):
        raise MemoryError

    monkeypatch.setattr("probvae.data.files.array_files.read_array", read_array)
    assert "data that fits in memory; got a.npy" in refusal(Arrays("a.npy"), "train")


# Conditions


def conditions(**more):
    """Ten examples with two columns of conditions each, and a test part with its own."""
    given = np.arange(20, dtype=np.int64).reshape(10, 2)
    arrays = {"x_train": np.arange(20.0).reshape(10, 2), "train_condition": given}
    arrays |= {"x_test": np.zeros((3, 2)), "condition_test": -given[:3]}
    np.savez("c.npz", **(arrays | more))


def test_conditions_are_found_beside_the_examples():
    conditions()
    data = Arrays("c.npz", condition_columns=("age", "dose")).load()
    assert data.info.condition == Condition(("age", "dose"))
    assert "condition: train_condition of c.npz, int64 [10, 2]" in data.info.notes[0]
    np.testing.assert_array_equal(data.train.condition, data.train.stored)  # the rows go with the examples
    np.testing.assert_array_equal(data.test.condition, [[0, -1], [-2, -3], [-4, -5]])
    assert data.validation.condition.shape == (1, 2)
    np.savez("one.npz", x=np.zeros((10, 2)), condition=np.arange(10))
    assert Arrays("one.npz").info().condition == Condition(("c1",))


@pytest.mark.parametrize(
    ("array", "names", "message"),
    [
        ({"condition_test": np.zeros((4, 2))}, (), r"data.test: expected .* of test, finite numbers \[3, C\]"),
        ({"condition_test": np.zeros((3, 1))}, (), r"data.test: expected conditions of 2 columns, as .*; got 1"),
        ({"condition_test": np.full((3, 2), np.nan)}, (), r"got NaN or infinity in row 0 of condition_test"),
        ({"train_condition": np.array(["a"] * 10)}, (), r"data.train: expected .* of train.*got .*text \[10\]"),
        ({}, ("age",), r"data.condition_columns: expected 2 names, one for each column .*; got 1"),
    ],
)  # fmt: skip
def test_wrong_conditions_are_refused(array, names, message):
    conditions(**array)
    with pytest.raises(ConfigError, match=message):
        Arrays("c.npz", condition_columns=names).info()


def test_all_parts_have_conditions_or_none():
    np.savez("some.npz", x_train=np.zeros((9, 2)), x_test=np.zeros((3, 2)), train_condition=np.zeros(9))
    with pytest.raises(
        ConfigError, match=r"data.test: .*; got none in some.npz. Give all parts conditions, or none"
    ):
        Arrays("some.npz").load()
    np.savez("none.npz", x=np.zeros((9, 2)))
    with pytest.raises(ConfigError, match=r"data.condition_columns: expected conditions to name .*; got none"):
        Arrays("none.npz", condition_columns=("age",)).load()


# Ids


@pytest.mark.parametrize(
    "ids", [np.arange(100, 130), np.array([f"p{n}" for n in range(30)]), np.arange(30).astype("S")]
)
@pytest.mark.parametrize("key", ["ids", "id", "ID"])
def test_ids_are_split_with_their_examples(key, ids):
    np.savez("a.npz", **{"x": NORMAL, key: ids})
    data = Arrays("a.npz").load()
    text = ids.astype(np.str_) if ids.dtype.kind == "S" else ids
    of_row = {row.tobytes(): own for row, own in zip(NORMAL, text.tolist(), strict=True)}
    for split in (data.train, data.validation, data.test):
        assert split.ids.tolist() == [of_row[row.tobytes()] for row in split.stored]
    assert f"train: x of a.npz, float32 [30, 5]; ids: {key} of a.npz, " in data.info.notes[0]


def test_ids_of_each_part_are_found_and_stay_when_it_is_binarised():
    ids = np.arange(40) + 1000
    np.savez("a.npz", train=BYTES, test=BYTES, train_ids=ids, ids_test=ids[::-1])
    data = Arrays("a.npz", divide_by=255, binarize="static").load()
    np.testing.assert_array_equal(data.test.ids, ids[::-1])
    assert sorted([*data.train.ids, *data.validation.ids]) == ids.tolist()


@pytest.mark.parametrize(
    ("ids", "got"),
    [
        (np.arange(29), r"int64 \[29\]"),
        (np.zeros((30, 1), int), r"int64 \[30, 1\]"),
        (np.arange(30.0), r"float64 \[30\]"),
    ],
)
def test_ids_of_another_count_shape_or_type_are_refused(ids, got):
    np.savez("a.npz", x=NORMAL, ids=ids)
    message = refusal(Arrays("a.npz"), "train")
    assert re.search(rf"expected ids as integers or text of shape \[30\], .*; got ids of a\.npz, {got}", message)
    assert "If it is something else, rename it." in message
