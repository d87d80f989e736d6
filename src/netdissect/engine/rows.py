"""Rows of activation maps: what is kept of a layer until thresholds are known, and all that masks need."""

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int64
from torch import Tensor


@dataclass(frozen=True)
class MapRows:
    """Some rows of the activation maps of ``n`` images at one layer, by image, then unit, then row.

    ``counts`` tells how many of them each image has, ``places`` which row of which unit each is, ``unit * h + row``.
    """

    counts: Int64[Tensor, " n"]
    places: Int64[Tensor, " m"]
    values: Float[Tensor, "m w"]


def row_peaks(maps: Float[Tensor, "n u h w"]) -> Float[Tensor, "n u h"]:
    """The largest value of each row, taken in the order of memory (maps are channels-last)."""
    return maps.permute(0, 2, 3, 1).amax(dim=2).permute(0, 2, 1)


def select_rows(
    maps: Float[Tensor, "n u h w"],
    peaks: Float[Tensor, "n u h"],
    bound: Float[Tensor, " u"],
    whole: Bool[Tensor, "n u"],
) -> MapRows:
    """The rows that masks may need where no threshold is below ``bound``, and all rows of the ``whole`` maps.

    An interpolated value lies between its neighbours. So one that exceeds the bound has a neighbour that does, in the
    same row or in the next one: rows that exceed it are needed, and those beside them.
    """
    over = peaks > bound[:, None]
    near = over | whole[:, :, None]
    near[:, :, 1:] |= over[:, :, :-1]
    near[:, :, :-1] |= over[:, :, 1:]
    image, unit, row = near.nonzero(as_tuple=True)
    return MapRows(near.sum(dim=(1, 2)), unit * maps.shape[2] + row, maps[image, unit, row])
