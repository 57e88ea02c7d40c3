"""Reading a folder of results without knowing what kind it holds: KINDS lists them."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from placement_sim.errors import InputError
from placement_sim.experiments.compare import Comparison
from placement_sim.experiments.result import Result, load_frames
from placement_sim.experiments.studies.outcome import StudyResult
from placement_sim.experiments.studies.study import Study


def _study(folder: Path) -> StudyResult:
    """Read what `StudyResult.save` wrote; the table is made of the runs again."""
    frames, manifest = load_frames(folder, ["runs"])
    try:
        factors, metrics = tuple(factor["name"] for factor in manifest["factors"]), tuple(manifest["metrics"])
        return StudyResult(
            frames["runs"], factors, metrics, manifest["design"]["kind"], manifest, tuple(manifest["notes"])
        )
    except (KeyError, TypeError) as error:
        raise InputError(str(folder), f"the manifest is no study's: {error}", "name another folder") from None


def finished_runs(path: str | Path, own: Mapping[str, Any] | None = None) -> StudyResult | None:
    """Give what is in the store of a study by now; None if the file is no study's.

    Raises
    ------
    InputError
        The study cannot be read, or nothing of it has run.
    """
    try:
        keys = set(tomllib.loads(Path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError):  # whoever reads it as a scenario says what is wrong
        return None
    if not keys & {"scenario", "factors"}:
        return None
    study = Study.from_toml(path, own)
    if not study.folder.is_dir():
        problem = f"there is no store in {study.folder.as_posix()}"
        raise InputError(str(path), problem, "run the study with `placement-sim sweep`, in the same folder")
    return study.result()


# Kind -> the file that tells it, and its reader.
KINDS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "comparison": ("differences.parquet", Comparison.load),
    "run": ("summary.parquet", Result.load),
    "study": ("runs.parquet", _study),
}


def load_saved(folder: str | Path) -> Any:
    """Read the comparison, run or study that was saved in a folder.

    Raises
    ------
    InputError
        The folder holds none, or a file in it cannot be read.
    """
    folder = Path(folder)
    for file, load in KINDS.values():
        if (folder / file).is_file():
            return load(folder)
    raise InputError(str(folder), f"holds no saved {' or '.join(KINDS)}", "name a folder that --out has written")
