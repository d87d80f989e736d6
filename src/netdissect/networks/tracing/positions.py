"""Receptive fields of a tensor's elements, and how operations change them.

The receptive field of an element is an interval of image pixels along each axis of the image. An ``AxisField`` holds
the intervals of all elements of a tensor along one axis. The functions here compute the field after elements were
combined: by windows that slide, by resampling, by sums over dimensions, by paths that join.

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
    """The intervals of a tensor's elements along one axis of the image, in pixels; the first pixel's centre is 0.

    ``centre`` is NaN where an element has no position: it is a constant, or depends on the whole image. ``size`` is 0
    for an element that does not depend on the image, infinite where no field is defined. ``step`` is the distance
    between neighbours of a map. It is used only for a map of one position, which has no neighbours to measure.
    """

    centre: Float64[Tensor, "..."]
    size: Float64[Tensor, "..."]
    step: float = 1.0

    @property
    def shape(self) -> torch.Size:
        """The shape of the tensor."""
        return self.centre.shape

    def rearranged(self, rearrange: Callable[[Tensor], Tensor]) -> "AxisField":
        """Return the field after ``rearrange``, which moves elements and changes none.

        >>> image_field((1, 1, 3, 4), dim=2).rearranged(lambda numbers: numbers.flip(2)).centre[0, 0, :, 0]
        tensor([2., 1., 0.], dtype=torch.float64)
        """
        return AxisField(rearrange(self.centre), rearrange(self.size), self.step).squeezed()

    def squeezed(self) -> "AxisField":
        """Return the same field in as little memory as possible."""
        return AxisField(_squeezed(self.centre), _squeezed(self.size), self.step)

    def expanded(self, shape: Sequence[int]) -> "AxisField":
        """Return the field of the tensor repeated to ``shape``, as by ``Tensor.expand``."""
        return AxisField(self.centre.expand(*shape), self.size.expand(*shape), self.step)

    def undefined(self) -> "AxisField":
        """Return the same centres, with no field defined."""
        return AxisField(self.centre, torch.full_like(_compact(self.size), torch.inf).expand(self.shape), self.step)


def image_field(shape: Sequence[int], dim: int) -> AxisField:
    """Return the field of an image along the axis that is its dimension ``dim``: each pixel sees itself.

    >>> image_field((1, 3, 2, 4), dim=3).centre[0, 0, 0]
    tensor([0., 1., 2., 3.], dtype=torch.float64)
    """
    along = [1] * len(shape)
    along[dim] = shape[dim]
    pixels = torch.arange(shape[dim], dtype=torch.float64, device="cpu").view(along)
    return AxisField(pixels.expand(*shape), torch.ones((), dtype=torch.float64, device="cpu").expand(*shape))


def constant_field(shape: Sequence[int]) -> AxisField:
    """Return the field of a tensor that does not depend on the image, such as weights.

    >>> constant_field((2,)).size
    tensor([0., 0.], dtype=torch.float64)
    """
    missing = torch.tensor(torch.nan, dtype=torch.float64, device="cpu")
    return AxisField(missing.expand(*shape), torch.zeros_like(missing).expand(*shape))


def varies(field: AxisField, dim: int) -> bool:
    """Return whether positions differ along dimension ``dim``.

    >>> [varies(image_field((1, 3, 8, 8), dim=2), dim) for dim in range(4)]
    [False, False, True, False]
    """
    centre = _compact(field.centre)
    if centre.shape[dim] == 1:
        return False
    missing = centre.isnan()
    low = torch.where(missing, torch.inf, centre).amin(dim)
    return bool((torch.where(missing, -torch.inf, centre).amax(dim) > low).any())


def join(fields: Sequence[AxisField], shape: Sequence[int]) -> AxisField:
    """Return the field of tensors joined element by element: the largest field, or the union of equally large ones.

    An element without a position that is repeated over all positions does not count: the gate of a
    squeeze-and-excitation block, for example, scales all positions alike. If one of the paths has no field defined,
    none is defined.

    >>> image = image_field((1, 1, 1, 4), dim=3)
    >>> windows = windowed(image, 3, [0, 1, 2, 3], [2, 3, 4, 5], is_axis=True)
    >>> join([image, windows], (1, 1, 1, 4)).size.unique()
    tensor([3.], dtype=torch.float64)
    """
    first, *others = (_repeated(field, shape) for field in fields)
    centre, size, rank = first.centre, first.size, _rank(first)
    for other in others:
        theirs = _rank(other)
        # Two fields of one size at different positions: their union reaches from one to the other.
        apart = torch.where((theirs == rank) & (rank > 0), (other.centre - centre).abs(), 0.0)
        middle = torch.where(apart > 0, (centre + other.centre) / 2, centre)
        centre = torch.where(theirs > rank, other.centre, middle)
        size = torch.maximum(size, other.size) + apart
        rank = torch.maximum(rank, theirs) + apart
    return AxisField(centre.expand(*shape), size.expand(*shape), max(field.step for field in fields))


def summed(field: AxisField, dims: Sequence[int], *, keepdim: bool = True) -> AxisField:
    """Return the field of a sum over ``dims``: the union of the largest fields among the elements summed.

    No field is defined if elements at different positions were summed to sums at one position, as by global pooling.

    >>> summed(image_field((1, 3, 4, 4), dim=3), [1]).centre[0, 0, 0]
    tensor([0., 1., 2., 3.], dtype=torch.float64)
    >>> summed(image_field((1, 3, 4, 4), dim=3), [2, 3]).size.flatten()
    tensor([inf, inf, inf], dtype=torch.float64)
    """
    dims = [dim % len(field.shape) for dim in dims]
    if not dims:
        return field
    centre, size = _compact(field.centre), _compact(field.size)
    placed = centre.isnan().logical_not()
    largest = size.amax(dims, keepdim=True)
    chosen = placed & (size == largest)
    chosen = torch.where(chosen.any(tuple(dims), keepdim=True), chosen, placed)
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
    """Return the field of windows along ``dim``, each from index ``first`` to ``last`` of the map, both included.

    Windows may reach beyond the map, into its padding, whose positions continue those of the map. ``is_axis`` says
    whether ``dim`` is the axis of the field: a map of one position does not show it.

    >>> windowed(image_field((1, 1, 1, 5), dim=3), 3, [-1, 1, 3], [1, 3, 5], is_axis=True).centre.flatten()
    tensor([0., 2., 4.], dtype=torch.float64)
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
    """Return the field of values interpolated at fractional ``positions`` of the map along ``dim``.

    Each value depends on map values up to ``reach`` positions apart: 1 if two neighbours are mixed, 0 if one is copied.
    A copy has the position at which it lies, not the position of its original. So copies lie evenly spaced.

    >>> image = image_field((1, 1, 1, 4), dim=3)
    >>> resampled(image, 3, [0.5, 2.5], reach=1, is_axis=True).centre.flatten()
    tensor([0.5000, 2.5000], dtype=torch.float64)
    """
    centre, size = _along(field.centre, dim), _along(field.size, dim)
    step = field.step if is_axis else 0.0
    centres = _value_at(centre, dim, positions, step)
    local = (_value_at(centre, dim, [position + 1 for position in positions], step) - centres).abs().nan_to_num()
    shape = list(field.shape)
    shape[dim] = len(positions)
    finer = field.step * field.shape[dim] / len(positions) if is_axis else field.step
    sizes = _nearest(size, dim, [round(position) for position in positions]) + reach * local
    if field.shape[dim] == 1 < len(positions):
        sizes = torch.where(centres.isnan(), 0.0, sizes)  # repeated over all positions, as in ``join``
    return AxisField(centres, sizes, finer).expanded(shape).squeezed()


