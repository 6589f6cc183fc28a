"""Runs on the Hugging Face Hub: what another person needs of one is pushed, and pulled again.

Nothing that is pulled is executed: weights are safetensors, all else is TOML, JSON, Markdown and PNG.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from probvae import __version__
from probvae import registry as registries
from probvae.errors import TemporaryError, UserError, from_extra
from probvae.registry import Registry
from probvae.runs.folder import Run, find_run, write
from probvae.runs.reporting import facts_of
from probvae.runs.results import making
from probvae.specs import read
from probvae.training import Checkpoint, best_checkpoint, newest_checkpoint, weights_only

CARD = "README.md"
_FILES = ("spec.toml", "environment.json", "metrics.jsonl", "evaluation.json")
_PULLED = re.compile(
    rf"{'|'.join(map(re.escape, (CARD, *_FILES)))}|figures/\w+\.png|"
    r"checkpoints/step-\d+/(weights\.safetensors|optimizer\.safetensors|state\.json|manifest\.json)"
)
"""The files of a repository that belong to a run."""


class Pushed(NamedTuple):
    """What was pushed.

    Args:
        address: of the repository.
        files: their paths in it.
        own_card: whether the card was edited before, and was pushed as it is.
        paths: the settings of the spec that are paths of this machine, which others see.
        plugins: the files that the run needs as plugins, which are not pushed.
    """

    address: str
    files: list[str]
    own_card: bool
    paths: list[str]
    plugins: list[str]


def push(
    run: str | os.PathLike[str],
    repository: str,
    public: bool = False,
    resumable: bool = False,
    registry: Registry | None = None,
) -> Pushed:
    """Push a run to a repository of models on the Hugging Face Hub, which is made if there is none.

    It gets the spec, the record of the environment, the curves, the numbers, the figures, the weights of the best
    epoch, and a model card: README.md in the run's folder, which is written anew unless somebody has edited it. It
    does not get the estimates of each example, nor the state of the optimizer unless the run is to be resumed.

    Args:
        run: the run, or its folder.
        repository: its name, as `user/name`.
        public: whether a new repository is public.
        resumable: whether to push the newest checkpoint and the optimizer's state too.
        registry: where the components are described; None for the default one.

    Raises:
        UserError: the folder holds no run, or cannot be written to; the name is wrong; there is no token, or it
            may not write there; or the extra `hub` is not installed.
        CheckpointError: no checkpoint is valid.
        TemporaryError: the hub cannot be reached.
    """
    from probvae.report.card import is_edited, render_card

    hub, api = _hub()
    repository = _checked_name(repository)
    folder = find_run(run)
    found = Run(folder, read(folder).tables)
    environment = found.environment
    if hub.get_token() is None:
        raise UserError(
            "push: expected a token of the Hugging Face Hub; got none. Log in with `hf auth login`, or set "
            "HF_TOKEN."
        )
    best, _ = best_checkpoint(found.checkpoints, found.identity)
    card = folder / CARD
    try:
        own_card = card.is_file() and is_edited(card.read_text(encoding="utf-8", errors="replace"))
        if not own_card:
            text = render_card(facts_of(found), registry or registries.default(), repository, environment.requires)
            write(card, text)
    except OSError as error:
        raise UserError(f"{card} cannot be written: {error}. Push a copy of the run's folder.") from error
    with tempfile.TemporaryDirectory() as place:
        stage = Path(place)
        _stage(found, best, stage, resumable)
        files = sorted(path.relative_to(stage).as_posix() for path in stage.rglob("*") if path.is_file())
        with _explained(hub, f"push {repository}"):
            address = api.create_repo(repository, private=not public, exist_ok=True)
            api.upload_folder(
                repo_id=repository,
                folder_path=stage,
                commit_message=f"probvae {__version__}: {folder.name}",
                delete_patterns="checkpoints/*",  # those of an earlier push
            )
    return Pushed(str(address), files, own_card, [*_paths(found.spec)], environment.plugins)


def _stage(run: Run, best: Checkpoint, stage: Path, resumable: bool) -> None:
    """Copy what is pushed of a run."""
    for name in (CARD, *_FILES):
        if (run.folder / name).is_file():
            shutil.copy(run.folder / name, stage)
    for figure in sorted(run.figures.glob("*.png")):
        (stage / "figures").mkdir(exist_ok=True)
        shutil.copy(figure, stage / "figures")
    if not resumable:
        weights_only(best, stage / "checkpoints")
        return
    newest, _ = newest_checkpoint(run.checkpoints, run.identity)
    for checkpoint in {each.folder: each for each in (best, newest) if each}.values():
        shutil.copytree(checkpoint.folder, stage / "checkpoints" / checkpoint.folder.name)


def _paths(table: dict[str, Any], before: str = "") -> Iterator[str]:
    """The settings of a spec that are absolute paths, as `data.train`."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _paths(value, f"{before}{key}.")
        elif any(
            isinstance(text, str) and os.path.isabs(text)
            for text in (value if isinstance(value, list) else [value])
        ):
            yield before + key


