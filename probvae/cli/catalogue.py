"""What is installed: list, show, plugins, schema."""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict
from pathlib import Path

import click

from probvae.cli.descriptions import Description, description
from probvae.cli.options import json_option, plugin_option
from probvae.cli.printing import print_json, print_text
from probvae.cli.start import ModelCommand, without_notes
from probvae.errors import PluginWarning, UnknownNameError, UserError, did_you_mean
from probvae.registry import KINDS, ComponentSpec, default
from probvae.runs.plugins import load_plugins


@click.command("list")
@click.argument("kind", required=False, type=click.Choice(KINDS), metavar="[KIND]")
@json_option
@plugin_option
def list_components(kind: str | None, as_json: bool, plugins: tuple[Path, ...]) -> None:
    """List the components that a spec can name, of one KIND or of all.

    KIND is encoder, decoder, prior, classifier, network, posterior, likelihood, objective, dataset or metric.
    """
    registry = default()
    _load_quietly(plugins)
    for plugin in registry.plugins:
        if plugin.state == "broken":
            warnings.warn(f"The plugin {plugin.source} is broken: {plugin.reason}", PluginWarning, stacklevel=1)
    chosen = [spec for (known, _), spec in registry.items() if kind in (None, known)]
    if as_json:
        rows = [
            {"kind": spec.kind, "name": spec.name, "owner": spec.owner, "summary": spec.summary()}
            for spec in chosen
        ]
        print_json(rows)
        return
    if not chosen:
        print_text(f"No {kind or 'component'} is installed.")
    width = max((len(spec.name) for spec in chosen), default=0)
    last = ""
    for spec in chosen:
        if spec.kind != last:
            print_text(f"{'' if not last else chr(10)}{spec.kind}", bold=True)
            last = spec.kind
        print_text(f"  {spec.name:<{width}}  {spec.summary()}")


@click.command()
@click.argument("words", nargs=-1, metavar="[KIND] NAME")
@json_option
@plugin_option
def show(words: tuple[str, ...], as_json: bool, plugins: tuple[Path, ...]) -> None:
    """Describe the component NAME, and the parameters that a spec can give it.

    KIND is needed only where several kinds have the NAME; `probvae list` prints all of them. The parameters are
    read from the class, which takes seconds, and are kept until a file of its package changes.
    """
    with without_notes():
        load_plugins(default(), plugins)
    found = description(_find(words), default(), described)
    if as_json:
        print_json(found)
        return
    print_text(f"{found['kind']} {found['name']}", bold=True, end=False)
    print_text(f"  ({found['owner']})\n\n{found['summary']}")
    if found["description"]:
        print_text(f"\n{found['description']}")
    print_text("\nIn a spec:" if found["parameters"] else "\nIt has no parameters in a spec.")
    for parameter in found["parameters"]:
        value = parameter["default"] if parameter["kind"] else json.dumps(parameter["default"], default=str)
        shown = "required" if parameter["required"] else "not set" if parameter["default"] is None else value
        print_text(f"  {parameter['name']}: {parameter['expected']}  [{shown}]")
        if parameter["description"]:
            print_text(f"      {parameter['description']}")
    if found["context"]:
        print_text(f"\nSupplied by the assembler: {', '.join(found['context'])}.")


def _find(words: tuple[str, ...]) -> ComponentSpec:
    """The component of a name, or of a kind and a name.

    Raises:
        UserError: there is none, or the name alone is ambiguous.
    """
    if not words or (len(words) == 1 and words[0] in KINDS):
        raise click.UsageError("Missing argument 'NAME'.")
    if len(words) > 2:
        raise click.UsageError(f"Expected [KIND] NAME; got {' '.join(words)}.")
    registry = default()
    if len(words) == 2:
        kind, name = words
        if kind not in KINDS:
            raise click.UsageError(f"{kind!r} is not a kind. {did_you_mean(kind, KINDS)}")
        return registry[kind, name]
    (name,) = words
    kinds = [kind for kind, known in registry if known == name]
    if len(kinds) > 1:
        choices = ", ".join(f"`probvae show {kind} {name}`" for kind in kinds)
        raise UserError(f"{name!r}: expected a name of one kind; got one of {len(kinds)}. Try {choices}.")
    if not kinds:
        names = {known for _, known in registry}
        raise UnknownNameError(f"No component is named {name!r}. {did_you_mean(name, names)}")
    return registry[kinds[0], name]


def described(spec: ComponentSpec) -> Description:
    """What `show` prints of a component, as plain values; its class is imported."""
    with without_notes():
        from probvae.core import Signature
        from probvae.specs.plan import shared_settings
    signature = Signature.of(spec.load())
    settable = {**signature.settable, **shared_settings(spec.kind, signature)}
    parameters = [
        {
            "name": parameter.name,
            "kind": parameter.kind,
            "expected": parameter.expected,
            "required": parameter.required,
            "default": None if parameter.required else parameter.use or parameter.default,
            "description": parameter.description,
        }
        for parameter in settable.values()
    ]
    return {
        "kind": spec.kind,
        "name": spec.name,
        "owner": spec.owner,
        "summary": signature.summary,
        "description": signature.doc.long_description or "",
        "parameters": parameters,
        "context": signature.context,
    }


@click.command()
@json_option
@plugin_option
def plugins(as_json: bool, plugins: tuple[Path, ...]) -> None:
    """List the plugins: their components, and the errors of those that are broken."""
    _load_quietly(plugins)
    found = default().plugins
    if as_json:
        print_json([asdict(plugin) for plugin in found])
        return
    width = max((len(plugin.name) for plugin in found), default=0)
    for plugin in found:
        colour = {"ok": "green", "broken": "red"}.get(plugin.state, "yellow")
        state = click.style(f"{plugin.state:<8}", fg=colour)
        source = f"{plugin.source} {plugin.version}".strip()
        print_text(f"{plugin.name:<{width}}  {state}  {len(plugin.gives):>2} components  {source}")
        if plugin.reason:
            print_text(f"{'':<{width}}  {plugin.reason}")


@click.command(cls=ModelCommand)
@plugin_option
def schema(plugins: tuple[Path, ...]) -> None:
    """Print a JSON Schema of specs, for editors that complete and check TOML."""
    from probvae.specs import json_schema

    load_plugins(default(), plugins)
    print_json(json_schema(default()))


def _load_quietly(files: tuple[Path, ...]) -> None:
    """Load plugins that may import TensorFlow into a command that does not."""
    with without_notes():
        for file in files:
            default().load_file(file)


COMMANDS = [list_components, show, plugins, schema]
