"""A trace's summary for people: rows of a table, and a picture of rate, gaps, sizes and hot blocks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from placement_sim.errors import InputError
from placement_sim.reporting.figures import COLOURS, DASHES, STYLE, png, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN = 5
UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
BINARY_STEP = 1024


def size_text(size_bytes: float) -> str:
    """Write bytes in the largest unit that keeps the number at 1 or more.

    Examples
    --------
    >>> size_text(4096), size_text(512), size_text(1_500_000)
    ('4 KiB', '512 B', '1.43 MiB')
    """
    step = 0
    while size_bytes >= BINARY_STEP and step < len(UNITS) - 1:
        size_bytes, step = size_bytes / BINARY_STEP, step + 1
    return f"{size_bytes:.3g} {UNITS[step]}" if size_bytes < 1000 else f"{size_bytes:.0f} {UNITS[step]}"


def time_text(seconds: float | None) -> str:
    """Write a time in a unit that suits it.

    Examples
    --------
    >>> time_text(0.00025), time_text(90.0), time_text(None)
    ('250 us', '90 s', '-')
    """
    if seconds is None:
        return "-"
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if seconds * scale >= 1:
            return f"{seconds * scale:.4g} {unit}"
    return f"{seconds * 1e9:.4g} ns"


def trace_rows(info: dict[str, Any]) -> list[list[str]]:
    """Give what ``trace_info`` found as rows of name and value, the long lists cut."""
    alignment, devices = info["alignment"], info["by_device"]
    blocks = {name.removeprefix("footprint_blocks_"): value for name, value in info.items() if "footprint" in name}
    others = ", ".join(f"{name}: {count}" for name, count in info["other_operations"].items())
    rate = info["requests"] / info["span_s"] if info["span_s"] else None
    more = f", and {len(devices) - SHOWN} more" if len(devices) > SHOWN else ""
    names = ", ".join(f"{row['device']} ({row['requests']})" for row in devices[:SHOWN])
    return [
        ["format", f"{info['format']} ({info['why']}; compression: {info['compression']})"],
        ["requests", f"{info['requests']}: {info['reads']} reads, {info['writes']} writes, {info['unmaps']} unmaps"],
        ["span", f"{info['span_s']:.10g} s" + (f", {rate:.4g} requests/s on average" if rate else "")],
        ["read, written", f"{size_text(info['read_bytes'])}, {size_text(info['write_bytes'])}"],
        ["footprint", ", ".join(f"{'too many' if n is None else n} x {b}" for b, n in blocks.items())],
        ["address range", size_text(info["address_span_bytes"])],
        ["sizes", ", ".join(f"{size_text(row['size_bytes'])} {row['share']:.1%}" for row in info["sizes"][:SHOWN])],
        ["alignment", f"{alignment['aligned_4096_share']:.1%} begin at 4 KiB; commonest is sector "
                      f"{alignment['commonest_sector_of_4kib']} of 8 ({alignment['commonest_sector_share']:.1%})"],
        ["straddling", f"{alignment['needlessly_straddling_4kib_share']:.1%} touch a 4 KiB block more than need be"],
        ["inter-arrival", ", ".join(f"{name} {time_text(value)}" for name, value in info["inter_arrival_s"].items())],
        ["hottest blocks", ", ".join(f"{row['requests']} at {row['offset_bytes'] >> 20}"
                                  for row in info["hottest_blocks_1mib"][:SHOWN]) + " (requests at MiB)"],
        ["devices", f"{len(devices)}: {names}{more}"],
        ["other operations", others or "none"],
        ["skipped bad rows", str(info["skipped_rows"])],
        *[["note", note] for note in info["notes"]],
    ]  # fmt: skip


class JudgementLike(Protocol):
    """What reporting needs of a judgement."""

    @property
    def figure(self) -> str: ...  # noqa: D102
    @property
    def unit(self) -> str: ...  # noqa: D102
    @property
    def trace(self) -> float: ...  # noqa: D102
    @property
    def synthetic(self) -> float: ...  # noqa: D102


def judgement_rows(judged: Iterable[JudgementLike]) -> list[list[str]]:
    """Give how well a fit holds as rows of figure, unit, trace, synthetic."""
    return [[row.figure, row.unit, f"{row.trace:.5g}", f"{row.synthetic:.5g}"] for row in judged]


def rate_over_time(ax: Axes, frame: pd.DataFrame) -> None:
    """Draw requests a second in equal windows; needs columns time_s (start), window_s, reads_per_s, writes_per_s."""
    edges = np.append(frame["time_s"], (frame["time_s"] + frame["window_s"]).iloc[-1])
    for i, (name, label) in enumerate((("reads_per_s", "reads"), ("writes_per_s", "writes"))):
        ax.stairs(frame[name], edges, color=COLOURS[i], linestyle=DASHES[i], linewidth=1.8, label=label)
    ax.set(xlabel="time (s)", ylabel="rate (requests/s)")
    ax.set_ylim(bottom=0)
    ax.legend(loc="upper right", bbox_to_anchor=(1.0, 1.16), ncols=2)


def inter_arrivals(ax: Axes, frame: pd.DataFrame) -> None:
    """Draw percentiles of the time between requests; needs columns percentile and gap_s."""
    rows = frame[frame["gap_s"] > 0]
    ax.plot(rows["gap_s"], rows["percentile"], color=COLOURS[0], marker="o")
    if not len(rows):
        ax.text(0.5, 0.5, "all percentiles of the time between requests are 0", ha="center", transform=ax.transAxes)
        ax.set_axis_off()
        return
    ax.set_xscale("log")
    ax.set(xlabel="time between requests (s, logarithmic)", ylabel="percentile (%)", ylim=(0, 102))


def request_sizes(ax: Axes, frame: pd.DataFrame) -> None:
    """Draw the share of the commonest sizes; needs columns size_bytes and share."""
    rows = frame.nlargest(8, "share").sort_values("size_bytes")
    ax.barh(
        [size_text(size) for size in rows["size_bytes"]], 100 * rows["share"], color=COLOURS[4], edgecolor="#222222"
    )
    ax.set(xlabel="share of reads and writes (%)", ylabel="request size")
    ax.grid(False, axis="y")


def hottest_blocks(ax: Axes, frame: pd.DataFrame) -> None:
    """Draw requests that begin in the hottest blocks of 1 MiB; needs columns device, offset_bytes, requests."""
    rows = frame.head(8)[::-1]
    several = frame["device"].nunique() > 1
    names = [
        f"{device[-12:] + ': ' if several else ''}{offset >> 20}"
        for device, offset in zip(rows["device"], rows["offset_bytes"], strict=True)
    ]
    ax.barh(np.arange(len(rows)), rows["requests"], color=COLOURS[2], edgecolor="#222222")
    ax.set_yticks(np.arange(len(rows)), names)
    ax.set(xlabel="requests", ylabel="offset of hot block (MiB)")
    ax.grid(False, axis="y")


def trace_frames(info: dict[str, Any]) -> dict[str, pd.DataFrame]:
    """Give the frames that the figures take."""
    rate = info["rate_over_time"]
    window_s = rate["window_s"]
    gaps = [(float(name[1:]) if name != "p999" else 99.9, gap) for name, gap in info["inter_arrival_s"].items()]
    return {
        "rate": pd.DataFrame(
            {
                "window_s": window_s,
                "time_s": np.arange(len(rate["reads"])) * window_s,
                "reads_per_s": np.array(rate["reads"]) / window_s,
                "writes_per_s": np.array(rate["writes"]) / window_s,
            }
        ),
        "gaps": pd.DataFrame(gaps, columns=["percentile", "gap_s"]).astype(float),
        "sizes": pd.DataFrame(info["sizes"], columns=["size_bytes", "requests", "share"]),
        "hottest": pd.DataFrame(info["hottest_blocks_1mib"], columns=["device", "offset_bytes", "requests"]),
    }


def trace_picture(info: dict[str, Any]) -> Figure:
    """Draw what ``trace_info`` found: rate over time, gaps, sizes, hottest blocks."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    frames = trace_frames(info)
    with rc_context(STYLE):
        figure = Figure(figsize=(10.0, 6.4), layout="constrained")
        axes = figure.subplots(2, 2)
        rate_over_time(axes[0, 0], frames["rate"])
        inter_arrivals(axes[0, 1], frames["gaps"])
        request_sizes(axes[1, 0], frames["sizes"])
        hottest_blocks(axes[1, 1], frames["hottest"])
    return figure


def write_trace_picture(info: dict[str, Any], path: str) -> None:
    """Write the picture as PNG or SVG, by the name of the file."""
    kinds = (".png", ".svg")
    if not path.endswith(kinds):
        raise InputError(path, "a picture is PNG or SVG", "let its name end in .png or .svg")
    figure = trace_picture(info)
    try:
        if path.endswith(".png"):
            png(figure, path)
        else:
            with open(path, "w", encoding="utf-8") as file:
                file.write(svg(figure))
    except OSError as error:
        raise InputError(path, f"cannot write: {error.strerror}", "name another file") from None
