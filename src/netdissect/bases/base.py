"""The protocol of a basis, and the basis of channels."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from netdissect.networks.layers import LayerInfo
from netdissect.results.description import BasisDescription

#: Work that several bases of one run share, by a key of the basis' own.
SharedWork = dict[Any, Any]

#: Arrays that a pass over the images has found, by name.
Fitted = Mapping[str, np.ndarray]


@runtime_checkable
class Transform(Protocol):
    """A function of a layer's activation maps, position by position."""

    def __call__(self, maps: Float[Tensor, "n u h w"]) -> Float[Tensor, "n v h w"]:
        """Return the maps in the basis.

        Numbers do not depend on the other images of the batch. Gradients lead through where ``maps`` ask for them.
        """
        ...

    def to(self, device: torch.device) -> "Transform":
        """Return the function on ``device``."""
        ...


@runtime_checkable
class Fit(Protocol):
    """An accumulator that a pass over the images updates with a layer's maps."""

    def update(self, maps: Float[Tensor, "n u h w"]) -> None:
        """Take in the maps of ``n`` more images."""
        ...

    def compute(self) -> Any:
        """Return the arrays that were found, as attributes of a value class."""
        ...


class Basis(ABC):
    """The units of a layer in place of its channels.

    ``kind`` is the name of the class in descriptions of runs. A basis that ``needs_fit`` follows from a layer's
    activations: a pass over the images updates the accumulator that ``fit`` returns, and ``transform`` gets the arrays
    found.
    """

    kind: ClassVar[str]
    needs_fit: ClassVar[bool] = False

    @classmethod
    @abstractmethod
    def parse(cls, argument: str) -> "Basis":
        """Return the basis of the text ``kind:argument``. Raises ``NetdissectError`` for another argument."""

    @property
    @abstractmethod
    def ending(self) -> str:
        """The ending of a layer's name where the layer is dissected in several bases."""

    @abstractmethod
    def units(self, layer: LayerInfo) -> int:
        """Return the number of units. Raises ``NetdissectError`` if the basis does not fit the layer."""

    @abstractmethod
    def describe(self, layer: LayerInfo) -> BasisDescription:
        """Return the description that identifies the basis of the layer."""

    def fit(self, layer: LayerInfo, device: torch.device) -> Fit:
        """Return an accumulator of the layer's maps; of a basis that ``needs_fit`` alone."""
        raise NotImplementedError

    def facts(self, fitted: Fitted) -> dict[str, Any]:
        """Return the plain facts that a run records of the arrays found."""
        return {}

    @abstractmethod
    def transform(self, layer: LayerInfo, fitted: Fitted | None, shared: SharedWork) -> Transform:
        """Return the function of the layer's maps; ``shared`` holds work for further bases of the run."""
