"""The images that a network expects, as far as its weights or its library state it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from netdissect.choices import CHANNELS, VALUE_RANGES
from netdissect.types import NetdissectError, one_line


@dataclass(frozen=True)
class Expected:
    """The images that a network was trained on; None for each fact that is not known.

    ``size`` is the images' (H, W), ``channels`` one of ``CHANNELS``, ``value_range`` one of ``VALUE_RANGES``. Mean and
    deviation are per channel, in the order of ``channels`` and in ``value_range`` (rgb and 1 if these are None).
    """

    size: tuple[int, int] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    channels: str | None = None
    value_range: int | None = None

    def converted(self, channels: str, value_range: int) -> "Expected":
        """Return the same facts for images of other channels or another range.

        Gray has the average of the colors. In another range the mean is scaled, and the deviation is not known: a
        network that is fed 0..255 may divide by anything.

        >>> Expected(mean=(0.25, 0.5, 0.75), std=(0.5, 0.5, 0.5)).converted("gray", 255).mean
        (127.5,)
        """
        before, range_before = self.channels or "rgb", self.value_range or 1
        mean, std = (values and _reordered(values, before, channels) for values in (self.mean, self.std))
        if range_before != value_range:
            mean, std = mean and tuple(value * value_range / range_before for value in mean), None
        return replace(self, mean=mean, std=std, channels=channels, value_range=value_range)


#: The images that most networks of torchvision and timm were trained on.
IMAGENET = Expected((224, 224), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "rgb", 1)


def channel_values(values: Sequence[float] | None, channels: str | None) -> tuple[float, ...] | None:
    """Return a value per channel; one value is broadcast to all. Return None if the count fits neither.

    >>> channel_values([0.5], "rgb"), channel_values([0.5, 0.5], "rgb")
    ((0.5, 0.5, 0.5), None)
    """
    count = CHANNELS[channels or "rgb"]
    if values is None or len(values) not in (1, count):
        return None
    return tuple(float(value) for value in (values if len(values) == count else [values[0]] * count))


def expected_by_metadata(metadata: Mapping[str, str], otherwise: Expected, source: str) -> Expected:
    """Return the facts in the metadata of a safetensors file, and ``otherwise`` for the missing ones.

    ``input_size`` is like 224x224, ``mean`` and ``std`` like 0.5 or 0.4,0.5,0.6, ``channels`` like BGR, ``value_range``
    1 or 255. Raises ``NetdissectError``, which names the file as ``source``, for other values.

    >>> expected_by_metadata({"input_size": "64", "mean": "0.5"}, Expected(), "net.safetensors")
    Expected(size=(64, 64), mean=(0.5, 0.5, 0.5), std=None, channels=None, value_range=None)
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


def _reordered(values: tuple[float, ...], before: str, after: str) -> tuple[float, ...]:
    """Return values per channel for other channels."""
    if before == after:
        return values
    if after == "gray":
        return (fmean(values),)
    return values * 3 if before == "gray" else values[::-1]
