"""What is said of data whose values a likelihood does not support, or hardly."""

import re
import warnings
from types import SimpleNamespace

import pytest

from probvae.core import BINARY, COUNTS, REAL, UNIT, DataInfo, Values
from probvae.errors import DataWarning, SpecError
from probvae.registry import default
from probvae.specs import check_support, plan, read

IMAGE, VECTOR = (8, 8, 1), (20,)
PLAN = {
    "schema": 1,
    "model": {
        "latent_dim": 2,
        "encoder": {"network": {"use": "dense"}},
        "decoder": {"network": {"use": "dense"}, "likelihood": {"use": "normal"}},
        "prior": {"use": "standard_normal"},
    },
    "objective": {"use": "elbo"},
    "data": {"use": "arrays", "train": "x.npy"},
}


def check(support, values, shape):
    info = DataInfo(shape, values, (1, 1, 1), "", "")
    vae = SimpleNamespace(decoder=SimpleNamespace(support=support))
    check_support(plan(read(PLAN), default()), vae, info)


@pytest.mark.parametrize("high", [200, 254, 255])
@pytest.mark.parametrize(("support", "rest"), [(BINARY, "and data.binarize = 'dynamic'"), (UNIT, "from 0 to 1")])
def test_8_bit_images_are_to_be_divided_by_255_whatever_their_maximum(high, support, rest):
    for integer in (True, False):  # images that were resized have fractions
        with pytest.raises(SpecError, match=rf"Set data\.divide_by = 255.*{rest}") as caught:
            check(support, Values(0, high, integer), IMAGE)
        assert "counts" not in str(caught.value)


@pytest.mark.parametrize("support", [BINARY, UNIT])
def test_counts_are_called_counts_and_are_not_divided_or_binarised(support):
    for values in (COUNTS, Values(0, 5000, integer=True), Values(0, 12, integer=True)):
        with pytest.raises(SpecError, match="If they are counts, take a likelihood that supports them") as caught:
            check(support, values, VECTOR)
        assert "divide_by" not in str(caught.value)
        assert "'dynamic'" not in str(caught.value)


def test_flat_integers_up_to_255_may_be_either():
    with pytest.raises(SpecError, match=r"If they are counts.*If they are intensities: Set data\.divide_by = 255"):
        check(BINARY, Values(0, 251, integer=True), VECTOR)


@pytest.mark.parametrize(
    ("values", "shape", "divide_by"),
    [
        (Values(0, 255, integer=True), IMAGE, "255"),
        (Values(0, 254, integer=True), IMAGE, "255"),
        (COUNTS, IMAGE, "255"),
        (Values(0, 60_000, integer=True), IMAGE, "65535"),
        (Values(-4000, 3000), VECTOR, "4000"),
        (Values(0, 1e6, integer=True), VECTOR, "1e\\+06"),
    ],
)
def test_values_far_from_the_scale_of_a_normal_are_warned_of(values, shape, divide_by):
    with pytest.warns(DataWarning, match=rf"millions of nats\. Set data\.divide_by = {divide_by}, or standardise"):
        check(REAL, values, shape)


@pytest.mark.parametrize("values", [UNIT, BINARY, Values(-12, 9), Values(0, 16, integer=True), REAL])
def test_values_of_about_unit_size_are_not(values):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for shape in (IMAGE, VECTOR):
            check(REAL, values, shape)


@pytest.mark.parametrize(
    ("values", "advice"),
    [
        (UNIT, r"numbers from 0 to 1.*give the integers, and set data\.divide_by = 255"),
        (Values(0, 255, integer=True), r"integers from 0 to 255.*Set data\.divide_by = 255"),
    ],
)
def test_levels_are_bytes_that_are_divided(values, advice):
    with pytest.raises(SpecError) as caught:
        check(Values.levels(256, divide_by=255), values, IMAGE)
    assert re.search(rf"multiples of 1/255 from 0 to 1.*{advice}", " ".join(str(caught.value).split()))
    check(Values.levels(256, divide_by=255), BINARY, IMAGE)
    check(Values.levels(256, divide_by=255), Values.levels(200, divide_by=255), IMAGE)


def test_a_few_numbers_that_do_not_hold_all_values_come_with_advice():
    five = Values.levels(5)
    with pytest.raises(SpecError, match=r"integers from 0 to 4.*up to 6 \(levels or trials\), or .*'negative_bin"):
        check(five, Values(0, 6, integer=True), VECTOR)
    for values in (Values(-2, 3, integer=True), Values(0, 2.5)):
        with pytest.raises(SpecError, match=r"integers from 0 to 4.*Set .* = 'normal', which takes all"):
            check(five, values, VECTOR)
