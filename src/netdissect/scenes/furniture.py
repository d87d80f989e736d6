"""Paint furniture and small things; see ``buildings`` for the arguments."""

from netdissect.scenes.canvas import Canvas, falling, rounded, upright
from netdissect.scenes.colors import any_color, mix
from netdissect.scenes.dice import Dice
from netdissect.scenes.nature import clothes
from netdissect.scenes.shapes import Box, Ellipse, Frame, Overlap, Polygon, Union
from netdissect.scenes.surfaces import Surface, fabric, glass, metal, plain, stone, textured, wood

WOODS = ("brown", "brown", "brown", "white", "black", "red", "green", "yellow")


def joinery(dice: Dice) -> Surface:
    """Choose the surface of furniture."""
    stained = wood(dice, any_color(dice, WOODS))
    return dice.pick((stained, stained, metal(dice, any_color(dice)), plain(any_color(dice))))


def table(canvas: Canvas, dice: Dice, x: float, base: float, height: float) -> None:
    """Paint a table, often with cups and bottles on it."""
    frame = Frame(x, base, height * dice.between(1.5, 2.0), height)
    surface = joinery(dice)
    canvas.shadow(frame.ellipse(0.0, 0.0, 0.5, 0.08))
    for side in (-0.4, 0.4):
        canvas.paint(frame.box(side - 0.045, 0.0, side + 0.045, 0.9), surface, "table", "leg", upright)
    top = stone(dice) if dice.chance(0.2) else surface
    canvas.paint(frame.box(-0.5, 0.8, 0.5, 1.0), top, "table", "tabletop")
    if dice.chance(0.3):
        cloth = textured(dice, fabric(dice, any_color(dice)))
        canvas.paint(frame.box(-0.3, 0.55, 0.3, 1.0), cloth, "table", "tabletop")
    for side in (-0.3, 0.0, 0.3):
        if dice.chance(0.6):
            draw, size = dice.pick(((cup, 0.42), (cup, 0.42), (bottle, 0.85)))
            draw(canvas, dice, x + side * frame.width, base - 0.98 * height, size * height)


def chair(canvas: Canvas, dice: Dice, x: float, base: float, height: float) -> None:
    """Paint a chair from the side, with a cushioned or a bare seat."""
    frame = Frame(x, base, height * 0.58, height, flip=dice.chance(0.5))
    surface = joinery(dice)
    cushion = clothes(dice) if dice.chance(0.6) else surface
    canvas.shadow(frame.ellipse(0.0, 0.0, 0.5, 0.05))
    for left in (-0.44, 0.32):
        canvas.paint(frame.box(left, 0.0, left + 0.15, 0.44), surface, "chair", "leg", upright)
    canvas.paint(frame.polygon((-0.5, 0.5), (-0.24, 0.5), (-0.3, 1.0), (-0.56, 1.0)), cushion, "chair", "backrest")
    canvas.paint(frame.box(-0.5, 0.38, 0.5, 0.54), cushion, "chair", "seat", falling)


def bed(canvas: Canvas, dice: Dice, x: float, base: float, height: float) -> None:
    """Paint a bed from the side: a headboard, a pillow and a blanket."""
    frame = Frame(x, base, height * dice.between(1.5, 1.8), height, flip=dice.chance(0.5))
    surface = joinery(dice)
    canvas.shadow(frame.ellipse(0.0, 0.0, 0.52, 0.08))
    canvas.paint(frame.box(-0.5, 0.0, -0.42, 1.0), surface, "bed", "headboard", upright)
    for left in (-0.42, 0.4):
        canvas.paint(frame.box(left, 0.0, left + 0.08, 0.24), surface, "bed", "leg", upright)
    canvas.paint(frame.box(-0.43, 0.18, 0.49, 0.5), fabric(dice, mix(dice, "white")), "bed")
    blanket = fabric(dice, any_color(dice))
    cover = textured(dice, blanket) if dice.chance(0.75) else blanket
    canvas.paint(Union((frame.box(-0.14, 0.16, 0.5, 0.56), frame.ellipse(0.18, 0.54, 0.32, 0.08))), cover, "bed")
    pillow = Union((frame.ellipse(-0.28, 0.58, 0.14, 0.12), frame.box(-0.38, 0.5, -0.18, 0.66)))
    canvas.paint(pillow, clothes(dice), "bed", "pillow", rounded)


