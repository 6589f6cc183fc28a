"""Specs that are wrong in ways that specs are: a valid one of any components, and what may happen to it.

Each case is a function of its number alone. Damage knows tables, keys and types, the texts of TOML and JSON, and
the options that override a spec.
"""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from probvae.core import Signature
from probvae.registry import Registry
from probvae.runs import check
from probvae.specs import plan, read

Rng = np.random.Generator
SLOTS = {
    "encoder": ("model", "encoder"),
    "decoder": ("model", "decoder"),
    "prior": ("model", "prior"),
    "objective": ("objective",),
}
ODD: list[Any] = [
    None, True, 0, 1, -1, 3, 2**31, 2**32, 10**9, 10**12, 2**63 - 1, -(2**63), 2**63, 10**30,
    0.0, -1.0, 0.5, 1e-300, 1e300, float("inf"), float("nan"), "", "dense", "mixture", "auto", "é\n", "\x1b[31m",
    "\ud800", "a" * 10_000, "../../etc/passwd", "os:system", [], [1], [10**9], [[1]], ["a", 1], [None], [0.5, 1e9],
    {}, {"use": "dense"}, {"use": None}, {"use": "bernoulli"}, {"": 1}, {"use": {"use": "maf"}}, [{"use": "maf"}],
]  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A spec as it is given, and the options that go before it.

    Args:
        name: its number and damage.
        file: the name of the file.
        content: of the file.
        options: as after `--set`.
        built: whether the model is built too, not only planned.
    """

    name: str
    file: str
    content: bytes
    options: list[str]
    built: bool

    def use(self, folder: Path) -> None:
        """Write the file; fill the spec as `probvae fill` does, or check it as `probvae check` does."""
        path = folder / self.file
        path.write_bytes(self.content)
        if self.built:
            check(path, self.options, registry=registry())
        tomli_w.dumps(plan(read(path).override(self.options), registry()).filled()).encode()


def case(number: int, built: bool = False) -> Case:
    """One of the cases; every tenth is left undamaged, and those that are built have a large number at most."""
    rng = np.random.default_rng(number)
    spec = _valid(rng)
    if built:
        if number % 10:
            _large(rng, spec)
        return Case(f"{number} large", "spec.json", json.dumps(spec).encode(), [], built)
    names = []
    for _ in range(0 if number % 10 == 0 else rng.integers(1, 4)):
        damage = _pick(rng, TREES)
        names.append(damage.__name__.strip("_"))
        damage(rng, spec)
    options = []
    if rng.random() < 0.25:
        names.append("option")
        options = [_option(rng, spec)]
    file, text = _written(rng, spec)
    content = text.encode(errors="surrogatepass")
    if number % 10 and rng.random() < 0.4:
        damage_text = _pick(rng, TEXTS)
        names.append(damage_text.__name__.strip("_"))
        content = damage_text(rng, content)
    return Case(f"{number} {' + '.join(names) or 'undamaged'}", file, content, options, built)


@cache
def registry() -> Registry:
    """What is built in."""
    return Registry()


@cache
def _signature(kind: str, name: str) -> Signature:
    return Signature.of(registry()[kind, name].load())


def _pick(rng: Rng, choices: Any) -> Any:
    return choices[rng.integers(len(choices))]


def _valid(rng: Rng) -> dict[str, Any]:
    spec: dict[str, Any] = {"schema": 1, "model": {"latent_dim": int(rng.integers(1, 5))}}
    for kind, path in SLOTS.items():
        table = spec
        for key in path[:-1]:
            table = table[key]
        table[path[-1]] = _component(rng, kind)
    spec["data"] = {"use": "fashion_mini"}
    if rng.random() < 0.5:
        spec["train"] = {"epochs": int(rng.integers(1, 9)), "seed": int(rng.integers(99))}
    return spec


def _component(rng: Rng, kind: str) -> dict[str, Any]:
    """A component with some of its parameters written out."""
    name = _pick(rng, registry().names(kind))
    signature = _signature(kind, name)
    table: dict[str, Any] = {"use": name}
    for key, parameter in signature.components.items():
        if parameter.required or rng.random() < 0.5:
            table[key] = _component(rng, str(parameter.kind))
    for key, parameter in signature.plain.items():
        if not parameter.required and parameter.default is not None and rng.random() < 0.3:
            table[key] = json.loads(json.dumps(parameter.default))
    return table


# Damage to tables


def _tables(value: Any) -> list[dict[str, Any]]:
    """Every table in a spec that is not empty."""
    found = [value] if isinstance(value, dict) and value else []
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        found += _tables(part)
    return found


def _place(rng: Rng, spec: dict[str, Any]) -> tuple[dict[str, Any], str]:
    table = _pick(rng, _tables(spec) or [{"": 0}])
    return table, _pick(rng, list(table))


def _odd(rng: Rng, spec: dict[str, Any]) -> None:
    table, key = _place(rng, spec)
    table[key] = copy.deepcopy(_pick(rng, ODD))


def _odd_parameter(rng: Rng, spec: dict[str, Any]) -> None:
    """An odd value of a parameter that the component has."""
    tables = [table for table in _tables(spec) if isinstance(table.get("use"), str)]
    table = _pick(rng, tables or [{}])
    named = [(kind, name) for kind, name in registry() if name == table.get("use")]
    keys = [key for kind, name in named for key in _signature(kind, name).settable]
    if keys:
        table[_pick(rng, keys)] = copy.deepcopy(_pick(rng, ODD))


def _odd_setting(rng: Rng, spec: dict[str, Any]) -> None:
    table = spec.setdefault(_pick(rng, ["train", "evaluate", "versions", "objective"]), {})
    keys = ["epochs", "batch_size", "learning_rate", "samples", "seed", "init_from", "precision", "keep", "keras"]
    if isinstance(table, dict):
        table[_pick(rng, keys)] = copy.deepcopy(_pick(rng, ODD))


def _without(rng: Rng, spec: dict[str, Any]) -> None:
    table, key = _place(rng, spec)
    table.pop(key)


def _renamed(rng: Rng, spec: dict[str, Any]) -> None:
    table, key = _place(rng, spec)
    table[_pick(rng, [f"{key}s", key.upper(), "", "use", "latent_dim", "a.b", "\x1b[31m", "é", "parameter x"])] = (
        table.pop(key)
    )


def _moved(rng: Rng, spec: dict[str, Any]) -> None:
    table, key = _place(rng, spec)
    value = table.pop(key)
    other, name = _place(rng, spec)
    other[_pick(rng, [key, name])] = copy.deepcopy(value)


def _nested(rng: Rng, spec: dict[str, Any]) -> None:
    table, key = _place(rng, spec)
    for _ in range(rng.integers(1, 60)):
        table[key] = _pick(rng, [lambda inner: [inner], lambda inner: {"use": inner}])(table[key])


def _crowded(rng: Rng, spec: dict[str, Any]) -> None:
    table, _ = _place(rng, spec)
    table |= {f"key{number}": number for number in range(rng.integers(1, 500))}


def _large(rng: Rng, spec: dict[str, Any]) -> None:
    """A small number, or one that nobody means, where one is expected."""
    tables = [spec["model"], *(table for table in _tables(spec) if "use" in table)]
    table = _pick(rng, tables)
    named = [(kind, name) for kind, name in registry() if name == table.get("use")]
    plain = {key: part for kind, name in named for key, part in _signature(kind, name).plain.items()}
    numbers = [key for key, part in plain.items() if "integer" in part.expected]
    size = int(10 ** rng.uniform(*_pick(rng, [(0, 1.5), (7, 13)])))
    key = _pick(rng, numbers or ["latent_dim"])
    (table if numbers else spec["model"])[key] = [size] if numbers and "list" in plain[key].expected else size


TREES: list[Callable[[Rng, dict[str, Any]], None]] = [
    _odd, _odd_parameter, _odd_parameter, _odd_setting, _without, _renamed, _moved, _nested, _crowded
]  # fmt: skip


def _option(rng: Rng, spec: dict[str, Any]) -> str:
    paths = [
        "model.prior.use",
        "model.prior",
        "model.latent_dim",
        "train.batch_size",
        "objective.samples",
        "a",
        "data",
    ]
    values = [
        *("maf", "", "=", "[[", '"', "1" * 5000, "[" * 500, "{ use = 'maf' }", "1\nb = 2", "\ud800"),
        *ODD[:14],
    ]
    return f"{_pick(rng, paths)}={_pick(rng, values)}"


# Texts


def _written(rng: Rng, spec: dict[str, Any]) -> tuple[str, str]:
    """As TOML, where TOML can hold it, or as JSON."""
    if rng.random() < 0.6:
        try:
            return "spec.toml", tomli_w.dumps(spec)
        except (TypeError, ValueError, RecursionError):
            pass
    return "spec.json", json.dumps(spec)


def _flipped(rng: Rng, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        changed[rng.integers(len(changed))] ^= 1 << rng.integers(8)
    return bytes(changed)


def _cut(rng: Rng, content: bytes) -> bytes:
    return content[: rng.integers(len(content))]


def _inserted(rng: Rng, content: bytes) -> bytes:
    odd = [
        b"\0", b"\r", b"\xff\xfe", b'"""', b"'", b"#", b"]", b"\\", b"\xe2\x80\xa8", b"[" * 20_000, b"{" * 500,
        b"9" * 5000, b"\n[a" + b".a" * 3000 + b"]\n", b"\n[[a]]\n" * 300, b"\na.b.c = 1\n" * 9, b"x" * 50_000,
        b'"a":' * 9, b"0x" + b"f" * 5000, b"1e999", b"1979-05-27", b"\na = [\n" + b"1,\n" * 5000 + b"]\n",
        b" " * 2**20,
    ]  # fmt: skip
    at = rng.integers(len(content) + 1)
    return content[:at] + _pick(rng, odd) + content[at:]


def _doubled(rng: Rng, content: bytes) -> bytes:
    return content + content


def _encoded(rng: Rng, content: bytes) -> bytes:
    return content.decode(errors="replace").encode(_pick(rng, ["utf-16", "utf-32", "utf-8-sig", "utf-7"]))


TEXTS: list[Callable[[Rng, bytes], bytes]] = [_flipped, _flipped, _cut, _inserted, _inserted, _doubled, _encoded]
