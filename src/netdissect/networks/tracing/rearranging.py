"""Rules of operations that rearrange elements, make new ones, or work on each element alone."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from netdissect.networks.tracing.operation import Operation, Positions, UntracedError, each
from netdissect.networks.tracing.positions import AxisField, constant_field, join


def elementwise(operation: Operation) -> list[Positions | None]:
    """Return the positions after an operation on each element alone, which joins the tensors that it reads."""
    # The old values of a tensor that is only written to do not count.
    written = {argument.name for argument in operation.function._schema.arguments if argument.is_out}
    read = [value for name, value in operation.arguments.items() if name not in written]
    tensors = [leaf for leaf in tree_leaves(read) if isinstance(leaf, Tensor)]
    given = [found for tensor in tensors if (found := operation.positions(tensor)) is not None]
    outputs = [leaf for leaf in tree_leaves(operation.result) if isinstance(leaf, Tensor)]
    target = outputs[0].shape
    if not all(_fits(found[0].shape, target) for found in given):
        raise UntracedError
    joined = (join([height for height, _ in given], target), join([width for _, width in given], target))
    return [joined if output.shape == target else None for output in outputs]


def _fits(shape: Sequence[int], target: Sequence[int]) -> bool:
    """Return whether a tensor of ``shape`` can be repeated to ``target``."""
    return len(shape) <= len(target) and all(
        length in (1, wanted) for length, wanted in zip(reversed(shape), reversed(target), strict=False)
    )


def copy(operation: Operation) -> Positions:
    """Return the positions of a tensor that another one was copied into."""
    source = operation.arguments["src"]
    found = operation.positions(source)
    return found or (constant_field(source.shape), constant_field(source.shape))


def rearranged(operation: Operation) -> list[Positions | None]:
    """Return the positions after an operation that rearranges elements: the same operation on the positions."""
    return list(zip(_rearranged_along(operation, 0), _rearranged_along(operation, 1), strict=True))


def _rearranged_along(operation: Operation, axis: int) -> list[AxisField]:
    """Return the field along an axis for each tensor that the operation returns."""
    # Tests check types: of a module's functions once, of nested functions at each call, which is slow. So none here.
    given = [_field(operation, leaf, axis) for leaf in tree_leaves(operation.arguments) if isinstance(leaf, Tensor)]
    step = max(field.step for field in given if field is not None)
    pairs: Iterable[tuple[Tensor, Tensor]] = zip(
        _replayed(operation, axis, "centre"), _replayed(operation, axis, "size"), strict=True
    )
    if operation.name == "repeat":  # elements without a position lose their size when repeated, as in ``join``
        pairs = ((centre, torch.where(centre.isnan(), 0.0, size)) for centre, size in pairs)
    return [AxisField(centre, size, step).squeezed() for centre, size in pairs]


def _replayed(operation: Operation, axis: int, attribute: str) -> list[Tensor]:
    """Run the operation on the ``centre`` or ``size`` of its tensors' fields, and return the tensors that result."""
    replaced = operation.again(lambda tensor: _numbers(operation, tensor, axis, attribute))
    return [leaf for leaf in tree_leaves(replaced) if isinstance(leaf, Tensor)]


def _numbers(operation: Operation, tensor: Tensor, axis: int, attribute: str) -> Tensor:
    """Return the tensor that stands for an argument: indices themselves, else ``centre`` or ``size`` of its field."""
    indices = [operation.arguments.get("index"), *(operation.arguments.get("indices") or [])]
    if any(tensor is index for index in indices):
        return tensor.cpu()
    field = _field(operation, tensor, axis) or constant_field(tensor.shape)
    # A view of its own, since some operations change the shape of their arguments.
    return (field.centre if attribute == "centre" else field.size).detach()


def _field(operation: Operation, tensor: Tensor, axis: int) -> AxisField | None:
    """Return the field of a tensor along an axis, None if the tensor does not depend on the image."""
    found = operation.positions(tensor)
    return None if found is None else found[axis]


def reshaped(operation: Operation) -> Positions:
    """Return the positions after a view or a reshape.

    Fields repeat numbers by a stride of 0, which cannot be viewed in another shape. So they are reshaped.
    """
    shape = operation.output.shape
    return each(operation.given("self"), lambda field, _: field.rearranged(lambda numbers: numbers.reshape(shape)))


def laid_out(operation: Operation) -> Positions:
    """Return the positions after other strides were set for the same memory."""
    source, output = operation.arguments["self"], operation.output
    return each(
        operation.given("self"),
        lambda field, _: field.rearranged(lambda numbers: part_of(in_memory(numbers, source), source, output)),
    )


def in_memory(numbers: Tensor, tensor: Tensor) -> Tensor:
    """Return the numbers with the memory layout of ``tensor``, whose elements they describe."""
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=numbers.dtype, device="cpu").copy_(numbers)


def part_of(memory: Tensor, whole: Tensor, part: Tensor) -> Tensor:
    """Return a view of ``memory``, the numbers of ``whole``: the numbers of ``part``, a tensor in the same memory."""
    return memory.as_strided(part.shape, part.stride(), part.storage_offset() - whole.storage_offset())


def made(operation: Operation) -> list[Positions | None]:
    """Return the positions of a new tensor that took only shape or type from another one."""
    return [(constant_field(operation.output.shape), constant_field(operation.output.shape))]
