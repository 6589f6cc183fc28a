"""Metrics: what a trained model is like, in numbers."""
