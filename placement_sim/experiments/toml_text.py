"""Plain values as TOML text; the standard library only reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def toml_text(values: Mapping[str, Any]) -> str:
    """Write a table; lists of tables come last, because a key behind one would belong to it.

    Examples
    --------
    >>> print(toml_text({"disks": [{"name": "d"}], "seed": 3}), end="")
    seed = 3
    <BLANKLINE>
    [[disks]]
    name = "d"
    """
    ordered = sorted(values.items(), key=lambda item: _is_tables(item[1]))
    return "".join(toml_entry(key, value) for key, value in ordered)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def toml_entry(key: str, value: Any) -> str:
    r"""Write one top-level key, a list of tables as such.

    Examples
    --------
    >>> toml_entry("seed", 3)
    'seed = 3\n'
    """
    if _is_tables(value):
        return "".join(f"\n[[{key}]]\n" + "".join(f"{k} = {_toml(v)}\n" for k, v in row.items()) for row in value)
    return f"{key} = {_toml(value)}\n"


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False)
