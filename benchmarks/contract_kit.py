"""Does the contract kit find mistakes, and does it pass correct components?

`matrix` runs the kit on every component of `tests/testing/broken`, each wrong by one mistake, and lists which
check catches which. `false_alarms` runs it on every one of `tests/testing/correct`, distributions of TensorFlow
Probability that are correct, with several seeds. `built_in` runs it in depth on the components of probvae itself.
All write contract_kit.json and the tables contract_kit.md to this folder after each component. Checks whose
result is there already are not repeated, so the script can be stopped and started again. After a check has
changed, take its results out first, `forget CHECK`; after all have, delete contract_kit.json.

    python -m benchmarks contract_kit matrix --jobs 2
    python -m benchmarks contract_kit false_alarms --seeds 20
    python -m benchmarks contract_kit built_in
    python -m benchmarks contract_kit forget finite learns
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from benchmarks.results import parser_of

if TYPE_CHECKING:
    from probvae.testing.checking import Profile

HERE = Path(__file__).parent
JSON, TABLES = HERE / "contract_kit.json", HERE / "contract_kit.md"
ALARMS = ("failed", "unexpected")
PARTS = ("matrix", "false_alarms", "built_in")
MADE_BY = "Made by `python -m benchmarks contract_kit`; the numbers are in `contract_kit.json`."

sys.path.insert(0, str(HERE.parent / "tests" / "testing"))  # the packages `broken` and `correct` are there


def report(
    known: dict[str, Any], kind: str, factory: str | Callable[..., Any], profile: Profile, seed: int
) -> dict[str, Any]:
    """The report of the kit on one component, as plain values; results that are known are kept."""
    from probvae import testing
    from probvae.testing.runner import checks_for

    statuses, messages = known.get("statuses", {}), known.get("messages", {})
    try:
        applicable = [check.name for check in checks_for(testing.Subject(kind, factory))]
        missing = [name for name in applicable if name not in statuses]
        if not missing:
            return known
        found = testing.check(kind, factory, profile=profile, seed=seed, only=missing)
    except Exception as error:  # the kit cannot even begin
        return {"kind": kind, "statuses": {}, "messages": {"the kit itself": f"{type(error).__name__}: {error}"}}
    alarms = {result.check: result.message for result in found.results if result.status != "passed"}
    statuses |= {result.check: result.status for result in found.results}
    return {
        "kind": kind,
        "ok": found.ok and known.get("ok", True),
        "statuses": {name: statuses[name] for name in applicable},
        "messages": messages | alarms,
        "cases": _by_check(known, "cases") | {result.check: result.cases for result in found.results},
        "seconds": _by_check(known, "seconds")
        | {result.check: round(result.seconds, 1) for result in found.results},
    }


def _by_check(row: dict[str, Any], what: str) -> dict[str, float]:
    """The cases or seconds of a row by check; what was kept as a sum at first is that of `earlier`."""
    kept = row.get(what, {})
    return kept if isinstance(kept, dict) else {"earlier": kept}


def total(row: dict[str, Any], what: str) -> float:
    """The cases or seconds of a row in all."""
    return sum(_by_check(row, what).values())


def try_mutant(known: dict[str, Any], name: str, profile: Profile, seed: int) -> dict[str, Any]:
    """The row of a broken component."""
    from broken import BROKEN

    mutant = BROKEN[name]
    return {**report(known, mutant.kind, mutant.factory, profile, seed), "mistake": mutant.mistake}


def try_correct(known: dict[str, Any], name: str, profile: Profile, seed: int) -> dict[str, Any]:
    """The row of a correct component, with one seed."""
    from correct import CORRECT

    return report(known, CORRECT[name].kind, CORRECT[name].factory, profile, seed)


def try_built_in(known: dict[str, Any], kind: str, name: str, profile: Profile) -> dict[str, Any]:
    """The row of a component of probvae itself."""
    return report(known, kind, name, profile, 0)


def read() -> dict[str, Any]:
    """The results so far."""
    return {part: {} for part in PARTS} | (json.loads(JSON.read_text()) if JSON.exists() else {})


def write(results: dict[str, Any]) -> None:
    """Replace the results, whole or not at all, and render them."""
    new = JSON.with_suffix(".new")
    new.write_text(json.dumps(results, indent=1) + "\n")
    new.replace(JSON)
    TABLES.write_text(tables(results))


def keep(part: str, key: str, row: dict[str, Any]) -> None:
    """Add one row to the results."""
    results = read()
    results[part] = results[part] | {key: row}
    write(results)


Task: TypeAlias = tuple[str, Callable[..., dict[str, Any]], tuple[Any, ...]]


def forget(checks: list[str]) -> None:
    """Take the results of some checks out."""
    results = read()
    for row in (row for part in PARTS for row in results[part].values()):
        for name in checks:
            row["messages"].pop(name, None)
            row["statuses"].pop(name, None)
            for what in ("cases", "seconds"):
                row[what] = {check: of for check, of in _by_check(row, what).items() if check != name}
        row["ok"] = not caught_by(row)  # that a mandatory check did not run is found again
    write(results)


def do(task: Task) -> tuple[str, dict[str, Any]]:
    """The key of a task, and its row."""
    key, function, arguments = task
    return key, function(*arguments)


def run(part: str, tasks: list[Task], jobs: int) -> None:
    """Run what is missing in several processes, each row kept as soon as it is there."""
    known = read()[part]
    tasks = sorted(tasks, key=lambda task: task[0] in known)  # what has no row yet comes first
    tasks = [(key, function, (known.get(key, {}), *arguments)) for key, function, arguments in tasks]
    start = time.monotonic()
    # A process is replaced after some tasks: TensorFlow keeps what it has traced.
    with multiprocessing.get_context("spawn").Pool(jobs, maxtasksperchild=10) as pool:
        for done, (key, row) in enumerate(pool.imap_unordered(do, tasks), 1):
            if row != known.get(key):
                keep(part, key, row)
            left = (time.monotonic() - start) / done * (len(tasks) - done)
            said = ", ".join(caught_by(row)) or ("green" if row.get("ok") else "nothing failed, but not green")
            print(f"{done}/{len(tasks)}, {left / 60:.0f} min left: {key}: {said}", flush=True)
    write(read())


def caught_by(row: dict[str, Any]) -> list[str]:
    """The checks that raised an alarm."""
    if not row["statuses"]:
        return list(row["messages"])
    return [check for check, status in row["statuses"].items() if status in ALARMS]


def tables(results: dict[str, Any]) -> str:
    """The results in Markdown."""
    parts = ["# The contract kit against components of known quality", ""]
    if results["matrix"]:
        parts += matrix(results["matrix"])
    if results["false_alarms"]:
        parts += false_alarms(results["false_alarms"])
    if results["built_in"]:
        parts += built_in(results["built_in"])
    return "\n".join([*parts, MADE_BY, ""])


def matrix(rows: dict[str, Any]) -> list[str]:
    """Which check catches which mistake."""
    caught = {name: caught_by(row) for name, row in rows.items()}
    seconds = sum(total(row, "seconds") for row in rows.values())
    lines = [
        "## What is caught",
        "",
        f"{sum(map(bool, caught.values()))} of {len(rows)} broken components are caught. Each has one mistake "
        f"(`tests/testing/broken`); a check that then finds it is named. {seconds / len(rows):.0f} s each.",
        "",
    ]
    for kind in dict.fromkeys(row["kind"] for row in rows.values()):
        lines += [f"### {kind}", "", "| broken component | its mistake | caught by |", "|---|---|---|"]
        for name, row in rows.items():
            if row["kind"] == kind:
                by = ", ".join(f"`{check}`" for check in caught[name]) or "**nothing**"
                lines.append(f"| {name.removeprefix(kind + '_')} | {row['mistake']} | {by} |")
        lines.append("")
    applicable = Counter(check for row in rows.values() for check in row["statuses"])
    hits = Counter(check for checks in caught.values() for check in checks)
    alone = Counter(checks[0] for checks in caught.values() if len(checks) == 1)
    lines += [
        "### By check",
        "",
        "How many broken components a check applies to, how many it catches, and how many no other check catches. "
        f"Checks that catch nothing: {', '.join(f'`{name}`' for name in applicable if not hits[name]) or 'none'}.",
        "",
        "| check | applies to | catches | alone |",
        "|---|---|---|---|",
        *[
            f"| `{check}` | {applicable[check]} | {hits[check] or '**0**'} | {alone[check]} |"
            for check in applicable
        ],
        "",
    ]
    return lines


def false_alarms(rows: dict[str, Any]) -> list[str]:
    """How often the kit fails a correct component."""
    total = Counter(status for row in rows.values() for status in row["statuses"].values())
    run = sum(total.values()) - total["not_run"]
    alarms = sum(len(caught_by(row)) for row in rows.values())
    lines = [
        "## False alarms",
        "",
        f"{alarms} false alarms in {run} checks of correct components (`tests/testing/correct`).",
        "",
        "| component | seeds | checks run | did not run | alarms |",
        "|---|---|---|---|---|",
    ]
    by_name: dict[str, list[dict[str, Any]]] = {}
    for key, row in rows.items():
        by_name.setdefault(key.partition(" seed ")[0], []).append(row)
    for name, found in by_name.items():
        count = Counter(status for row in found for status in row["statuses"].values())
        alarm = Counter(check for row in found for check in caught_by(row))
        said = ", ".join(f"**`{check}` {times}**" for check, times in alarm.items()) or "0"
        run = sum(count.values()) - count["not_run"]
        lines.append(f"| {name} | {len(found)} | {run} | {count['not_run']} | {said} |")
    return [*lines, ""]


def built_in(rows: dict[str, Any]) -> list[str]:
    """The report of the kit on probvae's own components."""
    lines = [
        "## probvae's own components, in depth",
        "",
        "| component | checks passed | did not run | failed | cases | seconds |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        count = Counter(row["statuses"].values())
        lines.append(
            f"| {name} | {count['passed']} | {count['not_run']} | {', '.join(caught_by(row)) or '0'} "
            f"| {total(row, 'cases'):,} | {total(row, 'seconds'):.0f} |"
        )
    return [*lines, ""]


def main(arguments: Sequence[str]) -> None:
    """Run what is missing, and write the results."""
    parser = parser_of("contract_kit", __doc__)
    parser.add_argument("part", choices=(*PARTS, "forget"))
    parser.add_argument("checks", nargs="*", help="the checks to forget")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--profile", choices=("fast", "deep"), help="deep for built_in, otherwise fast")
    parser.add_argument("--seeds", type=int, default=20, help="how many seeds for each correct component")
    parser.add_argument("--only", default="", help="only components whose name contains this")
    options = parser.parse_args(arguments)
    # Before anything imports TensorFlow: the processes share the cores among themselves.
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    profile = options.profile or ("deep" if options.part == "built_in" else "fast")
    if options.part == "forget":
        forget(options.checks)
        return
    tasks: list[Task] = []
    if options.part == "matrix":
        from broken import BROKEN

        tasks = [(name, try_mutant, (name, profile, 0)) for name in BROKEN]
    elif options.part == "false_alarms":
        from correct import CORRECT

        seeds = range(options.seeds)
        tasks = [(f"{name} seed {seed}", try_correct, (name, profile, seed)) for name in CORRECT for seed in seeds]
    else:
        from probvae.registry import default
        from probvae.testing import CHECKED_KINDS

        own = [pair for pair in default() if pair[0] in CHECKED_KINDS and "." not in pair[1]]
        own += [("bijector", name) for name in ("realnvp", "maf", "spline")]
        tasks = [(" ".join(pair), try_built_in, (*pair, profile)) for pair in own]
    run(options.part, [task for task in tasks if options.only in task[0]], options.jobs)
    print(f"Written: {TABLES}")
