"""Paint plants, animals, people, rocks and things in the sky; see ``buildings`` for the arguments."""

from netdissect.scenes.canvas import Canvas, falling, rounded, upright
from netdissect.scenes.colors import Color, any_color, mix
from netdissect.scenes.dice import Dice
from netdissect.scenes.shapes import Box, Frame, Overlap, Shape, Union
from netdissect.scenes.surfaces import Surface, fabric, foliage, plain, slanted, stone, textured, wood

#: Skins, with the nearest color name.
SKINS = (("pink", (240.0, 176.0, 158.0)), ("brown", (150.0, 98.0, 64.0)), ("brown", (112.0, 72.0, 46.0)))
LEAVES = ("green", "green", "green", "green", "orange", "red", "yellow", "pink")


def tree(canvas: Canvas, dice: Dice, x: float, base: float, height: float) -> None:
    """Paint a tree with a round crown, or a conifer."""
    conifer = dice.chance(0.35)
    frame = Frame(x, base, height * (0.5 if conifer else 0.62), height, flip=dice.chance(0.5))
    canvas.shadow(frame.ellipse(0.05, 0.0, 0.45, 0.05))
    canvas.paint(frame.box(-0.09, 0.0, 0.09, 0.5), wood(dice), "tree", "trunk", upright)
    parts: tuple[Shape, ...]
    if conifer:
        tiers = ((0.2, 0.62, 0.5), (0.4, 0.82, 0.4), (0.6, 1.0, 0.3))
        parts = tuple(frame.polygon((-side, low), (side, low), (0.0, high)) for low, high, side in tiers)
    else:
        parts = (
            frame.ellipse(0.0, 0.74, 0.36, 0.26),
            frame.ellipse(-0.24, dice.between(0.54, 0.62), 0.26, 0.17),
            frame.ellipse(0.24, dice.between(0.54, 0.66), 0.26, 0.18),
        )
    leaves = mix(dice, "green" if conifer else dice.pick(LEAVES))
    canvas.paint(Union(parts), foliage(dice, leaves), "tree", "crown", rounded)


def bush(canvas: Canvas, dice: Dice, x: float, base: float, height: float) -> None:
    """Paint a bush: leaves down to the ground."""
    frame = Frame(x, base, height * 1.6, height, flip=dice.chance(0.5))
    canvas.shadow(frame.ellipse(0.0, 0.02, 0.48, 0.08))
    parts = (
        frame.ellipse(0.0, 0.55, 0.3, 0.45),
        frame.ellipse(-0.28, dice.between(0.3, 0.4), 0.22, 0.32),
        frame.ellipse(0.28, dice.between(0.3, 0.45), 0.22, 0.32),
        frame.box(-0.42, 0.0, 0.42, 0.2),
    )
    canvas.paint(Union(parts), foliage(dice, mix(dice, dice.pick(LEAVES))), "bush", shading=rounded)


def palm(canvas: Canvas, dice: Dice, x: float, base: float, height: float) -> None:
    """Paint a palm tree: a leaning trunk with fronds."""
    frame = Frame(x, base, height * 0.75, height, flip=dice.chance(0.5))
    canvas.shadow(frame.ellipse(0.0, 0.0, 0.4, 0.04))
    canvas.paint(frame.polygon((-0.12, 0.0), (0.04, 0.0), (0.08, 0.8), (-0.02, 0.8)), wood(dice), "tree", "trunk")
    fronds = (
        frame.polygon((0.03, 0.86), (-0.28, 0.98), (-0.5, 0.78), (-0.22, 0.84)),
        frame.polygon((0.03, 0.86), (0.3, 0.98), (0.5, 0.78), (0.26, 0.84)),
        frame.polygon((0.03, 0.86), (-0.24, 0.78), (-0.34, 0.52), (-0.1, 0.68)),
        frame.polygon((0.03, 0.86), (0.28, 0.78), (0.4, 0.54), (0.14, 0.68)),
        frame.ellipse(0.03, 0.84, 0.2, 0.12),
    )
    canvas.paint(Union(fronds), foliage(dice, mix(dice, "green")), "tree", "crown", falling)


