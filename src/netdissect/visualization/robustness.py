"""Small random movements of images: an image that excites a unit only in one exact position is a poor picture.

After Olah, Mordvintsev, Schubert, "Feature Visualization", Distill 2017: jitter, scaling, rotation.
"""

import math

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor
from torch.nn import functional

#: The largest factor by which an image is scaled, or its inverse.
_SCALE = 1.1

#: The largest rotation in degrees, and the largest shift along each axis as a share of the image.
_DEGREES, _SHIFT = 10, 1 / 14

#: The value of pixels outside an image.
_GRAY = 0.5


def draw_movements(chance: np.random.Generator, count: int) -> Float32[np.ndarray, "count 4"]:
    """Draw movements: the logarithm of a factor, an angle, and shifts along width and height (half the image is 1)."""
    limits = np.array([math.log(_SCALE), math.radians(_DEGREES), 2 * _SHIFT, 2 * _SHIFT])
    return (limits * chance.uniform(-1, 1, (count, 4))).astype(np.float32)


def moved(images: Float[Tensor, "n 3 H W"], movements: Float[Tensor, "n 4"]) -> Float[Tensor, "n 3 H W"]:
    """Return each image scaled, rotated and shifted by its movement, on gray; differentiable.

    >>> moved(torch.full((1, 3, 4, 4), 0.25), torch.zeros(1, 4)).mean().item()
    0.25
    """
    height, width = images.shape[2:]
    factor, angle, across, down = movements.unbind(dim=1)
    cosine, sine = angle.cos() / factor.exp(), angle.sin() / factor.exp()
    rows = [
        torch.stack([cosine, -sine * height / width, across], dim=1),
        torch.stack([sine * width / height, cosine, down], dim=1),
    ]
    grid = functional.affine_grid(torch.stack(rows, dim=1), list(images.shape), align_corners=False)
    return _GRAY + functional.grid_sample(images - _GRAY, grid, align_corners=False)
