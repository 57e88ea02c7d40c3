"""The block map of an object: which component holds which block, from four blocks to many millions.

Where a picture has fewer dots than there are blocks, eight neighbouring dots stand for a run of
blocks and are shared out among its owners, so that a mixture looks like a mixture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from placement_sim.model.allocation import DEGRADED, STALE
from placement_sim.reporting.figures import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DOTS_A_CELL = 8  # of one run of blocks, in a column of two and a row of four
CELL_ROWS, CELL_COLUMNS = 2, 4
GOLDEN_RATIO = 0.6180339887498949
UNALLOCATED = "#f2f2f2"
CHOSEN, UNCHOSEN = COLOURS[0], "#bdbdbd"
OTHER = "#000000"  # an entry that names no disk: `STALE` or `DEGRADED`, which `away_text` counts


def block_dots(entries: npt.NDArray[Any], rows: int = 48, columns: int = 128) -> tuple[npt.NDArray[np.int32], int]:
    """Shrink a map to a picture of at most ``rows x columns`` dots.

    Parameters
    ----------
    entries
        Owner of each block: disk index + 1, 0 for none, `STALE` or `DEGRADED`; shape (blocks,).
    rows, columns
        Dots, multiples of 2 and of 4.

    Returns
    -------
    dots
        Owner of each dot, shape (rows used, columns); -1 where there is no block.
    blocks_a_cell
        Blocks that eight dots stand for; 0 where each dot is one block.

    Notes
    -----
    The dots of a cell are a systematic sample of its run in order of the disks (W. G. Madow and L. H. Madow, 1944):
    a cell says how much of its run lies where, not in which order. Its start moves from cell to cell by the golden
    ratio, so that a disk whose share is less than a dot is seen in as many cells as it should be.

    Examples
    --------
    >>> block_dots(np.array([1, 2, 2, 0]), rows=2, columns=4)
    (array([[1, 2, 2, 0]], dtype=int32), 0)
    >>> dots, blocks = block_dots(np.arange(80) % 2 + 1, rows=2, columns=4)
    >>> dots.tolist(), blocks
    ([[1, 1, 1, 1], [2, 2, 2, 2]], 80)
    """
    count = len(entries)
    if count <= rows * columns:
        columns = min(columns, max(count, 1))
        used = -(-count // columns)
        dots = np.full(used * columns, -1, np.int32)
        dots[:count] = entries
        return dots.reshape(used, columns), 0
    across = columns // CELL_COLUMNS
    cells = (rows // CELL_ROWS) * across
    run = -(-count // cells)
    used = -(-count // run)
    kinds = np.flatnonzero(np.bincount(entries))
    owners = np.searchsorted(kinds, np.arange(kinds[-1] + 1))[entries]
    table = np.bincount(np.arange(count) // run * len(kinds) + owners, minlength=used * len(kinds))
    cell_dots = kinds.astype(np.int32)[_sample(table.reshape(used, len(kinds)))]
    padded = np.full((-(-used // across) * across, DOTS_A_CELL), -1, np.int32)
    padded[:used] = cell_dots
    grid = padded.reshape(-1, across, CELL_ROWS, CELL_COLUMNS).swapaxes(1, 2)
    return grid.reshape(-1, across * CELL_COLUMNS), run


def _sample(table: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Give the kinds of each cell's dots, shape (cells, 8), within one dot of their shares of its blocks."""
    ends = table.cumsum(axis=1)
    starts = np.arange(len(table)) * GOLDEN_RATIO % 1.0
    places = ((np.arange(DOTS_A_CELL) + starts[:, None]) * ends[:, -1:] / DOTS_A_CELL).astype(np.int64)
    kinds: npt.NDArray[np.int64] = (ends[:, None, :] <= places[:, :, None]).sum(axis=2)
    return kinds


def owner_colours(disks: int, chosen: int | None = None) -> list[str]:
    """Give a colour for no owner and for each disk: told apart by all up to seven disks, a scale in lightness above.

    Parameters
    ----------
    chosen
        The one disk to be seen, in a dark colour, with all others in grey; -1 for a disk that is not among these.

    Examples
    --------
    >>> owner_colours(2)
    ['#f2f2f2', '#0072B2', '#D55E00']
    >>> owner_colours(3, chosen=1)
    ['#f2f2f2', '#bdbdbd', '#0072B2', '#bdbdbd']
    """
    if chosen is not None:
        return [UNALLOCATED, *(CHOSEN if i == chosen else UNCHOSEN for i in range(disks))]
    if disks <= len(COLOURS):
        return [UNALLOCATED, *COLOURS[:disks]]
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    scale = colormaps["cividis"]
    return [UNALLOCATED, *(to_hex(scale(i / (disks - 1))) for i in range(disks))]


