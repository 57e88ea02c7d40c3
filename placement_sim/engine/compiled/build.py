"""Compiles the loop with Numba: every function it calls, and the policies, from their own plain text.

`overlay` copies a function with its global functions replaced by compiled ones, so that the
text the reference runs stays uncompiled. The machine code is kept in a folder named by a
digest of all those sources, because Numba itself sees edits of one file only.
"""

from __future__ import annotations

import builtins
import dis
import functools
import gc
import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, NamedTuple

import numba
import numpy as np
from filelock import FileLock

from placement_sim.engine.compiled import choice, loop
from placement_sim.engine.compiled.layout import State
from placement_sim.engine.compiled.linking import PartCompiler, UsersCompiler, WholeCompiler
from placement_sim.engine.compiled.rows import byte_at, word_at
from placement_sim.engine.compiled.state_type import (
    StateType,
    address_table,
    array_of,
    call_address,
    leading_zeros,
    load_byte,
    load_word,
    state_at,
    state_from,
)
from placement_sim.engine.histogram import SUB_BITS, bin_index
from placement_sim.policies.least_queue import choose_least_queue
from placement_sim.randomness import draw, mix

OPTIONS = {"error_model": "numpy", "_nrt": False}
# Only the loop calls them, so they need no wrappers.
PART = OPTIONS | {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "pipeline_class": PartCompiler}
# What every plain request passes: inlined, whatever LLVM thinks of the size; a quarter less time.
HOT = {
    "arrive", "await_arrival", "disk_served", "drop_first", "drop_first_arrival", "drop_first_event", "enter_disk",
    "free_operation", "free_request", "hop", "issue", "look_ahead", "new_request", "operate", "part_done", "push",
    "push_arrival", "rise", "service_ns", "service_time_ns", "start_service", "stream_of", "take_answer", "take_event",
    "take_operation", "take_request",
}  # fmt: skip
part = numba.njit(**PART)  # a decorator
PACKAGE = "placement_sim."  # with the dot: a user's placement_sim_rules is not ours
# Where `int`, `min` and `max` are those of `_native`: Numba's own are compiled and optimised one by one.
OWN_WORDS = ("placement_sim.engine.compiled", "placement_sim.model.service", "placement_sim.policies")
NOTE = "placement_sim: compiling the fast data path, some 5 seconds, once for this version of the model"
SOURCES = ("randomness.py", "engine", "model", "policies", "workloads/requests.py")


class Kernel(NamedTuple):
    """The loop, compiled for one type of state; it takes what `handle` makes of that."""

    advance: Callable[[Any, int], int]
    handle: Callable[[State], Any]


