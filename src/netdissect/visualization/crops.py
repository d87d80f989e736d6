"""Receptive fields on images: the box and the centre of a position's field, and the piece of an image within."""

import math

from PIL import Image, ImageDraw

from netdissect.engine.field import Field

#: Left, top, right and bottom edges, from 0 to 1 of the image.
Box = tuple[float, float, float, float]

#: A point of an image, from 0 to 1 across and down.
Point = tuple[float, float]

#: The whole image.
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)

#: The width of lines and the radius of rings, as parts of the image's height. Both are white within black.
_LINE, _RING = 1 / 80, 1 / 24

#: The least width and height of a box with a ring, in radii.
_ROOM = 6

#: The width of a box, in lines, below which a frame within would cover too much of it.
_COVERED = 12


def receptive_box(field: Field | None, row: int, column: int, size: tuple[int, int]) -> Box:
    """Return the receptive field of a position, as far as it is on the image; without a ``field`` the whole image.

    ``size`` (H, W) is the size of the network's input, whose pixels the field is measured in.
    """
    if field is None:
        return WHOLE
    top, bottom = _edges(field.rows[row], field.size[0], size[0])
    left, right = _edges(field.columns[column], field.size[1], size[1])
    return left, top, right, bottom


def centre_of(field: Field | None, row: int, column: int, grid: tuple[int, ...], size: tuple[int, int]) -> Point | None:
    """Return the centre of a position's field; without a ``field``, that of the position's part of the image.

    None for a vector, whose ``grid`` (h, w) is empty.

    >>> centre_of(None, 0, 1, (2, 4), (32, 64))
    (0.375, 0.25)
    """
    if not grid:
        return None
    if field is None:
        return (column + 0.5) / grid[1], (row + 0.5) / grid[0]
    across, down = (field.columns[column] + 0.5) / size[1], (field.rows[row] + 0.5) / size[0]
    return min(max(across, 0.0), 1.0), min(max(down, 0.0), 1.0)


def _edges(centre: float, length: float, pixels: int) -> tuple[float, float]:
    """Return two edges from 0 to 1 of the image. A field beside the image gets the pixel at the image's edge.

    Pixel i extends from i to i + 1 here, and ``centre`` counts from the middle of pixel 0.
    """
    first, last = (min(max(centre + 0.5 + side * length / 2, 0), pixels) for side in (-1, 1))
    if first == last:
        first, last = (0, 1) if first <= 0 else (pixels - 1, pixels)
    return first / pixels, last / pixels


def crop(image: Image.Image, box: Box) -> Image.Image:
    """Return the piece of the image in the box, in whole pixels."""
    return image.crop(_pixels(image, box))


def marked(image: Image.Image, box: Box, point: Point | None) -> Image.Image:
    """Return a copy of the image with a frame at the box, unless it is the whole, and a ring at the point.

    The frame lies within the box, so that it is seen at the image's edges; a small box is framed from outside. A small
    box has no ring.
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
    if point is not None and min(right - left, bottom - top) >= _ROOM * radius:
        across, down = point[0] * image.width, point[1] * image.height
        for larger, color in ((width, "black"), (0, "white")):
            reach = radius + larger
            edges = (across - reach, down - reach, across + reach, down + reach)
            draw.ellipse(edges, outline=color, width=width + 2 * larger)
    return image


def _pixels(image: Image.Image, box: Box) -> tuple[int, int, int, int]:
    """Return the box in whole pixels: all pixels that it touches, except by rounding."""
    left, top, right, bottom = box
    return (
        math.floor(left * image.width + 1e-6),
        math.floor(top * image.height + 1e-6),
        math.ceil(right * image.width - 1e-6),
        math.ceil(bottom * image.height - 1e-6),
    )
