"""From fio results to a disk model: fit, run the fit in the simulator, state the errors, write the file.

What a fit is worth shows in the simulator itself: each measured run is repeated there as a
closed loop on the fitted disk, and rate, mean latency and percentiles are put side by side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from placement_sim.errors import InputError
from placement_sim.experiments.fio_fit import (
    Choice,
    Fit,
    choose_fit,
    log_errors,
    make_model,
    root_mean_square,
    slower_at_depth,
)
from placement_sim.experiments.fio_runs import FioRun, read_fio
from placement_sim.experiments.run import run as run_scenario
from placement_sim.experiments.scenario import Scenario
from placement_sim.experiments.toml_text import toml_entry
from placement_sim.model.measured import Measured

MOST_ERROR = 0.25
SIMULATED_REQUESTS = 4000
SEED = 1


@dataclass(frozen=True)
class Calibration:
    """A fitted disk and how far off it is.

    Parameters
    ----------
    runs
        A row a fio run: operation, size_bytes, depth, file; measured and fitted (simulated)
        iops, latency_s_mean, latency_s_p50, latency_s_p99; and the relative errors
        iops_error, latency_error (of that simulation) and iops_error_held_out,
        latency_error_held_out (of a fit without that depth; NaN where too few runs are left).
    error, error_held_out
        Root of the mean squared relative error of rate and mean latency; NaN: nothing could be held out.
    notes
        What the model leaves out, in sentences; they are part of the file.
    """

    model: Measured
    channels: int
    runs: pd.DataFrame
    error: float
    error_held_out: float
    source: str
    notes: tuple[str, ...]

    def to_toml(self) -> str:
        """Write the disk model as ``data/disks/*.toml`` have it; a scenario may name the file."""
        head = {
            "source": self.source,
            "assumptions": " ".join(self.notes),
            "kind": "measured",
            "channels": self.channels,
        }
        parameters = "".join(toml_entry(key, list_of(value)) for key, value in asdict(self.model).items())
        return "".join(toml_entry(key, value) for key, value in head.items()) + "\n[parameters]\n" + parameters

    def to_dict(self) -> dict[str, Any]:
        """Give plain values for JSON."""
        return {
            "kind": "measured",
            "channels": self.channels,
            "parameters": asdict(self.model),
            "error": self.error,
            "error_held_out": self.error_held_out,
            "source": self.source,
            "notes": list(self.notes),
            "runs": self.runs.to_dict("records"),
        }


def list_of(value: Any) -> Any:
    """Turn a tuple into the list that TOML has for it."""
    return list(value) if isinstance(value, tuple) else value


def calibrate_fio(
    paths: Sequence[str | Path],
    *,
    rate_bytes_per_s: float | None = None,
    writes_as_reads: bool = False,
    most_error: float = MOST_ERROR,
) -> Calibration:
    """Fit a disk model to fio results in JSON.

    Parameters
    ----------
    rate_bytes_per_s
        Rate of one channel, where runs of one block size cannot tell it.
    writes_as_reads
        Let an operation without runs take the other's times.
    most_error
        Largest root mean squared relative error, held out where possible, that is let through.

    Raises
    ------
    InputError
        A run cannot be used, reads or writes are missing, or the fit is too far off.

    Notes
    -----
    The place on the disk does not enter a service time; the depth of the queue does, where that
    pays on runs held out. See the notes of the result for what this costs.
    """
    runs = read_fio(paths)
    sides = {run.is_write for run in runs}
    if len(sides) == 1 and not writes_as_reads:
        missing = "randread" if True in sides else "randwrite"
        raise InputError("fio runs", f"there is none of rw={missing}", "add one, or say that both are alike")
    choice = choose_fit(runs, rate_bytes_per_s)
    fit = choice.fit
    errors = [log_errors(fit, run, run.host_gap_s) for run in runs]
    _refuse(fit, runs, errors, choice.held_out, most_error)
    model = make_model(fit, runs)
    frame = _frame(fit, model, runs, choice.held_out)
    error = math.sqrt(float((frame[["iops_error", "latency_error"]].to_numpy() ** 2).mean()))
    said = [*_said_of_the_fit(choice, model, runs, error), *_said_of_the_runs(fit, runs, rate_bytes_per_s, frame)]
    error_held_out = root_mean_square(choice.held_out)
    return Calibration(model, fit.channels, frame, error, error_held_out, _source(runs), tuple(said))


def _refuse(
    fit: Fit,
    runs: Sequence[FioRun],
    errors: Sequence[tuple[float, float]],
    outside: Sequence[tuple[float, float] | None],
    most_error: float,
) -> None:
    """Raise where the model does not explain the runs: the error held out, else the error of the fit."""
    used = [pair or inside for pair, inside in zip(outside, errors, strict=True)]
    error = root_mean_square(used)
    if error <= most_error:
        return
    worst = max(range(len(runs)), key=lambda i: max(map(abs, used[i])))
    run, miss = runs[worst], math.expm1(used[worst][0])
    problem = (
        f"no constant number of channels explains the runs: the best, {_channels(fit.channels)}, "
        f"is off by {error:.0%}, and by {miss:+.0%} in IOPS at {_named(run)}"
    )
    cure = f"leave out the runs of another regime (idle states, caches, garbage collection), or allow {error:.2f}"
    raise InputError(run.file, problem, cure)


def _channels(count: int) -> str:
    return f"{count} channel{'s' if count > 1 else ''}"


def _named(run: FioRun) -> str:
    return f"rand{'write' if run.is_write else 'read'} {run.size_bytes} bytes depth {run.depth}"


def _frame(
    fit: Fit,
    model: Measured,
    runs: Sequence[FioRun],
    outside: Sequence[tuple[float, float] | None],
) -> pd.DataFrame:
    rows = []
    for run, held in zip(runs, outside, strict=True):
        found = simulate_run(model, fit.channels, run)
        rows.append(
            {
                "operation": "write" if run.is_write else "read",
                "size_bytes": run.size_bytes,
                "depth": run.depth,
                "file": run.file,
                "iops_measured": run.iops,
                "iops_fitted": found["throughput_requests_per_s"],
                "iops_error": found["throughput_requests_per_s"] / run.iops - 1,
                "iops_error_held_out": math.expm1(held[0]) if held else math.nan,
                "latency_s_mean_measured": run.latency_s,
                "latency_s_mean_fitted": found["latency_s_mean"],
                "latency_error": found["latency_s_mean"] / run.latency_s - 1,
                "latency_error_held_out": math.expm1(held[1]) if held else math.nan,
                "latency_s_p50_measured": run.percentiles_s.get(50.0, math.nan),
                "latency_s_p50_fitted": found["latency_s_p50"],
                "latency_s_p99_measured": run.percentiles_s.get(99.0, math.nan),
                "latency_s_p99_fitted": found["latency_s_p99"],
            }
        )
    return pd.DataFrame(rows)


def simulate_run(model: Measured, channels: int, run: FioRun, requests: int = SIMULATED_REQUESTS) -> pd.Series:
    """Repeat a fio run in the simulator, a closed loop with the host's gap, and give the run's summary.

    Every request is sent as a write, with the law of the run's operation, because a read of a
    block that was never written touches no disk.
    """
    side = "write" if run.is_write else "read"
    quantiles, rate = getattr(model, f"{side}_quantiles_s"), getattr(model, f"{side}_bytes_per_s")
    law: dict[str, Any] = {f"{name}_quantiles_s": list(quantiles) for name in ("read", "write")}
    law |= {f"{name}_bytes_per_s": rate for name in ("read", "write")}
    law |= {f"{name}_deep_factor": getattr(model, f"{side}_deep_factor") for name in ("read", "write")}
    law |= {"shallow_depth": model.shallow_depth, "deep_depth": model.deep_depth}
    room_bytes = 1024 * run.size_bytes
    loop = {"outstanding": run.depth, "think": {"law": "fixed", "mean_s": run.host_gap_s}}
    drawn = {"requests": requests, "read_share": 0.0, "size": run.size_bytes, "align": run.size_bytes, "closed": loop}
    scenario = Scenario.from_dict(
        {
            "name": "fio",
            "seed": SEED,
            "disks": [
                {
                    "name": "disk",
                    "capacity": room_bytes,
                    "service": {"kind": "measured", "channels": channels, **law},
                }
            ],
            "objects": [{"name": "file", "size": room_bytes, "block_size": room_bytes}],
            "workloads": [{"name": "job", "object": "file", "synthetic": drawn}],
        }
    )
    return run_scenario(scenario).summary


def _source(runs: Sequence[FioRun]) -> str:
    versions = ", ".join(sorted({run.version for run in runs}))
    said = [f"Measured with {versions}, direct I/O at random places, runs: {len(runs)}"]
    for is_write, name in ((False, "reads"), (True, "writes")):
        own = [run for run in runs if run.is_write is is_write]
        if own:
            sizes = "/".join(map(str, sorted({run.size_bytes for run in own})))
            depths = "/".join(map(str, sorted({run.depth for run in own})))
            said.append(f"{name} of {sizes} bytes at queue depth {depths}")
    return "; ".join(said)


def _said_of_the_fit(choice: Choice, model: Measured, runs: Sequence[FioRun], error: float) -> list[str]:
    """Say which form was taken, why, and how far off it is."""
    fit, outside = choice.fit, root_mean_square(choice.held_out)
    by_depth = fit.deep_depth > fit.channels
    depends = "the queue but not on the place" if by_depth else "neither place nor queue"
    said = [
        f"{_channels(fit.channels)}, service times that depend on {depends}: off by {error:.1%} (root mean square of "
        "rate and mean latency over the runs)"
        + (f", by {outside:.1%} at depths held out." if math.isfinite(outside) else "; too few runs to hold any out.")
    ]
    if by_depth:
        said.append(
            f"From {model.shallow_depth:.0f} to {model.deep_depth:.0f} operations present the latency of reads changes "
            f"by {model.read_deep_factor - 1:+.1%}, that of writes by {model.write_deep_factor - 1:+.1%}, linear in "
            f"the logarithm of the depth; without this, {choice.constant_error:.1%} off at depths held out."
        )
    elif math.isfinite(choice.by_depth_error):
        said.append(
            f"Service times that depend on the depth would be off by {choice.by_depth_error:.1%} at depths held out, "
            "which does not pay for them."
        )
    return said + [line if by_depth else f"{line} The model's rate does not fall." for line in slower_at_depth(runs)]


def _said_of_the_runs(
    fit: Fit, runs: Sequence[FioRun], rate_bytes_per_s: float | None, frame: pd.DataFrame
) -> list[str]:
    """Say what the runs do not tell, and how far off the tails are."""
    said = []
    p99 = frame["latency_s_p99_fitted"] / frame["latency_s_p99_measured"] - 1
    if p99.notna().any():
        said.append(f"99th percentiles are off by {p99.min():+.0%} to {p99.max():+.0%}.")
    if fit.channels == max(run.depth for run in runs):
        said.append("The deepest runs did not saturate the disk: it may have more channels.")
    for is_write, name in ((False, "Reads"), (True, "Writes")):
        sizes = {run.size_bytes for run in runs if run.is_write is is_write}
        if not sizes:
            said.append(f"{name} were not measured and take the other operation's times, an assumption.")
        elif len(sizes) == 1 and rate_bytes_per_s:
            said.append(f"{name}: one size was measured; {rate_bytes_per_s:g} bytes/s a channel is an assumption.")
        elif len(sizes) == 1:
            said.append(f"{name}: only {sizes.pop()} bytes were measured; every size is taken to cost the same.")
    if any(not run.percentiles_s for run in runs):
        said.append("Some runs have no percentiles.")
    return said


def save_disk_model(path: str | Path, found: Calibration) -> None:
    """Write the disk model; an InputError says why it cannot be written."""
    try:
        Path(path).write_text(found.to_toml(), encoding="utf-8")
    except OSError as error:
        raise InputError(str(path), f"cannot write: {error.strerror}", "name another file") from None
