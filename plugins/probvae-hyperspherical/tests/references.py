"""Von Mises-Fisher distributions by other means: Bessel functions of many digits, and quadrature."""

import functools

import mpmath
import numpy as np

mpmath.mp.dps = 40
_rule = functools.cache(np.polynomial.legendre.leggauss)


def log_area(D):
    """The log of the area of the unit sphere in R^D."""
    return float(mpmath.log(2 * mpmath.pi ** (mpmath.mpf(D) / 2) / mpmath.gamma(mpmath.mpf(D) / 2)))


def log_normalizer(kappa, D):
    """The log of the integral of exp(κ (w - 1)) over the sphere, w the cosine of the angle with the mode."""
    if kappa == 0:
        return log_area(D)
    kappa, half = mpmath.mpf(float(kappa)), mpmath.mpf(D) / 2
    bessel = mpmath.besseli(half - 1, kappa)
    return float(half * mpmath.log(2 * mpmath.pi) + mpmath.log(bessel) - (half - 1) * mpmath.log(kappa) - kappa)


def versine(kappa, D):
    """E[1 - w]."""
    if kappa == 0:
        return 1.0
    kappa, half = mpmath.mpf(float(kappa)), mpmath.mpf(D) / 2
    return float(1 - mpmath.besseli(half, kappa) / mpmath.besseli(half - 1, kappa))


def variance(kappa, D):
    """Var[w]."""
    if kappa == 0:
        return 1 / D
    kappa, half = mpmath.mpf(float(kappa)), mpmath.mpf(D) / 2
    ratio = mpmath.besseli(half, kappa) / mpmath.besseli(half - 1, kappa)
    return float(1 - (D - 1) / kappa * ratio - ratio**2)


def divergence(kappa, D):
    """The KL to the uniform distribution."""
    return log_area(D) - log_normalizer(kappa, D) - kappa * versine(kappa, D)


def gauss_legendre(count, low, high):
    """Nodes and weights on [low, high]; the bounds may be arrays [...], then they are [..., count]."""
    nodes, weights = _rule(count)
    width = np.asarray(high - low)[..., None] / 2
    return np.asarray(low)[..., None] + width * (nodes + 1), width * weights


def density(theta, kappa, D):
    """The density of the angle between a sample and the mode."""
    log_volume = (D - 2) * np.log(np.sin(theta)) - kappa * 2 * np.sin(theta / 2) ** 2
    return np.exp(log_volume + log_area(D - 1) - log_normalizer(kappa, D))


def expectation(f, kappa, D, alpha):
    """E[f(aᵀz)] for a unit vector a at an angle of alpha with the mode, by quadrature in two angles.

    aᵀz = cos(θ) cos(alpha) + sin(θ) sin(alpha) cos(φ), φ the angle between the parts of both across the mode.
    """
    theta, weights = gauss_legendre(150, 0.0, np.pi)
    weights = weights * density(theta, kappa, D)
    if D == 2:
        phi, across = np.array([0.0, np.pi]), np.array([0.5, 0.5])
    else:
        phi, across = gauss_legendre(40, 0.0, np.pi)
        across = across * np.sin(phi) ** (D - 3)
        across = across / across.sum()
    s = np.cos(theta)[:, None] * np.cos(alpha) + np.sin(theta)[:, None] * np.sin(alpha) * np.cos(phi)
    return float(weights @ f(s) @ across)
