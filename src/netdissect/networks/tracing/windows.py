"""Rules of operations that slide windows over maps, or resize maps."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from netdissect.networks.tracing.operation import Operation, Positions, along_axis, each
from netdissect.networks.tracing.positions import AxisField, resampled, summed, windowed, with_step


def convolution(operation: Operation) -> Positions:
    """Return the positions after a convolution, or a transposed one."""
    arguments, weight = operation.arguments, operation.arguments["weight"]
    shape, spatial = operation.output.shape, weight.ndim - 2
    stride, padding, dilation = (_for_each(arguments[key], spatial) for key in ("stride", "padding", "dilation"))

    def change(field: AxisField, axis: int) -> AxisField:
        field = _mixed_channels(field, arguments["groups"], shape[1])
        for dim, (kernel, step, before, apart) in enumerate(
            zip(weight.shape[2:], stride, padding, dilation, strict=True), start=2
        ):
            reach = apart * (kernel - 1)
            is_axis = along_axis(shape, dim, axis)
            if arguments.get("transposed", False):
                at = [(position + before - reach / 2) / step for position in range(shape[dim])]
                field = resampled(field, dim, at, reach=reach // step, is_axis=is_axis)
            else:
                field = _slid(field, dim, _Windows(shape[dim], reach + 1, step, before), is_axis)
        return field

    return each(operation.given("input"), change)


def pool(operation: Operation) -> Positions:
    """Return the positions after a pooling. One window that covers the map is a global pooling.

    The number of windows, which depends on ``ceil_mode``, is read from the output's shape.
    """
    arguments, shape = operation.arguments, operation.output.shape
    spatial = _spatial_dimensions(operation)
    kernel = _for_each(arguments["kernel_size"], spatial)
    stride = _for_each(arguments.get("stride") or kernel, spatial)
    padding = _for_each(arguments["padding"], spatial)
    dilation = _for_each(arguments.get("dilation", 1), spatial)

    lengths = operation.given("self")[0].shape[-spatial:]
    if all(padding[i] == 0 and kernel[i] == length for i, length in enumerate(lengths)) and max(lengths) > 1:
        dims = list(range(-spatial, 0))
        return each(operation.given("self"), lambda field, _: summed(field, dims))

    def change(field: AxisField, axis: int) -> AxisField:
        for i in range(spatial):
            dim, reach = len(shape) - spatial + i, dilation[i] * (kernel[i] - 1)
            is_axis = along_axis(shape, dim, axis)
            field = _slid(field, dim, _Windows(shape[dim], reach + 1, stride[i], padding[i]), is_axis)
        return field

    return each(operation.given("self"), change)


@dataclass(frozen=True)
class _Windows:
    """Windows along a dimension: how many, their length and stride, and the padding before the map."""

    count: int
    length: int
    stride: int
    padding: int


def _slid(field: AxisField, dim: int, windows: _Windows, is_axis: bool) -> AxisField:
    """Return the field after windows have slid along ``dim``."""
    first = [index * windows.stride - windows.padding for index in range(windows.count)]
    last = [index + windows.length - 1 for index in first]
    slid = windowed(field, dim, first, last, is_axis=is_axis)
    return with_step(slid, windows.stride) if is_axis else slid


def adaptive_pool(operation: Operation) -> Positions:
    """Return the positions after an adaptive pooling, whose windows divide the map, or cover all of it."""
    shape = operation.output.shape
    spatial = _spatial_dimensions(operation)

    def change(field: AxisField, axis: int) -> AxisField:
        for dim in range(len(shape) - spatial, len(shape)):
            length, count = field.shape[dim], shape[dim]
            if count == 1:
                field = summed(field, [dim])
                continue
            first = [index * length // count for index in range(count)]
            last = [-(-(index + 1) * length // count) - 1 for index in range(count)]
            is_axis = along_axis(shape, dim, axis)
            field = windowed(field, dim, first, last, is_axis=is_axis)
            field = with_step(field, length / count) if is_axis else field
        return field

    return each(operation.given("self"), change)


def interpolated(operation: Operation) -> Positions:
    """Return the positions after interpolation to another size."""
    arguments, shape, name = operation.arguments, operation.output.shape, operation.name
    spatial = _spatial_dimensions(operation)
    scales = [arguments.get(key) for key in ("scales_d", "scales_h", "scales_w")[-spatial:]]
    if spatial == 1:
        scales = [arguments.get("scales")]
    neighbours = 0 if "nearest" in name else 3 if "cubic" in name else 1

    def change(field: AxisField, axis: int) -> AxisField:
        for dim, scale in enumerate(scales, start=len(shape) - spatial):
            length, count = field.shape[dim], shape[dim]
            ratio = 1 / scale if scale else length / count
            if arguments.get("align_corners") and count > 1:
                at = [position * (length - 1) / (count - 1) for position in range(count)]
            else:
                at = [(position + 0.5) * ratio - 0.5 for position in range(count)]
            reach = neighbours * max(1.0, ratio) if name.endswith("aa") else neighbours
            field = resampled(field, dim, at, reach=reach, is_axis=along_axis(shape, dim, axis))
        return field

    return each(operation.given("self"), change)


def shuffled_pixels(operation: Operation) -> Positions:
    """Return the positions after a pixel shuffle, which turns channels into pixels of a finer map."""
    factor, shape = operation.arguments["upscale_factor"], operation.output.shape

    def change(field: AxisField, axis: int) -> AxisField:
        channels = len(shape) - 3
        field = _mixed_channels(field, shape[channels], shape[channels])
        for dim in (channels + 1, channels + 2):
            at = [(position + 0.5) / factor - 0.5 for position in range(shape[dim])]
            field = resampled(field, dim, at, reach=0, is_axis=along_axis(shape, dim, axis))
        return field

    return each(operation.given("self"), change)


def padded(operation: Operation) -> Positions:
    """Return the positions after padding, which continue those of the map; negative padding crops."""
    pad = operation.arguments.get("pad") or operation.arguments["padding"]
    shape = operation.output.shape

    def change(field: AxisField, axis: int) -> AxisField:
        for i in range(len(pad) // 2):
            dim = len(shape) - 1 - i
            first = list(range(-pad[2 * i], field.shape[dim] + pad[2 * i + 1]))
            field = windowed(field, dim, first, first, is_axis=along_axis(shape, dim, axis))
        return field

    return each(operation.given("self"), change)


def _mixed_channels(field: AxisField, groups: int, channels: int) -> AxisField:
    """Return the field of ``channels`` channels, each a sum over one of ``groups`` of the channels, dimension 1."""
    count, *lengths = field.shape[:1] + field.shape[2:]
    apart = field.rearranged(lambda numbers: numbers.reshape(count, groups, -1, *lengths))
    total = summed(apart, [2]).expanded((count, groups, channels // groups, *lengths))
    return total.rearranged(lambda numbers: numbers.reshape(count, channels, *lengths))


def _spatial_dimensions(operation: Operation) -> int:
    """Return the number of spatial dimensions: 2 for ``max_pool2d``."""
    return int(re.findall(r"(\d)d", operation.name)[0])


def _for_each(values: int | Sequence[int], count: int) -> list[int]:
    """Return a number for each dimension, given one for all or one for each."""
    numbers = [values] if isinstance(values, int) else list(values)
    return numbers * count if len(numbers) == 1 else numbers
