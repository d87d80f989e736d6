"""A given image in which a network sees more and more of what it looks for.

After Mordvintsev, Olah, Tyka, "Inceptionism: going deeper into neural networks", 2015.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from netdissect.inference.differentiate import Activations
from netdissect.numbers import number_above, whole_number
from netdissect.types import NetdissectError, OnProgress, no_progress
from netdissect.visualization.rules import redirected
from netdissect.visualization.units import check_units

#: The first octave is no smaller than such a part of the image.
_SMALLEST = 1000

#: A window is moved at random by up to this share of its size.
_JITTER = 1 / 8


@dataclass(frozen=True)
class Dreaming:
    """How an image is changed: in so many ``octaves``, each ``scale`` times as large as the one before.

    In each ``steps`` times, by a mean of ``rate`` (white is 1). Raises ``NetdissectError`` for what makes no sense.
    """

    octaves: int = 4
    scale: float | int = 1.4
    steps: int = 10
    rate: float | int = 0.006
    seed: int = 0

    def __post_init__(self) -> None:
        plain = {
            "octaves": whole_number(self.octaves, "number of octaves"),
            "steps": whole_number(self.steps, "number of steps"),
            "seed": whole_number(self.seed, "seed", least=0),
            "scale": number_above(self.scale, "scale of octaves", 1),
            "rate": number_above(self.rate, "rate of dreaming", 0),
        }
        for name, value in plain.items():
            object.__setattr__(self, name, value)
        if (self.octaves - 1) * math.log(self.scale) > math.log(_SMALLEST):
            raise NetdissectError(
                f"{self.octaves} octaves, each {self.scale:g} times as large as the one before: the first would be "
                f"less than a {_SMALLEST:,}th of the image"
            )


_DEFAULT = Dreaming()


def dream(
    activations: Activations,
    image: Float[Tensor, "3 H W"],
    unit: int | None = None,
    how: Dreaming = _DEFAULT,
    on_progress: OnProgress = no_progress,
) -> Float[Tensor, "3 H W"]:
    """The image, RGB in 0..1 of any size, changed so that it excites the unit, or without one the whole layer.

    It is made small, changed, and enlarged again, octave by octave: what was changed is enlarged with it, and what the
    smaller image lacked is added back. The network takes images of one size alone: it sees windows of that size, side
    by side, of a plane on which the octave is mirrored at its edges. A layer is excited as a whole by raising the sum
    of its squared activations.

    Raises ``NetdissectError`` for a unit that is not there, where the network cannot be differentiated, and if its
    gradient is zero wherever it is asked for.
    """
    if unit is not None:
        check_units(activations.view, [whole_number(unit, "number of a unit", least=0)])
    given = image.detach().to(activations.device)[None]
    chance = np.random.default_rng(how.seed)
    change, responds = torch.zeros_like(given), False
    for octave in range(how.octaves):
        smaller = how.scale ** (how.octaves - 1 - octave)
        height, width = (max(1, round(side / smaller)) for side in given.shape[2:])
        plain = _resized(given, height, width)
        dreamt = plain + _resized(change, height, width)
        for step in range(how.steps):
            on_progress("dream", octave * how.steps + step, how.octaves * how.steps)
            upward = _gradient(activations, dreamt, unit, chance)
            responds = responds or bool(upward.any())
            usual = upward.abs().mean().clamp(min=torch.finfo(upward.dtype).tiny)
            dreamt = (dreamt + how.rate * upward / usual).clamp(0, 1)
        change = dreamt - plain
    on_progress("dream", how.octaves * how.steps, how.octaves * how.steps)
    if not responds:
        of_unit = "" if unit is None else f"unit {unit} of "
        raise NetdissectError(f"{of_unit}layer {activations.name} has no gradient on this image other than zero")
    return dreamt[0]


def _gradient(
    activations: Activations, image: Float[Tensor, "1 3 H W"], unit: int | None, chance: np.random.Generator
) -> Float[Tensor, "1 3 H W"]:
    """The sum of those at all windows."""
    image = image.detach().requires_grad_()
    height, width = activations.preprocess.size
    all_rows = [rows.to(image.device) for rows in _windows(image.shape[2], height, chance)]
    all_columns = [columns.to(image.device) for columns in _windows(image.shape[3], width, chance)]
    total = torch.zeros_like(image)
    for rows in all_rows:
        for columns in all_columns:
            maps = activations(image[:, :, rows[:, None], columns], redirected())
            raised = maps.square().mean() if unit is None else maps[:, unit].mean()
            total += activations.gradient(raised, image)
    return total.nan_to_num(nan=0, posinf=0, neginf=0)


def _windows(extent: int, size: int, chance: np.random.Generator) -> Iterator[Int64[Tensor, " size"]]:
    """Along one axis: which pixel of an image of ``extent`` each pixel of a window shows, windows side by side.

    They begin at random, so that edges of windows lie elsewhere each time; a few pixels at an edge of the image may be
    in none.
    """
    count = -(-extent // size)
    jitter = round(size * _JITTER)
    begin = int(chance.integers(extent - count * size - jitter, jitter, endpoint=True))
    for window in range(count):
        places = torch.arange(begin + window * size, begin + (window + 1) * size) % (2 * extent)
        yield torch.minimum(places, 2 * extent - 1 - places)


def _resized(image: Tensor, height: int, width: int) -> Tensor:
    return functional.interpolate(image, (height, width), mode="bilinear", antialias=True)