def with_step(field: AxisField, factor: float | int) -> AxisField:
    """Return the field with its step multiplied by ``factor``."""
    return AxisField(field.centre, field.size, field.step * factor)


def _rank(field: AxisField) -> Tensor:
    """Return the order among paths that join: sizes plus 1, 0 for undefined fields, -1 for constants."""
    rank = torch.where(field.size.isinf(), 0.0, field.size + 1)
    return torch.where(field.centre.isnan(), -1.0, rank)


def _repeated(field: AxisField, shape: Sequence[int]) -> AxisField:
    """Return the field, compact, with as many dimensions as ``shape``.

    Elements without a position that are repeated get the size 0, so that they do not count in a join.
    """
    ahead = (1,) * (len(shape) - len(field.shape))
    centre, size = (_compact(numbers).view(ahead + _compact(numbers).shape) for numbers in (field.centre, field.size))
    own = ahead + tuple(field.shape)
    if any(length == 1 < target for length, target in zip(own, shape, strict=True)):
        size = torch.where(centre.isnan(), 0.0, size)
    return AxisField(centre, size, field.step)


def _differ(centre: Tensor) -> bool:
    """Return whether there are two different positions."""
    placed = centre[centre.isnan().logical_not()]
    return placed.numel() > 0 and bool((placed != placed[0]).any())


def _compact(numbers: Tensor) -> Tensor:
    """Return one of each run of numbers that are repeated by a stride of 0."""
    for dim in range(numbers.ndim):
        if numbers.stride(dim) == 0 and numbers.shape[dim] > 1:
            numbers = numbers.narrow(dim, 0, 1)
    return numbers


def _squeezed(numbers: Tensor) -> Tensor:
    """Return the same numbers, with a stride of 0 along each dimension in which they do not change."""
    shape, numbers = numbers.shape, _compact(numbers)
    if numbers.numel() == 1:
        return numbers.expand(shape)
    compared = numbers.nan_to_num(nan=-torch.inf, posinf=torch.inf)  # NaN does not equal itself
    for dim, length in enumerate(numbers.shape):
        if length == 1:
            continue
        first = compared.narrow(dim, 0, 1)
        # The ends are compared first: most dimensions that change differ there already.
        if bool((first == compared.narrow(dim, -1, 1)).all()) and bool((first == compared).all()):
            compared, numbers = first, numbers.narrow(dim, 0, 1)
    return numbers.contiguous().expand(shape)


def _along(numbers: Tensor, dim: int) -> Tensor:
    """Return the numbers, compact in all dimensions but ``dim``."""
    shape = list(_compact(numbers).shape)
    shape[dim] = numbers.shape[dim]
    return _compact(numbers).expand(*shape)


def _value_at(centre: Tensor, dim: int, positions: Sequence[float | int], step: float) -> Tensor:
    """Return centres at fractional positions along ``dim``; beyond the ends they continue the last two."""
    index = torch.tensor(positions, dtype=torch.float64, device="cpu")
    along = [1] * centre.ndim
    along[dim] = len(index)
    length = centre.shape[dim]
    if length == 1:
        return centre + step * index.view(along)
    lower = index.floor().clamp(0, length - 2).long()
    begin, end = centre.index_select(dim, lower), centre.index_select(dim, lower + 1)
    weight = (index - lower).view(along)
    # A weight of 0 or 1 takes one value alone, also if the other one is missing.
    between = torch.where(weight == 0, begin, begin + weight * (end - begin))
    return torch.where(weight == 1, end, between)


def _nearest(size: Tensor, dim: int, positions: Sequence[int]) -> Tensor:
    """Return sizes at positions along ``dim``; beyond the ends the size at the end."""
    index = torch.tensor(positions, dtype=torch.int64, device="cpu").clamp(0, size.shape[dim] - 1)
    return size.index_select(dim, index)
