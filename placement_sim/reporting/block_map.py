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
UNALLOCATED = "#f2f2f2"
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
    The dots of a cell are shared out by largest remainders (Hamilton's method) and lie in order of the disks:
    a cell says how much of its run lies where, not in which order.

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
    shares = _share_out(table.reshape(used, len(kinds)))
    cell_dots = np.repeat(np.tile(kinds.astype(np.int32), used), shares.ravel()).reshape(used, DOTS_A_CELL)
    padded = np.full((-(-used // across) * across, DOTS_A_CELL), -1, np.int32)
    padded[:used] = cell_dots
    grid = padded.reshape(-1, across, CELL_ROWS, CELL_COLUMNS).swapaxes(1, 2)
    return grid.reshape(-1, across * CELL_COLUMNS), run


def _share_out(table: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Give each cell's dots to its kinds by largest remainders; ties go to the lower disk."""
    total = table.sum(axis=1, keepdims=True)
    shares: npt.NDArray[np.int64] = table * DOTS_A_CELL // total
    left = DOTS_A_CELL - shares.sum(axis=1)
    order = np.argsort(-(table * DOTS_A_CELL % total), axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(table.shape[1])[None, :], axis=1)
    shares += ranks < left[:, None]
    return shares


def owner_colours(disks: int) -> list[str]:
    """Give a colour for no owner and for each disk: told apart by all up to seven disks, a scale in lightness above.

    Examples
    --------
    >>> owner_colours(2)
    ['#f2f2f2', '#0072B2', '#D55E00']
    """
    if disks <= len(COLOURS):
        return [UNALLOCATED, *COLOURS[:disks]]
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    scale = colormaps["cividis"]
    return [UNALLOCATED, *(to_hex(scale(i / (disks - 1))) for i in range(disks))]


def block_pixels(dots: npt.NDArray[np.int32], disks: int) -> npt.NDArray[np.uint8]:
    """Colour the dots: shape (rows, columns, 4), red, green, blue and opacity."""
    from matplotlib.colors import to_rgba_array

    palette = np.zeros((disks + 3, 4))
    palette[: disks + 1] = to_rgba_array(owner_colours(disks))
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


def block_map(ax: Axes, entries: npt.NDArray[Any], disks: list[str]) -> None:
    """Draw which disk holds which block, the first block at the upper left, row after row.

    Parameters
    ----------
    entries
        Owner of each block: disk index + 1, 0 for none, `STALE` or `DEGRADED`; shape (blocks,).
    disks
        Their names.

    Examples
    --------
    >>> from placement_sim.reporting.figures import draw
    >>> ax = draw(block_map, np.array([1, 2, 0, 0]), disks=["a", "b"]).axes[0]
    >>> ax.get_xlabel()
    '4 blocks, a dot each'
    """
    from matplotlib.patches import Patch

    dots, run = block_dots(entries)
    ax.imshow(block_pixels(dots, len(disks)), aspect="auto", interpolation="nearest")
    ax.grid(False)
    ax.set(xticks=[], yticks=[], xlabel="\n".join(filter(None, [scale_text(len(entries), run), away_text(entries)])))
    colours = owner_colours(len(disks))
    shown = list(zip(["unallocated", *disks], colours, strict=True))
    if len(shown) > 9:
        shown = [shown[0], shown[1], shown[-1]]
    ax.legend(
        handles=[Patch(facecolor=colour, edgecolor="#888888", label=name) for name, colour in shown],
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
    )
