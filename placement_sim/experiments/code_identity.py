"""The identity of a user's own function: a digest of what it does, wherever it was defined.

Taken from bytecode, constants, closure and the globals that it reads, because a function that
came to a worker by cloudpickle has no source there, and because a rule changes with its helpers.
"""

from __future__ import annotations

import functools
import hashlib
import sys
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

OWN_PACKAGE = __name__.split(".")[0]
PLAIN = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis))


class UnidentifiedError(ValueError):
    """A value that no digest can stand for."""


def function_digest(function: Any) -> str:
    """Digest a function; equal digests mean equal behaviour, as far as its code decides.

    Libraries are taken by name: their versions are told apart elsewhere.

    Raises
    ------
    UnidentifiedError
        It uses a value whose content cannot be told, such as an open file.

    Examples
    --------
    >>> from functools import partial
    >>> function_digest(partial(max, 1)) == function_digest(partial(max, 1)) != function_digest(partial(max, 2))
    True
    """
    text = repr(_describe(function, []))
    return hashlib.sha256(text.encode()).hexdigest()


def _describe(value: Any, above: list[int]) -> Any:
    """Give a nested tuple of plain values that prints the same in every process."""
    if isinstance(value, PLAIN):
        return type(value).__name__, repr(value)
    if id(value) in above:
        return "above", above.index(id(value))
    above = [*above, id(value)]
    if isinstance(value, list | tuple):
        return type(value).__name__, tuple(_describe(item, above) for item in value)
    if isinstance(value, dict):
        return "dict", tuple((_describe(key, above), _describe(item, above)) for key, item in value.items())
    if isinstance(value, set | frozenset):
        return "set", tuple(sorted(repr(_describe(item, above)) for item in value))
    if isinstance(value, np.ndarray | np.generic):
        array = np.ascontiguousarray(value)
        return "array", str(array.dtype), array.shape, hashlib.sha256(array.tobytes()).hexdigest()
    if isinstance(value, CodeType):
        return _describe_code(value, above)
    return _describe_callable(value, above)


def _describe_callable(value: Any, above: list[int]) -> Any:
    value = getattr(value, "py_func", value)  # what Numba compiled
    if isinstance(value, ModuleType):
        return "module", value.__name__, "" if _from_library(value) else _file_digest(value)
    if isinstance(value, functools.partial):
        return "partial", *(_describe(part, above) for part in (value.func, value.args, value.keywords))
    if isinstance(value, MethodType):
        return "method", _describe(value.__func__, above), _describe(value.__self__, above)
    if isinstance(value, type | FunctionType | BuiltinFunctionType) and _from_library(value):
        return "library", value.__module__, value.__qualname__
    if isinstance(value, FunctionType):
        return _describe_function(value, above)
    if isinstance(value, type):
        skipped = ("__dict__", "__weakref__", "__module__", "__firstlineno__", "__static_attributes__")
        body = {key: item for key, item in vars(value).items() if key not in skipped}
        return "class", value.__qualname__, _describe({key: _unwrap(item) for key, item in body.items()}, above)
    if hasattr(value, "__dict__"):
        return "instance", _describe(type(value), above), _describe(vars(value), above)
    raise UnidentifiedError(f"a value of type {type(value).__name__} has no identity that can be told")


def _unwrap(member: Any) -> Any:
    if isinstance(member, staticmethod | classmethod):
        return member.__func__
    return (member.fget, member.fset) if isinstance(member, property) else member


def _file_digest(module: ModuleType) -> str:
    path = Path(getattr(module, "__file__", None) or "")
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _from_library(value: Any) -> bool:
    """Tell whether it lies in an installed library, the standard one or this package."""
    home = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
    top = (home or "builtins").partition(".")[0]
    if top == "__main__":  # a notebook or a script, even where a library's program runs it
        return False
    if top in (OWN_PACKAGE, "builtins") or top in sys.stdlib_module_names:
        return True
    file = getattr(sys.modules.get(top), "__file__", None) or ""
    return "site-packages" in file or "dist-packages" in file


def _describe_function(function: FunctionType, above: list[int]) -> Any:
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    used = {name: function.__globals__[name] for name in _names(function.__code__) if name in function.__globals__}
    parts = (function.__code__, function.__defaults__, function.__kwdefaults__, cells, used)
    return "function", *(_describe(part, above) for part in parts)


def _names(code: CodeType) -> list[str]:
    """Names that a function and those inside it may read from its module, in a stable order."""
    inner = [name for item in code.co_consts if isinstance(item, CodeType) for name in _names(item)]
    return sorted({*code.co_names, *inner})


def _describe_code(code: CodeType, above: list[int]) -> Any:
    # Without file name, line numbers and docstring position: a copy in another cell is the same rule.
    shape = (code.co_argcount, code.co_kwonlyargcount, code.co_flags, code.co_varnames, code.co_freevars)
    return "code", code.co_code.hex(), shape, code.co_names, _describe(code.co_consts, above)
