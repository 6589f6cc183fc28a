"""What all tests share: quiet TensorFlow, fixed randomness, and how hard hypothesis looks."""

import functools
import gc
import os
import random
import sys
import typing

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # before anything imports TensorFlow
if "PYTEST_XDIST_WORKER" in os.environ:  # each worker has one processor
    os.environ["TF_NUM_INTRAOP_THREADS"] = "1"
if sys.version_info < (3, 12):
    # TensorFlow asks for each tensor whether it has the members of a protocol, which these versions of Python list
    # anew each time; without a cache it takes a twentieth of the tests' time.
    typing._get_protocol_attrs = functools.cache(typing._get_protocol_attrs)

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

collect_ignore = ["typed"]  # files for the type checker, which are not imported

settings.register_profile(
    "ci", derandomize=True, max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("deep", settings.get_profile("ci"), derandomize=False, max_examples=200)
settings.load_profile(os.environ.get("PROBVAE_HYPOTHESIS_PROFILE", "ci"))


def pytest_configure(config):
    # Warnings are errors, but for those that a dependency makes when it is imported.
    config.addinivalue_line("filterwarnings", "ignore:distutils Version classes are deprecated:DeprecationWarning")
    config.addinivalue_line("filterwarnings", "ignore:Even though the .*run_functions_eagerly:UserWarning")


def leave_out_of_searches_for_garbage():
    """Later searches then pass over all that is there by now: modules, and graphs that TensorFlow keeps."""
    gc.collect()
    gc.freeze()


EAGER = ("runs", "cli", "training")
"""The folders whose tests are not about the functions that a training traces."""


@pytest.hookimpl(tryfirst=True)  # before the fixtures, which train
def pytest_runtest_setup(item):
    """Leave out what pays in long trainings only, unless the test has the mark `traced`.

    TensorFlow does not optimise graphs, and in some folders it traces none, which takes most of the time of a
    training of few steps. What runs in another process has both, as users do.
    """
    if "tensorflow" in sys.modules:
        import tensorflow as tf

        as_users = item.get_closest_marker("traced") is not None
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": not as_users})
        tf.config.run_functions_eagerly(not as_users and not {*EAGER}.isdisjoint(item.path.parts))


def pytest_collection_finish():
    leave_out_of_searches_for_garbage()


def pytest_runtest_teardown(item, nextitem):
    if "tensorflow" in sys.modules:
        import tensorflow as tf

        tf.config.run_functions_eagerly(False)
    if nextitem is None or nextitem.path != item.path:
        leave_out_of_searches_for_garbage()


@pytest.fixture(autouse=True)
def fixed_initial_weights():
    """The same initial weights in each run: Keras takes the seeds of its initializers from Python's generator.

    `keras.utils.set_random_seed` would seed TensorFlow too, which clears its cache of kernels.
    """
    random.seed(0)
    np.random.seed(0)
