"""Paint the scenes in a room: the background, and the things in it."""

from netdissect.scenes.canvas import Canvas, falling
from netdissect.scenes.colors import any_color, contrasting
from netdissect.scenes.dice import Dice
from netdissect.scenes.furniture import (
    bed,
    chair,
    cupboard,
    hanging_lamp,
    lamp,
    picture,
    room_window,
    rug,
    table,
)
from netdissect.scenes.nature import ball, person
from netdissect.scenes.shapes import Box
from netdissect.scenes.staging import stand, strip
from netdissect.scenes.surfaces import brick, plain, stone, textured, wood

#: Colors of walls, stains of floorboards and patterns of tiles.
LIGHT = ("white", "yellow", "pink", "blue", "green", "grey", "orange")
BOARDS = ("brown", "brown", "grey", "orange")
TILES = ("chequered", "chequered", "grid", "marbled", "crosshatched")


def _room(canvas: Canvas, dice: Dice, edge: float) -> None:
    """Paint a wall and a floor that meet at ``edge``, with a skirting board."""
    wall = plain(any_color(dice, LIGHT))
    paper = textured(dice, wall, accent=contrasting(dice, wall.color, LIGHT))
    tiles = textured(dice, plain(any_color(dice)), TILES)
    covering = dice.pick((wall, wall, paper, paper, brick(dice), wood(dice, any_color(dice, ("white", *BOARDS)))))
    canvas.paint(Box((-0.1, -0.1, 1.1, edge + 0.1)), covering, "wall", shading=falling)
    boards, paving = wood(dice, any_color(dice, BOARDS)), stone(dice)
    # One pattern is enough: the floor is plain if the wall is not.
    plain_floors = (boards, boards, paving, plain(any_color(dice)))
    floor = dice.pick(plain_floors if covering is paper else (*plain_floors, tiles, tiles, tiles, tiles))
    strip(canvas, edge, 1.1, floor, "floor")
    strip(canvas, edge - 0.03, edge, plain(any_color(dice, ("white", "brown", "grey"))), "wall")


def _wall_positions(dice: Dice) -> list[float]:
    """Return the positions of three things along the wall, in any order."""
    positions = [0.17, 0.5, 0.83]
    first = positions.pop(dice.count(0, 2))
    if dice.chance(0.5):
        positions.reverse()
    return [position + dice.between(-0.06, 0.06) for position in (first, *positions)]


def kitchen(canvas: Canvas, dice: Dice) -> None:
    """Paint a room with cupboards, tables and hanging lamps."""
    edge = dice.between(0.6, 0.72)
    _room(canvas, dice, edge)
    first, second, third = _wall_positions(dice)
    if dice.chance(0.75):
        room_window(canvas, dice, first, dice.between(0.42, 0.5), dice.between(0.28, 0.36))
    if dice.chance(0.75):
        height, base = dice.between(0.2, 0.28), dice.between(0.3, 0.36)
        for side in (-0.14, 0.14):
            cupboard(canvas, dice, second + side, base, height)
    if dice.chance(0.75):
        cupboard(canvas, dice, third, edge + 0.03, dice.between(0.4, 0.64))
    else:
        picture(canvas, dice, third, dice.between(0.36, 0.44), dice.between(0.2, 0.28))
    if dice.chance(0.5):
        hanging_lamp(canvas, dice, dice.between(0.2, 0.8), dice.between(0.18, 0.3), dice.between(0.12, 0.17))
    things = ((table, 0.38), (chair, 0.46), (chair, 0.46), (person, 0.6), (rug, 0.12), (ball, 0.16))
    stand(canvas, dice, things, dice.count(0, 2), (edge + 0.1, 0.99), 0.85)
    table(canvas, dice, dice.between(0.25, 0.75), dice.between(0.92, 1.02), dice.between(0.32, 0.4))


def bedroom(canvas: Canvas, dice: Dice) -> None:
    """Paint a room with a bed."""
    edge = dice.between(0.6, 0.72)
    _room(canvas, dice, edge)
    first, second, third = _wall_positions(dice)
    if dice.chance(0.7):
        room_window(canvas, dice, first, dice.between(0.42, 0.48), dice.between(0.28, 0.36))
    if dice.chance(0.75):
        picture(canvas, dice, second, dice.between(0.3, 0.42), dice.between(0.2, 0.28))
    if dice.chance(0.4):
        cupboard(canvas, dice, third, edge + 0.03, dice.between(0.44, 0.64))
    if dice.chance(0.65):
        lamp(canvas, dice, dice.between(0.05, 0.95), edge + 0.06, dice.between(0.46, 0.58))
    bed(canvas, dice, dice.between(0.3, 0.7), dice.between(edge + 0.14, 0.95), dice.between(0.4, 0.5))
    things = ((rug, 0.12), (rug, 0.12), (chair, 0.42), (person, 0.6), (ball, 0.18), (table, 0.3))
    stand(canvas, dice, things, dice.count(0, 2), (0.95, 1.02), 0.9)
