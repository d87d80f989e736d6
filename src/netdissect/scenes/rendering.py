"""Paint a whole scene, which follows from a seed, an index and a size alone."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32, UInt8

from netdissect.scenes.canvas import Canvas
from netdissect.scenes.dice import Dice
from netdissect.scenes.painters import PAINTERS

#: A number that changes whenever the images or labels of a seed, index and size change.
VERSION = 1

#: The smallest height and width at which things can be recognized.
SMALLEST = 32


@dataclass(frozen=True)
class Rendering:
    """A finished scene: its name, its image (H, W, 3) and its label maps (5, H, W)."""

    scene: str
    pixels: UInt8[np.ndarray, "H W 3"]
    maps: Int32[np.ndarray, "l H W"]


def render(seed: int, index: int, size: tuple[int, int]) -> Rendering:
    """Paint the scene of an index with ``size`` (H, W) pixels. Another size gives the same scene, squashed.

    >>> rendering = render(seed=0, index=3, size=(32, 48))
    >>> rendering.scene, rendering.pixels.shape, rendering.maps.shape
    ('valley', (32, 48, 3), (5, 32, 48))
    """
    dice = Dice(seed, index)
    scene = _pick(dice)
    canvas = Canvas(*size)
    PAINTERS[scene](canvas, dice)
    canvas.light(dice)
    return Rendering(scene, canvas.pixels(), canvas.maps())


def scene_name(seed: int, index: int) -> str:
    """Return the name of a scene without painting it.

    >>> scene_name(seed=0, index=3)
    'valley'
    """
    return _pick(Dice(seed, index))


def _pick(dice: Dice) -> str:
    """Make the first draw of the dice, which chooses the scene."""
    return dice.pick(tuple(PAINTERS))
