"""Which arrays in a user's files are the examples, labels, conditions and ids of which part: by their keys.

A PART is named train (or training), validation (valid, val) or test (testing). The keys of its examples are PART,
KIND_PART and PART_KIND, where KIND is x, data or images; those of its labels are KIND_PART and PART_KIND, where
KIND is y, labels, label, targets, target, classes or class; those of its conditions, where KIND is condition or
conditions; and those of its ids, where KIND is ids or id. In a file of one part, KIND alone is enough, and so is
any key if there is one array only. Upper and lower case are the same. A file of a sparse matrix has no such keys:
its rows are the examples.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple, TypeAlias, get_args

from probvae.data.files.array_files import OBJECTS, ArrayFile, FileArray, listed
from probvae.data.files.sparse import SparseFile
from probvae.errors import ConfigError

Part: TypeAlias = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = get_args(Part)

NAMES: dict[Part, tuple[str, ...]] = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val"),
    "test": ("test", "testing"),
}
_EXAMPLES = ("x", "data", "images")
_LABELS = ("y", "labels", "label", "targets", "target", "classes", "class")
_CONDITIONS = ("condition", "conditions")
_IDS = ("ids", "id")
_BESIDE = (*_LABELS, *_CONDITIONS, *_IDS)
_TO_NUMBERS = {
    "S": 'If the text is numbers, save array.astype("float32").',
    "U": 'If the text is numbers, save array.astype("float32").',
    "c": "Save real and imaginary parts as numbers of their own: numpy.stack([array.real, array.imag], -1).",
    "V": "Save its columns as one array: numpy.lib.recfunctions.structured_to_unstructured(array).",
}
"""How arrays of other kinds become numbers, by numpy's letter for the kind."""


class Chosen(NamedTuple):
    """The arrays of a part: its examples, its possible labels, its conditions, and its ids."""

    examples: FileArray | SparseFile
    labels: FileArray | None
    condition: FileArray | None
    ids: FileArray | None


def choose(files: Mapping[Part, str], label_files: Mapping[Part, str] | None) -> dict[Part, Chosen]:
    """The arrays of each part that the files hold; the others are to be split off.

    Args:
        files: the file of each part; if empty, the part is looked for in the file of the training examples.
        label_files: the file of each part's labels; if empty, they are looked for in the file of the examples.
            None if no labels are wanted.

    Raises:
        ConfigError: a file is missing or damaged, no key is one that is read, or an array cannot be examples.
    """
    chosen = {}
    for part in PARTS:
        if examples := _examples(part, files):
            _check_examples(part, examples)
            labels = _labels(part, examples, label_files[part]) if label_files else None
            beside = (_beside(part, examples, kinds) for kinds in (_CONDITIONS, _IDS))
            chosen[part] = Chosen(examples, labels, *beside)
        elif label_files and label_files[part]:
            raise ConfigError.of(
                f"data.{part}_labels",
                f"examples that they belong to (data.{part})",
                "none",
                f"A part that is split off gets its labels with its examples: leave data.{part}_labels out.",
            )
    return chosen


def unused(chosen: dict[Part, Chosen]) -> Iterator[str]:
    """The arrays that are ignored, one line for each file."""
    taken = [array for found in chosen.values() for array in found if array]
    for path, file in {array.file.path: array.file for array in taken}.items():
        used = {name for array in taken if array.file.path == path for name in array.names}
        if rest := [name for name in file.names if name not in used]:
            yield f"ignored: {listed(rest)} of {path}"


def _examples(part: Part, files: Mapping[Part, str]) -> FileArray | SparseFile | None:
    """The examples of a part; None if it has no file of its own and is not in that of the training examples."""
    if not files[part]:
        file = ArrayFile.at(files["train"], "data.train")
        key = None if file.member else file.find(_keys_of_examples(part))
        return file.array(key) if key else None
    file = ArrayFile.at(files[part], f"data.{part}")
    if not file.member and (sparse := SparseFile.of(file)):
        return sparse
    key = (
        file.member
        or file.find((*_keys_of_examples(part), *_EXAMPLES))
        or file.only(ignoring=(*_BESIDE, *_keys(part, _BESIDE)))
    )
    if not key:
        raise file.not_found(f"the examples under a key as {part}, x_{part}, {part}_images, x, data or images")
    return file.array(key)


def _labels(part: Part, examples: FileArray | SparseFile, text: str) -> FileArray | None:
    """The labels in a file of their own, or in the file of the examples if it has any."""
    if text:
        file = ArrayFile.at(text, f"data.{part}_labels")
        key = file.member or file.find((*_keys(part, _LABELS), *_LABELS)) or file.only()
        if not key:
            raise file.not_found(f"the labels under a key as y_{part}, {part}_labels, y, labels or targets")
        return file.array(key)
    return _beside(part, examples, _LABELS)


def _beside(part: Part, examples: FileArray | SparseFile, kinds: tuple[str, ...]) -> FileArray | None:
    """The array of some kind in the file of the examples, if it has any."""
    if isinstance(examples, SparseFile):
        return None
    file = examples.file
    of_one_part = examples.name.lower() not in _keys_of_examples(part)
    key = None if file.member else file.find((*_keys(part, kinds), *(kinds if of_one_part else ())))
    return file.array(key) if key else None


def _check_examples(part: Part, array: FileArray | SparseFile) -> None:
    """Raise if an array cannot be examples."""
    place, path = f"data.{part}", array.file.path
    dtype, shape = array.header.dtype, array.header.shape
    if dtype.kind not in "biuf":
        fix = OBJECTS if dtype.hasobject else _TO_NUMBERS.get(dtype.kind, "")
        raise ConfigError.of(place, "an array of real numbers", f"{array.header.of} in {path}", fix)
    if len(shape) < 2 or 0 in shape:
        one_number = len(shape) == 1 and shape[0]
        fix = "Examples of one number are an array [N, 1]: save array[:, None]." if one_number else ""
        expected = "an array [N, *E] of N examples of shape E, none of these 0"
        raise ConfigError.of(place, expected, f"{list(shape)} in {path}", fix)


def _keys_of_examples(part: Part) -> tuple[str, ...]:
    return (*NAMES[part], *_keys(part, _EXAMPLES))


def _keys(part: Part, kinds: tuple[str, ...]) -> tuple[str, ...]:
    """The keys of a part's arrays of some kind, as x_train and train_x."""
    return tuple(key for name in NAMES[part] for kind in kinds for key in (f"{kind}_{name}", f"{name}_{kind}"))