def cactus(canvas: Canvas, dice: Dice, x: float, base: float, height: float) -> None:
    """Paint a cactus with two arms."""
    frame = Frame(x, base, height * 0.62, height, flip=dice.chance(0.5))
    canvas.shadow(frame.ellipse(0.05, 0.0, 0.4, 0.04))
    skin = plain(mix(dice, "green"))
    high, low = dice.between(0.7, 0.85), dice.between(0.5, 0.68)
    for side, top, elbow in ((-0.36, high, 0.42), (0.36, low, 0.28)):
        inner = 0.0 if side < 0 else side
        reach = frame.box(side if side < 0 else 0.0, elbow - 0.05, inner, elbow + 0.05)
        limb = (
            reach,
            frame.box(side - 0.09, elbow, side + 0.09, top - 0.05),
            frame.ellipse(side, top - 0.05, 0.09, 0.05),
        )
        canvas.paint(Union((*limb, frame.ellipse(side, elbow, 0.09, 0.055))), skin, "cactus", shading=upright)
    stem = Union((frame.box(-0.14, 0.0, 0.14, 0.92), frame.ellipse(0.0, 0.92, 0.14, 0.08)))
    canvas.paint(stem, skin, "cactus", shading=upright)
    for side in (-0.05, 0.06):
        canvas.shadow(frame.box(side - 0.015, 0.02, side + 0.02, 0.92), 0.25)


def rock(canvas: Canvas, dice: Dice, x: float, base: float, height: float) -> None:
    """Paint a boulder."""
    frame = Frame(x, base, height * dice.between(1.2, 1.7), height, flip=dice.chance(0.5))
    canvas.shadow(frame.ellipse(0.04, 0.0, 0.56, 0.1))
    corners = ((-0.5, 0.0), (-0.42, 0.5), (-0.16, 0.95), (0.14, 1.0), (0.4, 0.62), (0.5, 0.0))
    color = any_color(dice, ("grey", "grey", "brown", "white", "black", "orange"))
    canvas.paint(frame.polygon(*corners), stone(dice, color), "rock", shading=rounded)


def cow(canvas: Canvas, dice: Dice, x: float, base: float, height: float) -> None:
    """Paint a cow from the side, plain or with patches."""
    frame = Frame(x, base, height * 1.4, height, flip=dice.chance(0.5))
    coat = plain(any_color(dice, ("white", "white", "brown", "black", "orange")))
    patch = mix(dice, dice.pick(("black", "brown") if coat.color.name in ("white", "orange") else ("white",)))
    hide = textured(dice, coat, ("blotchy",), patch) if dice.chance(0.7) else coat
    canvas.shadow(frame.ellipse(0.0, 0.0, 0.48, 0.07))
    for left in (-0.38, -0.22, 0.08, 0.22):
        canvas.paint(frame.box(left, 0.0, left + 0.1, 0.45), coat, "cow", "leg", falling)
    body = Union((frame.box(-0.34, 0.36, 0.26, 0.86), frame.ellipse(-0.32, 0.61, 0.14, 0.25)))
    canvas.paint(Union((body, frame.ellipse(0.26, 0.61, 0.12, 0.25))), hide, "cow", shading=falling)
    canvas.paint(frame.box(-0.47, 0.3, -0.42, 0.75), coat, "cow")
    head = Union((frame.ellipse(0.4, 0.82, 0.11, 0.17), frame.box(0.3, 0.9, 0.5, 0.97)))
    canvas.paint(head, coat, "cow", "head", rounded)
    canvas.paint(frame.ellipse(0.44, 0.72, 0.08, 0.09), plain(mix(dice, "pink")), "cow", "head")
    canvas.paint(frame.disc(0.38, 0.86, 0.04), plain(mix(dice, "black")), "cow", "head")


def clothes(dice: Dice, color: Color | None = None) -> Surface:
    """Choose cloth in any color, sometimes with a texture."""
    cloth = fabric(dice, color or any_color(dice))
    return textured(dice, cloth) if dice.chance(0.4) else cloth


