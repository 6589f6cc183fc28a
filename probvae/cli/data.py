"""Datasets: list, info, fetch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from probvae.cli.options import json_option, plugin_option
from probvae.cli.printing import print_json, print_text
from probvae.cli.start import ModelCommand
from probvae.errors import UserError
from probvae.registry import default
from probvae.runs.plugins import load_plugins

if TYPE_CHECKING:
    from pathlib import Path

    from probvae.core import DataInfo
    from probvae.specs import SpecData

set_data = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="A parameter of the dataset, for example folder=/data/mnist.",
)


@click.group()
def data() -> None:
    """Datasets: list them, look at one, fetch one."""


@data.command("list")
@json_option
def list_data(as_json: bool) -> None:
    """List the datasets that a spec can name."""
    registry = default()
    summaries = {name: registry["dataset", name].summary() for name in registry.names("dataset")}
    if as_json:
        print_json([{"name": name, "summary": text} for name, text in summaries.items()])
        return
    width = max(map(len, summaries), default=0)
    for name, summary in summaries.items():
        print_text(f"{name:<{width}}  {summary}")


@data.command(cls=ModelCommand)
@click.argument("name")
@set_data
@plugin_option
@json_option
def info(name: str, settings: tuple[str, ...], plugins: tuple[Path, ...], as_json: bool) -> None:
    """Describe the dataset NAME without fetching it: shape, values, sizes, protocol, source, arrays of a file."""
    _print(_source(name, settings, plugins).info, as_json)


@data.command(cls=ModelCommand)
@click.argument("name")
@set_data
@plugin_option
@json_option
def fetch(name: str, settings: tuple[str, ...], plugins: tuple[Path, ...], as_json: bool) -> None:
    """Fetch the dataset NAME now, check it and keep it for later."""
    _print(_source(name, settings, plugins).loaded.info, as_json)
    if not as_json:
        print_text("It is here, whole and checked.")


def _source(name: str, settings: tuple[str, ...], plugins: tuple[Path, ...]) -> SpecData:
    from probvae.specs import SpecData, plan_dataset, read

    load_plugins(default(), plugins)
    if any(setting.partition("=")[0].strip() == "use" for setting in settings):
        raise UserError(f"--set: expected parameters of {name!r}; got 'use', which is the NAME before it.")
    document = read({"data": {"use": name}}).override(f"data.{setting}" for setting in settings)
    return SpecData(document, plan_dataset(document, default()))


def _print(info: DataInfo, as_json: bool) -> None:
    train, validation, test = info.sizes
    if as_json:
        facts = {
            "event_shape": list(info.event_shape),
            "values": str(info.values),
            "sizes": {"train": train, "validation": validation, "test": test},
            "protocol": info.protocol,
            "source": info.source,
            "condition": list(info.condition.names) if info.condition else None,
            "notes": list(info.notes),
        }
        print_json(facts)
        return
    print_text(f"shape     {list(info.event_shape)}")
    print_text(f"values    {info.values}")
    print_text(f"examples  {train:,} training, {validation:,} validation, {test:,} test")
    print_text(f"protocol  {info.protocol}")
    print_text(f"source    {info.source}")
    if info.condition:
        print_text(f"condition {info.condition}")
    for number, note in enumerate(info.notes):
        print_text(f"{'' if number else 'read':<10}{note}")


COMMANDS = [data]
