"""Model images of units and classes: ascent from the mean image over plain pixels."""

import torch
from jaxtyping import Float
from torch import Tensor

from netdissect.inference.differentiate import Activations
from netdissect.inference.preprocess import Preprocess
from netdissect.types import OnProgress, no_progress
from netdissect.visualization.rules import redirected
from netdissect.visualization.units import activations_at, differentiable


def model_image(
    activations: Activations,
    unit: int,
    *,
    steps: int = 100,
    length: float = 0.12,
    penalty: float = 0.2,
    on_progress: OnProgress = no_progress,
) -> Float[Tensor, "3 H W"]:
    """Return the class model image of Simonyan et al. (2014, section 2): RGB in 0..1, the same at every call.

    Gradient ascent starts at the mean image. It raises the unit's activation, at the middle of a map, less an L2
    penalty on the difference from the mean image. Activations have no common scale, so the gradient is scaled: the
    first step changes the pixels that have an influence by ``length`` (root mean square), and draws the image to the
    mean image by the fraction ``penalty``. Later steps are shorter, down to none, linearly. Where units are dead,
    gradients are redirected (see ``rules``).

    Raises ``NetdissectError`` for an unknown unit, and for a layer that cannot be differentiated.
    """
    height, width = (*activations.view.shape, 1, 1)[1:3]
    units, positions = torch.tensor([unit]), torch.tensor([[height // 2, width // 2]])
    mean = _mean_image(activations.preprocess).to(activations.device)[None]
    image = mean
    for step in range(steps):
        on_progress("model image", step, steps)
        given = differentiable(image, activations)
        gradient = activations.gradient(activations_at(activations, given, units, positions, redirected()).sum(), given)
        gradient = gradient.nan_to_num(nan=0, posinf=0, neginf=0)
        upward = length * gradient / _root_mean_square(gradient)
        image = (image + (1 - step / steps) * (upward - penalty * (image - mean))).clamp(0, 1)
    on_progress("model image", steps, steps)
    return image[0]


def _mean_image(preprocess: Preprocess) -> Float[Tensor, "3 H W"]:
    """Return the RGB image, in 0..1, that the network sees as zeros."""
    mean = torch.tensor(preprocess.mean, dtype=torch.float32) / preprocess.value_range
    color = mean.flip(0) if preprocess.channels == "bgr" else mean.expand(3)
    return color[:, None, None].expand(3, *preprocess.size)


def _root_mean_square(gradient: Tensor) -> Float[Tensor, ""]:
    """Return the root mean square of all values but zeros, which are outside the receptive field; always positive."""
    return (gradient.square().sum() / gradient.count_nonzero().clamp(min=1)).sqrt().clamp(min=1e-30)
