"""Training a model, and using a trained one: train, refit, evaluate, sample, reconstruct, encode, export."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

import click

from probvae.cli.options import (
    json_option,
    other_data_option,
    plugin_option,
    run_argument,
    set_option,
    spec_argument,
    verbosity_options,
)
from probvae.cli.printing import print_json, print_text, progress, verbosity
from probvae.cli.start import ModelCommand

if TYPE_CHECKING:
    from probvae.runs.exporting import Format
    from probvae.runs.folder import Run
    from probvae.runs.results import Output
    from probvae.runs.selection import Selection

_DATA_OPTIONS = (
    click.option(
        "--data",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Other examples: a file or a folder, read with the settings of [data].",
    ),
    click.option(
        "--split",
        type=click.Choice(["train", "validation", "test", "all"]),
        help="Which examples. Default: test, or all of --data.",
    ),
    click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="data.KEY=VALUE",
        help="Override the [data] table, for example data.divide_by=255. May be repeated.",
    ),
    other_data_option,
)


def data_options(function: Callable[..., object]) -> Callable[..., object]:
    """--data, --split, --set and --allow-other-data, as one parameter `selection`."""

    @wraps(function)
    def command(
        *args: object,
        data: Path | None,
        split: str | None,
        overrides: tuple[str, ...],
        allow_other_data: bool,
        **kwargs: object,
    ) -> object:
        from probvae.runs.selection import Selection

        return function(*args, selection=Selection(split, data, overrides, allow_other_data), **kwargs)

    for option in reversed(_DATA_OPTIONS):
        command = option(command)
    return command


seed_option = click.option("--seed", type=int, default=0, show_default=True, help="Seed of the noise.")


devices_option = click.option(
    "--devices",
    type=click.IntRange(1),
    help="How many devices of this machine share the work; CPUs are divided. Default: all GPUs, or the CPU.",
)
out_option = click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="A new file: .png for a picture, .npz or .csv for arrays. Default: a file in the run's folder.",
)


@click.command(cls=ModelCommand)
@spec_argument
@click.option(
    "--out", type=click.Path(path_type=Path), help="The run's folder. Default: runs/NAME after the spec."
)
@click.option("--resume", is_flag=True, help="Continue from the folder's newest checkpoint; without one, start.")
@set_option
@plugin_option
@devices_option
@click.option(
    "--workers",
    type=click.IntRange(1),
    help="Start this number of processes on this machine, which share each batch: to try out what a cluster does.",
)
@click.option(
    "--report", is_flag=True, help="Write report.html after each epoch too, to follow the training in a browser."
)
@other_data_option
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
    report: bool,
    allow_other_data: bool,
    as_json: bool,
) -> int:
    """Train the model of SPEC, evaluate it on the test data, draw its figures and write its report.

    SPEC is a TOML or JSON file, or the folder of a run, whose own spec is then used.

    The run's folder then holds the filled spec, checkpoints, metrics.jsonl, TensorBoard scalars, evaluation.json,
    figures/ and report.html, a page with all of it. `--set model.prior.use=vamp` replaces a component; parameters
    of the old one that the new one does not have are ignored, with a note.

    Ctrl-C saves after the step and prints how to resume; the resumed run ends as if it had never been stopped. On
    a cluster start the same command on every machine with TF_CONFIG and one --out for all.
    """
    if workers and workers > 1:
        if devices:
            raise click.UsageError("--devices cannot be given with --workers, which divide this machine.")
        flags = [f"--{verbosity()}"] if verbosity() else []
        flags += ["--json"] * as_json + ["--allow-other-data"] * allow_other_data + ["--report"] * report
        return _train_here(spec, out, resume, overrides, plugins, workers, flags)
    from probvae.runs import train as run_training

    run = run_training(
        spec,
        out,
        resume,
        overrides,
        plugins,
        progress(),
        devices=devices or 0,
        allow_other_data=allow_other_data,
        report=report,
    )
    _print_run(run, as_json)
    return 0


def _print_run(run: Run, as_json: bool) -> None:
    from probvae.training import is_chief

    if as_json and is_chief():
        print_json({"run": str(run.folder), "evaluation": json.loads(run.evaluation_file.read_text())})


def _train_here(
    spec: Path,
    out: Path | None,
    resume: bool,
    overrides: tuple[str, ...],
    plugins: tuple[Path, ...],
    workers: int,
    flags: list[str],
) -> int:
    """Train with several processes on this machine, which need one folder."""
    from probvae.runs.folder import default_folder
    from probvae.runs.workers import run_workers

    folder = out or (spec if spec.is_dir() else default_folder(spec.stem, resume))
    arguments = ["train", str(spec), "--out", str(folder), *(["--resume"] if resume else []), *flags]
    arguments += [part for override in overrides for part in ("--set", override)]
    arguments += [part for plugin in plugins for part in ("--plugin", str(plugin))]
    return run_workers(arguments, workers)


@click.command(cls=ModelCommand)
@run_argument
@click.option("--prior", required=True, metavar="NAME", help="The prior: one of `probvae list prior`.")
@click.option("--epochs", type=click.IntRange(1), help="Passes over the data. Default: those of RUN.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="The new run's folder. Default: runs/RUN-NAME, a new one."
)
@click.option("--resume", is_flag=True, help="Continue from the newest checkpoint of the new run's folder.")
@set_option
@plugin_option
@devices_option
@other_data_option
@json_option
@verbosity_options
def refit(
    run: Path,
    prior: str,
    epochs: int | None,
    out: Path | None,
    resume: bool,
    overrides: tuple[str, ...],
    plugins: tuple[Path, ...],
    devices: int | None,
    allow_other_data: bool,
    as_json: bool,
) -> None:
    """Fit another prior to the trained model of RUN, and say how many nats that gains.

    The encoder and the decoder keep the weights of RUN; only the prior is trained, to match the aggregate
    posterior, the latents of all training examples. No decoder is evaluated, so that an epoch takes a fraction of
    the time. RUN stays as it is. The new run is that of an ordinary spec, for all other commands. An example:

    `probvae refit runs/first --prior realnvp --epochs 50 --set model.prior.couplings=8`

    The gain is the mean over the test examples of the difference of the bounds on log p(x), with its standard
    error: both models are evaluated on the same examples with the same noise, so that it is far smaller than the
    errors of the bounds themselves. `probvae evaluate` prints it too, with more samples.
    """
    from probvae.runs import refit as run_refit

    changes = [] if epochs is None else [f"train.epochs={epochs}"]
    made = run_refit(
        run,
        prior,
        out,
        resume,
        [*overrides, *changes],
        plugins,
        progress(),
        devices=devices or 0,
        allow_other_data=allow_other_data,
    )
    _print_run(made, as_json)


@click.command(cls=ModelCommand)
@run_argument
@click.option(
    "--samples",
    type=click.IntRange(1),
    help="Importance samples per example. Default: those of the spec, or 100; published tables use 5,000.",
)
@click.option("--seed", type=int, help="Seed of the noise.")
@click.option(
    "--metrics",
    multiple=True,
    metavar="NAME[,NAME]",
    help="Metrics to compute besides those of every evaluation, as listed by `probvae list metric`. May be "
    "repeated. Default: those of RUN's spec.",
)
@data_options
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="A new .npz or .csv file for the estimates of each example, for example to find the least likely ones.",
)
@plugin_option
@devices_option
@json_option
@verbosity_options
def evaluate(
    run: Path,
    samples: int | None,
    seed: int | None,
    metrics: tuple[str, ...],
    selection: Selection,
    out: Path | None,
    plugins: tuple[Path, ...],
    devices: int | None,
    as_json: bool,
) -> None:
    """Evaluate RUN's best weights: two lower bounds on log p(x), how exact they are, and metrics.

    The ELBO and the importance-weighted bound come with their errors and with what says whether more samples would
    raise the second. For the test split of RUN's own data, the numbers are written to evaluation.json in its
    folder and those of each example to evaluation.npz, for `probvae compare`.
    """
    from probvae.runs import evaluate as run_evaluation
    from probvae.specs import setting
    from probvae.training import is_chief

    settings = {"samples": samples, "seed": seed}
    changes = [f"evaluate.{key}={value}" for key, value in settings.items() if value is not None]
    if metrics:
        names = [name.strip() for names in metrics for name in names.split(",") if name.strip()]
        changes.append(setting("evaluate.metrics", names))
    record = run_evaluation(
        run,
        [*selection.overrides, *changes],
        plugins,
        progress(),
        data=selection.file,
        split=selection.split,
        out=out,
        allow_other_data=selection.allow_other_data,
        devices=devices or 0,
    )
    if as_json and is_chief():
        print_json(record)


@click.command(cls=ModelCommand)
@run_argument
@click.option("--count", type=click.IntRange(1), default=100, show_default=True, help="How many samples.")
@click.option(
    "--condition",
    metavar="CLASS|VALUES",
    help="Of a conditional model: a class by its name or number, or a value for each column: age=41,sex=f. "
    "Default: each class in turn.",
)
@seed_option
@out_option
@plugin_option
@json_option
def sample(
    run: Path,
    count: int,
    condition: str | None,
    seed: int,
    out: Path | None,
    plugins: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Draw samples from the prior of RUN and decode them: the means of p(x|z), and draws in .npz or .csv."""
    from probvae.runs import inference

    _print(inference.sample(run, count, seed, out, plugins, condition), as_json)


