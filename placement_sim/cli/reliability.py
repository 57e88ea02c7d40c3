"""Commands about what breaks: `reliability`, `host-loss`."""

from __future__ import annotations

from typing import Annotated

import typer

from placement_sim.cli.shared import File, Json, Seed, print_json, print_table


def reliability(
    file: File,
    years: Annotated[float, typer.Option("--years", help="Length of a history.")] = 1.0,
    replications: Annotated[int, typer.Option("--replications", help="Independent histories.")] = 20,
    cycles: Annotated[int, typer.Option("--cycles", help="Of importance sampling; 0: none.")] = 1000,
    seed: Seed = None,
    as_json: Json = False,
) -> None:
    """Let disks fail and be rebuilt over years, without guest I/O: losses, availability, time to whole."""
    from placement_sim.experiments.reliability import reliability as simulate_years
    from placement_sim.experiments.scenario import Scenario

    found = simulate_years(Scenario.from_toml(file), seed=seed, years=years, replications=replications, cycles=cycles)
    rows = found.summary.reset_index()
    if as_json:
        print_json({"summary": rows.to_dict("records"), "manifest": found.manifest})
        return
    cells = [
        [row["metric"], *(f"{row[name]:.6g}" for name in ("low", "best", "high")), row["unit"]]
        for row in rows.to_dict("records")
    ]
    print_table(["metric", "low", "best", "high", "unit"], cells)
    print(f"95 % intervals over {replications} histories of {years:g} years; mttdl_years by importance sampling.")


def host_loss(
    file: File,
    after_run: Annotated[bool, typer.Option("--after-run", help="Run it, and ask its maps.")] = False,
    policy: Annotated[str | None, typer.Option("--policy", help="In place of the scenario's.")] = None,
    seed: Seed = None,
    as_json: Json = False,
) -> None:
    """Say whether any one host can be lost: nothing without a copy, and room to be whole again."""
    from placement_sim.experiments.any_host import can_lose_any_host
    from placement_sim.experiments.scenario import Scenario
    from placement_sim.units import format_bytes

    found = can_lose_any_host(Scenario.from_toml(file), after_run=after_run, seed=seed, policy=policy)
    rows = found.table.to_dict("records")
    if as_json:
        print_json({"answer": found.answer, "hosts": rows})
        return
    sizes = ("lost_bytes", "moved_bytes", "free_bytes")
    cells = [[row["host"], *(format_bytes(int(row[name])) for name in sizes), row["why"]] for row in rows]
    print_table(["host", "lost", "to move", "free elsewhere", "why"], cells)
    print(f"Can any one host be lost? { {True: 'Yes', False: 'No', None: 'Too tight to tell'}[found.answer] }.")
