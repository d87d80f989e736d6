"""Operations that put elements elsewhere, make new ones, or work on each of them alone."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from netdissect.networks.tracing.operation import Operation, Positions, UntracedError, each
from netdissect.networks.tracing.positions import AxisField, constant_field, join


def elementwise(operation: Operation) -> list[Positions | None]:
    """Operations on each element alone; of several tensors, joins."""
    # What is merely written to gives nothing of what it was.
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
    """Whether a tensor of ``shape`` can be repeated to ``target``."""
    return len(shape) <= len(target) and all(
        length in (1, wanted) for length, wanted in zip(reversed(shape), reversed(target), strict=False)
    )


def copy(operation: Operation) -> Positions:
    """What is copied replaces what was there."""
    source = operation.arguments["src"]
    found = operation.positions(source)
    return found or (constant_field(source.shape), constant_field(source.shape))


def rearranged(operation: Operation) -> list[Positions | None]:
    """The same operation on the positions themselves."""
    return list(zip(_rearranged_along(operation, 0), _rearranged_along(operation, 1), strict=True))


def _rearranged_along(operation: Operation, axis: int) -> list[AxisField]:
    """The fields along an axis of all that the operation returns."""
    # Functions of a module are checked for their types once, when it is imported, in tests: nested ones at each call.
    given = [_field(operation, leaf, axis) for leaf in tree_leaves(operation.arguments) if isinstance(leaf, Tensor)]
    step = max(field.step for field in given if field is not None)
    pairs: Iterable[tuple[Tensor, Tensor]] = zip(
        _replayed(operation, axis, "centre"), _replayed(operation, axis, "size"), strict=True
    )
    if operation.name == "repeat":  # what has no place and is repeated loses its say, as in a join
        pairs = ((centre, torch.where(centre.isnan(), 0.0, size)) for centre, size in pairs)
    return [AxisField(centre, size, step).squeezed() for centre, size in pairs]


def _replayed(operation: Operation, axis: int, attribute: str) -> list[Tensor]:
    """What the operation returns when tensors are replaced by numbers of their fields: ``centre`` or ``size``."""
    replaced = operation.again(lambda tensor: _numbers(operation, tensor, axis, attribute))
    return [leaf for leaf in tree_leaves(replaced) if isinstance(leaf, Tensor)]


def _numbers(operation: Operation, tensor: Tensor, axis: int, attribute: str) -> Tensor:
    indices = [operation.arguments.get("index"), *(operation.arguments.get("indices") or [])]
    if any(tensor is index for index in indices):
        return tensor.cpu()
    field = _field(operation, tensor, axis) or constant_field(tensor.shape)
    # Another view of the numbers, since some operations change the shape of what they are given.
    return (field.centre if attribute == "centre" else field.size).detach()


def _field(operation: Operation, tensor: Tensor, axis: int) -> AxisField | None:
    found = operation.positions(tensor)
    return None if found is None else found[axis]


def reshaped(operation: Operation) -> Positions:
    """As ``moved``; numbers that are repeated by a stride of 0 cannot be viewed, but reshaped."""
    shape = operation.output.shape
    return each(operation.given("self"), lambda field, _: field.rearranged(lambda numbers: numbers.reshape(shape)))


def laid_out(operation: Operation) -> Positions:
    """Other strides for the same memory."""
    source, output = operation.arguments["self"], operation.output
    return each(
        operation.given("self"),
        lambda field, _: field.rearranged(lambda numbers: part_of(in_memory(numbers, source), source, output)),
    )


def in_memory(numbers: Tensor, tensor: Tensor) -> Tensor:
    """Numbers of the elements of ``tensor``, in memory as these are."""
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=numbers.dtype, device="cpu").copy_(numbers)


def part_of(memory: Tensor, whole: Tensor, part: Tensor) -> Tensor:
    """A view of the numbers that are of ``part``, which shares the memory of ``whole``; ``memory`` has all of them."""
    return memory.as_strided(part.shape, part.stride(), part.storage_offset() - whole.storage_offset())


def made(operation: Operation) -> list[Positions | None]:
    """A new tensor, for which another one was but a pattern."""
    return [(constant_field(operation.output.shape), constant_field(operation.output.shape))]
