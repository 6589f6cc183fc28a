"""Run folders that are wrong in ways that folders are: that of a small training, and what may happen to it.

Each case is a function of its number alone. Damage knows the files: JSON of another structure under a hash that is
right, weights that are not finite or of other shapes, headers that claim what is not there, and bytes anywhere.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from probvae.registry import Registry
from probvae.runs.callbacks import MetricsLog
from probvae.runs.environment import DataRecord
from probvae.runs.folder import Run, open_run
from probvae.runs.loading import Built, load_run, prepare
from probvae.training import Trainer

from .specs import ODD

Rng = np.random.Generator
JSON_FILES = ("environment.json", "metrics.jsonl", "state.json", "manifest.json")


def first_run(folder: Path) -> Run:
    """Train a small model for two epochs, and leave its folder."""
    rng = np.random.default_rng(0)
    np.savez(folder / "data.npz", train=rng.normal(size=(20, 3)), test=rng.normal(size=(4, 3)))
    spec = {
        "schema": 1,
        "model": {
            "latent_dim": 1,
            "encoder": {"network": {"use": "dense", "hidden": [3]}},
            "decoder": {"network": {"use": "dense", "hidden": [3]}, "likelihood": {"use": "normal"}},
            "prior": {"use": "mixture", "components": 2},
        },
        "data": {"use": "arrays", "train": str(folder / "data.npz")},
        "train": {"epochs": 2, "batch_size": 8, "jit": False},
    }
    built = prepare(spec, registry=Registry())
    run = open_run(built.plan.filled(), "run", folder / "run", resume=False)
    run.create(DataRecord.of(built.data.loaded), (), built.choices)
    _trainer(run, built).train()
    return run


def use(folder: Path, resume: bool) -> None:
    """Load a run and draw from it, look at its metrics, and take its training up again."""
    run, built, _ = load_run(folder, registry=Registry())
    built.vae.sample(1, 0)
    run.metrics()
    if resume:
        built = prepare(folder, registry=Registry())
        run = open_run(built.plan.filled(), "run", folder, resume=True)
        run.create(DataRecord.of(built.data.loaded), (), built.choices)
        _trainer(run, built).resume()


def _trainer(run: Run, built: Built) -> Trainer:
    settings, log = built.plan.train, MetricsLog(run)
    return Trainer(built.vae, built.objective, built.data.loaded, settings, run.checkpoints, [log], run.identity)


def damaged(number: int, run: Path, folder: Path) -> str:
    """Copy a run and damage the copy; every tenth stays as it is. Returns what was done."""
    shutil.copytree(run, folder)
    rng = np.random.default_rng(number)
    names = []
    for _ in range(0 if number % 10 == 0 else rng.integers(1, 3)):
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        file = _pick(rng, files)
        damage = _pick(rng, [*ANY, *(JSON if file.name in JSON_FILES else WEIGHTS if _is_weights(file) else TEXT)])
        before = file.read_bytes()
        damage(rng, file)
        hashed = file.is_file() and file.name != "manifest.json" and rng.random() < 0.8
        if hashed and file.read_bytes() != before and (file.parent / "manifest.json").is_file():
            _hash_again(file)
        names.append(f"{damage.__name__.strip('_')} {file.relative_to(folder)}")
    return f"{number} {' + '.join(names) or 'undamaged'}"


def _pick(rng: Rng, choices: Any) -> Any:
    return choices[rng.integers(len(choices))]


def _is_weights(file: Path) -> bool:
    return file.suffix == ".safetensors"


def _hash_again(file: Path) -> None:
    """Make the manifest right again, if it is still a manifest."""
    manifest, content = file.parent / "manifest.json", file.read_bytes()
    try:
        found = json.loads(manifest.read_text())
        found["files"][file.name] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    except (ValueError, TypeError, LookupError, RecursionError):
        return
    manifest.write_text(json.dumps(found))


# Any file


def _deleted(rng: Rng, file: Path) -> None:
    file.unlink()


def _emptied(rng: Rng, file: Path) -> None:
    file.write_bytes(b"")


def _a_folder(rng: Rng, file: Path) -> None:
    file.unlink()
    file.mkdir()


def _cut(rng: Rng, file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: rng.integers(len(content) + 1)])


def _flipped(rng: Rng, file: Path) -> None:
    content = bytearray(file.read_bytes() or b" ")
    for _ in range(rng.integers(1, 4)):
        content[rng.integers(len(content))] ^= 1 << rng.integers(8)
    file.write_bytes(content)


def _swapped(rng: Rng, file: Path) -> None:
    """The content of another file."""
    others = sorted(path for path in file.parent.rglob("*") if path.is_file())
    file.write_bytes(_pick(rng, others).read_bytes())


ANY: list[Callable[[Rng, Path], None]] = [_deleted, _emptied, _a_folder, _cut, _flipped, _swapped]


# JSON, and lines of it


def _odd_value(rng: Rng, file: Path) -> None:
    """Another value, or none, somewhere in the structure."""
    try:
        lines = [json.loads(line) for line in _documents(file)]
    except (ValueError, RecursionError):
        return _flipped(rng, file)
    line = int(rng.integers(len(lines)))
    places = [(lines, line), *_places(lines[line])]
    parent, key = _pick(rng, places)
    if isinstance(parent, dict) and rng.random() < 0.3:
        parent.pop(key)
    else:
        parent[key] = _pick(rng, ODD)
    file.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8", errors="surrogatepass")
    return None


def _documents(file: Path) -> list[str]:
    text = file.read_text(errors="replace")
    return text.splitlines() if file.suffix == ".jsonl" else [text]


def _places(value: Any) -> list[tuple[Any, Any]]:
    found = []
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        found += [(value, key), *_places(value[key])]
    return found


def _deep(rng: Rng, file: Path) -> None:
    file.write_text("[" * int(10 ** rng.uniform(1, 6)))


def _another_number(rng: Rng, file: Path) -> None:
    """Another digit, as of a step."""
    content = bytearray(file.read_bytes())
    digits = [place for place, byte in enumerate(content) if chr(byte).isdigit()]
    for place in rng.choice(digits, 1) if digits else ():
        content[place] = ord(str(rng.integers(10)))
    file.write_bytes(content)


JSON: list[Callable[[Rng, Path], None]] = [_odd_value, _odd_value, _odd_value, _odd_value, _deep, _another_number]
TEXT: list[Callable[[Rng, Path], None]] = [_another_number, _another_number]


# Weights


def _arrays(rng: Rng, file: Path, change: Callable[[dict[str, Any], str], None]) -> None:
    try:
        arrays = load(file.read_bytes())
    except Exception:  # it is damaged already
        return
    if arrays:
        change(arrays, _pick(rng, sorted(arrays)))
        file.write_bytes(save(arrays))


def _not_finite(rng: Rng, file: Path) -> None:
    def change(arrays: dict[str, Any], name: str) -> None:
        arrays[name] = np.full_like(arrays[name], _pick(rng, [np.nan, np.inf, -np.inf, 3e38]), dtype=np.float32)

    _arrays(rng, file, change)


def _reshaped(rng: Rng, file: Path) -> None:
    def change(arrays: dict[str, Any], name: str) -> None:
        arrays[name] = np.zeros(
            _pick(rng, [(), (1,), (0,), (3, 3, 3)]), _pick(rng, ["float32", "float64", "int8"])
        )

    _arrays(rng, file, change)


def _renamed(rng: Rng, file: Path) -> None:
    def change(arrays: dict[str, Any], name: str) -> None:
        arrays[_pick(rng, ["", "a", f"{name}x", "../../a"])] = arrays.pop(name)

    _arrays(rng, file, change)


def _header(rng: Rng, file: Path) -> None:
    """A header that claims what is not there."""
    header = json.dumps({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}).encode()
    size = int(_pick(rng, [len(header), 2**40, 2**63, 0]))
    file.write_bytes(size.to_bytes(8, "little") + header)


WEIGHTS: list[Callable[[Rng, Path], None]] = [_not_finite, _not_finite, _reshaped, _renamed, _header]
