"""Whether the likelihood of a model supports the values of its data."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace

from probvae.core import BINARY, COUNTS, REAL, UNIT, VAE, DataInfo, GroupedValues, full_scale
from probvae.errors import DataWarning, SpecError
from probvae.specs.plan import DATA
from probvae.specs.planned import Plan, PlannedComponent


def check_support(plan: Plan, vae: VAE, info: DataInfo) -> None:
    """Compare the values of the data with the support of the likelihood.

    A `DataWarning` is for values that are far from the initial scale of a likelihood of real numbers, as raw 8-bit
    images.

    Raises:
        SpecError: some values are outside of the support, and would make the loss NaN.
    """
    support = vae.decoder.support
    if isinstance(support, GroupedValues):
        if info.groups != support.groups:
            expected = f"data whose examples are of {support}, in this order"
            got = str(GroupedValues(info.groups)) if info.groups else f"{info.values}, all of one kind"
            raise SpecError([plan.document.problem(("data",), expected, got, "Give a table of the same columns.")])
        return
    if info.values in support:
        if support == REAL and (reason := _out_of_scale(info, plan.components[DATA.path])):
            warnings.warn(reason, DataWarning, stacklevel=2)
        return
    dataset = plan.components[DATA.path]
    hints = []
    if support in UNIT and info.values.low >= 0 and info.values.high > 1:
        scale = full_scale(info.values, info.event_shape)
        if scale is None or len(info.event_shape) == 1:
            hints.append(_COUNTS)
        if scale is not None:
            start = "If they are intensities: " if hints else ""
            binary = " and data.binarize = 'dynamic'" if support == BINARY else ", so that they lie from 0 to 1"
            hints.append(f"{start}{_scaling(dataset, scale)}{binary}.")
    elif support.one_hot and info.values in BINARY:
        hints.append("Each example needs exactly one 1 along its last axis, as numpy.eye(K)[categories] has.")
    elif support.open and info.values in replace(support, open=False):
        hints.append("Some values lie at an end, where it has no density: move them a little inside.")
    elif support == BINARY and info.values in UNIT:
        hints.append("Set data.binarize = 'dynamic', or model.decoder.likelihood.use = 'continuous_bernoulli'.")
    elif support.steps > 1 and info.values in UNIT:
        hints.append(
            f"If they are integers that were divided by {support.steps}, give the integers, and set "
            f"data.divide_by = {support.steps}. Or set model.decoder.likelihood.use = 'continuous_bernoulli'."
        )
    elif support == COUNTS:
        if dataset.values.get("standardise"):
            hints.append("If they are counts, set data.standardise = false.")
        hints.append("For other numbers set model.decoder.likelihood.use = 'normal', which takes all.")
    elif support in UNIT:
        hints.append("Set model.decoder.likelihood.use = 'normal', which takes all numbers.")
    elif support.integer and info.values in COUNTS:
        hints.append(
            f"Give the likelihood more values, up to {info.values.high:g} (levels or trials), or set "
            "model.decoder.likelihood.use = 'negative_binomial', which takes all counts."
        )
    elif support.integer:
        hints.append("Set model.decoder.likelihood.use = 'normal', which takes all numbers.")
    found = f"{info.values}, from {dataset.use!r}"
    path = ("model", "decoder", "likelihood")
    expected = f"data that the likelihood supports, {support}"
    raise SpecError([plan.document.problem(path, expected, found, " ".join(hints))])


_COUNTS = (
    "If they are counts, take a likelihood that supports them, such as model.decoder.likelihood.use = "
    "'negative_binomial', or 'normal' for numpy.log1p of them: binarising keeps little of a count."
)
_FAR = 100.0  # from 0: where a normal whose scale is near 1 gives a loss of thousands of nats for each element


def _out_of_scale(info: DataInfo, dataset: PlannedComponent) -> str:
    """A warning if the values are far from the initial scale of the likelihood, near 1; otherwise ""."""
    values, shape = info.values, info.event_shape
    scale = full_scale(values, shape) if values.low >= 0 else max(-values.low, values.high)
    if scale is None:
        scale = values.high
    if not _FAR < scale < math.inf:
        return ""
    return (
        f"The values of the data are {values}, far from the initial scale of the likelihood, near 1: the loss may "
        f"begin with millions of nats. {_scaling(dataset, scale)}, or standardise the data."
    )


def _scaling(dataset: PlannedComponent, scale: float) -> str:
    """How to divide the values of a dataset."""
    if "divide_by" in dataset.signature.all:
        return f"Set data.divide_by = {scale:g}"
    return f"Divide the values by {scale:g}"
