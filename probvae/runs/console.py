"""What `probvae train` prints: a summary, progress, and the numbers of an evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from probvae.core.words import counted
from probvae.evaluation import Bits, Bounds, Convergence, Estimate
from probvae.report.numbers import with_error
from probvae.runs.loading import Built
from probvae.training import Callback, Compilation, Devices, Epoch, Progress

_HEADINGS = {"train": "Train data:", "validation": "Validation:", "test": "Test data:", "all": "All data:"}

LABELS = {"negative_log_likelihood": "nll", "negative_elbo": "-elbo", "beta": "β"}


class Terminal(Callback):
    """A live bar on a terminal, and a line for each epoch everywhere."""

    def __init__(self, console: Console, epochs: int) -> None:
        self.console = console
        self.epochs = epochs
        self.bar = Bar(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=8),
            TextColumn("{task.fields[text]}", markup=False),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task("", total=None, epoch=f"1/{epochs}", text="compiling the step")

    def __enter__(self) -> Terminal:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def resumed(self, epoch: int, step: int, complaints: Sequence[str]) -> None:
        """Say where training resumes, and which checkpoints were skipped."""
        for complaint in complaints:
            self.console.print(f"skipped: {complaint}", markup=False)
        self.console.print(f"Resuming after step {step:,} ({epoch} whole epoch{'s' * (epoch != 1)}).")

    def progress(self, progress: Progress) -> None:
        """Move the bar."""
        steps = progress.steps_per_epoch
        self.bar.update(
            self.task,
            completed=(progress.epoch - 1) * steps + progress.step,
            total=self.epochs * steps,
            epoch=f"{progress.epoch}/{self.epochs}",
            text=f"{terms(progress.means, digits=1)}  {progress.examples_per_second:,.0f} examples/s",
        )

    def epoch_ended(self, epoch: Epoch) -> None:
        """Print the epoch's line."""
        width = len(str(self.epochs))
        star = " *" if epoch.best else ""
        speed = f"{epoch.examples_per_second:,.0f} examples/s"
        skipped = f"  {epoch.skipped:,} steps skipped: not finite" if epoch.skipped else ""
        self.console.print(
            f"epoch {epoch.epoch:>{width}}/{self.epochs}  {terms(epoch.train)}  "
            f"validation {epoch.validation['loss']:.2f}{star}  {speed}{skipped}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )

    def noted(self, note: str) -> None:
        """Print it."""
        self.console.print(f"note: {note}", markup=False, soft_wrap=True)

    def stopped_early(self, epoch: int, best_epoch: int) -> None:
        """Say so."""
        self.console.print(f"Stopped after epoch {epoch}: the validation loss was best after epoch {best_epoch}.")


def terms(means: Mapping[str, float], digits: int = 2) -> str:
    """The loss and its terms on one line.

    >>> terms({"loss": 250.0, "negative_log_likelihood": 240.0, "kl": 10.0, "beta": 1.0})
    'loss 250.00 (nll 240.00, kl 10.00, β 1.00)'
    """
    parts = ", ".join(
        f"{LABELS.get(name, name)} {value:.{digits}f}" for name, value in means.items() if name != "loss"
    )
    return f"loss {means['loss']:.{digits}f} ({parts})"


def print_summary(console: Console, folder: Path, built: Built, here: Devices, compilation: Compilation) -> None:
    """The model, its data, and the choices made for them."""
    vae, info = built.vae, built.data.info
    parts = {path[-1]: component.label for path, component in built.plan.components.items()}
    count = sum(int(np.prod(variable.shape)) for variable in vae.trainable_variables)
    names = [f"{parts[kind]} {kind}" for kind in ("encoder", "decoder", "prior", "classifier") if kind in parts]
    train, validation, test = info.sizes
    decided = ", ".join(f"{name} {choice}" for name, choice in built.choices.items())
    for line in (
        f"Model:      {', '.join(names)}; {vae.latent_dim} latents, {count:,} parameters",
        f"Objective:  {parts['objective']}" + (f" ({decided})" if decided else ""),
        f"Data:       {parts['data']}: {train:,} training, {validation:,} validation, {test:,} test examples",
        f"            {info.protocol}",
        *([f"            condition: {info.condition}"] if info.condition else []),
        *(f"            {note}" for note in info.notes),
        f"Step:       {built.plan.train.precision}, {compilation}",
        *([] if here.strategy.num_replicas_in_sync == 1 else [f"Devices:    {here}"]),
        f"Run:        {folder}",
        "Losses are in nats per example; * marks the best validation loss so far.",
    ):
        console.print(line, markup=False, soft_wrap=True)


def print_evaluation(
    console: Console,
    found: Bounds,
    convergence: Convergence,
    bits: Mapping[str, Bits],
    gain: Bounds | None,
    record: Mapping[str, Any],
) -> None:
    """The numbers of an evaluation, with unit and standard error; of discrete data in bits per dimension too.

    Args:
        console: where to print.
        found: the bounds.
        convergence: how far the importance-weighted one has come.
        bits: the same in bits per dimension.
        gain: their differences from those of another model; None if there is none.
        record: the evaluation as it is written.
    """
    elbo, weighted = found
    in_bits = {name: f", {number} bits per dimension" for name, number in bits.items()}
    heading = _HEADINGS[record["split"]]
    condition = record.get("condition")
    found_classes = record.get("accuracy")
    accuracy = found_classes and with_error(found_classes["value"], found_classes["standard_error"])
    unlabelled = record.get("without_label")
    for line in (
        f"{heading:<12}weights of epoch {record['epoch']}; log-{record['measure']} in nats per example, mean ± "
        f"standard error over {elbo.examples:,} examples",
        f"            evidence lower bound  {elbo}{in_bits.get('elbo', '')}",
        f"            importance-weighted   {weighted}{in_bits.get('importance_weighted', '')}  "
        f"({counted(weighted.samples, 'sample')}; a tighter bound)",
        *(f"            {line}" for line in _quality(found, convergence)),
        *(
            [
                f"            gain over {record['settings']['compare_with']}: {_shown(gain.elbo)}, importance-"
                f"weighted {_shown(gain.importance_weighted)}  (means of the differences of each example)",
                *([f"            {note}"] if (note := record["gain"].get("note")) else []),
            ]
            if gain
            else []
        ),
        *([f"            of log p(x|c), given the condition c: {condition}"] if condition else []),
        *([f"            left out, without a label: {unlabelled:,}"] if unlabelled else []),
        *([f"            accuracy of the classifier  {accuracy}"] if accuracy else []),
    ):
        console.print(line, markup=False, soft_wrap=True)


def _shown(estimate: Estimate) -> str:
    """A difference, whose error may be much smaller than those of the bounds."""
    return with_error(estimate.value, estimate.standard_error)


def _quality(found: Bounds, convergence: Convergence) -> Iterator[str]:
    """What the samples are worth, and what to do about it."""
    elbo, weighted = (estimate.monte_carlo_error for estimate in found)
    if elbo is not None and weighted is not None:
        half = f"{convergence.half:.2f} with {counted(convergence.samples // 2, 'sample')}"
        yield f"Monte Carlo errors    {elbo:.3f} and {weighted:.3f}; the tighter bound is {half}"
    heavy = convergence.share_k_over_0_7
    yield f"effective samples     {convergence.effective_sample_size:,.0f} (median), under 5 for " + (
        f"{convergence.share_under_5:.0%} of the examples"
        + ("" if heavy is None else f"; Pareto k over 0.7 for {heavy:.0%}")
    )
    if convergence.warning:
        yield convergence.warning
