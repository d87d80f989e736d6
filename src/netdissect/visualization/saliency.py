"""Saliency: gradients of a unit's activation with respect to pixels (Simonyan et al. 2014), in several variants.

All functions take one unit and position (row, column) per image, and return signed numbers for RGB in 0..1. They raise
``NetdissectError`` for an unknown unit or position, and for a layer that cannot be differentiated. All images go
through the network at once, which bounds the memory.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from netdissect.inference.differentiate import Activations
from netdissect.visualization import rules
from netdissect.visualization.units import activations_at, differentiable


@dataclass(frozen=True)
class Noise:
    """Noise of ``samples`` copies of an image; ``deviation`` is a fraction of the range of pixels."""

    samples: int = 50
    deviation: float = 0.15
    seed: int = 0


_NOISE = Noise()


def gradient(
    activations: Activations,
    images: Float[Tensor, "n 3 H W"],
    units: Int64[Tensor, "n"],
    positions: Int64[Tensor, "n 2"],
    rule: AbstractContextManager[Any] | None = None,
) -> Float[Tensor, "n 3 H W"]:
    """Return the gradient of each image's activation. Rectifiers propagate it by ``rule``, or as they are."""
    images = differentiable(images, activations)
    return activations.gradient(activations_at(activations, images, units, positions, rule).sum(), images)


def guided(
    activations: Activations,
    images: Float[Tensor, "n 3 H W"],
    units: Int64[Tensor, "n"],
    positions: Int64[Tensor, "n 2"],
) -> Float[Tensor, "n 3 H W"]:
    """Return the gradient by guided backpropagation (Springenberg et al. 2015): rectifiers pass positive signals alone.

    In deep layers the result depends more on the image than on the unit (Nie et al. 2018).
    """
    return gradient(activations, images, units, positions, rules.guided())


def smoothed(
    activations: Activations,
    images: Float[Tensor, "n 3 H W"],
    units: Int64[Tensor, "n"],
    positions: Int64[Tensor, "n 2"],
    noise: Noise = _NOISE,
) -> Float[Tensor, "n 3 H W"]:
    """Return the mean gradient of noisy copies of each image (SmoothGrad, Smilkov et al. 2017).

    All images get the same noise, on all
    devices, so that a picture depends on the seed, but not on the rest of the batch. (captum's noise depends on the
    batch, and comes from the global generator.)
    """
    generator = torch.Generator().manual_seed(noise.seed)
    images = images.to(activations.device)
    total = torch.zeros_like(images)
    for _ in range(noise.samples):
        added = noise.deviation * torch.randn(images.shape[1:], generator=generator)
        total += gradient(activations, images + added.to(images.device), units, positions)
    return total / noise.samples


def integrated(
    activations: Activations,
    images: Float[Tensor, "n 3 H W"],
    units: Int64[Tensor, "n"],
    positions: Int64[Tensor, "n 2"],
    *,
    steps: int = 50,
) -> Float[Tensor, "n 3 H W"]:
    """Return integrated gradients (Sundararajan et al. 2017) from black to each image, by Gauss-Legendre quadrature.

    Their sum is the activation on the image less the activation on black, up to the error of ``steps``.
    """
    from captum.attr import IntegratedGradients  # takes a second to import

    def values(some: Tensor, units: Tensor, positions: Tensor) -> Tensor:
        return activations_at(activations, some, units, positions)

    with activations.differentiating(len(images)):
        return IntegratedGradients(values).attribute(
            images.detach().to(activations.device, copy=True),
            baselines=0,
            additional_forward_args=(units.clone(), positions.clone()),
            n_steps=steps,
            internal_batch_size=len(images),
        )
