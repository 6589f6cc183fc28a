"""Written by tools/stubs.py."""

from probvae.runs.comparison import compare as compare
from probvae.runs.evaluation import evaluate as evaluate
from probvae.runs.exporting import export as export
from probvae.runs.folder import Run as Run
from probvae.runs.loading import build as build
from probvae.runs.loading import check as check
from probvae.runs.loading import load as load
from probvae.runs.refitting import refit as refit
from probvae.runs.reporting import write_report as write_report
from probvae.runs.sharing import pull as pull
from probvae.runs.sharing import push as push
from probvae.runs.sweeps.ranges import Interval as Interval
from probvae.runs.sweeps.sweeping import sweep as sweep
from probvae.runs.training import train as train
