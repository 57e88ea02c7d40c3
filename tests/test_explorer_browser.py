"""Explorers in a real Chromium, in JupyterLab and in Voila: driven by keyboard, read by machine, photographed."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import pytest
from browser import page
from servers import PLACES, in_jupyterlab, in_voila

from placement_sim import Scenario, run
from placement_sim.widgets.controls import css_name

pytestmark = [pytest.mark.slow, pytest.mark.notebook]
ROOT = Path(__file__).resolve().parents[1]
CELLS = (
    "from placement_sim import Scenario, explore",
    "scenario = Scenario.from_toml('scenario.toml')",
    "app = explore(scenario)\napp",
)
WAIT_MS = 120_000


def readout(tab: Any, holds: str, timeout_ms: int = WAIT_MS) -> dict[str, Any]:
    """Wait until the machine-readable readout `s` makes a JavaScript expression true, and give it."""
    script = (
        "() => { const e = document.querySelector('.ps-readout'); if (!e) return false;"
        f" const s = JSON.parse(e.textContent); return {holds}; }}"
    )
    tab.wait_for_function(script, timeout=timeout_ms)
    return dict(json.loads(tab.locator(".ps-readout").first.text_content()))


def same(shown: dict[str, Any], scenario: Scenario) -> None:
    """Every number shown is that of the same scenario run directly."""
    expected = run(scenario).summary
    assert set(shown) == set(expected.index)
    for name, value in expected.items():
        assert shown[str(name)] == (None if math.isnan(value) else value), name


@pytest.mark.parametrize("place", PLACES)
def test_a_slider_moved_by_keyboard_shows_the_run_of_that_scenario(place: str, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "images" / "placement.toml").read_text(encoding="utf-8")
    (tmp_path / "scenario.toml").write_text(text, encoding="utf-8")
    with page(1700, 1500) as tab, PLACES[place](tab, tmp_path, *CELLS):
        errors: list[str] = []
        tab.on("pageerror", lambda error: errors.append(str(error)))
        first = readout(tab, "!s.busy && s.A && s.changes === 0")
        assert first["A"]["scenario"]["policy"]["name"] == "most_free"
        assert first["B"]["scenario"]["policy"]["name"] == "stripe"
        same(first["A"]["summary"], Scenario.from_text(text))

        # Time by keyboard: one window on, from the middle.
        tab.locator(".ps-time .noUi-handle").focus()
        tab.keyboard.press("ArrowRight")
        later = readout(tab, f"!s.busy && s.time_s > {first['time_s'] + 0.5}")
        assert later["time_s"] == pytest.approx(first["time_s"] + 1)

        # A setting by keyboard: the accordion page is opened, the slider's handle takes one step up.
        tab.get_by_text("Disks", exact=True).click()
        handle = tab.locator(f".{css_name('disks[0].capacity')} .noUi-handle").first
        handle.focus()
        tab.keyboard.press("ArrowRight")
        changed = readout(tab, "!s.busy && s.changes === 1 && s.A.scenario.disks[0].capacity === 536870912")
        double = Scenario.from_text(text.replace('"256 MiB"', '"512 MiB"'))
        same(changed["A"]["summary"], double)
        same(changed["B"]["summary"], Scenario.from_dict({**double.to_dict(), "policy": {"name": "stripe"}}))

        # A text that is no size: the error stands beside its control, and the picture stays.
        entry = tab.locator(f".{css_name('disks[0].capacity')} input").first
        entry.fill("3 parsecs")
        entry.press("Enter")
        refused = readout(tab, "s.error !== null")
        assert refused["error"]["beside"] == "disks[0].capacity"
        assert "3 parsecs" in tab.locator(f".{css_name('disks[0].capacity')} .ps-error").inner_text()
        entry.fill("256 MiB")
        entry.press("Enter")
        back = readout(tab, "s.error === null && !s.busy && s.A.scenario.disks[0].capacity === 268435456")
        same(back["A"]["summary"], Scenario.from_text(text))
        assert tab.locator(".ps-error").count() == 0

        # The link gives the code, and the code gives what is shown.
        with tab.expect_download() as started:
            tab.locator(".ps-links a", has_text="the code that makes it").click()
        values: dict[str, Any] = {}
        assert started.value.suggested_filename == "explored.py"
        exec(compile(Path(started.value.path()).read_text(encoding="utf-8"), "explored.py", "exec"), values)
        for side, result in zip("AB", values["results"], strict=True):
            assert back[side]["summary"]["latency_s_mean"] == result.summary["latency_s_mean"]
        with tab.expect_download() as started:
            tab.locator(".ps-links a", has_text="b.toml").click()
        assert Scenario.from_toml(started.value.path()).policy.name == "stripe"

        picture = tab.locator("img.ps-picture, .ps-picture img").first
        assert picture.evaluate("i => i.complete && i.naturalWidth") > 900
        tab.screenshot(path=str(tmp_path / f"{place}.png"))
        assert errors == []


def test_an_upgrade_in_jupyterlab(tmp_path: Path) -> None:
    text = (ROOT / "data" / "scenarios" / "desktops_24.toml").read_text(encoding="utf-8")
    (tmp_path / "scenario.toml").write_text(text, encoding="utf-8")
    with page(1700, 1700) as tab, in_jupyterlab(tab, tmp_path, *CELLS):
        shown = readout(tab, "!s.busy && s.A && s.changes === 0")
        same(shown["A"]["summary"], Scenario.from_text(text))
        assert sum(shown["A"]["at"]["vms"].values()) == 24
        tab.locator(f".{css_name('fleet.strategy.name')} .ps-side-b select").select_option("blue_green")
        other = readout(tab, "!s.busy && (s.B.scenario.fleet.strategy || {}).name === 'blue_green'")
        other_scenario = Scenario.from_dict(other["B"]["scenario"])
        same(other["B"]["summary"], other_scenario)
        tab.get_by_text("First difference").click()
        jumped = readout(tab, f"s.time_s >= {other['first_difference_s']} && s.time_s !== {other['time_s']}")
        assert jumped["time_s"] - other["first_difference_s"] <= 30
        tab.screenshot(path=str(tmp_path / "upgrade.png"))


def test_cancel_is_heard_in_a_run_of_millions_of_blocks(tmp_path: Path) -> None:
    text = """
    horizon = "900000 s"
    window = "9000 s"
    objects = [{ name = "vm", size = "4 TiB", block_size = "1 MiB" }]
    disks = [{ name = "d", count = 12, capacity = "1 TiB", service = { kind = "exponential", mean = "6 ms" } }]
    [[workloads]]
    name = "w"
    object = "vm"
    synthetic = { read_share = 0.3, size = "4 KiB", arrivals = { law = "poisson", rate = 400 } }
    """
    (tmp_path / "scenario.toml").write_text(text, encoding="utf-8")
    with page(1700, 1500) as tab, in_voila(tab, tmp_path, *CELLS):
        readout(tab, "s.busy")
        # Machine code is loaded, or the run goes on: each tells how far it is before it is done.
        told = "() => /loading the machine code|simulated/.test(document.querySelector('[role=status]').textContent)"
        tab.wait_for_function(told, timeout=WAIT_MS)
        pressed_s = time.monotonic()
        tab.get_by_role("button", name="Cancel").click()
        after = readout(tab, "!s.busy", timeout_ms=10_000)
        assert time.monotonic() - pressed_s < 3  # about one second, with room for a busy machine
        assert "A" not in after and "Cancelled" in tab.locator("[role=status]").inner_text()
