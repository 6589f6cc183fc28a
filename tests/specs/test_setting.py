"""Settings that the program makes are read as the values that it means."""

import math

import pytest

from probvae.specs import read, setting

VALUES = [0.5, 1e-5, 3, True, "a b", [1, 2], {"use": "vamp", "inner": {"sizes": [0.5]}}, -math.inf]
TEXTS = [
    "\N{GRINNING FACE} \N{GREEK SMALL LETTER BETA}.npz",
    'a "b" \\ c',
    "two\nlines",
    "\x7f\x1b",
    "1",
    "true",
    " ",
]


@pytest.mark.parametrize("value", VALUES + TEXTS, ids=ascii)
def test_a_setting_has_its_value_after_it_is_read(value):
    assert read({"a": {}}).override([setting("a.b", value)]).tables == {"a": {"b": value}}


def test_a_setting_of_nan_is_a_number():
    assert math.isnan(read({"a": {}}).override([setting("a.b", math.nan)]).tables["a"]["b"])
