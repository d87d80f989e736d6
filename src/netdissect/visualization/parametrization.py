"""What is changed to make an image: numbers, from which pixels in 0..1 follow.

After Olah, Mordvintsev, Schubert, "Feature Visualization", Distill 2017.
"""

import math
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

#: The symmetric square root of how red, green and blue vary together, mean variance 1: rows give red, green, blue.
_COLORS = (
    (0.87, 0.44, 0.33),
    (0.44, 0.75, 0.47),
    (0.33, 0.47, 0.80),
)


class Parametrization(Protocol):
    """``shape`` is that of the numbers of one image. Standard normal ones give noise of mean 0.5."""

    shape: tuple[int, ...]

    def pixels(self, numbers: Float[Tensor, "n ..."]) -> Float[Tensor, "n 3 H W"]: ...


class Pixels:
    """A number for each color of each pixel, cut to 0..1 by a sigmoid."""

    def __init__(self, size: tuple[int, int], device: torch.device) -> None:
        self.shape = (3, *size)

    def pixels(self, numbers: Float[Tensor, "n 3 H W"]) -> Float[Tensor, "n 3 H W"]:
        return numbers.sigmoid()


class Fourier:
    """Waves, real and imaginary parts, in three uncorrelated colors: a step changes all scales and hues alike.

    As in photographs, a wave's amplitude is in inverse proportion to its frequency, and colors vary together. Standard
    normal numbers give, before the sigmoid, pixels of a deviation of 1, whatever the size.
    """

    def __init__(self, size: tuple[int, int], device: torch.device) -> None:
        height, width = self.size = size
        self.shape = (3, height, width // 2 + 1, 2)
        rows, columns = (torch.fft.fftfreq(length, dtype=torch.float32) for length in size)
        # In the constant, whose frequency is 0, lies a whole wave across the image.
        scale = 1 / torch.hypot(rows[:, None], columns[None]).clamp(min=1 / max(size))
        scale = scale / (2 * scale.square().mean()).sqrt()  # real and imaginary parts add up
        scale = scale[:, : width // 2 + 1]
        # Other columns stand for their mirror images, too, and have twice the say.
        scale[:, [0, width // 2] if width % 2 == 0 else [0]] *= math.sqrt(2)
        self.scale = scale[..., None].to(device)
        self.colors = torch.tensor(_COLORS, dtype=torch.float32, device=device)

    def pixels(self, numbers: Float[Tensor, "n 3 H f 2"]) -> Float[Tensor, "n 3 H W"]:
        waves = torch.view_as_complex((numbers * self.scale).contiguous())
        plain = torch.fft.irfft2(waves, s=self.size, norm="ortho")
        # Laid out anew: what einsum returns has its colors innermost, and a network takes 1.7 times as long for that.
        return torch.einsum("nchw,dc->ndhw", plain, self.colors).contiguous().sigmoid()


#: By the names that a caller uses.
PARAMETRIZATIONS: dict[str, type[Fourier] | type[Pixels]] = {"fourier": Fourier, "pixels": Pixels}
