"""The devices that share a training: in this process and in others."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cache

import tensorflow as tf

from probvae.core import Table
from probvae.errors import UserError

NO_PROXY = "no_grpc_proxy"
"""The environment variable with the hosts that gRPC connects to directly."""


@dataclass(frozen=True)
class Devices:
    """The devices of a training.

    Args:
        strategy: of TensorFlow; the model is made and trained within its scope.
        workers: the number of processes.
        chief: whether this process is the one that prints and saves.
    """

    strategy: tf.distribute.Strategy
    workers: int = 1
    chief: bool = True

    @property
    def of_this_process(self) -> Devices:
        """Those that need no other process: all of them, or a single one where there are several workers."""
        return self if self.workers == 1 else Devices(tf.distribute.get_strategy())

    def __str__(self) -> str:
        replicas = self.strategy.num_replicas_in_sync
        if replicas == 1:
            return "one device"
        return f"{replicas} replicas" + (f" in {self.workers} processes" if self.workers > 1 else "")


def select_devices(devices: int = 0) -> Devices:
    """Select the devices to train on. Call this before anything else uses TensorFlow.

    Where the environment variable TF_CONFIG names a cluster, this process is one of its workers
    (`MultiWorkerMirroredStrategy`). Otherwise the devices of this machine share the work (`MirroredStrategy`).

    Args:
        devices: the number of devices; 0 takes all GPUs, or the CPU if there are none. Without GPUs the CPU is
            divided into that many, which is no faster, but shows what several devices would do.

    Raises:
        UserError: there are fewer GPUs, TF_CONFIG is invalid, or TensorFlow has been used before.
    """
    try:
        if cluster := _cluster():
            return _worker(cluster, devices)
        return _alone(devices)
    except RuntimeError as error:  # TensorFlow fixes its devices when it is first used
        raise UserError(
            f"devices: expected to be selected before TensorFlow is used; got a process that uses it ({error}). "
            "Start a new process, as `probvae train` does."
        ) from error


def _alone(devices: int) -> Devices:
    gpus = tf.config.list_physical_devices("GPU")
    if devices > len(gpus) > 0:
        raise UserError(f"devices: expected at most {len(gpus)}, the GPUs of this machine; got {devices}.")
    count = devices or max(1, len(gpus))
    if count == 1:
        return Devices(tf.distribute.get_strategy())
    if not gpus:
        (cpu,) = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
    kind = "GPU" if gpus else "CPU"
    return Devices(_mirrored(tuple(f"{kind}:{number}" for number in range(count))))


@cache
def _mirrored(devices: tuple[str, ...]) -> tf.distribute.Strategy:
    """The strategy of some devices, the same for all trainings of a process.

    Another one would number its collective operations from the start again, and TensorFlow takes them for those of
    the first.
    """
    return tf.distribute.MirroredStrategy(devices)


def _worker(cluster: Table, devices: int) -> Devices:
    if devices:
        raise UserError(
            f"devices: expected 0 with TF_CONFIG, whose workers use all devices of their machines; got {devices}."
        )
    hosts = sorted({address.rpartition(":")[0] for addresses in cluster.values() for address in addresses})
    # With http_proxy set, gRPC would connect to the other workers through the proxy, and hang.
    os.environ[NO_PROXY] = ",".join([*filter(None, [os.environ.get(NO_PROXY)]), *hosts])
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    workers = sum(len(addresses) for job, addresses in cluster.items() if job in ("chief", "worker"))
    return Devices(strategy, workers, strategy.extended.should_checkpoint)


def _cluster() -> Table:
    """The cluster that TF_CONFIG names, or an empty one."""
    text = os.environ.get("TF_CONFIG", "")
    try:
        config = json.loads(text or "{}")
        cluster = dict(config.get("cluster", {}))
        if cluster:
            config["task"]["type"], int(config["task"]["index"])
            if not all(isinstance(addresses, list) and addresses for addresses in cluster.values()):
                raise TypeError("a job of the cluster has no list of addresses")
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise UserError(
            'TF_CONFIG: expected {"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": '
            f"0}}}}; got {text!r} ({type(error).__name__}: {error})."
        ) from error
    return cluster
