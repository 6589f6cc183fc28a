"""Whether what is saved is the whole component."""

from __future__ import annotations

from contextlib import suppress

from probvae.errors import explained
from probvae.testing.case import Case
from probvae.testing.checking import Inconclusive, Violation, check
from probvae.testing.fresh import fresh_process
from probvae.testing.instances import answers, arrays, assign, compare, keep, questions
from probvae.testing.subject import Refused, Subject
from probvae.testing.views import DISTRIBUTIONS, View, view_of


@check(*DISTRIBUTIONS, "bijector", fast=5, deep=60)
def restores(subject: Subject, case: Case) -> None:
    """A second instance, already in use, that is given the first one's variables by name answers as the first.

    What is drawn in __init__, or measured there on the training examples, and kept in an array, a list or a number
    is not a variable: it is not in the checkpoint, and the restored model is another model, as loading a run
    supplies zeros in the place of the examples. What is computed in the first call and kept does not follow the
    variables when they are restored, nor when they learn.
    """
    view = view_of(subject, case)
    inputs, points = questions(view)
    expected = answers(view, inputs, points)
    try:
        second = View(subject.kind, subject.build(case, restoring=True), case)
    except Exception as error:
        reason = (str(error) if isinstance(error, Refused) else explained(error)).rstrip(".")
        raise Violation(f"it does not build as loading a run builds it: {reason}. {keep(subject)}") from error
    with suppress(Exception):  # before its variables are restored an answer need not exist
        answers(second, inputs, points)
    assign(second.component, arrays(view.component))
    compare(answers(second, inputs, points), expected, "a second instance with the same variables", subject)


@check(*DISTRIBUTIONS, "bijector", fast=2, deep=10)
def restores_in_a_fresh_process(subject: Subject, case: Case) -> None:
    """Built from its configuration in a new process and given its saved variables, it answers as before.

    That is what loading a run does. Names that count the layers made so far, hashes that differ between
    processes, and state left in a module all hold within one process and not across two.
    """
    view = view_of(subject, case)
    inputs, points = questions(view)
    expected = answers(view, inputs, points)
    reply = fresh_process().ask(subject, case, arrays(view.component), inputs, points)
    if reply.problem:
        if reply.unreachable:
            raise Inconclusive(reply.problem)
        raise Violation(f"in a new process: {reply.problem}")
    compare(reply.values, expected, "the component in a new process", subject)
