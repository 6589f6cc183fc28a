"""Written by tools/stubs.py."""

from probvae.report.differences import run_differences as run_differences
from probvae.report.examples import reconstructions as reconstructions
from probvae.report.examples import samples as samples
from probvae.report.folder import Drawn as Drawn
from probvae.report.folder import draw as draw
from probvae.report.grid import latent_grid as latent_grid
from probvae.report.history import curves as curves
from probvae.report.map import latent_map as latent_map
from probvae.report.style import NoPictureError as NoPictureError
from probvae.report.style import save as save
