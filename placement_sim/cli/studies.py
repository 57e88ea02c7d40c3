"""Commands about studies: `sweep` runs what is missing, `status` says how far it is."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placement_sim.cli.shared import PLAIN_LINE_S, Json, Out, Plugin, load_plugin, print_json, print_table
from placement_sim.errors import InputError

if TYPE_CHECKING:
    from placement_sim.experiments.studies.monitor import Progress
    from placement_sim.experiments.studies.outcome import StudyResult

StudyFile = Annotated[str, typer.Argument(help="Study file, TOML.")]
StoreFolder = Annotated[str | None, typer.Option("--store", help="Folder of finished runs; by default out/NAME.")]


def sweep(
    file: StudyFile,
    store: StoreFolder = None,
    workers: Annotated[int | None, typer.Option("--workers", help="Processes; by default one a processor.")] = None,
    dask: Annotated[str | None, typer.Option("--dask", help="Address of a Dask scheduler, tcp://HOST:PORT.")] = None,
    limit: Annotated[str | None, typer.Option("--limit", help="Time that a run may take, e.g. '60 s'.")] = None,
    memory: Annotated[str | None, typer.Option("--memory", help="Memory of a worker, e.g. '2 GiB' (Linux).")] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Also repeat recorded failures.")] = False,
    show: Annotated[bool, typer.Option("--preview", help="Only say what it would cost, after three runs.")] = False,
    out: Out = None,
    as_json: Json = False,
    plugin: Plugin = None,
) -> int:
    """Run what is missing of a study; stop it at any time, the same command goes on."""
    from placement_sim.experiments.studies.study import Study
    from placement_sim.experiments.studies.sweep import preview
    from placement_sim.experiments.studies.sweep import sweep as run_sweep

    study = Study.from_toml(file, load_plugin(plugin).everything)
    if show:
        cost = preview(study, store=store, workers=workers, pilots=3)
        if as_json:
            print_json(dict(cost))
        else:
            print_table(["", "value"], [[str(name), f"{value:.6g}"] for name, value in cost.items()])
        return 0
    try:
        found = run_sweep(
            study,
            store=store,
            workers=workers,
            dask=dask,
            limit=limit,
            memory=memory,
            retry_failed=retry_failed,
            progress=_bar(),
        )
    except KeyboardInterrupt:
        print("what is finished is kept; the same command goes on from there", file=sys.stderr)
        raise
    if out is not None:
        found.save(out)
    _print(found, as_json)
    return 1 if found.partial else 0


def status(
    file: Annotated[str, typer.Argument(help="Study file, or folder of finished runs.")],
    store: StoreFolder = None,
    as_json: Json = False,
    plugin: Plugin = None,
) -> None:
    """Say how far a study is, what failed and how to repeat it; nothing is run."""
    from placement_sim.experiments.studies.store import Store
    from placement_sim.experiments.studies.study import Study

    if Path(file).is_dir():
        rows = _folder_rows(file)
    else:
        study = Study.from_toml(file, load_plugin(plugin).everything)
        folder = Path(store) if store else study.folder
        if not folder.is_dir():
            raise InputError(str(folder), "there is no such store yet", "run the study with `placement-sim sweep`")
        with Store(folder) as opened:
            found = study.result(opened)
        states = found.runs["state"].value_counts()
        rows = {"study": study.name, "store": folder.as_posix(), "planned_runs": len(found.runs)}
        rows |= {f"{name}_runs": int(states.get(name, 0)) for name in ("done", "failed", "missing")}
        rows |= {"notes": list(found.notes)}
        failed = found.runs[found.runs["state"] == "failed"]
        rows["failures"] = [str(error) for error in failed["error"]]
    if as_json:
        print_json(rows)
        return
    lines = [(name, value) for name, value in rows.items() if not isinstance(value, list)]
    print_table(["", "value"], [[name, str(value)] for name, value in lines])
    for line in [*rows.get("notes", []), *rows.get("failures", [])]:
        print(line)


def _folder_rows(folder: str) -> dict[str, Any]:
    from placement_sim.experiments.studies.identity import code_identity
    from placement_sim.experiments.studies.store import Store

    if not (Path(folder) / "runs").is_dir():
        raise InputError(folder, "is no store of a study", "name a study file, or the folder that a sweep wrote")
    with Store(folder) as opened:
        states = opened.states()
    current = states["code"] == code_identity()
    return {
        "store": folder,
        "done_runs": int((current & (states["state"] == "done")).sum()),
        "failed_runs": int((current & (states["state"] == "failed")).sum()),
        "runs_of_other_code": int((~current).sum()),
        "failures": [str(error) for error in states.loc[current & (states["state"] == "failed"), "error"]],
    }


def _print(found: StudyResult, as_json: bool) -> None:
    from placement_sim.reporting.study_tables import study_text

    if as_json:
        rows = found.table().to_dict("records")
        print_json({"table": rows, "partial": found.partial, "notes": list(found.notes), "manifest": found.manifest})
        return
    print(study_text(found))
    for error in found.runs.loc[found.runs["state"] == "failed", "error"]:
        print(f"failed: {error}")


def _bar() -> Callable[[Progress], None]:
    """Show runs, time left, failures and the widest interval: a bar on a terminal, plain lines elsewhere."""
    from tqdm.auto import tqdm

    bar: Any = None
    told_s = time.monotonic()

    def widest(progress: Progress) -> str:
        width = progress.widest
        return f", widest interval of {progress.metric} ±{width:.3g}" if width == width else ""

    def show(progress: Progress) -> None:
        nonlocal bar, told_s
        if sys.stderr.isatty():
            if bar is None:  # what the store had is no work and must not make the time left look short
                bar = tqdm(total=progress.planned, initial=progress.reused, unit="run", leave=False)
            bar.total = progress.planned
            bar.set_postfix_str(f"{progress.failed} failed{widest(progress)}", refresh=False)
            bar.update(progress.done - bar.n)
            if progress.done == progress.planned:
                bar.refresh()
        elif progress.done == progress.planned or time.monotonic() - told_s > PLAIN_LINE_S:
            told_s = time.monotonic()
            print(f"{progress.line}{widest(progress)}", file=sys.stderr, flush=True)

    return show
