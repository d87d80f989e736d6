"""An operation that a network executed, as rules for positions see it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map_only

from netdissect.networks.tracing.positions import AxisField

#: The fields of a tensor's elements along the image's height and width.
Positions = tuple[AxisField, AxisField]


class UntracedError(Exception):
    """An operation does something to positions that is not known here."""


@dataclass(frozen=True)
class Operation:
    """An executed operation: ``arguments`` by the names of its schema, and what it returned."""

    function: Any
    arguments: dict[str, Any]
    result: Any
    positions: Callable[[Tensor], Positions | None]

    @property
    def name(self) -> str:
        """Without its overload and the underscore of what works in place."""
        return str(self.function._schema.name).partition("::")[2].rstrip("_")

    @property
    def output(self) -> Tensor:
        return next(leaf for leaf in tree_leaves(self.result) if isinstance(leaf, Tensor))

    def again(self, replace: Callable[[Tensor], Tensor]) -> Any:
        """What the operation returns for other tensors."""
        arguments = tree_map_only(Tensor, replace, self.arguments)
        by_name = {argument.name for argument in self.function._schema.arguments if argument.kwarg_only}
        in_order = [value for name, value in arguments.items() if name not in by_name]
        return self.function(*in_order, **{name: arguments[name] for name in by_name})

    def given(self, name: str) -> Positions:
        found = self.positions(self.arguments[name])
        if found is None:
            raise UntracedError
        return found


def bind(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call by their names, with defaults."""
    named = {argument.name: argument.default_value for argument in function._schema.arguments}
    named.update(zip(named, args, strict=False))
    return named | kwargs


def each(positions: Positions, change: Callable[[AxisField, int], AxisField]) -> Positions:
    """Positions whose two fields are changed; ``change`` is told which: 0 for the height, 1 for the width."""
    height, width = positions
    return change(height, 0), change(width, 1)


def along_axis(shape: Sequence[int], dim: int, axis: int) -> bool:
    """Whether a window or a grid along ``dim`` is along the image's ``axis``: the last two are height and width."""
    return len(shape) >= 4 and dim - len(shape) == axis - 2