def cupboard(canvas: Canvas, dice: Dice, x: float, base: float, height: float) -> None:
    """Paint a cupboard with two doors."""
    frame = Frame(x, base, height * dice.between(0.7, 1.1), height)
    color = any_color(dice, (*WOODS, "blue", "grey"))
    surface = wood(dice, color) if dice.chance(0.7) else plain(color)
    canvas.paint(frame.box(-0.5, 0.0, 0.5, 1.0), surface, "cupboard", shading=falling)
    knob = metal(dice, any_color(dice, ("grey", "black", "yellow")))
    for left, right, inner in ((-0.44, -0.03, -0.1), (0.03, 0.44, 0.1)):
        canvas.shadow(frame.box(left - 0.025, 0.06, right + 0.025, 0.94), 0.35)
        canvas.paint(frame.box(left, 0.08, right, 0.92), surface, "cupboard", "door")
        canvas.paint(frame.disc(inner, 0.5, 0.045), knob, "cupboard", "door")


def lamp(canvas: Canvas, dice: Dice, x: float, base: float, height: float) -> None:
    """Paint a standing lamp."""
    frame = Frame(x, base, height * 0.42, height)
    pole = metal(dice, any_color(dice, ("black", "grey", "yellow"))) if dice.chance(0.6) else wood(dice)
    canvas.paint(frame.box(-0.06, 0.0, 0.06, 0.75), pole, "lamp", "pole", upright)
    canvas.paint(frame.box(-0.28, 0.0, 0.28, 0.04), pole, "lamp", "pole")
    canvas.paint(frame.polygon((-0.5, 0.66), (0.5, 0.66), (0.28, 1.0), (-0.28, 1.0)), _shade(dice), "lamp", "shade")


def hanging_lamp(canvas: Canvas, dice: Dice, x: float, base: float, height: float) -> None:
    """Paint a lamp that hangs from the top of the image; ``base`` is its lower rim, ``height`` its shade's."""
    frame = Frame(x, base, height * 1.5, height)
    cord = plain(mix(dice, "black"))
    canvas.paint(Box((x - 0.008, -0.1, x + 0.008, base - 0.9 * height)), cord, "lamp", "pole")
    canvas.paint(frame.polygon((-0.5, 0.0), (0.5, 0.0), (0.2, 1.0), (-0.2, 1.0)), _shade(dice), "lamp", "shade")


def _shade(dice: Dice) -> Surface:
    cloth = fabric(dice, any_color(dice, ("yellow", "white", "yellow", "orange", "pink", "red", "green", "blue")))
    return textured(dice, cloth) if dice.chance(0.35) else cloth


def umbrella(canvas: Canvas, dice: Dice, x: float, base: float, height: float) -> None:
    """Paint a parasol."""
    frame = Frame(x, base, height * 1.1, height)
    color = any_color(dice, ("grey", "white", "brown"))
    canvas.shadow(frame.ellipse(0.1, 0.0, 0.4, 0.06))
    pole = wood(dice) if color.name == "brown" else metal(dice, color)
    canvas.paint(frame.box(-0.028, 0.0, 0.028, 0.8), pole, "umbrella", "pole", upright)
    cloth = fabric(dice, any_color(dice))
    canopy = Overlap(frame.ellipse(0.0, 0.6, 0.5, 0.4), frame.box(-0.5, 0.6, 0.5, 1.0))
    surface = textured(dice, cloth) if dice.chance(0.7) else cloth
    canvas.paint(canopy, surface, "umbrella", "canopy", rounded)


def fence(canvas: Canvas, dice: Dice, x: float, base: float, height: float) -> None:
    """Paint a wooden fence: two rails and pointed posts."""
    surface = wood(dice, any_color(dice, ("brown", "white", "brown", "white", "red", "blue")))
    posts = dice.count(5, 8)
    width = 0.62 * height
    first = x - (posts - 1) / 2 * width
    for up in (0.25, 0.6):
        rail = Box((first, base - (up + 0.14) * height, first + (posts - 1) * width, base - up * height))
        canvas.paint(rail, surface, "fence")
    for post in range(posts):
        frame = Frame(first + post * width, base, width, height)
        corners = ((-0.2, 0.0), (0.2, 0.0), (0.2, 0.84), (0.0, 1.0), (-0.2, 0.84))
        canvas.paint(frame.polygon(*corners), surface, "fence")


