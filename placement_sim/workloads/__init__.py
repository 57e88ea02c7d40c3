"""Workloads: chunks of requests from synthetic laws or traces. Imports no engine and no policy."""

from placement_sim.workloads.addresses import (
    Addresses,
    HotColdAddresses,
    SequentialAddresses,
    UniformAddresses,
    ZipfAddresses,
    ZipfRunAddresses,
)
from placement_sim.workloads.arrivals import (
    Arrivals,
    ExponentialThink,
    FixedRate,
    FixedThink,
    OnOff,
    Poisson,
    Renewal,
    Think,
)
from placement_sim.workloads.requests import Requests
from placement_sim.workloads.synthetic import synthetic_requests

ARRIVALS: dict[str, type[Arrivals]] = {"poisson": Poisson, "fixed": FixedRate, "on_off": OnOff, "renewal": Renewal}

THINK: dict[str, type[Think]] = {"fixed": FixedThink, "exponential": ExponentialThink}

ADDRESSES: dict[str, type[Addresses]] = {
    "uniform": UniformAddresses,
    "zipf": ZipfAddresses,
    "sequential": SequentialAddresses,
    "hot_cold": HotColdAddresses,
    "zipf_runs": ZipfRunAddresses,
}

__all__ = ["ADDRESSES", "ARRIVALS", "THINK", "Requests", "synthetic_requests"]
