"""Explorers without a browser: controls as Python objects, what is shown against the same scenario run directly."""

from __future__ import annotations

import asyncio
import json
import math
import threading
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ipywidgets")

from placement_sim import InputError, Scenario, run
from placement_sim.engine import watch
from placement_sim.widgets import pair as pair_module
from placement_sim.widgets.configurations import Configurations
from placement_sim.widgets.explorer import Explorer, explore
from placement_sim.widgets.latest import Latest
from placement_sim.widgets.quantities import ladder, plain_value
from placement_sim.widgets.saving import code, save

ROOT = Path(__file__).resolve().parents[1]
PLACEMENT = (ROOT / "docs" / "images" / "placement.toml").read_text(encoding="utf-8").replace('"60 s"', '"4 s"')
SHORT = Scenario.from_text(PLACEMENT.replace('window = "1 s"', 'window = "0.5 s"'))
FLEET = """
name = "six"
window = "5 s"
disks = [{ name = "d", count = 2, capacity = "8 GiB", service = { kind = "exponential", mean = "2 ms" } }]
[fleet]
machines = 6
strategy = "os_swap"
os = { size = "64 MiB", content = "16 MiB" }
software = { size = "32 MiB", content = "16 MiB" }
data = { size = "32 MiB" }
boot = { read = "8 MiB", written = "1 MiB", requests = 40, think = "2 s" }
start = { read = "4 MiB", written = "1 MiB", requests = 10, think = "1 s" }
patch = { written = "8 MiB", requests = 20 }
"""


def ready(scenario: Scenario, **more: Any) -> Explorer:
    app = explore(scenario, **more)
    assert app.wait(60)
    return app


def shown(app: Explorer) -> dict[str, Any]:
    assert app.wait(60)
    return dict(json.loads(app.readout))


def same(summary: dict[str, Any], scenario: Scenario) -> None:
    expected = run(scenario).summary
    assert summary == {str(k): None if math.isnan(v) else v for k, v in expected.items()}


@pytest.mark.parametrize("text", [PLACEMENT, FLEET, (ROOT / "data/scenarios/desktops_24.toml").read_text()])
def test_nothing_changed_is_the_scenario_itself(text: str) -> None:
    scenario = Scenario.from_text(text)
    both = Configurations(scenario)
    assert both.scenario("A") == both.scenario("B") == scenario
    assert {"seed", "policy.name", "disks[0].capacity"} <= set(both.settings)


@pytest.mark.parametrize(
    ("kind", "text", "steps"),
    [
        ("bytes", "3 GiB", ["384 MiB", "768 MiB", "1.5 GiB", "3 GiB", "6 GiB", "12 GiB", "24 GiB"]),
        ("share", "0.33", None),
        ("text", "6 ms", ["0.6 ms", "1.2 ms", "3 ms", "6 ms", "12 ms", "30 ms", "60 ms"]),
        ("int", "1", ["0", "1", "2", "5", "10"]),
        ("number", "fast", []),
        ("bytes", "much", []),
    ],
)
def test_ladders(kind: str, text: str, steps: list[str] | None) -> None:
    found = ladder(kind, text)
    assert steps is None or found == steps
    values = [plain_value("number", step.split()[0]) for step in found if kind != "bytes"]
    assert values == sorted(values) and (text in found or not found)


def test_what_is_shown_is_what_the_same_scenarios_give_when_run() -> None:
    app = ready(SHORT)
    first = shown(app)
    same(first["A"]["summary"], SHORT)
    same(first["B"]["summary"], Scenario.from_dict({**SHORT.to_dict(), "policy": {"name": "stripe"}}))
    slider = app.rows["disks[0].capacity"].editors["A"].slider
    slider.value = "512 MiB"
    second = shown(app)
    assert second["A"]["scenario"]["disks"][0]["capacity"] == 2**29
    same(second["A"]["summary"], Scenario.from_dict(second["A"]["scenario"]))
    timeline = run(Scenario.from_dict(second["A"]["scenario"])).timeline
    rows = timeline[timeline["time_s"] == second["time_s"]]
    assert second["A"]["at"]["fill"] == dict(zip(rows["disk"], rows["fill"], strict=True))
    assert bytes(app.image.value).startswith(b"\x89PNG")


def test_a_state_that_was_seen_is_not_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    app = ready(SHORT)
    before, picture = shown(app), app.image.value
    app.change("A", "seed", "2")
    assert shown(app)["A"]["summary"] != before["A"]["summary"] and app.image.value != picture
    monkeypatch.setattr(pair_module, "watched_run", lambda *_, **__: pytest.fail("it was run again"))
    app.change("A", "seed", "1")
    assert shown(app)["A"] == before["A"] and app.image.value == picture


