"""Images in a folder; Pillow writes them, and decodes and resizes them as a second implementation."""

import re

import numpy as np
import pytest
from PIL import Image, ImageOps

from probvae.core import BINARY, COUNTS, UNIT, Values
from probvae.data import Batches, ImageFolder
from probvae.errors import ConfigError, DataError, UserError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (40, 10, 8), np.uint8)
COLOURS = RNG.integers(0, 256, (40, 10, 8, 3), np.uint8)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Folders are named relative to the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(here, name, array):
    path = here / "pictures" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


def many(here, count=20, kinds=("cat", "dog"), under=""):
    """Grey images, in turn of each kind."""
    for number in range(count):
        kind = f"{kinds[number % len(kinds)]}/" if kinds else ""
        write(here, f"{under}{kind}{number:02}.png", GREY[number])


def folder(**how):
    return ImageFolder("pictures", **{"size": (10, 8), **how})


def smooth(height, width):
    """An image without sharp edges, which two ways to resize treat alike."""
    rows, columns = np.ogrid[:height, :width]
    channels = [np.sin(rows / 9 + k) + np.cos(columns / 7 - k) for k in range(3)]
    return np.uint8(np.stack(channels, -1) * 60 + 128)


# What is found


def test_the_folders_are_classes_and_the_order_is_that_of_the_paths(here):
    many(here)
    data = folder().load()
    assert data.info.sizes == (16, 2, 2)
    assert data.info.classes == ("cat", "dog")
    assert data.info.event_shape == (10, 8, 1)
    order = [*range(0, 20, 2), *range(1, 20, 2)]  # cats, then dogs
    for split in (data.train, data.validation, data.test):
        np.testing.assert_array_equal(split.stored[..., 0], GREY[np.array(order)[split.rows]])
        np.testing.assert_array_equal(split.labels, split.rows >= 10)
        assert all(
            name.startswith("dog" if label else "cat") for name, label in zip(split.ids, split.labels, strict=True)
        )


def test_info_decodes_one_image_and_is_what_load_says(here):
    many(here)
    assert folder().info() == folder().load().info
    (here / "pictures/dog/03.png").write_bytes(b"damaged")
    assert folder().info().sizes == (16, 2, 2)
    assert folder().info().notes == ("train: 20 images; labels: 2 classes (cat, dog)",)


def test_images_without_folders_have_no_labels(here):
    many(here, kinds=())
    data = folder().load()
    assert data.train.labels is None
    assert data.info.classes == ()


def test_images_beside_the_folders_of_classes_have_no_label(here):
    many(here)
    write(here, "alone.png", GREY[0])
    write(here, "zebra.png", GREY[1])
    data = folder().load()
    assert data.info.classes == ("cat", "dog")
    assert data.info.notes == ("train: 22 images; labels: 2 classes (cat, dog), 2 labels missing",)
    for split in (data.train, data.validation, data.test):
        expected = [{"cat": 0, "dog": 1}.get(name.partition("/")[0], -1) for name in split.ids]
        np.testing.assert_array_equal(split.labels, expected)


def test_the_parts_may_have_folders_of_their_own(here):
    many(here, 12, under="train/")
    many(here, 3, under="Val/")
    many(here, 4, ("dog", "eel"), under="test/")
    data = folder().load()
    assert data.info.sizes == (12, 3, 4)
    assert data.info.classes == ("cat", "dog", "eel")
    assert data.test.labels.tolist() == [1, 1, 2, 2]
    assert "split off" not in data.info.protocol
    np.testing.assert_array_equal(data.test.stored[..., 0], GREY[[0, 2, 1, 3]])


def test_a_part_without_a_folder_is_split_off(here):
    many(here, 20, (), under="training/")
    many(here, 4, (), under="test/")
    info = folder(share=0.2).load().info
    assert info.sizes == (16, 4, 4)
    assert "validation examples split off from the training examples (20%, seed 0)" in info.protocol


def test_other_files_are_counted(here):
    many(here, 20, (), under="train/")
    write(here, ".hidden/a.png", GREY[0])
    write(here, "train/.b.png", GREY[0])
    write(here, "elsewhere/c.png", GREY[0])
    (here / "pictures/train/Thumbs.db").write_bytes(b"")
    (here / "pictures/notes.txt").write_text("mine")
    info = folder().info()
    assert info.sizes == (16, 2, 2)
    assert info.notes[-1].startswith(
        "ignored: 4 files that are hidden, not .png, .jpg, .jpeg, or not in the folder"
    )


