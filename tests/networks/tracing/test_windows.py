"""Rules of windows and of resizing: convolutions, poolings, interpolation, padding."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from tests.networks.tracing.steps import (
    MIXED,
    ORDER,
    WHOLE,
    check,
    conv,
    layer,
)

# ``rows`` are worked out by hand. All steps treat height and width alike.

FIELDS = {
    # Windows of positions i*stride - padding ... + (kernel-1)*dilation.
    "even_kernel": (lambda x: conv(x, 4), [i + 1.5 for i in range(9)], 4),
    "even_kernel_padded": (lambda x: conv(x, 2, padding=1), [i - 0.5 for i in range(13)], 2),
    # 'same' with an even kernel adds more behind than before: of 3, 1 before and 2 behind, so i-1 ... i+2.
    "same_even": (lambda x: conv(x, 4, padding="same"), [i + 0.5 for i in range(12)], 4),
    "same_even_dilated": (lambda x: conv(x, 2, padding="same", dilation=3), [i + 0.5 for i in range(12)], 4),
    "dilated": (lambda x: conv(x, 3, dilation=2, stride=2), [2, 4, 6, 8], 5),
    "grouped": (lambda x: conv(x, 3, groups=4, padding=1), WHOLE, 3),
    # Of 12, windows of 3 by 4 begin at 0, 4, 8; of 5 by 4 at 0, 4 and, rounding up, 8, which reaches 12.
    "max_pool": (lambda x: F.max_pool2d(x, 3, 4), [1, 5, 9], 3),
    "max_pool_ceil": (lambda x: F.max_pool2d(x, 5, 4, ceil_mode=True), [2, 6, 10], 5),
    "max_pool_floor": (lambda x: F.max_pool2d(x, 5, 4), [2, 6], 5),
    "max_pool_dilated": (lambda x: F.max_pool2d(x, 3, 2, dilation=2), [2, 4, 6, 8], 5),
    # Rounding up gives 0 - 1, 3 - 1, 6 - 1, 9 - 1; one that began at 12 - 1 would be of the image, so there are five.
    "avg_pool_ceil": (lambda x: F.avg_pool2d(x, 2, 3, padding=1, ceil_mode=True), [-0.5, 2.5, 5.5, 8.5, 11.5], 2),
    "lp_pool": (lambda x: F.lp_pool2d(x, 2, 3), [1, 4, 7, 10], 3),
    # 12 to 5: floor(i*12/5) = 0 2 4 7 9, ceil((i+1)*12/5) - 1 = 2 4 7 9 11.
    "adaptive_5": (lambda x: F.adaptive_avg_pool2d(x, 5), [1, 3, 5.5, 8, 10], 4),
    "adaptive_max": (lambda x: F.adaptive_max_pool2d(x, 5), [1, 3, 5.5, 8, 10], 4),
    # 12 to 9, 4/3 each: 0 1 2 4 5 6 8 9 10 to 1 2 3 5 6 7 9 10 11.
    "adaptive_9": (lambda x: F.adaptive_avg_pool2d(x, 9), [0.5, 1.5, 2.5, 4.5, 5.5, 6.5, 8.5, 9.5, 10.5], 2),
    # Input i gives outputs 2i ... 2i+1, so output j lies at (j - 0.5) / 2, and sees one input.
    "transposed_conv": (
        lambda x: F.conv_transpose2d(x, torch.ones(4, 4, 2, 2), stride=2),
        [(j - 0.5) / 2 for j in range(24)],
        1,
    ),
    # 4x4 by 2, padding 1: 2i-1 ... 2i+2, output j at (j - 0.5) / 2, of two inputs.
    "transposed_conv_4": (
        lambda x: F.conv_transpose2d(x, torch.ones(4, 4, 4, 4), stride=2, padding=1),
        [(j - 0.5) / 2 for j in range(24)],
        2,
    ),
    # align_corners=False: (j + 0.5) / 2 - 0.5; True: j * 11 / 23. Two pixels are mixed; cubic: four.
    "bilinear": (
        lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"),
        [(j + 0.5) / 2 - 0.5 for j in range(24)],
        2,
    ),
    "bilinear_corners": (
        lambda x: F.interpolate(x, 24, mode="bilinear", align_corners=True),
        [j * 11 / 23 for j in range(24)],
        2,
    ),
    "bicubic": (lambda x: F.interpolate(x, 18, mode="bicubic"), [(j + 0.5) / 1.5 - 0.5 for j in range(18)], 4),
    "bicubic_corners": (
        lambda x: F.interpolate(x, 18, mode="bicubic", align_corners=True),
        [j * 11 / 17 for j in range(18)],
        4,
    ),
    "nearest": (lambda x: F.interpolate(x, scale_factor=2), [(j + 0.5) / 2 - 0.5 for j in range(24)], 1),
    "nearest_exact": (
        lambda x: F.interpolate(x, 18, mode="nearest-exact"),
        [(j + 0.5) / 1.5 - 0.5 for j in range(18)],
        1,
    ),
    "shrunk": (lambda x: F.interpolate(x, 6, mode="bilinear"), [2 * j + 0.5 for j in range(6)], 2),
    "shrunk_smoothly": (
        lambda x: F.interpolate(x, 6, mode="bilinear", antialias=True),
        [2 * j + 0.5 for j in range(6)],
        3,
    ),
    "pixel_shuffle": (lambda x: F.pixel_shuffle(x, 2), [(j + 0.5) / 2 - 0.5 for j in range(24)], 1),
    "pad": (lambda x: F.pad(x, (2, 1, 2, 1)), list(range(-2, 13)), 1),
    "pad_negative": (lambda x: F.pad(x, (-2, -1, -2, -1)), list(range(2, 11)), 1),
    "pad_both_ways": (lambda x: F.pad(x, (-2, 1, -2, 1)), list(range(2, 13)), 1),
    "pad_reflect": (lambda x: conv(F.pad(x, (1, 1, 1, 1), mode="reflect"), 3), WHOLE, 3),
    "pad_replicate": (lambda x: conv(F.pad(x, (2, 0, 2, 0), mode="replicate"), 3), [i - 1 for i in range(12)], 3),
    "zero_pad_layer": (lambda x: nn.ZeroPad2d((1, 0, 1, 0))(x), list(range(-1, 12)), 1),
    "conv3d_over_units": (
        lambda x: F.conv3d(x.unsqueeze(1), torch.ones(1, 1, 3, 3, 3), padding=(1, 1, 1)).squeeze(1),
        WHOLE,
        3,
    ),
    "avg_pool3d": (lambda x: F.avg_pool3d(x.unsqueeze(1), (3, 3, 3), (1, 2, 2)).squeeze(1), [1, 3, 5, 7, 9], 3),
}


@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")  # torch says once that it copies
@pytest.mark.parametrize("name", FIELDS)
def test_field(name):
    make, rows, size = FIELDS[name]
    check(make, rows, size)


def test_positions_that_repeat_are_in_no_order():
    assert layer(lambda x: F.adaptive_avg_pool2d(x, 24)).field is None


def test_mean_step_of_irregular_centres():
    # 7 to 3: 0-2, 2-4, 4-6; 10 to 4: 0-2, 2-4, 5-7, 7-9.
    field = layer(nn.AdaptiveAvgPool2d((3, 4)), (7, 10)).field
    assert (field.rows, field.columns) == ((1, 3, 5), (1, 3, 6, 8))
    assert (field.size, field.step) == ((3, 3), (2, pytest.approx(7 / 3)))


def test_height_and_width_apart():
    weight = torch.ones(2, 1, 2, 5)
    field = layer(lambda x: F.conv2d(x, weight, stride=(3, 1), padding=(0, 2)), (9, 7), channels=1).field
    assert (field.rows, field.columns) == ((0.5, 3.5, 6.5), tuple(range(7)))
    assert (field.size, field.step, field.first) == ((2, 5), (3, 1), (0.5, 0))
    assert field.summary() == {"size": [2, 5], "step": [3, 1], "first": [0.5, 0]}


@pytest.mark.parametrize("size", [(1, 9), (9, 1), (1, 1), (2, 9)])
def test_maps_of_one_row_or_column(size):
    """Their step is that of the network, since no neighbours show it; also for what is built upon them."""
    weight = torch.ones(2, 4, 3, 3)
    field = layer(lambda x: F.conv2d(F.conv2d(x, weight, stride=2, padding=1), weight[:, :2], padding=1), size).field
    # Seen is 1 left of the first to 1 right of it, then 1 step of 2 more on both sides.
    assert (field.size, field.step, field.first) == ((7, 7), (2, 2), (0, 0))
    assert [len(field.rows), len(field.columns)] == [(length + 1) // 2 for length in size]


NO_FIELD = {
    "window_of_all": (lambda x: F.max_pool2d(x, 12), MIXED),
    "global_pool": (lambda x: F.adaptive_avg_pool2d(x, 1), MIXED),
    "circular": (lambda x: F.pad(x, (1, 1, 1, 1), mode="circular"), ORDER),
}


@pytest.mark.parametrize("name", NO_FIELD)
def test_reason_for_no_field(name):
    make, reason = NO_FIELD[name]
    info = layer(make)
    assert info.field is None
    assert info.no_field.startswith(reason)
