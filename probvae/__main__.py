"""`python -m probvae` is the command `probvae`."""

from probvae.cli import main

main()