@pytest.mark.parametrize(
    ("side", "path", "text", "beside"),
    [
        ("A", "disks[1].capacity", "9 parsecs", "disks[1].capacity"),
        ("A", "objects[0].mirrors", "7", "objects[0].mirrors"),
        ("A", "seed", "-1", "seed"),
        ("A", "warm_up", "9 s", "warm_up"),
        ("B", "workloads[0].synthetic.arrivals.rate", "-3", "workloads[0].synthetic.arrivals.rate"),
        ("A", "workloads[0].synthetic.size", "64 GiB", "workloads[0].synthetic.size"),
        ("A", "policy.name", "best", "policy.name"),
    ],
)
def test_an_error_stands_beside_the_control_that_caused_it(side: str, path: str, text: str, beside: str) -> None:
    app = ready(SHORT)
    before = shown(app)
    app.change(side, path, text)
    after = shown(app)
    assert after["error"]["beside"] == beside
    assert "ps-error" in app.rows[beside].error.value
    assert [name for name, row in app.rows.made.items() if row.error.value] == [beside]
    assert after["A"] == before["A"]
    app.change(side, path, app.both.settings[path].text)
    assert shown(app)["error"] is None and not app.rows[beside].error.value


def test_text_of_a_user_is_escaped() -> None:
    app = ready(SHORT)
    app.change("A", "disks[0].capacity", "<script>alert(1)</script>")
    shown(app)
    html = [app.out.value, app.rows["disks[0].capacity"].error.value, app.status.value]
    assert not any("<script" in text for text in html)


def test_b_has_what_a_has_until_it_is_split() -> None:
    app = ready(SHORT)
    app.change("A", "seed", "5")
    assert {shown(app)[side]["scenario"]["seed"] for side in "AB"} == {5}
    row = app.rows["objects[0].block_size"]
    row.switch.value = True
    row.editors["B"].slider.value = "2 MiB"
    found = shown(app)
    assert [found[side]["scenario"]["objects"][0]["block_size"] for side in "AB"] == [2**20, 2**21]
    row.switch.value = False
    assert shown(app)["B"]["scenario"]["objects"][0]["block_size"] == 2**20


def test_parameters_of_a_rule_show_where_the_rule_is_chosen() -> None:
    app = ready(SHORT)
    row = app.rows["policy.d"]
    assert row.box.layout.display == "none"
    app.change("B", "policy.name", "d_choices")
    assert row.box.layout.display is None
    app.change("A", "policy.d", "3")
    assert shown(app)["B"]["scenario"]["policy"] == {"name": "d_choices", "d": 3}
    assert shown(app)["A"]["scenario"]["policy"] == {"name": "most_free"}


def test_time_moves_and_jumps_to_the_first_difference() -> None:
    app = ready(SHORT)
    app.scrubber.value = 6
    assert shown(app)["time_s"] == pytest.approx(3.5)
    found = shown(app)["first_difference_s"]
    app.jump()
    after = shown(app)["time_s"]
    assert after - 0.5 <= found <= after
    app.change("B", "policy.name", "most_free")
    assert shown(app)["first_difference_s"] is None and app.jump_button.disabled


def test_a_disk_chosen_in_the_map_stays_chosen() -> None:
    app = ready(SHORT)
    assert shown(app)["disk"] is None
    picture, name = app.image.value, app.pair.disks[1] if app.pair else ""
    app.disk.value = name
    assert app.image.value != picture
    app.change("A", "seed", "9")
    assert shown(app)["disk"] == name == app.disk.value
    app.disk.value = None
    app.change("A", "seed", "1")
    shown(app)
    assert app.image.value == picture


