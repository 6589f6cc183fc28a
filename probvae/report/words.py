"""What a spec says, in words: the parts of the model, and the commands that work with its run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from probvae.registry import KINDS, ComponentSpec
from probvae.report.numbers import value_in_words

Components: TypeAlias = Mapping[tuple[str, str], ComponentSpec]
"""Components by (kind, name), as a registry has them."""

GIVEN = "given"
"""The dataset of data given in Python, which commands do not have."""

_ROLES = {
    "encoder posterior": "posterior q(z|x)",
    "decoder likelihood": "likelihood p(x|z)",
    "prior": "prior p(z)",
    "classifier": "classifier q(y|x)",
}
_SHAPES = re.compile(r",? batch \[[^\]]*\] and event \[[^\]]*\]")


@dataclass(frozen=True)
class Part:
    """A component of the model.

    Args:
        role: what it is for, as "prior p(z)".
        name: as a spec has it.
        summary: what it is, from its class; empty if that is not installed.
        parameters: name -> value.
    """

    role: str
    name: str
    summary: str
    parameters: dict[str, str]


def table_of(spec: Mapping[str, object], name: str) -> Mapping[str, object]:
    """A table of a spec; an empty one where it is missing or something else."""
    table = spec.get(name)
    return table if isinstance(table, Mapping) else {}


def parts(spec: Mapping[str, object], registry: Components) -> list[Part]:
    """The components of a spec, from the encoder to the data."""
    tables = {**table_of(spec, "model"), "objective": spec.get("objective"), "data": spec.get("data")}
    return [part for name, table in tables.items() for part in _parts((name,), table, registry)]


def _parts(path: tuple[str, ...], table: object, registry: Components) -> Iterator[Part]:
    if not isinstance(table, Mapping) or not isinstance(table.get("use"), str):
        return
    name, inner, parameters = table["use"], {}, {}
    for key, value in table.items():
        if isinstance(value, Mapping) and "use" in value:
            inner[key] = value
        elif key != "use" and value not in ("", [], None):
            parameters[key.replace("_", " ")] = value_in_words(value)
    if parameters or not inner:  # otherwise it only joins the parts within it
        role = " ".join(path)
        yield Part(_ROLES.get(role, role), name, _summary(path, name, registry), parameters)
    for key, value in inner.items():
        yield from _parts((*path, key), value, registry)


def _summary(path: tuple[str, ...], name: str, registry: Components) -> str:
    """The first line of a component's docstring, without its shapes; empty if it is not known."""
    kind = "dataset" if path == ("data",) else path[-1]
    kinds = [kind] if kind in KINDS else [known for known, other in registry if other == name]
    if len(kinds) != 1 or (kinds[0], name) not in registry:
        return ""
    return _SHAPES.sub("", registry[kinds[0], name].summary()).replace("....", "...")


def introduction(spec: Mapping[str, object], data: Mapping[str, object]) -> str:
    """The model and its data in a sentence.

    Args:
        spec: the filled spec.
        data: what the data was: `event_shape`, `values`, `sizes`, and others, of which some may be missing.
    """
    latents, dataset = table_of(spec, "model").get("latent_dim"), table_of(spec, "data").get("use")
    shape, sizes, values = _list(data, "event_shape"), _list(data, "sizes"), data.get("values")
    text = "A variational autoencoder"
    if latents:
        text += f" with {latents} latent{'s' * (latents != 1)}"
    if shape:
        text += f" for examples of shape {_times(shape)}"
        text += f" ({values})" if values else ""
    if sizes:
        text += f", trained on {value_in_words(sizes[0])} examples"
        text += f" of {dataset}" if dataset else ""
    return f"{text}."


def data_in_words(data: Mapping[str, object]) -> dict[str, str]:
    """What the data was: name in words -> value; `data` is as in `introduction`."""
    sizes = zip(_list(data, "sizes"), ("training", "validation", "test"), strict=False)
    found = {
        "shape of an example": _times(_list(data, "event_shape")),
        "values": data.get("values"),
        "examples": ", ".join(f"{size:,} {name}" for size, name in sizes),
        **{name: data.get(name) for name in ("condition", "protocol", "source")},
    }
    return {name: str(value) for name, value in found.items() if value}


@dataclass(frozen=True)
class Command:
    """A command, and what it is for."""

    purpose: str
    line: str


def commands(
    folder: str,
    spec: Mapping[str, object],
    plugins: Sequence[str],
    finished: bool,
    stopped_early: bool = False,
    columns: Sequence[str] = (),
) -> list[Command]:
    """The commands that continue with a run; of data given in Python, those that need none.

    Args:
        folder: of the run.
        spec: the filled spec.
        plugins: the files that were loaded as plugins.
        finished: whether the training is.
        stopped_early: whether it was by `patience`.
        columns: those of a condition that is no class, of which a sample needs values.
    """
    train, data = table_of(spec, "train"), table_of(spec, "data")
    run, again, epochs = shlex.quote(folder), shlex.quote(f"{folder}-again"), train.get("epochs")
    found = [] if finished else [("resume the training", f"train {run} --resume")]
    if finished and train.get("schedule") == "constant" and isinstance(epochs, int):
        patience = " --set train.patience=0" * stopped_early
        found.append(("train longer", f"train {run} --resume --set train.epochs={2 * epochs}{patience}"))
    found += [
        ("estimate log p(x) as published tables do", f"evaluate {run} --samples 5000"),
        ("fit another prior, and see the nats gained", f"refit {run} --prior realnvp"),
        ("encode the test examples", f"encode {run} --out latents.csv"),
        ("repeat the training from its spec", f"train {run}/spec.toml --out {again}"),
    ]
    if data.get("use") == GIVEN:
        found = []
    condition = f" --condition {shlex.quote(','.join(f'{name}=VALUE' for name in columns))}" if columns else ""
    found.append(("draw samples as arrays", f"sample {run} --count 1000{condition} --out samples.npz"))
    files = "".join(f" --plugin {shlex.quote(file)}" for file in plugins)
    return [
        *(Command(purpose, f"probvae {line}{files}") for purpose, line in found),
        Command("compare it with another run", f"probvae compare {run} OTHER --html comparison.html"),
        Command("make this report anew", f"probvae report {run}"),
    ]


def _times(shape: Sequence[object]) -> str:
    return " \N{MULTIPLICATION SIGN} ".join(map(str, shape))


def _list(table: Mapping[str, object], name: str) -> Sequence[object]:
    value = table.get(name)
    return value if isinstance(value, (list, tuple)) else ()
