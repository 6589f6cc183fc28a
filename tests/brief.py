"""The kit in the quick run of the tests."""

from dataclasses import replace


def briefly(check):
    """The check with a third of its random cases; the defaults are tried in any run."""
    return replace(check, examples={"fast": check.examples["fast"] // 3})