def cup(canvas: Canvas, dice: Dice, x: float, base: float, height: float) -> None:
    """Paint a cup with its handle."""
    frame = Frame(x, base, height * 0.9, height, flip=dice.chance(0.5))
    paint = plain(any_color(dice))
    canvas.paint(frame.disc(0.4, 0.5, 0.36, hole=0.48), paint, "cup", "handle")
    surface = textured(dice, paint) if dice.chance(0.4) else paint
    canvas.paint(frame.polygon((-0.42, 0.0), (0.34, 0.0), (0.4, 1.0), (-0.48, 1.0)), surface, "cup", shading=upright)


def bottle(canvas: Canvas, dice: Dice, x: float, base: float, height: float) -> None:
    """Paint a glass bottle with a label."""
    frame = Frame(x, base, height * 0.4, height)
    surface = glass(dice, any_color(dice, ("green", "green", "brown", "blue", "white", "red", "purple")))
    body = Union((frame.box(-0.46, 0.0, 0.46, 0.5), frame.ellipse(0.0, 0.5, 0.46, 0.18)))
    canvas.paint(frame.box(-0.2, 0.6, 0.2, 1.0), surface, "bottle", "neck", upright)
    canvas.paint(body, surface, "bottle", shading=upright)
    canvas.paint(frame.box(-0.46, 0.14, 0.46, 0.4), plain(any_color(dice)), "bottle", shading=upright)


def picture(canvas: Canvas, dice: Dice, x: float, base: float, height: float) -> None:
    """Paint a framed picture: a pattern, or a sun over hills."""
    frame = Frame(x, base, height * dice.between(0.8, 1.4), height)
    canvas.paint(frame.box(-0.5, 0.0, 0.5, 1.0), joinery(dice), "picture", "frame")
    inner = frame.box(-0.37, 0.13, 0.37, 0.87)
    paper = plain(any_color(dice))
    if dice.chance(0.6):
        canvas.paint(inner, textured(dice, paper), "picture")
        return
    canvas.paint(inner, paper, "picture", shading=falling)
    canvas.paint(frame.disc(dice.between(-0.15, 0.15), 0.62, 0.14), plain(any_color(dice)), "picture")
    hills = plain(any_color(dice))
    canvas.paint(Overlap(frame.ellipse(-0.2, 0.13, 0.4, 0.32), inner), hills, "picture")
    canvas.paint(Overlap(frame.ellipse(0.3, 0.13, 0.4, 0.24), inner), plain(any_color(dice)), "picture")


def rug(canvas: Canvas, dice: Dice, x: float, base: float, height: float) -> None:
    """Paint a round or a square rug on the floor."""
    frame = Frame(x, base, height * dice.between(2.6, 3.6), height)
    shape: Ellipse | Polygon = frame.polygon((-0.5, 0.0), (0.5, 0.0), (0.4, 1.0), (-0.4, 1.0))
    if dice.chance(0.5):
        shape = frame.ellipse(0.0, 0.5, 0.5, 0.5)
    cloth = fabric(dice, any_color(dice))
    canvas.paint(shape, textured(dice, cloth) if dice.chance(0.8) else cloth, "rug")


def room_window(canvas: Canvas, dice: Dice, x: float, base: float, height: float) -> None:
    """Paint a window in the wall of a room, sometimes with curtains."""
    frame = Frame(x, base, height * dice.between(0.8, 1.2), height)
    sky = any_color(dice, ("blue", "blue", "grey", "orange", "black"))
    rim = plain(any_color(dice, ("white", "white", "brown")))
    canvas.paint(frame.box(-0.5, 0.0, 0.5, 1.0), rim, "wall", "window")
    canvas.paint(frame.box(-0.43, 0.07, 0.43, 0.93), glass(dice, sky), "wall", "window", falling)
    canvas.paint(frame.box(-0.03, 0.05, 0.03, 0.95), rim, "wall", "window")
    canvas.paint(frame.box(-0.45, 0.48, 0.45, 0.53), rim, "wall", "window")
    if dice.chance(0.65):
        cloth = clothes(dice)
        canvas.paint(frame.box(-0.66, -0.12, -0.28, 1.05), cloth, "curtain")
        canvas.paint(frame.box(0.28, -0.12, 0.66, 1.05), cloth, "curtain")
