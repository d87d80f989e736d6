"""A layer as it is dissected: by its channels, or in another basis."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from netdissect.bases.base import Basis, Fitted, SharedWork, Transform
from netdissect.bases.naming import BasisChoice, read_bases
from netdissect.engine.field import Field
from netdissect.networks.layers import LayerInfo
from netdissect.results.description import LayerDescription
from netdissect.types import OnProgress, no_progress


@dataclass(frozen=True, eq=False)
class BasisView:
    """A layer in a basis; results call it ``name``. Without a ``basis`` its units are the layer's channels.

    ``transform`` is None for channels, and of a basis that is not fitted yet.
    """

    name: str
    layer: LayerInfo
    basis: Basis | None = None
    transform: Transform | None = None

    @property
    def units(self) -> int:
        """The number of units."""
        return self.layer.units if self.basis is None else self.basis.units(self.layer)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape (v, h, w) of one image's maps, (v,) of a vector."""
        return (self.units, *self.layer.shape[1:])

    @property
    def map_shape(self) -> tuple[int, int, int]:
        """The shape (v, h, w) of one image's maps; a vector has maps of one position."""
        units, height, width = (*self.shape, 1, 1)[:3]
        return units, height, width

    @property
    def field(self) -> Field | None:
        """The receptive fields of the layer's positions."""
        return self.layer.field

    def to(self, device: torch.device) -> "BasisView":
        """Return the view with its function on ``device``."""
        return self if self.transform is None else replace(self, transform=self.transform.to(device))

    def __call__(self, maps: Float[Tensor, "n u h w"]) -> Float[Tensor, "n v h w"]:
        """Return the layer's maps in this view; of channels the maps themselves."""
        return maps if self.transform is None else self.transform(maps)

    def fitted(self, arrays: Fitted) -> "BasisView":
        """Return the view with the function that follows from the arrays found."""
        assert self.basis is not None
        return replace(self, transform=self.basis.transform(self.layer, arrays, {}))

    def describe(self, align: str) -> LayerDescription:
        """Return the description of the layer in this view, for maps that lie on images as ``align`` says."""
        layer = self.layer
        return LayerDescription(
            type=layer.type,
            shape=self.shape,
            layout=layer.layout.name,
            tokens_left_out=layer.layout.tokens_left_out(layer.output),
            align="stretch" if layer.field is None else align,
            field=layer.field,
            no_field=layer.no_field,
            basis=None if self.basis is None else self.basis.describe(layer),
        )


def choose_views(
    layers: Sequence[LayerInfo],
    basis: BasisChoice | Sequence[BasisChoice],
    on_progress: OnProgress = no_progress,
) -> tuple[BasisView, ...]:
    """Return a view of each layer in the basis, or in each of several, whose names tell the views apart.

    Raises ``NetdissectError`` for a basis that does not exist or does not fit a layer.
    """
    several = isinstance(basis, list | tuple)
    bases = read_bases(basis)
    for layer in layers:
        for each in bases:
            if each is not None:
                each.units(layer)
    views, names, shared = [], Counter[str](), SharedWork()
    for layer in layers:
        for each in bases:
            name = layer.name + (each.ending if several and each is not None else "")
            names[name] += 1
            name += f" ({names[name]})" if names[name] > 1 else ""
            views.append(_view(name, layer, each, shared))
            on_progress("bases", len(views), len(layers) * len(bases))
    return tuple(views)


def _view(name: str, layer: LayerInfo, basis: Basis | None, shared: SharedWork) -> BasisView:
    if basis is None or basis.needs_fit:
        return BasisView(name, layer, basis)
    return BasisView(name, layer, basis, basis.transform(layer, None, shared))


def layers_of(views: Sequence[BasisView]) -> list[LayerInfo]:
    """Return the layers that are viewed, each once."""
    return list({view.layer.name: view.layer for view in views}.values())


def with_fitted(views: Sequence[BasisView], found: Mapping[str, Fitted]) -> tuple[BasisView, ...]:
    """Return the views, with the arrays that were found for some of them, by their names."""
    return tuple(view.fitted(found[view.name]) if view.name in found else view for view in views)
