"""Likelihood heads: from a decoder network's outputs to p(x|z)."""
