"""The evaluation of a trained run: numbers on the test data, and figures."""

from __future__ import annotations

import json
import math
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress

from probvae import registry as registries
from probvae.components.metrics.accuracy import accuracy
from probvae.components.metrics.chunks import check_finite
from probvae.core import VAE, Array, Count, Data, GroupedValues, Split, Table, from_json, named_variables
from probvae.data.feeding.splits import labelled
from probvae.errors import ReportWarning, UserError
from probvae.evaluation import Bits, Bounds, Convergence, Estimate, example_bounds
from probvae.registry import Registry
from probvae.report import draw
from probvae.runs.callbacks import PluginHooks
from probvae.runs.compare_with import compared_model, conditional_note, is_conditional, measure_of
from probvae.runs.console import print_evaluation
from probvae.runs.environment import fingerprint, versions
from probvae.runs.folder import IDENTITY, Run, write
from probvae.runs.loading import load_examples
from probvae.runs.metrics import data_for, measured, print_metrics
from probvae.runs.reporting import try_report
from probvae.runs.results import check_new, collect, write_arrays
from probvae.runs.selection import TEST, Selection
from probvae.specs import Plan
from probvae.training import Checkpoint, Devices, select_devices


def evaluate(
    run: str | os.PathLike[str],
    overrides: Sequence[str] = (),
    plugins: Sequence[str | Path] = (),
    console: Console | None = None,
    registry: Registry | None = None,
    data: object = None,
    split: str | None = None,
    out: str | os.PathLike[str] | None = None,
    allow_other_data: bool = False,
    devices: int = 0,
) -> Table:
    """Evaluate the weights of a run's best epoch: the ELBO, the importance-weighted bound, and metrics.

    On the test split of the run's own data, wherever it is read from, the numbers are written to its
    evaluation.json, and those of each example to evaluation.npz, unless it has more samples of the same weights
    (it then gets the metrics alone); other evaluations are only returned. Where the folder cannot be written,
    that is a warning, and the numbers are returned.

    Args:
        run: the run, or its folder.
        overrides: settings of [evaluate], as `evaluate.samples=5000` or `evaluate.metrics=["probe"]`, and of
            [data], for other data.
        plugins: files to load as plugins first.
        console: where to print; None for the standard output.
        registry: where names are looked up; None for the default one.
        data: what to evaluate instead of the run's data: a file of arrays, a table, a folder of images, or data in
            Python as `train` takes it.
        split: train, validation, test or all; None for test, or for all of `data`.
        out: a new .npz or .csv file for the estimates of each example, as in evaluation.npz.
        allow_other_data: whether the run's data may differ from what the run was trained on.
        devices: how many devices of this machine share the examples, as in `train`; the numbers are the same.

    Returns:
        The numbers, as in evaluation.json.

    Raises:
        UserError: an override is of another table, or the data differs from that of the run.
    """
    check_new(out, [".npz", ".csv"])
    selection = Selection.of(split, data, overrides, allow_other_data)
    selection.check_tables("evaluate", "data")
    here = select_devices(devices)
    console = (console or Console(highlight=False)) if here.chief else Console(quiet=True)
    registry = registry or registries.default()
    with here.strategy.scope():
        loaded, built, checkpoint, examples = load_examples(run, selection, plugins, registry)
        other = compared_model(loaded, loaded.environment.data, built.vae, built.plan.evaluate, registry)
    kept = selection.split_name == "test" and (selection.compared or loaded.was_trained_on(examples))
    kept = kept and here.chief and _can_be_written(loaded)
    record, arrays = measure(built.vae, examples, built.plan, checkpoint, console, here, selection, other)
    if out is not None and here.chief:
        console.print(
            f"            {write_arrays(Path(out), arrays, examples.info.classes)}", markup=False, soft_wrap=True
        )
    if kept:
        record_evaluation(loaded, checkpoint, record, arrays, console)
        try_report(loaded, registry)
        PluginHooks(registry, loaded).notify("probvae_run_evaluated")
    return record


def _can_be_written(run: Run) -> bool:
    """Whether the folder of a run can be written, as for one of somebody else it cannot; if not, this warns."""
    if can := os.access(run.folder, os.W_OK):
        return can
    warnings.warn(
        f"{run.folder} cannot be written: its evaluation.json stays as it is. The numbers are printed; --json "
        "prints all of them, and --out FILE writes those of each example.",
        ReportWarning,
        stacklevel=3,
    )
    return False


