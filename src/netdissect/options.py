"""What a caller asked for, checked and in plain types, before any work begins."""

import os
from collections.abc import Sequence

import torch
from torch import nn

from netdissect.choices import CHANNELS, VALUE_RANGES
from netdissect.engine.alignment import check_alignment
from netdissect.engine.batches import Preprocess
from netdissect.networks.expected import IMAGENET, Expected
from netdissect.networks.running import device_of
from netdissect.numbers import real_number, whole_number
from netdissect.parallel import MOST_WORKERS
from netdissect.types import NetdissectError, one_line


def choose_preprocess(
    expected: Expected,
    size: int | tuple[int, int] | None,
    mean: float | Sequence[float] | None,
    std: float | Sequence[float] | None,
    channels: str | None = None,
    value_range: int | None = None,
) -> Preprocess:
    """What the caller says, else what the weights tell, else ImageNet's.

    What the weights tell for other channels is put in order, or averaged for gray. For another range than theirs the
    mean is scaled, and the deviation is the default: ImageNet's for values up to 1, and 1 for those up to 255, from
    which Caffe's networks, the usual ones of that range, only subtract a mean.
    """
    channels, value_range = _channels(channels, value_range, expected)
    expected, default = (told.converted(channels, value_range) for told in (expected, IMAGENET))
    assert default.size and default.mean  # ImageNet's are known
    count = CHANNELS[channels]
    if size is None:
        pair = expected.size or default.size
    else:
        height, width = size if isinstance(size, Sequence) and len(size) == 2 else (size, size)
        pair = (whole_number(height, "height of images"), whole_number(width, "width of images"))
    average = _per_channel(mean, count, "mean") or expected.mean or default.mean
    deviation = _per_channel(std, count, "std") or expected.std or default.std or (1.0,) * count
    if min(deviation) <= 0:
        raise NetdissectError(f"a standard deviation of {min(deviation)} cannot be divided by")
    return Preprocess(pair, average, deviation, channels, value_range)


def _channels(channels: str | None, value_range: int | None, expected: Expected) -> tuple[str, int]:
    channels = expected.channels or "rgb" if channels is None else channels
    value_range = expected.value_range or 1 if value_range is None else value_range
    if channels not in CHANNELS:
        raise NetdissectError(f"no input {channels!r}: it is {', '.join(CHANNELS)}")
    if value_range not in VALUE_RANGES:
        raise NetdissectError(f"no range {value_range!r}: white is {' or '.join(map(str, VALUE_RANGES))}")
    return channels, int(value_range)


def _per_channel(values: float | Sequence[float] | None, count: int, what: str) -> tuple[float, ...] | None:
    """One number for all of ``count`` channels, or one for each."""
    if values is None:
        return None
    numbers = [real_number(value, what) for value in (values if isinstance(values, Sequence) else [values])]
    if len(numbers) not in (1, count):
        known = "one number" if count == 1 else "one number or three"
        raise NetdissectError(f"{what} is {known}, not {len(numbers)}")
    return tuple(numbers if len(numbers) == count else numbers * count)


def check_options(quantile: float, iou_threshold: float, align: str) -> None:
    """Raises ``NetdissectError`` if one of them is out of range."""
    if not 0 < quantile < 1:
        raise NetdissectError(f"a quantile of {quantile} is not between 0 and 1")
    if not 0 <= iou_threshold < 1:
        raise NetdissectError(f"an IoU threshold of {iou_threshold} is not in 0..1")
    check_alignment(align)


def choose_device(model: nn.Module, device: str | torch.device | None) -> torch.device:
    """``None`` is where the model is, ``auto`` the GPU if there is one."""
    if device is None:
        return device_of(model) or torch.device("cpu")
    if device == "auto":
        kind = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        return torch.device(kind)
    try:
        torch.zeros(1, device=device).item()
        return torch.device(device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise NetdissectError(f"device {device!r} cannot be used: {one_line(error)}") from error


def choose_precision(precision: str, device: torch.device) -> torch.dtype:
    """The number type in which the network is run on ``device``."""
    known = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    if precision not in known:
        raise NetdissectError(f"no precision {precision!r}: it is {' or '.join(known)}")
    if precision == "float16" and device.type == "cpu":
        raise NetdissectError("float16 is for GPUs; a CPU takes bfloat16")
    return known[precision]


def choose_workers(workers: int | None) -> int:
    """``None`` is half as many as there are cores, at most 8: the network needs the rest, and 8 threads feed a GPU."""
    if workers is None:
        return min(MOST_WORKERS, max(1, (os.cpu_count() or 1) // 2))
    return whole_number(workers, "number of workers", least=0)
