"""The canvas: an image and its label maps, painted together."""

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Int32, UInt8

from netdissect.scenes.arrays import Numbers, Truths
from netdissect.scenes.dice import Dice
from netdissect.scenes.shapes import Bounds, Grid, Shape
from netdissect.scenes.surfaces import Surface
from netdissect.scenes.vocabulary import LAYERS, NUMBER
from netdissect.types import UNLABELLED

#: Light on a shape: brightness at (across, down), each from -1 to 1 over its bounds.
Shading = Callable[[Numbers, Numbers], Numbers]


def rounded(across: Numbers, down: Numbers) -> Numbers:
    """Shade a ball, lit from the upper left."""
    return 1.12 - 0.13 * ((across + 0.4) * (across + 0.4) + (down + 0.5) * (down + 0.5))


def upright(across: Numbers, down: Numbers) -> Numbers:
    """Shade a standing cylinder, lit from the left."""
    return 1.08 - 0.14 * (across + 0.4) * (across + 0.4) + 0.0 * down


def falling(across: Numbers, down: Numbers) -> Numbers:
    """Darken towards the bottom."""
    return 1.0 - 0.1 * down + 0.0 * across


def rising(across: Numbers, down: Numbers) -> Numbers:
    """Lighten towards the bottom, as the sky towards the horizon."""
    return 1.0 + 0.13 * down + 0.0 * across


class Canvas:
    """An image (3, H, W) and its label maps (5, H, W), in the order of ``LAYERS``.

    Later shapes cover earlier ones. Edges are one pixel soft in the image. In the maps, a shape has the pixels of which
    it covers at least half.

    >>> from netdissect.scenes.colors import Color
    >>> from netdissect.scenes.shapes import Box
    >>> from netdissect.scenes.surfaces import plain
    >>> canvas = Canvas(2, 4)
    >>> canvas.paint(Box((0.0, 0.0, 0.5, 1.0)), plain(Color("red", (255.0, 0.0, 0.0))), "ball")
    >>> canvas.pixels()[0, :, 0].tolist(), (canvas.maps()[0, 0] > 0).tolist()
    ([255, 255, 0, 0], [True, True, False, False])
    """

    def __init__(self, height: int, width: int) -> None:
        self._rgb = np.zeros((3, height, width), np.float32)
        self._maps = np.zeros((len(LAYERS), height, width), np.int32)
        self._x = ((np.arange(width, dtype=np.float32) + 0.5) / width)[None, :]
        self._y = ((np.arange(height, dtype=np.float32) + 0.5) / height)[:, None]

    def paint(self, shape: Shape, surface: Surface, thing: str, part: str = "", shading: Shading | None = None) -> None:
        """Paint a shape of an object, or of a part of it, cut off at the edges of the image."""
        block, grid = self._block(shape.bounds)
        if grid.x.size == 0 or grid.y.size == 0:
            return
        coverage = shape.coverage(grid)
        rgb, second = _paint_of(surface, grid)
        if shading is not None:
            rgb = rgb * shading(*_inner(shape.bounds, grid))
        pixels = self._rgb[block]
        pixels += coverage * (rgb - pixels)

        inside = coverage >= 0.5
        names = (thing, part, surface.material, surface.texture, surface.color.name)
        numbers = np.array([NUMBER[name] if name else UNLABELLED for name in names], np.int32)
        np.copyto(self._maps[block], numbers[:, None, None], where=inside)
        if second is not None and surface.accent is not None:
            np.copyto(self._maps[-1][block[1:]], NUMBER[surface.accent.name], where=inside & second)

    def shadow(self, shape: Shape, strength: float = 0.25) -> None:
        """Darken the image under a shape by the share ``strength``; labels stay."""
        block, grid = self._block(shape.bounds)
        if grid.x.size and grid.y.size:
            self._rgb[block] *= 1.0 - strength * shape.coverage(grid)

    def light(self, dice: Dice) -> None:
        """Light the whole image: a little brighter or darker, from one side, warm or cool, with grain."""
        brightness = dice.between(0.92, 1.06)
        across, down = dice.between(-0.05, 0.05), dice.between(-0.05, 0.05)
        warmth = dice.between(-0.03, 0.03)
        self._rgb *= brightness + across * (2.0 * self._x - 1.0) + down * (2.0 * self._y - 1.0)
        self._rgb *= np.array([1.0 + warmth, 1.0, 1.0 - warmth], np.float32)[:, None, None]
        # The sum of two even draws is bell-shaped enough, and needs the simplest random numbers alone.
        grain = dice.table(2, *self._rgb.shape[1:])
        self._rgb += dice.between(3.0, 12.0) * (grain[0] + grain[1] - 1.0)

    def pixels(self) -> UInt8[np.ndarray, "H W 3"]:
        """Return the image (H, W, 3)."""
        limited = np.minimum(np.maximum(self._rgb, 0.0), 255.0).astype(np.uint8)
        return np.ascontiguousarray(limited.transpose(1, 2, 0))

    def maps(self) -> Int32[np.ndarray, "l H W"]:
        """Return the label maps (5, H, W)."""
        return self._maps

    def _block(self, bounds: Bounds) -> tuple[tuple[slice, slice, slice], Grid]:
        """Return the slices of the pixels that touch the bounds, and their centers."""
        height, width = self._rgb.shape[1:]
        left, top, right, bottom = bounds
        rows = slice(max(math.floor(top * height - 0.5), 0), max(math.ceil(bottom * height + 0.5), 0))
        columns = slice(max(math.floor(left * width - 0.5), 0), max(math.ceil(right * width + 0.5), 0))
        return (slice(None), rows, columns), Grid(self._x[:, columns], self._y[rows], width, height)


def _inner(bounds: Bounds, grid: Grid) -> tuple[Numbers, Numbers]:
    """Return coordinates from -1 to 1 over the bounds."""
    left, top, right, bottom = bounds
    across = (grid.x - (left + right) / 2) * (2 / max(right - left, 1e-6))
    down = (grid.y - (top + bottom) / 2) * (2 / max(bottom - top, 1e-6))
    return across, down


def _paint_of(surface: Surface, grid: Grid) -> tuple[Numbers, Truths | None]:
    """Return the surface's red, green and blue at the grid, and the mask of its second color."""
    rgb = np.array(surface.color.rgb, np.float32)[:, None, None]
    second = None
    if surface.pattern is not None and surface.accent is not None:
        second = surface.pattern(grid.x, grid.y)
        rgb = np.where(second, np.array(surface.accent.rgb, np.float32)[:, None, None], rgb)
    if surface.relief is not None:
        rgb = rgb * surface.relief(grid.x, grid.y)
    return rgb, second
