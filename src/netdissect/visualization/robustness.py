"""Small random movements of images: what excites a unit only exactly where it lies is no picture of what it looks for.

After Olah, Mordvintsev, Schubert, "Feature Visualization", Distill 2017: jitter, scaling, rotation.
"""

import math

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor
from torch.nn import functional

#: An image is scaled by up to this factor, or its inverse.
_SCALE = 1.1

#: And rotated by up to so many degrees, and moved along each axis by up to this share of its size.
_DEGREES, _SHIFT = 10, 1 / 14

#: What lies outside an image.
_GRAY = 0.5


def draw_movements(chance: np.random.Generator, count: int) -> Float32[np.ndarray, "count 4"]:
    """For each the logarithm of a factor, an angle, and shifts along width and height (half the image is 1)."""
    limits = np.array([math.log(_SCALE), math.radians(_DEGREES), 2 * _SHIFT, 2 * _SHIFT])
    return (limits * chance.uniform(-1, 1, (count, 4))).astype(np.float32)


def moved(images: Float[Tensor, "n 3 H W"], movements: Float[Tensor, "n 4"]) -> Float[Tensor, "n 3 H W"]:
    """Each image scaled, rotated and shifted as its movement says, in a gray surround; can be differentiated."""
    height, width = images.shape[2:]
    factor, angle, across, down = movements.unbind(dim=1)
    cosine, sine = angle.cos() / factor.exp(), angle.sin() / factor.exp()
    rows = [
        torch.stack([cosine, -sine * height / width, across], dim=1),
        torch.stack([sine * width / height, cosine, down], dim=1),
    ]
    places = functional.affine_grid(torch.stack(rows, dim=1), list(images.shape), align_corners=False)
    return _GRAY + functional.grid_sample(images - _GRAY, places, align_corners=False)
