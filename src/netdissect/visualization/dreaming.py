"""Dreaming: a given image, changed until a network sees more and more in it.

After Mordvintsev, Olah, Tyka, "Inceptionism: going deeper into neural networks", 2015.
"""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from netdissect.inference.differentiate import Activations
from netdissect.numbers import whole_number
from netdissect.types import NetdissectError, OnProgress, no_progress
from netdissect.visualization.options import Dreaming
from netdissect.visualization.rules import redirected
from netdissect.visualization.units import check_units

#: The largest random shift of a window, as a share of its size.
_JITTER = 1 / 8

_DEFAULT = Dreaming()


def dream(
    activations: Activations,
    image: Float[Tensor, "3 H W"],
    unit: int | None = None,
    how: Dreaming = _DEFAULT,
    on_progress: OnProgress = no_progress,
) -> Float[Tensor, "3 H W"]:
    """Return the image, RGB in 0..1 of any size, changed so that it excites the unit; without a unit, the layer.

    The image is made small, changed, and enlarged again, octave by octave. The changes are enlarged with it, and detail
    that the smaller image lacked is added back. The network takes images of one size, so it sees windows of that size,
    side by side, on a plane where the octave is mirrored at its edges. A layer is excited as a whole by raising the sum
    of its squared activations.

    Raises ``NetdissectError`` for an unknown unit, for a network that cannot be differentiated, and if its gradient on
    the image is zero everywhere.
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
        subject = "" if unit is None else f"unit {unit} of "
        raise NetdissectError(f"{subject}layer {activations.name} has no gradient on this image other than zero")
    return dreamt[0]


def _gradient(
    activations: Activations, image: Float[Tensor, "1 3 H W"], unit: int | None, chance: np.random.Generator
) -> Float[Tensor, "1 3 H W"]:
    """Return the sum of the gradients of all windows."""
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
    """Yield windows side by side along one axis: the index, in an image of ``extent``, of each pixel of a window.

    The first window begins at random, so that the edges of windows differ from step to step. A few pixels at an edge of
    the image may be in no window.
    """
    count = -(-extent // size)
    jitter = round(size * _JITTER)
    begin = int(chance.integers(extent - count * size - jitter, jitter, endpoint=True))
    for window in range(count):
        indices = torch.arange(begin + window * size, begin + (window + 1) * size) % (2 * extent)
        yield torch.minimum(indices, 2 * extent - 1 - indices)


def _resized(image: Tensor, height: int, width: int) -> Tensor:
    return functional.interpolate(image, (height, width), mode="bilinear", antialias=True)
