"""Reference formulas in float64 numpy, and how to leave a component's initial values."""

import numpy as np


def perturb(component, scale=0.3, seed=0):
    """Move every trainable variable at random, so that no flow is the identity, and return the component."""
    rng = np.random.default_rng(seed)
    for variable in component.trainable_variables:
        variable.assign_add(scale * rng.normal(size=variable.shape))
    return component


def normal_log_prob(x, loc, scale):
    """Log N(x; loc, scale²), elementwise."""
    return -0.5 * ((x - loc) / scale) ** 2 - np.log(scale) - 0.5 * np.log(2 * np.pi)


def softplus(x):
    return np.logaddexp(0.0, x)


def logsumexp(x, axis):
    top = x.max(axis=axis, keepdims=True)
    return np.squeeze(top, axis) + np.log(np.exp(x - top).sum(axis=axis))


def f64(tensor):
    return np.asarray(tensor, np.float64)


def multivariate_normal_log_prob(x, mean, covariance):
    """Log N(x; mean, covariance) of vectors x [..., D]."""
    away = x - mean
    square = np.einsum("...i,ij,...j->...", away, np.linalg.inv(covariance), away)
    return -0.5 * (square + np.linalg.slogdet(2 * np.pi * covariance)[1])