def source_digest() -> str:
    """Give a digest of every source that the machine code comes from, and of Numba's and Python's versions.

    Examples
    --------
    >>> len(source_digest())
    16
    """
    root = Path(__file__).resolve().parents[2]
    digest = hashlib.sha256(f"{numba.__version__} {sys.version_info[:2]} {OPTIONS}".encode())
    for name in SOURCES:
        place = root / name
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(f"{path.relative_to(root)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def cache_folder() -> Path:
    """Give the folder of the machine code: $PLACEMENT_SIM_CACHE, else the user's cache, else a temporary one."""
    base = os.environ.get("PLACEMENT_SIM_CACHE") or os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = Path(base) / "placement_sim" / source_digest()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise OSError
    except OSError:
        folder = Path(tempfile.gettempdir()) / "placement_sim" / folder.name
        folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _cache_in(folder: Path) -> Iterator[None]:
    """Let what is decorated now keep its machine code in a folder; garbage waits, as Numba makes much that stays."""
    before, collects = numba.config.CACHE_DIR, gc.isenabled()
    numba.config.CACHE_DIR = str(folder)
    gc.disable()
    try:
        yield
    finally:
        numba.config.CACHE_DIR = before
        if collects:
            gc.enable()


def _globals_of(code: CodeType) -> set[str]:
    """List the global names that a function's text uses."""
    return {step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"}


def overlay(function: Callable[..., Any], replaced: dict[Any, Any], owner: str) -> Any:
    """Compile a copy of a function of this package, and of all that it calls.

    Parameters
    ----------
    replaced
        Function -> compiled one; those made on the way are added.
    owner
        Stands before every name. Numba numbers functions by process, and machine code of two processes comes
        together in the cache: without it, one rule's helper would be taken for another's of the same number.
    """
    if function in replaced:
        return replaced[function]
    assert isinstance(function, FunctionType)
    own = dict(function.__globals__)
    for name in _globals_of(function.__code__):
        value = own.get(name)
        if value is None and function.__module__.startswith(OWN_WORDS):
            value = replaced.get(getattr(builtins, name, None))
            own |= {name: value} if value else {}
        if isinstance(value, FunctionType) and value.__module__.startswith(PACKAGE):
            own[name] = overlay(value, replaced, owner)
        elif type(value) is int and function.__module__.startswith(f"{PACKAGE}engine.compiled"):
            own[name] = np.int64(value)  # a plain int is a type of its own to Numba, and a compilation more
    copy = FunctionType(function.__code__, own, function.__name__, function.__defaults__, function.__closure__)
    copy.__qualname__ = f"{owner}.{function.__qualname__}"
    copy.__module__ = function.__module__
    hot: dict[str, Any] = {"forceinline": True} if function.__name__ in HOT else {}
    is_own = function.__module__.startswith(PACKAGE)
    made = numba.njit(**(PART if is_own else PART | {"pipeline_class": UsersCompiler}), **hot)(copy)
    replaced[function] = made
    return made


def _native() -> dict[Any, Any]:
    """Give what Python cannot say quickly: the mixer in 64-bit arithmetic, the bin by counting bits, bare loads."""
    golden, one, two = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
    s30, s27, s31, s11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
    unit = 1.0 / 9007199254740992.0

    @part
    def native_mix(key, counter):  # type: ignore[no-untyped-def]
        z = np.uint64(key) + (np.uint64(counter) + np.uint64(1)) * golden
        z = (z ^ (z >> s30)) * one
        z = (z ^ (z >> s27)) * two
        return z ^ (z >> s31)

    @part
    def native_draw(word, index):  # type: ignore[no-untyped-def]
        return np.float64(native_mix(word, index) >> s11) * unit

    @part
    def native_bin_index(value_ns):  # type: ignore[no-untyped-def]
        shift = 64 - leading_zeros(value_ns) - (SUB_BITS + 1)
        return value_ns if shift <= 0 else (shift << SUB_BITS) + (value_ns >> shift)

    @part
    def native_int(value):  # type: ignore[no-untyped-def]
        return np.int64(value)

    @part
    def native_min(one, other):  # type: ignore[no-untyped-def]
        return other if other < one else one

    @part
    def native_max(one, other):  # type: ignore[no-untyped-def]
        return other if other > one else one

    return {
        mix: native_mix, draw: native_draw, bin_index: native_bin_index, word_at: load_word, byte_at: load_byte,
        int: native_int, min: native_min, max: native_max,
    }  # fmt: skip


def _advance(table, limit_ns):  # type: ignore[no-untyped-def]
    return advance(state(table), limit_ns)  # type: ignore[name-defined]  # noqa: F821


def _rule(table, obj, local_leg, block, count):  # type: ignore[no-untyped-def]
    return answer(state(table), obj, local_leg, block, count)  # type: ignore[name-defined]  # noqa: F821


def _with_globals(function: Any, **values: Any) -> Any:
    """Copy a function with other globals: closures would defeat Numba's cache."""
    copy = FunctionType(function.__code__, {"__builtins__": __builtins__, **values}, function.__name__)
    copy.__qualname__, copy.__module__ = function.__qualname__, function.__module__
    return copy


@functools.lru_cache(maxsize=2)
def kernel(state_type: StateType) -> Kernel:
    """Compile the loop for one type of state, or load it."""
    word = numba.int64
    table = numba.types.Array(word, 2, "C")
    replaced = _native()
    replaced[choice.ask_rule] = _rule_caller()
    inner = {"advance": overlay(loop.advance, replaced, f"kernel_{state_type.digest}"), "state": state_at(state_type)}
    folder = cache_folder() / state_type.digest
    folder.mkdir(exist_ok=True)
    with _cache_in(folder), FileLock(folder / "lock"):  # one process compiles, the others wait and load
        if not any(folder.rglob("*_advance*.nbi")):
            print(NOTE, file=sys.stderr, flush=True)
        advance = numba.njit(word(table, word), cache=True, **OPTIONS, pipeline_class=WholeCompiler)(
            _with_globals(_advance, **inner)
        )
    return Kernel(advance, address_table)


def _rule_caller() -> Any:
    """Give the function that calls a compiled policy by its address."""

    @part
    def ask_rule(s, obj, local_leg, block, count):  # type: ignore[no-untyped-def]
        return call_address(s.g[0].policy, s, obj, local_leg, block, count)

    return ask_rule


def _native_least_queue(replaced: dict[Any, Any], owner: str) -> Any:
    """Give join-the-shortest-queue over all disks as two loops that LLVM vectorises; the plain text does the rest."""
    plain = overlay(choose_least_queue, replaced, owner)

    @part
    def native(write, view, parameters, state):  # type: ignore[no-untyped-def]
        disk_count = len(view.blocked)
        if len(view.candidates) < disk_count:
            return plain(write, view, parameters, state)
        queue = view.queue_requests
        least = queue[0]
        for disk in range(disk_count):
            least = queue[disk] if queue[disk] < least else least
        start = state[0] % disk_count
        for step in range(disk_count):
            disk = start + step
            if disk >= disk_count:
                disk -= disk_count
            if queue[disk] == least:
                state[0] = disk + 1
                return disk
        return -1

    return native


@functools.lru_cache(maxsize=64)
def rule(state_type: StateType, choose: Any) -> Any:
    """Compile one policy, or load it where it is one of ``POLICIES``; its `address` is what the loop calls.

    Parameters
    ----------
    choose
        A policy's own function, plain text of this package or compiled by its user.
    """
    word = numba.int64
    replaced = _native()
    is_own = not is_compiled(choose)
    owner = f"{choose.__name__ if is_own else 'users'}_{state_type.digest}"
    if choose is choose_least_queue:
        replaced[choice.choose] = _native_least_queue(replaced, owner)
    else:
        text = choose if is_own else choose.py_func  # a user's is compiled anew, so that it may call `draw`
        replaced[choice.choose] = overlay(text, replaced, owner)
    replaced[choice.array_of] = array_of
    inner = {"answer": overlay(choice.answer if is_own else choice.guarded_answer, replaced, owner)}
    inner["state"] = state_from(state_type)
    body = _with_globals(_rule, **inner)
    body.__qualname__ = body.__name__ = f"rule_{choose.__name__}"
    with _cache_in(cache_folder() / state_type.digest):
        signature = word(numba.types.voidptr, word, word, word, word)
        return numba.cfunc(signature, cache=is_own, **OPTIONS, pipeline_class=WholeCompiler)(body)


def is_known(function: Any) -> bool:
    """Tell whether a function belongs to a policy of ``POLICIES``."""
    from placement_sim.policies import POLICIES

    return any(make().choose is function for make in POLICIES.values())


def is_compiled(function: object) -> bool:
    """Tell whether a user's policy function is compiled already."""
    return isinstance(function, numba.core.registry.CPUDispatcher)
