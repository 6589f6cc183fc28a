"""The hooks that a plugin can implement, as pluggy specifications: components, the moments of a run, commands.

A plugin is a module. It implements the hooks it needs and leaves the others out; each takes those of its
arguments that it wants, by name.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pluggy

from probvae.registry.component_spec import ComponentSpec

if TYPE_CHECKING:
    import click

hookspec = pluggy.HookspecMarker("probvae")
hookimpl = pluggy.HookimplMarker("probvae")


class RunView(Protocol):
    """What a tracker sees of a run: its folder, with all its files, and what the tracker needs of them."""

    @property
    def folder(self) -> Path:
        """The run's folder: metrics, figures, checkpoints."""

    @property
    def spec(self) -> dict[str, Any]:
        """The filled spec: every parameter in use, as nested tables."""

    def metrics(self) -> list[dict[str, float]]:
        """The numbers of each epoch so far by name, as in `metrics.jsonl`, which has them before a hook is called.

        Raises:
            UserError: the file is damaged.
        """

    def evaluation(self) -> dict[str, Any]:
        """The numbers on the test data, as in `evaluation.json`; empty before the first evaluation.

        Raises:
            UserError: the file is damaged.
        """


@hookspec
def probvae_components() -> Iterable[ComponentSpec]:  # type: ignore[empty-body]
    """The plugin's components."""


@hookspec
def probvae_run_started(run: RunView) -> None:
    """A run starts or resumes; its folder and its filled spec exist."""


@hookspec
def probvae_epoch_ended(run: RunView, epoch: int, metrics: dict[str, float]) -> None:
    """An epoch is over.

    Args:
        run: the run.
        epoch: the number of completed epochs, from 1.
        metrics: the epoch's numbers by name, as in `metrics.jsonl`.
    """


@hookspec
def probvae_run_ended(run: RunView, status: str) -> None:
    """A run has ended; its folder is complete.

    Args:
        run: the run.
        status: `"finished"`, `"interrupted"` (it can be resumed) or `"failed"`.
    """


@hookspec
def probvae_run_evaluated(run: RunView) -> None:
    """A trained run was evaluated again, and its `evaluation.json` written anew: no training is under way."""


@hookspec
def probvae_cli(app: click.Group) -> None:
    """Add commands to the command line's `app`. Only for installed plugins: a `--plugin` file is read later."""
