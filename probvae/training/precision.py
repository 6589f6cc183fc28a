"""The precision of the layers of networks, where a spec leaves it to the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

import tensorflow as tf

Precision: TypeAlias = Literal["float32", "mixed_bfloat16"]

PROCESSOR = Path("/proc/cpuinfo")
MULTIPLIES_BFLOAT16 = {"amx_bf16", "avx512_bf16"}


def faster_precision(convolutions: bool) -> tuple[Precision, str]:
    """The precision in which networks train faster on this machine, and why, in a phrase.

    That is bfloat16 for convolutions on processors that multiply it. Models without convolutions are compiled by
    XLA, which is slower in bfloat16 (`benchmarks/training.md`). Nothing has been measured on GPUs.

    Args:
        convolutions: whether a network of the model has convolutions.
    """
    if tf.config.list_physical_devices("GPU"):
        return "float32", "bfloat16 has not been measured on GPUs"
    if not convolutions:
        return "float32", "bfloat16 is slower without convolutions"
    found = sorted(MULTIPLIES_BFLOAT16 & _features())
    if not found:
        return "float32", "this processor is not known to multiply bfloat16"
    return "mixed_bfloat16", f"there are convolutions, and the processor has {' and '.join(found)}"


def _features() -> set[str]:
    """What Linux lists as the features of the processor; on other systems nothing is known."""
    if not PROCESSOR.is_file():
        return set()
    lines = PROCESSOR.read_text(encoding="utf-8").splitlines()
    return next((set(line.partition(":")[2].split()) for line in lines if line.startswith("flags")), set())
