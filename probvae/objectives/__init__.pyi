"""Written by tools/stubs.py."""

from probvae.objectives.elbo import ELBO as ELBO
from probvae.objectives.iwae import IWAE as IWAE
from probvae.objectives.semi_supervised import SemiSupervised as SemiSupervised
