"""Which data path a run takes: the compiled one where it pays and works, else the reference."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any

from placement_sim.engine.clock import Clock
from placement_sim.engine.datapath import PathName
from placement_sim.engine.reference import ReferenceDataPath
from placement_sim.model.cluster import Cluster
from placement_sim.policies.interface import PlacementPolicy


class NumbaFailsError(Exception):
    """Numba is missing or broken, or cannot compile the loop."""


CALLED_BACK = -1
WORTH_COMPILING_REQUESTS = 300_000  # below, the reference is done before compiled code is loaded


def is_worth_compiling(expected_requests: int | None) -> bool:
    """Tell whether "auto" takes the compiled path, given how many requests there may be (None: unknown).

    Examples
    --------
    >>> is_worth_compiling(1000), is_worth_compiling(None)
    (False, True)
    """
    return expected_requests is None or expected_requests >= WORTH_COMPILING_REQUESTS


def open_path(
    wanted: PathName,
    expected_requests: int | None,
    cluster: Cluster,
    policy: PlacementPolicy,
    seed: int,
    *,
    record_requests: bool,
    on_no_space: Callable[[], None],
    progress: Callable[[int], None] | None,
) -> tuple[str, Any]:
    """Make the data path of a run; give its name and it.

    Parameters
    ----------
    wanted
        "auto" takes the compiled path for `WORTH_COMPILING_REQUESTS` or more, or where
        nobody knows how many there will be (None).
    """
    if wanted == "auto":
        wanted = "compiled" if is_worth_compiling(expected_requests) else "reference"
    if wanted == "compiled":
        try:
            return "compiled", _compiled(cluster, policy, seed, record_requests, on_no_space, progress)
        except NumbaFailsError as error:  # the same results, later
            warnings.warn(
                f"the reference data path is used, because Numba fails: {error}", RuntimeWarning, stacklevel=3
            )
    path = ReferenceDataPath(Clock(), cluster, policy, seed, record_requests=record_requests, on_no_space=on_no_space)
    return "reference", path


def _compiled(
    cluster: Cluster,
    policy: PlacementPolicy,
    seed: int,
    record_requests: bool,
    on_no_space: Callable[[], None],
    progress: Callable[[int], None] | None,
) -> Any:
    from placement_sim.engine.compiled.data_clock import DataClock
    from placement_sim.engine.compiled.path import CompiledDataPath

    def kernel_for(state: Any) -> tuple[Any, int]:
        """Give the loop and the address of the compiled policy; -1: a plain Python policy is called back."""
        if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
            from placement_sim.engine.compiled.plain import PLAIN_KERNEL

            return PLAIN_KERNEL, CALLED_BACK
        try:
            from placement_sim.engine.compiled import build, state_type

            kind = state_type.type_of(state)
            return build.kernel(kind), _policy_address(kind, policy)
        except Exception as error:  # a broken installation raises whatever it likes
            raise NumbaFailsError(f"{type(error).__name__}: {error}") from error

    return CompiledDataPath(
        DataClock(), cluster, policy, seed, kernel_for,
        record_requests=record_requests, on_no_space=on_no_space, progress=progress,
    )  # fmt: skip


def _policy_address(kind: Any, policy: PlacementPolicy) -> int:
    from numba.core.errors import NumbaError

    from placement_sim.engine.compiled import build

    if build.is_known(policy.choose):
        return int(build.rule(kind, policy.choose).address)
    if not build.is_compiled(policy.choose):
        return CALLED_BACK
    try:
        return int(build.rule(kind, policy.choose).address)
    except NumbaError as error:
        first_line = str(error).strip().partition("\n")[0]
        warnings.warn(f"policy {policy.name} runs as plain Python: {first_line}", RuntimeWarning, stacklevel=3)
        return CALLED_BACK
