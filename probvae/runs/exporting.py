"""The model of a run as files that need no probvae, with what their user has to know."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Literal, TypeAlias

from probvae import exporting
from probvae.core import VAE, Condition, Table
from probvae.errors import UserError, explained_errors
from probvae.exporting import Difference, Signature
from probvae.registry import Registry
from probvae.runs.environment import DataRecord, versions
from probvae.runs.folder import write
from probvae.runs.listing import folder_size
from probvae.runs.loading import load_run
from probvae.runs.results import making

Format: TypeAlias = Literal["saved_model", "onnx"]

FORMATS: dict[Format, ModuleType] = {"saved_model": exporting.saved_model, "onnx": exporting.onnx_files}

RECORD = "export.json"
"""The file beside those of the model that says what they are."""


@dataclass(frozen=True)
class Export:
    """An exported model.

    Args:
        folder: with its files.
        record: what they are, as in its export.json.
    """

    folder: Path
    record: Table

    def __str__(self) -> str:
        lines = [f"{self.folder}: {self.record['format']}, {self.record['bytes'] / 1e6:.1f} MB"]
        for signature in self.record["signatures"].values():
            lines.append(f"  {signature['call']}")
            for name, output in signature["outputs"].items():
                difference, value = output["largest_difference"], output["largest_value"]
                lines.append(
                    f"    {name}: largest difference to the model {difference:.1e}, of values up to {value:.3g}"
                )
        lines += [f"  without {name}: {reason}." for name, reason in self.record["left_out"].items()]
        return "\n".join(lines)


def export(
    run: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    format: Format = "saved_model",
    plugins: Sequence[str | Path] = (),
    registry: Registry | None = None,
) -> Export:
    """Export the model of a run, with the weights of its best epoch, to files that need no probvae.

    The networks compute in float32, also those of a run that was trained in bfloat16. All signatures take any
    number of examples. After writing, the files are loaded in their own runtime and compared with the model.

    Args:
        run: the run, or its folder.
        out: a new folder; None for export/FORMAT in the run's.
        format: "saved_model" for TensorFlow, "onnx" for ONNX Runtime and others.
        plugins: files to load as plugins first.
        registry: where names are looked up; None for the default one.

    Returns:
        The folder, and what its export.json says.

    Raises:
        UserError: the folder holds no run, `out` exists or cannot be written, a package of the extra `export` is
            not installed, or no signature can be exported.
        WorkError: the files compute something else than the model.
    """
    if format not in FORMATS:
        raise UserError(f"format: expected {' or '.join(FORMATS)}; got {format!r}.")
    kind = FORMATS[format]
    loaded, built, checkpoint = load_run(run, ["train.precision=float32"], plugins, registry)
    environment, vae = loaded.environment, built.vae
    folder = Path(out) if out is not None else loaded.folder / "export" / format
    with making(folder, "choose another: --out") as place:
        with explained_errors():
            described = _written(kind, vae, place, environment.data)
        record = {
            "format": format,
            "run": environment.run,
            "checkpoint": checkpoint.folder.name,
            "precision": "float32",
            "versions": versions() | {name: version(name) for name in kind.PACKAGES},
            "trained_with": environment.versions,
            **described,
            "data": _data_described(environment.data),
            "bytes": folder_size(place),
        }
        write(place / RECORD, json.dumps(record, indent=2) + "\n")
    return Export(folder, record)


def _written(kind: ModuleType, vae: VAE, place: Path, data: DataRecord) -> Table:
    """Write the files of a model, load them again and compare: the signatures, and those that are left out.

    Raises:
        UserError: no signature can be exported.
        WorkError: one computes something else than the model.
    """
    signatures = {signature.name: signature for signature in exporting.signatures(vae)}
    left_out = kind.write(vae, signatures, place)
    functions = kind.load(place)
    if not functions:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise UserError(f"Expected a model of which something can be exported; got none. {reasons}.")
    largest = exporting.differences(vae, signatures, functions, data.condition)
    described = {name: _described(each, largest[name]) for name, each in signatures.items() if name in functions}
    return {"signatures": described, "left_out": left_out}


def _described(signature: Signature, differences: Mapping[str, Difference]) -> Table:
    outputs = {name: value.record() | differences[name]._asdict() for name, value in signature.outputs.items()}
    inputs = {name: value.record() for name, value in signature.inputs.items()}
    return {"call": str(signature), "is": signature.meaning, "inputs": inputs, "outputs": outputs}


def _data_described(data: DataRecord) -> Table:
    """What the caller of a signature has to know of the data: how x and the condition are made."""
    x = [f"x: float32 {['B', *data.event_shape]}, {data.values}; nothing checks it.".replace("'", "")]
    if data.divide_by not in (None, 1.0):
        x.append(f"Stored values are divided by {data.divide_by:g}.")
    x.append(f"Protocol: {data.protocol}.")
    if data.fitted:
        x.append(
            "`fitted` was learnt from the training examples, and is applied to all others: (value - mean) / scale."
        )
    if data.condition:
        x.append(_condition_described(data.condition))
    return {
        "preparation": x,
        "divide_by": data.divide_by,
        "fitted": data.fitted,
        "condition": None if data.condition is None else asdict(data.condition),
        "source": data.source,
    }


def _condition_described(condition: Condition) -> str:
    if condition.one_hot:
        return "condition: the one-hot vector of the class, in the order of `names`."
    return (
        "condition: the columns of `names`; of those in `table`, a number is (value - mean) / scale, of its "
        "logarithm where `log` is true, and a category the one-hot vector in the order of `categories`."
    )
