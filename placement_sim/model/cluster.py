"""What a cluster is made of: hosts, disks and storage objects, as plain frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

ONLINE = 0
OFFLINE = 1
READ_ONLY = 2


class ServiceModel(Protocol):
    """Anything that can say its service-time law as a code and numbers."""

    def encode(self) -> tuple[int, tuple[float, ...]]:
        """Give the kind code and the parameters of ``service.service_time_ns``."""
        ...


@dataclass(frozen=True)
class Host:
    """A host: its failure domain and its network link (bandwidth 0: no link modelled).

    Inbound and outbound are separate first-come-first-served queues (full duplex);
    `latency_ns` is the one-way delay. `cache_bytes` of memory keep blocks of base disks.
    """

    name: str
    failure_domain: str
    latency_ns: int = 0
    bandwidth_bytes_per_s: float = 0.0
    cache_bytes: int = 0


@dataclass(frozen=True)
class Disk:
    """A disk: `channels` requests are served at once, the others wait first come first served.

    `prefilled_bytes` is foreign data present at the start; `weight` is 16.16 fixed point;
    a disk that is not `present` joins the cluster by an ``add_disk`` event.
    """

    name: str
    host_index: int
    capacity_bytes: int
    service: ServiceModel
    channels: int = 1
    prefilled_bytes: int = 0
    min_free_bytes: int = 0
    weight: int = 0x10000
    present: bool = True


@dataclass(frozen=True)
class StorageObjectSpec:
    """A thin storage object: `mirrors` legs, each a parent with a component on each of `disks`.

    A linked clone names by `backing` the object that its unallocated blocks are read from
    (-1: they are zeros); both have the same block size. Hosts may keep the blocks of a
    `host_cached` object in memory.
    """

    name: str
    size_bytes: int
    block_bytes: int
    disks: tuple[int, ...]
    mirrors: int = 1
    backing: int = -1
    host_cached: bool = False

    @property
    def block_count(self) -> int:
        """Blocks of the object, the last one possibly short."""
        return -(-self.size_bytes // self.block_bytes)


@dataclass(frozen=True)
class Cluster:
    """Hosts, disks and objects; objects name disks and disks name hosts by index."""

    hosts: tuple[Host, ...]
    disks: tuple[Disk, ...]
    objects: tuple[StorageObjectSpec, ...]
