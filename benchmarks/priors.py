"""How many nats does each prior gain, fitted to one trained model?

Fits priors to the first row of the leaderboard, a dense model with 40 latents and a standard normal prior, by
`probvae refit`: the encoder and the decoder stay as they are. The gain is the mean over the test images of the
differences of log p(x), with the same noise for both priors, so that it has a small error. All of it continues
where it was stopped.

    python -m benchmarks leaderboard standard_normal --seeds 1  # the model, if it is not there
    python -m benchmarks priors
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.results import measured, page, parser_of, probvae, render, write


class Fit(NamedTuple):
    """A row of the table.

    Args:
        prior: the name of the prior.
        set: its parameters that differ from the defaults, as the leaderboard has them.
    """

    prior: str
    set: tuple[str, ...] = ()


FITS = (
    Fit("mixture", ("model.prior.components=500",)),
    Fit("vamp", ("model.prior.pseudo_inputs=500",)),
    Fit("exemplar", ("model.prior.exemplars=500",)),
    Fit("realnvp"),
    Fit("maf"),
    Fit("spline"),
    Fit("autoregressive"),
)


def refitted(fit: Fit, run: Path, folder: Path, epochs: int, samples: int) -> dict[str, Any]:
    """One row, from the evaluation of the run with the new prior."""
    settings = [*fit.set, f"train.epochs={epochs}", "train.patience=10", f"evaluate.samples={samples}"]
    if not (folder / "evaluation.json").exists():
        command = ["refit", str(run), "--prior", fit.prior, "--out", str(folder), "--resume"]
        command += [f"--set={setting}" for setting in settings]
        probvae(*command)
    evaluation = json.loads((folder / "evaluation.json").read_text())
    epoch_rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return {
        "prior": fit.prior,
        "set": fit.set,
        "epochs": len(epoch_rows),
        "minutes": sum(row["seconds"] for row in epoch_rows) / 60,
        "validation_rate": min(row["validation/loss"] for row in epoch_rows),
        "evaluation": {name: evaluation[name] for name in ("elbo", "importance_weighted", "gain", "protocol")},
    }


def table(results: dict[str, Any]) -> str:
    """The results in Markdown."""
    first = results["rows"][0]["evaluation"]
    before = {name: first[name]["value"] - first["gain"][name]["value"] for name in first["gain"]}
    lines = [
        "Gains in nats per test image over the standard normal prior of the same model, with the standard errors "
        f"of the mean difference over {first['elbo']['examples']:,} images; that model has an ELBO of "
        f"{before['elbo']:.2f} and a log-likelihood of {before['importance_weighted']:.2f}, an "
        f"importance-weighted bound with {results['samples']:,} samples. Its encoder and decoder were trained for "
        "the standard normal; what a prior gains when all parts are trained together is another question, which "
        f"the leaderboard answers. A prior with {results['epochs']} epochs had not stopped improving. "
        f"Data: {first['protocol']}.",
        "",
        "| prior | gain in log-likelihood | gain in ELBO | KL of the posterior, validation | epochs | minutes |",
        "|---|---|---|---|---|---|",
    ]
    for row in results["rows"]:
        gain = row["evaluation"]["gain"]
        weighted, elbo = gain["importance_weighted"], gain["elbo"]
        of = ", ".join(setting.rpartition(".")[2].replace("=", " = ") for setting in row["set"])
        lines.append(
            f"| `{row['prior']}`{f' ({of})' if of else ''} "
            f"| {weighted['value']:+.2f} ± {weighted['standard_error']:.2f} "
            f"| {elbo['value']:+.2f} ± {elbo['standard_error']:.2f} "
            f"| {row['validation_rate']:.2f} | {row['epochs']} | {row['minutes']:.0f} |"
        )
    return page("priors", "Priors fitted to one model", results, lines)


def main(arguments: Sequence[str]) -> None:
    """Fit what is missing, and write the results."""
    parser = parser_of("priors", __doc__)
    parser.add_argument(
        "--run", type=Path, default=Path("runs/fashion_mnist/standard_normal-1"), help="the trained model"
    )
    parser.add_argument("--runs", type=Path, default=Path("runs/priors"), help="where the new runs are kept")
    parser.add_argument("--epochs", type=int, default=100, help="the most for each prior")
    parser.add_argument("--samples", type=int, default=500, help="importance samples for each test image")
    options = parser.parse_args(arguments)
    rows = []
    for fit in FITS:
        rows.append(refitted(fit, options.run, options.runs / fit.prior, options.epochs, options.samples))
        results = measured(samples=options.samples, epochs=options.epochs, rows=rows)
        write("priors", results)  # after each, so that an interruption loses little
        render("priors", results, table)
