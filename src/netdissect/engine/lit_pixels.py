"""The lit pixels of masks, found from rows of maps without upsampling whole maps.

A map of 3 rows and 4 columns cuts the label map into cells. The map's values (``o`` and ``X``) lie at the corners::

    segment across    0       1       2       3       4
                  +-------+-------+-------+-------+-------+
    segment   0   |       |       |       |       |       |
    down          +-------o-------o-------o-------o-------+  row 0 of the map
              1   |       |       | . # # | # # . |       |
                  |       |       | # # # | # # # |       |
                  +-------o-------o-------X-------o-------+  row 1
              2   |       |       | # # # | # # . |       |
                  |       |       | . . # | # . . |       |
                  +-------o-------o-------o-------o-------+  row 2
              3   |       |       |       |       |       |
                  +-------+-------+-------+-------+-------+
    column                0       1       2       3

Segment 0 of an axis lies before the first value, segment ``s`` between the values ``s - 1`` and ``s``, the last segment
after the last value. A cell is a segment down and a segment across. Its pixels are interpolated from the values at its
four corners; at the border of the map two corners, or all four, are the same value.

No interpolated value exceeds the largest corner. So if ``X`` alone exceeds the threshold, only the four cells around it
can have lit pixels (``#``). These cells are called bright here. Few values exceed a threshold, by its definition, so
most cells are dark, and their pixels are never computed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from netdissect.engine.alignment import STRETCH, Alignment, AxisAlignment
from netdissect.engine.flags import indices_of
from netdissect.engine.kept_rows import KeptRows

#: Pixels that are interpolated at a time, so that they stay in the cache.
_CHUNK = 2**18


@dataclass(frozen=True, eq=False)
class LitPixels:
    """The lit pixels of some bright cells. Pixels are numbered row by row over the label map.

    For each cell, ``row`` is the kept row of the map at its upper edge, and ``first`` its first pixel. For each lit
    pixel, ``cell`` is the cell it lies in, and ``offset`` its distance from the first pixel of the cell.
    """

    row: Int64[Tensor, " cells"]
    first: Int64[Tensor, " cells"]
    cell: Int64[Tensor, " v"]
    offset: Int64[Tensor, " v"]


def lit_pixels(
    rows: KeptRows, thresholds: Float[Tensor, " u"], shape: tuple[int, int], align: Alignment = STRETCH
) -> Iterator[LitPixels]:
    """Yield the lit pixels of all masks, some cells at a time: bit for bit the pixels of ``unit_masks``.

    ``rows`` must hold the values that exceed the thresholds, and the eight values around each.

    >>> values = torch.tensor([[0.0, 0.0], [0.0, 1.0]])
    >>> rows = KeptRows(2, torch.tensor([2]), torch.tensor([0, 1]), values >= 0, values)
    >>> [lit] = lit_pixels(rows, torch.tensor([0.5]), (4, 4))
    >>> (lit.first[lit.cell] + lit.offset).sort().values  # of 4 x 4 pixels
    tensor([10, 11, 14, 15])
    """
    down = _segments(align.rows, rows.height, shape[0], rows.values.device)
    across = _segments(align.columns, rows.values.shape[1], shape[1], rows.values.device)
    levels = thresholds.index_select(0, rows.unit)
    offsets = _pixel_offsets(down, across, shape[1])
    for cells in _bright_cells(rows, levels, max(1, _CHUNK // len(offsets))):
        lit = _interpolate(rows.values, cells, down, across) > levels.index_select(0, cells.above)
        position, cell = indices_of(lit.view(len(offsets), len(cells.above)))
        first = down.first.index_select(0, cells.down) * shape[1] + across.first.index_select(0, cells.across)
        yield LitPixels(cells.above, first, cell, offsets.index_select(0, position))


@dataclass(frozen=True, eq=False)
class _Segments:
    """The segments of an axis: before the first value of a map, between neighbours, and after the last value.

    A segment lies between the values ``lower`` and ``upper``. ``first`` is its first output position, ``weight`` the
    weight of the upper value at each of its positions. Segments have at most ``most`` positions; weights of positions
    that a shorter segment lacks are NaN, so that they are never lit.
    """

    lower: Int64[Tensor, " s"]
    upper: Int64[Tensor, " s"]
    first: Int64[Tensor, " s"]
    weight: Float[Tensor, "most s"]

    @property
    def most(self) -> int:
        return len(self.weight)


@lru_cache(maxsize=1024)
def _segments(align: AxisAlignment, length: int, out: int, device: torch.device) -> _Segments:
    """Return the segments of an axis with ``length`` values and ``out`` output positions."""
    sampling = align(length, out, device)
    before = (sampling.lower == 0) & (sampling.weight == 0)
    segment = torch.where(before, 0, sampling.lower + 1)
    positions = torch.bincount(segment, minlength=length + 1)
    first = positions.cumsum(0) - positions
    weight = torch.full((int(positions.max()), length + 1), torch.nan, dtype=torch.float32, device=device)
    weight[torch.arange(out, device=device) - first[segment], segment] = sampling.weight
    number = torch.arange(length + 1, device=device)
    return _Segments((number - 1).clamp(min=0), number.clamp(max=length - 1), first, weight)


def _pixel_offsets(down: _Segments, across: _Segments, width: int) -> Int64[Tensor, " offsets"]:
    """Return the distance of each pixel of a cell from the cell's first pixel, row by row."""
    device = down.first.device
    rows = torch.arange(down.most, device=device)[:, None] * width
    return (rows + torch.arange(across.most, device=device)).view(-1)


