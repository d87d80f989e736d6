"""Paint the scenes under the sky: the background, and the things in it."""

from netdissect.scenes.buildings import house, lighthouse
from netdissect.scenes.canvas import Canvas, falling, rising
from netdissect.scenes.colors import Color, any_color, mix
from netdissect.scenes.dice import Dice
from netdissect.scenes.furniture import chair, fence, lamp, rug, table, umbrella
from netdissect.scenes.nature import ball, bush, cactus, cloud, cow, mountains, palm, person, rock, sun, tree
from netdissect.scenes.shapes import Box, Polygon, Ridge
from netdissect.scenes.staging import stand, strip
from netdissect.scenes.surfaces import Surface, brick, plain, rippled, stone, streaked, wood
from netdissect.scenes.vehicles import balloon, boat, bus, car

SKIES = (
    ("blue", (104.0, 170.0, 238.0)),
    ("blue", (104.0, 170.0, 238.0)),
    ("blue", (70.0, 136.0, 222.0)),
    ("grey", (164.0, 168.0, 174.0)),
    ("orange", (244.0, 166.0, 90.0)),
    ("pink", (244.0, 172.0, 186.0)),
)
MEADOWS = (("green", (84.0, 158.0, 72.0)), ("green", (112.0, 176.0, 74.0)), ("green", (70.0, 136.0, 66.0)))
SANDS = (("yellow", (236.0, 208.0, 128.0)), ("orange", (232.0, 164.0, 92.0)), ("yellow", (240.0, 214.0, 110.0)))
SEAS = (
    ("blue", (44.0, 108.0, 190.0)),
    ("blue", (36.0, 130.0, 196.0)),
    ("green", (52.0, 146.0, 124.0)),
    ("grey", (112.0, 124.0, 134.0)),
)


def _sky(canvas: Canvas, dice: Dice, horizon: float) -> None:
    """Paint the sky, with the sun, clouds and balloons."""
    canvas.paint(Box((-0.1, -0.1, 1.1, 1.1)), plain(mix(dice, *dice.pick(SKIES))), "sky", shading=rising)
    if dice.chance(0.45):
        sun(canvas, dice, dice.between(0.08, 0.92), dice.between(0.15, horizon), dice.between(0.11, 0.17))
    for _ in range(dice.count(0, 3)):
        cloud(canvas, dice, dice.between(0.0, 1.0), dice.between(0.1, 0.75 * horizon), dice.between(0.08, 0.15))
    if dice.chance(0.25):
        height = dice.between(0.24, 0.4)
        balloon(canvas, dice, dice.between(0.1, 0.9), dice.between(0.6 * height, horizon), height)


def _rolling(dice: Dice, height: float, swing: float, bottom: float) -> Ridge:
    """Make ground with an upper edge that goes up and down."""
    return Ridge(tuple((-0.1 + 0.15 * step, height + dice.between(-swing, swing)) for step in range(9)), bottom)


def _grass(dice: Dice) -> Surface:
    return streaked(dice, mix(dice, *dice.pick(MEADOWS)), slant=40.0)


def _sand(dice: Dice) -> Surface:
    return streaked(dice, mix(dice, *dice.pick(SANDS)), strength=0.1, slant=25.0)


def _sea(dice: Dice) -> Surface:
    return rippled(dice, mix(dice, *dice.pick(SEAS)))


def _asphalt(dice: Dice) -> Surface:
    return plain(any_color(dice, ("grey", "grey", "black")))


def _road(canvas: Canvas, dice: Dice, top: float, bottom: float) -> None:
    """Paint a road from left to right with a broken line."""
    strip(canvas, top, bottom, _asphalt(dice), "road")
    line = plain(mix(dice, dice.pick(("white", "white", "yellow"))))
    middle, start = (top + bottom) / 2, dice.between(-0.2, 0.0)
    for dash in range(5):
        left = start + 0.28 * dash
        canvas.paint(Box((left, middle - 0.012, left + 0.15, middle + 0.012)), line, "road")


def _winding_road(canvas: Canvas, dice: Dice, top: float, color: Color) -> None:
    """Paint a road that leads away from the viewer to the horizon."""
    end, start = dice.between(0.3, 0.7), dice.between(0.2, 0.8)
    corners = ((end - 0.02, top), (end + 0.02, top), (start + 0.24, 1.02), (start - 0.24, 1.02))
    canvas.paint(Polygon(corners), plain(color), "road")


def street(canvas: Canvas, dice: Dice) -> None:
    """Paint houses in a row, a pavement and a road with traffic."""
    ground = dice.between(0.56, 0.66)
    road = ground + dice.between(0.1, 0.15)
    _sky(canvas, dice, ground - 0.1)
    strip(canvas, ground - 0.02, 1.1, _grass(dice), "grass")
    x = dice.between(-0.05, 0.2)
    while x < 1.1:
        height = dice.between(0.38, 0.56)
        dice.pick((house, house, house, tree))(canvas, dice, x, ground + 0.02, height)
        x += height * dice.between(0.8, 1.1)
    paving = dice.pick((stone(dice), plain(mix(dice, "grey")), brick(dice)))
    strip(canvas, ground, road, paving, "pavement")
    passers = ((person, 0.34), (person, 0.34), (lamp, 0.44), (tree, 0.44), (bush, 0.2), (fence, 0.15), (ball, 0.12))
    stand(canvas, dice, passers, dice.count(1, 3), (ground + 0.03, road), 0.85)
    _road(canvas, dice, road, 1.1)
    traffic = ((car, 0.24), (car, 0.24), (bus, 0.38), (bus, 0.38), (person, 0.42))
    stand(canvas, dice, traffic, dice.count(1, 3), (road + 0.06, 1.0), 0.8)


