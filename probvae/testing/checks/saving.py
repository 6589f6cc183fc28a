"""Saving: what is saved is the whole component."""

from __future__ import annotations

from contextlib import suppress

from probvae.errors import explained
from probvae.testing.case import Case
from probvae.testing.checking import Violation, check
from probvae.testing.fresh_process import evaluate_in_fresh_process
from probvae.testing.restoring import assign, compare, evaluate, reference_points, remedy, variables_of
from probvae.testing.subject import Refused, Subject
from probvae.testing.views import VIEWED, View, view_of


@check(*VIEWED, "bijector", fast=5, deep=60)
def restores(subject: Subject, case: Case) -> None:
    """A second instance, already in use, gives the same values once it has the first one's variables.

    What is drawn in __init__, or computed there from the training examples, and kept in an array, a list or a
    number is not a variable: it is not in the checkpoint, and the restored model differs, as loading a run
    supplies zeros instead of the examples. What is computed in the first call and cached follows the variables
    neither when they are restored nor when they are trained.
    """
    view = view_of(subject, case)
    inputs, points = reference_points(view)
    expected = evaluate(view, inputs, points)
    try:
        second = View(subject.kind, subject.build(case, restoring=True), case)
    except Exception as error:
        reason = (str(error) if isinstance(error, Refused) else explained(error)).rstrip(".")
        raise Violation(f"it does not build as loading a run builds it: {reason}. {remedy(subject)}") from error
    with suppress(Exception):  # before its variables are restored it need not give values
        evaluate(second, inputs, points)
    assign(second.component, {name: v.numpy() for name, v in variables_of(view.component).items()})
    compare(evaluate(second, inputs, points), expected, "a second instance with the same variables", subject)


@check(*VIEWED, "bijector", fast=2, deep=10)
def restores_in_a_fresh_process(subject: Subject, case: Case) -> None:
    """Built from its configuration in a new process and given its saved variables, it gives the same values.

    That is what loading a run does. Names that count the layers made before, hashes that differ between processes,
    and state left in a module all agree within one process and not across two.
    """
    view = view_of(subject, case)
    inputs, points = reference_points(view)
    expected = evaluate(view, inputs, points)
    saved = {name: v.numpy() for name, v in variables_of(view.component).items()}
    values = evaluate_in_fresh_process(subject, case, saved, inputs, points)
    compare(values, expected, "the component in a new process", subject)
