"""What a trained model answers, for comparison: imported by the tests, and run by them in a fresh process.

python outputs.py DESTINATION RUN [RUN ...]
"""

import sys

import numpy as np
import tensorflow as tf

import probvae


def outputs(vae):
    """Densities, samples and importance weights at fixed places."""
    rng = np.random.default_rng(0)
    x = (rng.random((6, *vae.event_shape)) < 0.4).astype(np.float32)
    z = rng.normal(size=(6, vae.latent_dim)).astype(np.float32)
    c = np.eye(6, vae.condition_dim, dtype=np.float32) if vae.condition_dim else None
    q = vae.posterior(x, c)
    likelihood = vae.likelihood(tf.constant(z), c)
    return {
        "log p(z)": vae.prior_given(c).log_prob(z).numpy(),
        "samples of q": q.sample(3, seed=[1, 2]).numpy(),
        "log p(x|z)": likelihood.log_prob(x[:1]).numpy(),
        "log weights": vae.log_weights(x, 3, 7, c).numpy(),
        "samples": vae.sample(6, seed=7, condition=c).numpy(),
    }


if __name__ == "__main__":
    destination, *runs = sys.argv[1:]
    found = [outputs(probvae.load(run)) for run in runs]
    np.savez(destination, **{f"{number}/{name}": a for number, one in enumerate(found) for name, a in one.items()})