@dataclass(frozen=True, eq=False)
class _Cells:
    """Some cells: the kept rows at their upper and lower edges, and their segments of the two axes."""

    above: Int64[Tensor, " cells"]
    below: Int64[Tensor, " cells"]
    down: Int64[Tensor, " cells"]
    across: Int64[Tensor, " cells"]


def _bright_cells(rows: KeptRows, levels: Float[Tensor, " m"], at_a_time: int) -> Iterator[_Cells]:
    """Yield the cells with a corner above its row's level, ``at_a_time`` cells at a time."""
    above, below, down = _row_pairs(rows)
    over = rows.values > levels[:, None]
    over = over.index_select(0, above) | over.index_select(0, below)
    # A segment lies between two values. The first segment has none before it, the last none after it.
    pair, segment = indices_of(functional.pad(over, (0, 1)) | functional.pad(over, (1, 0)))
    for some, across in zip(pair.split(at_a_time), segment.split(at_a_time), strict=True):
        yield _Cells(above.index_select(0, some), below.index_select(0, some), down.index_select(0, some), across)


def _row_pairs(rows: KeptRows) -> tuple[Int64[Tensor, " pairs"], Int64[Tensor, " pairs"], Int64[Tensor, " pairs"]]:
    """Return the pairs of kept rows that bound a segment from above and below, and these segments.

    A row whose next row is not kept is paired with itself. It is the last row of its map, or not above its level.
    """
    number = torch.arange(len(rows.index), device=rows.index.device)
    followed = torch.zeros(len(number), dtype=torch.bool, device=number.device)
    followed[:-1] = (rows.index[1:] == rows.index[:-1] + 1) & (rows.image[1:] == rows.image[:-1]) & (rows.row[1:] != 0)
    uppermost = number[rows.row == 0]
    above, below = torch.cat([number, uppermost]), torch.cat([number + followed, uppermost])
    return above, below, torch.cat([rows.row + 1, torch.zeros_like(uppermost)])


def _interpolate(
    values: Float[Tensor, "m w"], cells: _Cells, down: _Segments, across: _Segments
) -> Float[Tensor, "most_down most_across cells"]:
    """Return the values at the pixels of the cells: along the width first, then along the height, as ``upsample``."""
    flat, width = values.view(-1), values.shape[1]
    left, right = across.lower.index_select(0, cells.across), across.upper.index_select(0, cells.across)
    weight = across.weight.index_select(1, cells.across)
    top, bottom = (
        _between(flat.index_select(0, row * width + left), flat.index_select(0, row * width + right), weight)
        for row in (cells.above, cells.below)
    )
    return _between(top, bottom, down.weight.index_select(1, cells.down)[:, None])


def _between(lower: Tensor, upper: Tensor, weight: Tensor) -> Tensor:
    """Interpolate with the operations of ``upsample``, each rounded once; ``upper`` is used up."""
    return (upper.sub_(lower) * weight).add_(lower)
