"""Trace readers on published recordings; totals by a plain look at the records, counts by their description.

The version 2 iolog holds 1,495 reads and writes and one trim.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from placement_sim.workloads.traces import open_trace, read_trace, trace_info

FOLDER = Path(__file__).parents[2] / "shared" / "traces"
pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="the folder of published traces is absent"),
]
VSCSI = "cloudphysics_head80000.vscsi"


def test_vscsi_totals() -> None:
    info = trace_info(open_trace(FOLDER / VSCSI))
    assert (info["requests"], info["reads"], info["writes"]) == (80000, 29207, 50793)
    assert info["span_s"] == pytest.approx(5634.270589, abs=1e-9)
    assert (info["read_bytes"], info["write_bytes"]) == (1208012800, 1851970048)


@pytest.mark.parametrize(
    ("twin", "rows"), [("cloudphysics_head20000_us.csv", 20000), ("derived_v2_first5000.vscsi", 5000)]
)
def test_twins_agree_row_by_row(twin: str, rows: int) -> None:
    ours = read_trace(FOLDER / VSCSI, limit=rows)
    pd.testing.assert_frame_equal(ours, read_trace(FOLDER / twin))


@pytest.mark.parametrize(
    ("name", "format", "requests", "devices"),
    [
        ("alibaba_io_traces_first7.csv", "alibaba", 7, 6),
        ("blkparse_sample_doc.txt", "blkparse", 4, 1),
        ("msr_hm0_first600.csv", "msr", 600, 1),
        ("systor17-traces-sample.csv.gz", "systor17", 999, 1),
        ("tencent_cbs_even_volumes.csv.gz", "tencent", 25778, 1009),
        ("disksim_tpcc-small.trace", "disksim", 6999, 16),
        ("spc_websearch_rows1_10000.spc", "spc", 10000, 6),
        ("fio_iolog_v3_vmdk_randrw.log", "fio_iolog_v3", 5992, 2),
        ("fio_iolog_v2_derived.log", "fio_iolog_v2", 1496, 2),
    ],
)
def test_described_counts(name: str, format: str, requests: int, devices: int) -> None:
    info = trace_info(open_trace(FOLDER / name))
    assert (info["format"], info["requests"], len(info["devices"])) == (format, requests, devices)


@pytest.mark.parametrize("kind", ["read", "write"])
def test_oracle_general_is_the_same_addresses_in_whole_seconds(kind: str) -> None:
    twin = FOLDER / "cloudphysics_head20000.oracleGeneral.bin"
    ours = read_trace(FOLDER / VSCSI, limit=20000)
    theirs = read_trace(twin, format=f"oracle_general_{kind}s")
    assert theirs["kind"].unique().tolist() == [kind]
    assert theirs["offset_bytes"].tolist() == ours["offset_bytes"].tolist()
    assert (theirs["time_s"] - ours["time_s"]).abs().max() < 1.0
