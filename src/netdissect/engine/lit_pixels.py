"""The lit pixels of masks, found from rows of maps."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from netdissect.engine.alignment import STRETCH, Alignment, AxisAlignment
from netdissect.engine.flags import indices_of

#: Pixels of masks worked on at a time, so that they stay in the cache.
_CHUNK = 2**18


@dataclass(frozen=True)
class LitPixels:
    """Pixels of masks that are lit: ``cell`` numbers the cells of maps they lie in, the others tell of each cell.

    ``row`` is which of the given rows of maps bounds the cell from above, ``first`` its first pixel, and ``pixel`` how
    much later each lit pixel comes, both in the order of the label map's pixels.
    """

    row: Int64[Tensor, " cells"]
    first: Int64[Tensor, " cells"]
    cell: Int64[Tensor, " v"]
    pixel: Int64[Tensor, " v"]


def lit_pixels(
    places: Int64[Tensor, " m"],
    values: Float[Tensor, "m w"],
    levels: Float[Tensor, " m"],
    height: int,
    shape: tuple[int, int],
    align: Alignment = STRETCH,
) -> Iterator[LitPixels]:
    """The lit pixels of masks, from rows of maps: bit for bit those of ``unit_masks``; some cells at a time.

    ``places`` are ``map * height + row``, ascending, ``levels`` the units' thresholds. Of the values that exceed their
    threshold and the eight around each none may be missing. The pixels between four neighbours of a map, a cell, are
    dark unless one of the four exceeds the threshold. After the thresholds' own definition most cells are dark, and
    left out.
    """
    down = _segments(align.rows, height, shape[0], values.device)
    across = _segments(align.columns, values.shape[1], shape[1], values.device)
    above, below, row_segment = _row_pairs(places, height)
    over = values > levels[:, None]
    over = over.index_select(0, above) | over.index_select(0, below)
    # A segment lies between the values before and after it; before the first and after the last there is none.
    beside = functional.pad(over, (0, 1)) | functional.pad(over, (1, 0))
    pair, segment = indices_of(beside)
    flat, width = values.view(-1), values.shape[1]
    later = torch.arange(down.most, device=values.device)[:, None] * shape[1]
    later = (later + torch.arange(across.most, device=values.device)).view(-1)
    for some in torch.arange(len(pair), device=pair.device).split(max(1, _CHUNK // (down.most * across.most))):
        pairs, segments = pair[some], segment[some]
        upper_row, lower_row = above.index_select(0, pairs), below.index_select(0, pairs)
        left, right = across.lower.index_select(0, segments), across.upper.index_select(0, segments)
        weight = across.weight.index_select(1, segments)
        top, bottom = (
            _between(flat.index_select(0, row * width + left), flat.index_select(0, row * width + right), weight)
            for row in (upper_row, lower_row)
        )
        row_segments = row_segment.index_select(0, pairs)
        weight = down.weight.index_select(1, row_segments)
        inside = bottom.sub_(top) * weight[:, None]
        lit = inside.add_(top) > levels.index_select(0, upper_row)
        position, cell = indices_of(lit.view(len(later), len(some)))
        first = down.first.index_select(0, row_segments) * shape[1] + across.first.index_select(0, segments)
        yield LitPixels(upper_row, first, cell, later.index_select(0, position))


@dataclass(frozen=True)
class _Segments:
    """The stretches of an axis before the first value of a map, between neighbours, and after the last.

    ``lower`` and ``upper`` are the values a segment lies between, ``first`` its first output position, ``weight`` that
    of the upper value at each of its positions; NaN where it has fewer than the ``most`` a segment has.
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
    sampling = align(length, out, device)
    before = (sampling.lower == 0) & (sampling.weight == 0)
    segment = torch.where(before, 0, sampling.lower + 1)
    positions = torch.bincount(segment, minlength=length + 1)
    first = positions.cumsum(0) - positions
    weight = torch.full((int(positions.max()), length + 1), torch.nan, dtype=torch.float32, device=device)
    weight[torch.arange(out, device=device) - first[segment], segment] = sampling.weight
    number = torch.arange(length + 1, device=device)
    return _Segments((number - 1).clamp(min=0), number.clamp(max=length - 1), first, weight)


def _row_pairs(places: Int64[Tensor, " m"], height: int) -> tuple[Tensor, Tensor, Tensor]:
    """The pairs of rows that bound a segment from above and below, by their numbers, and the segment's own."""
    number = torch.arange(len(places), device=places.device)
    row = places % height
    followed = torch.zeros(len(places), dtype=torch.bool, device=places.device)
    followed[:-1] = (places[1:] == places[:-1] + 1) & (row[1:] != 0)
    # A row without a next one has itself for a neighbour: the last row of a map, or one that is dark.
    uppermost = number[row == 0]
    above, below = torch.cat([number, uppermost]), torch.cat([number + followed, uppermost])
    return above, below, torch.cat([row + 1, torch.zeros_like(uppermost)])


def _between(lower: Tensor, upper: Tensor, weight: Tensor) -> Tensor:
    return upper.sub_(lower) * weight + lower
