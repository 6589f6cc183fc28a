"""Bijectors of vectors that give their values and log-determinants in one pass."""
