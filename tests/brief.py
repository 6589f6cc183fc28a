"""The kit in the quick run of the tests."""

from dataclasses import replace

from probvae.testing import runner


def briefly(check, subject):
    """The check with one random case in each of its regions; the defaults are tried in any run.

    Where the regions of a check fix the shapes, a component without parameters has the same case twice: then only
    the defaults are tried.
    """
    same = len(check.regions) > 1 and not subject.signature.settable
    return replace(check, examples={"fast": 0 if same else 1})


def check_briefly(monkeypatch):
    """Let `probvae check` and `testing.check` run each check briefly."""
    run = runner.run
    monkeypatch.setattr(runner, "run", lambda check, subject, *how: run(briefly(check, subject), subject, *how))
