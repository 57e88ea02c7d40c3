"""Lists of what the package knows: `policies`, `strategies`."""

from __future__ import annotations

from placement_sim.cli.shared import Json, print_json, print_table


def policies(as_json: Json = False) -> None:
    """List the placement rules and where they come from."""
    from placement_sim.policies import policies_table

    rows = policies_table()
    if as_json:
        print_json(rows)
    else:
        print_table(list(rows[0]), [[str(value) for value in row.values()] for row in rows])


def strategies(as_json: Json = False) -> None:
    """List the upgrade strategies: where they come from, and their steps with mean times."""
    from placement_sim.upgrades import STRATEGIES, strategies_table

    if as_json:
        print_json(strategies_table())
        return
    for make in STRATEGIES.values():
        strategy = make()
        print(f"{strategy.text()}\n    Source: {strategy.source}.\n")
    print("Times are means of laws; --json says where each comes from.")