class Pulled(NamedTuple):
    """What was pulled.

    Args:
        folder: of the run.
        missing: the components of plugins that it needs and that are not installed, each with what it comes from.
    """

    folder: Path
    missing: dict[str, str]


def pull(
    repository: str, folder: str | os.PathLike[str] | None = None, registry: Registry | None = None
) -> Pulled:
    """Pull a run from the Hugging Face Hub: the files of a run, and no others. None of them is executed.

    Args:
        repository: its name, as `user/name`.
        folder: a new folder; None for runs/NAME.
        registry: where components are looked up; None for the default one.

    Raises:
        UserError: the name is wrong, there is no such repository, it holds no run, the folder exists, or the extra
            `hub` is not installed.
        CheckpointError: no checkpoint is valid.
        TemporaryError: the hub cannot be reached.
    """
    hub, api = _hub()
    repository = _checked_name(repository)
    path = Path(folder) if folder is not None else Path("runs") / repository.rpartition("/")[2]
    with making(path, "name another folder") as place:
        with _explained(hub, f"pull {repository}"):
            info = api.model_info(repository)
            names = [file.rfilename for file in info.siblings or () if _PULLED.fullmatch(file.rfilename)]
            if not {"spec.toml", "environment.json"} <= set(names):
                raise UserError(
                    f"pull {repository}: expected a run that `probvae push` made; got a repository without a "
                    "spec.toml and an environment.json. Name another."
                )
            api.snapshot_download(repository, revision=info.sha, local_dir=place, allow_patterns=names)
        shutil.rmtree(place / ".cache", ignore_errors=True)  # the hub's records of a folder that it keeps in step
        run = Run(place, {})
        requires = run.environment.requires
        best_checkpoint(run.checkpoints, run.identity)
    known = {name for _, name in registry or registries.default()}
    return Pulled(path, {name: source for name, source in requires.items() if name not in known})


def _hub() -> tuple[Any, Any]:
    """The package of the hub, and its client."""
    package = from_extra("huggingface_hub", "hub", "Runs are shared")
    return package, package.HfApi(library_name="probvae", library_version=__version__)


def _checked_name(repository: str) -> str:
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository, re.ASCII) or ".." in repository:
        raise UserError(f"Expected the name of a repository, as user/name; got {repository!r}.")
    return repository


@contextmanager
def _explained(hub: Any, what: str) -> Iterator[None]:
    """Raise the errors of the hub as errors that say what to do.

    Raises:
        UserError: the repository is not there, or the token may not do this.
        TemporaryError: the hub cannot be reached, or has an error of its own.
    """
    errors = hub.errors
    try:
        yield
    except UserError:
        raise
    except errors.HFValidationError as error:
        raise UserError(f"{what}: expected a name that the hub accepts; got another ({error}).") from error
    except errors.RepositoryNotFoundError as error:
        raise UserError(
            f"{what}: expected a repository that is there; got none, or a private one that the token may not "
            "read. Check its name, or log in with `hf auth login`."
        ) from error
    except errors.HfHubHTTPError as error:
        status, said = error.response.status_code, error.server_message or error.response.reason_phrase
        if status in (401, 403):
            raise UserError(
                f"{what}: expected a token that may do this; got a refusal ({said}). Make one that may write, at "
                "https://huggingface.co/settings/tokens, and log in with `hf auth login`."
            ) from error
        if status < 500 and status != 429:
            raise UserError(f"{what}: the hub refused it: {said}.") from error
        raise TemporaryError(
            f"{what}: the hub has an error of its own ({status}: {said}). Try again later."
        ) from error
    except (errors.HTTPError, errors.LocalEntryNotFoundError, ConnectionError, TimeoutError) as error:
        raise TemporaryError(
            f"{what}: the hub cannot be reached ({' '.join(str(error).split())}). Check the network, and "
            "try again."
        ) from error
