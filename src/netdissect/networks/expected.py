"""What a network is to be fed, as far as its weights or its library tell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from netdissect.choices import CHANNELS, VALUE_RANGES
from netdissect.types import NetdissectError, one_line


@dataclass(frozen=True)
class Expected:
    """What a network was trained on, None where it is not known.

    ``size`` is that of images (H, W), ``channels`` one of ``CHANNELS``, ``value_range`` one of ``VALUE_RANGES``. Mean
    and deviation are per channel, in the order of ``channels`` and in ``value_range`` (rgb and 1 if these are None).
    """

    size: tuple[int, int] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    channels: str | None = None
    value_range: int | None = None

    def converted(self, channels: str, value_range: int) -> "Expected":
        """The same for images of other channels or another range.

        Gray has the average of the colors. In another range the mean is scaled, and the deviation is not known: what a
        network fed 0..255 divides by does not follow from it.
        """
        before, range_before = self.channels or "rgb", self.value_range or 1
        mean, std = (values and _in_order(values, before, channels) for values in (self.mean, self.std))
        if range_before != value_range:
            mean, std = mean and tuple(value * value_range / range_before for value in mean), None
        return replace(self, mean=mean, std=std, channels=channels, value_range=value_range)


#: What most networks of torchvision and timm were trained on.
IMAGENET = Expected((224, 224), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "rgb", 1)


def channel_values(values: Sequence[float] | None, channels: str | None) -> tuple[float, ...] | None:
    """A number per channel; one stands for all, and another number of them says nothing about ``channels``."""
    count = CHANNELS[channels or "rgb"]
    if values is None or len(values) not in (1, count):
        return None
    return tuple(float(value) for value in (values if len(values) == count else [values[0]] * count))


def expected_by_metadata(metadata: Mapping[str, str], otherwise: Expected, source: str) -> Expected:
    """What the metadata of a safetensors file say, else ``otherwise``; ``source`` names the file in an error.

    ``input_size`` is like 224x224, ``mean`` and ``std`` like 0.5 or 0.4,0.5,0.6, ``channels`` like BGR, ``value_range``
    1 or 255.
    """
    try:
        size: tuple[int, int] | None = None
        if "input_size" in metadata:
            height, _, width = metadata["input_size"].partition("x")
            size = (int(height), int(width or height))
        channels = metadata["channels"].lower() if "channels" in metadata else otherwise.channels
        value_range = int(metadata["value_range"]) if "value_range" in metadata else otherwise.value_range
        if channels not in (None, *CHANNELS) or value_range not in (None, *VALUE_RANGES):
            raise ValueError(f"channels {channels}, value_range {value_range}")
        mean, std = (
            channel_values([float(part) for part in metadata[key].strip("[]()").split(",")], channels)
            if key in metadata
            else None
            for key in ("mean", "std")
        )
    except ValueError as error:
        raise NetdissectError(f"{source}: its metadata cannot be read: {one_line(error)}") from error
    inherited = otherwise.converted(channels or "rgb", value_range or 1)
    return Expected(size or inherited.size, mean or inherited.mean, std or inherited.std, channels, value_range)


def _in_order(values: tuple[float, ...], before: str, after: str) -> tuple[float, ...]:
    if before == after:
        return values
    if after == "gray":
        return (fmean(values),)
    return values * 3 if before == "gray" else values[::-1]
