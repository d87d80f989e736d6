"""Watching the operations that a network executes, and tracing positions through them."""

from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

from netdissect.networks.tracing.operation import Operation, Positions, bind
from netdissect.networks.tracing.positions import AxisField, constant_field, image_field
from netdissect.networks.tracing.rearranging import in_memory, part_of
from netdissect.networks.tracing.rules import positions_after


class LostError(Exception):
    """Positions are not known; the text gives the reason."""


class FieldTracer(TorchDispatchMode):
    """Traces positions from an image through all operations that torch executes while its ``with`` block lasts.

    >>> import torch
    >>> with FieldTracer() as tracer:
    ...     image = torch.zeros(1, 3, 4, 4)
    ...     tracer.watch(image)
    ...     height, width = tracer.positions(image[..., ::2])
    >>> width.centre[0, 0, 0]
    tensor([0., 2.], dtype=torch.float64)
    """

    def __init__(self) -> None:
        super().__init__()
        # The positions of each tensor, or the name of the operation that lost them.
        self._known: Any = WeakTensorKeyDictionary()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # True, the default of torch, imports its compiler, which takes seconds

    def watch(self, image: Tensor) -> None:
        """Begin at ``image``, ``(1, channels, H, W)``."""
        self._known[image] = (image_field(image.shape, 2), image_field(image.shape, 3))

    def positions(self, tensor: Tensor) -> Positions | None:
        """Return the positions of a tensor's elements, None if it does not depend on the image.

        Raises ``LostError`` if an operation lost them.
        """
        known: Positions | str | None = self._known.get(tensor)
        if isinstance(known, str):
            raise LostError(f"positions are not traced through {known}")
        return known

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        arguments = bind(function, args, kwargs or {})
        known = [self._known.get(leaf) for leaf in tree_leaves(arguments) if isinstance(leaf, Tensor)]
        result = function(*args, **(kwargs or {}))
        if any(known):
            self._note(function, arguments, result, next((name for name in known if isinstance(name, str)), None))
            for argument in function._schema.arguments:
                if argument.alias_info is not None and argument.alias_info.is_write:
                    for written in tree_leaves(arguments[argument.name]):
                        self._note_shared(written)
        return result

    def _note(self, function: Any, arguments: dict[str, Any], result: Any, lost: str | None) -> None:
        """Note the positions of an operation's results; ``lost`` names the operation that lost those of an argument."""
        outputs = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        found: list[Any] = [lost] * len(outputs)
        if lost is None:
            try:
                found = positions_after(Operation(function, arguments, result, self._known.get))
            except Exception:  # unknown, or used as no rule foresees: the network must run on all the same
                found = [str(function._schema.name)] * len(outputs)
        for output, positions in zip(outputs, found, strict=True):
            if output.numel() and positions is not None:
                self._known[output] = positions

    def _note_shared(self, written: Any) -> None:
        """Note positions written into a tensor for all that share its memory: its base, and other views of the base."""
        if not isinstance(written, Tensor) or written not in self._known:
            return
        whole = written if written._base is None else written._base
        views = [tensor for tensor in self._known if tensor._base is whole and tensor is not written]
        try:
            if whole is not written:
                self._known[whole] = _shared(self._known.get(whole), whole, self._known[written], written)
            for view in views:
                self._known[view] = _view_positions(view, self._known[whole], whole)
        except RuntimeError:  # elements overlap in memory, or a view has another precision
            self._known.update(dict.fromkeys([whole, *views], "shared memory"))


def _shared(
    whole_positions: Positions | str | None, whole: Tensor, part_positions: Positions | str, part: Tensor
) -> Positions | str:
    """Return the positions of ``whole`` after its view ``part`` has been written to."""
    if isinstance(part_positions, str) or isinstance(whole_positions, str):
        return part_positions if isinstance(part_positions, str) else str(whole_positions)
    if part.dtype != whole.dtype:
        raise RuntimeError
    before = whole_positions or (constant_field(whole.shape),) * 2

    def written(numbers: Tensor, part_numbers: Tensor) -> Tensor:
        memory = in_memory(numbers, whole)
        part_of(memory, whole, part).copy_(part_numbers)
        return memory

    def change(old: AxisField, new: AxisField) -> AxisField:
        return AxisField(written(old.centre, new.centre), written(old.size, new.size), new.step).squeezed()

    return change(before[0], part_positions[0]), change(before[1], part_positions[1])


def _view_positions(view: Tensor, whole_positions: Positions | str, whole: Tensor) -> Positions | str:
    """Return the positions of a view of ``whole``."""
    if isinstance(whole_positions, str):
        return whole_positions
    if view.dtype != whole.dtype:
        raise RuntimeError

    def rearrange(numbers: Tensor) -> Tensor:
        return part_of(in_memory(numbers, whole), whole, view)

    return whole_positions[0].rearranged(rearrange), whole_positions[1].rearranged(rearrange)
