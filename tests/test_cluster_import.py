"""Imports of real clusters: every text layout written by the rules of its release, JSON, CSV, and damage.

The tables are made from exact bytes; what df would print of them is worked out here, apart from the
reader, so that its mean, VAR and STDDEV can be demanded to the last digit.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement_sim.cli import main
from placement_sim.errors import InputError
from placement_sim.experiments.ceph_osd_df import read_ceph_osd_df
from placement_sim.experiments.cluster_import import import_table, save_cluster
from placement_sim.experiments.disk_table import check_against_df, df_statistics
from placement_sim.experiments.disks_csv import read_disks_csv
from placement_sim.experiments.run import run
from placement_sim.experiments.scenario import Scenario

SHARED = Path(__file__).parents[2] / "shared" / "traces" / "ceph_osd_df"
GIB, TIB = 2**30, 2**40
# (capacity, used, reweight, host): two sizes, one disk nearly empty, one weighted down
TRUTH = (
    (4000 * GIB, 3100 * GIB + 12345, 1.0, "alpha"),
    (4000 * GIB, 2222 * GIB, 0.5, "alpha"),
    (931 * GIB + 7, 17 * GIB, 1.0, "beta"),
    (931 * GIB + 7, 900 * GIB, 0.90002, "beta"),
)


def rounded(size: int) -> str:
    """Print as Mimic and later do: as many decimals as fit in seven characters."""
    power = max(0, min(5, (size.bit_length() - 1) // 10)) if size else 0
    unit = " " + ("B", "KiB", "MiB", "GiB", "TiB", "PiB")[power]
    if size % 1024**power == 0:
        return f"{size >> 10 * power}{unit}"
    texts = [f"{size / 1024**power:.{decimals}f}{unit}" for decimals in (2, 1, 0)]
    return next((text for text in texts if len(text) <= 7), texts[-1])


def cut(size: int) -> str:
    """Print as Jewel does: whole units, the rest cut off."""
    power = 0
    while size >= 1024 * 10 and power < 5:
        size, power = size // 1024, power + 1
    return f"{size}{' kMGTP'[power].strip()}"


def statistics() -> tuple[float, list[float], float]:
    """Give mean, VAR of each disk, and STDDEV of the truth, by the formulas of FORMATS."""
    shares = [100 * used / size for size, used, _, _ in TRUTH]
    mean = 100 * sum(used for _, used, _, _ in TRUTH) / sum(size for size, _, _, _ in TRUTH)
    weights = [reweight for _, _, reweight, _ in TRUTH]
    squares = sum(w * (share - mean) ** 2 for w, share in zip(weights, shares, strict=True))
    return mean, [share / mean for share in shares], math.sqrt(squares / sum(weights))


def text(columns: str, size: Any, tree: bool = False) -> str:
    """Write a table with these columns; unknown cells (DATA, OMAP, META) are of no matter."""
    mean, variations, deviation = statistics()
    lines = [columns + ("  TYPE NAME" if tree else "")]
    for i, (capacity, used, reweight, host) in enumerate(TRUTH):
        if tree and i % 2 == 0:
            lines.append(f"-{i + 2} 4.5 - {size(capacity)} {size(used)} 0 B - - 10.5 0.5 - host {host}")
        cells = {
            "ID": str(i), "CLASS": "hdd", "WEIGHT": f"{capacity / TIB:.5f}", "REWEIGHT": f"{reweight:.5f}",
            "SIZE": size(capacity), "USE": size(used), "DATA": size(used), "OMAP": "0 B", "META": size(GIB),
            "AVAIL": size(capacity - used), "%USE": f"{100 * used / capacity:.2f}", "VAR": f"{variations[i]:.2f}",
            "PGS": "33", "STATUS": "up",
        }  # fmt: skip
        heads = columns.replace("RAW USE", "USE").split()
        lines.append("  ".join(cells[head] for head in heads) + (f"   osd.{i}" if tree else ""))
    lines.append(f"     TOTAL {size(9862 * GIB)} {size(6250 * GIB)} {size(3612 * GIB)} {mean:.2f}")
    lines.append(f"MIN/MAX VAR: {min(variations):.2f}/{max(variations):.2f}  STDDEV: {deviation:.2f}")
    return "\n".join(lines) + "\n"


JEWEL = "ID WEIGHT  REWEIGHT SIZE  USE   AVAIL %USE  VAR  PGS"
LUMINOUS = "ID CLASS WEIGHT  REWEIGHT SIZE  USE   AVAIL %USE  VAR  PGS"
MIMIC = "ID CLASS WEIGHT  REWEIGHT SIZE    USE     DATA    OMAP    META    AVAIL   %USE  VAR  PGS"
NAUTILUS = "ID CLASS WEIGHT  REWEIGHT SIZE    RAW USE DATA    OMAP    META    AVAIL   %USE  VAR  PGS STATUS"
LAYOUTS = {"jewel": (JEWEL, cut), "luminous": (LUMINOUS, cut), "mimic": (MIMIC, rounded), "squid": (NAUTILUS, rounded)}


def document(tree: bool = False) -> dict[str, Any]:
    mean, variations, deviation = statistics()
    nodes: list[dict[str, Any]] = [
        {
            "id": i, "device_class": "hdd", "name": f"osd.{i}", "type": "osd", "crush_weight": capacity / TIB,
            "reweight": reweight, "kb": capacity // 1024, "kb_used": used // 1024,
            "kb_avail": (capacity - used) // 1024, "utilization": 100 * used / capacity, "var": variations[i],
        }
        for i, (capacity, used, reweight, _) in enumerate(TRUTH)
    ]  # fmt: skip
    if tree:
        nodes += [{"id": -2, "name": "alpha", "type": "host", "children": [0, 1]}]
        nodes += [{"id": -3, "name": "beta", "type": "host", "children": [2, 3]}]
    summary = {"average_utilization": mean, "dev": deviation, "min_var": min(variations), "max_var": max(variations)}
    return {"nodes": nodes, "stray": [], "summary": summary}


def write(folder: Path, content: str, name: str = "df.txt") -> Path:
    (folder / name).write_text(content)
    return folder / name


@pytest.mark.parametrize("tree", [False, True])
@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout(name: str, tree: bool, tmp_path: Path) -> None:
    columns, size = LAYOUTS[name]
    table = read_ceph_osd_df(write(tmp_path, text(columns, size, tree)))
    checks, _ = check_against_df(table)
    assert [check for check in checks if check.why] == []
    assert {check.name for check in checks} >= {"mean", "stddev", "min_var", "max_var", "VAR of osd.3"}
    for disk, (capacity, used, reweight, host) in zip(table.disks, TRUTH, strict=True):
        assert disk.capacity_bytes == pytest.approx(capacity, rel=2e-5)  # the weight has five decimals
        assert disk.used_bytes == pytest.approx(used, abs=max(6e-5 * capacity, GIB))
        assert disk.reweight == reweight
        assert disk.host == (host if tree else None)
        assert disk.capacity.low <= capacity <= disk.capacity.high


@pytest.mark.parametrize("tree", [False, True])
def test_json(tree: bool, tmp_path: Path) -> None:
    table = read_ceph_osd_df(write(tmp_path, "\n" + json.dumps(document(tree))))
    assert [disk.capacity_bytes // 1024 for disk in table.disks] == [size // 1024 for size, _, _, _ in TRUTH]
    assert [disk.used_bytes // 1024 for disk in table.disks] == [used // 1024 for _, used, _, _ in TRUTH]
    assert [disk.host for disk in table.disks] == [host if tree else None for _, _, _, host in TRUTH]
    checks, _ = check_against_df(table)
    assert len(checks) == 8 and not any(check.why for check in checks)


def test_a_class_may_be_blank_and_a_disk_without_size_is_left_out(tmp_path: Path) -> None:
    content = text(NAUTILUS, rounded).replace("1  hdd", "1     ")
    lines = content.splitlines()
    lines.insert(5, " 9  hdd  0  0  0 B  0 B  0 B  0 B  0 B  0 B  0  0  0  down")
    table = read_ceph_osd_df(write(tmp_path, "\r\n".join(lines)))
    assert [disk.device_class for disk in table.disks] == ["hdd", "", "hdd", "hdd"]
    assert any("osd.9 has no size" in note for note in table.notes)


def test_a_disk_under_two_roots_counts_once(tmp_path: Path) -> None:
    lines = text(NAUTILUS, rounded).splitlines()
    lines.insert(2, lines[1])
    table = read_ceph_osd_df(write(tmp_path, "\n".join(lines)))
    assert len(table.disks) == 4 and "counts once" in table.notes[0]


def test_what_is_not_reproduced_says_why(tmp_path: Path) -> None:
    content = text(MIMIC, rounded)
    lines = content.splitlines()
    table = read_ceph_osd_df(write(tmp_path, "\n".join([*lines[:2], *lines[3:]])))
    found = import_table(table, "df.txt")
    assert not found.reproduced
    assert any("disks are missing from the table" in note for note in found.notes)
    wrong = content.replace(f"STDDEV: {statistics()[2]:.2f}", f"STDDEV: {statistics()[2] + 0.01:.2f}")
    checks, _ = check_against_df(read_ceph_osd_df(write(tmp_path, wrong)))
    assert [check.name for check in checks if check.why] == ["stddev"]


def test_disks_of_reweight_0_may_be_out_of_the_mean(tmp_path: Path) -> None:
    values = document()
    values["nodes"][1]["reweight"] = 0
    kept = [row for i, row in enumerate(TRUTH) if i != 1]
    mean = 100 * sum(used for _, used, _, _ in kept) / sum(size for size, _, _, _ in kept)
    values["summary"] = {"average_utilization": mean}
    table = read_ceph_osd_df(write(tmp_path, json.dumps(values)))
    checks, notes = check_against_df(table)
    assert checks[0].why == "" and "reweight above 0" in notes[0]


def test_the_scenario_runs_and_reads_back(tmp_path: Path) -> None:
    table = read_ceph_osd_df(write(tmp_path, text(NAUTILUS, rounded, tree=True)))
    found = import_table(table, "df.txt", mirrors=2)
    save_cluster(tmp_path / "c.toml", found)
    scenario = Scenario.from_toml(tmp_path / "c.toml")
    assert scenario.to_dict() == found.scenario.to_dict()
    assert [host.name for host in scenario.hosts] == ["alpha", "beta"]
    assert scenario.disks[1].weight == pytest.approx(0.5 * 4000 / 1024, abs=1e-5)
    assert scenario.disks[3].min_free == pytest.approx(0.05 * 931 * GIB, rel=1e-4)
    result = run(scenario)
    assert result.disks["fill"].iloc[2] == pytest.approx(17 / 931, abs=0.01)
    with pytest.raises(InputError, match="cannot write"):
        save_cluster(tmp_path / "none" / "c.toml", found)
    with pytest.raises(InputError, match="full ratio"):
        import_table(table, "df.txt", full_ratio=1.5)


def test_csv(tmp_path: Path) -> None:
    content = "name,host,capacity,free,weight,reweight\na,h,4 TiB,1 TiB,3.5,0.5\nb,,1000000,250000,,\n"
    table = read_disks_csv(write(tmp_path, content, "d.csv"))
    a, b = table.disks
    assert (a.used_bytes, a.weight, a.reweight, a.host) == (3 * TIB, 3.5, 0.5, "h")
    assert (b.used_bytes, b.weight, b.reweight, b.host) == (750_000, 1e6 / TIB, 1.0, None)
    assert df_statistics([b]) == (75.0, 0.0)
    for level, value in (("fill", "75 %"), ("fill", "0.75"), ("used", "750 kB")):
        again = read_disks_csv(write(tmp_path, f"name,capacity,{level}\nb,1 MB,{value}\n", "e.csv"))
        assert again.disks[0].used_bytes == 750_000


BAD_CSV = {
    "": "no column",
    "name,capacity,fill\n": "no disks",
    "name,capacity\na,1 TB\n": "says how full",
    "name,capacity,fill,used\na,1 TB,0,0\n": "fill says how full",
    "name,capacity,ful\na,1 TB,0\n": "unknown column",
    "name,name,capacity,fill\na,a,1 TB,0\n": "twice",
    "name,capacity,fill\na,1 TB\n": "2 cells",
    "name,capacity,fill\na,1 TB,0\na,1 TB,0\n": "twice",
    "name,capacity,fill\n,1 TB,0\n": "blank",
    "name,capacity,fill\na,0,0\n": "capacity is 0",
    "name,capacity,fill\na,-1 TB,0\n": "capacity",
    "name,capacity,fill\na,1 TB,85\n": "above 1",
    "name,capacity,fill\na,1 TB,nan\n": "nan",
    "name,capacity,used\na,1 TB,2 TB\n": "do not fit",
    'name,capacity,used\na,"1 TB,2 TB\n': "not valid CSV",
}


@pytest.mark.parametrize("content", BAD_CSV)
def test_bad_csv_is_one_line(content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", "disks-csv", str(write(tmp_path, content, "bad.csv"))]) == 2
    said = capsys.readouterr().err
    assert BAD_CSV[content] in said and "bad.csv" in said and said.count("\n") == 1


GOOD = text(NAUTILUS, rounded)
BAD_DF = {
    "empty": ("", "no header"),
    "cut off": (GOOD[: GOOD.index("TOTAL")], "cut off"),
    "short row": (GOOD.replace("33  up", ""), "the row ends before"),
    "long row": (GOOD.replace("33  up", "33  up  more"), "beyond the last column"),
    "no size": (GOOD.replace("931 GiB", "931,5"), "SIZE is '931,5'"),
    "text": (GOOD.replace("0.50000", "half"), "REWEIGHT is 'half'"),
    "reweight": (GOOD.replace("0.50000", "1.50000"), "REWEIGHT is 1.5"),
    "id": (GOOD.replace("\n1 ", "\nx "), "'x' is no number"),
    "unknown column": (GOOD.replace("PGS", "PIGS"), "unknown column 'PIGS'"),
    "no column": (GOOD.replace("VAR ", ""), "no column 'VAR'"),
    "json": ("{", "not valid JSON"),
    "no nodes": ("{}", "no list of nodes"),
    "nodes": ('{"nodes": [3]}', "no list of nodes"),
    "no disks": ('{"nodes": []}', "no disk in it"),
    "negative": ('{"nodes": [{"id": 1, "kb": -5}]}', "-5"),
    "overfull": ('{"nodes": [{"id": 1, "kb": 5, "kb_used": 6, "crush_weight": 1, "reweight": 1}]}', "more than kb"),
    "host": ('{"nodes": [{"id": -1, "type": "host"}]}', "without children"),
}


@pytest.mark.parametrize("name", BAD_DF)
def test_bad_df_is_one_line(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content, expected = BAD_DF[name]
    assert main(["import", "ceph-osd-df", str(write(tmp_path, content))]) == 2
    captured = capsys.readouterr()
    assert expected in captured.err and "df.txt" in captured.err and captured.err.count("\n") == 1
    assert captured.out == ""


CSV = "name,host,capacity,fill,weight,reweight\na,h,4 TiB,0.75,3.5,0.5\nb,,1000000,25 %,,\n"


@settings(max_examples=200)
@given(
    source=st.sampled_from([GOOD, text(JEWEL, cut, tree=True), json.dumps(document(tree=True)), CSV]),
    at=st.floats(0, 1),
    length=st.integers(0, 12),
    noise=st.text(alphabet='0123456789.-+eE% TGiBxnaif\n\t"{}[],:é', max_size=6),
)
def test_damage_never_ends_in_a_traceback(
    source: str, at: float, length: int, noise: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    start = int(at * len(source))
    path = tmp_path_factory.getbasetemp() / "mutated.txt"
    path.write_text(source[:start] + noise + source[start + length :])
    try:
        found = import_table(read_disks_csv(path) if source == CSV else read_ceph_osd_df(path), path.name)
    except InputError:
        return
    assert (found.disks["used_bytes"] <= found.disks["capacity_bytes"]).all()


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, GOOD)
    assert main(["import", "ceph-osd-df", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["reproduced"] is True and len(found["disks"]) == 4
    assert main(["import", "ceph-osd-df", str(path), "--out", str(tmp_path / "c.toml")]) == 0
    assert "come out to the printed digits" in capsys.readouterr().out


@pytest.mark.real_data
@pytest.mark.skipif(not SHARED.is_dir(), reason="the folder of published tables is absent")
def test_the_real_cluster_of_36_disks() -> None:
    (path,) = SHARED.glob("*.txt")
    found = import_table(read_ceph_osd_df(path), path.name)
    assert len(found.disks) == 36 and len(found.checks) == 40
    assert found.reproduced
    assert found.disks["capacity_bytes"].nunique() == 1
