"""How activation maps lie on label maps.

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


@dataclass(frozen=True)
class Sampling:
    """How each of ``m`` output positions of an axis lies between two neighbours of the input."""

    lower: Int64[Tensor, " m"]
    upper: Int64[Tensor, " m"]
    weight: Float[Tensor, " m"]  # that of the upper neighbour, in [0, 1)


#: A weight closer to 1 is made this: with three roundings, values between neighbours stay between them below 1 - 2^-22.
_LARGEST_WEIGHT = 1 - 2.0**-20

#: Input length, output length and device to the sampling of one axis.
AxisAlignment = Callable[[int, int, torch.device], Sampling]


@lru_cache(maxsize=1024)
def stretch(length: int, out: int, device: torch.device) -> Sampling:
    """Input stretched over the output: output position ``j`` lies at ``(j + 0.5) * length / out - 0.5``, clamped.

    The usual ``align_corners=False``. Positions are fractions of whole numbers, rounded once, at the end.
    """
    numerator = ((2 * torch.arange(out, device="cpu") + 1) * length - out).clamp(min=0)
    lower = (numerator // (2 * out)).clamp(max=length - 1)
    weight = ((numerator - 2 * out * lower).double() / (2 * out)).float()
    upper = (lower + 1).clamp(max=length - 1)
    weight = torch.where(upper > lower, weight, torch.zeros_like(weight)).clamp(max=_LARGEST_WEIGHT)
    return Sampling(lower.to(device), upper.to(device), weight.to(device))


@dataclass(frozen=True)
class Anchored:
    """Inputs anchored at the ``centres`` of their receptive fields, ascending, on an axis of ``pixels`` image pixels.

    The image's position ``x`` lies at ``(x + 0.5) * out / pixels - 0.5`` on the label map. Before the first centre and
    after the last, the values there go on.
    """

    centres: tuple[float, ...]
    pixels: int

    def __call__(self, length: int, out: int, device: torch.device) -> Sampling:
        """Raises ``ValueError`` unless ``length`` is that of the centres."""
        return _anchored(self, length, out, device)


@lru_cache(maxsize=1024)
def _anchored(axis: Anchored, length: int, out: int, device: torch.device) -> Sampling:
    if length != len(axis.centres):
        raise ValueError(f"{length} values for {len(axis.centres)} centres")
    # In fractions, rounded once, at the end.
    centres = [Fraction(centre) for centre in axis.centres]
    lower, weight, place = [], [], 0
    for position in range(out):
        x = Fraction((2 * position + 1) * axis.pixels, 2 * out) - Fraction(1, 2)
        while place < length - 1 and x >= centres[place + 1]:
            place += 1
        inside = place < length - 1 and x > centres[place]
        lower.append(place)
        weight.append(float((x - centres[place]) / (centres[place + 1] - centres[place])) if inside else 0.0)
    lower_of = torch.tensor(lower, device=device)
    weights = torch.tensor(weight, dtype=torch.float32, device=device).clamp(max=_LARGEST_WEIGHT)
    return Sampling(lower_of, (lower_of + 1).clamp(max=length - 1), weights)


@dataclass(frozen=True)
class Alignment:
    """How the rows and the columns of a map lie on those of a label map."""

    rows: AxisAlignment
    columns: AxisAlignment


STRETCH = Alignment(stretch, stretch)

#: The alignments by name.
ALIGNMENTS = ("receptive", "stretch")


def check_alignment(align: str) -> None:
    """Raises ``NetdissectError`` if there is no alignment of that name."""
    if align not in ALIGNMENTS:
        raise NetdissectError(f"no alignment {align!r}: it is {' or '.join(ALIGNMENTS)}")


def alignment_of(align: str, field: Field | None, image: tuple[int, int]) -> Alignment:
    """That of a layer: ``receptive`` follows its ``field`` on images of ``image`` (H, W) pixels, where it has one.

    Raises ``NetdissectError`` if ``align`` is no alignment.
    """
    check_alignment(align)
    if align == "stretch" or field is None:
        return STRETCH
    return Alignment(Anchored(field.rows, image[0]), Anchored(field.columns, image[1]))
