"""Units by their numbers, and one unit's activation at one position of each image."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from netdissect.bases import BasisView
from netdissect.inference.differentiate import Activations
from netdissect.types import NetdissectError


def check_units(view: BasisView, units: Sequence[int]) -> None:
    """Raises ``NetdissectError`` for a unit that the view has not, and for none at all."""
    if not units:
        raise NetdissectError(f"no unit of layer {view.name} is named")
    for unit in units:
        if not 0 <= unit < view.shape[0]:
            raise NetdissectError(f"layer {view.name} has the units 0 to {view.shape[0] - 1}: there is no unit {unit}")


def activations_at(
    activations: Activations,
    images: Float[Tensor, "n 3 H W"],
    units: Int64[Tensor, "n"],
    positions: Int64[Tensor, "n 2"],
    rule: AbstractContextManager[Any] | None = None,
) -> Float[Tensor, "n"]:
    """Of each image the activation of its own unit at its own position (row, column); a vector's is (0, 0).

    Raises ``NetdissectError`` for a unit or a position that is not there.
    """
    shape = (*activations.view.shape, 1, 1)[:3]
    indices = torch.cat([units[:, None], positions], dim=1).to(activations.device)
    for index in indices.tolist():
        if not all(0 <= place < size for place, size in zip(index, shape, strict=True)):
            unit, *position = index
            raise NetdissectError(
                f"layer {activations.name} has no unit {unit} at position {tuple(position)}: its maps are {shape}"
            )
    maps = activations(images, rule)
    return maps[(torch.arange(len(images), device=maps.device), *indices.unbind(1))]


def differentiable(images: Float[Tensor, "n 3 H W"], activations: Activations) -> Float[Tensor, "n 3 H W"]:
    """A copy of the images, on the device of ``activations``, that gradients lead to."""
    return images.detach().to(activations.device, copy=True).requires_grad_()
