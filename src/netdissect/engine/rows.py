"""Rows of activation maps: what is kept of them until thresholds are known is all that masks may need."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor


@dataclass(frozen=True)
class MapRows:
    """Some rows of the activation maps of ``n`` images at one layer, by image, then unit, then row.

    ``counts`` tells how many of these rows each image has, ``places`` which row of which unit each is,
    ``unit * h + row``, and ``needed`` which of its values masks may need. Others may be any up to the bound.
    """

    counts: Int64[Tensor, " n"]
    places: Int64[Tensor, " m"]
    needed: Bool[Tensor, "m w"]
    values: Float[Tensor, "m w"]

    def to(self, device: torch.device) -> "MapRows":
        return MapRows(*(tensor.to(device) for tensor in (self.counts, self.places, self.needed, self.values)))


def row_peaks(maps: Float[Tensor, "n u h w"]) -> Float[Tensor, "n u h"]:
    """The largest value of each row, taken in the order of memory (maps are channels-last)."""
    return maps.permute(0, 2, 3, 1).amax(dim=2).permute(0, 2, 1)


def select_rows(
    maps: Float[Tensor, "n u h w"],
    peaks: Float[Tensor, "n u h"],
    bound: Float[Tensor, " u"],
    whole: Bool[Tensor, "n u"],
) -> MapRows:
    """The values that masks may need where no threshold is below ``bound``, and all values of the ``whole`` maps.

    An interpolated value lies between the four values around it. So one that exceeds the bound has a neighbour that
    does: the values that exceed the bound are needed, and the eight around each.
    """
    over = peaks > bound[:, None]
    near = _with_neighbours(over) | whole[:, :, None]
    image, unit, row = near.nonzero(as_tuple=True)
    values = maps[image, unit, row]
    needed = _with_neighbours(values > bound[unit, None])
    # Rows of a map follow one another here if they do so in the map: what lies beside a value above or below.
    follows = (row[1:] == row[:-1] + 1) & (unit[1:] == unit[:-1]) & (image[1:] == image[:-1])
    beside = needed.clone()
    beside[1:] |= needed[:-1] & follows[:, None]
    beside[:-1] |= needed[1:] & follows[:, None]
    beside |= whole[image, unit, None]
    return MapRows(near.sum(dim=(1, 2)), unit * maps.shape[2] + row, beside, values)


def _with_neighbours(flags: Bool[Tensor, "*batch length"]) -> Bool[Tensor, "*batch length"]:
    """Also true beside what is true, along the last dimension."""
    near = flags.clone()
    near[..., 1:] |= flags[..., :-1]
    near[..., :-1] |= flags[..., 1:]
    return near
