"""The loop as it stands, not compiled: slow, for coverage and for finding faults."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

from placement_sim.engine.compiled import loop


def _wrapping(function: Callable[..., int]) -> Callable[..., int]:
    """Let 64-bit sums wrap around as in machine code."""

    @functools.wraps(function)
    def called(*arguments: object) -> int:
        with np.errstate(over="ignore"):
            return function(*arguments)

    return called


PLAIN_KERNEL = SimpleNamespace(advance=_wrapping(loop.advance), handle=lambda state: state)