def measure(
    vae: VAE,
    data: Data,
    plan: Plan,
    checkpoint: Checkpoint,
    console: Console,
    here: Devices,
    selection: Selection = TEST,
    other: VAE | None = None,
    callback: Callable[[], None] = lambda: None,
) -> tuple[Table, dict[str, Array]]:
    """Both bounds on the examples of a split with a checkpoint's weights, printed.

    For a model with a classifier, they are of the examples that have a label.

    Args:
        vae: the model, with the weights of the checkpoint.
        data: the data.
        plan: the checked spec, with the settings of [evaluate].
        checkpoint: where the weights are from.
        console: where to print.
        here: the devices that share the examples; the chief alone computes metrics.
        selection: the split of the data to use.
        other: the model to compare with, on the same examples and with the same noise; None for none.
        callback: called now and then; it may raise to stop.

    Returns:
        The numbers, as in evaluation.json, and the estimates for each example.
    """
    settings, splits = plan.evaluate, selection.splits(data)
    count = sum(map(len, splits.values()))
    metrics: Table = {}
    if len(splits) == 1 and here.chief:
        ((name, split),) = splits.items()
        metrics = measured(plan, vae, data_for(vae, data, split, name), console, callback)
    if vae.classifier is not None:
        splits = labelled(splits, vae.condition_dim)
    total = sum(map(len, splits.values()))
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("evaluating", total=total if other is None else 2 * total)

        def estimates(examples: Split, vae: VAE) -> dict[str, Array]:
            before = bar.tasks[0].completed

            def progress(done: float, _: int) -> None:
                bar.update(task, completed=before + done)
                callback()

            with here.strategy.scope():
                found = example_bounds(
                    vae, examples, settings.samples, settings.seed, settings.batch_size, progress
                )
            check_finite(found["elbo"], examples, "evidence lower bound")
            return found

        arrays = collect(splits, partial(estimates, vae=vae))
        others = {} if other is None else collect(splits, partial(estimates, vae=other))
    found, convergence = Bounds.of(arrays, settings.samples), Convergence.of(arrays, settings.samples)
    gain: Bounds | None = None
    of_gain: Table = {}
    if other is not None:
        elbo, weighted = (
            Estimate.of(arrays[name] - others[name], None, settings.samples) for name in Bounds._fields
        )
        gain = Bounds(elbo, weighted)
        of_gain = {name: asdict(number) for name, number in gain._asdict().items()}
        if is_conditional(vae) != is_conditional(other):
            of_gain["note"] = conditional_note("this run" if is_conditional(vae) else "the other run")
    classified = {}
    if vae.classifier is not None:
        found_accuracy = accuracy(vae, splits.values(), settings.seed)
        classified["accuracy"] = {"value": found_accuracy.value, "standard_error": found_accuracy.standard_error}
    bits = _in_bits(found, vae, splits)
    record = {
        "split": selection.split_name,
        "unit": "nats per example",
        "measure": measure_of(vae),
        "protocol": data.info.protocol,
        "bits_of_seed": any(split.binarize_on_read for split in splits.values()),
        "dataset": plan.components[("data",)].label,
        "fingerprint": fingerprint(data),
        "settings": asdict(settings),
        "precision": plan.train.precision,
        "versions": versions(),
        "checkpoint": checkpoint.folder.name,
        "epoch": checkpoint.state.epoch,
        "parameters": sum(math.prod(variable.shape) for variable in named_variables(vae).values()),
        **({"condition": str(data.info.condition)} if is_conditional(vae) else {}),
        **{name: asdict(estimate) for name, estimate in found._asdict().items()},
        "convergence": _as_numbers(convergence),
        **({"gain": of_gain} if of_gain else {}),
        **classified,
        **({"without_label": count - total} if total < count else {}),
        "metrics": metrics,
        **({"bits_per_dimension": {name: asdict(number) for name, number in bits.items()}} if bits else {}),
    }
    print_evaluation(console, found, convergence, bits, gain, record)
    if metrics:
        print_metrics(console, metrics)
    else:
        console.print("            without metrics, which are of one split: choose it with --split", markup=False)
    return record, arrays


