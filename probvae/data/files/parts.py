"""Which arrays in a user's files are the examples and the labels of which part, by their names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple, TypeAlias

from probvae.data.files.array_files import OBJECTS, ArrayFile, FileArray, listed
from probvae.data.refusal import refuse

Part: TypeAlias = Literal["train", "validation", "test"]

_SYNONYMS: dict[Part, tuple[str, ...]] = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val"),
    "test": ("test", "testing"),
}
_EXAMPLES = ("x", "data", "images")
_LABELS = ("y", "labels", "label", "targets", "target", "classes", "class")
_TO_NUMBERS = {
    "S": 'If the text is numbers, save array.astype("float32").',
    "U": 'If the text is numbers, save array.astype("float32").',
    "c": "Save real and imaginary parts as numbers of their own: numpy.stack([array.real, array.imag], -1).",
    "V": "Save its columns as one array: numpy.lib.recfunctions.structured_to_unstructured(array).",
}
"""How arrays of other kinds become numbers, by numpy's letter for the kind."""


class Chosen(NamedTuple):
    """What was found of a part: its examples, and what may be their labels."""

    examples: FileArray
    labels: FileArray | None


def choose(files: Mapping[Part, str], label_files: Mapping[Part, str] | None) -> dict[Part, Chosen]:
    """What the files hold of each part; of a part that is to be split off, nothing.

    Args:
        files: the file of each part; if empty, it is looked for in that of the training examples.
        label_files: the file of each part's labels; if empty, they are looked for in that of the examples. None if
            no labels are wanted.

    Raises:
        ConfigError: a file is missing or damaged, or its names do not tell, or an array cannot be examples.
    """
    found = {part: _chosen(part, files, label_files) for part in files}
    return {part: chosen for part, chosen in found.items() if chosen}


def _chosen(part: Part, files: Mapping[Part, str], label_files: Mapping[Part, str] | None) -> Chosen | None:
    """What the user's files hold of a part, or None."""
    named = _names(part, _EXAMPLES)
    if text := files[part]:
        file = ArrayFile.at(text, part)
        name = (
            file.member
            or file.find((*_SYNONYMS[part], *named, *_EXAMPLES))
            or file.only(but=(*_LABELS, *_names(part, _LABELS)))
        )
        name = name or file.refuse_to_guess("the examples")
    else:  # only a file for training may hold several parts
        file = ArrayFile.at(files["train"], "train")
        found = None if file.member else file.find((*_SYNONYMS[part], *named))
        if not found:
            if label_files and label_files[part]:
                refuse(
                    f"{part}_labels",
                    f"examples that they belong to (data.{part})",
                    "none",
                    f"A part that is split off takes its labels along: leave data.{part}_labels out.",
                )
            return None
        name = found
    examples = file.array(name)
    _check_form(part, examples)
    if label_files is None:
        return Chosen(examples, None)
    whole_file = name.lower() not in (*_SYNONYMS[part], *named)
    return Chosen(examples, _labels(part, file, whole_file, label_files[part]))


def _labels(part: Part, file: ArrayFile, whole_file: bool, text: str) -> FileArray | None:
    """The labels in a file of their own, or in the `file` of the examples if it has any."""
    named = _names(part, _LABELS)
    if text:
        file = ArrayFile.at(text, f"{part}_labels")
        name = file.member or file.find((*named, *_LABELS)) or file.only() or file.refuse_to_guess("the labels")
        return file.array(name)
    found = None if file.member else file.find((*named, *(_LABELS if whole_file else ())))
    return file.array(found) if found else None


def _check_form(part: Part, array: FileArray) -> None:
    """Refuse what is no array of examples."""
    dtype, shape, path = array.header.dtype, array.header.shape, array.file.path
    if dtype.kind not in "biuf":
        hint = OBJECTS if dtype.hasobject else _TO_NUMBERS.get(dtype.kind, "")
        refuse(part, "an array of real numbers", f"{array.header.of} in {path}", hint)
    if len(shape) < 2 or 0 in shape:
        one_number = len(shape) == 1 and shape[0]
        refuse(
            part,
            "an array [N, *E] of N examples of shape E, none of these 0",
            f"{list(shape)} in {path}",
            "Examples of one number are an array [N, 1]: save array[:, None]." if one_number else "",
        )


def unused(chosen: dict[Part, Chosen]) -> Iterator[str]:
    """The arrays that were taken for nothing, one line for each file."""
    taken = [array for found in chosen.values() for array in found if array]
    for path, file in {array.file.path: array.file for array in taken}.items():
        used = {array.name for array in taken if array.file.path == path}
        if rest := [name for name in file.names if name not in used]:
            yield f"ignored: {listed(rest)} of {path}"


def _names(part: Part, kinds: tuple[str, ...]) -> tuple[str, ...]:
    """The usual names of a part's arrays of some kind, as x_train and train_x."""
    return tuple(
        name
        for synonym in _SYNONYMS[part]
        for kind in kinds
        for name in (f"{kind}_{synonym}", f"{synonym}_{kind}")
    )