def owner_legend(disks: list[str], none: str = "unallocated", disk: str | None = None) -> list[tuple[str, str]]:
    """Give names and colours for a legend; of a scale the first, one that shows its direction, the middle and the end.

    Examples
    --------
    >>> owner_legend(["a", "b", "c"], disk="b")
    [('unallocated', '#f2f2f2'), ('b', '#0072B2'), ('other disks', '#bdbdbd')]
    """
    if disk is not None:
        return [(none, UNALLOCATED), (disk, CHOSEN), ("other disks", UNCHOSEN)]
    shown = list(zip([none, *disks], owner_colours(len(disks)), strict=True))
    return shown if len(shown) <= 9 else [shown[0], shown[1], shown[len(shown) // 2], shown[-1]]


def place_of(disk: str | None, disks: list[str]) -> int | None:
    """Give the `chosen` of a disk's name."""
    return None if disk is None else disks.index(disk) if disk in disks else -1


def block_pixels(dots: npt.NDArray[np.int32], disks: int, chosen: int | None = None) -> npt.NDArray[np.uint8]:
    """Colour the dots: shape (rows, columns, 4), red, green, blue and opacity."""
    from matplotlib.colors import to_rgba_array

    palette = np.zeros((disks + 3, 4))
    palette[: disks + 1] = to_rgba_array(owner_colours(disks, chosen))
    palette[disks + 1] = to_rgba_array(OTHER)[0]  # the last row stays clear: no block
    index = np.where(dots < 0, disks + 2, np.minimum(dots, disks + 1))
    return (255 * palette[index] + 0.5).astype(np.uint8)


def scale_text(blocks: int, run: int) -> str:
    """Say what a dot stands for.

    Examples
    --------
    >>> scale_text(1000, 0), scale_text(10**6, 700)
    ('1,000 blocks, a dot each', '1,000,000 blocks, 700 to each group of 8 dots, by shares')
    """
    return f"{blocks:,} blocks, " + ("a dot each" if run == 0 else f"{run:,} to each group of 8 dots, by shares")


def held_text(entries: npt.NDArray[Any], disks: list[str], disk: str | None) -> str:
    """Say how many blocks the chosen disk holds; empty where none is chosen.

    Examples
    --------
    >>> held_text(np.array([1, 2, 2, 0]), ["a", "b"], "b"), held_text(np.array([1]), ["a"], None)
    ('b holds 2 blocks, 66.7 % of those allocated', '')
    """
    if disk is None:
        return ""
    if disk not in disks:
        return f"{disk}: no such disk here"
    held, allocated = int((entries == disks.index(disk) + 1).sum()), int(np.count_nonzero(entries))
    return f"{disk} holds {held:,} blocks, {100 * held / max(allocated, 1):.1f} % of those allocated"


def away_text(entries: npt.NDArray[Any]) -> str:
    """Say how many blocks are drawn in black, and why; empty where none is.

    Examples
    --------
    >>> away_text(np.array([1, 0, STALE, DEGRADED, STALE])), away_text(np.array([1, 0]))
    ('blocks in black: 2 stale, 1 degraded (newest bytes elsewhere)', '')
    """
    stale, degraded = (int((entries == kind).sum()) for kind in (STALE, DEGRADED))
    if not stale and not degraded:
        return ""
    return f"blocks in black: {stale:,} stale, {degraded:,} degraded (newest bytes elsewhere)"


def below_text(entries: npt.NDArray[Any], disks: list[str], disk: str | None, run: int) -> str:
    """Write what stands below a map, a line each: its scale, what a chosen disk holds, what is drawn in black."""
    lines = [scale_text(len(entries), run), held_text(entries, disks, disk), away_text(entries)]
    return "\n".join(filter(None, lines))


def block_map(ax: Axes, entries: npt.NDArray[Any], disks: list[str], disk: str | None = None) -> None:
    """Draw which disk holds which block, the first block at the upper left, row after row.

    Parameters
    ----------
    entries
        Owner of each block: disk index + 1, 0 for none, `STALE` or `DEGRADED`; shape (blocks,).
    disks
        Their names.
    disk
        The one to be seen, with all others in grey: of more than seven, neighbours cannot be told apart.

    Examples
    --------
    >>> from placement_sim.reporting.figures import draw
    >>> ax = draw(block_map, np.array([1, 2, 0, 0]), disks=["a", "b"]).axes[0]
    >>> ax.get_xlabel()
    '4 blocks, a dot each'
    """
    from matplotlib.patches import Patch

    dots, run = block_dots(entries)
    ax.imshow(block_pixels(dots, len(disks), place_of(disk, disks)), aspect="auto", interpolation="nearest")
    ax.grid(False)
    ax.set(xticks=[], yticks=[], xlabel=below_text(entries, disks, disk, run))
    ax.legend(
        handles=[Patch(facecolor=c, edgecolor="#888888", label=name) for name, c in owner_legend(disks, disk=disk)],
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
    )
