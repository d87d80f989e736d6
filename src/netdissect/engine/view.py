"""What of a layer is dissected: its channels, or other directions of its activation space."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from netdissect.engine.basis import in_basis
from netdissect.engine.field import Field
from netdissect.networks.layers import LayerInfo


@dataclass(frozen=True, eq=False)
class View:
    """A layer whose units are the rows of ``basis``, or, without one, its channels; results go by ``name``."""

    name: str
    layer: LayerInfo
    basis: Float[Tensor, "v u"] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the view's maps for one image, as of the layer's."""
        return self.layer.shape if self.basis is None else (len(self.basis), *self.layer.shape[1:])

    @property
    def field(self) -> Field | None:
        return self.layer.field

    def to(self, device: torch.device) -> "View":
        return self if self.basis is None else replace(self, basis=self.basis.to(device))

    def of(self, maps: Float[Tensor, "n u h w"]) -> Float[Tensor, "n v h w"]:
        """What the layer's maps are in this view: without a basis, themselves."""
        return maps if self.basis is None else in_basis(maps, self.basis)


def layers_of(views: Sequence[View]) -> list[LayerInfo]:
    """The layers that are viewed, each once."""
    return list({view.layer.name: view.layer for view in views}.values())
