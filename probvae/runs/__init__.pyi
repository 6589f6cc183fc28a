"""Written by tools/stubs.py."""

from probvae.runs.folder import Run as Run
from probvae.runs.measuring import evaluate as evaluate
from probvae.runs.models import build as build
from probvae.runs.models import check as check
from probvae.runs.models import load as load
from probvae.runs.training import train as train
