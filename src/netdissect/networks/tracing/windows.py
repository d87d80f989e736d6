"""Operations that slide windows over maps, or make maps of other sizes."""

import re
from collections.abc import Sequence

from netdissect.networks.tracing.operation import Operation, Positions, along_axis, each
from netdissect.networks.tracing.positions import AxisField, resampled, summed, windowed, with_step


def convolution(operation: Operation) -> Positions:
    """Also transposed, where values are spread rather than gathered."""
    arguments, weight = operation.arguments, operation.arguments["weight"]
    shape, spatial = operation.output.shape, weight.ndim - 2
    stride, padding, dilation = (_of_each(arguments[key], spatial) for key in ("stride", "padding", "dilation"))

    def change(field: AxisField, axis: int) -> AxisField:
        field = _mixed_channels(field, arguments["groups"], shape[1])
        for place, (kernel, step, before, apart) in enumerate(
            zip(weight.shape[2:], stride, padding, dilation, strict=True)
        ):
            dim, reach = 2 + place, apart * (kernel - 1)
            is_axis = along_axis(shape, dim, axis)
            if arguments.get("transposed", False):
                at = [(position + before - reach / 2) / step for position in range(shape[dim])]
                field = resampled(field, dim, at, reach=reach // step, is_axis=is_axis)
            else:
                field = _slid(field, dim, shape[dim], reach + 1, step, before, is_axis)
        return field

    return each(operation.given("input"), change)


def pool(operation: Operation) -> Positions:
    """How many windows there are, in ``ceil_mode`` too, the output's shape tells; one window is a global pooling."""
    arguments, shape = operation.arguments, operation.output.shape
    spatial = _spatial_dimensions(operation)
    kernel = _of_each(arguments["kernel_size"], spatial)
    stride = _of_each(arguments.get("stride") or kernel, spatial)
    padding = _of_each(arguments["padding"], spatial)
    dilation = _of_each(arguments.get("dilation", 1), spatial)

    places = operation.given("self")[0].shape[-spatial:]
    if all(padding[i] == 0 and kernel[i] == length for i, length in enumerate(places)) and max(places) > 1:
        dims = list(range(-spatial, 0))
        return each(operation.given("self"), lambda field, _: summed(field, dims))

    def change(field: AxisField, axis: int) -> AxisField:
        for place in range(spatial):
            dim, reach = len(shape) - spatial + place, dilation[place] * (kernel[place] - 1)
            is_axis = along_axis(shape, dim, axis)
            field = _slid(field, dim, shape[dim], reach + 1, stride[place], padding[place], is_axis)
        return field

    return each(operation.given("self"), change)


def _slid(field: AxisField, dim: int, count: int, length: int, stride: int, padding: int, is_axis: bool) -> AxisField:
    first = [position * stride - padding for position in range(count)]
    seen = windowed(field, dim, first, [position + length - 1 for position in first], is_axis=is_axis)
    return with_step(seen, stride) if is_axis else seen


def adaptive_pool(operation: Operation) -> Positions:
    """Windows that divide a map evenly, or overlap a little; of one output, all of the map."""
    shape = operation.output.shape
    spatial = _spatial_dimensions(operation)

    def change(field: AxisField, axis: int) -> AxisField:
        for dim in range(len(shape) - spatial, len(shape)):
            length, count = field.shape[dim], shape[dim]
            if count == 1:
                field = summed(field, [dim])
                continue
            first = [position * length // count for position in range(count)]
            last = [-(-(position + 1) * length // count) - 1 for position in range(count)]
            is_axis = along_axis(shape, dim, axis)
            field = windowed(field, dim, first, last, is_axis=is_axis)
            field = with_step(field, length / count) if is_axis else field
        return field

    return each(operation.given("self"), change)


def interpolated(operation: Operation) -> Positions:
    """Maps of another size, by the nearest value or between neighbours."""
    arguments, shape, name = operation.arguments, operation.output.shape, operation.name
    spatial = _spatial_dimensions(operation)
    scales = [arguments.get(key) for key in ("scales_d", "scales_h", "scales_w")[-spatial:]]
    if spatial == 1:
        scales = [arguments.get("scales")]
    neighbours = 0 if "nearest" in name else 3 if "cubic" in name else 1

    def change(field: AxisField, axis: int) -> AxisField:
        for place, scale in enumerate(scales):
            dim = len(shape) - spatial + place
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
    """Channels that become pixels, each between those of the coarser map."""
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
    """Padding lies where the map would go on, whatever its values are; a negative one crops."""
    pad = operation.arguments.get("pad") or operation.arguments["padding"]
    shape = operation.output.shape

    def change(field: AxisField, axis: int) -> AxisField:
        for place in range(len(pad) // 2):
            dim = len(shape) - 1 - place
            first = list(range(-pad[2 * place], field.shape[dim] + pad[2 * place + 1]))
            field = windowed(field, dim, first, first, is_axis=along_axis(shape, dim, axis))
        return field

    return each(operation.given("self"), change)


def _mixed_channels(field: AxisField, groups: int, channels: int) -> AxisField:
    """Each of ``channels`` sums over one of ``groups`` of the channels, dimension 1."""
    count, *places = field.shape[:1] + field.shape[2:]
    apart = field.rearranged(lambda numbers: numbers.reshape(count, groups, -1, *places))
    total = summed(apart, [2]).expanded((count, groups, channels // groups, *places))
    return total.rearranged(lambda numbers: numbers.reshape(count, channels, *places))


def _spatial_dimensions(operation: Operation) -> int:
    """2 of ``max_pool2d``."""
    return int(re.findall(r"(\d)d", operation.name)[0])


def _of_each(values: int | Sequence[int], count: int) -> list[int]:
    """A number for each dimension, where one may stand for all."""
    numbers = [values] if isinstance(values, int) else list(values)
    return numbers * count if len(numbers) == 1 else numbers
