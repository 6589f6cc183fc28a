"""Measurements of probvae: each module answers one question; `python -m benchmarks` lists them."""
