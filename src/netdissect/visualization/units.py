"""Units by number, and the activation of one unit per image at one position."""

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
    """Raise ``NetdissectError`` for a unit that the view lacks, and for an empty list."""
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
    """Return the activation of each image's unit at its position (row, column), which is (0, 0) for a vector.

    Raises ``NetdissectError`` for an unknown unit or position.
    """
    shape = (*activations.view.shape, 1, 1)[:3]
    indices = torch.cat([units[:, None], positions], dim=1).to(activations.device)
    for index in indices.tolist():
        if not all(0 <= number < size for number, size in zip(index, shape, strict=True)):
            unit, *position = index
            raise NetdissectError(
                f"layer {activations.name} has no unit {unit} at position {tuple(position)}: its maps are {shape}"
            )
    maps = activations(images, rule)
    return maps[(torch.arange(len(images), device=maps.device), *indices.unbind(1))]


def differentiable(images: Float[Tensor, "n 3 H W"], activations: Activations) -> Float[Tensor, "n 3 H W"]:
    """Return a copy of the images, on the device of ``activations``, that gradients lead to."""
    return images.detach().to(activations.device, copy=True).requires_grad_()
