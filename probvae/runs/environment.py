"""What a run depends on besides its spec: versions, the machine, plugins, and its data."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import ClassVar

import numpy as np
from pydantic import ConfigDict

from probvae.core import STRICT, Array, Condition, Count, Data, Group, Positive, Split, Table

RECORDED = ("probvae", "tensorflow", "keras", "tensorflow-probability", "numpy")

WHOLE = 2**26
"""A split of at most this many values is hashed whole."""

SAMPLE = 1000
"""The number of examples, evenly spaced, that are hashed of a larger split."""


@dataclass(frozen=True)
class DataRecord:
    """What the data of a run was.

    Args:
        event_shape: E, the shape of one example.
        values: the values that it takes, in words.
        sizes: the numbers of training, validation and test examples.
        protocol: how it was binarised.
        source: where it comes from.
        fingerprint: a hash of the examples, labels and conditions; "" in runs of versions that did not record it.
        condition: what the columns of its condition are, if it has one.
        fitted: what was learnt from the training examples, as `DataInfo` has it.
        groups: what the elements of an example are, as `DataInfo` has it.
        divide_by: what stored values are divided by; None in runs of versions that did not record it.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    event_shape: tuple[Positive, ...]
    values: str
    sizes: tuple[Count, Count, Count]
    protocol: str
    source: str
    fingerprint: str = ""
    condition: Condition | None = None
    fitted: Table = field(default_factory=dict)
    groups: tuple[Group, ...] = ()
    divide_by: float | None = None

    @classmethod
    def of(cls, data: Data) -> DataRecord:
        """The record of a dataset."""
        info = data.info
        shape, values = tuple(info.event_shape), str(info.values)
        return cls(
            shape,
            values,
            info.sizes,
            info.protocol,
            info.source,
            fingerprint(data),
            info.condition,
            info.fitted,
            info.groups,
            data.train.divide_by,
        )

    def differences(self, other: DataRecord) -> list[str]:
        """How another dataset differs from this one, in words; a file with the same content may have moved."""
        then, now = asdict(self), asdict(other)
        hashed = bool(self.fingerprint and other.fingerprint)
        apart = {"fingerprint", "fitted", "groups", "divide_by", *(["source"] if hashed else [])}
        compared = [key for key in now if key not in apart]
        found = [f"{key} {now[key]!r} instead of {then[key]!r}" for key in compared if then[key] != now[key]]
        if hashed and not found and self.fingerprint != other.fingerprint:
            found.append("the shapes are equal, and the values or labels of some examples are not")
        return found


def fingerprint(data: Data) -> str:
    """The SHA-256 hash of all that the splits hold of each example; large splits are sampled, so that it is quick.

    The hash is of the values as float32: it does not depend on the type or the place of the stored numbers.
    """
    digest = hashlib.sha256()
    for name, split in {"train": data.train, "validation": data.validation, "test": data.test}.items():
        digest.update(f"{name} {list(split.stored.shape)} {split.divide_by} {split.labels is None}".encode())
        for rows in _hashed_rows(split):
            digest.update(np.ascontiguousarray(split.stored[rows], np.float32).tobytes())
            if split.labels is not None:
                digest.update(np.ascontiguousarray(split.labels[rows], np.int64).tobytes())
            for more in (split.condition, split.observed):
                if more is not None:
                    digest.update(np.ascontiguousarray(more[rows]).tobytes())
    return digest.hexdigest()


def _hashed_rows(split: Split) -> Iterator[slice | Array]:
    count = len(split)
    size = max(1, int(np.prod(split.stored.shape[1:])))
    if count * size <= WHOLE:
        step = max(1, 2**22 // size)
        yield from (slice(start, start + step) for start in range(0, count, step))
    else:
        rows = np.linspace(0, count - 1, SAMPLE).astype(np.int64)
        yield from np.array_split(np.unique(rows), 20)


@dataclass(frozen=True)
class Origin:
    """Where initial weights come from.

    Args:
        run: the unique identifier of the other run.
        checkpoint: the name of its checkpoint.
        variables: the names of the variables that were copied.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    run: str
    checkpoint: str
    variables: list[str]


@dataclass(frozen=True)
class Environment:
    """What a run depends on besides its spec, `environment.json`.

    Args:
        run: a unique identifier, which its checkpoints repeat.
        versions: of Python and of packages, by name.
        platform: the operating system and the machine.
        processors: the number of its processors, if known.
        plugins: the files that were loaded as plugins.
        choices: what the spec leaves open, as decided for this model; also whether XLA compiles it.
        init_from: where the initial weights come from, if from another run.
        data: what the data was.
        requires: the components of plugins that its spec names, each with the distribution and its version, or the
            file, that it comes from.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    run: str
    versions: dict[str, str]
    platform: str
    processors: Count | None
    plugins: list[str]
    choices: dict[str, str]
    init_from: Origin | None
    data: DataRecord
    requires: dict[str, str] = field(default_factory=dict)

    @property
    def made_with(self) -> str:
        """The plugins of the run, in words; empty if it has none."""
        files = [f"--plugin {file}" for file in self.plugins]
        packages = [f"{name} of {source}" for name, source in self.requires.items() if source not in self.plugins]
        return ", ".join([" ".join(files)] * bool(files) + packages)

    @classmethod
    def here(
        cls,
        run: str,
        plugins: list[str],
        choices: dict[str, str],
        init_from: Origin | None,
        data: DataRecord,
        requires: dict[str, str],
    ) -> Environment:
        """The environment of a run that is trained by this process."""
        machine = versions(), platform.platform(), os.cpu_count()
        return cls(run, *machine, plugins, choices, init_from, data, requires)


def versions() -> dict[str, str]:
    """The versions that a run's numbers depend on."""
    return {"python": platform.python_version()} | {name: version(name) for name in RECORDED}