def test_links_to_folders_are_followed_but_not_in_circles(here):
    """A link to a folder that it is in would have no end."""
    many(here, 20, (), under="train/cat/")
    many(here, 20, (), under="elsewhere/")
    pictures = here / "pictures"
    (here / "dogs").mkdir()
    for image in (pictures / "elsewhere").iterdir():
        image.rename(here / "dogs" / image.name)
    (pictures / "elsewhere").rmdir()
    (pictures / "train/dog").symlink_to(here / "dogs")
    (pictures / "train/hound").symlink_to(here / "dogs")
    expected = folder().load()
    assert expected.info.classes == ("cat", "dog", "hound")
    assert sum(expected.info.sizes) == 60
    (pictures / "train/cat/self").symlink_to(".")
    (pictures / "train/cat/above").symlink_to(pictures)
    (pictures / "train/cat/far").symlink_to(here.parent)
    (here / "dogs/back").symlink_to(pictures / "train")
    assert folder().info().sizes == expected.info.sizes


# What is decoded


@pytest.mark.parametrize("suffix", ["png", "PNG", "jpg", "jpeg"])
@pytest.mark.parametrize("images", [GREY, COLOURS], ids=["grey", "colours"])
def test_images_are_decoded_as_pillow_does(here, suffix, images):
    for number, image in enumerate(images[:5]):
        path = write(here, f"{number}.{suffix}", smooth(10, 8) if image.ndim == 3 else smooth(10, 8)[..., 0])
    expected = np.asarray(Image.open(path)).reshape(10, 8, -1)
    split = folder().load().train
    assert split.stored.dtype == np.uint8
    np.testing.assert_allclose(split.stored[0].astype(int), expected, atol=0 if "n" in suffix.lower() else 3)


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("large", [False, True], ids=["II", "MM"])
def test_photographs_are_turned_as_pillow_does(here, orientation, large):
    """Also where the EXIF of a camera has other tags before, and is of either order of bytes."""
    exif = Image.Exif()
    exif.endian = ">" if large else "<"
    exif[0x010F], exif[0x0112] = "a camera", orientation
    (here / "pictures").mkdir()
    for number in range(3):
        path = here / "pictures" / f"{number}.jpg"
        Image.fromarray(smooth(30, 20)).save(path, exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(path)))
    stored = folder(size=expected.shape[:2]).load().train.stored
    np.testing.assert_allclose(stored[0].astype(int), expected, atol=3)


def test_channels_are_converted_where_this_is_asked_for(here):
    for number in range(3):
        write(here, f"colours-{number}.png", COLOURS[number])
        write(here, f"grey-{number}.png", GREY[number])
    coloured, grey = (folder(channels=channels).load().train for channels in (3, 1))
    assert coloured.stored.shape[1:] == (10, 8, 3)
    assert grey.stored.shape[1:] == (10, 8, 1)
    first = folder(channels=3)._data().splits["train"].stored
    place = {row: number for number, row in enumerate(grey.rows.tolist())}
    for row in place:
        if row < 3:
            expected = np.asarray(Image.fromarray(COLOURS[row]).convert("L"), int)
            np.testing.assert_allclose(grey.stored[place[row], ..., 0].astype(int), expected, atol=2)
        else:
            np.testing.assert_array_equal(coloured.stored[place[row]], np.repeat(GREY[row - 3, ..., None], 3, -1))
    assert first.shape[0] == 4


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "1"])
def test_transparency_is_left_out_and_palettes_are_colours(here, mode):
    for number in range(4):
        path = here / "pictures" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        image = Image.fromarray(COLOURS[number]).convert("RGB" if mode == "RGBA" else mode).convert(mode)
        if "A" in mode:
            image.putalpha(Image.fromarray(GREY[number]))
        image.save(path)
    (expected,) = {"RGBA": ["RGB"], "LA": ["L"], "P": ["RGB"], "1": ["L"]}[mode]
    stored = folder(share=0.25).load().train.stored
    wanted = [
        np.asarray(Image.open(here / f"pictures/{n}.png").convert(expected)).reshape(10, 8, -1) for n in range(4)
    ]
    found = {image.tobytes() for image in stored}
    assert found < {image.tobytes() for image in wanted}


@pytest.mark.parametrize(
    ("shape", "size", "box"),
    [
        ((40, 64), (20, 20), (12, 0, 52, 40)),
        ((64, 40), (20, 20), (0, 12, 40, 52)),
        ((60, 60), (30, 15), (15, 0, 45, 60)),
        ((12, 12), (24, 24), (0, 0, 12, 12)),
        ((50, 30), (20, 12), (0, 0, 30, 50)),
    ],
)
def test_the_middle_is_cut_out_and_resized_as_pillow_does(here, shape, size, box):
    image = smooth(*shape)
    for number in range(3):
        write(here, f"{number}.png", image)
    stored = folder(size=size, share=0.3).load().train.stored
    resized = Image.fromarray(image).crop(box).resize(size[::-1], Image.Resampling.BILINEAR)
    assert stored.shape[1:] == (*size, 3)
    np.testing.assert_allclose(stored[0].astype(int), np.asarray(resized, int), atol=1)


