"""Paint vehicles; see ``buildings`` for the arguments."""

from netdissect.scenes.buildings import window
from netdissect.scenes.canvas import Canvas, falling, rounded, upright
from netdissect.scenes.colors import ALL, any_color, mix
from netdissect.scenes.dice import Dice
from netdissect.scenes.shapes import Ellipse, Frame, Union
from netdissect.scenes.surfaces import Surface, fabric, glass, metal, plain, textured, wood


def wheel(canvas: Canvas, dice: Dice, rim: Ellipse, thing: str) -> None:
    """Paint a tyre with a metal hub."""
    across, down = rim.radius
    canvas.paint(rim, plain(mix(dice, "black")), thing, "wheel")
    hub = Ellipse(rim.center, (0.5 * across, 0.5 * down))
    canvas.paint(hub, metal(dice, mix(dice, dice.pick(("grey", "white")))), thing, "wheel")


def car(canvas: Canvas, dice: Dice, x: float, base: float, height: float) -> None:
    """Paint a car from the side."""
    frame = Frame(x, base, height * dice.between(1.9, 2.3), height, flip=dice.chance(0.5))
    paint = metal(dice, any_color(dice))
    canvas.shadow(frame.ellipse(0.0, 0.02, 0.5, 0.09), 0.35)
    back = dice.pick((-0.44, -0.3))
    body = frame.polygon((-0.49, 0.16), (-0.49, 0.48), (-0.45, 0.56), (0.3, 0.56), (0.48, 0.46), (0.5, 0.16))
    cabin = frame.polygon((back, 0.5), (back + 0.08, 1.0), (0.12, 1.0), (0.27, 0.5))
    canvas.paint(Union((body, cabin)), paint, "car", shading=falling)
    panes = glass(dice)
    canvas.paint(
        frame.polygon((back + 0.06, 0.56), (back + 0.12, 0.91), (-0.08, 0.91), (-0.08, 0.56)), panes, "car", "window"
    )
    canvas.paint(frame.polygon((-0.03, 0.56), (-0.03, 0.91), (0.1, 0.91), (0.2, 0.56)), panes, "car", "window")
    canvas.shadow(frame.box(-0.055, 0.16, 0.195, 0.55), 0.4)
    canvas.paint(frame.box(-0.035, 0.18, 0.175, 0.53), paint, "car", "door")
    canvas.paint(frame.box(-0.02, 0.42, 0.03, 0.46), plain(mix(dice, "black")), "car", "door")
    canvas.paint(frame.disc(0.45, 0.38, 0.07), plain(mix(dice, "yellow")), "car")
    for side in (-0.29, 0.3):
        wheel(canvas, dice, frame.disc(side, 0.19, 0.2), "car")


def bus(canvas: Canvas, dice: Dice, x: float, base: float, height: float) -> None:
    """Paint a bus from the side, often with a stripe or a pattern along it."""
    frame = Frame(x, base, height * dice.between(1.7, 2.0), height, flip=dice.chance(0.5))
    paint = metal(dice, any_color(dice))
    canvas.shadow(frame.ellipse(0.0, 0.02, 0.52, 0.06), 0.35)
    canvas.paint(frame.box(-0.5, 0.1, 0.5, 1.0), paint, "bus", shading=falling)
    strip = textured(dice, paint) if dice.chance(0.5) else plain(any_color(dice))
    canvas.paint(frame.box(-0.5, 0.2, 0.5, 0.44), strip, "bus")
    panes = glass(dice)
    for left in (-0.46, -0.26, -0.06, 0.14):
        canvas.paint(frame.box(left, 0.52, left + 0.16, 0.86), panes, "bus", "window", falling)
    canvas.paint(frame.box(0.33, 0.1, 0.49, 0.9), plain(any_color(dice, ("black", "grey", "white"))), "bus", "door")
    canvas.paint(frame.box(0.35, 0.16, 0.47, 0.85), panes, "bus", "door")
    for side in (-0.28, 0.2):
        wheel(canvas, dice, frame.disc(side, 0.13, 0.14), "bus")


def boat(canvas: Canvas, dice: Dice, x: float, base: float, height: float) -> None:
    """Paint a boat: with a mast and sails, or with a cabin."""
    sails = dice.chance(0.65)
    frame = Frame(x, base, height * (0.85 if sails else 1.5), height, flip=dice.chance(0.5))
    color = any_color(dice)
    surface = dice.pick((wood(dice, color), metal(dice, color), plain(color)))
    top = 0.26 if sails else 0.46
    canvas.shadow(frame.ellipse(0.0, -0.02, 0.42, 0.05), 0.25)
    if sails:
        _sails(canvas, dice, frame, top)
    else:
        canvas.paint(frame.box(-0.26, top, 0.16, 0.84), plain(any_color(dice)), "boat", shading=falling)
        canvas.paint(frame.box(-0.3, 0.82, 0.2, 0.92), plain(any_color(dice)), "boat")
        rim = plain(mix(dice, dice.pick(("white", "black"))))
        for left in (-0.23, -0.03):
            window(canvas, dice, frame.box(left, top + 0.06, left + 0.16, 0.8), rim, "boat")
    hull = frame.polygon((-0.36, 0.0), (0.32, 0.0), (0.5, top), (-0.5, top))
    canvas.paint(hull, surface, "boat", "hull", falling)
    canvas.paint(
        frame.polygon((-0.49, top - 0.05), (0.47, top - 0.05), (0.5, top), (-0.5, top)),
        plain(any_color(dice)),
        "boat",
        "hull",
    )


def _sails(canvas: Canvas, dice: Dice, frame: Frame, top: float) -> None:
    def sail() -> Surface:
        surface = fabric(dice, any_color(dice, ("white", "white", *ALL)))
        return textured(dice, surface) if dice.chance(0.5) else surface

    canvas.paint(frame.box(-0.05, top, 0.01, 1.0), wood(dice), "boat", "mast")
    canvas.paint(frame.polygon((0.03, top + 0.06), (0.03, 0.98), (0.44, top + 0.06)), sail(), "boat", "sail", falling)
    canvas.paint(frame.polygon((-0.07, top + 0.06), (-0.07, 0.86), (-0.4, top + 0.06)), sail(), "boat", "sail", falling)


def balloon(canvas: Canvas, dice: Dice, x: float, base: float, height: float) -> None:
    """Paint a hot-air balloon with its basket."""
    frame = Frame(x, base, height * 0.72, height)
    ropes = plain(mix(dice, "brown"))
    for side in (-1.0, 1.0):
        rope = ((side * 0.09, 0.1), (side * 0.13, 0.1), (side * 0.3, 0.42), (side * 0.26, 0.42))
        canvas.paint(frame.polygon(*rope), ropes, "balloon")
    cloth = fabric(dice, any_color(dice))
    if dice.chance(0.75):
        cloth = textured(dice, cloth)
    skirt = frame.polygon((-0.16, 0.24), (0.16, 0.24), (0.46, 0.52), (-0.46, 0.52))
    canvas.paint(Union((frame.ellipse(0.0, 0.65, 0.5, 0.35), skirt)), cloth, "balloon", shading=rounded)
    canvas.paint(frame.box(-0.18, 0.0, 0.18, 0.19), wood(dice), "balloon", "basket", upright)
