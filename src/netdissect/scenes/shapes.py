"""Shapes, and the share of each pixel that they cover.

Coordinates are fractions of the image: x from 0 (left) to 1 (right), y from 0 (top) to 1 (bottom). Edges are measured
in pixels, so that they are one pixel soft at any image size.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from netdissect.scenes.arrays import Numbers

#: A point (x, y), and a rectangle (left, top, right, bottom).
Point = tuple[float, float]
Bounds = tuple[float, float, float, float]


@dataclass(frozen=True)
class Grid:
    """The centers of a block of pixels, ``x`` (1, w) and ``y`` (h, 1); the image is ``width`` by ``height`` pixels."""

    x: Numbers
    y: Numbers
    width: int
    height: int


@runtime_checkable
class Shape(Protocol):
    """A shape with an inside."""

    @property
    def bounds(self) -> Bounds: ...

    def coverage(self, grid: Grid) -> Numbers:
        """Return the share (h, w) of each pixel inside the shape, 0 to 1."""
        ...


def _share(depth: Numbers) -> Numbers:
    """Return the share of a pixel that is inside, by the depth of its center in pixels."""
    return np.minimum(np.maximum(depth + 0.5, 0.0), 1.0)


@dataclass(frozen=True)
class Box:
    """An upright rectangle.

    >>> x, y = np.float32([[0.25, 0.75]]), np.float32([[0.5]])
    >>> Box((0.0, 0.0, 0.5, 1.0)).coverage(Grid(x, y, width=2, height=1)).tolist()
    [[1.0, 0.0]]
    """

    bounds: Bounds

    def coverage(self, grid: Grid) -> Numbers:
        left, top, right, bottom = self.bounds
        across = _share(np.minimum(grid.x - left, right - grid.x) * grid.width)
        return _share(np.minimum(grid.y - top, bottom - grid.y) * grid.height) * across


@dataclass(frozen=True)
class Ellipse:
    """An upright ellipse, or with ``hole`` (share of the radius) a ring."""

    center: Point
    radius: Point
    hole: float = 0.0

    @property
    def bounds(self) -> Bounds:
        (x, y), (across, down) = self.center, self.radius
        return x - across, y - down, x + across, y + down

    def coverage(self, grid: Grid) -> Numbers:
        across = (grid.x - self.center[0]) / self.radius[0]
        down = (grid.y - self.center[1]) / self.radius[1]
        distance = np.sqrt(across * across + down * down)
        scale = min(self.radius[0] * grid.width, self.radius[1] * grid.height)
        share = _share((1.0 - distance) * scale)
        return share * _share((distance - self.hole) * scale) if self.hole else share


@dataclass(frozen=True)
class Polygon:
    """A convex polygon; its corners go round in either direction."""

    corners: tuple[Point, ...]

    @property
    def bounds(self) -> Bounds:
        across, down = zip(*self.corners, strict=True)
        return min(across), min(down), max(across), max(down)

    def coverage(self, grid: Grid) -> Numbers:
        x, y = grid.x * grid.width, grid.y * grid.height
        corners = [(x * grid.width, y * grid.height) for x, y in self.corners]
        edges = list(zip(corners, corners[1:] + corners[:1], strict=True))
        turn = sum(ax * by - bx * ay for (ax, ay), (bx, by) in edges)
        sign = 1.0 if turn > 0 else -1.0
        depth = None
        for (ax, ay), (bx, by) in edges:
            length = ((bx - ax) ** 2 + (by - ay) ** 2) ** 0.5
            if length == 0.0:
                continue
            right, down = sign * (ay - by) / length, sign * (bx - ax) / length
            inside = (x - ax) * right + (y - ay) * down
            depth = inside if depth is None else np.minimum(depth, inside)
        return np.zeros((y.shape[0], x.shape[1]), np.float32) if depth is None else _share(depth)


@dataclass(frozen=True)
class Ridge:
    """The area below a line of points, which go from left to right, and above ``bottom``."""

    points: tuple[Point, ...]
    bottom: float

    @property
    def bounds(self) -> Bounds:
        return (self.points[0][0], min(y for _, y in self.points), self.points[-1][0], self.bottom)

    def coverage(self, grid: Grid) -> Numbers:
        across, down = zip(*self.points, strict=True)
        top = np.interp(grid.x[0], across, down).astype(np.float32)
        return _share(np.minimum(grid.y - top, self.bottom - grid.y) * grid.height)


@dataclass(frozen=True)
class Union:
    """The area in any of the shapes."""

    shapes: tuple[Shape, ...]

    @property
    def bounds(self) -> Bounds:
        left, top, right, bottom = zip(*(shape.bounds for shape in self.shapes), strict=True)
        return min(left), min(top), max(right), max(bottom)

    def coverage(self, grid: Grid) -> Numbers:
        covered = self.shapes[0].coverage(grid)
        for shape in self.shapes[1:]:
            covered = np.maximum(covered, shape.coverage(grid))
        return covered


@dataclass(frozen=True)
class Overlap:
    """The area in both shapes."""

    first: Shape
    second: Shape

    @property
    def bounds(self) -> Bounds:
        (left, top, right, bottom), (a, b, c, d) = self.first.bounds, self.second.bounds
        return max(left, a), max(top, b), min(right, c), min(bottom, d)

    def coverage(self, grid: Grid) -> Numbers:
        return np.minimum(self.first.coverage(grid), self.second.coverage(grid))


@dataclass(frozen=True)
class Frame:
    """The position of a thing, and shapes in its own coordinates.

    A thing's own x goes from -0.5 to 0.5 over its ``width`` and its own y from 0 at its ``base`` up to 1 at its
    ``height``; ``x``, ``base``, ``width`` and ``height`` are fractions of the image. ``flip`` swaps left and right.

    >>> Frame(x=0.5, base=0.75, width=0.5, height=0.5).box(-0.5, 0.0, 0.5, 1.0).bounds
    (0.25, 0.25, 0.75, 0.75)
    """

    x: float
    base: float
    width: float
    height: float
    flip: bool = False

    def point(self, x: float, y: float) -> Point:
        return self.x + (-x if self.flip else x) * self.width, self.base - y * self.height

    def box(self, left: float, bottom: float, right: float, top: float) -> Box:
        (first, low), (second, high) = self.point(left, bottom), self.point(right, top)
        return Box((min(first, second), high, max(first, second), low))

    def polygon(self, *corners: Point) -> Polygon:
        return Polygon(tuple(self.point(x, y) for x, y in corners))

    def ellipse(self, x: float, y: float, across: float, up: float, hole: float = 0.0) -> Ellipse:
        """Make an ellipse with radius ``across`` in widths and ``up`` in heights."""
        return Ellipse(self.point(x, y), (across * self.width, up * self.height), hole)

    def disc(self, x: float, y: float, radius: float, hole: float = 0.0) -> Ellipse:
        """Make a circle with its radius in heights."""
        return Ellipse(self.point(x, y), (radius * self.height, radius * self.height), hole)
