"""The command `whatif`: a cluster, a trace, and what to do with them."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from placement_sim.cli.shared import File, Json, Plugin, Seed, load_plugin, print_json, print_table, progress_bar
from placement_sim.cli.traces import Device, Format, OnBadRow, TimeUnit
from placement_sim.errors import InputError

if TYPE_CHECKING:
    from placement_sim.experiments.whatif import WhatIf


def whatif(
    file: File,
    trace: Annotated[str | None, typer.Option("--trace", help="In place of the scenario's workloads.")] = None,
    format: Format = None,
    time_unit: TimeUnit = None,
    on_bad_row: OnBadRow = "error",
    device: Device = None,
    policies: Annotated[str | None, typer.Option("--policies", help="Names, divided by commas.")] = None,
    replications: Annotated[int, typer.Option("--replications", help="Runs a policy.")] = 3,
    copies: Annotated[int | None, typer.Option("--copies", help="Virtual disks at once; by default enough.")] = None,
    add: Annotated[str | None, typer.Option("--add", help='Capacity of the new disk, "8 TB".')] = None,
    redundancy: Annotated[int, typer.Option("--redundancy", help="Copies of the data that is there.")] = 3,
    seed: Seed = None,
    as_json: Json = False,
    plugin: Plugin = None,
) -> None:
    """Which rule runs out of space last, what a new disk does, and can the fullest host be lost."""
    from placement_sim.experiments.scenario import Scenario
    from placement_sim.experiments.trace_load import look_through
    from placement_sim.experiments.whatif import what_if
    from placement_sim.units import parse_bytes
    from placement_sim.workloads.traces import open_trace

    scenario, own = Scenario.from_toml(file), load_plugin(plugin)
    try:
        new_disk_bytes = None if add is None else parse_bytes(add)
    except ValueError as error:
        raise InputError("--add", str(error), "mend the size") from None
    load = None
    if trace is not None:
        opened = open_trace(trace, format, time_unit, on_bad_row=on_bad_row)
        load = look_through(opened, scenario.objects[0].block_size, device)
    names = None if policies is None else [name.strip() for name in policies.split(",") if name.strip()]
    found = what_if(
        scenario,
        load,
        policies=None if names is None else [own.policies.get(name, name) for name in names],
        replications=replications,
        copies=copies,
        new_disk_bytes=new_disk_bytes,
        redundancy=redundancy,
        seed=seed,
        progress=progress_bar(),
    )
    if as_json:
        frames = {name: getattr(found, name).to_dict("records") for name in ("rules", "new_disk", "hosts")}
        print_json({**asdict(found), **frames})
    else:
        _show(found)


def _show(found: WhatIf) -> None:
    print(f"First no-space error, and by how much it is later than under {found.baseline}:")
    rows = found.rules.to_dict("records")
    print_table(
        ["rule", "time s", "later by s", "free GiB then"],
        [
            [
                row["policy"],
                f"{'at least ' if row['censored'] else ''}{_interval(row, 'time_s')}",
                "-" if row["policy"] == found.baseline else _interval(row, "postponed_s"),
                _number(row["stranded_bytes"] / 2**30),
            ]
            for row in rows
        ],
    )
    print("With one more disk, empty: its share of all bytes written, and how much later the first error is:")
    print_table(
        ["rule", "share written", "fair by free space", "times fair", "later by s"],
        [
            [
                row["policy"],
                _interval(row, "share"),
                _number(row["fair_share"]),
                _number(row["concentration"]),
                f"{'at least ' if row['censored'] else ''}{_interval(row, 'postponed_s')}",
            ]
            for row in found.new_disk.to_dict("records")
        ],
    )
    hosts = found.hosts.to_dict("records")
    first = hosts[0]
    print(
        f"Loss of the fullest host, {first['host']} ({first['fill']:.1%}): {first['fits']}, {first['reason']}: "
        f"{first['used_bytes'] / 2**30:.5g} GiB to rebuild, room {first['room_bytes'] / 2**30:.5g} GiB, "
        f"{first['room_worst_bytes'] / 2**30:.5g} GiB without the domains that may hold the other copies. "
        f"Spread by weight, {first['fits_by_weight']:.1%} of it finds room before the first disk is full."
    )
    counts = {answer: sum(row["fits"] == answer for row in hosts) for answer in ("yes", "depends", "no")}
    print(f"Of {len(hosts)} hosts: " + ", ".join(f"{answer} {count}" for answer, count in counts.items()) + ".")
    for note in found.notes:
        print(note)


def _number(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "-"


def _interval(row: dict[Any, Any], name: str) -> str:
    low, best, high = (row[f"{name}_{key}"] for key in ("low", "best", "high"))
    return _number(best) if not math.isfinite(low) or low == high else f"{best:.4g} [{low:.4g}, {high:.4g}]"
