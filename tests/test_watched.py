"""Runs that are looked on give what `run` gives; their maps and first difference against plain loops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from placement_sim import Scenario, run
from placement_sim.engine import watch
from placement_sim.engine.compiled import path
from placement_sim.engine.watch import MapHistory, StoppedError
from placement_sim.experiments.first_difference import first_difference
from placement_sim.experiments.run import simulate_scenario
from placement_sim.experiments.watched import machine_states, watched_run
from placement_sim.model.allocation import DEGRADED, STALE
from placement_sim.reporting.block_map import away_text, block_dots, block_map, block_pixels, owner_colours
from placement_sim.reporting.figures import draw

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "images" / "placement.toml").read_text(encoding="utf-8").replace('"60 s"', '"5.3 s"')
PLACEMENT = Scenario.from_text(TEXT)
WARM = Scenario.from_text(TEXT.replace('window = "1 s"', 'window = "0.4 s"\nwarm_up = "1 s"'))


@pytest.mark.parametrize("scenario", [PLACEMENT, WARM], ids=["plain", "warm-up"])
@pytest.mark.parametrize("policy", ["most_free", "stripe", "least_queue"])
def test_looking_on_changes_nothing(scenario: Scenario, policy: str) -> None:
    seen, plain = watched_run(scenario, policy=policy), run(scenario, policy=policy)
    assert seen.result.summary.equals(plain.summary)
    assert seen.result.timeline.equals(plain.timeline)
    assert seen.result.manifest == plain.manifest
    assert list(dict.fromkeys(plain.timeline["time_s"])) == list(seen.times_s)


def test_maps_end_as_the_run_left_them_and_agree_with_the_used_space() -> None:
    seen = watched_run(PLACEMENT)
    last = simulate_scenario(PLACEMENT).outcome.allocation[0][0]
    history = seen.maps["vm", 0]
    assert (history.at(len(seen.times_s) - 1) == last).all()
    # Nothing is unmapped: a disk's used bytes at a window's end are its blocks in the map and those in flight.
    for moment, rows in enumerate(np.split(seen.result.timeline["used_bytes"].to_numpy(), len(seen.times_s))):
        blocks = np.bincount(history.at(moment), minlength=5)[1:]
        assert (blocks * 2**20 <= rows).all() and (rows - blocks * 2**20 <= 4 * 2**20).all()


def test_the_first_difference_is_that_of_a_loop_over_requests() -> None:
    a, b = watched_run(PLACEMENT, policy="most_free"), watched_run(PLACEMENT, policy="stripe")
    frames = [run(PLACEMENT, policy=name, record_requests=True).requests for name in ("most_free", "stripe")]
    ends = [{row.number: (row.issued_s + row.latency_s, row.status) for row in frame.itertuples()} for frame in frames]
    times = []
    for number in ends[0].keys() | ends[1].keys():
        pair = [side.get(number) for side in ends]
        if pair[0] is None or pair[1] is None or pair[0] != pair[1]:
            times.append(min(entry[0] for entry in pair if entry is not None))
    found = first_difference(a, b)
    assert found is not None
    assert found.time_s == pytest.approx(min(times), abs=1e-9)
    assert first_difference(a, watched_run(PLACEMENT, policy="most_free")) is None


ONE_WINDOW = Scenario.from_text(TEXT.replace('window = "1 s"', 'window = "5.3 s"'))


def test_a_run_that_is_not_wanted_ends_however_long_its_windows_are() -> None:
    calls = []

    def tell(share: float | None, time_s: float) -> bool:
        calls.append((share, time_s))
        return len(calls) < 3

    with pytest.raises(StoppedError):
        watched_run(ONE_WINDOW, tell=tell, data_path="reference")
    share, time_s = calls[-1]
    # Looks come at steps that at most double, from the first.
    assert len(calls) == 3 and time_s * 1e9 <= 7 * watch.FIRST_LOOK_NS and share == pytest.approx(time_s / 5.3)


def test_the_compiled_path_asks_between_two_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")  # the same loop, not compiled
    monkeypatch.setattr(path, "FEWEST_EVENTS", 50)
    monkeypatch.setattr(watch, "FIRST_LOOK_NS", 10**12)
    monkeypatch.setattr(watch, "LOOKS_A_WINDOW", 1)
    calls = []

    def tell(share: float | None, time_s: float) -> bool:
        calls.append(time_s)
        return False

    with pytest.raises(StoppedError):
        watched_run(ONE_WINDOW, tell=tell, data_path="compiled")
    assert len(calls) == 1 and calls[0] < 5.3


def test_states_of_machines_follow_their_steps() -> None:
    scenario = Scenario.from_toml(ROOT / "data" / "scenarios" / "failing_rollout.toml")
    seen = watched_run(scenario)
    states = machine_states(seen, seen.times_s)
    steps = seen.result.steps
    for vm in list(states.index)[:3]:
        for column, time_s in enumerate(seen.times_s):
            past = steps[(steps["vm"] == vm) & (steps["end_s"] <= time_s) & (steps["state"] != "")]
            expected = past.sort_values("end_s", kind="stable")["state"].iloc[-1] if len(past) else "running"
            assert states.iloc[states.index.get_loc(vm), column] == expected


@pytest.mark.parametrize("count", [1, 5, 6143, 6144, 6145, 100_003, 3_000_000])
def test_a_block_map_shows_each_owner_by_its_share(count: int) -> None:
    rng = np.random.default_rng(count)
    weights = np.array([0.5, 0.3, 0.15, 0.05])
    entries = rng.choice(4, size=count, p=weights).astype(np.int32)
    dots, run_blocks = block_dots(entries)
    assert dots.shape[0] <= 48 and dots.shape[1] <= 128
    if run_blocks == 0:
        assert (dots.ravel()[:count] == entries).all() and (dots.ravel()[count:] == -1).all()
        return
    # Each cell is within one dot of eight times its exact shares; the cells are read back from the picture.
    cells = dots.reshape(-1, 2, dots.shape[1] // 4, 4).swapaxes(1, 2).reshape(-1, 8)
    used = -(-count // run_blocks)
    assert (cells[used:] == -1).all()
    for i in range(0, used, max(1, used // 50)):
        part = entries[i * run_blocks : (i + 1) * run_blocks]
        exact = 8 * np.bincount(part, minlength=4) / len(part)
        assert (np.abs(np.bincount(cells[i], minlength=4) - exact) < 1).all()


def test_stripes_look_like_stripes_and_not_like_one_disk() -> None:
    dots, _ = block_dots(np.arange(4_000_000) % 4 + 1)
    # A run of 5,209 blocks is no multiple of 4: a sample of it may begin in the odd one.
    assert np.bincount(dots.ravel() + 1)[2:] == pytest.approx(np.full(4, dots.size / 4), rel=0.01)


@pytest.mark.parametrize("disks", [12, 40])
def test_of_many_disks_each_is_seen_by_its_share(disks: int) -> None:
    # Equal shares of less than a dot a cell: 6144 dots shared out evenly, within a twentieth.
    dots, _ = block_dots(np.arange(4_000_000) % disks + 1)
    assert np.bincount(dots.ravel())[1:] == pytest.approx(np.full(disks, dots.size / disks), rel=0.05)


def test_one_disk_is_dark_among_grey_ones_and_its_blocks_are_counted() -> None:
    entries, names = np.array([1, 2, 2, 0, STALE]), ["a", "b", "c"]
    ax = draw(block_map, entries, disks=names, disk="b").axes[0]
    assert "b holds 2 blocks, 50.0 % of those allocated" in ax.get_xlabel()
    grey = block_pixels(entries[None, :], 3, chosen=1)[0, :, :3] @ [0.299, 0.587, 0.114]
    assert grey[1] == grey[2] and min(np.diff(sorted(set(grey.round())))) > 40  # four kinds, apart in grey print
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["unallocated", "b", "other disks"]
    assert "d: no such disk here" in draw(block_map, entries, disks=names, disk="d").axes[0].get_xlabel()


@pytest.mark.parametrize("disks", [1, 7, 8, 300])
def test_colours_of_owners_differ(disks: int) -> None:
    colours = owner_colours(disks)
    assert len(colours) == disks + 1 and len(set(colours)) >= min(disks + 1, 200)
    pixels = block_pixels(np.array([[0, disks, disks + 1, -1]]), disks)
    assert pixels[0, :, 3].tolist() == [255, 255, 255, 0]


def test_a_history_goes_back_and_forth() -> None:
    history, before = MapHistory(4), np.zeros(4, np.uint8)
    history.note(0, before, np.array([1, 0, 0, 2], np.uint8))
    history.note(2, before, np.array([1, 3, 0, 0], np.uint8))
    assert [history.at(moment).tolist() for moment in (0, 1, 2)] == [[1, 0, 0, 2], [1, 0, 0, 2], [1, 3, 0, 0]]


@pytest.mark.parametrize("mirrors", [1, 2])
def test_blocks_whose_newest_copy_is_not_at_their_owner_are_named_as_such(mirrors: int) -> None:
    # A14: an object of one leg diverts writes to an offline disk's blocks; a mirror's leg of it is stale (A12).
    event = '\n[[events]]\nat = "2 s"\naction = "disk_offline"\ndisk = "d1024"\n'
    text = TEXT.replace("block_size", f"mirrors = {mirrors}, block_size").replace("1792 MiB", "256 MiB") + event
    seen = watched_run(Scenario.from_text(text), policy="stripe")
    kinds = [[int((history.at(len(seen.times_s) - 1) == kind).sum()) for kind in (STALE, DEGRADED)]
             for history in seen.maps.values()]  # fmt: skip
    stale, degraded = np.sum(kinds, axis=0)
    assert (stale > 0) == (mirrors == 2) and (degraded > 0) == (mirrors == 1)
    for history, (here, there) in zip(seen.maps.values(), kinds, strict=True):
        last = history.at(len(seen.times_s) - 1)
        assert ((last <= len(seen.disks)) | (last >= STALE)).all()
        assert away_text(last) == f"blocks in black: {here} stale, {there} degraded (newest bytes elsewhere)"
    before = [history.at(1) for history in seen.maps.values()]  # the window that ends with the fault
    assert all((entries <= len(seen.disks)).all() and away_text(entries) == "" for entries in before)


def test_an_entry_that_names_no_disk_is_the_same_in_maps_of_one_and_of_two_bytes() -> None:
    narrow, wide = MapHistory(3), MapHistory(3)
    narrow.note(0, np.zeros(3, np.uint8), np.array([1, 254, 255], np.uint8))
    wide.note(0, np.zeros(3, np.uint16), np.array([1, 65534, 65535], np.uint16))
    assert narrow.at(0).tolist() == wide.at(0).tolist() == [1, STALE, DEGRADED]
    black = block_pixels(narrow.at(0)[None, :], 2)[0, 1:, :3]
    assert (black == 0).all()


def test_maps_beyond_the_watched_blocks_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert watched_run(PLACEMENT).maps_left_out == 0
    monkeypatch.setattr(watch, "MOST_BLOCKS", 1791)
    seen = watched_run(PLACEMENT)
    assert seen.maps_left_out == 1 and seen.maps == {}
