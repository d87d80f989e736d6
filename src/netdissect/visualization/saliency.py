"""Back-propagation: how a unit's activation follows from the pixels (Simonyan et al. 2014).

All are of one unit and position (row, column) per image, with respect to RGB in 0..1, and signed. They raise
``NetdissectError`` for a unit or position that is not there, and for a layer that cannot be differentiated. All images
go through the network at once, which is what bounds the memory.
"""

from contextlib import AbstractContextManager
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from netdissect.inference.differentiate import Activations
from netdissect.visualization import rules
from netdissect.visualization.units import activations_at, differentiable


def gradient(
    activations: Activations,
    images: Float[Tensor, "n 3 H W"],
    units: Int64[Tensor, "n"],
    positions: Int64[Tensor, "n 2"],
    rule: AbstractContextManager[Any] | None = None,
) -> Float[Tensor, "n 3 H W"]:
    """The gradient of each image's activation; ``rule`` says how rectifiers propagate it, if not as they do."""
    images = differentiable(images, activations)
    return activations.gradient(activations_at(activations, images, units, positions, rule).sum(), images)


def guided(
    activations: Activations,
    images: Float[Tensor, "n 3 H W"],
    units: Int64[Tensor, "n"],
    positions: Int64[Tensor, "n 2"],
) -> Float[Tensor, "n 3 H W"]:
    """Guided backpropagation (Springenberg et al. 2015): rectifiers let positive signals through alone.

    In deep layers it shows what is in the image at the position more than which unit was asked (Nie et al. 2018).
    """
    return gradient(activations, images, units, positions, rules.guided())


def smoothed(
    activations: Activations,
    images: Float[Tensor, "n 3 H W"],
    units: Int64[Tensor, "n"],
    positions: Int64[Tensor, "n 2"],
    *,
    samples: int = 50,
    noise: float = 0.15,
    seed: int = 0,
) -> Float[Tensor, "n 3 H W"]:
    """The mean gradient at ``samples`` noisy copies of each image (SmoothGrad, Smilkov et al. 2017).

    ``noise`` is the standard deviation as a fraction of the range of pixels. The noise is the same for all images, and
    on all devices: a picture depends on the seed, but not on what else is in the batch. (captum's noise does, and comes
    from the global generator.)
    """
    generator = torch.Generator().manual_seed(seed)
    images = images.to(activations.device)
    total = torch.zeros_like(images)
    for _ in range(samples):
        added = noise * torch.randn(images.shape[1:], generator=generator)
        total += gradient(activations, images + added.to(images.device), units, positions)
    return total / samples


def integrated(
    activations: Activations,
    images: Float[Tensor, "n 3 H W"],
    units: Int64[Tensor, "n"],
    positions: Int64[Tensor, "n 2"],
    *,
    steps: int = 50,
) -> Float[Tensor, "n 3 H W"]:
    """Integrated Gradients (Sundararajan et al. 2017) from black to each image, by Gauss and Legendre's quadrature.

    They add up, but for the error of ``steps``, to the activation on the image less that on the black one.
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
