"""From the output of a layer to activation maps that can be counted, or the reason why they cannot."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from netdissect.engine.extremes import Extremes
from netdissect.inference.capture import activation_maps
from netdissect.networks.layers import LayerInfo
from netdissect.types import NetdissectError

#: Differences of activations up to here are still float32 numbers.
_LARGEST = torch.finfo(torch.float32).max / 2


def maps_of(layer: LayerInfo, output: Any, images: int, device: torch.device) -> Float[Tensor, "n u h w"]:
    """Return the activation maps of a layer's output for so many images, on ``device``.

    Raises ``NetdissectError`` if the output is laid out otherwise than ``layer`` says, or of another shape.
    """
    maps = activation_maps(layer.name, output, images, layer.layout).to(device)
    shape, before = tuple(maps.shape[1:]), (*layer.shape, 1, 1)[:3]
    if shape != before:
        raise NetdissectError(f"layer {layer.name} changes its shape from {before} to {shape} between images")
    return maps


def check_usable(
    layer: str, maps: Float[Tensor, "n u h w"], extremes: Extremes, image_name: Callable[[int], str]
) -> None:
    """Raise ``NetdissectError`` if an activation is not finite, or too large to be interpolated.

    ``extremes`` are those of the maps; ``image_name`` returns an image's name for its position in the batch.
    """
    if extremes.within(_LARGEST):
        return
    usable = (maps.abs() <= _LARGEST).all(dim=(1, 2, 3))  # NaN is not below anything either
    position = int(usable.logical_not().nonzero()[0, 0])
    what = "too large" if bool(maps[position].isfinite().all()) else "NaN or infinite"
    raise NetdissectError(f"layer {layer} has {what} activations on image {image_name(position)}")
