"""Masks: where a unit's activation map, upsampled to the label maps' resolution, exceeds its threshold.

Interpolation is separable and linear. Between neighbours ``a`` and ``b`` it is ``a + weight * (b - a)``, first along
the width, then along the height, each operation rounded to float32. Written so, no interpolated value exceeds the
larger neighbour (``weight`` is a fraction of small whole numbers below 1, never close to it; activations are below
half of float32's largest number, so that differences do not overflow), a constant map stays constant to the last bit,
and the result does not depend on the device, the batch or the number of threads.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor


@dataclass(frozen=True)
class Sampling:
    """How each of ``m`` output positions of an axis lies between two neighbours of the input."""

    lower: Int64[Tensor, " m"]
    upper: Int64[Tensor, " m"]
    weight: Float[Tensor, " m"]  # that of the upper neighbour, in [0, 1)


#: Input length, output length and device to the sampling of one axis.
Alignment = Callable[[int, int, torch.device], Sampling]


@lru_cache(maxsize=64)
def stretch(length: int, out: int, device: torch.device) -> Sampling:
    """Input stretched over the output: output position ``j`` lies at ``(j + 0.5) * length / out - 0.5``, clamped.

    The usual ``align_corners=False``. Positions are fractions of whole numbers, rounded once, at the end.
    """
    numerator = ((2 * torch.arange(out, device="cpu") + 1) * length - out).clamp(min=0)
    lower = (numerator // (2 * out)).clamp(max=length - 1)
    weight = ((numerator - 2 * out * lower).double() / (2 * out)).float()
    upper = (lower + 1).clamp(max=length - 1)
    weight = torch.where(upper > lower, weight, torch.zeros_like(weight))
    return Sampling(lower.to(device), upper.to(device), weight.to(device))


ALIGNMENTS: dict[str, Alignment] = {"stretch": stretch}


def upsample(
    maps: Float[Tensor, "m h w"], shape: tuple[int, int], align: Alignment = stretch
) -> Float[Tensor, "m sh sw"]:
    """Bilinear interpolation of ``maps`` at the label pixels."""
    rows = align(maps.shape[1], shape[0], maps.device)
    columns = align(maps.shape[2], shape[1], maps.device)
    wide = _interpolate(maps, columns, 2, columns.weight)
    return _interpolate(wide, rows, 1, rows.weight[:, None])


def unit_masks(
    maps: Float[Tensor, "m h w"],
    thresholds: Float[Tensor, " m"],
    shape: tuple[int, int],
    align: Alignment = stretch,
) -> Bool[Tensor, "m sh sw"]:
    """Where each upsampled map is greater than its threshold."""
    return upsample(maps, shape, align) > thresholds[:, None, None]


@dataclass(frozen=True)
class MaskRows:
    """Rows of masks, in label pixels: which of the given rows each lies below, which row it is, and where it is lit."""

    source: Int64[Tensor, " r"]
    row: Int64[Tensor, " r"]
    lit: Bool[Tensor, "r sw"]


def mask_rows(
    places: Int64[Tensor, " m"],
    values: Float[Tensor, "m w"],
    levels: Float[Tensor, " m"],
    height: int,
    shape: tuple[int, int],
    align: Alignment = stretch,
) -> MaskRows:
    """The rows of masks that may be lit, from rows of one image's maps: bit for bit those of ``unit_masks``.

    ``places`` are ``unit * height + row``, ascending; ``levels`` the units' thresholds. Of the rows that exceed their
    threshold and the rows beside them none may be missing. A mask row lies between two rows of the map, and is dark
    unless one of them exceeds the threshold: after the thresholds' own definition most are dark, and left out.
    """
    rows = align(height, shape[0], values.device)
    columns = align(values.shape[1], shape[1], values.device)
    over = values.amax(dim=1) > levels
    above = torch.arange(len(places), device=places.device)
    followed = torch.zeros_like(over)
    followed[:-1] = (places[1:] == places[:-1] + 1) & (places[1:] % height != 0)
    below = above + followed  # the last row of a map has itself for a neighbour
    lit_above = (over | over[below]).nonzero()[:, 0]
    below = below[lit_above]
    upper, lower = (_interpolate(values[these], columns, 1, columns.weight) for these in (lit_above, below))
    difference = lower.sub_(upper)
    # How many mask rows lie between a row of the map and the next, and which is the first of them.
    between = torch.bincount(rows.lower, minlength=height)
    first = between.cumsum(0) - between
    map_row = places[lit_above] % height
    repeats = between[map_row]
    source = torch.arange(len(lit_above), device=places.device).repeat_interleave(repeats)
    begun = repeats.cumsum(0) - repeats
    row = torch.arange(len(source), device=places.device) + (first[map_row] - begun)[source]
    interpolated = difference[source].mul_(rows.weight[row, None]).add_(upper[source])
    return MaskRows(lit_above[source], row, interpolated > levels[lit_above][source, None])


def _interpolate(maps: Tensor, sampling: Sampling, dim: int, weight: Tensor) -> Tensor:
    lower = maps.index_select(dim, sampling.lower)
    upper = maps.index_select(dim, sampling.upper)
    return upper.sub_(lower).mul_(weight).add_(lower)
