"""Paint buildings.

Every function here, and in the other modules of things, paints one thing of ``height`` with its middle at ``x`` and its
foot at ``base``, all in fractions of the image.

>>> canvas = Canvas(32, 32)
>>> house(canvas, Dice(seed=0, index=0), x=0.5, base=0.9, height=0.6)
>>> bool(canvas.maps().any())
True
"""

from netdissect.scenes.canvas import Canvas, falling, rounded, upright
from netdissect.scenes.colors import any_color, mix
from netdissect.scenes.dice import Dice
from netdissect.scenes.shapes import Box, Frame, Overlap
from netdissect.scenes.surfaces import Surface, brick, glass, metal, plain, stone, textured, wood

ROOFS = ("red", "brown", "grey", "black", "orange", "blue", "purple", "green")


def masonry(dice: Dice) -> Surface:
    """Choose the surface of walls."""
    boards = any_color(dice, ("brown", "white", "grey", "red", "yellow", "green", "blue"))
    return dice.pick((brick(dice), brick(dice), stone(dice), wood(dice, boards), plain(any_color(dice))))


def window(canvas: Canvas, dice: Dice, pane: Box, frame: Surface, thing: str) -> None:
    """Paint a window with its frame and a glazing bar."""
    left, top, right, bottom = pane.bounds
    rim = 0.13 * min(right - left, bottom - top)
    middle = (left + right) / 2
    canvas.paint(pane, frame, thing, "window")
    canvas.paint(Box((left + rim, top + rim, right - rim, bottom - rim)), glass(dice), thing, "window", falling)
    canvas.paint(Box((middle - rim / 2, top + rim, middle + rim / 2, bottom - rim)), frame, thing, "window")


def house(canvas: Canvas, dice: Dice, x: float, base: float, height: float) -> None:
    """Paint a house with a gable or a flat roof, a door and two or four windows."""
    frame = Frame(x, base, height * dice.between(0.8, 1.05), height, flip=dice.chance(0.5))
    eaves = dice.between(0.58, 0.68)
    roof = wood(dice) if dice.chance(0.3) else plain(any_color(dice, ROOFS))
    if dice.chance(0.5):
        roof = textured(dice, roof, ("scaly", "scaly", "crosshatched", "banded"))
    if dice.chance(0.6):
        canvas.paint(frame.box(0.18, eaves, 0.34, 1.0), brick(dice), "house", "chimney", upright)
    canvas.paint(frame.box(-0.42, 0.0, 0.42, eaves), masonry(dice), "house", shading=falling)
    if dice.chance(0.75):
        ridge = dice.pick((0.0, 0.0, 0.22))
        corners = ((-0.5, eaves - 0.03), (0.5, eaves - 0.03), (ridge, 0.97), (-ridge, 0.97))
        canvas.paint(frame.polygon(*corners), roof, "house", "roof", falling)
    else:
        canvas.paint(frame.box(-0.46, eaves - 0.02, 0.46, eaves + 0.14), roof, "house", "roof")

    rim = plain(any_color(dice, ("white", "white", "brown", "black", "green")))
    door = wood(dice, any_color(dice)) if dice.chance(0.6) else plain(any_color(dice))
    middle = dice.pick((-0.24, 0.0))
    canvas.paint(frame.box(middle - 0.1, 0.0, middle + 0.1, 0.33), door, "house", "door", falling)
    for side in (-0.27, 0.02, 0.27):
        if abs(side - middle) > 0.2:
            window(canvas, dice, frame.box(side - 0.1, 0.12, side + 0.1, 0.31), rim, "house")
        if eaves > 0.61 and side != 0.02:
            window(canvas, dice, frame.box(side - 0.1, 0.39, side + 0.1, 0.54), rim, "house")


def lighthouse(canvas: Canvas, dice: Dice, x: float, base: float, height: float) -> None:
    """Paint a tapering tower with bands, a glass lantern and a domed roof."""
    frame = Frame(x, base, height * 0.36, height)
    tower = frame.polygon((-0.42, 0.0), (0.42, 0.0), (0.26, 0.74), (-0.26, 0.74))
    paint = plain(any_color(dice, ("white", "white", "red", "yellow", "black", "blue")))
    surface = dice.pick((textured(dice, paint, ("banded",)), brick(dice), stone(dice), paint))
    canvas.paint(tower, surface, "lighthouse", shading=upright)
    canvas.paint(frame.box(-0.34, 0.72, 0.34, 0.76), metal(dice, any_color(dice, ("grey", "black"))), "lighthouse")
    canvas.paint(
        frame.box(-0.2, 0.76, 0.2, 0.89),
        glass(dice, mix(dice, dice.pick(("yellow", "white", "blue")))),
        "lighthouse",
        "window",
        upright,
    )
    dome = Overlap(frame.ellipse(0.0, 0.885, 0.32, 0.115), frame.box(-0.5, 0.885, 0.5, 1.1))
    canvas.paint(dome, metal(dice, any_color(dice, ROOFS)), "lighthouse", "roof", rounded)
    canvas.paint(frame.box(-0.14, 0.0, 0.14, 0.15), wood(dice, any_color(dice)), "lighthouse", "door")
    rim = plain(mix(dice, "white"))
    for up in (0.28, 0.52):
        window(canvas, dice, frame.box(-0.12, up, 0.12, up + 0.11), rim, "lighthouse")
