"""From numbers to pictures that a person looks at."""

import io

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from netdissect.engine.batches import Preprocess

#: Pixels between two pictures side by side, and their color.
_GAP, _GAP_COLOR = 4, (255, 255, 255)

#: Of gradients all but such a part is told apart: a few pixels have much larger ones, next to which all else is gray.
_CLIPPED = 0.995

#: A picture is shown at most this many pixels high.
SHOWN_HEIGHT = 224


def pixels_of(image: Image.Image, size: tuple[int, int]) -> Float[Tensor, "3 H W"]:
    """The image as a network of input ``size`` (H, W) sees it: RGB in 0..1."""
    pixels = Preprocess(size=size).squash(image)
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255


def picture_of(pixels: Float[Tensor, "3 H W"]) -> Image.Image:
    """RGB in 0..1 as an image; what lies outside is cut off."""
    values = (pixels.detach().cpu().clamp(0, 1) * 255).round().byte()
    return Image.fromarray(values.permute(1, 2, 0).numpy())


def color_picture(signed: Float[Tensor, "3 H W"]) -> Image.Image:
    """Numbers of either sign, each in its channel: zero is gray, large ones are bright, negative ones dark."""
    return picture_of(0.5 + signed / (2 * _scale(signed.abs())))


def magnitude_picture(signed: Float[Tensor, "3 H W"]) -> Image.Image:
    """At each pixel the largest magnitude over the channels (Simonyan et al. 2014): zero is black."""
    magnitude = signed.abs().amax(dim=0)
    return picture_of((magnitude / _scale(magnitude)).expand(3, -1, -1))


def _scale(magnitudes: Float[Tensor, "..."]) -> float:
    """The magnitude to show at full brightness: but for a few it is the largest; 1 if all are zero."""
    found = magnitudes[magnitudes > 0].double().cpu().numpy()
    return float(np.quantile(found, _CLIPPED)) if found.size else 1.0


def beside(left: Image.Image, right: Image.Image) -> Image.Image:
    """Two pictures side by side, the second resized to the height of the first."""
    right = right.resize((max(1, round(right.width * left.height / right.height)), left.height))
    both = Image.new("RGB", (left.width + _GAP + right.width, left.height), _GAP_COLOR)
    both.paste(left, (0, 0))
    both.paste(right, (left.width + _GAP, 0))
    return both


def jpeg_of(picture: Image.Image) -> bytes:
    """The picture as JPEG, at most ``SHOWN_HEIGHT`` pixels high."""
    if picture.height > SHOWN_HEIGHT:
        picture = picture.resize((max(1, round(picture.width * SHOWN_HEIGHT / picture.height)), SHOWN_HEIGHT))
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=90, subsampling=0)
    return buffer.getvalue()
