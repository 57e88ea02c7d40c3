"""What does not fit in a scenario: from a wrong value to one line that names place, value and cure."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_args

from pydantic import (
    BaseModel,
    ValidationError,
)

from placement_sim.errors import InputError
from placement_sim.units import parse_bandwidth, parse_bytes, parse_duration_ns


class MisfitError(ValueError):
    """Two parts of a scenario that do not fit: the key, the problem and the cure."""

    def __init__(self, key: str, problem: str, cure: str) -> None:
        super().__init__(key, problem, cure)


def construct(key: str, factory: Callable[..., Any], table: Mapping[str, Any]) -> Any:
    """Make ``factory(**table)``: `rate` means `rate_per_s`, and text carries its unit.

    Raises
    ------
    MisfitError
        A parameter is unknown, missing, or has a value that the factory refuses.

    Examples
    --------
    >>> from placement_sim.model.service import Exponential
    >>> construct("service", Exponential, {"mean": "5 ms"})
    Exponential(mean_s=0.005)
    """
    known = list(inspect.signature(factory).parameters)
    short = {short_name(name): name for name in known}
    values: dict[str, Any] = {}
    for given, value in table.items():
        name = given if given in known else short.get(given)
        if name is None:
            takes = near(given, known) if known else "remove it: there are no parameters"
            raise MisfitError(f"{key}.{given}", "unknown parameter", takes)
        try:
            values[name] = _in_unit(name, value)
        except (ValueError, TypeError) as error:
            raise MisfitError(f"{key}.{given}", f"{value!r}: {error}", "mend the value") from None
    try:
        return factory(**values)
    except InputError as error:
        raise MisfitError(key, error.problem, error.cure) from None
    except (ValueError, TypeError) as error:
        raise MisfitError(key, str(error), "mend the parameters") from None


def short_name(name: str) -> str:
    """Give the name by which a table may call a parameter: without its unit.

    Examples
    --------
    >>> short_name("rate_per_s"), short_name("extent_bytes"), short_name("exponent")
    ('rate', 'extent', 'exponent')
    """
    return re.sub("(_per_s|_bytes|_ns|_s)$", "", name)


def _in_unit(name: str, value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(_in_unit(name, item) for item in value)
    if not isinstance(value, str):
        return value
    if name.endswith("bytes_per_s"):
        return parse_bandwidth(value)
    if name.endswith("bytes"):
        return parse_bytes(value)
    if name.endswith("_ns"):
        return parse_duration_ns(value)
    return parse_duration_ns(value) / 1e9 if name.endswith("_s") and not name.endswith("_per_s") else value


def near(name: str, known: Iterable[str]) -> str:
    """Say what to write instead of an unknown name.

    Examples
    --------
    >>> near("mostfree", ["most_free", "hash"])
    "write 'most_free'"
    """
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1)
    if not known:
        return "there is none: add one first"
    return f"write {close[0]!r}" if close else "use one of " + ", ".join(known)


def _fields_at(model: Any, location: tuple[Any, ...]) -> list[str]:
    for part in location:
        if isinstance(part, str):
            model = _model_in(model.model_fields[part].annotation)
    return list(model.model_fields)


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(inner) for inner in get_args(annotation))
    return next((inner for inner in found if inner is not None), None)


def as_input_error(model: type[BaseModel], place: str, error: ValidationError) -> InputError:
    """Turn pydantic's first complaint into one line."""
    first = error.errors()[0]
    location = first["loc"]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, MisfitError):
        inner, problem, cure = cause.args
        path = ".".join(part for part in (key, *inner.split(".")) if part)
        return InputError(f"{place}: {path}", problem, cure)
    if first["type"] == "extra_forbidden":
        cure = near(str(location[-1]), _fields_at(model, location[:-1]))
        return InputError(f"{place}: {key}", f"unknown key {location[-1]!r}", cure)
    if first["type"] == "missing":
        return InputError(f"{place}: {key}", "is missing", f"add the key {location[-1]!r}")
    message = first["msg"].removeprefix("Value error, ")
    return InputError(f"{place}: {key}", f"{first['input']!r}: {message}", "mend the value")
