"""Pictures for readers, made of numbers."""

import io
import math

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from netdissect.inference.preprocess import Preprocess

#: Pixels between two pictures side by side, and their color.
_GAP, _GAP_COLOR = 4, (255, 255, 255)

#: The quantile of magnitudes that is shown at full brightness: beside a few much larger ones all else would be gray.
_CLIPPED = 0.995

#: The largest size of a picture, or of each of two side by side, in pixels.
SHOWN_HEIGHT, SHOWN_WIDTH = 224, 672

#: The height in pixels below which a picture is enlarged, and the factor from which its pixels are drawn as squares.
_FEW_PIXELS, _SQUARES = 96, 8


def pixels_of(image: Image.Image, size: tuple[int, int]) -> Float[Tensor, "3 H W"]:
    """Return the image as a network of input ``size`` (H, W) sees it: RGB in 0..1."""
    pixels = Preprocess(size=size).squash(image)
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255


def picture_of(pixels: Float[Tensor, "3 H W"]) -> Image.Image:
    """Return RGB in 0..1 as an image; other values are clamped.

    >>> picture_of(torch.zeros(3, 4, 6)).size
    (6, 4)
    """
    values = (pixels.detach().cpu().clamp(0, 1) * 255).round().byte()
    return Image.fromarray(values.permute(1, 2, 0).numpy())


def color_picture(signed: Float[Tensor, "3 H W"]) -> Image.Image:
    """Return signed numbers as a picture: zero is gray, positive numbers are brighter, negative numbers darker."""
    return picture_of(0.5 + signed / (2 * _scale(signed.abs())))


def magnitude_picture(signed: Float[Tensor, "3 H W"]) -> Image.Image:
    """Return each pixel's largest magnitude over the channels as a picture (Simonyan et al. 2014): zero is black."""
    magnitude = signed.abs().amax(dim=0)
    return picture_of((magnitude / _scale(magnitude)).expand(3, -1, -1))


def _scale(magnitudes: Float[Tensor, "..."]) -> float:
    """Return the magnitude to show at full brightness: a high quantile; 1 if all are zero."""
    found = magnitudes[magnitudes > 0].double().cpu().numpy()
    return float(np.quantile(found, _CLIPPED)) if found.size else 1.0


def shown(picture: Image.Image) -> Image.Image:
    """Return the picture in a size for readers: a large one is made smaller, one of few pixels enlarged."""
    largest = min(SHOWN_HEIGHT / picture.height, SHOWN_WIDTH / picture.width)
    if picture.height < _FEW_PIXELS and largest > 1:
        return _resized(picture, min(largest, math.ceil(_FEW_PIXELS / picture.height)))
    return _resized(picture, min(1.0, largest))


def _resized(picture: Image.Image, factor: float | int) -> Image.Image:
    width, height = (max(1, round(length * factor)) for length in picture.size)
    if picture.size == (width, height):
        return picture
    return picture.resize((width, height), Image.Resampling.NEAREST if factor >= _SQUARES else None)


def beside(left: Image.Image, right: Image.Image) -> Image.Image:
    """Return two pictures side by side, the second as high as the first unless it would be too wide."""
    left = shown(left)
    right = _resized(right, min(left.height / right.height, SHOWN_WIDTH / right.width))
    both = Image.new("RGB", (left.width + _GAP + right.width, max(left.height, right.height)), _GAP_COLOR)
    both.paste(left, (0, 0))
    both.paste(right, (left.width + _GAP, 0))
    return both


def jpeg_of(picture: Image.Image) -> bytes:
    """Return the picture as JPEG."""
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=90, subsampling=0)
    return buffer.getvalue()
