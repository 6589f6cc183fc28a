"""The kit in the quick run of the tests."""

import zlib
from dataclasses import replace

from probvae.testing import runner


def briefly(check, subject):
    """The check with one random case in each of its regions; the defaults are tried in any run.

    Where the regions of a check fix the shapes, a component without parameters has the same case twice: then only
    the defaults are tried.
    """
    same = len(check.regions) > 1 and not subject.signature.settable
    return replace(check, examples={"fast": 0 if same else 1})


def in_turn(check, subject):
    """The check in one of its regions: on the defaults, and for every third subject on a random case as well.

    Which region it is, and whether there is a random case, follows from the names. So each check is tried in each
    way, and a run is like any other. What has a network always gets a random case: its defaults are for images, or
    for vectors. `make slow` has all regions of each check, in depth.
    """
    turn = zlib.crc32(f"{check.name} {subject.kind} {subject.name}".encode())
    regions = [*check.regions.items()]
    random = subject.kind in ("encoder", "decoder", "classifier") or turn // len(regions) % 3 == 0
    return replace(check, regions=dict([regions[turn % len(regions)]]), examples={"fast": int(random)})


def check_in_turn(monkeypatch):
    """Let `probvae check` and `testing.check` run each check in one region."""
    run = runner.run
    monkeypatch.setattr(runner, "run", lambda check, subject, *how: run(in_turn(check, subject), subject, *how))
