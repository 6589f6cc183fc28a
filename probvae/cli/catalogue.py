"""What is installed: list, show, plugins, schema."""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict
from pathlib import Path

import click

from probvae.cli.options import plugin_option
from probvae.cli.start import ModelCommand, without_notes
from probvae.errors import PluginWarning
from probvae.registry import KINDS, default
from probvae.runs.plugins import load_plugins


@click.command("list")
@click.argument("kind", required=False, type=click.Choice(KINDS), metavar="[KIND]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@plugin_option
def list_components(kind: str | None, as_json: bool, plugins: tuple[Path, ...]) -> None:
    """List the components that a spec can name, of one KIND or of all.

    KIND is encoder, decoder, prior, network, posterior, likelihood, objective, dataset or metric.
    """
    registry = default()
    _load_quietly(plugins)  # a broken one is told below the list
    chosen = [spec for (known, _), spec in registry.items() if kind in (None, known)]
    if as_json:
        rows = [
            {"kind": spec.kind, "name": spec.name, "owner": spec.owner, "summary": spec.summary()}
            for spec in chosen
        ]
        click.echo(json.dumps(rows, indent=2))
        return
    if not chosen:
        click.echo(f"No {kind or 'component'} is installed.")
    width = max((len(spec.name) for spec in chosen), default=0)
    last = ""
    for spec in chosen:
        if spec.kind != last:
            click.secho(f"{'' if not last else chr(10)}{spec.kind}", bold=True)
            last = spec.kind
        click.echo(f"  {spec.name:<{width}}  {spec.summary()}")
    for plugin in registry.plugins:
        if plugin.state == "broken":
            warnings.warn(f"The plugin {plugin.source} is broken: {plugin.reason}", PluginWarning, stacklevel=1)


@click.command(cls=ModelCommand)
@click.argument("kind", type=click.Choice(KINDS), metavar="KIND")
@click.argument("name")
@plugin_option
def show(kind: str, name: str, plugins: tuple[Path, ...]) -> None:
    """Show what the component NAME of a KIND is, and the parameters that a spec can give it.

    `probvae list` shows the kinds and names.
    """
    from probvae.core import Signature

    load_plugins(default(), plugins)
    spec = default()[kind, name]
    signature = Signature.of(spec.load())
    click.secho(f"{kind} {name}", bold=True, nl=False)
    click.echo(f"  ({spec.owner})\n\n{signature.summary}")
    if signature.doc.long_description:
        click.echo(f"\n{signature.doc.long_description}")
    click.echo("\nIn a spec:" if signature.settable else "\nIt has no parameters in a spec.")
    for parameter in signature.settable.values():
        default_value = (
            "required" if parameter.required else parameter.use or json.dumps(parameter.default, default=str)
        )
        if parameter.default is None:
            default_value = "not set"
        click.echo(f"  {parameter.name}: {parameter.expected}  [{default_value}]")
        if parameter.description:
            click.echo(f"      {parameter.description}")
    if signature.context:
        click.echo(f"\nSupplied by the assembler: {', '.join(signature.context)}.")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@plugin_option
def plugins(as_json: bool, plugins: tuple[Path, ...]) -> None:
    """List the plugins: what they bring, and what is wrong with those that do not work."""
    _load_quietly(plugins)
    found = default().plugins
    if as_json:
        click.echo(json.dumps([asdict(plugin) for plugin in found], indent=2))
        return
    width = max((len(plugin.name) for plugin in found), default=0)
    for plugin in found:
        colour = {"ok": "green", "broken": "red"}.get(plugin.state, "yellow")
        state = click.style(f"{plugin.state:<8}", fg=colour)
        source = f"{plugin.source} {plugin.version}".strip()
        click.echo(f"{plugin.name:<{width}}  {state}  {len(plugin.gives):>2} components  {source}")
        if plugin.reason:
            click.echo(f"{'':<{width}}  {plugin.reason}")


@click.command(cls=ModelCommand)
@plugin_option
def schema(plugins: tuple[Path, ...]) -> None:
    """Print a JSON Schema of specs, for editors that complete and check TOML."""
    from probvae.specs import json_schema

    load_plugins(default(), plugins)
    click.echo(json.dumps(json_schema(default()), indent=2))


def _load_quietly(files: tuple[Path, ...]) -> None:
    """Load plugins that may import TensorFlow into a command that does not."""
    with without_notes():
        for file in files:
            default().load_file(file)


COMMANDS = [list_components, show, plugins, schema]
