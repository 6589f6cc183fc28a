"""The devices that share a training: in this process and in others."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from functools import cache

import tensorflow as tf

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


@dataclass(frozen=True)
class _Cluster:
    """The cluster that TF_CONFIG names, and the place of this process in it.

    Args:
        jobs: the addresses of the processes of each job, as HOST:PORT.
        job: that of this process, chief or worker.
        index: of this process in its job.
    """

    jobs: dict[str, list[str]]
    job: str
    index: int

    @property
    def is_of_chief(self) -> bool:
        """Whether this process is the one that prints and saves: the first worker, where no job is the chief."""
        return self.job == "chief" or ("chief" not in self.jobs and self.index == 0)

    @property
    def workers(self) -> int:
        """The number of processes that train."""
        return sum(len(addresses) for job, addresses in self.jobs.items() if job in _TRAINING)

    def check(self) -> None:
        """Check what TensorFlow takes for granted.

        Raises:
            ValueError: a job has no addresses or other things, or this process is none of those that train.
        """
        for job, addresses in self.jobs.items():
            if not isinstance(addresses, list) or not addresses:
                raise ValueError(f"the job {job!r} has no list of addresses")
            if wrong := [one for one in addresses if not isinstance(one, str) or not _ADDRESS.fullmatch(one)]:
                raise ValueError(f"the job {job!r} has {wrong[0]!r}, which is no address")
        if self.job not in self.jobs or self.job not in _TRAINING:
            raise ValueError(f"the task is of the type {self.job!r}, which is no job of the cluster that trains")
        if not 0 <= self.index < len(self.jobs[self.job]):
            raise ValueError(f"the index {self.index} is not that of one of {len(self.jobs[self.job])} addresses")
        if len(self.jobs.get("chief", [])) > 1:
            raise ValueError("the job 'chief' has several addresses")


_TRAINING = ("chief", "worker")
"""The jobs of a cluster that train."""

_ADDRESS = re.compile(r"\S+:\d+")


def is_chief() -> bool:
    """Whether this process is the one that prints and saves: it is alone, or the chief of its cluster.

    Raises:
        UserError: TF_CONFIG is invalid.
    """
    cluster = _cluster()
    return cluster is None or cluster.is_of_chief


def _worker(cluster: _Cluster, devices: int) -> Devices:
    if devices:
        raise UserError(
            f"devices: expected 0 with TF_CONFIG, whose workers use all devices of their machines; got {devices}."
        )
    hosts = sorted({address.rpartition(":")[0] for addresses in cluster.jobs.values() for address in addresses})
    # With http_proxy set, gRPC would connect to the other workers through the proxy, and hang.
    os.environ[NO_PROXY] = ",".join([*filter(None, [os.environ.get(NO_PROXY)]), *hosts])
    return Devices(tf.distribute.MultiWorkerMirroredStrategy(), cluster.workers, cluster.is_of_chief)


def _cluster() -> _Cluster | None:
    """The cluster that TF_CONFIG names, if any.

    Raises:
        UserError: TF_CONFIG is invalid.
    """
    text = os.environ.get("TF_CONFIG", "")
    try:
        config = json.loads(text or "{}")
        jobs = dict(config.get("cluster", {}))
        if not jobs:
            return None
        cluster = _Cluster(jobs, config["task"]["type"], int(config["task"]["index"]))
        cluster.check()
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise UserError(
            'TF_CONFIG: expected {"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": '
            f"0}}}}; got {text!r} ({type(error).__name__}: {error})."
        ) from error
    return cluster
