"""The last line of a notebook: with what, from which seed and how fast its numbers were made."""

from __future__ import annotations

from typing import Any


def provenance_line(source: Any, seconds: float) -> str:
    """Say versions, seed, digest of the model's code and run time.

    Parameters
    ----------
    source
        Anything with a ``manifest``: a `Result`, a `Comparison`.
    seconds
        Run time, s.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> made = SimpleNamespace(manifest={"versions": {"python": "3.11.2"}, "code_sha256": 64 * "a", "seed": 1})
    >>> provenance_line(made, 2.34)
    'python 3.11.2; seed 1; model code aaaaaaaaaaaa; 2.3 s'
    """
    manifest = source.manifest
    versions = ", ".join(f"{name} {version}" for name, version in manifest["versions"].items())
    return f"{versions}; seed {manifest['seed']}; model code {manifest['code_sha256'][:12]}; {seconds:.1f} s"
