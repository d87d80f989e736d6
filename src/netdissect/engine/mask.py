"""Masks: where a unit's activation map, upsampled to the label maps' resolution, exceeds its threshold.

Interpolation is separable and linear. Between neighbours ``a`` and ``b`` it is ``a + weight * (b - a)``, first along
the width, then along the height, each operation rounded to float32. Written so, no interpolated value exceeds the
larger neighbour (``weight`` is at most ``_LARGEST_WEIGHT``; activations are below half of float32's largest number, so
that differences do not overflow), a constant map stays constant to the last bit, and the result does not depend on the
device, the batch or the number of threads.

How a map lies on the label map is its alignment: where its receptive fields lie (``receptive``, as in the paper), or
stretched over the whole (``stretch``).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional

from netdissect.engine.field import Field
from netdissect.engine.flags import places_of
from netdissect.types import NetdissectError


@dataclass(frozen=True)
class Sampling:
    """How each of ``m`` output positions of an axis lies between two neighbours of the input."""

    lower: Int64[Tensor, " m"]
    upper: Int64[Tensor, " m"]
    weight: Float[Tensor, " m"]  # that of the upper neighbour, in [0, 1)


#: Pixels of masks worked on at a time, so that they stay in the cache.
_CHUNK = 2**18

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


def upsample(
    maps: Float[Tensor, "m h w"], shape: tuple[int, int], align: Alignment = STRETCH
) -> Float[Tensor, "m sh sw"]:
    """Bilinear interpolation of ``maps`` at the label pixels."""
    rows = align.rows(maps.shape[1], shape[0], maps.device)
    columns = align.columns(maps.shape[2], shape[1], maps.device)
    wide = _interpolate(maps, columns, 2, columns.weight)
    return _interpolate(wide, rows, 1, rows.weight[:, None])


def unit_masks(
    maps: Float[Tensor, "m h w"],
    thresholds: Float[Tensor, " m"],
    shape: tuple[int, int],
    align: Alignment = STRETCH,
) -> Bool[Tensor, "m sh sw"]:
    """Where each upsampled map is greater than its threshold."""
    return upsample(maps, shape, align) > thresholds[:, None, None]


@dataclass(frozen=True)
class LitPixels:
    """Pixels of masks that are lit: ``cell`` numbers the cells of maps they lie in, the others tell of each cell.

    ``row`` is which of the given rows of maps bounds the cell from above, ``first`` its first pixel, and ``pixel`` how
    much later each lit pixel comes, both in the order of the label map's pixels.
    """

    row: Int64[Tensor, " cells"]
    first: Int64[Tensor, " cells"]
    cell: Int64[Tensor, " v"]
    pixel: Int64[Tensor, " v"]


def lit_pixels(
    places: Int64[Tensor, " m"],
    values: Float[Tensor, "m w"],
    levels: Float[Tensor, " m"],
    height: int,
    shape: tuple[int, int],
    align: Alignment = STRETCH,
) -> Iterator[LitPixels]:
    """The lit pixels of masks, from rows of maps: bit for bit those of ``unit_masks``; some cells at a time.

    ``places`` are ``map * height + row``, ascending, ``levels`` the units' thresholds. Of the values that exceed their
    threshold and the eight around each none may be missing. The pixels between four neighbours of a map, a cell, are
    dark unless one of the four exceeds the threshold. After the thresholds' own definition most cells are dark, and
    left out.
    """
    down = _segments(align.rows, height, shape[0], values.device)
    across = _segments(align.columns, values.shape[1], shape[1], values.device)
    above, below, row_segment = _row_pairs(places, height)
    over = values > levels[:, None]
    over = over.index_select(0, above) | over.index_select(0, below)
    # A segment lies between the values before and after it; before the first and after the last there is none.
    beside = functional.pad(over, (0, 1)) | functional.pad(over, (1, 0))
    pair, segment = places_of(beside)
    flat, width = values.view(-1), values.shape[1]
    later = torch.arange(down.most, device=values.device)[:, None] * shape[1]
    later = (later + torch.arange(across.most, device=values.device)).view(-1)
    for some in torch.arange(len(pair), device=pair.device).split(max(1, _CHUNK // (down.most * across.most))):
        pairs, segments = pair[some], segment[some]
        upper_row, lower_row = above.index_select(0, pairs), below.index_select(0, pairs)
        left, right = across.lower.index_select(0, segments), across.upper.index_select(0, segments)
        weight = across.weight.index_select(1, segments)
        top, bottom = (
            _between(flat.index_select(0, row * width + left), flat.index_select(0, row * width + right), weight)
            for row in (upper_row, lower_row)
        )
        row_segments = row_segment.index_select(0, pairs)
        weight = down.weight.index_select(1, row_segments)
        inside = bottom.sub_(top) * weight[:, None]
        lit = inside.add_(top) > levels.index_select(0, upper_row)
        position, cell = places_of(lit.view(len(later), len(some)))
        first = down.first.index_select(0, row_segments) * shape[1] + across.first.index_select(0, segments)
        yield LitPixels(upper_row, first, cell, later.index_select(0, position))


@dataclass(frozen=True)
class _Segments:
    """The stretches of an axis before the first value of a map, between neighbours, and after the last.

    ``lower`` and ``upper`` are the values a segment lies between, ``first`` its first output position, ``weight`` that
    of the upper value at each of its positions; NaN where it has fewer than the ``most`` a segment has.
    """

    lower: Int64[Tensor, " s"]
    upper: Int64[Tensor, " s"]
    first: Int64[Tensor, " s"]
    weight: Float[Tensor, "most s"]

    @property
    def most(self) -> int:
        return len(self.weight)


@lru_cache(maxsize=1024)
def _segments(align: AxisAlignment, length: int, out: int, device: torch.device) -> _Segments:
    sampling = align(length, out, device)
    before = (sampling.lower == 0) & (sampling.weight == 0)
    segment = torch.where(before, 0, sampling.lower + 1)
    positions = torch.bincount(segment, minlength=length + 1)
    first = positions.cumsum(0) - positions
    weight = torch.full((int(positions.max()), length + 1), torch.nan, dtype=torch.float32, device=device)
    weight[torch.arange(out, device=device) - first[segment], segment] = sampling.weight
    number = torch.arange(length + 1, device=device)
    return _Segments((number - 1).clamp(min=0), number.clamp(max=length - 1), first, weight)


def _row_pairs(places: Int64[Tensor, " m"], height: int) -> tuple[Tensor, Tensor, Tensor]:
    """The pairs of rows that bound a segment from above and below, by their numbers, and the segment's own."""
    number = torch.arange(len(places), device=places.device)
    row = places % height
    followed = torch.zeros(len(places), dtype=torch.bool, device=places.device)
    followed[:-1] = (places[1:] == places[:-1] + 1) & (row[1:] != 0)
    # A row without a next one has itself for a neighbour: the last row of a map, or one that is dark.
    uppermost = number[row == 0]
    above, below = torch.cat([number, uppermost]), torch.cat([number + followed, uppermost])
    return above, below, torch.cat([row + 1, torch.zeros_like(uppermost)])


def _between(lower: Tensor, upper: Tensor, weight: Tensor) -> Tensor:
    return upper.sub_(lower) * weight + lower


def _interpolate(maps: Tensor, sampling: Sampling, dim: int, weight: Tensor) -> Tensor:
    lower = maps.index_select(dim, sampling.lower)
    upper = maps.index_select(dim, sampling.upper)
    return upper.sub_(lower).mul_(weight).add_(lower)
