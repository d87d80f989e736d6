"""Parametrizations: the numbers that an image is made from, and the pixels in 0..1 that follow from them.

After Olah, Mordvintsev, Schubert, "Feature Visualization", Distill 2017.
"""

import math
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

#: The symmetric square root of the covariance of red, green and blue in photographs, of mean variance 1.
_COLORS = (
    (0.87, 0.44, 0.33),
    (0.44, 0.75, 0.47),
    (0.33, 0.47, 0.80),
)


class Parametrization(Protocol):
    """Numbers of the shape ``shape`` per image. Standard normal numbers give noise of mean 0.5."""

    shape: tuple[int, ...]

    def pixels(self, numbers: Float[Tensor, "n ..."]) -> Float[Tensor, "n 3 H W"]:
        """Return the pixels that follow from numbers."""
        ...


class Pixels:
    """A number for each color of each pixel, cut to 0..1 by a sigmoid."""

    def __init__(self, size: tuple[int, int], device: torch.device) -> None:
        self.shape = (3, *size)

    def pixels(self, numbers: Float[Tensor, "n 3 H W"]) -> Float[Tensor, "n 3 H W"]:
        """Return the sigmoid of the numbers."""
        return numbers.sigmoid()


class Fourier:
    """Real and imaginary parts of waves in three uncorrelated colors: a step changes all scales and hues alike.

    As in photographs, the amplitude of a wave is inversely proportional to its frequency, and colors vary together.
    Before the sigmoid, standard normal numbers give pixels of standard deviation 1 for every size of image.
    """

    def __init__(self, size: tuple[int, int], device: torch.device) -> None:
        height, width = self.size = size
        self.shape = (3, height, width // 2 + 1, 2)
        rows, columns = (torch.fft.fftfreq(length, dtype=torch.float32) for length in size)
        # The constant has frequency 0; it counts as one wave across the image.
        scale = 1 / torch.hypot(rows[:, None], columns[None]).clamp(min=1 / max(size))
        scale = scale / (2 * scale.square().mean()).sqrt()  # real and imaginary parts add up
        scale = scale[:, : width // 2 + 1]
        # All other columns also stand for their mirror images, and count twice.
        scale[:, [0, width // 2] if width % 2 == 0 else [0]] *= math.sqrt(2)
        self.scale = scale[..., None].to(device)
        self.colors = torch.tensor(_COLORS, dtype=torch.float32, device=device)

    def pixels(self, numbers: Float[Tensor, "n 3 H f 2"]) -> Float[Tensor, "n 3 H W"]:
        """Return the pixels of the waves."""
        waves = torch.view_as_complex((numbers * self.scale).contiguous())
        plain = torch.fft.irfft2(waves, s=self.size, norm="ortho")
        # The result of einsum has its colors innermost, for which a network takes 1.7 times as long.
        return torch.einsum("nchw,dc->ndhw", plain, self.colors).contiguous().sigmoid()