def test_the_state_is_saved_and_its_code_runs(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(SHORT.to_toml())
    app = ready(Scenario.from_toml(tmp_path / "s.toml"))
    app.change("A", "disks[0].capacity", "1 GiB")
    state = shown(app)
    path = save(app.both, "B", "b.toml")
    same(state["B"]["summary"], Scenario.from_toml(path))
    for name in ("b.toml", "../c.toml", "c.txt", ""):
        with pytest.raises(InputError):
            save(app.both, "A", name)
    values: dict[str, Any] = {}
    exec(compile(code(app.both), "code", "exec"), values)
    for result, side in zip(values["results"], "AB", strict=True):
        assert result.summary["latency_s_mean"] == state[side]["summary"]["latency_s_mean"]


def test_an_upgrade_shows_its_machines() -> None:
    app = ready(Scenario.from_text(FLEET))
    state = shown(app)
    assert "strategy" not in state["B"]["scenario"]["fleet"]  # software_swap is the default
    app.scrubber.value = app.scrubber.max
    state = shown(app)
    assert state["A"]["at"]["vms"] == {"running_new": 6}
    app.change("A", "fleet.limits.maintenance", "1")
    limited = shown(app)
    assert limited["A"]["scenario"]["fleet"]["limits"] == {"maintenance": 1}
    app.change("A", "fleet.boot.requests", "20")
    state = shown(app)
    assert state["A"]["scenario"]["fleet"]["boot"] | {"requests": 40} == limited["A"]["scenario"]["fleet"]["boot"]
    same(state["A"]["summary"], Scenario.from_dict(state["A"]["scenario"]))


def wait_for_status(app: Explorer, part: str) -> None:
    for _ in range(200):
        app._latest.deliver()
        if part in app.status.value:
            return
        threading.Event().wait(0.05)
    pytest.fail(f"never shown: {part}")


def test_a_long_run_shows_progress_and_can_be_cancelled() -> None:
    app = ready(SHORT)
    before = shown(app)
    app.change("A", "workloads[0].synthetic.arrivals.rate", "2000")
    app.change("A", "horizon", "100 s")
    wait_for_status(app, "simulated")
    assert app.progress.layout.visibility == "visible"
    assert not app.cancel_button.disabled
    app.cancel()
    assert app.wait(20)
    after = shown(app)
    assert after["A"] == before["A"] and not after["busy"] and "Cancelled" in app.status.value


def test_cancel_is_heard_while_machine_code_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    app = ready(SHORT)
    before, go = shown(app), threading.Event()
    monkeypatch.setattr(pair_module, "is_worth_compiling", lambda _: True)
    monkeypatch.setattr(pair_module, "simulate_scenario", lambda *_, **__: go.wait(60))
    app.change("A", "seed", "3")
    wait_for_status(app, "loading the machine code of most_free")
    assert app.progress.layout.visibility == "visible"
    app.cancel()
    try:
        assert app.wait(2)  # the worker is free, though loading goes on
        assert shown(app)["A"] == before["A"] and "Cancelled" in app.status.value
        monkeypatch.setattr(pair_module, "is_worth_compiling", lambda _: False)
        app.change("A", "seed", "4")  # and what needs no machine code does not wait for it
        assert app.wait(20) and shown(app)["A"]["scenario"]["seed"] == 4
    finally:
        go.set()


def test_the_latest_request_wins_and_older_ones_do_not_queue() -> None:
    begun, told = [], []
    started, go = threading.Event(), threading.Event()

    def work(request: int, wanted: Any) -> int:
        begun.append(request)
        started.set()
        go.wait(10)
        return request

    latest = Latest(work, lambda request, value, error: told.append((request, value, error)))
    latest.submit(0)
    started.wait(10)
    for request in range(1, 50):
        latest.submit(request)
    go.set()
    assert latest.wait(10)
    assert begun == [0, 49] and told == [(49, 49, None)]


def test_in_an_event_loop_results_arrive_in_its_thread() -> None:
    seen: list[Any] = []

    async def main() -> None:
        here = threading.get_ident()
        latest = Latest(lambda r, _: 1 / r, lambda r, v, e: seen.append((threading.get_ident() == here, v, repr(e))))
        latest.submit(2)
        while latest.is_busy or not seen:
            await asyncio.sleep(0.01)
        latest.submit(0)
        while len(seen) < 2:
            await asyncio.sleep(0.01)

    asyncio.run(main())
    assert seen == [(True, 0.5, "None"), (True, None, "ZeroDivisionError('division by zero')")]


def test_an_unknown_setting_is_an_input_error() -> None:
    with pytest.raises(InputError, match="no such setting"):
        explore(SHORT, b={"policy.nam": "stripe"})


def test_what_has_no_control_or_no_map_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert json.loads(ready(SHORT).readout)["left_out"] == []
    one = '{ name = "vm", size = "1792 MiB", block_size = "1 MiB" }'
    more = "".join(f', {{ name = "o{i}", size = "16 MiB", block_size = "1 MiB" }}' for i in range(13))
    many = Scenario.from_text(PLACEMENT.replace(one, one + more))
    monkeypatch.setattr(pair_module, "MOST_OBJECTS", 5)
    monkeypatch.setattr(watch, "MOST_BLOCKS", 1792 + 10 * 16)
    app = ready(many)
    assert json.loads(app.readout)["left_out"] == [
        "Controls for the first 12 of 14 objects; the others stay as they are.",
        "Maps to choose from: the first 5 of 11. "
        f"A keeps no map of 3 more (over {pair_module.MOST_BLOCKS:,} blocks in all). "
        f"B keeps no map of 3 more (over {pair_module.MOST_BLOCKS:,} blocks in all).",
    ]
    assert len(app.object.options) == 5


def test_a_value_that_the_slider_does_not_offer_can_be_typed() -> None:
    app = ready(SHORT)
    editor = app.rows["horizon"].editors["A"]
    editor.entry.value = "3.3 s"
    state = shown(app)
    assert state["changes"] == 1 and state["A"]["scenario"]["horizon"] == "3300000000 ns"
    assert editor.slider.value == "3.3 s" and "6.6 s" in editor.slider.options
