"""The kit in the quick run of the tests."""

from dataclasses import replace


def briefly(check, subject):
    """The check with a third of its random cases; the defaults are tried in any run.

    Where the regions of a check fix the shapes, a component without parameters has the same case twice: then only
    the defaults are tried.
    """
    count = max(1, check.examples["fast"] // 3)
    if len(check.regions) > 1 and not subject.signature.settable:
        count = 0
    return replace(check, examples={"fast": count})
