"""Running a notebook with parameters, by papermill's convention, so that its outcome can be reported and checked.

A cell tagged ``parameters`` names what may be set; anything else is an error (papermill itself only warns).
The output of a cell tagged ``remove-output`` is dropped: its run time differs each time.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from placement_sim.errors import InputError, NotebookError
from placement_sim.experiments.manifest import code_digest, file_digest, versions
from placement_sim.experiments.misfit import near
from placement_sim.experiments.verify import Verdict, changed_since

INSTALL = "install it with: pip install 'placement_sim[notebook]'"
VOLATILE = ("execution_count", "metadata", "transient", "output_type")


@dataclass(frozen=True)
class NotebookRun:
    """A notebook that was run from top to bottom.

    Parameters
    ----------
    name
        File name, without its folder.
    cells
        Cells as plain values: cell_type, source, tags, outputs. The cell that papermill adds is not among them.
    parameters
        Every parameter with the value that was used.
    manifest
        Notebook and its digest, parameters, versions, digest of the model's code, and a digest of each cell's outputs.
    """

    name: str
    cells: tuple[dict[str, Any], ...]
    parameters: dict[str, Any]
    manifest: dict[str, Any]


def parse_parameters(given: Sequence[str]) -> dict[str, Any]:
    """Read NAME=VALUE; a value that is none of TOML's is text.

    Raises
    ------
    InputError
        There is no "=" or no name.

    Examples
    --------
    >>> parse_parameters(["seed=3", "horizon=60 s", "share=0.5"])
    {'seed': 3, 'horizon': '60 s', 'share': 0.5}
    """
    values: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise InputError("--parameter", f"{text!r} is not NAME=VALUE", "write for example seed=3")
        try:
            read = tomllib.loads(f"value = {value}")
        except tomllib.TOMLDecodeError:
            read = {"value": value}
        values[name.strip()] = read["value"] if list(read) == ["value"] else value
    return values


def run_notebook(path: str | Path, parameters: Mapping[str, Any] | None = None) -> NotebookRun:
    """Run a notebook in its own folder with a fresh kernel.

    Parameters
    ----------
    parameters
        Values in place of those of the cell tagged ``parameters``.

    Raises
    ------
    InputError
        The file is no notebook, a parameter is unknown or of another type than its default, or papermill is missing.
    NotebookError
        A cell failed.
    """
    path, given = Path(path), dict(parameters or {})
    known = _known_parameters(path)
    for name, value in given.items():
        if name not in known:
            raise InputError(str(path), f"there is no parameter {name!r}", near(name, known))
        _check_type(str(path), name, value, known[name])
    cells = _executed(path, given)
    used = {**known, **given}
    digests = [{"cell": i, "outputs_sha256": _digest(cell["outputs"])} for i, cell in enumerate(cells, 1)]
    manifest = {
        "report": "notebook",
        "notebook": path.name,
        "notebook_sha256": file_digest(path),
        "parameters": used,
        "given_parameters": given,
        "versions": versions(),
        "code_sha256": code_digest(),
        "runs": [digest for digest, cell in zip(digests, cells, strict=True) if cell["cell_type"] == "code"],
    }
    return NotebookRun(path.name, tuple(cells), used, manifest)


def _known_parameters(path: Path) -> dict[str, Any]:
    """Give name and default of each parameter, in their order."""
    if not path.is_file():
        raise InputError(str(path), "there is no such file", "name a notebook")
    try:
        import papermill
    except ImportError:
        raise InputError(str(path), "papermill is not installed", INSTALL) from None
    from ast import literal_eval

    try:
        found = papermill.inspect_notebook(str(path))
    except Exception as error:  # nbformat and papermill raise many kinds for a file that is no notebook
        raise InputError(str(path), f"is no notebook: {error}", "name a Jupyter notebook") from None
    try:
        return {name: literal_eval(entry["default"]) for name, entry in found.items()}
    except (ValueError, SyntaxError):
        raise InputError(str(path), "a parameter has no plain default", "give each a number or text") from None


def _check_type(place: str, name: str, value: Any, default: Any) -> None:
    fits = type(value) is type(default) or (isinstance(default, float) and type(value) is int)
    if default is not None and not fits:
        problem = f"{name} = {value!r} is {type(value).__name__}, its default {default!r} is {type(default).__name__}"
        raise InputError(place, problem, f"give a value like {default!r}")


def _executed(path: Path, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    import papermill

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Jupyter's own parts; the kernel, another process, keeps its filters
        try:
            done = papermill.execute_notebook(
                str(path), None, parameters=dict(given), progress_bar=False, cwd=str(path.resolve().parent)
            )
        except papermill.PapermillExecutionError as error:
            raise NotebookError(
                f"{path.name}: cell {error.exec_count} failed with {error.ename}: {error.evalue}"
            ) from None
    cells = []
    for cell in done.cells:
        tags = list(cell.metadata.get("tags", []))
        if "injected-parameters" in tags:
            continue
        outputs = [] if "remove-output" in tags else [dict(output) for output in cell.get("outputs", [])]
        cells.append({"cell_type": cell.cell_type, "source": cell.source, "tags": tags, "outputs": outputs})
    return cells


def _digest(outputs: Sequence[Mapping[str, Any]]) -> str:
    kept = [{key: value for key, value in output.items() if key not in VOLATILE} for output in outputs]
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def verify_notebook(manifest: Mapping[str, Any], folders: Sequence[str | Path]) -> Verdict:
    """Run the notebook of a report again and compare the outputs of every cell.

    Raises
    ------
    InputError
        The notebook is not in `folders`, or is not the one of the report.
    NotebookError
        A cell failed.
    """
    name = str(manifest["notebook"])
    path = next((Path(folder) / name for folder in folders if (Path(folder) / name).is_file()), None)
    if path is None or Path(name).name != name:
        raise InputError(name, "the notebook is not found", "name its folder with --folder")
    if file_digest(path) != manifest.get("notebook_sha256"):
        raise InputError(str(path), "is not the notebook that the report was made from", "name the folder of that one")
    again = {
        entry["cell"]: entry["outputs_sha256"]
        for entry in run_notebook(path, manifest["given_parameters"]).manifest["runs"]
    }
    rows = [(entry["cell"], entry["outputs_sha256"], again.get(entry["cell"], "")) for entry in manifest["runs"]]
    frame = pd.DataFrame(rows, columns=["cell", "stated_sha256", "found_sha256"])
    frame["agrees"] = frame["stated_sha256"] == frame["found_sha256"]
    return Verdict(frame, len(frame), tuple(changed_since(manifest)))
