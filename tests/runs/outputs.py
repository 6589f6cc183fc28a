"""What a trained model answers, for comparison: imported by the tests, and run by them in a fresh process.

python outputs.py DESTINATION RUN [RUN ...]
"""

import sys

import numpy as np
import tensorflow as tf

import probvae


def outputs(vae):
    """Densities, moments and importance weights at fixed places."""
    rng = np.random.default_rng(0)
    x = (rng.random((6, *vae.event_shape)) < 0.4).astype(np.float32)
    z = rng.normal(size=(5, vae.latent_dim)).astype(np.float32)
    q = vae.posterior(x)
    likelihood = vae.decoder.likelihood(tf.constant(z))
    return {
        "log p(z)": vae.prior.distribution().log_prob(z).numpy(),
        "mean of q": q.mean().numpy(),
        "stddev of q": q.stddev().numpy(),
        "log p(x|z)": likelihood.log_prob(x[:1]).numpy(),
        "log weights": vae.log_weights(x, 3, seed=7).numpy(),
        "samples": vae.sample(4, seed=7).numpy(),
    }


if __name__ == "__main__":
    destination, *runs = sys.argv[1:]
    found = [outputs(probvae.load(run)) for run in runs]
    np.savez(destination, **{f"{number}/{name}": a for number, one in enumerate(found) for name, a in one.items()})
