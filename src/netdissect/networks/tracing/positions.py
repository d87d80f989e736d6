"""Where in the image each element of a tensor looks, and how that changes along a network's operations.

The receptive field of an element is an interval of image pixels along each axis of the image. One axis at a time: an
``AxisField`` holds the intervals of all elements of a tensor. The functions here say what becomes of it where elements
are combined, in the words of what they do to positions: windows that slide, maps that are resampled, sums over
dimensions, paths that join.

A field's numbers have the shape of its tensor, but take little memory: a dimension along which they do not change has
stride 0.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor


@dataclass(frozen=True)
class AxisField:
    """Along one axis of the image, in pixels whose centres count from 0: where each element of a tensor looks.

    ``centre`` is NaN where an element has no place: it is a constant, or of the whole image. ``size`` is 0 for what
    sees nothing of the image, infinite where no field is defined. ``step`` is the distance between neighbours of
    a map: it is asked for only where a map has one position, and so no neighbours to measure.
    """

    centre: Float64[Tensor, "..."]
    size: Float64[Tensor, "..."]
    step: float = 1.0

    @property
    def shape(self) -> torch.Size:
        return self.centre.shape

    def rearranged(self, rearrange: Callable[[Tensor], Tensor]) -> "AxisField":
        """The field after ``move`` has put elements elsewhere, and changed none."""
        return AxisField(rearrange(self.centre), rearrange(self.size), self.step).squeezed()

    def squeezed(self) -> "AxisField":
        """The same in as little memory as it takes."""
        return AxisField(_squeezed(self.centre), _squeezed(self.size), self.step)

    def expanded(self, shape: Sequence[int]) -> "AxisField":
        """The field of a tensor that is repeated to ``shape``; as of ``Tensor.expand``."""
        return AxisField(self.centre.expand(*shape), self.size.expand(*shape), self.step)

    def undefined(self) -> "AxisField":
        """The same places, with no field defined."""
        return AxisField(self.centre, torch.full_like(_compact(self.size), torch.inf).expand(self.shape), self.step)


def image_field(shape: Sequence[int], dim: int) -> AxisField:
    """That of an image whose axis is dimension ``dim``: each pixel sees itself."""
    along = [1] * len(shape)
    along[dim] = shape[dim]
    pixels = torch.arange(shape[dim], dtype=torch.float64, device="cpu").view(along)
    return AxisField(pixels.expand(*shape), torch.ones((), dtype=torch.float64, device="cpu").expand(*shape))


def constant_field(shape: Sequence[int]) -> AxisField:
    """That of a tensor which sees nothing of the image: weights, say."""
    nowhere = torch.tensor(torch.nan, dtype=torch.float64, device="cpu")
    return AxisField(nowhere.expand(*shape), torch.zeros_like(nowhere).expand(*shape))


def varies(field: AxisField, dim: int) -> bool:
    """Whether elements along dimension ``dim`` have different places."""
    centre = _compact(field.centre)
    if centre.shape[dim] == 1:
        return False
    missing = centre.isnan()
    low = torch.where(missing, torch.inf, centre).amin(dim)
    return bool((torch.where(missing, -torch.inf, centre).amax(dim) > low).any())


def join(fields: Sequence[AxisField], shape: Sequence[int]) -> AxisField:
    """Where paths join, element by element, the path with the largest field wins; of ties, all count together.

    What is of no place and repeated over all places, as a gate of a squeeze-and-excitation block is, scales or shifts
    them alike and moves none: it has no say. Where no field is defined along one of the paths, none is defined.
    """
    first, *others = (_repeated(field, shape) for field in fields)
    centre, size, rank = first.centre, first.size, _rank(first)
    for other in others:
        theirs = _rank(other)
        # Apart, and as large: together they see what lies between.
        apart = torch.where((theirs == rank) & (rank > 0), (other.centre - centre).abs(), 0.0)
        middle = torch.where(apart > 0, (centre + other.centre) / 2, centre)
        centre = torch.where(theirs > rank, other.centre, middle)
        size = torch.maximum(size, other.size) + apart
        rank = torch.maximum(rank, theirs) + apart
    return AxisField(centre.expand(*shape), size.expand(*shape), max(field.step for field in fields))


def summed(field: AxisField, dims: Sequence[int], *, keepdim: bool = True) -> AxisField:
    """What a sum over ``dims`` sees: of the elements summed, those with the largest fields, together.

    Where these lie at different places and the sums at the same, a global pooling say, no field is defined.
    """
    dims = [dim % len(field.shape) for dim in dims]
    if not dims:
        return field
    centre, size = _compact(field.centre), _compact(field.size)
    place = centre.isnan().logical_not()
    largest = size.amax(dims, keepdim=True)
    chosen = place & (size == largest)
    chosen = torch.where(chosen.any(tuple(dims), keepdim=True), chosen, place)
    low = torch.where(chosen, centre, torch.inf).amin(dims, keepdim=True)
    high = torch.where(chosen, centre, -torch.inf).amax(dims, keepdim=True)
    spread = (high - low).clamp(min=0)
    centre = torch.where(high >= low, (low + high) / 2, torch.nan)
    size = largest + spread
    if bool(spread.any()) and not _differ(centre):
        centre, size = torch.full_like(centre, torch.nan), torch.full_like(size, torch.inf)
    shape = [1 if dim in dims else length for dim, length in enumerate(field.shape)]
    result = AxisField(centre.expand(*shape), size.expand(*shape), field.step)
    return result if keepdim else result.rearranged(lambda numbers: numbers.squeeze(dims))


def windowed(field: AxisField, dim: int, first: Sequence[int], last: Sequence[int], *, is_axis: bool) -> AxisField:
    """What windows see that slide along ``dim``: each from position ``first`` to ``last`` of the map, both included.

    Windows may reach beyond the map, into its padding, which lies where the map would go on. ``is_axis`` says that
    ``dim`` is the axis of the field, for maps of one position, which do not show it.
    """
    centre, size = _along(field.centre, dim), _along(field.size, dim)
    step = field.step if is_axis else 0.0
    begin, end = (
        AxisField(_value_at(centre, dim, position, step), _nearest(size, dim, position)) for position in (first, last)
    )
    low = torch.minimum(begin.centre - begin.size / 2, end.centre - end.size / 2)
    high = torch.maximum(begin.centre + begin.size / 2, end.centre + end.size / 2)
    within = torch.isfinite(begin.size) & torch.isfinite(end.size)
    centre = torch.where(within, (low + high) / 2, (begin.centre + end.centre) / 2)
    size = torch.where(within, high - low, torch.inf)
    size = torch.where(centre.isnan(), torch.maximum(begin.size, end.size), size)
    shape = list(field.shape)
    shape[dim] = len(first)
    return AxisField(centre, size, field.step).expanded(shape).squeezed()


def resampled(
    field: AxisField, dim: int, positions: Sequence[float | int], *, reach: float | int, is_axis: bool
) -> AxisField:
    """What interpolated values see, that lie at ``positions`` of the map, fractions, along ``dim``.

    Each draws on values up to ``reach`` map positions apart: 1 where two neighbours are mixed, 0 where one is copied.
    A copy, too, is taken to lie where it lies, not where its original does: its neighbours then lie evenly.
    """
    centre, size = _along(field.centre, dim), _along(field.size, dim)
    step = field.step if is_axis else 0.0
    places = _value_at(centre, dim, positions, step)
    local = (_value_at(centre, dim, [position + 1 for position in positions], step) - places).abs().nan_to_num()
    shape = list(field.shape)
    shape[dim] = len(positions)
    finer = field.step * field.shape[dim] / len(positions) if is_axis else field.step
    sizes = _nearest(size, dim, [round(position) for position in positions]) + reach * local
    if field.shape[dim] == 1 < len(positions):
        sizes = torch.where(places.isnan(), 0.0, sizes)  # repeated over all places, as in a join
    return AxisField(places, sizes, finer).expanded(shape).squeezed()


def with_step(field: AxisField, factor: float | int) -> AxisField:
    """The same with its step multiplied."""
    return AxisField(field.centre, field.size, field.step * factor)


def _rank(field: AxisField) -> Tensor:
    """What decides where paths join: the size of a field; those that are not defined come after, constants last."""
    rank = torch.where(field.size.isinf(), 0.0, field.size + 1)
    return torch.where(field.centre.isnan(), -1.0, rank)


def _repeated(field: AxisField, shape: Sequence[int]) -> AxisField:
    """Compact, with as many dimensions as ``shape``; what has no place and is repeated loses its say."""
    ahead = (1,) * (len(shape) - len(field.shape))
    centre, size = (_compact(numbers).view(ahead + _compact(numbers).shape) for numbers in (field.centre, field.size))
    own = ahead + tuple(field.shape)
    if any(length == 1 < target for length, target in zip(own, shape, strict=True)):
        size = torch.where(centre.isnan(), 0.0, size)
    return AxisField(centre, size, field.step)


def _differ(centre: Tensor) -> bool:
    placed = centre[centre.isnan().logical_not()]
    return placed.numel() > 0 and bool((placed != placed[0]).any())


def _compact(numbers: Tensor) -> Tensor:
    """One of each run of numbers that are repeated by a stride of 0."""
    for dim in range(numbers.ndim):
        if numbers.stride(dim) == 0 and numbers.shape[dim] > 1:
            numbers = numbers.narrow(dim, 0, 1)
    return numbers


def _squeezed(numbers: Tensor) -> Tensor:
    """The same numbers, with a stride of 0 wherever they do not change along a dimension."""
    shape, numbers = numbers.shape, _compact(numbers)
    if numbers.numel() == 1:
        return numbers.expand(shape)
    compared = numbers.nan_to_num(nan=-torch.inf, posinf=torch.inf)  # NaN does not even equal itself
    for dim, length in enumerate(numbers.shape):
        if length == 1:
            continue
        first = compared.narrow(dim, 0, 1)
        # Most that change do so at once.
        if bool((first == compared.narrow(dim, -1, 1)).all()) and bool((first == compared).all()):
            compared, numbers = first, numbers.narrow(dim, 0, 1)
    return numbers.contiguous().expand(shape)


def _along(numbers: Tensor, dim: int) -> Tensor:
    """Compact but for dimension ``dim``."""
    shape = list(_compact(numbers).shape)
    shape[dim] = numbers.shape[dim]
    return _compact(numbers).expand(*shape)


def _value_at(centre: Tensor, dim: int, positions: Sequence[float | int], step: float) -> Tensor:
    """Centres at positions along ``dim``, also between them; beyond the ends as the last two go on."""
    index = torch.tensor(positions, dtype=torch.float64, device="cpu")
    along = [1] * centre.ndim
    along[dim] = len(index)
    length = centre.shape[dim]
    if length == 1:
        return centre + step * index.view(along)
    lower = index.floor().clamp(0, length - 2).long()
    begin, end = centre.index_select(dim, lower), centre.index_select(dim, lower + 1)
    weight = (index - lower).view(along)
    # Where the weight is 0 or 1, the value is that of one alone, also if the other's is missing.
    between = torch.where(weight == 0, begin, begin + weight * (end - begin))
    return torch.where(weight == 1, end, between)


def _nearest(size: Tensor, dim: int, positions: Sequence[int]) -> Tensor:
    index = torch.tensor(positions, dtype=torch.int64, device="cpu").clamp(0, size.shape[dim] - 1)
    return size.index_select(dim, index)
