"""Posterior heads: from an encoder network's outputs to q(z|x)."""
