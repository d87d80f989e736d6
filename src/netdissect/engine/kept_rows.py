"""Rows of activation maps: what is kept of them until thresholds are known is all that masks may need."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional

from netdissect.engine.flags import indices_of


@dataclass(frozen=True)
class KeptRows:
    """Some rows of the activation maps of ``n`` images at one layer, by image, then unit, then row.

    ``counts`` tells how many of these rows each image has, ``places`` which row of which unit each is,
    ``unit * h + row``, and ``needed`` which of its values masks may need. Others may be any up to the bound.
    """

    counts: Int64[Tensor, " n"]
    places: Int64[Tensor, " m"]
    needed: Bool[Tensor, "m w"]
    values: Float[Tensor, "m w"]

    def to(self, device: torch.device) -> "KeptRows":
        return KeptRows(*(tensor.to(device) for tensor in (self.counts, self.places, self.needed, self.values)))


def select_rows(
    maps: Float[Tensor, "n u h w"],
    row_peaks: Float[Tensor, "n u h"],
    bound: Float[Tensor, " u"],
    whole: Bool[Tensor, "n u"],
) -> KeptRows:
    """The values that masks may need where no threshold is below ``bound``, and all values of the ``whole`` maps.

    An interpolated value lies between the four values around it. So one that exceeds the bound has a neighbour that
    does: the values that exceed the bound are needed, and the eight around each.
    """
    units, height = maps.shape[1:3]
    over = functional.pad(row_peaks > bound[:, None], (1, 1))
    near = over[..., :-2] | over[..., 1:-1] | over[..., 2:] | whole[:, :, None]
    map_, row = indices_of(near.view(-1, height))
    image, unit = map_ // units, map_ % units
    values = maps[image, unit, row]
    needed = _with_neighbours(values > bound.index_select(0, unit)[:, None], row, height)
    needed |= whole.view(-1).index_select(0, map_)[:, None]
    return KeptRows(near.sum(dim=(1, 2)), unit * height + row, needed, values)


def _with_neighbours(over: Bool[Tensor, "m w"], row: Int64[Tensor, " m"], height: int) -> Bool[Tensor, "m w"]:
    """Also true at the eight neighbours of what is true.

    Of each map's rows, those beside one with true values follow one another here.
    """
    width = over.shape[1] + 2  # two dark columns between rows, so that all shifts are those of one long line
    line = functional.pad(over, (1, 1)).view(-1)
    beside = torch.zeros_like(line)
    torch.bitwise_or(line[:-2], line[1:-1], out=beside[:-2])
    beside[:-2] |= line[2:]
    # The last row of a map has no row below, though another map's may follow; likewise the first.
    below = beside.view(-1, width).index_fill(0, (row == height - 1).nonzero()[:, 0], False).view(-1)
    above = beside.view(-1, width).index_fill(0, (row == 0).nonzero()[:, 0], False).view(-1)
    beside[width:] |= below[:-width]
    beside[:-width] |= above[width:]
    return beside.view(-1, width)[:, :-2].contiguous()
