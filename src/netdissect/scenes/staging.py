"""Lay the ground of a scene, and set things on it."""

from collections.abc import Callable, Sequence

from netdissect.scenes.canvas import Canvas
from netdissect.scenes.dice import Dice
from netdissect.scenes.shapes import Box
from netdissect.scenes.surfaces import Surface

#: Paints a thing: canvas, dice, x, base and height.
Draw = Callable[[Canvas, Dice, float, float, float], None]

#: A thing that may stand in a scene, and its height near the viewer, as a fraction of the image.
Candidate = tuple[Draw, float]


def strip(canvas: Canvas, top: float, bottom: float, surface: Surface, thing: str) -> None:
    """Paint a level strip over the whole width."""
    canvas.paint(Box((-0.1, top, 1.1, bottom)), surface, thing)


def stand(
    canvas: Canvas,
    dice: Dice,
    candidates: Sequence[Candidate],
    count: int,
    ground: tuple[float, float],
    depth: float = 0.45,
) -> None:
    """Paint things on the ground, which has a far and a near edge in heights of the image; far things come first.

    A thing at the far edge is smaller than at the near edge by the factor ``depth``.
    """
    far, near = ground
    for base in sorted(dice.between(far, near) for _ in range(count)):
        draw, height = dice.pick(candidates)
        scale = depth + (1.0 - depth) * (base - far) / (near - far)
        draw(canvas, dice, dice.between(0.0, 1.0), base, height * scale * dice.between(0.85, 1.15))
