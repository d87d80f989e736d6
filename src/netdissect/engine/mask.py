"""Masks: where a unit's activation map, upsampled to the label maps' resolution, exceeds its threshold.

Interpolation is separable and linear. Between neighbours ``a`` and ``b`` it is ``a + weight * (b - a)``, first along
the width, then along the height, each operation rounded to float32. Written so, no interpolated value exceeds the
larger neighbour (``weight`` is at most ``_LARGEST_WEIGHT``; activations are below half of float32's largest number, so
that differences do not overflow), a constant map stays constant to the last bit, and the result does not depend on the
device, the batch or the number of threads.

How a map lies on the label map is its alignment: where its receptive fields lie (``receptive``, as in the paper), or
stretched over the whole (``stretch``).
"""

from jaxtyping import Bool, Float
from torch import Tensor

from netdissect.engine.alignment import STRETCH, Alignment, Sampling


def upsample(
    maps: Float[Tensor, "m h w"], shape: tuple[int, int], align: Alignment = STRETCH
) -> Float[Tensor, "m sh sw"]:
    """Bilinear interpolation of ``maps`` at the label pixels."""
    rows = align.rows(maps.shape[1], shape[0], maps.device)
    columns = align.columns(maps.shape[2], shape[1], maps.device)
    wide = _interpolate(maps, columns, 2, columns.weight)
    return _interpolate(wide, rows, 1, rows.weight[:, None])


def unit_masks(
    maps: Float[Tensor, "m h w"],
    thresholds: Float[Tensor, " m"],
    shape: tuple[int, int],
    align: Alignment = STRETCH,
) -> Bool[Tensor, "m sh sw"]:
    """Where each upsampled map is greater than its threshold."""
    return upsample(maps, shape, align) > thresholds[:, None, None]


def _interpolate(maps: Tensor, sampling: Sampling, dim: int, weight: Tensor) -> Tensor:
    lower = maps.index_select(dim, sampling.lower)
    upper = maps.index_select(dim, sampling.upper)
    return upper.sub_(lower).mul_(weight).add_(lower)