def _as_numbers(convergence: Convergence) -> Table:
    """The numbers of a convergence, with their units, as far as they are defined for so few samples."""
    S, share = convergence.samples, "of the examples"
    found: dict[str, Table] = {
        "importance_weighted_half": {"value": convergence.half, "samples": S // 2},
        "effective_sample_size": {"value": convergence.effective_sample_size, "unit": f"of {S:,} samples, median"},
        "effective_sample_size_under_5": {"value": convergence.share_under_5, "unit": share},
        "pareto_k_over_0.7": {"value": convergence.share_k_over_0_7, "unit": share},
    }
    known: Table = {name: number for name, number in found.items() if number["value"] is not None}
    return known | ({"note": convergence.warning} if convergence.warning else {})


def _in_bits(found: Bounds, vae: VAE, splits: Mapping[str, Split]) -> dict[str, Bits]:
    """The bounds in bits per dimension by name; none of a density, where values are missing, or of table columns.

    The elements of a one-hot vector are one column, and no dimensions.
    """
    if not vae.support.discrete or isinstance(vae.support, GroupedValues):
        return {}
    if any(split.observed is not None for split in splits.values()):
        return {}
    dimensions = math.prod(vae.event_shape)
    return {name: estimate.bits(dimensions) for name, estimate in found._asdict().items()}


def record_evaluation(
    run: Run, checkpoint: Checkpoint, record: Table, arrays: Mapping[str, Array], console: Console
) -> None:
    """Write the evaluation of a run's test data to its folder, and the estimates for each example beside it.

    An earlier evaluation of the same weights keeps its other metrics, and its bounds if it has more samples.
    """
    if (before := samples_before(run, checkpoint)) > record["settings"]["samples"]:
        write(run.evaluation_file, _as_text(run.evaluation() | _all_metrics(run, record)))
        kept = f"metrics added to {run.evaluation_file}, which keeps its bounds with {before:,} samples"
        console.print(f"            {kept}", markup=False, soft_wrap=True)
        return
    of = {"evaluation": np.array(json.dumps({name: record[name] for name in IDENTITY}))}
    write_arrays(run.example_evaluation_file, {**arrays, **of})
    write(run.evaluation_file, _as_text(record | _all_metrics(run, record)))
    console.print(f"            written to {run.evaluation_file}", markup=False, soft_wrap=True)


def _all_metrics(run: Run, record: Table) -> Table:
    """The metrics of a record, and those besides that the run's evaluation of the same weights has."""
    before: Table = {}
    with suppress(UserError):  # a damaged file is replaced
        before = run.evaluation()
    kept = before.get("metrics") if before.get("checkpoint") == record["checkpoint"] else None
    return {"metrics": (kept if isinstance(kept, dict) else {}) | record["metrics"]}


def _as_text(record: Table) -> str:
    return json.dumps(record, indent=2) + "\n"


@dataclass(frozen=True)
class _Settings:
    samples: Count
    seed: int = 0
    compare_with: str = ""


@dataclass(frozen=True)
class _Evaluated:
    """What is read of an evaluation.json."""

    checkpoint: str
    fingerprint: str
    settings: _Settings
    metrics: Table = field(default_factory=dict)


def _before(run: Run, checkpoint: Checkpoint) -> _Evaluated | None:
    """The evaluation of these weights on the run's data; None if it has none."""
    try:
        found = from_json(_Evaluated, run.evaluation_file.read_bytes())
    except (OSError, ValueError):
        return None
    same = found.checkpoint == checkpoint.folder.name and found.fingerprint == run.environment.data.fingerprint
    return found if same else None


def samples_before(run: Run, checkpoint: Checkpoint) -> int:
    """The number of importance samples of the evaluation of these weights on the run's data; 0 if it has none."""
    before = _before(run, checkpoint)
    return before.settings.samples if before else 0


def samples_as_planned(run: Run, checkpoint: Checkpoint, plan: Plan) -> int:
    """`samples_before`, if that evaluation has the settings and metrics of a plan, and as many samples; else 0."""
    before, settings = _before(run, checkpoint), plan.evaluate
    if before is None or before.settings.samples < settings.samples:
        return 0
    if (before.settings.seed, before.settings.compare_with) != (settings.seed, settings.compare_with):
        return 0
    wanted = {table.use: {**table.filled(), "seed": settings.seed} for table in plan.metrics}
    has_all = all(
        isinstance(found := before.metrics.get(name), dict)
        and found.get("settings") == json.loads(json.dumps(metric))
        for name, metric in wanted.items()
    )
    return before.settings.samples if has_all else 0


def draw_figures(run: Run, vae: VAE, data: Data, console: Console) -> None:
    """Draw the run's figures."""
    with console.status("drawing"):
        drawn = draw(vae, data, run.metrics(), run.figures, seed=run.spec["train"]["seed"])
    names = ", ".join(path.stem for path in drawn.written)
    console.print(f"Figures:    {run.figures}/ ({names})", markup=False, soft_wrap=True)
    for name, reason in drawn.left_out.items():
        console.print(f"            without {name}: {reason}", markup=False, soft_wrap=True)
