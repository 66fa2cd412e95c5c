"""Ray as `archive` uses it: started here or reached, and who gets which of its CPUs and GPUs."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from detect.errors import EnvironmentProblem, option
from detect.stages.archive.options import RAY

if TYPE_CHECKING:
    from detect.stages.archive.options import ArchiveOptions

# Of the CPUs one in so many reads, proposes and writes where networks have no GPU.
_READERS = 4
_PATIENCE = 10.0  # s until an address counts as one where nobody answers


@dataclass(frozen=True)
class Shares:
    """So many `actors`, each on `device` with so many `gpus`; `cpus` of the whole cluster."""

    actors: int
    device: str
    gpus: int
    cpus: int


@contextmanager
def connected(told: "ArchiveOptions") -> Iterator[Any]:
    """Yield the package ray, connected; usage reports are off.

    Raises EnvironmentProblem where it is not installed, cannot start, or nothing answers at the
    address.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Or a thread of Ray Data that outlives an interruption starts another Ray.
    os.environ["RAY_ENABLE_AUTO_CONNECT"] = "0"
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise EnvironmentProblem(
            f"{option('on', told.on)} needs Ray, which is not installed. Install what the extra "
            "ray brings: pip install 'detect[ray]'."
        ) from error
    if ray.is_initialized():  # The caller's own.
        yield ray
        return
    try:
        _connect(ray, told)
        yield ray
    finally:
        ray.shutdown()


def _connect(ray: Any, told: "ArchiveOptions") -> None:
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if told.on == RAY:
            cpus = told.workers or max(2, os.cpu_count() or 2)
            ray.init("local", num_cpus=cpus, include_dashboard=False, **quiet)
        else:
            host, _, port = told.on.rpartition(":")
            # Ray itself tries for a minute, and says less.
            socket.create_connection((host, int(port)), _PATIENCE).close()
            ray.init(told.on, **quiet)
    except (OSError, OverflowError, ray.exceptions.RayError, RuntimeError, ValueError) as error:
        raise _no_cluster(told.on, error) from error


def _no_cluster(on: str, error: Exception) -> EnvironmentProblem:
    if "authentication token" in f"{error} {error.__cause__}".lower():
        return EnvironmentProblem(
            f"{option('on', on)}: this Ray cluster wants a token, and did not get the right one. "
            "Set the environment variable RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN to what stands "
            "in ~/.ray/auth_token where the cluster was started, or copy that file here. Unset "
            "RAY_AUTH_MODE if it was started without."
        )
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
    remedy = "Start one there, or correct the address"
    if on == RAY:
        remedy = "Free memory, or use fewer workers"
    return EnvironmentProblem(f"{option('on', on)}: no Ray cluster: {reason:.200}. {remedy}.")


def shares_of(ray: Any, told: "ArchiveOptions") -> Shares:
    """Return who gets what; EnvironmentProblem unless a CPU is left for reading and a GPU is there.

    Actors take a GPU each where there are any and the device is not the CPU, and a CPU.
    """
    there = ray.cluster_resources()
    cpus, gpus = int(there.get("CPU", 0)), int(there.get("GPU", 0))
    on_gpu = told.device.startswith("cuda") or (told.device == "auto" and gpus > 0)
    if on_gpu and gpus < (told.actors or 1):
        raise EnvironmentProblem(
            f"{option('device', told.device)}: {told.actors or 1} GPUs are needed, the cluster has "
            f"{gpus}. Use fewer {option('actors')}, or {option('device', 'cpu')}."
        )
    actors = told.actors or (gpus if on_gpu else max(1, cpus - max(1, cpus // _READERS)))
    if actors >= cpus:
        raise EnvironmentProblem(
            f"{option('actors', actors)}: the cluster has {cpus} CPUs; each actor takes one, and "
            f"one must be left for reading. Use fewer {option('actors')}, or a larger cluster."
        )
    return Shares(actors, "cuda" if on_gpu else "cpu", int(on_gpu), cpus)
