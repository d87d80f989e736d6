"""Alignments of activation maps with label maps.

A layer's maps are anchored at the centres of its receptive fields (``receptive``, as in the paper), or stretched over
the whole label map (``stretch``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from netdissect.engine.field import Field
from netdissect.types import NetdissectError


@dataclass(frozen=True, eq=False)
class Sampling:
    """The two neighbours in the input of each of ``m`` output positions of an axis.

    ``weight`` is the weight of the upper neighbour, in [0, 1).
    """

    lower: Int64[Tensor, " m"]
    upper: Int64[Tensor, " m"]
    weight: Float[Tensor, " m"]


#: The largest weight; a weight closer to 1 becomes this one. Below 1 - 2^-22, an interpolated value does not exceed its
#: neighbours, though it is rounded three times.
_LARGEST_WEIGHT = 1 - 2.0**-20

#: A function of input length, output length and device that returns the sampling of one axis.
AxisAlignment = Callable[[int, int, torch.device], Sampling]


@lru_cache(maxsize=1024)
def stretch(length: int, out: int, device: torch.device) -> Sampling:
    """Stretch the input over the output: output position ``j`` lies at ``(j + 0.5) * length / out - 0.5``, clamped.

    This is the usual ``align_corners=False``. Positions are fractions of whole numbers, rounded once, at the end.

    >>> sampling = stretch(2, 4, torch.device("cpu"))
    >>> sampling.lower, sampling.upper, sampling.weight
    (tensor([0, 0, 0, 1]), tensor([1, 1, 1, 1]), tensor([0.0000, 0.2500, 0.7500, 0.0000]))
    """
    numerator = ((2 * torch.arange(out, device="cpu") + 1) * length - out).clamp(min=0)
    lower = (numerator // (2 * out)).clamp(max=length - 1)
    weight = ((numerator - 2 * out * lower).double() / (2 * out)).float()
    upper = (lower + 1).clamp(max=length - 1)
    weight = torch.where(upper > lower, weight, torch.zeros_like(weight)).clamp(max=_LARGEST_WEIGHT)
    return Sampling(lower.to(device), upper.to(device), weight.to(device))


@dataclass(frozen=True)
class Anchored:
    """The alignment of values anchored at the ``centres`` of their fields, on an axis of ``pixels`` image pixels.

    Centres ascend. The image's position ``x`` lies at ``(x + 0.5) * out / pixels - 0.5`` on the label map. The first
    value goes on before the first centre, the last value after the last centre.

    >>> Anchored((1.0, 3.0), pixels=4)(2, 4, torch.device("cpu")).weight
    tensor([0.0000, 0.0000, 0.5000, 0.0000])
    """

    centres: tuple[float, ...]
    pixels: int

    def __call__(self, length: int, out: int, device: torch.device) -> Sampling:
        """Return the sampling. Raises ``ValueError`` unless there are ``length`` centres."""
        return _anchored(self, length, out, device)


@lru_cache(maxsize=1024)
def _anchored(axis: Anchored, length: int, out: int, device: torch.device) -> Sampling:
    """Return the sampling of ``length`` values at the centres of ``axis``."""
    if length != len(axis.centres):
        raise ValueError(f"{length} values for {len(axis.centres)} centres")
    # In fractions, rounded once, at the end.
    centres = [Fraction(centre) for centre in axis.centres]
    indices, weights, index = [], [], 0
    for position in range(out):
        x = Fraction((2 * position + 1) * axis.pixels, 2 * out) - Fraction(1, 2)
        while index < length - 1 and x >= centres[index + 1]:
            index += 1
        inside = index < length - 1 and x > centres[index]
        indices.append(index)
        weights.append(float((x - centres[index]) / (centres[index + 1] - centres[index])) if inside else 0.0)
    lower = torch.tensor(indices, device=device)
    weight = torch.tensor(weights, dtype=torch.float32, device=device).clamp(max=_LARGEST_WEIGHT)
    return Sampling(lower, (lower + 1).clamp(max=length - 1), weight)


@dataclass(frozen=True)
class Alignment:
    """The alignment of the rows and the columns of a map with those of a label map."""

    rows: AxisAlignment
    columns: AxisAlignment


STRETCH = Alignment(stretch, stretch)

#: The names of the alignments.
ALIGNMENTS = ("receptive", "stretch")


def check_alignment(align: str) -> None:
    """Raise ``NetdissectError`` if there is no alignment of this name."""
    if align not in ALIGNMENTS:
        raise NetdissectError(f"no alignment {align!r}: it is {' or '.join(ALIGNMENTS)}")


def alignment_of(align: str, field: Field | None, image: tuple[int, int]) -> Alignment:
    """Return the alignment of a layer, by name, on images of ``image`` (H, W) pixels.

    ``receptive`` follows the layer's ``field``; a layer without a field is stretched. Raises ``NetdissectError`` if
    there is no alignment of this name.

    >>> field = Field(rows=(3.0, 7.0), columns=(3.0, 7.0), size=(9.0, 9.0), step=(4.0, 4.0))
    >>> alignment_of("receptive", field, (10, 12)).columns
    Anchored(centres=(3.0, 7.0), pixels=12)
    >>> alignment_of("receptive", None, (10, 12)) == STRETCH
    True
    """
    check_alignment(align)
    if align == "stretch" or field is None:
        return STRETCH
    return Alignment(Anchored(field.rows, image[0]), Anchored(field.columns, image[1]))