@click.command(cls=ModelCommand)
@run_argument
@data_options
@seed_option
@out_option
@plugin_option
@devices_option
@json_option
def reconstruct(
    run: Path,
    selection: Selection,
    seed: int,
    out: Path | None,
    plugins: tuple[Path, ...],
    devices: int | None,
    as_json: bool,
) -> None:
    """Encode examples with RUN and decode them again: a picture of some, or all of them in .npz or .csv."""
    from probvae.runs import inference

    written = inference.reconstruct(run, selection, seed, out, plugins, devices or 0)
    _print(written, as_json)


@click.command(cls=ModelCommand)
@run_argument
@data_options
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="A new .npz or .csv file. Default: a file in the run's folder.",
)
@plugin_option
@devices_option
@json_option
def encode(
    run: Path,
    selection: Selection,
    out: Path | None,
    plugins: tuple[Path, ...],
    devices: int | None,
    as_json: bool,
) -> None:
    """Write the posterior means and deviations of examples, with their labels, ids and rows, as .npz or .csv.

    A posterior without them, as that of a hierarchy, gives one draw for each example.
    """
    from probvae.runs import inference

    _print(inference.encode(run, selection, out, plugins, devices or 0), as_json)


@click.command(cls=ModelCommand)
@run_argument
@click.option(
    "--format",
    type=click.Choice(["saved_model", "onnx"]),
    default="saved_model",
    show_default=True,
    help="saved_model for TensorFlow, onnx for ONNX Runtime and others.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="A new folder. Default: export/FORMAT in the run's folder."
)
@plugin_option
@json_option
def export(run: Path, format: Format, out: Path | None, plugins: tuple[Path, ...], as_json: bool) -> None:
    """Export the model of RUN to files that need no probvae, and compare them with the model.

    A SavedModel has the signatures encode, decode, sample, bounds (on log p(x) of each example) and log_weight.
    ONNX has those without random numbers, where it has their operations; what is left out is said, with the
    reason. export.json beside the files has shapes, classes, how x is prepared, and the largest differences.
    """
    from probvae.runs import export as export_run

    written = export_run(run, out, format, plugins)
    if as_json:
        print_json({"folder": str(written.folder), **written.record})
    else:
        print_text(str(written))


def _print(written: Output, as_json: bool) -> None:
    if as_json:
        print_json({"path": str(written.path), "shapes": written.shapes})
    else:
        print_text(str(written))


COMMANDS = [train, refit, evaluate, sample, reconstruct, encode, export]
