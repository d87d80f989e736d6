"""The protocol of accumulators: values that take in batches, and add up."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from torch import Tensor

Self = TypeVar("Self", bound="Accumulator")


class Accumulator(Protocol):
    """Counts or sums over batches of images.

    All accumulators keep to these laws, to the last bit unless a class says otherwise (``Moments`` does):

    - an empty accumulator, added, changes nothing;
    - batches in any order, in parts of any grouping, give the same;
    - ``a + b`` updated with a batch is ``a`` plus ``b`` updated with that batch;
    - what is given to ``update`` or added stays as it was;
    - ``compute`` can be repeated, and changes nothing;
    - an accumulator that is saved and read is equal, and goes on alike.
    """

    @classmethod
    def empty(cls: type[Self], *args: Any, **kwargs: Any) -> Self:
        """Return an accumulator that has seen nothing."""
        ...

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Take in a batch, in place."""
        ...

    def __add__(self: Self, other: Self) -> Self:
        """Return a new accumulator of all that both have seen."""
        ...

    def compute(self) -> Any:
        """Return the results so far, as a value that later updates do not change."""
        ...

    def state(self) -> dict[str, Tensor]:
        """Return all that the accumulator holds as tensors by name, not copied, to be saved."""
        ...

    @classmethod
    def from_state(cls: type[Self], state: Mapping[str, Tensor]) -> Self:
        """Return the accumulator whose state was saved. The tensors become its own: updates may change them."""
        ...
