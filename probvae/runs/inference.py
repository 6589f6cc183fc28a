"""Using a trained run: samples, reconstructions and encodings, as a picture or as arrays."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from probvae.core import (
    VAE,
    Array,
    Batch,
    Condition,
    Data,
    Table,
    Tensor,
    available_memory,
    mean_of,
    readable,
    without_autograph,
)
from probvae.core.room import largest_tensor
from probvae.data.files.columns import in_units
from probvae.errors import UserError
from probvae.evaluation import over_examples
from probvae.report import reconstructions, samples, save
from probvae.report.examples import conditions_of_samples
from probvae.runs.loading import load_examples, load_run
from probvae.runs.results import Output, check_new, collect, write_arrays, writing
from probvae.runs.selection import TEST, Selection
from probvae.training import select_devices

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_IN_A_PICTURE = 10_000


def sample(
    folder: str | os.PathLike[str],
    count: int,
    seed: int = 0,
    out: Path | None = None,
    plugins: Sequence[str | Path] = (),
    condition: str | None = None,
) -> Output:
    """Samples of a run's model: a picture of means, or arrays `mean` and `x` [S, *E], where x ~ p(x|z).

    Where p(x|z) has no mean, the picture is of draws, and the array `mean` is left out. In a .csv file examples
    that are rows of a table have its columns, `x_age` and `mean_age`, in its units. Those of a conditional
    model come with their `condition` [S, C]: the given one, as `Condition.read` takes it, or each class in turn.
    In a .csv file that is the name of the class, or `condition_age` and so on in the units of the table.

    Raises:
        UserError: there are too many, the file cannot be written, or the condition is wrong or missing.
    """
    check_new(out, [".png", ".npz", ".csv"])
    run, built, _ = load_run(folder, plugins=plugins)
    vae = built.vae
    columns = run.environment.data.condition
    given = _condition(columns, condition)
    name = "" if condition is None else f"-given-{re.sub(r'[^A-Za-z0-9.-]+', '-', condition)}"
    path = out or run.folder / f"samples{name}-seed-{seed}.png"
    _check_room(vae, count)
    if path.suffix == ".png" and count > MOST_IN_A_PICTURE:
        raise UserError(
            f"--count: expected at most {MOST_IN_A_PICTURE:,} samples in a picture; got {count:,}. Lower it, or "
            "write arrays: --out NAME.npz."
        )

    def arrays() -> dict[str, Array]:
        # The same seed gives the same latents to the means, to the draws and to the picture.
        c = conditions_of_samples(vae, count, columns, None, given, seed)
        means = {"mean": vae.sample(count, seed, mean=True, condition=c).numpy()} if _has_means(vae) else {}
        return {
            **means,
            "x": vae.sample(count, seed, condition=c).numpy(),
            **({} if c is None else {"condition": c}),
        }

    def picture() -> Figure:
        return samples(vae, seed, count=count, columns=columns, condition=given)

    return _write(path, picture, arrays, fitted=run.environment.data.fitted, condition=columns)


def _condition(columns: Condition | None, text: str | None) -> Array | None:
    """The condition of all samples, or None for each class in turn.

    Raises:
        UserError: the text is wrong, the model takes no condition, or one of numbers is missing.
    """
    if columns is None:
        if text is not None:
            raise UserError(
                f"--condition: expected none, as the model is not conditional; got {text!r}. Leave it out."
            )
        return None
    if text is None and not columns.one_hot:
        raise UserError(f"--condition: expected {columns.expected}; got none.")
    return None if text is None else columns.read(text)


def _check_room(vae: VAE, count: int) -> None:
    """Refuse more samples than fit into the memory, before any is drawn.

    Raises:
        UserError: their means and draws do not.
    """
    available, size = available_memory(), 2 * 4 * count * math.prod(vae.event_shape)
    if available is None:
        return
    what = f"whose means and draws take {readable(size)}"
    if size <= available and count > MOST_IN_A_PICTURE:  # what the decoder computes on its way may be larger
        c = tf.zeros(vae.condition_dim) if vae.condition_dim else None
        largest = largest_tensor(partial(without_autograph(vae.sample, vae), count, condition=c))
        size, what = largest.bytes, f"whose decoding takes a tensor {largest}"
    if size > available:
        raise UserError(
            f"--count: expected samples that fit into the available memory, {readable(available)}; got {count}, "
            f"{what}. Lower it."
        )


def reconstruct(
    folder: str | os.PathLike[str],
    selection: Selection = TEST,
    seed: int = 0,
    out: Path | None = None,
    plugins: Sequence[str | Path] = (),
    devices: int = 0,
) -> Output:
    """Reconstructions of a run's data: a picture of some, or arrays `x` and `mean` [N, *E] of all, with `row` [N].

    The same seed gives the same binarisation and latents to both. Where p(x|z) has no mean, reconstructions are
    draws, and the array is named `draw`. What is missing in the data is NaN in `x`. In a .csv file examples that
    are rows of a table have its columns, `x_age` and `mean_age`, in its units.
    """
    selection.check_tables("data")
    check_new(out, [".png", ".npz", ".csv"])
    here = select_devices(devices)
    with here.strategy.scope():
        run, built, _, data = load_examples(folder, selection, plugins)
    vae, splits = built.vae, selection.splits(data)
    path = out or run.folder / f"reconstructions-{_label(selection)}-seed-{seed}.png"
    made = "mean" if _has_means(vae) else "draw"

    def arrays() -> dict[str, Array]:
        def function(batch: Batch, noise: Tensor) -> dict[str, Tensor]:
            condition = vae.with_condition(batch).condition
            known = True if batch.observed is None else batch.observed
            return {"x": tf.where(known, batch.x, np.nan), made: vae.reconstruct(batch.x, noise, condition)}

        with here.strategy.scope():
            return collect(splits, lambda part: over_examples(vae, part, function, seed))

    def picture() -> Figure:
        if len(splits) > 1:
            raise UserError("--split: expected one split for a picture; got all. Choose one, or --out NAME.npz.")
        ((name, split),) = splits.items()
        return reconstructions(vae, split, seed, name, data.info)

    return _write(path, picture, arrays, data, data.info.fitted, chief=here.chief)


def encode(
    folder: str | os.PathLike[str],
    selection: Selection = TEST,
    out: Path | None = None,
    plugins: Sequence[str | Path] = (),
    devices: int = 0,
) -> Output:
    """Encodings of a run's data: `mean` and `stddev` [N, D], `row` [N], `id` and `labels` where it has them.

    Where q(z|x) has no mean or standard deviation, as that of a hierarchy, one draw takes their place, `z` [N, D].
    A model with a classifier adds `class_probabilities` [N, K]; where a label is missing, the encoding is that
    given the most probable class.
    """
    selection.check_tables("data")
    check_new(out, [".npz", ".csv"])
    here = select_devices(devices)
    with here.strategy.scope():
        run, built, _, data = load_examples(folder, selection, plugins)
    vae, splits = built.vae, selection.splits(data)
    path = out or run.folder / f"encodings-{_label(selection)}.npz"

    def arrays() -> dict[str, Array]:
        def function(batch: Batch, noise: Tensor) -> dict[str, Tensor]:
            return _encodings(vae, batch, noise)

        with here.strategy.scope():
            return collect(splits, lambda part: over_examples(vae, part, function, seed=0))

    return _write(path, None, arrays, data, chief=here.chief)


def _label(selection: Selection) -> str:
    """What the default name of a file says of its examples."""
    if not selection.of_other_data:
        return selection.split_name
    source = "data" if selection.file is None else Path(selection.file).stem
    return f"{source}-{selection.split_name}"


def _has_means(vae: VAE) -> bool:
    return mean_of(vae.likelihood(tf.zeros((1, vae.latent_dim)), vae.zeros(1).condition)) is not None


def _encodings(vae: VAE, batch: Batch, noise: Tensor) -> Table:
    q = vae.posterior(batch.x, vae.with_condition(batch).condition)
    classes = {} if vae.classifier is None else {"class_probabilities": vae.labels(batch.x).probs_parameter()}
    try:
        return {"mean": q.mean(), "stddev": q.stddev()} | classes
    except NotImplementedError:
        return {"z": q.sample(seed=noise)} | classes


def _write(
    path: Path,
    figure: Callable[[], Figure] | None,
    arrays: Callable[[], dict[str, Array]],
    data: Data | None = None,
    fitted: Table | None = None,
    condition: Condition | None = None,
    chief: bool = True,
) -> Output:
    """Write a picture or arrays, depending on the suffix.

    Args:
        path: the file.
        figure: makes the picture.
        arrays: makes the arrays.
        data: the data that they are of, for the names of the classes.
        fitted: what was learnt from the training examples, where the arrays `x`, `mean` and `draw` are examples.
        condition: what the columns of the array `condition` are.
        chief: whether this process writes; another one helps to make the arrays.

    Raises:
        UserError: the file cannot be written.
    """
    if path.suffix == ".png" and figure is not None:
        if chief:
            with writing(path) as place:
                save(figure(), place)
        return Output(path, {})
    made = arrays()
    if not chief:
        return Output(path, {name: list(array.shape) for name, array in made.items()})
    if path.suffix == ".csv" and fitted:
        for name in [name for name in ("x", "mean", "draw") if name in made]:
            if columns := in_units(fitted, made[name]):
                del made[name]
                made |= {f"{name}_{column}": values for column, values in columns.items()}
    if path.suffix == ".csv" and condition and "condition" in made:
        columns = condition.in_units(made.pop("condition"))
        made |= {f"condition_{column}" if column else "condition": values for column, values in columns.items()}
    return write_arrays(path, made, data.info.classes if data else ())
