"""Rows of activation maps that are kept until thresholds are known: all that masks may need, and no more."""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional

from netdissect.engine.flags import indices_of


@dataclass(frozen=True, eq=False)
class KeptRows:
    """Some rows of the activation maps of ``n`` images at one layer, by image, then unit, then row.

    Maps have ``height`` rows. ``counts`` is the number of rows kept of each image, ``index`` the position of each row
    in its image, ``unit * height + row``. ``needed`` marks the values that masks may need; the other values may be
    anything up to the bound.

    >>> rows = KeptRows(3, torch.tensor([1, 2]), torch.tensor([4, 0, 1]), torch.ones(3, 2) > 0, torch.ones(3, 2))
    >>> rows.image, rows.unit, rows.row
    (tensor([0, 1, 1]), tensor([1, 0, 0]), tensor([1, 0, 1]))
    """

    height: int
    counts: Int64[Tensor, " n"]
    index: Int64[Tensor, " m"]
    needed: Bool[Tensor, "m w"]
    values: Float[Tensor, "m w"]

    @cached_property
    def image(self) -> Int64[Tensor, " m"]:
        """The image of each row, counted from 0."""
        return torch.arange(len(self.counts), device=self.index.device).repeat_interleave(self.counts)

    @cached_property
    def unit(self) -> Int64[Tensor, " m"]:
        """The unit of each row."""
        return self.index // self.height

    @cached_property
    def row(self) -> Int64[Tensor, " m"]:
        """The position of each row in its map."""
        return self.index - self.unit * self.height

    def to(self, device: torch.device) -> "KeptRows":
        """Return the same rows on ``device``."""
        tensors = {name: getattr(self, name).to(device) for name in ("counts", "index", "needed", "values")}
        return replace(self, **tensors)


def select_rows(
    maps: Float[Tensor, "n u h w"],
    row_peaks: Float[Tensor, "n u h"],
    bound: Float[Tensor, " u"],
    whole: Bool[Tensor, "n u"],
) -> KeptRows:
    """Select the values that masks may need if no threshold is below ``bound``, and all values of the ``whole`` maps.

    An interpolated value lies between the four values around it. So one that exceeds the bound has a neighbour that
    exceeds it too: needed are the values above the bound, and the eight around each.

    >>> maps = torch.tensor([[[[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]]])
    >>> rows = select_rows(maps, maps.amax(dim=3), torch.tensor([0.5]), torch.tensor([[False]]))
    >>> rows.row, rows.needed.int()
    (tensor([1, 2]), tensor([[0, 1, 1],
            [0, 1, 1]], dtype=torch.int32))
    """
    units, height = maps.shape[1:3]
    over = functional.pad(row_peaks > bound[:, None], (1, 1))
    near = over[..., :-2] | over[..., 1:-1] | over[..., 2:] | whole[:, :, None]
    map_, row = indices_of(near.view(-1, height))
    image, unit = map_ // units, map_ % units
    values = maps[image, unit, row]
    needed = _with_neighbours(values > bound.index_select(0, unit)[:, None], row, height)
    needed |= whole.view(-1).index_select(0, map_)[:, None]
    return KeptRows(height, near.sum(dim=(1, 2)), unit * height + row, needed, values)


def _with_neighbours(over: Bool[Tensor, "m w"], row: Int64[Tensor, " m"], height: int) -> Bool[Tensor, "m w"]:
    """Return ``over`` with the eight neighbours of each true value made true too.

    Rows of a map that lie beside a row with true values follow one another in ``over``.
    """
    width = over.shape[1] + 2  # two dark columns between rows, so that all shifts are those of one long line
    line = functional.pad(over, (1, 1)).view(-1)
    beside = torch.zeros_like(line)
    torch.bitwise_or(line[:-2], line[1:-1], out=beside[:-2])
    beside[:-2] |= line[2:]
    # The last row of a map has no row below, though another map's may follow. The first has none above.
    below = beside.view(-1, width).index_fill(0, (row == height - 1).nonzero()[:, 0], False).view(-1)
    above = beside.view(-1, width).index_fill(0, (row == 0).nonzero()[:, 0], False).view(-1)
    beside[width:] |= below[:-width]
    beside[:-width] |= above[width:]
    return beside.view(-1, width)[:, :-2].contiguous()
