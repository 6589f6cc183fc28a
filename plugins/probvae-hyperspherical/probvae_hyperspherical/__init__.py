"""Latents on the unit sphere for probvae: see plugin.py for what there is."""
