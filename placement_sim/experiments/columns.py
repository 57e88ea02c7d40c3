"""Every column of every frame, once: what it means, its unit and its dtype."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd


class Column(NamedTuple):
    """What a column means, its unit ("" for none) and its dtype."""

    meaning: str
    unit: str
    dtype: str


COLUMNS: dict[str, Column] = {
    "disk": Column("name of the disk", "", "str"),
    "host": Column("name of the disk's host", "", "str"),
    "object": Column("name of the storage object", "", "str"),
    "workload": Column("name of the workload", "", "str"),
    "kind": Column("read, write or unmap", "", "str"),
    "status": Column("done, no_space or offline", "", "str"),
    "action": Column("what happened to the disk, to the cluster, or to the fleet's upgrade", "", "str"),
    "added": Column("the disk joined after the start", "", "bool"),
    "number": Column("number of the request within its workload", "", "int64"),
    "time_s": Column("simulated time; in the timeline, of the window's end", "s", "float64"),
    "issued_s": Column("time at which the request was issued", "s", "float64"),
    "latency_s": Column("time from issue to completion; of a bin of latencies, its upper edge", "s", "float64"),
    "finished_requests": Column("finished requests in the bin", "requests", "int64"),
    "capacity_bytes": Column("capacity of the disk", "bytes", "int64"),
    "used_bytes": Column("used space, foreign data included", "bytes", "int64"),
    "fill": Column("used space as a share of the capacity", "1", "float64"),
    "operations": Column("finished operations", "operations", "int64"),
    "read_bytes": Column("bytes read from the disk", "bytes", "int64"),
    "written_bytes": Column("bytes written to the disk", "bytes", "int64"),
    "utilisation": Column("busy time as a share of channels x time", "1", "float64"),
    "queue_requests": Column("requests waiting or in service at the window's end", "requests", "int64"),
    "queue_requests_mean": Column("requests waiting or in service, mean over time", "requests", "float64"),
    "sojourn_s_mean": Column("mean time of a finished operation at the disk", "s", "float64"),
    "written_blocks": Column("blocks of the object's components on the disk", "blocks", "int64"),
    "window_requests": Column("requests of the whole cluster finished in the window", "requests", "int64"),
    "window_latency_s_mean": Column("mean latency of those requests", "s", "float64"),
    "factor": Column("of disk_slow, on service times; of rebalance, the spread; else NaN", "1", "float64"),
    "replication": Column("number of the independent history", "", "int64"),
    "part_bytes": Column("what a failed disk held, copies and parity included", "bytes", "int64"),
    "lost_bytes": Column("data lost, without copies and parity", "bytes", "int64"),
    "whole_after_s": Column("from the failure until the last of it was redundant again; NaN: not yet", "s", "float64"),
    "failure_domain": Column("failure domain of the host", "", "str"),
    "moved_bytes": Column("copies that need a new place", "bytes", "int64"),
    "free_bytes": Column("free on the disks that remain", "bytes", "int64"),
    "survives": Column("nothing is lost, and there is room to be whole again", "", "bool"),
    "why": Column("the reason in words", "", "str"),
    "vm": Column("name of the machine; of the server's own work, server", "", "str"),
    "datastore": Column("group of disks on which the machine's own disks lie", "", "str"),
    "wave": Column("wave of the rollout, from 0; -1: never started", "", "int64"),
    "outcome": Column("upgraded, rolled_back, repaired, failed, untouched or in_progress", "", "str"),
    "state": Column("state of the machine: at the end, or after the step", "", "str"),
    "version": Column("old, new or none: what the changed disk carries at the end", "", "str"),
    "data_intact": Column("False: the data disk was a delta over a base that changed", "", "bool"),
    "started_s": Column("when the machine's turn came; NaN: never", "s", "float64"),
    "ended_s": Column("when it was finished; NaN: never", "s", "float64"),
    "start_s": Column("beginning of the step or of the wait", "s", "float64"),
    "end_s": Column("its end", "s", "float64"),
    "downtime_s": Column("time without the application", "s", "float64"),
    "degraded_s": Column("time with the application up while a step's I/O went on", "s", "float64"),
    "io_s": Column("part of the step in which its I/O went on, think time included", "s", "float64"),
    "wait_s": Column("length of the wait", "s", "float64"),
    "wait_waves_s": Column("waiting for earlier waves", "s", "float64"),
    "wait_window_s": Column("waiting for the maintenance window", "s", "float64"),
    "wait_place_s": Column("waiting for a place on the host, the datastore, or in the budget", "s", "float64"),
    "wait_slot_s": Column("waiting for a slot of the server", "s", "float64"),
    "wait_server_s": Column("waiting for the server to pass a command", "s", "float64"),
    "wait_storage_s": Column("waiting for the disks: time of a step's I/O beyond its think time", "s", "float64"),
    "waited_for": Column("what the machine waited for", "", "str"),
    "ahead": Column("machines before it in that queue, or commands", "", "int64"),
    "because": Column("the wait in words", "", "str"),
    "step": Column("name of the step; empty: before the first", "", "str"),
    "mode": Column("prepare, forward, rollback, repair or cleanup", "", "str"),
    "attempt": Column("tries of the step before this one", "", "int64"),
    "done": Column("the try succeeded", "", "bool"),
    "reason": Column("why it failed", "", "str"),
    "kept_old_s": Column("time from a machine's upgrade to when its old version was given up", "s", "float64"),
    "own_bytes_max": Column("space of a machine's own OS and software blocks, twins included, peak", "bytes", "int64"),
    "failed_tries": Column("tries of steps that failed", "", "int64"),
    "unavailable_vms": Column("machines whose application is down", "machines", "int64"),
    "upgraded_vms": Column("machines that came out upgraded", "machines", "int64"),
    "failed_vms": Column("machines left failed", "machines", "int64"),
    "keeping_old_vms": Column("upgraded machines that still keep their old version", "machines", "int64"),
    "extra_bytes": Column("space used beyond that when the upgrade became available", "bytes", "int64"),
    "phase": Column("prepare, before, during or after the upgrade; else what was being copied, or start", "", "str"),
    "active_s": Column("time in which it went on: of several repairs in a row, without the pauses", "s", "float64"),
    "copied_bytes": Column("bytes copied to where they belong", "bytes", "int64"),
    "copied_blocks": Column("blocks copied, as a whole or the newer bytes alone", "blocks", "int64"),
    **{
        f"guest_{name}_{when}": Column(f"{meaning} {when} the copies", unit, dtype)
        for when in ("before", "during", "after")
        for name, meaning, unit, dtype in (
            ("requests", "requests of guests finished", "requests", "int64"),
            ("latency_s_p99", "99th percentile of the guests' latency", "s", "float64"),
        )
    },
    "purpose": Column("what the requests were for", "", "str"),
    "failed_requests": Column("failed requests", "requests", "int64"),
    "latency_s_mean": Column("mean latency", "s", "float64"),
    "latency_s_p99": Column("99th percentile of latency", "s", "float64"),
}


def make_frame(values: Mapping[str, Any]) -> pd.DataFrame:
    """Make a frame whose columns, with their dtypes, are listed in COLUMNS."""
    # Of Series pandas would align the indexes, which takes longer than a small run.
    return pd.DataFrame({name: pd.array(data, dtype=COLUMNS[name].dtype) for name, data in values.items()}, copy=False)
