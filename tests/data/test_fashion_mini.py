import importlib.util
from pathlib import Path

import numpy as np
import pytest

from probvae.core import BINARY, Values
from probvae.data import FashionMini
from probvae.data.datasets.mini import FILE
from probvae.data.datasets.mnist import FashionMnist

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def plain():
    return FashionMini(binarize="none").load()


def parts(data):
    return data.train, data.validation, data.test


def test_the_file_is_small_and_travels_with_its_licence():
    assert FILE.stat().st_size < 4_000_000
    notice = (FILE.parent / "NOTICE").read_text()
    assert "Copyright (c) 2017 Zalando SE" in notice
    assert "Permission is hereby granted" in notice


@pytest.mark.parametrize("binarize", ["dynamic", "static", "none"])
def test_what_is_loaded_is_what_was_announced(binarize):
    dataset = FashionMini(binarize=binarize)
    data = dataset.load()
    assert data.info == dataset.info()
    assert data.info.values == (Values.levels(256, divide_by=255) if binarize == "none" else BINARY)
    assert tuple(map(len, parts(data))) == data.info.sizes == (6_000, 1_000, 1_000)
    for split in parts(data):
        assert split.stored.dtype == np.uint8
        assert split.stored.shape[1:] == data.info.event_shape == (28, 28, 1)
    assert data.train.binarize_on_read == (binarize == "dynamic")


def test_the_classes_have_the_names_of_what_the_images_show(plain):
    names = plain.info.classes
    assert names == FashionMnist().info().classes
    means = [plain.train.stored[plain.train.labels == label].mean(axis=(0, 3)) for label in range(10)]
    clothes = [label for label, mean in enumerate(means) if mean[:5].mean() > 30]
    assert {names[label] for label in clothes} == {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Shirt"}
    assert names[min(clothes, key=lambda label: means[label][20:, 13:15].mean())] == "Trouser"  # between the legs
    assert names[np.argmin([mean[:5].mean() for mean in means])] == "Sneaker"  # empty above
    assert names[np.argmax([mean[:, :4].mean() for mean in means])] == "Bag"  # as wide as the image


def test_every_class_comes_equally_often(plain):
    for split in parts(plain):
        np.testing.assert_array_equal(np.bincount(split.labels), np.full(10, len(split) / 10))


def test_the_images_are_real(plain):
    for split in parts(plain):
        assert split.stored.min() == 0
        assert split.stored.max() == 255
        assert 0.2 < split.intensities().mean() < 0.4
        means = np.stack([split.stored[split.labels == label].mean(0).ravel() for label in range(10)])
        assert np.abs(np.corrcoef(means)[np.triu_indices(10, 1)]).max() < 0.99  # classes differ


def test_the_training_images_are_in_no_other_part(plain):
    seen = {image.tobytes() for image in plain.train.stored}
    for split in (plain.validation, plain.test):
        assert not seen & {image.tobytes() for image in split.stored}


def test_the_tool_makes_the_same_arrays_again():
    if not Path(FashionMnist.source.system).is_dir():
        pytest.skip("needs Debian's package dataset-fashion-mnist")
    spec = importlib.util.spec_from_file_location("make_fashion_mini", ROOT / "tools/make_fashion_mini.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    made = tool.subset()
    with np.load(FILE, allow_pickle=False) as file:
        assert set(file) == set(made)
        for name, array in made.items():
            np.testing.assert_array_equal(file[name], array)


def test_what_a_notebook_prints_is_one_line():
    assert repr(FashionMini()) == "FashionMini()"
    assert repr(FashionMini(binarize="none")) == "FashionMini(binarize='none')"
    data = FashionMini().load()
    assert repr(data) == "<Data: 6000 train, 1000 validation, 1000 test, each [28, 28, 1], 0 and 1 only>"
    described = "6000 examples of uint8 [28, 28, 1], divided by 255, binarised on read, with labels"
    assert repr(data.train) == f"<Split: {described}>"
    assert repr(data.test) == "<Split: 1000 examples of uint8 [28, 28, 1], with labels>"
    grey = FashionMini(binarize="none").load()
    assert repr(grey).endswith("each [28, 28, 1], multiples of 1/255 from 0 to 1>")
