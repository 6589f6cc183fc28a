"""Data that a program has already: arrays, tables, streams."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import tensorflow as tf

from probvae.core import Array, Data, DataInfo, Dataset, Split, Table, available_memory, readable
from probvae.data.datasets.fitted import check_unlearnt, fitted_of
from probvae.data.datasets.tables import tabulated
from probvae.data.feeding.splits import Share, UserData, scaling, split_off, values_of
from probvae.data.files.columns import Fitted, Roles
from probvae.data.files.labels import as_integers, described
from probvae.data.files.on_disk import plain
from probvae.data.files.parts import PARTS
from probvae.data.files.tables import checked, numbered
from probvae.errors import ConfigError, UserError

_KINDS = (
    "a numpy array [N, *E], a pair of it and labels [N], a pandas.DataFrame, a tf.data.Dataset, or a probvae "
    "dataset"
)


def as_dataset(source: object) -> Dataset:
    """What a program has, as a dataset.

    Args:
        source: a dataset or `Data`; an array [N, *E], or a pair of it and labels [N]; a pandas.DataFrame, which is
            used as the dataset `table` uses a file; or a finite tf.data.Dataset of examples or such pairs, batched
            or not, which is read once.
    """
    return source if isinstance(source, Dataset) else Given(source)


class Given(Dataset):
    """Data given in Python: `probvae.train(spec, data=...)`; see `probvae.data.as_dataset`.

    A spec that names it cannot be used without such data, as on the command line.

    Args:
        given_data: the data.
        share: the share of the examples that is split off for validation, and the same for test; 0 for none, as
            where a trained model uses them.
        conditions: the columns of a pandas.DataFrame that are the condition; see `TableFile`.
    """

    def __init__(self, given_data: Any = None, share: Share = 0.1, conditions: tuple[str, ...] = ()) -> None:
        if given_data is None:
            raise UserError(
                "data: expected the data of the run, which was given in Python; got none. Give it again, or other "
                "data: in Python data=..., on the command line --data FILE."
            )
        self.given_data = given_data
        if conditions and not _is_frame(given_data):
            raise ConfigError.of(
                "data.condition",
                "a pandas.DataFrame, whose columns have names, as condition is a list",
                type(given_data).__name__,
                "A dataset in Python takes the columns of its conditions itself.",
            )
        self.share = share
        self.conditions = conditions
        self._fitted: Table | None = None

    def info(self) -> DataInfo:
        """The description of the data.

        Raises:
            UserError: it cannot be used.
        """
        return self.given_data.info() if isinstance(self.given_data, Dataset) else self._data.info

    def load(self) -> Data:
        """The three splits.

        Raises:
            UserError: the data cannot be used.
        """
        return self.given_data.load() if isinstance(self.given_data, Dataset) else self._data

    def with_fitted(self, fitted: Table) -> Self:
        """The same data; a table is standardised by the means and scales of a run, if it has some."""
        if isinstance(self.given_data, Dataset):
            return type(self)(self.given_data.with_fitted(fitted), self.share)
        if isinstance(self.given_data, Data) and self.given_data.info.fitted == fitted:
            return self
        if not _is_frame(self.given_data):
            return super().with_fitted(fitted)
        if not fitted:
            check_unlearnt(condition=self.conditions)
        other = type(self)(self.given_data, self.share, self.conditions)
        other._fitted = fitted
        return other

    @cached_property
    def _data(self) -> Data:
        given = self.given_data
        if isinstance(given, Data):
            return given
        if _is_frame(given):
            name = "a pandas.DataFrame"
            frame, learnt = checked(given, "data", name), fitted_of(Fitted, self._fitted or {}, "a table")
            roles = Roles(conditions=self.conditions, standardise=self._fitted != {})
            data = tabulated({"train": frame}, {"train": name}, roles, self.share, learnt).load()
            return data if numbered(given) else _named(data, np.array([*map(str, given.index)]))
        if isinstance(given, tf.data.Dataset):
            return _of_arrays("a tf.data.Dataset", self.share, *_read(given))
        if isinstance(given, tuple) and len(given) == 2:
            return _of_arrays("arrays", self.share, *map(np.asarray, given))
        if isinstance(given, np.ndarray) or tf.is_tensor(given):
            return _of_arrays("an array", self.share, np.asarray(given))
        raise UserError(f"data: expected {_KINDS}; got {type(given).__name__}. Convert it: numpy.asarray(...).")


def _named(data: Data, ids: Array) -> Data:
    """The same data with ids for its rows [N]."""
    return replace(
        data,
        **{part: replace(split := getattr(data, part), ids=ids[split.numbers]) for part in PARTS},
    )


def _is_frame(source: object) -> bool:
    """Whether it is a pandas.DataFrame; pandas is not imported."""
    return type(source).__module__.split(".")[0] == "pandas" and hasattr(source, "columns")


def _of_arrays(name: str, share: float, x: Array, labels: Array | None = None) -> Data:
    if x.dtype.kind not in "biuf" or x.ndim < 2 or 0 in x.shape:
        raise UserError(
            "data: expected an array of real numbers [N, *E], N examples of shape E, none of these 0; got "
            f"{x.dtype} {list(x.shape)}."
        )
    if x.ndim == 3:
        x = x[..., np.newaxis]  # [H, W, 1], as convolutional networks need it
    notes = [f"train: {name}, {x.dtype} {list(x.shape)}"]
    integers: Array | None = None
    classes: tuple[str, ...] = ()
    if labels is not None:
        labels = _filled(labels)
        if labels.shape not in ((len(x),), (len(x), 1)) or labels.dtype.kind not in "biuSU":
            raise UserError(
                f"data: expected labels, integers or text, of shape [{len(x)}]; got {labels.dtype} "
                f"{list(labels.shape)}."
            )
        found, classes = as_integers({"train": labels.reshape(-1)})
        integers = found["train"]
        notes.append(f"labels: {described(integers, classes)}")
    split = Split(x.astype(plain(x.dtype), copy=False), integers)
    values = values_of({"train": split})
    splits, said = split_off({"train": split}, share, "data", "Give a probvae.Data with all three splits.")
    return UserData(splits, said, values, scaling(1.0), f"{name} in Python", tuple(notes), classes).load()


def _filled(labels: Array) -> Array:
    """Labels as integers or text, also where they are objects, as pandas and TensorFlow have text.

    Those that are missing (None, NaN or NA) become -1, or empty text.
    """
    values = labels.reshape(-1).tolist()
    missing = np.array([value is None or str(value) in ("nan", "<NA>") for value in values])
    missing &= [not isinstance(value, (str, bytes)) for value in values]
    known = np.array([value for value, gone in zip(values, missing, strict=True) if not gone])
    if not missing.any():
        return known.reshape(labels.shape)
    if known.dtype.kind == "b" or (known.dtype.kind == "f" and (known == np.round(known)).all()):
        known = known.astype(np.int64)
    filled = np.full(len(values), -1 if known.dtype.kind in "iuf" else "", dtype=known.dtype)
    filled[~missing] = known
    return filled.reshape(labels.shape)


def _read(stream: tf.data.Dataset) -> tuple[Array, Array | None]:
    """The examples of a stream, [N, *E], and their labels [N] if it has pairs.

    Raises:
        UserError: it is infinite, does not fit in memory, or has something else.
    """
    if int(stream.cardinality()) == tf.data.INFINITE_CARDINALITY:
        raise UserError(
            "data: expected a finite tf.data.Dataset; got one that repeats forever. Leave repeat() out."
        )
    elements = tf.nest.flatten(stream.element_spec)
    if len(elements) > 2 or not all(isinstance(element, tf.TensorSpec) for element in elements):
        raise UserError(
            "data: expected a tf.data.Dataset of examples, or of pairs of examples and labels; got elements "
            f"{stream.element_spec}. Choose them by map()."
        )
    if _is_batched(stream, *(element.shape for element in elements)):
        stream = stream.unbatch()
    parts: list[list[Array]] = [[] for _ in elements]
    available, taken = available_memory(), 0
    for element in stream.as_numpy_iterator():
        for part, array in zip(parts, tf.nest.flatten(element), strict=True):
            part.append(np.asarray(array))
            taken += array.nbytes if isinstance(array, np.ndarray) else 0
        if available is not None and 3 * taken > available:  # the list, the array of it, the trainer's copy
            raise UserError(
                f"data: expected a tf.data.Dataset that fits in the {readable(available)} of memory that are "
                f"available; got one of more than {readable(taken)}, of which three copies are needed. Write a "
                "dataset that is read as needed (docs/write_a_dataset.md)."
            )
    if not parts[0]:
        raise UserError("data: expected a tf.data.Dataset with examples; got an empty one.")
    shapes = {array.shape for array in parts[0]}
    if len(shapes) > 1:
        some = " and ".join(str(list(shape)) for shape in sorted(shapes)[:2])
        raise UserError(f"data: expected examples of one shape; got {some}. Make them alike by map().")
    return np.stack(parts[0]), np.stack(parts[1]) if len(parts) > 1 else None


def _is_batched(stream: tf.data.Dataset, x: tf.TensorShape, labels: tf.TensorShape | None = None) -> bool:
    """Whether a stream has batches, with elements of these shapes.

    Pairs are batched if there is more than one label. Examples without labels are batched if their first size is
    not known.

    Raises:
        UserError: elements of a fixed size may be batches or examples.
    """
    if labels is not None and labels.rank is not None:
        if labels.rank == 0 or labels != [1]:
            return labels.rank > 0 and x.rank != 1 and x[:1].is_compatible_with(labels[:1])
        if x.rank == 1 or not x[:1].is_fully_defined() or x[0] != 1:
            return False
        raise _ambiguous(stream, "labels of shape [1]")
    if x.rank is None or (x.rank and x[0] is None):
        return True
    if x.rank > 1 and _made_by_batch(stream, x[0]):
        raise _ambiguous(stream, f"batch({x[0]}, drop_remainder=True)")
    return False


def _made_by_batch(stream: tf.data.Dataset, size: int) -> bool:
    """Whether a stream, or one that it was made from, is of batches of this size. TensorFlow says it privately."""
    while "Unbatch" not in type(stream).__name__:
        if tf.get_static_value(getattr(stream, "_batch_size", None)) == size:
            return True
        before: list[tf.data.Dataset] = getattr(stream, "_inputs", list)()
        if len(before) != 1:
            return False
        (stream,) = before
    return False


def _ambiguous(stream: tf.data.Dataset, got: str) -> UserError:
    element = tf.nest.flatten(stream.element_spec)[0]
    return UserError(
        f"data: expected a tf.data.Dataset whose elements {element.dtype.name} {element.shape.as_list()} are "
        f"either batches of examples or examples themselves; got {got}, which leaves this open. Add unbatch() if "
        "they are batches, or batch(64) if they are examples."
    )
