"""From images to what a network takes."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from netdissect.choices import CHANNELS
from netdissect.network_settings import NetworkSettings
from netdissect.networks.expected import IMAGENET, Expected
from netdissect.types import NetdissectError

#: The weights of red, green and blue in luminance (ITU-R 601-2), as Pillow has them.
_LUMINANCE = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Preprocess:
    """The preprocessing of images: squashed to ``size`` (H, W), less ``mean``, over ``std``.

    ``channels`` are "rgb", "bgr" or "gray" (luminance, one channel). Black is 0 and white ``value_range``, 1 or 255.
    Mean and deviation are per channel, in that order and range.

    >>> Preprocess(size=(2, 2)).squash(Image.new("RGB", (8, 8), "red"))[0, 0].tolist()
    [255, 0, 0]
    """

    size: tuple[int, int] = (224, 224)
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    channels: str = "rgb"
    value_range: int = 1

    @property
    def channel_count(self) -> int:
        """The number of channels that the network takes."""
        return CHANNELS[self.channels]

    def squash(self, image: Image.Image) -> UInt8[np.ndarray, "H W channels"]:
        """Return the image's pixels at the network's size, in its order of channels."""
        height, width = self.size
        mode = "L" if self.channels == "gray" else "RGB"
        if image.mode != mode:
            image = image.convert(mode)
        if image.size != (width, height):
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        if self.channels == "bgr":  # Pillow writes the bytes in this order at no cost; numpy would take a pass
            return np.frombuffer(image.tobytes("raw", "BGR"), dtype=np.uint8).reshape(height, width, 3)
        return np.array(image).reshape(height, width, self.channel_count)

    def normalize(self, pixels: UInt8[Tensor, "n H W channels"]) -> Float[Tensor, "n channels H W"]:
        """Return the network's input on the device of ``pixels``, channels-last in memory as these are."""
        images = pixels.permute(0, 3, 1, 2).float()
        if self.value_range == 1:
            images.div_(255)
        mean, std = (
            torch.tensor(values, dtype=torch.float32, device=pixels.device)[:, None, None]
            for values in (self.mean, self.std)
        )
        return images.sub_(mean).div_(std)

    def feed(self, images: Float[Tensor, "n 3 H W"]) -> Float[Tensor, "n channels H W"]:
        """Return the network's input for RGB images in 0..1 of the right size; gradients lead through."""
        if self.channels == "gray":
            images = (images * images.new_tensor(_LUMINANCE)[:, None, None]).sum(dim=1, keepdim=True)
        elif self.channels == "bgr":
            images = images.flip(1)
        mean, std = (images.new_tensor(values)[:, None, None] for values in (self.mean, self.std))
        return (images * self.value_range - mean) / std


def choose_preprocess(expected: Expected, settings: NetworkSettings) -> Preprocess:
    """Return the preprocessing that the settings ask for, else that of the weights, else ImageNet's.

    A mean that weights tell for other channels is put in order, or averaged for gray. For another range than theirs the
    mean is scaled, and the deviation is the default: ImageNet's for values up to 1, and 1 for those up to 255, from
    which Caffe's networks, the usual ones of that range, only subtract a mean. Raises ``NetdissectError`` for means or
    deviations of another number, and for deviations that are not positive.

    >>> choose_preprocess(Expected(size=(64, 64)), NetworkSettings(mean=0.5)).mean
    (0.5, 0.5, 0.5)
    """
    channels = settings.channels or expected.channels or "rgb"
    value_range = settings.value_range or expected.value_range or 1
    expected, default = (known.converted(channels, value_range) for known in (expected, IMAGENET))
    assert default.size and default.mean  # ImageNet's are known
    count = CHANNELS[channels]
    mean = _per_channel(settings.mean, count, "mean") or expected.mean or default.mean
    std = _per_channel(settings.std, count, "std") or expected.std or default.std or (1.0,) * count
    if min(std) <= 0:
        raise NetdissectError(f"a standard deviation of {min(std)} cannot be divided by")
    return Preprocess(settings.size or expected.size or default.size, mean, std, channels, value_range)


def _per_channel(values: tuple[float, ...] | None, count: int, what: str) -> tuple[float, ...] | None:
    """Broadcast one number to all channels."""
    if values is None or len(values) == count:
        return values
    if len(values) != 1:
        known = "one number" if count == 1 else "one number or three"
        raise NetdissectError(f"{what} is {known}, not {len(values)}")
    return values * count
