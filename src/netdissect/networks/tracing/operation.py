"""An operation that a network executed, in the form that rules take."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map_only

from netdissect.networks.tracing.positions import AxisField

#: The fields of a tensor's elements along the height and the width of the image.
Positions = tuple[AxisField, AxisField]


class UntracedError(Exception):
    """No rule knows the effect of an operation on positions."""


@dataclass(frozen=True)
class Operation:
    """An executed operation: its ``arguments`` by the names of its schema, and its ``result``.

    ``positions`` returns the positions of a tensor, None if the tensor does not depend on the image.
    """

    function: Any
    arguments: dict[str, Any]
    result: Any
    positions: Callable[[Tensor], Positions | None]

    @property
    def name(self) -> str:
        """The name without its overload, and without the underscore of operations in place."""
        return str(self.function._schema.name).partition("::")[2].rstrip("_")

    @property
    def output(self) -> Tensor:
        """The first tensor of the result."""
        return next(leaf for leaf in tree_leaves(self.result) if isinstance(leaf, Tensor))

    def again(self, replace: Callable[[Tensor], Tensor]) -> Any:
        """Run the operation on other tensors, and return its result."""
        arguments = tree_map_only(Tensor, replace, self.arguments)
        by_name = {argument.name for argument in self.function._schema.arguments if argument.kwarg_only}
        in_order = [value for name, value in arguments.items() if name not in by_name]
        return self.function(*in_order, **{name: arguments[name] for name in by_name})

    def given(self, name: str) -> Positions:
        """Return the positions of an argument. Raises ``UntracedError`` if there are none."""
        found = self.positions(self.arguments[name])
        if found is None:
            raise UntracedError
        return found


def bind(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call by name, with defaults.

    >>> import torch
    >>> bind(torch.ops.aten.relu.default, [torch.zeros(1)], {})
    {'self': tensor([0.])}
    """
    named = {argument.name: argument.default_value for argument in function._schema.arguments}
    named.update(zip(named, args, strict=False))
    return named | kwargs


def each(positions: Positions, change: Callable[[AxisField, int], AxisField]) -> Positions:
    """Change both fields of the positions; ``change`` takes a field and its axis, 0 for height and 1 for width."""
    height, width = positions
    return change(height, 0), change(width, 1)


def along_axis(shape: Sequence[int], dim: int, axis: int) -> bool:
    """Return whether dimension ``dim`` of maps is the image's ``axis``: their last two are height and width.

    >>> along_axis((1, 8, 14, 14), 2, 0), along_axis((1, 8, 14, 14), 2, 1)
    (True, False)
    """
    return len(shape) >= 4 and dim - len(shape) == axis - 2
