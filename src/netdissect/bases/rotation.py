"""The basis of a layer rotated by a part of a random rotation."""

import numpy as np
import torch
from attrs import field, frozen

from netdissect.bases.base import Basis, Fitted, SharedWork
from netdissect.bases.matrix import Product
from netdissect.engine.basis import Rotation
from netdissect.networks.layers import LayerInfo
from netdissect.numbers import real_number, whole_number
from netdissect.results.description import BasisDescription
from netdissect.types import NetdissectError


def _seed(value: int) -> int:
    return whole_number(value, "seed of a rotation", least=0)


def _amount(value: float | int) -> float:
    amount = real_number(value, "amount of a rotation")
    if not 0 <= amount <= 1:
        raise NetdissectError(f"a layer is rotated by 0 to 1 of a rotation, not {value}")
    return amount


@frozen
class Rotated(Basis):
    """The basis ``Q^amount``, where ``Q`` is the random rotation of ``seed``; by an amount of 0 nothing changes.

    (Bau et al., Network Dissection, CVPR 2017, section 3.2.)

    >>> Rotated(0.5, seed=1).ending
    ' rotated 0.5 seed 1'
    """

    kind = "rotation"

    amount: float = field(converter=_amount)
    seed: int = field(default=0, converter=_seed)

    @classmethod
    def parse(cls, argument: str) -> "Rotated":
        """Return the rotation of ``amount`` or ``amount,seed``.

        >>> Rotated.parse("0.5,1").seed
        1
        """
        amount, _, seed = argument.partition(",")
        try:
            return cls(float(amount), int(seed or 0))
        except ValueError:
            raise NetdissectError(f"rotation:{argument}: a rotation is named as rotation:AMOUNT,SEED") from None

    @property
    def ending(self) -> str:
        """The ending of a layer's name."""
        return f" rotated {self.amount:.10g} seed {self.seed}"

    def units(self, layer: LayerInfo) -> int:
        """Return the layer's own number of units."""
        return layer.units

    def describe(self, layer: LayerInfo) -> BasisDescription:
        """Return the description: seed and amount identify it, since numbers may round otherwise elsewhere."""
        words = f"rotated by {self.amount:.10g} of the rotation of seed {self.seed}"
        facts = {"amount": self.amount, "seed": self.seed}
        return BasisDescription(layer=layer.name, kind=self.kind, words=words, facts=facts)

    def transform(self, layer: LayerInfo, fitted: Fitted | None, shared: SharedWork) -> "Product | Unchanged":
        """Return the product with ``Q^amount``. The whole rotation is shared: it takes a minute for 2,000 units."""
        if self.amount == 0:
            return Unchanged()
        key = (self.kind, layer.units, self.seed)
        if key not in shared:
            shared[key] = Rotation.random(layer.units, self.seed)
        return Product(torch.from_numpy(shared[key].power(self.amount).astype(np.float32)))


class Unchanged:
    """The function that changes nothing."""

    def __call__(self, maps: torch.Tensor) -> torch.Tensor:
        """Return the maps themselves."""
        return maps

    def to(self, device: torch.device) -> "Unchanged":
        """Return the function itself."""
        return self
