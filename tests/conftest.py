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


def trace_quickly():
    """Leave out what pays in long runs only: each test traces functions of its own and runs them a few times.

    Tests that start the program in another process have TensorFlow's optimisation of graphs, as users do.
    """
    if "tensorflow" in sys.modules:  # not in the process that only distributes the tests
        import keras
        import tensorflow as tf

        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
        tf.debugging.disable_traceback_filtering()
        keras.config.disable_traceback_filtering()


def leave_out_of_searches_for_garbage():
    """Later searches then pass over all that is there by now: modules, and graphs that TensorFlow keeps."""
    gc.collect()
    gc.freeze()


EAGER = ("runs", "cli")
"""The folders whose tests are not about the functions that a training traces.

Tracing takes most of the time of a small training. A test with the mark `traced` traces them, as users do.
"""


def is_eager(item):
    return not {*EAGER}.isdisjoint(item.path.parts) and item.get_closest_marker("traced") is None


@pytest.hookimpl(tryfirst=True)  # before the fixtures, which train
def pytest_runtest_setup(item):
    if is_eager(item):
        import tensorflow as tf

        tf.config.run_functions_eagerly(True)


def pytest_collection_finish():
    trace_quickly()
    leave_out_of_searches_for_garbage()


def pytest_runtest_teardown(item, nextitem):
    if is_eager(item):
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