def person(canvas: Canvas, dice: Dice, x: float, base: float, height: float) -> None:
    """Paint a person in trousers or a skirt, seen from the front."""
    frame = Frame(x, base, height * 0.42, height, flip=dice.chance(0.5))
    skin = plain(mix(dice, *dice.pick(SKINS)))
    shirt, trousers = clothes(dice), fabric(dice, any_color(dice))
    canvas.shadow(frame.ellipse(0.0, 0.0, 0.42, 0.035), 0.3)
    for side in (-0.14, 0.14):
        canvas.paint(frame.box(side - 0.11, 0.0, side + 0.11, 0.46), trousers, "person", "leg", upright)
        canvas.paint(frame.box(side - 0.13, 0.0, side + 0.13, 0.045), plain(mix(dice, "black")), "person", "leg")
    raised = dice.chance(0.3)
    for side in (-1.0, 1.0):
        hand = (side * 0.5, 0.95) if raised and side > 0 else (side * 0.46, 0.4)
        inner, outer = (side * 0.2, 0.76), (side * 0.32, 0.72)
        limb = frame.polygon(inner, outer, (hand[0], hand[1]), (hand[0] - side * 0.16, hand[1]))
        canvas.paint(limb, shirt, "person", "arm")
        canvas.paint(frame.ellipse(hand[0] - side * 0.07, hand[1], 0.09, 0.038), skin, "person", "arm")
    trunk = frame.polygon((-0.26, 0.38), (0.26, 0.38), (0.3, 0.72), (0.2, 0.79), (-0.2, 0.79), (-0.3, 0.72))
    canvas.paint(trunk, shirt, "person", shading=upright)
    if dice.chance(0.35):
        skirt = frame.polygon((-0.24, 0.46), (0.24, 0.46), (0.38, 0.2), (-0.38, 0.2))
        canvas.paint(skirt, clothes(dice), "person", shading=falling)
    hair = plain(any_color(dice, ("black", "brown", "yellow", "orange", "grey", "white")))
    canvas.paint(frame.ellipse(0.0, 0.9, 0.235, 0.1), hair, "person", "head")
    face = Overlap(frame.ellipse(0.0, 0.88, 0.2, 0.09), frame.box(-0.3, 0.7, 0.3, 0.92))
    canvas.paint(face, skin, "person", "head")


def ball(canvas: Canvas, dice: Dice, x: float, base: float, height: float) -> None:
    """Paint a ball in any color, with or without a texture."""
    frame = Frame(x, base, height, height)
    paint = plain(any_color(dice))
    canvas.shadow(frame.ellipse(0.08, 0.02, 0.45, 0.1), 0.3)
    surface = textured(dice, paint) if dice.chance(0.6) else paint
    canvas.paint(frame.disc(0.0, 0.5, 0.5), surface, "ball", shading=rounded)


def sun(canvas: Canvas, dice: Dice, x: float, base: float, height: float) -> None:
    """Paint the sun."""
    color = any_color(dice, ("yellow", "yellow", "white", "orange", "red"))
    canvas.paint(Frame(x, base, height, height).disc(0.0, 0.5, 0.5), plain(color), "sun")


def cloud(canvas: Canvas, dice: Dice, x: float, base: float, height: float) -> None:
    """Paint a cloud with a flat base."""
    frame = Frame(x, base, height * dice.between(2.0, 2.8), height, flip=dice.chance(0.5))
    puffs = Union(
        (
            frame.ellipse(-0.28, 0.2, 0.22, 0.4),
            frame.ellipse(-0.06, 0.4, 0.26, 0.6),
            frame.ellipse(0.25, 0.22, 0.25, 0.46),
        )
    )
    left, top, right, _ = puffs.bounds
    color = any_color(dice, ("white", "white", "white", "grey", "pink"))
    canvas.paint(Overlap(puffs, Box((left, top, right, base))), plain(color), "cloud", shading=falling)


def mountains(canvas: Canvas, dice: Dice, horizon: float, height: float) -> None:
    """Paint a range of two to four mountains on the horizon, some with snow."""
    color = any_color(dice, ("grey", "blue", "brown", "purple", "green", "grey"))
    snow = dice.chance(0.5)
    count = dice.count(2, 4)
    for number in range(count):
        x = (number + dice.between(0.2, 0.8)) / count
        frame = Frame(x, horizon, dice.between(0.7, 1.1) * 2.0 / count, height * dice.between(0.6, 1.0))
        lean = dice.between(-0.1, 0.1)
        slope = slanted(dice, mix(dice, color.name))
        canvas.paint(frame.polygon((-0.5, -0.1), (0.5, -0.1), (lean, 1.0)), slope, "mountain", shading=falling)
        if snow:
            left, right = lean * 0.72 - 0.14 * 0.9, lean * 0.72 + 0.14 * 0.9
            cap = frame.polygon((left, 0.72), (lean * 0.6, 0.6), (right, 0.72), (lean, 1.0))
            canvas.paint(cap, plain(mix(dice, "white")), "mountain")
