"""Runs on the Hugging Face Hub: what another person needs of one is pushed, and pulled again.

Nothing that is pulled is executed: weights are safetensors, all else is TOML, JSON, Markdown and PNG.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from probvae import __version__
from probvae import registry as registries
from probvae.core import readable
from probvae.errors import CheckpointError, TemporaryError, UserError, from_extra
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

_ARRAYS = ".safetensors"
_LARGEST = 2**26
"""The most bytes of a file of a run that has no arrays: it is read as a whole."""


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
    progress: bool = True,
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
        progress: whether to show progress bars, on the standard error.

    Raises:
        UserError: the folder holds no run, a file of it is a link to another place, or the folder cannot be
            written to; the name is wrong; there is no token, or it
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
    best, complaints = best_checkpoint(found.checkpoints, found.identity)
    if best.state.best_step not in (0, best.step):
        raise UserError(
            "push: expected the weights of the best epoch, which the numbers of the run are of; got only those of "
            f"{best.folder.name}. {' '.join(complaints)} Restore them from a copy of the run."
        )
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
        with _explained(hub, f"push {repository}"), _bars(hub, progress):
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
    (stage / run.figures.name).mkdir()
    for file in (*(run.folder / name for name in (CARD, *_FILES)), *sorted(run.figures.glob("*.png"))):
        name = file.relative_to(run.folder)
        if file.is_file() and _PULLED.fullmatch(name.as_posix()):
            shutil.copy(_own(file, run.folder), stage / name)
    if not resumable:
        weights_only(best, stage / "checkpoints")
        return
    newest, _ = newest_checkpoint(run.checkpoints, run.identity)
    for checkpoint in {each.folder: each for each in (best, newest) if each}.values():
        shutil.copytree(checkpoint.folder, stage / "checkpoints" / checkpoint.folder.name)


def _own(file: Path, folder: Path) -> Path:
    """A file of a run.

    Raises:
        UserError: it is a link out of its folder, and somebody else may have made it.
    """
    if not file.resolve().is_relative_to(folder.resolve()):
        raise UserError(
            f"{file}: expected a file of the run; got a link to {file.resolve()}, whose content would be pushed. "
            "Replace the link by a copy, or remove it."
        )
    return file


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
    repository: str,
    folder: str | os.PathLike[str] | None = None,
    registry: Registry | None = None,
    progress: bool = True,
) -> Pulled:
    """Pull a run from the Hugging Face Hub: the files of a run, and no others. None of them is executed.

    Args:
        repository: its name, as `user/name`.
        folder: a new folder; None for runs/NAME.
        registry: where components are looked up; None for the default one.
        progress: whether to show progress bars, on the standard error.

    Raises:
        UserError: the name is wrong; there is no such repository, or it holds no run; its files are too large; the
            folder exists; or the extra `hub` is not installed.
        CheckpointError: no checkpoint is valid.
        TemporaryError: the hub cannot be reached.
    """
    hub, api = _hub()
    repository = _checked_name(repository)
    path = Path(folder) if folder is not None else Path("runs") / repository.rpartition("/")[2]
    with making(path, "name another folder") as place:
        with _explained(hub, f"pull {repository}"), _bars(hub, progress):
            info = api.model_info(repository, files_metadata=True)
            siblings = [file for file in info.siblings or () if _PULLED.fullmatch(file.rfilename)]
            sizes = {file.rfilename: file.size or 0 for file in siblings}
            if not {"spec.toml", "environment.json"} <= set(sizes):
                raise UserError(
                    f"pull {repository}: expected a run that `probvae push` made; got a repository without a "
                    "spec.toml and an environment.json. Name another."
                )
            _check_sizes(repository, sizes, shutil.disk_usage(place.parent).free)
            api.snapshot_download(repository, revision=info.sha, local_dir=place, allow_patterns=[*sizes])
        shutil.rmtree(place / ".cache", ignore_errors=True)  # the hub's records of a folder that it keeps in step
        with _in_repository(repository, place):
            run = Run(place, read(place).tables)
            requires = run.environment.requires
            best_checkpoint(run.checkpoints, run.identity)
    known = {name for _, name in registry or registries.default()}
    return Pulled(path, {name: source for name, source in requires.items() if name not in known})


def _check_sizes(repository: str, sizes: Mapping[str, int], free: int) -> None:
    """Check the sizes of the files to pull, in bytes.

    Raises:
        UserError: a file is larger than any of a run, or the disk has no room.
    """
    for name, size in sizes.items():
        if size > _LARGEST and not name.endswith(_ARRAYS):
            raise UserError(
                f"pull {repository}: expected at most {readable(_LARGEST)} in {name}; got {readable(size)}. "
                "`probvae push` made no such file. Name another repository."
            )
    if (total := sum(sizes.values())) > free:
        raise UserError(
            f"pull {repository}: expected at most {readable(free)}, which the disk has left; got "
            f"{readable(total)}. Name a folder on another disk."
        )


@contextmanager
def _in_repository(repository: str, place: Path) -> Iterator[None]:
    """Name the files in errors by their place in the repository: the folder that they are in is removed.

    Raises:
        CheckpointError: no checkpoint is valid.
        UserError: another file is damaged.
    """
    try:
        yield
    except (CheckpointError, UserError) as error:
        kind = CheckpointError if isinstance(error, CheckpointError) else UserError
        said = str(error).replace(f"{place}{os.sep}", "")
        raise kind(f"pull {repository}: expected a whole run; got a damaged one: {said}") from error


def _hub() -> tuple[Any, Any]:
    """The package of the hub, and its client."""
    package = from_extra("huggingface_hub", "hub", "Runs are shared")
    return package, package.HfApi(library_name="probvae", library_version=__version__)


def _checked_name(repository: str) -> str:
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository, re.ASCII) or ".." in repository:
        raise UserError(f"Expected the name of a repository, user/name; got {repository!r}.")
    return repository


@contextmanager
def _bars(hub: Any, shown: bool) -> Iterator[None]:
    """Leave out the progress bars of the hub's package, if they are not to be shown."""
    if shown:
        yield
        return
    hub.utils.disable_progress_bars()
    try:
        yield
    finally:
        hub.utils.enable_progress_bars()


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
