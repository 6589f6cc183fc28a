"""Specs before training: init writes a first one, fill writes defaults out."""

from __future__ import annotations

import os
import shlex
from contextlib import suppress
from pathlib import Path

import click
import tomli_w

from probvae.cli.options import plugin_option, set_option, spec_argument
from probvae.cli.printing import print_text, verbosity
from probvae.cli.start import ModelCommand, without_notes
from probvae.errors import UserError
from probvae.registry import default
from probvae.runs.plugins import load_plugins

FIRST = """\
# `probvae check {file}` checks this spec, `probvae train {file}` trains its model,
# `probvae fill {file}` prints it with every default, and `probvae show NAME` describes a component.
schema = 1

[model]
latent_dim = {latent_dim}  # the size of one latent

[model.encoder]
network = {{ use = "{encoder}" }}{other_networks}
posterior = {{ use = "{posterior}" }}{other_posteriors}

[model.decoder]
network = {{ use = "{decoder}" }}
likelihood = {{ use = "{likelihood}" }}{other_likelihoods}

[model.prior]
use = "{prior}"{other_priors}

[objective]
use = "{objective}"{other_objectives}

[data]
{data}

[train]
epochs = {epochs}
batch_size = 128
learning_rate = 1e-3
seed = 0
"""


_TABLES = (".csv", ".tsv", ".parquet")
_ANNDATA = ".h5ad"
_SMALL = 2**20  # bytes


@click.command()
@click.argument("name", default="first")
@click.option(
    "--data", default="fashion_mini", show_default=True, help="A dataset, a file, or a folder of images."
)
@click.option("--prior", default="mixture", show_default=True, help="The prior.")
@click.option("--encoder", default="dense", show_default=True, help="The network of the encoder q(z|x).")
@click.option("--decoder", default="dense", show_default=True, help="The network of the decoder p(x|z).")
@click.option("--posterior", default="diagonal_normal", show_default=True, help="The distribution q(z|x).")
@click.option(
    "--likelihood",
    help="The distribution p(x|z). Default: bernoulli; for a file normal, for .h5ad negative_binomial.",
)
@click.option("--objective", default="elbo", show_default=True, help="The objective.")
@click.option("--latent-dim", default=2, show_default=True, type=click.IntRange(1), help="The size of one latent.")
@click.option(
    "--epochs", type=click.IntRange(1), help="Passes over the data. Default: 20, or 200 over a small table."
)
@plugin_option
def init(
    name: str,
    data: str,
    prior: str,
    encoder: str,
    decoder: str,
    posterior: str,
    likelihood: str | None,
    objective: str,
    latent_dim: int,
    epochs: int | None,
    plugins: tuple[Path, ...],
) -> None:
    """Write a first spec, NAME.toml, to train at once or to edit.

    `probvae list` prints the names that the options take.
    """
    path = Path(name if name.endswith(".toml") else f"{name}.toml")
    if os.path.lexists(path):
        raise UserError(f"{path}: expected a new file; got one that exists. Choose another NAME.")
    with without_notes():
        load_plugins(default(), plugins)
    known = ("dataset", data) in default()
    is_file = "/" in data or (not known and (Path(data).suffix != "" or os.path.isdir(data)))
    of_files = "negative_binomial" if Path(data).suffix.lower() == _ANNDATA else "normal"
    likelihood = likelihood or (of_files if is_file else "bernoulli")
    chosen = [
        ("network", encoder), ("network", decoder), ("posterior", posterior), ("likelihood", likelihood),
        ("prior", prior), ("objective", objective), *([] if is_file else [("dataset", data)]),
    ]  # fmt: skip
    for kind, use in chosen:
        default()[kind, use]
    table = _from_file(data, path) if is_file else f'use = "{data}"{_others("dataset", data)}'
    text = FIRST.format(
        file=shlex.quote(path.name),
        latent_dim=latent_dim,
        epochs=epochs or (200 if is_file and _is_small_table(data) else 20),
        encoder=encoder,
        decoder=decoder,
        posterior=posterior,
        likelihood=likelihood,
        prior=prior,
        objective=objective,
        data=table,
        other_networks=_others("network", encoder),
        other_posteriors=_others("posterior", posterior),
        other_likelihoods=_others("likelihood", likelihood),
        other_priors=_others("prior", prior),
        other_objectives=_others("objective", objective),
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        with suppress(OSError):
            path.unlink()  # what a full disk has left of it
        raise UserError(f"{path} cannot be written: {error}. Choose another NAME.") from error
    named = shlex.quote(str(path))
    print_text(f"{path} is written. Next:\n  probvae check {named}\n  probvae train {named}")


def _is_small_table(data: str) -> bool:
    """Whether a file is a table of so few rows that 20 passes over them are few steps."""
    return Path(data).suffix.lower() in _TABLES and os.path.getsize(data) < _SMALL


def _others(kind: str, use: str) -> str:
    """A comment with the other names of a kind."""
    names = [name for name in default().names(kind) if name != use]
    return f"  # or {', '.join(names)}" if names else ""


def _from_file(data: str, spec: Path) -> str:
    """The [data] table of a file or a folder; its path is relative to the spec, unless it is absolute."""
    if not (os.path.exists(data) or os.path.exists(data.rpartition(":")[0])):  # or FILE.npz:KEY
        raise UserError(f"--data {data}: expected a name of `probvae list dataset`, or a file; got no such file.")
    there = data if os.path.isabs(data) else os.path.relpath(data, spec.parent)
    key = "folder" if os.path.isdir(data) else "train"
    place = tomli_w.dumps({key: there})
    if os.path.isdir(data):
        return f'use = "images"\n{place}size = [64, 64]  # height and width'
    if Path(data).suffix.lower() in _TABLES:
        return (
            f'use = "table"\n{place}'
            '# label = "COLUMN"         # the classes\n# id = "COLUMN"            # what identifies the rows\n'
            '# categories = ["COLUMN"]  # columns of names, as one-hot vectors\n'
            '# condition = ["COLUMN"]   # what the others are conditional on'
        )
    if Path(data).suffix.lower() == _ANNDATA:
        return (
            f'use = "anndata"\n{place}'
            '# layer = "LAYER"         # instead of X, as "counts"\n'
            '# label = "COLUMN"        # the classes, a column of obs\n'
            '# condition = ["COLUMN"]  # what the counts are conditional on, as a batch'
        )
    return (
        f'use = "arrays"\n{place}'
        '# divide_by = 255.0     # for 8-bit intensities\n# binarize = "dynamic"  # for the bernoulli likelihood'
    )


@click.command(cls=ModelCommand)
@spec_argument
@set_option
@plugin_option
def fill(spec: Path, overrides: tuple[str, ...], plugins: tuple[Path, ...]) -> None:
    """Print SPEC with every default written out."""
    from probvae.runs.loading import read_plan

    checked = read_plan(spec, overrides, plugins)
    for note in checked.notes if verbosity() != "quiet" else ():
        click.echo(f"note: {note}", err=True)
    click.echo(tomli_w.dumps(checked.filled()), nl=False)


COMMANDS = [init, fill]