def beach(canvas: Canvas, dice: Dice) -> None:
    """Paint the sea behind the sand."""
    horizon, shore = dice.between(0.3, 0.45), dice.between(0.55, 0.68)
    _sky(canvas, dice, horizon)
    if dice.chance(0.2):
        mountains(canvas, dice, horizon, dice.between(0.1, 0.25))
    strip(canvas, horizon, 1.1, _sea(dice), "sea")
    stand(canvas, dice, ((boat, 0.36),), dice.count(0, 2), (horizon + 0.03, shore - 0.04), 0.6)
    canvas.paint(_rolling(dice, shore - 0.015, 0.01, 1.1), plain(mix(dice, "white")), "sea")
    canvas.paint(_rolling(dice, shore, 0.01, 1.1), _sand(dice), "sand")
    typical = ((umbrella, 0.46), (umbrella, 0.46), (person, 0.44), (ball, 0.18), (chair, 0.36))
    others = ((palm, 0.66), (rug, 0.11), (rock, 0.14), (table, 0.22), (boat, 0.36))
    stand(canvas, dice, (*typical, *others), dice.count(2, 5), (shore + 0.06, 1.0), 0.65)


def field(canvas: Canvas, dice: Dice) -> None:
    """Paint open grass, with animals, trees and fences."""
    horizon = dice.between(0.4, 0.55)
    _sky(canvas, dice, horizon)
    if dice.chance(0.6):
        canvas.paint(_rolling(dice, horizon - 0.07, 0.05, 1.1), _grass(dice), "grass", shading=falling)
    canvas.paint(_rolling(dice, horizon, 0.015, 1.1), _grass(dice), "grass")
    if dice.chance(0.25):
        _winding_road(canvas, dice, horizon, any_color(dice, ("brown", "grey", "yellow")))
    typical = ((cow, 0.28), (cow, 0.28), (tree, 0.56), (tree, 0.56), (bush, 0.22), (fence, 0.2))
    others = ((person, 0.42), (house, 0.6), (rock, 0.14), (ball, 0.15), (umbrella, 0.42))
    stand(canvas, dice, (*typical, *others), dice.count(3, 6), (horizon + 0.05, 0.98), 0.5)


def valley(canvas: Canvas, dice: Dice) -> None:
    """Paint mountains over a grassy valley."""
    horizon = dice.between(0.55, 0.66)
    _sky(canvas, dice, horizon - 0.2)
    for height in (0.52, 0.34):
        mountains(canvas, dice, horizon + 0.02, height)
    canvas.paint(_rolling(dice, horizon, 0.02, 1.1), _grass(dice), "grass")
    if dice.chance(0.4):
        _winding_road(canvas, dice, horizon, any_color(dice, ("brown", "grey", "black")))
    elif dice.chance(0.4):
        strip(canvas, horizon + 0.05, horizon + dice.between(0.14, 0.22), _sea(dice), "sea")
    things = (
        (tree, 0.5),
        (tree, 0.5),
        (house, 0.46),
        (rock, 0.16),
        (cow, 0.24),
        (person, 0.4),
        (bush, 0.2),
        (fence, 0.16),
    )
    stand(canvas, dice, things, dice.count(2, 5), (horizon + 0.04, 0.98), 0.55)


def desert(canvas: Canvas, dice: Dice) -> None:
    """Paint dunes with cactuses and rocks."""
    horizon = dice.between(0.42, 0.56)
    _sky(canvas, dice, horizon)
    if dice.chance(0.5):
        mountains(canvas, dice, horizon + 0.02, dice.between(0.15, 0.32))
    canvas.paint(_rolling(dice, horizon, 0.03, 1.1), _sand(dice), "sand")
    canvas.paint(_rolling(dice, horizon + 0.15, 0.05, 1.1), _sand(dice), "sand")
    if dice.chance(0.35):
        top = dice.between(0.68, 0.75)
        _road(canvas, dice, top, top + dice.between(0.14, 0.18))
    things = (
        (cactus, 0.5),
        (cactus, 0.5),
        (rock, 0.2),
        (car, 0.2),
        (person, 0.4),
        (palm, 0.6),
        (bush, 0.16),
        (fence, 0.15),
    )
    stand(canvas, dice, things, dice.count(2, 5), (horizon + 0.08, 0.98), 0.5)


def harbour(canvas: Canvas, dice: Dice) -> None:
    """Paint boats and a quay."""
    horizon, quay = dice.between(0.38, 0.5), dice.between(0.8, 0.9)
    _sky(canvas, dice, horizon)
    if dice.chance(0.3):
        mountains(canvas, dice, horizon, dice.between(0.1, 0.25))
    strip(canvas, horizon, 1.1, _sea(dice), "sea")
    if dice.chance(0.65):
        side = dice.pick((0.12, 0.88))
        canvas.paint(Box((side - 0.24, horizon - 0.03, side + 0.24, horizon + 0.05)), stone(dice), "rock")
        lighthouse(canvas, dice, side, horizon - 0.02, dice.between(0.42, 0.62))
    else:
        for x in (0.1, 0.45, 0.8):
            house(canvas, dice, x + dice.between(-0.1, 0.1), horizon + 0.02, dice.between(0.22, 0.32))
    stand(canvas, dice, ((boat, 0.5),), dice.count(2, 4), (horizon + 0.1, quay - 0.02), 0.6)
    strip(canvas, quay, 1.1, dice.pick((stone(dice), wood(dice), brick(dice))), "pavement")
    things = ((person, 0.42), (person, 0.42), (lamp, 0.44), (table, 0.22), (chair, 0.34), (ball, 0.14), (fence, 0.16))
    stand(canvas, dice, things, dice.count(1, 3), (quay + 0.04, 1.0), 0.9)
