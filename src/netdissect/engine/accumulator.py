"""The protocol of accumulators, which take in batches and add up."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar, runtime_checkable

from torch import Tensor

Self = TypeVar("Self", bound="Accumulator")


@runtime_checkable
class Accumulator(Protocol):
    """Counts or sums over batches of images.

    All accumulators keep to these laws, to the last bit:

    - Adding an empty accumulator changes nothing.
    - Batches in any order, and parts in any grouping, give the same. (``Moments`` rounds, and says so.)
    - ``a + b`` updated with a batch is ``a`` plus ``b`` updated with the batch.
    - Arguments of ``update`` and of ``+`` stay as they were.
    - ``compute`` can be repeated, and changes nothing.
    - An accumulator that is saved and read is equal, and goes on alike.
    """

    @classmethod
    def empty(cls: type[Self], *args: Any, **kwargs: Any) -> Self:
        """Return the accumulator of no images."""
        ...

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Take in a batch, in place."""
        ...

    def __add__(self: Self, other: Self) -> Self:
        """Return a new accumulator: of the images of both."""
        ...

    def compute(self) -> Any:
        """Return the results so far, as a value that later updates do not change."""
        ...

    def state(self) -> dict[str, Tensor]:
        """Return the accumulator's tensors by name, not copied, to be saved."""
        ...

    @classmethod
    def from_state(cls: type[Self], state: Mapping[str, Tensor]) -> Self:
        """Return the accumulator of a saved state. It owns the tensors from now on: updates may change them."""
        ...
