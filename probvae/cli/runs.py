"""Training a model, and using a trained one: train, evaluate, sample, reconstruct, encode."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from probvae.cli.options import (
    json_option,
    plugin_option,
    results_on_stderr,
    run_argument,
    set_option,
    spec_argument,
    verbosity,
    verbosity_options,
)
from probvae.cli.start import ModelCommand
from probvae.errors import UserError

split_option = click.option(
    "--split",
    type=click.Choice(["train", "validation", "test"]),
    default="test",
    show_default=True,
    help="Which examples.",
)
seed_option = click.option("--seed", type=int, default=0, show_default=True, help="Seed of the noise.")


def _new(_: click.Context, __: click.Parameter, path: Path | None) -> Path | None:
    """Raise if the file exists, links included; files of default names are the program's own."""
    if path is not None and os.path.lexists(path):
        raise UserError(f"--out {path}: expected a file that does not exist yet. Remove it, or choose another.")
    return path


out_option = click.option(
    "--out",
    type=click.Path(path_type=Path),
    callback=_new,
    help="A new file: .png for a picture, .npz for arrays. Default: a file in the run's folder.",
)


@click.command(cls=ModelCommand)
@spec_argument
@click.option(
    "--out", type=click.Path(path_type=Path), help="The run's folder. Default: runs/NAME after the spec."
)
@click.option("--resume", is_flag=True, help="Continue from the folder's newest checkpoint; without one, start.")
@set_option
@plugin_option
@click.option(
    "--devices",
    type=click.IntRange(1),
    help="How many devices of this machine share each batch; CPUs are divided. Default: all GPUs, or the CPU.",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    help="Start this number of processes here that share each batch, as on a cluster: for trying that out.",
)
@json_option
@verbosity_options
def train(
    spec: Path,
    out: Path | None,
    resume: bool,
    overrides: tuple[str, ...],
    plugins: tuple[Path, ...],
    devices: int | None,
    workers: int | None,
    as_json: bool,
) -> int:
    """Train the model of SPEC, evaluate it on the test data and draw its figures.

    SPEC is a TOML or JSON file, or the folder of a run, whose own spec is then used.

    The run's folder then holds the filled spec, checkpoints, metrics.jsonl, TensorBoard scalars, evaluation.json
    and figures/. `--set model.prior.use=vamp` replaces a component; parameters of the old one that the new one
    does not have are ignored, with a note.

    Ctrl-C saves after the step and prints how to resume; the resumed run ends as if it had never been stopped. On
    a cluster start the same command on every machine with TF_CONFIG and one --out for all.
    """
    if workers and workers > 1:
        return _train_here(spec, out, resume, overrides, plugins, workers, as_json)
    from probvae.runs import train as run_training

    with results_on_stderr(as_json) as printed:
        run = run_training(spec, out, resume, overrides, plugins, printed, devices=devices or 0)
    if as_json and run.evaluation_file.exists():  # of several workers, one writes it
        click.echo(json.dumps({"run": str(run.folder), "evaluation": json.loads(run.evaluation_file.read_text())}))
    return 0


def _train_here(
    spec: Path,
    out: Path | None,
    resume: bool,
    overrides: tuple[str, ...],
    plugins: tuple[Path, ...],
    workers: int,
    as_json: bool,
) -> int:
    """Train with several processes on this machine, which need one folder."""
    from probvae.runs.folder import free_folder
    from probvae.runs.workers import run_workers

    folder = out or (spec if spec.is_dir() else Path("runs") / spec.stem if resume else free_folder(spec.stem))
    arguments = ["train", str(spec), "--out", str(folder), *(["--resume"] if resume else [])]
    arguments += [f"--{verbosity()}"] if verbosity() else []
    arguments += ["--json"] if as_json else []
    arguments += [part for override in overrides for part in ("--set", override)]
    arguments += [part for plugin in plugins for part in ("--plugin", str(plugin))]
    return run_workers(arguments, workers)


@click.command(cls=ModelCommand)
@run_argument
@click.option(
    "--samples", type=click.IntRange(1), help="Importance samples per example; published tables use 5,000."
)
@click.option("--seed", type=int, help="Seed of the noise.")
@plugin_option
@json_option
@verbosity_options
def evaluate(run: Path, samples: int | None, seed: int | None, plugins: tuple[Path, ...], as_json: bool) -> None:
    """Evaluate RUN's best weights on the test data: the ELBO and the importance-weighted log-likelihood."""
    from probvae.runs import evaluate as run_evaluation

    settings = {"samples": samples, "seed": seed}
    overrides = [f"evaluate.{name}={value}" for name, value in settings.items() if value is not None]
    with results_on_stderr(as_json) as printed:
        record = run_evaluation(run, overrides, plugins, printed)
    if as_json:
        click.echo(json.dumps(record, indent=2))


@click.command(cls=ModelCommand)
@run_argument
@click.option("--count", type=click.IntRange(1), default=100, show_default=True, help="How many samples.")
@seed_option
@out_option
@plugin_option
def sample(run: Path, count: int, seed: int, out: Path | None, plugins: tuple[Path, ...]) -> None:
    """Draw samples from the prior of RUN and decode them: the means of p(x|z), and draws from it in .npz."""
    from probvae.runs import inference

    click.echo(inference.sample(run, count, seed, out, plugins))


@click.command(cls=ModelCommand)
@run_argument
@split_option
@seed_option
@out_option
@plugin_option
def reconstruct(run: Path, split: str, seed: int, out: Path | None, plugins: tuple[Path, ...]) -> None:
    """Encode examples with RUN and decode them again: a picture of some, or all of them in .npz."""
    from probvae.runs import inference

    click.echo(inference.reconstruct(run, split, seed, out, plugins))


@click.command(cls=ModelCommand)
@run_argument
@split_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    callback=_new,
    help="A new .npz file. Default: a file in the run's folder.",
)
@plugin_option
def encode(run: Path, split: str, out: Path | None, plugins: tuple[Path, ...]) -> None:
    """Write the posterior means and standard deviations of RUN's examples, and their labels, as .npz."""
    from probvae.runs import inference

    click.echo(inference.encode(run, split, out, plugins))


COMMANDS = [train, evaluate, sample, reconstruct, encode]
