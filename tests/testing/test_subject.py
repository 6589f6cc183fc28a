"""A component is a function of its case."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from probvae.core import Prior, named_variables
from probvae.testing import Case, Subject

GENERATORS = {
    "an initializer": lambda shape: keras.initializers.RandomNormal(stddev=1.0)(shape, tf.float32),
    "TensorFlow": tf.random.normal,
    "Keras": keras.random.normal,
    "NumPy": lambda shape: np.random.normal(size=shape).astype(np.float32),
}


@pytest.mark.parametrize("generator", GENERATORS)
def test_initial_values_are_functions_of_the_seed_of_the_case(generator):
    class Drawn(Prior):
        def __init__(self, latent_dim: int) -> None:
            super().__init__()
            self.loc = tf.Variable(GENERATORS[generator]((latent_dim,)))
            self.scale = tf.Variable(GENERATORS[generator]((latent_dim,)))

        def distribution(self): ...

    def values(seed):
        component = Subject("prior", Drawn).build(Case(seed=seed))
        return np.stack([variable.numpy() for variable in named_variables(component).values()])

    first = values(3)
    assert np.any(values(4) != first)
    np.testing.assert_array_equal(values(3), first)
