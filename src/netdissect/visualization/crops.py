"""Where in an image a position of a layer's maps looks, and that piece of the image."""

import math

from PIL import Image, ImageDraw

from netdissect.engine.field import Field

#: Edges from 0 to 1 of the image: left, top, right, bottom.
Box = tuple[float, float, float, float]

#: A place from 0 to 1 across and down the image.
Place = tuple[float, float]

#: The whole image.
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)

#: What is drawn on images is white within black: so wide, and the ring at a place so large, of the image's height.
_LINE, _RING = 1 / 80, 1 / 24

#: A ring is drawn in a box at least so many of its radii wide and high.
_ROOM = 6

#: A frame within a box that is less than so many lines wide would cover too much of it.
_COVERED = 12


def receptive_box(field: Field | None, row: int, column: int, size: tuple[int, int]) -> Box:
    """The receptive field of a position, as far as it is on the image; without a ``field`` the whole image.

    ``size`` (H, W) are the pixels that the field is told in.
    """
    if field is None:
        return WHOLE
    top, bottom = _edges(field.rows[row], field.size[0], size[0])
    left, right = _edges(field.columns[column], field.size[1], size[1])
    return left, top, right, bottom


def place_of(field: Field | None, row: int, column: int, grid: tuple[int, ...], size: tuple[int, int]) -> Place | None:
    """Where a position's field has its centre; of maps without a ``field`` that of its part of the image.

    None for a vector, whose ``grid`` (h, w) is empty.
    """
    if not grid:
        return None
    if field is None:
        return (column + 0.5) / grid[1], (row + 0.5) / grid[0]
    across, down = (field.columns[column] + 0.5) / size[1], (field.rows[row] + 0.5) / size[0]
    return min(max(across, 0.0), 1.0), min(max(down, 0.0), 1.0)


def _edges(centre: float, length: float, pixels: int) -> tuple[float, float]:
    """From 0 to 1. Pixel i reaches from i to i + 1, its centre lies at i; a field beside the image sees its edge."""
    first, last = (min(max(centre + 0.5 + side * length / 2, 0), pixels) for side in (-1, 1))
    if first == last:
        first, last = (0, 1) if first <= 0 else (pixels - 1, pixels)
    return first / pixels, last / pixels


def crop(image: Image.Image, box: Box) -> Image.Image:
    """That piece of the image, whole pixels of it."""
    return image.crop(_pixels(image, box))


def marked(image: Image.Image, box: Box, place: Place | None) -> Image.Image:
    """A copy of the image with a frame around the box, unless it is the whole, and a ring at the place if it is large.

    The frame lies within the box, so that it is seen at the image's edges, but around one that it would cover.
    """
    image = image.convert("RGB").copy()
    draw, width = ImageDraw.Draw(image), max(1, round(image.height * _LINE))
    left, top, right, bottom = _pixels(image, box)
    if box != WHOLE:
        outside = 2 * width if min(right - left, bottom - top) < _COVERED * width else 0
        frame = (left - outside, top - outside, right - 1 + outside, bottom - 1 + outside)
        draw.rectangle(frame, outline="black", width=2 * width)
        draw.rectangle(frame, outline="white", width=width)
    radius = max(2, round(image.height * _RING))
    if place is not None and min(right - left, bottom - top) >= _ROOM * radius:
        across, down = place[0] * image.width, place[1] * image.height
        for larger, color in ((width, "black"), (0, "white")):
            reach = radius + larger
            edges = (across - reach, down - reach, across + reach, down + reach)
            draw.ellipse(edges, outline=color, width=width + 2 * larger)
    return image


def _pixels(image: Image.Image, box: Box) -> tuple[int, int, int, int]:
    """The box in whole pixels: all that it touches, but for what rounding adds."""
    left, top, right, bottom = box
    return (
        math.floor(left * image.width + 1e-6),
        math.floor(top * image.height + 1e-6),
        math.ceil(right * image.width - 1e-6),
        math.ceil(bottom * image.height - 1e-6),
    )
