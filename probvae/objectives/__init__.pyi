"""Written by tools/stubs.py."""

from probvae.objectives.beta_tc import BetaTC as BetaTC
from probvae.objectives.ciwae import CIWAE as CIWAE
from probvae.objectives.dreg import DReG as DReG
from probvae.objectives.elbo import ELBO as ELBO
from probvae.objectives.info_vae import InfoVAE as InfoVAE
from probvae.objectives.iwae import IWAE as IWAE
from probvae.objectives.miwae import MIWAE as MIWAE
from probvae.objectives.piwae import PIWAE as PIWAE
from probvae.objectives.rate import Rate as Rate
from probvae.objectives.renyi import Renyi as Renyi
from probvae.objectives.semi_supervised import SemiSupervised as SemiSupervised
from probvae.objectives.stl import STL as STL
