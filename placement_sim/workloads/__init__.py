"""Workloads: chunks of requests from synthetic laws or traces. Imports no engine and no policy."""

from placement_sim.workloads.requests import Requests
from placement_sim.workloads.synthetic import (
    Addresses,
    Arrivals,
    ExponentialThink,
    FixedRate,
    FixedThink,
    HotColdAddresses,
    OnOff,
    Poisson,
    SequentialAddresses,
    Think,
    UniformAddresses,
    ZipfAddresses,
    synthetic_requests,
)

ARRIVALS: dict[str, type[Arrivals]] = {"poisson": Poisson, "fixed-rate": FixedRate, "on-off": OnOff}

THINK: dict[str, type[Think]] = {"fixed": FixedThink, "exponential": ExponentialThink}

ADDRESSES: dict[str, type[Addresses]] = {
    "uniform": UniformAddresses,
    "zipf": ZipfAddresses,
    "sequential": SequentialAddresses,
    "hot-cold": HotColdAddresses,
}

__all__ = ["ADDRESSES", "ARRIVALS", "THINK", "Requests", "synthetic_requests"]
