"""Facts of runs that were never trained, and the pages of them."""

import numpy as np
from matplotlib.figure import Figure

from probvae.registry import Registry
from probvae.report.comparison import ComparedRun, render_comparison
from probvae.report.page import Facts, render
from probvae.report.style import save

from .models import rows

FIGURES = ("samples", "reconstructions", "latent_grid", "latent_map")
EVALUATION = {
    "split": "test",
    "unit": "nats per example",
    "protocol": "binarised once with seed 0",
    "settings": {"samples": 100},
    "epoch": 12,
    "elbo": {"value": -315.02, "standard_error": 2.8, "examples": 1000, "samples": 100},
    "importance_weighted": {"value": -311.74, "standard_error": 2.77, "examples": 1000, "samples": 100},
    "bits_per_dimension": {"importance_weighted": {"value": 0.5737, "standard_error": 0.0051}},
    "convergence": {"rise": 0.25, "warning": "not converged: the bound rose by 0.25 nats"},
    "metrics": {
        "active_units": {"numbers": {"active_units": {"value": 1, "unit": "of 2 latents", "note": "1 is idle"}}}
    },
}
SPEC = {
    "schema": 1,
    "model": {
        "latent_dim": 2,
        "encoder": {
            "use": "network",
            "network": {"use": "conv", "filters": [32, 64]},
            "posterior": {"use": "diagonal_normal"},
        },
        "decoder": {
            "use": "network",
            "network": {"use": "conv_transpose", "filters": [64, 32]},
            "likelihood": {"use": "bernoulli"},
        },
        "prior": {"use": "mixture", "components": 16},
    },
    "objective": {"use": "elbo", "kl": "auto"},
    "data": {"use": "fashion_mini", "binarize": "dynamic"},
    "train": {"epochs": 12, "patience": 0, "schedule": "constant"},
}


def facts(figures, **changes):
    """The facts of a whole run; `changes` are other values of them."""
    terms = {"kl": lambda epoch: epoch / 3, "free bits": lambda epoch: -1.0 / epoch, "beta": lambda epoch: 1.0}
    whole = {
        "folder": "runs/first",
        "spec": SPEC,
        "environment": {"versions": {"python": "3.11.7"}, "platform": "Linux", "processors": 2, "plugins": []},
        "data": {
            "event_shape": (28, 28, 1),
            "values": "0 and 1 only",
            "sizes": (6000, 1000, 1000),
            "protocol": "binarised once with seed 0",
        },
        "rows": rows(12, **terms),
        "evaluation": EVALUATION,
        "figures": figures,
    }
    return Facts(**{**whole, **changes})


def pictures(figures):
    """A folder with a small PNG file for each figure of a run."""
    figures.mkdir(exist_ok=True)
    for name in FIGURES:
        figure = Figure((2, 1))
        figure.subplots().imshow(np.arange(4.0).reshape(2, 2))
        save(figure, figures / f"{name}.png")
    return figures


def page(figures, **changes):
    """The page of these facts."""
    return render(facts(figures, **changes), Registry())


def row(name, value):
    """A run in a comparison, with this bound."""
    return {
        "run": name,
        "importance_weighted": {"value": value, "standard_error": 2.5},
        "elbo": {"value": value - 3, "standard_error": 2.6},
        "samples": 100,
        "parameters": 123456,
        "epochs": 12,
        "best_epoch": 11,
        "training_seconds": 90.0,
    }


def comparison(figures, names=("runs/a", "runs/b", "runs/c")):
    """The page of runs with these names, of which the second is a bit better than the first."""
    shifts = [0.0, 1.5, -0.25]
    differences = [
        {"run": name, "importance_weighted": {"value": shift, "standard_error": 0.125}}
        for name, shift in list(zip(names, shifts, strict=True))[1:]
    ]
    found = {
        "runs": [row(name, -300.0 + shift) for name, shift in zip(names, shifts, strict=True)],
        "differences": differences,
        "notes": ["each run is one training"],
    }
    epochs = (12, 20, 5)
    specs = [SPEC, SPEC | {"objective": {"use": "iwae", "samples": 8}}, SPEC]
    runs = [ComparedRun(spec, rows(n), figures) for spec, n in zip(specs, epochs, strict=True)]
    return render_comparison(found, runs)


def trial(number, settings, loss, status="finished", reason="", folder="sweeps/rates"):
    """A trial of a sweep."""
    finished = status == "finished"
    return {
        "number": number,
        "settings": settings,
        "folder": f"{folder}/runs/{number:03d}-a",
        "log": f"{folder}/logs/{number:03d}-a.txt",
        "status": status,
        "reason": reason,
        "epochs": 12 if finished else 3,
        "best_epoch": 11 if finished else 3,
        "loss": loss,
        "bound": -loss if finished else None,
        "standard_error": 0.25 if finished else None,
    }


def swept(folder="sweeps/rates", settings=(), **changes):
    """The results of a search with four trials."""
    rates = [1e-4, 1e-3, 1e-2, 1e-1]
    ends = [("finished", ""), ("finished", ""), ("pruned", "above the median"), ("failed", "not finite")]
    losses = [250.0, 240.0, 260.0, None]
    trials = [
        trial(number, {"train.learning_rate": rate, "model.prior.use": "vamp"}, loss or 0.0, *end, folder=folder)
        for number, (rate, loss, end) in enumerate(zip(rates, losses, ends, strict=True))
    ]
    trials[3]["loss"] = None
    return {
        "folder": str(folder),
        "parameters": ["train.learning_rate", "model.prior.use"],
        "order": "loss",
        "trials": [trials[1], trials[0], *trials[2:]],
        "settings": list(settings),
        "notes": ["each setting is one training"],
        **changes,
    }
