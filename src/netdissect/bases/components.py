"""The basis of a layer's principal components."""

from typing import Any

import torch
from attrs import frozen

from netdissect.bases.base import Basis, Fitted, SharedWork
from netdissect.bases.matrix import Product, sha256_of
from netdissect.engine.basis import Moments
from netdissect.networks.layers import LayerInfo
from netdissect.results.description import BasisDescription
from netdissect.types import NetdissectError


@frozen
class PrincipalComponents(Basis):
    """The principal components of a layer's activations, which a pass of its own finds.

    >>> PrincipalComponents().ending
    ' in pca'
    """

    kind = "components"
    needs_fit = True

    @classmethod
    def parse(cls, argument: str) -> "PrincipalComponents":
        """Return the basis; it takes no argument."""
        if argument:
            raise NetdissectError(f"pca:{argument}: principal components take no argument")
        return cls()

    @property
    def ending(self) -> str:
        """The ending of a layer's name."""
        return " in pca"

    def units(self, layer: LayerInfo) -> int:
        """Return the layer's own number of units."""
        return layer.units

    def describe(self, layer: LayerInfo) -> BasisDescription:
        """Return the description."""
        return BasisDescription(layer=layer.name, kind=self.kind, words="in the basis of its principal components")

    def fit(self, layer: LayerInfo, device: torch.device) -> Moments:
        """Return an accumulator of the layer's mean and covariance."""
        return Moments.empty(layer.units, device)

    def facts(self, fitted: Fitted) -> dict[str, Any]:
        """Return the SHA-256 of the components, and the variance along each."""
        return {"sha256": sha256_of(fitted["rows"]), "variance": fitted["variance"].tolist()}

    def transform(self, layer: LayerInfo, fitted: Fitted | None, shared: SharedWork) -> Product:
        """Return the product with the components found."""
        assert fitted is not None
        return Product(torch.from_numpy(fitted["rows"]))
