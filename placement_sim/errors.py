"""The errors that users meet. Each says what, where, with which value, and how to mend it.

Arguments are positional and passed on, because SimPy and worker processes
re-create an exception by ``type(error)(*error.args)``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any


class PlacementSimError(Exception):
    """Base of every error that placement_sim raises on purpose."""


class InputError(PlacementSimError):
    """Bad input: one line that names the place, the problem and the cure.

    Parameters
    ----------
    place
        File and place in it, for example ``"storm.toml: disks[2].capacity"``.
    problem
        What is wrong, with the value.
    cure
        What to do about it.

    Examples
    --------
    >>> print(InputError("a.toml: seed", "-1 is negative", "give a seed of 0 or more"))
    a.toml: seed: -1 is negative; give a seed of 0 or more
    """

    def __init__(self, place: str, problem: str, cure: str) -> None:
        super().__init__(place, problem, cure)
        self.place = place
        self.problem = problem
        self.cure = cure

    def __str__(self) -> str:
        line = f"{self.place}: {self.problem}; {self.cure}"
        return " ".join(line.split())


def check_named(kind: str, name: str, listed: Mapping[str, Callable[..., Any]], parameters: Iterable[str] = ()) -> None:
    """Refuse a name that is not listed, and a parameter that the function of that name does not take.

    Parameters
    ----------
    kind
        What the names stand for, as "policy".

    Raises
    ------
    InputError
        It names what may be written instead.

    Examples
    --------
    >>> check_named("sum", "total", {"total": lambda values, start: 0}, {"begin": 1})
    Traceback (most recent call last):
    placement_sim.errors.InputError: sum total: unknown parameter 'begin'; use values, start
    """
    if name not in listed:
        raise InputError(kind, f"{name!r} is unknown", f"use one of {', '.join(listed)}")
    known = list(inspect.signature(listed[name]).parameters)
    for given in parameters:
        if given not in known:
            cure = f"use {', '.join(known)}" if known else f"this {kind} takes none"
            raise InputError(f"{kind} {name}", f"unknown parameter {given!r}", cure)


class TraceError(InputError):
    """A trace that is corrupt, truncated or not in the stated format."""


class InvariantError(PlacementSimError):
    """The model contradicts itself: a fault of placement_sim, never of the user."""


class PolicyError(PlacementSimError):
    """A placement policy broke its contract, for example by choosing no component."""


class NotebookError(PlacementSimError):
    """A cell of a notebook failed; the message names notebook, cell and cause."""