@pytest.mark.parametrize("binarize", ["static", "dynamic"])
def test_images_that_stay_in_their_files_are_the_same(here, binarize):
    many(here)
    memory, files = (folder(binarize=binarize, in_memory=here_too).load() for here_too in (True, False))
    assert memory.info == files.info
    for part in ("train", "validation", "test"):
        one, other = getattr(memory, part), getattr(files, part)
        np.testing.assert_array_equal(one.stored, other.stored[:])
        np.testing.assert_array_equal(one.labels, other.labels)
    one, other = (next(Batches(data.train, 6, 0).stream(2)) for data in (memory, files))
    np.testing.assert_array_equal(one.x, other.x)
    assert other.x.shape == (6, 10, 8, 1)


# What the values are


def test_bytes_are_divided_unless_they_are_not_to_be(here):
    many(here)
    assert folder().info().values == Values.levels(256, divide_by=255)
    assert folder().info().values in UNIT
    assert folder(binarize="static").load().info.values == BINARY
    assert folder(divide_by=1.0).info().values == Values(0, 255, integer=True)
    assert folder(divide_by=1.0).info().values in COUNTS
    assert "images cut and resized to 10x8; values divided by 255" in folder().info().protocol


# What is refused


def nothing(here):
    (here / "pictures").mkdir()
    (here / "pictures/a.txt").write_text("text")


def damaged(content):
    def make(here):
        many(here)
        path = here / "pictures/dog/07.png"
        path.write_bytes(content or path.read_bytes()[:-30])

    return make


def grey_and_colours(here):
    many(here)
    write(here, "dog/07.png", COLOURS[0])


WRONG = {
    "no folder": (lambda here: None, {}, r"data\.folder: expected a folder of images; got no folder .*pictures"),
    "a file": (lambda here: (here / "pictures").write_text(""), {}, "got pictures, a file. Name the folder that"),
    "no images": (nothing, {}, r"\(\.png, \.jpg, \.jpeg\); got pictures with none of them and 1 other files"),
    "no training": (
        lambda here: many(here, under="test/"),
        {},
        "a folder train beside .* images for test, and none",
    ),
    "too few": (
        lambda here: many(here, 2),
        {},
        "to split off validation and test examples; got 2. Put images into",
    ),
    "cut short": (damaged(b""), {}, "dog/07.png: expected a PNG or JPEG image; got a PNG image that is damaged"),
    "text": (
        damaged(b"Not found."),
        {},
        "dog/07.png: expected a PNG or JPEG image; got text with columns .*\\. Replace the file",
    ),
    "no content": (damaged(b" "), {}, "dog/07.png: expected a PNG or JPEG image; got .*. Replace the file"),
    "another format": (damaged(b"RIFF    WEBPVP8 "), {}, "got a WebP image. Replace the file, or remove it"),
    "two kinds": (
        grey_and_colours,
        {},
        r"dog/07.png: expected an image in grey, .*; got an image in colours. Set",
    ),
    "bytes": (many, {"divide_by": 1.0, "binarize": "dynamic"}, r"data\.binarize: .* Set data\.divide_by = 255"),
    "no size": (many, {"size": (0, 8)}, "expected size to be"),
    "two channels": (many, {"channels": 2}, "expected channels to be"),
}


@pytest.mark.parametrize(("make", "how", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said(here, make, how, message):
    make(here)
    with pytest.raises((UserError, DataError), match=message):
        folder(**how).load()


def test_what_does_not_fit_in_memory_is_refused_before_it_is_decoded(here, monkeypatch):
    many(here)
    monkeypatch.setattr("probvae.data.files.memory.available_memory", lambda: 2000)
    with pytest.raises(ConfigError, match=r"2.0 kB .* got 20 images of \[10, 8, 1\] bytes, .* needs 2.9 kB\. Set"):
        folder().load()
    assert folder(in_memory=False).load().info.sizes == (16, 2, 2)


def test_an_image_that_vanishes_while_it_is_used_is_named(here):
    many(here)
    stored = folder(in_memory=False).load().train.stored
    stored.files[5].unlink()
    message = f"{stored.files[5]}: expected a PNG or JPEG image; got a file that cannot be read"
    with pytest.raises(DataError, match=re.escape(message)):
        stored[:]
