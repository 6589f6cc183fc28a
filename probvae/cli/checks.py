"""Checking: a spec, or components by the contract kit."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from probvae.cli.options import json_option, set_option
from probvae.cli.printing import print_failure, print_json, print_text, verbosity
from probvae.cli.start import ModelCommand
from probvae.errors import PluginError, did_you_mean
from probvae.registry import PluginInfo, default

if TYPE_CHECKING:
    from rich.console import Console

    from probvae.testing import Report, Result, Subject
    from probvae.testing.checking import Profile


@click.command(cls=ModelCommand)
@click.argument("spec", type=click.Path(path_type=Path), required=False)
@set_option
@click.option(
    "--component",
    "components",
    type=(str, str),
    multiple=True,
    metavar="KIND NAME",
    help="Run the contract kit on this component, for example prior mixture. May be repeated. KIND may also be "
    "bijector, with the NAME of a flow prior.",
)
@click.option(
    "--plugin",
    "plugins",
    multiple=True,
    metavar="PLUGIN",
    help="A Python file, or the name or distribution of an installed plugin. Without SPEC and --component: run "
    "the contract kit on everything that it defines. May be repeated.",
)
@click.option("--profile", type=click.Choice(["fast", "deep"]), default="fast", help="How many cases to try.")
@click.option("--seed", default=0, help="Seed of the random cases.  [0]")
@json_option
@click.pass_context
def check(
    ctx: click.Context,
    spec: Path | None,
    overrides: tuple[str, ...],
    components: tuple[tuple[str, str], ...],
    plugins: tuple[str, ...],
    profile: Profile,
    seed: int,
    as_json: bool,
) -> int:
    """Check a SPEC, or components by the contract kit.

    \b
    probvae check my_model.toml                  names, values, whether it builds and is trained
    probvae check --component prior mixture      one component: shapes, density, sampler, gradients, saving
    probvae check --plugin my_prior.py           every component of a plugin, here of a single file
    probvae check --plugin probvae               everything that is built in

    All problems of a spec are reported at once, each with its line; no data is fetched. For each check that a
    component fails, the report has the values, the smallest case that shows it, and a line of Python that
    repeats it; the exit status is then 1. docs/checks.md explains every check.
    """  # noqa: D301
    if spec is None and not components and not plugins:
        raise click.UsageError("Give a SPEC, or --component KIND NAME, or --plugin PLUGIN.", ctx)
    if spec is not None and components:
        raise click.UsageError("Give either a SPEC or --component, not both.", ctx)
    if spec is not None:
        for option in ("profile", "seed"):
            if ctx.get_parameter_source(option) is not ParameterSource.DEFAULT:
                raise click.UsageError(f"--{option} is of the contract kit, which does not check a SPEC.", ctx)
        files = tuple(Path(plugin) for plugin in plugins if _is_file(plugin))
        for installed in plugins:
            if not _is_file(installed):
                _load(installed)
        _check_spec(spec, overrides, files, as_json)
        return 0
    given = [_load(plugin) for plugin in plugins]
    if overrides:
        raise click.UsageError("--set changes a SPEC, and none is given.", ctx)
    chosen = list(components) or [pair for plugin in given for pair in _components(plugin)]
    return _check_components(chosen, profile, seed, as_json)


def _check_spec(spec: Path, overrides: tuple[str, ...], plugins: tuple[Path, ...], as_json: bool) -> None:
    from probvae.runs import check as check_spec

    built = check_spec(spec, overrides, plugins)
    parts = {path[-1]: component.label for path, component in built.plan.components.items()}
    latents, shape = built.vae.latent_dim, list(built.vae.event_shape)
    if as_json:
        found = {"spec": str(spec), "components": parts, "latent_dim": latents, "event_shape": shape}
        print_json(found | {"notes": built.plan.notes})
        return
    for note in built.plan.notes:
        print_text(f"note: {note}")
    names = ", ".join(f"{slot} {name}" for slot, name in parts.items())
    print_text(f"{spec} is valid: {names}; {latents} latents, examples of shape {shape}.")


def _is_file(plugin: str) -> bool:
    """Whether a plugin is given by its path, and not by its name."""
    return plugin.endswith(".py") or "/" in plugin


def _load(plugin: str) -> list[PluginInfo]:
    """The plugins of a file, a name or a distribution.

    Raises:
        PluginError: there is none, or it is broken.
    """
    registry = default()
    if _is_file(plugin):
        found = [registry.load_file(plugin)]
    else:
        known = registry.plugins
        found = [info for info in known if plugin in (info.name, info.source)]
        if not found:
            names = {name for info in known for name in (info.name, info.source)}
            hint = f"{did_you_mean(plugin, names)} A single file is given by its path: {plugin}.py."
            raise PluginError(f"No plugin is named {plugin!r}. {hint}")
    for info in found:
        if info.state != "ok":
            raise PluginError(f"The plugin {info.source} is {info.state}: {info.reason}")
    return found


def _components(plugins: Sequence[PluginInfo]) -> list[tuple[str, str]]:
    """The components of plugins that have checks, and the bijectors of their flows.

    Raises:
        PluginError: they give none.
    """
    from probvae.testing import CHECKED_KINDS

    owned = [(kind, name) for info in plugins for kind, name in info.gives if kind in CHECKED_KINDS]
    if not owned:
        names = " and ".join(info.name for info in plugins)
        raise PluginError(f"{names}: expected components of a kind with checks; got none.")
    flows = [name for kind, name in owned if kind == "prior" and hasattr(default()[kind, name].load(), "bijector")]
    return owned + [("bijector", name) for name in flows]


def _check_components(chosen: list[tuple[str, str]], profile: Profile, seed: int, as_json: bool) -> int:
    # By default hypothesis writes a cache of the installed modules into the working directory.
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(Path(tempfile.gettempdir()) / "probvae-hypothesis"))
    from rich.console import Console

    from probvae.testing import Subject

    subjects = [Subject(kind, name) for kind, name in chosen]  # raises before the work, for kinds without checks
    console = Console(quiet=as_json or verbosity() == "quiet", highlight=False)
    reports = [_check_component(subject, profile, seed, console) for subject in subjects]
    if as_json:
        print_json([report.to_json() for report in reports])
    elif verbosity() == "quiet":
        for report in reports:
            if not report.ok:
                print_failure(str(report))
    elif len(reports) > 1:
        red = [f"{report.kind} {report.name}" for report in reports if not report.ok]
        console.print(f"\n{len(reports)} components: " + (f"{', '.join(red)} red." if red else "all green."))
    return 0 if all(report.ok for report in reports) else 1


def _check_component(subject: Subject, profile: Profile, seed: int, console: Console) -> Report:
    """Run the checks of one component, a line for each as soon as it is known."""
    from probvae.testing import Report
    from probvae.testing.runner import checks_for, run

    checks = checks_for(subject)
    console.print(f"\n[bold]{subject.kind} {subject.name}[/bold]  {len(checks)} checks, {profile}, seed {seed}")
    width = max(len(found.name) for found in checks)
    results: list[Result] = []
    for found in checks:
        with console.status(f"{found.name}: {found.holds}"):
            result = run(found, subject, profile, seed)
        mark = "[green]✓[/green]" if result.ok else "[red]✗[/red]"
        mark = "[yellow]-[/yellow]" if result.ok and result.status != "passed" else mark
        console.print(f"  {mark} {result.check:<{width}}  {result.cases:>4} cases  {result.seconds:6.1f} s")
        if result.status != "passed":
            message = "\n".join(f"    {line}" for line in result.after(results).splitlines()[1:])
            console.print(message, markup=False, soft_wrap=True)
        elif result.message:
            console.print(f"    {result.message}", style="dim", markup=False, soft_wrap=True)
        results.append(result)
    report = Report(subject.kind, subject.name, profile, seed, tuple(results))
    console.print(report.summary, style="green" if report.ok else "red", markup=False, soft_wrap=True)
    return report


COMMANDS = [check]
