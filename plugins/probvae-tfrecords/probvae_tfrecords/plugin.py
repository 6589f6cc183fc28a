"""What this package gives to probvae. Every command imports this file, so it imports no TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator

from probvae import ComponentSpec, hookimpl


@hookimpl
def probvae_components() -> Iterator[ComponentSpec]:
    """The dataset, in a spec `tfrecords.examples`."""
    yield ComponentSpec("dataset", "examples", "probvae_tfrecords.dataset:TFRecords")
