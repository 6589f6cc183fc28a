"""What metrics that learn a classifier expect of the data, and which rows have a label."""

from __future__ import annotations

import numpy as np

from probvae.core import Array, Data, Split
from probvae.errors import ConfigError


def check_labels(name: str, data: Data) -> None:
    """Check that a classifier can be learnt from the training examples and tested on others.

    Args:
        name: of the metric.
        data: the data.

    Raises:
        ConfigError: there are no such labels, or the test examples are the training examples.
    """
    if data.test is data.train:
        raise ConfigError(
            f"{name} metric: expected test examples besides the training examples, from which its classifier "
            "learns; got the training examples. Choose another split (--split test), or leave the metric out."
        )
    classes = np.unique(data.train.labels[labelled_rows(data.train)]) if data.train.labels is not None else ()
    if len(classes) < 2 or not len(labelled_rows(data.test)):
        found = f"{len(labelled_rows(data.test)):,} test examples with a label and {len(classes)} classes"
        raise ConfigError(
            f"{name} metric: expected test examples with a label, and training examples of two classes or more; "
            f"got {found} in the training examples. Use data with labels, or leave the metric out."
        )


def as_numbers(classes: Array, labels: Array) -> Array:
    """The place of each label [N] in the sorted classes [K]: 0 to K - 1, and K where it is none of them."""
    place = np.minimum(np.searchsorted(classes, labels), len(classes) - 1)
    return np.where(classes[place] == labels, place, len(classes))


def labelled_rows(split: Split) -> Array:
    """The numbers of the examples that have a label."""
    return np.arange(0) if split.labels is None else np.flatnonzero(split.labels != -1)
