"""Watching what a network executes, and following positions through it."""

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
    """Positions are not known; the text says why."""


class FieldTracer(TorchDispatchMode):
    """Follows positions through all that is executed within its ``with``, from the image it is told to watch."""

    def __init__(self) -> None:
        super().__init__()
        # Positions of tensors, or the name of the operation in which they were lost.
        self._known: Any = WeakTensorKeyDictionary()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # True, the default of torch, imports its compiler, which takes seconds

    def watch(self, image: Tensor) -> None:
        """Begins at ``image``, ``(1, channels, H, W)``."""
        self._known[image] = (image_field(image.shape, 2), image_field(image.shape, 3))

    def positions(self, tensor: Tensor) -> Positions | None:
        """Where the elements of ``tensor`` look; None if it sees nothing of the image. Raises ``LostError``."""
        known: Positions | str | None = self._known.get(tensor)
        if isinstance(known, str):
            raise LostError(f"positions are not traced through {known}")
        return known

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        arguments = bind(function, args, kwargs or {})
        known = [self._known.get(leaf) for leaf in tree_leaves(arguments) if isinstance(leaf, Tensor)]
        result = function(*args, **(kwargs or {}))
        if any(known):
            self._note(function, arguments, result, next((of for of in known if isinstance(of, str)), None))
            for argument in function._schema.arguments:
                if argument.alias_info is not None and argument.alias_info.is_write:
                    for written in tree_leaves(arguments[argument.name]):
                        self._note_shared(written)
        return result

    def _note(self, function: Any, arguments: dict[str, Any], result: Any, lost: str | None) -> None:
        outputs = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        found: list[Any] = [lost] * len(outputs)
        if lost is None:
            try:
                found = positions_after(Operation(function, arguments, result, self._known.get))
            except Exception:  # not known here, or used as no rule foresees: the network must not fall over it
                found = [str(function._schema.name)] * len(outputs)
        for output, of_output in zip(outputs, found, strict=True):
            if output.numel() and of_output is not None:
                self._known[output] = of_output

    def _note_shared(self, written: Any) -> None:
        """What was written into a tensor is in those that share its memory, too: its whole, and other views of it."""
        if not isinstance(written, Tensor) or written not in self._known:
            return
        whole = written if written._base is None else written._base
        views = [tensor for tensor in self._known if tensor._base is whole and tensor is not written]
        try:
            if whole is not written:
                self._known[whole] = _shared(self._known.get(whole), whole, self._known[written], written)
            for view in views:
                self._known[view] = _seen_by_view(view, self._known[whole], whole)
        except RuntimeError:  # memory in which elements overlap, or that is looked at in another precision
            self._known.update(dict.fromkeys([whole, *views], "shared memory"))


def _shared(of_whole: Positions | str | None, whole: Tensor, of_part: Positions | str, part: Tensor) -> Positions | str:
    """What is known of ``whole`` when its view ``part`` has been written to."""
    if isinstance(of_part, str) or isinstance(of_whole, str):
        return of_part if isinstance(of_part, str) else str(of_whole)
    if part.dtype != whole.dtype:
        raise RuntimeError
    before = of_whole or (constant_field(whole.shape),) * 2

    def written(numbers: Tensor, numbers_of_part: Tensor) -> Tensor:
        memory = in_memory(numbers, whole)
        part_of(memory, whole, part).copy_(numbers_of_part)
        return memory

    def change(old: AxisField, new: AxisField) -> AxisField:
        return AxisField(written(old.centre, new.centre), written(old.size, new.size), new.step).squeezed()

    return change(before[0], of_part[0]), change(before[1], of_part[1])


def _seen_by_view(view: Tensor, of_whole: Positions | str, whole: Tensor) -> Positions | str:
    if isinstance(of_whole, str):
        return of_whole
    if view.dtype != whole.dtype:
        raise RuntimeError

    def move(numbers: Tensor) -> Tensor:
        return part_of(in_memory(numbers, whole), whole, view)

    return of_whole[0].rearranged(move), of_whole[1].rearranged(move)
