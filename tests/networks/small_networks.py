"""Random small networks, and what their positions see by a second, plain account of the rules."""

from dataclasses import dataclass

import torch
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F  # noqa: N812

CHANNELS = 4


@dataclass(frozen=True)
class Stage:
    """What a stage does along height and width: a tuple of numbers for each, in the order in which ``along`` has them.

    conv: kernel, stride, padding, dilation; pool: kernel, stride, padding; same: kernel, dilation; branches: two
    kernels; crop: begin, end, step; pad: before, after; skewed: kernel, shift.
    """

    kind: str
    height: tuple[int, ...]
    width: tuple[int, ...]
    groups: int = 1
    ceil: bool = False
    mode: str = ""


class Small(nn.Module):
    """The network, with positive weights and smooth steps: nothing that a position sees can cancel.

    ``smooth`` takes the mean where the network would take the largest.
    """

    def __init__(self, stages, *, smooth):
        super().__init__()
        self.stages, self.smooth, self.maps = stages, smooth, nn.Identity()
        self.precision = nn.Parameter(torch.zeros(1, dtype=torch.float64))

    def forward(self, x):
        for stage in self.stages:
            x = self.run(stage, x)
        return self.maps(x)

    def run(self, stage, x):
        def conv(x, kernel, units=CHANNELS, groups=1, **options):
            weight = torch.full((units, x.shape[1] // groups, *kernel), 1 / (x.shape[1] * kernel[0] * kernel[1]))
            return F.softplus(F.conv2d(x, weight.double(), groups=groups, **options))

        def same(x, kernel, dilation=(1, 1), units=CHANNELS):
            padding = [apart * (length // 2) for apart, length in zip(dilation, kernel, strict=True)]
            return conv(x, kernel, units, padding=padding, dilation=dilation)

        first, *others = zip(stage.height, stage.width, strict=True)
        if stage.kind == "conv":
            stride, padding, dilation = others
            return conv(x, first, groups=stage.groups, stride=stride, padding=padding, dilation=dilation)
        if stage.kind == "pool":
            pool = F.max_pool2d if stage.mode == "max" and not self.smooth else F.avg_pool2d
            return pool(x, first, *others, ceil_mode=stage.ceil)
        if stage.kind == "same":
            return x + same(x, first, others[0])
        if stage.kind == "branches":
            return torch.cat([same(x, first, units=2), same(x, others[0], units=2)], 1)
        if stage.kind == "crop":
            (top, bottom, down), (left, right, across) = stage.height, stage.width
            return x[:, :, top : x.shape[2] - bottom : down, left : x.shape[3] - right : across]
        if stage.kind == "pad":
            sides = (*stage.width, *stage.height)
            return F.pad(x, sides, mode=stage.mode if min(sides) >= 0 else "constant")
        seen, (down, across) = conv(x, first), others[0]
        shifted = x[:, :, down:, across:]
        height, width = (min(seen.shape[dim], shifted.shape[dim]) for dim in (2, 3))
        return seen[:, :, :height, :width] + shifted[:, :, :height, :width]


# The second account: along one axis, each unit has the interval (first, last) of pixels that each position sees, or
# None where it sees something that was added around a map.


def largest(intervals):
    """The largest of several that meet; of ties, all together."""
    length = max(last - first for first, last in intervals)
    return together([(first, last) for first, last in intervals if last - first == length])


def together(intervals):
    return min(first for first, _ in intervals), max(last for _, last in intervals)


def met(intervals, choose):
    return None if None in intervals else choose(intervals)


def along(stages, axis, length, choose):
    """What ``choose`` makes of all that each position's units see, by position."""
    units = [[(pixel, pixel) for pixel in range(length)]] * CHANNELS
    for stage in stages:
        units = _stage_along(stage, (stage.height, stage.width)[axis], units, choose)
    return [met(list(seen), choose) for seen in zip(*units, strict=True)]


def _stage_along(stage, numbers, units, choose):
    count = len(units[0])

    def conv(units, kernel, stride=1, padding=0, dilation=1, groups=1, made=CHANNELS):
        found, each = [], len(units) // groups
        for unit in range(made):
            group = unit * groups // made
            mixed = [met(list(seen), choose) for seen in zip(*units[group * each : (group + 1) * each], strict=True)]
            found.append(slid(mixed, kernel, stride, padding, dilation, 0))
        return found

    def slid(line, kernel, stride, padding, dilation, more):
        reach = dilation * (kernel - 1)
        windows = (count + 2 * padding - reach - 1 + more) // stride + 1
        if more and (windows - 1) * stride >= count + padding:
            windows -= 1  # none begins in the padding at the end
        line = [None] * padding + line + [None] * (padding + reach + stride)
        starts = [place * stride for place in range(windows)]
        return [met(line[start : start + reach + 1 : dilation], together) for start in starts]

    if stage.kind == "conv":
        return conv(units, *numbers, groups=stage.groups)
    if stage.kind == "pool":
        kernel, stride, padding = numbers
        return [slid(line, kernel, stride, padding, 1, stride - 1 if stage.ceil else 0) for line in units]
    if stage.kind == "same":
        kernel, dilation = numbers
        others = conv(units, kernel, 1, dilation * (kernel // 2), dilation)
        return [[met([a, b], choose) for a, b in zip(*pair, strict=True)] for pair in zip(units, others, strict=True)]
    if stage.kind == "branches":
        return [line for kernel in numbers for line in conv(units, kernel, 1, kernel // 2, made=2)]
    if stage.kind == "crop":
        begin, end, step = numbers
        return [line[begin : count - end : step] for line in units]
    if stage.kind == "pad":
        before, after = numbers
        cut = [line[max(0, -before) : count - max(0, -after)] for line in units]
        return [[None] * max(0, before) + line + [None] * max(0, after) for line in cut]
    kernel, shift = numbers
    others = conv(units, kernel)
    return [
        [met([a, b], choose) for a, b in zip(line, shifted[shift:], strict=False)]
        for line, shifted in zip(others, units, strict=True)
    ]


@st.composite
def networks(draw, most=5):
    """Stages, and the size of an image that they take: maps never get empty."""
    size = draw(st.tuples(*[st.integers(12, 36)] * 2))
    stages, lengths = [], size
    kinds = ["conv", "conv", "pool", "same", "branches", "crop", "pad", "skewed"]
    for _ in range(draw(st.integers(1, most))):
        kind = draw(st.sampled_from(kinds))
        mode = draw(st.sampled_from(["max", "avg"] if kind == "pool" else ["constant", "replicate"]))
        groups = draw(st.sampled_from([1, 1, 2, 4])) if kind == "conv" else 1
        numbers = [draw(_numbers(kind, length)) for length in lengths]
        stage = Stage(kind, *numbers, groups=groups, ceil=draw(st.booleans()), mode=mode)
        stages.append(stage)
        lengths = tuple(len(along(stages, axis, size[axis], together)) for axis in (0, 1))
    return stages, size


def _numbers(kind, length):
    """Along one axis, for maps of ``length`` positions."""
    most = min(5, length)
    kernels, odd = st.integers(1, most), st.sampled_from([kernel for kernel in (1, 3, 5) if kernel <= most])
    steps = st.sampled_from([1, 1, 2, 3])
    if kind == "conv":
        dilations = kernels.flatmap(
            lambda kernel: st.tuples(st.just(kernel), st.sampled_from([1, 2] if 2 * kernel - 1 <= length else [1]))
        )
        return st.tuples(dilations, steps, st.integers(0, 5)).map(
            lambda drawn: (drawn[0][0], drawn[1], min(drawn[2], drawn[0][0]), drawn[0][1])
        )
    if kind == "pool":
        return st.tuples(kernels, steps, st.integers(0, 2)).map(
            lambda drawn: (drawn[0], drawn[1], min(drawn[2], drawn[0] // 2))
        )
    if kind == "same":
        return st.tuples(odd, st.integers(1, 2))
    if kind == "branches":
        return st.tuples(odd, odd)
    few = min(3, (length - 1) // 2)
    if kind == "crop":
        return st.tuples(st.integers(0, few), st.integers(0, few), st.integers(1, 2))
    if kind == "pad":
        return st.tuples(st.integers(-few, 3), st.integers(-few, 3))
    return st.tuples(kernels, st.integers(0, min(6, length - 1)))
