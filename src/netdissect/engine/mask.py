"""Masks: the pixels at which a unit's activation map, upsampled to the label maps' size, exceeds its threshold.

Interpolation is separable and linear. Between neighbours ``a`` and ``b`` it is ``a + weight * (b - a)``, first along
the width, then along the height, each operation rounded to float32. Three facts follow:

- No interpolated value exceeds the larger neighbour: weights are not too close to 1 (``engine.alignment``), and
  activations are below half of float32's largest number, so that differences do not overflow.
- A constant map stays constant to the last bit.
- The result does not depend on the device, the batch or the number of threads.
"""

from jaxtyping import Bool, Float
from torch import Tensor

from netdissect.engine.alignment import STRETCH, Alignment, Sampling


def upsample(
    maps: Float[Tensor, "m h w"], shape: tuple[int, int], align: Alignment = STRETCH
) -> Float[Tensor, "m sh sw"]:
    """Interpolate maps at the label pixels.

    >>> import torch
    >>> upsample(torch.tensor([[[0.0, 1.0]]]), (1, 4))
    tensor([[[0.0000, 0.2500, 0.7500, 1.0000]]])
    """
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
    """Return the masks of maps: true where the upsampled map is greater than its threshold.

    >>> import torch
    >>> unit_masks(torch.tensor([[[0.0, 1.0]]]), torch.tensor([0.5]), (1, 4))
    tensor([[[False, False,  True,  True]]])
    """
    return upsample(maps, shape, align) > thresholds[:, None, None]


def _interpolate(maps: Tensor, sampling: Sampling, dim: int, weight: Tensor) -> Tensor:
    lower = maps.index_select(dim, sampling.lower)
    upper = maps.index_select(dim, sampling.upper)
    return upper.sub_(lower).mul_(weight).add_(lower)
