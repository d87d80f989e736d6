"""Receptive fields: known ones, and those that the gradient shows."""

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from torch import nn
from torch.nn import functional as F  # noqa: N812

from netdissect.networks.layers import list_layers
from netdissect.networks.load import load_model
from netdissect.networks.running import StopForward
from tests.networks.small_networks import CHANNELS, Small, along, largest, networks, together
from tests.planted import Runs


def fields(model, size=(224, 224), **options):
    return {info.name: info.field for info in list_layers(model.eval(), size, **options)}


def summaries(model, size=(224, 224)):
    return {name: None if field is None else field.summary() for name, field in fields(model, size).items()}


# Worked out by hand: the size grows by (kernel - 1) * dilation * step, the first centre by half of that less padding.

KNOWN = {
    "torchvision:alexnet": {
        "features.1": {"size": 11, "step": 4, "first": 3},
        "features.2": {"size": 19, "step": 8, "first": 7},
        "features.11": {"size": 163, "step": 16, "first": 15},
        "features.12": {"size": 195, "step": 32, "first": 31},
    },
    "torchvision:vgg16": {
        "features.3": {"size": 5, "step": 1, "first": 0},
        "features.4": {"size": 6, "step": 2, "first": 0.5},
        "features.22": {"size": 92, "step": 8, "first": 3.5},
        "features.29": {"size": 196, "step": 16, "first": 7.5},
        "features.30": {"size": 212, "step": 32, "first": 15.5},
    },
    "torchvision:resnet18": {
        "conv1": {"size": 7, "step": 2, "first": 0},
        "maxpool": {"size": 11, "step": 4, "first": 0},
        "layer1": {"size": 43, "step": 4, "first": 0},
        "layer2": {"size": 99, "step": 8, "first": 0},
        "layer4": {"size": 435, "step": 32, "first": 0},
        "avgpool": None,
        "fc": None,
    },
    # Poolings of 3 by 2 without padding, that round up: +2 steps of size, +1 step of place. torchvision's "5x5" is 3x3.
    "torchvision:googlenet": {
        "conv1": {"size": 7, "step": 2, "first": 0},
        "maxpool1": {"size": 7 + 4, "step": 4, "first": 2},
        "maxpool2": {"size": 11 + 8 + 8, "step": 8, "first": 2 + 4},
        "inception3b": {"size": 27 + 2 * 16, "step": 8, "first": 6},
        "maxpool3": {"size": 59 + 16, "step": 16, "first": 6 + 8},
        "inception4e": {"size": 75 + 5 * 32, "step": 16, "first": 14},
        "maxpool4": {"size": 235 + 16, "step": 32, "first": 14 + 8},
        "inception5b": {"size": 251 + 2 * 64, "step": 32, "first": 22},
        "avgpool": None,
    },
    # Strides are in the blocks' 3x3: the first of a layer sees two steps of the layer before, the others of their own.
    "torchvision:resnet50": {
        "maxpool": {"size": 11, "step": 4, "first": 0},
        "layer1": {"size": 11 + 3 * 8, "step": 4, "first": 0},
        "layer2": {"size": 35 + 8 + 3 * 16, "step": 8, "first": 0},
        "layer3": {"size": 91 + 16 + 5 * 32, "step": 16, "first": 0},
        "layer4": {"size": 267 + 32 + 2 * 64, "step": 32, "first": 0},
    },
    # 6, 12, 36 and 24 layers of 3x3; between blocks the mean of 2x2: one step of size, half a step of place.
    "torchvision:densenet161": {
        "features.denseblock1": {"size": 11 + 6 * 8, "step": 4, "first": 0},
        "features.transition1": {"size": 59 + 4, "step": 8, "first": 2},
        "features.denseblock2": {"size": 63 + 12 * 16, "step": 8, "first": 2},
        "features.transition2": {"size": 255 + 8, "step": 16, "first": 2 + 4},
        "features.denseblock3": {"size": 263 + 36 * 32, "step": 16, "first": 6},
        "features.transition3": {"size": 1415 + 16, "step": 32, "first": 6 + 8},
        "features.norm5": {"size": 1431 + 24 * 64, "step": 32, "first": 14},
    },
    "torchvision:mobilenet_v2": {
        "features.1": {"size": 3 + 4, "step": 2, "first": 0},
        "features.3": {"size": 7 + 4 + 8, "step": 4, "first": 0},
        "features.6": {"size": 19 + 8 + 2 * 16, "step": 8, "first": 0},
        "features.13": {"size": 59 + 16 + 6 * 32, "step": 16, "first": 0},
        "features.18": {"size": 267 + 32 + 3 * 64, "step": 32, "first": 0},
    },
    # 4x4 by 4, then 2x2 by 2 between stages, all without padding; 3, 3, 9 and 3 blocks of 7x7: 6 steps each.
    "torchvision:convnext_tiny": {
        "features.0": {"size": 4, "step": 4, "first": 1.5},
        "features.1": {"size": 4 + 3 * 24, "step": 4, "first": 1.5},
        "features.3": {"size": 76 + 4 + 3 * 48, "step": 8, "first": 1.5 + 2},
        "features.5": {"size": 224 + 8 + 9 * 96, "step": 16, "first": 3.5 + 4},
        "features.7": {"size": 1096 + 16 + 3 * 192, "step": 32, "first": 7.5 + 8},
    },
}


#: The others' are of smaller images: it takes less time, and fields are the same.
OF_FULL_SIZE = ("torchvision:alexnet", "torchvision:vgg16", "torchvision:resnet18")


@pytest.mark.parametrize("spec", KNOWN)
def test_known_fields(spec, large_networks):
    found = summaries(load_model(spec).model, (224, 224) if spec in OF_FULL_SIZE else (64, 64))
    assert {name: found[name] for name in KNOWN[spec]} == KNOWN[spec]


def test_caffenet_as_the_authors_have_it():
    field = fields(load_model("netdissect:caffenet").model, (227, 227))["conv5"]
    assert field.summary() == {"size": 163, "step": 16, "first": 17}
    assert field.rows == field.columns == tuple(range(17, 210, 16))


# One step at a time. ``rows`` and ``size`` are those along the height; all steps treat height and width alike.


def seen(make, size=(12, 12), channels=4, **options):
    """The layer that returns ``make(images)``."""
    return next(info for info in list_layers(Runs(make), size, channels=channels, **options) if info.name == "maps")


def check(make, rows, size=1, of=(12, 12), **options):
    field = seen(make, of, **options).field
    assert field is not None
    assert field.rows == pytest.approx(rows) and field.columns == pytest.approx(rows)
    assert field.size == pytest.approx((size, size))


def conv(x, kernel, units=4, **options):
    return F.conv2d(x, torch.ones(units, x.shape[1] // options.get("groups", 1), kernel, kernel), **options)


WHOLE = list(range(12))

STEPS = {
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
    "adaptive_larger": (lambda x: F.adaptive_avg_pool2d(x, 24), None, None),  # positions twice: of no order
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
    # Its units see one pixel each, at four places: together 2x2.
    "pixel_unshuffle": (lambda x: F.pixel_unshuffle(x, 2), [2 * i + 0.5 for i in range(6)], 2),
    "focus": (
        lambda x: torch.cat([x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1),
        [2 * i + 0.5 for i in range(6)],
        2,
    ),
    "pad": (lambda x: F.pad(x, (2, 1, 2, 1)), list(range(-2, 13)), 1),
    "pad_negative": (lambda x: F.pad(x, (-2, -1, -2, -1)), list(range(2, 11)), 1),
    "pad_both_ways": (lambda x: F.pad(x, (-2, 1, -2, 1)), list(range(2, 13)), 1),
    "pad_reflect": (lambda x: conv(F.pad(x, (1, 1, 1, 1), mode="reflect"), 3), WHOLE, 3),
    "pad_replicate": (lambda x: conv(F.pad(x, (2, 0, 2, 0), mode="replicate"), 3), [i - 1 for i in range(12)], 3),
    "zero_pad_layer": (lambda x: nn.ZeroPad2d((1, 0, 1, 0))(x), list(range(-1, 12)), 1),
    "slice_with_step": (lambda x: x[:, :, 1::3, 1::3], [1, 4, 7, 10], 1),
    "dropped_ends": (lambda x: x[..., 2:-3, 2:-3], list(range(2, 9)), 1),
    "flip_undone": (lambda x: conv(x.flip(2, 3), 2).flip(2, 3), [i + 0.5 for i in range(11)], 2),
    "turned_and_back": (lambda x: torch.rot90(conv(torch.rot90(x, 1, (2, 3)), 3), -1, (2, 3)), list(range(1, 11)), 3),
    "transpose_undone": (lambda x: conv(x.transpose(2, 3), 3).mT, list(range(1, 11)), 3),
    "units_last_inside": (
        lambda x: F.layer_norm(F.linear(x.permute(0, 2, 3, 1), torch.ones(5, 4)), (5,)).permute(0, 3, 1, 2),
        WHOLE,
        1,
    ),
    "flattened_and_back": (lambda x: conv(x, 3, padding=1).flatten(2).relu().view(1, 4, 12, 12), WHOLE, 3),
    "tokens_and_back": (
        lambda x: (x.flatten(2).mT @ torch.ones(4, 6)).mT.unflatten(2, (12, 12)),
        WHOLE,
        1,
    ),
    "channel_shuffle": (lambda x: F.channel_shuffle(conv(x, 3, groups=2, padding=1), 2), WHOLE, 3),
    "channel_shuffle_by_hand": (
        lambda x: conv(x, 3, padding=1).view(1, 2, 2, 12, 12).transpose(1, 2).reshape(1, 4, 12, 12),
        WHOLE,
        3,
    ),
    "concatenated": (lambda x: torch.cat([x, conv(x, 5, padding=2), conv(x, 3, padding=1)], 1), WHOLE, 5),
    "summed": (lambda x: x + conv(x, 5, padding=2) + conv(x, 3, padding=1), WHOLE, 5),
    # i ... i+2 wins over i+5: the rule, though the sum sees i ... i+5.
    "summed_apart": (lambda x: conv(x, 3)[..., :7, :7] + x[..., 5:, 5:], [i + 1 for i in range(7)], 3),
    "summed_apart_as_large": (lambda x: x[..., 3:, 3:] - x[..., :-3, :-3], [i + 1.5 for i in range(9)], 4),
    "added_in_place": (lambda x: x.clone().add_(conv(x, 5, padding=2)).relu_(), WHOLE, 5),
    "written_into": (
        lambda x: written(torch.zeros(1, 6, 12, 12), (slice(None), slice(2, 6)), conv(x, 3, padding=1)),
        WHOLE,
        3,
    ),
    "written_into_both_halves": (
        lambda x: written(written(torch.empty(1, 4, 12, 12), ..., x), (0, slice(0, 2)), conv(x, 3, 2, padding=1)[0]),
        WHOLE,
        3,
    ),
    "einsum_over_units": (lambda x: torch.einsum("nchw,cd->ndhw", x, torch.ones(4, 3)), WHOLE, 1),
    "neighbours_unfolded": (lambda x: x.unfold(2, 3, 2).unfold(3, 3, 2).sum((4, 5)), [1, 3, 5, 7, 9], 3),
    "local_response_norm": (lambda x: F.local_response_norm(conv(x, 3, padding=1), 3), WHOLE, 3),
    "conv3d_over_units": (
        lambda x: F.conv3d(x.unsqueeze(1), torch.ones(1, 1, 3, 3, 3), padding=(1, 1, 1)).squeeze(1),
        WHOLE,
        3,
    ),
    "avg_pool3d": (lambda x: F.avg_pool3d(x.unsqueeze(1), (3, 3, 3), (1, 2, 2)).squeeze(1), [1, 3, 5, 7, 9], 3),
    "group_norm": (lambda x: F.group_norm(x, 2), WHOLE, 1),
    "instance_norm": (lambda x: F.instance_norm(x), WHOLE, 1),
    "layer_norm_of_all": (lambda x: F.layer_norm(x, x.shape[1:]), WHOLE, 1),
    "gate_broadcast": (lambda x: conv(x, 3, padding=1) * x.mean((2, 3), keepdim=True).sigmoid(), WHOLE, 3),
    "gate_expanded": (
        lambda x: conv(x, 3, padding=1) * F.adaptive_avg_pool2d(conv(x, 5), 1).sigmoid().expand_as(x),
        WHOLE,
        3,
    ),
    "gate_by_a_window_of_all": (lambda x: conv(x, 3, padding=1) * F.avg_pool2d(conv(x, 3, padding=1), 12), WHOLE, 3),
    "gate_repeated": (lambda x: conv(x, 3, padding=1) + x.mean((2, 3), keepdim=True).repeat(1, 1, 12, 12), WHOLE, 3),
    "gate_interpolated": (
        lambda x: torch.cat([conv(x, 3, padding=1), F.interpolate(F.adaptive_avg_pool2d(x, 1), 12)], 1),
        WHOLE,
        3,
    ),
    "gate_first": (lambda x: F.adaptive_avg_pool2d(x, 1) * conv(x, 3, padding=1), WHOLE, 3),
    "gate_of_rows_and_columns": (lambda x: x * x.mean(2, keepdim=True) * x.mean(3, keepdim=True), WHOLE, 1),
    "no_part_of_the_image": (lambda x: x + torch.arange(12.0) * torch.ones(4, 12, 1), WHOLE, 1),
    "channels_last": (lambda x: conv(x.contiguous(memory_format=torch.channels_last), 3), list(range(1, 11)), 3),
    "half": (lambda x: conv(x, 3, padding=1).half() * 2, WHOLE, 3),
    "strides_by_hand": (lambda x: x.as_strided((1, 4, 6, 6), (576, 144, 24, 2)), [0, 2, 4, 6, 8, 10], 1),
    "chosen_by_number": (lambda x: x[:, :, [1, 4, 6]][..., [1, 4, 6]], [1, 4, 6], 1),
    "windows": (lambda x: from_windows(to_windows(x, 4), 4, 12), WHOLE, 1),
    "shifted_windows": (
        lambda x: from_windows(to_windows(x.roll((-2, -2), (2, 3)), 4), 4, 12).roll((2, 2), (2, 3)),
        WHOLE,
        1,
    ),
}


def written(out, where, x):
    out[where] = x
    return out


def to_windows(x, side):
    """As in Swin: windows of tokens, in the dimension of images."""
    x = x.permute(0, 2, 3, 1)
    _, height, width, units = x.shape
    x = x.view(1, height // side, side, width // side, side, units)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, side * side, units)


def from_windows(x, side, length):
    x = x.view(1, length // side, length // side, side, side, -1)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(1, length, length, -1).permute(0, 3, 1, 2)


@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")  # torch tells once that it copies
@pytest.mark.parametrize("name", STEPS)
def test_field_after_a_step(name):
    make, rows, size = STEPS[name]
    if rows is None:
        assert seen(make).field is None
    else:
        check(make, rows, size)


def test_mean_step_of_irregular_centres():
    # 7 to 3: 0-2, 2-4, 4-6; 10 to 4: 0-2, 2-4, 5-7, 7-9.
    field = seen(nn.AdaptiveAvgPool2d((3, 4)), (7, 10)).field
    assert (field.rows, field.columns) == ((1, 3, 5), (1, 3, 6, 8))
    assert (field.size, field.step) == ((3, 3), (2, pytest.approx(7 / 3)))


def test_height_and_width_apart():
    weight = torch.ones(2, 1, 2, 5)
    field = seen(lambda x: F.conv2d(x, weight, stride=(3, 1), padding=(0, 2)), (9, 7), channels=1).field
    assert (field.rows, field.columns) == ((0.5, 3.5, 6.5), tuple(range(7)))
    assert (field.size, field.step, field.first) == ((2, 5), (3, 1), (0.5, 0))
    assert field.summary() == {"size": [2, 5], "step": [3, 1], "first": [0.5, 0]}


@pytest.mark.parametrize("size", [(1, 9), (9, 1), (1, 1), (2, 9)])
def test_maps_of_one_row_or_column(size):
    """Their step is that of the network, since no neighbours show it; also for what is built upon them."""
    weight = torch.ones(2, 4, 3, 3)
    field = seen(lambda x: F.conv2d(F.conv2d(x, weight, stride=2, padding=1), weight[:, :2], padding=1), size).field
    # Seen is 1 left of the first to 1 right of it, then 1 step of 2 more on both sides.
    assert (field.size, field.step, field.first) == ((7, 7), (2, 2), (0, 0))
    assert [len(field.rows), len(field.columns)] == [(length + 1) // 2 for length in size]


def test_units_last():
    info = seen(lambda x: conv(x, 3, padding=1).permute(0, 2, 3, 1), (9, 7))
    assert (info.layout.name, info.shape) == ("nhwu", (4, 9, 7))
    assert (info.field.rows, info.field.columns, info.field.size) == (tuple(range(9)), tuple(range(7)), (3, 3))


def test_tokens_lie_in_rows_and_a_class_token_does_not():
    def make(x):
        tokens = conv(x, 4, stride=4).flatten(2).mT
        return torch.cat([torch.zeros(1, 1, 4), tokens], 1) + torch.ones(1, 7, 4)

    info = seen(make, (8, 12))
    assert (info.shape, info.layout.tokens) == ((4, 2, 3), (1, 2, 3, 4, 5, 6))
    assert (info.field.rows, info.field.columns, info.field.size) == ((1.5, 5.5), (1.5, 5.5, 9.5), (4, 4))


def test_half_precision_weights_and_one_channel():
    model = nn.Sequential(nn.Conv2d(1, 2, 3, stride=2), nn.BatchNorm2d(2), nn.Hardswish(inplace=True)).half()
    found = fields(model, (9, 9), channels=1)
    assert all(field.summary() == {"size": 3, "step": 2, "first": 1} for field in found.values())


def test_module_that_runs_several_times():
    model = nn.Sequential(*[nn.Conv2d(3, 3, 3, stride=2, padding=1)] * 3)
    found = summaries(model, (32, 32))
    assert [found[f"0#{call}"] for call in range(3)] == [
        {"size": 3, "step": 2, "first": 0},
        {"size": 7, "step": 4, "first": 0},
        {"size": 15, "step": 8, "first": 0},
    ]


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
def test_scripted_network():
    model = torch.jit.trace(nn.Sequential(nn.Conv2d(3, 2, 3), nn.MaxPool2d(2)), torch.zeros(1, 3, 8, 8))
    assert seen(model, (8, 8), channels=3).field.summary() == {"size": 4, "step": 2, "first": 1.5}


# Memory that tensors share.


def test_written_into_a_view_of_a_view():
    def make(x):
        out = torch.zeros(1, 8, 12, 12)
        out.view(8, 144)[4:].view(1, 4, 12, 12).copy_(conv(x, 3, padding=1))
        return out

    check(make, WHOLE, 3)


def test_added_into_a_part():
    """Some units see more: the largest field counts."""

    def make(x):
        out = x.clone()
        out[:, :2] += conv(x, 5, 2, padding=2)
        return out

    check(make, WHOLE, 5)


def test_result_written_into_a_part():
    def make(x):
        out = torch.zeros(1, 4, 12, 12)
        torch.add(x, conv(x, 3, padding=1), out=out)
        return out

    check(make, WHOLE, 3)


def test_view_from_before_its_whole_was_written_to():
    def make(x):
        whole = x.clone()
        view = whole.view(4, 144)
        whole += conv(x, 5, padding=2)
        return view.view(1, 4, 12, 12)

    check(make, WHOLE, 5)


def test_what_is_lost_is_lost_for_all_that_share_memory():
    def untraced_part(x):
        out = x.clone()
        out[:, :2] = x[:, :2].cumsum(2)
        return out

    def untraced_whole(x):
        out = x.cumsum(2)
        out[:, :2] = x[:, :2]
        return out

    def in_place(x):
        out = x.clone()
        out[:, :2].cumsum_(2)
        return out

    for make in (untraced_part, untraced_whole, in_place):
        assert seen(make).no_field.startswith("positions are not traced through aten::cumsum")


def test_what_was_there_does_not_matter_to_a_result_written_over_it():
    check(lambda x: torch.mul(x, 2, out=conv(x, 5, padding=2)), WHOLE, 1)


# Where there is no field, why.

WHY = "it sees all of the image or of a window, by pooling or attention"
UNTRACED = "positions are not traced through "
ORDER = "its positions do not follow one another as those of the image do"
EYE = torch.eye(12)
BACK = torch.arange(11, -1, -1)

NO_FIELD = {
    "global_mean": (lambda x: x.mean((2, 3), keepdim=True), WHY),
    "global_max": (lambda x: x.amax((2, 3), keepdim=True), WHY),
    "window_of_all": (lambda x: F.max_pool2d(x, 12), WHY),
    "learned_queries": (
        lambda x: F.scaled_dot_product_attention(torch.ones(1, 144, 4), x.flatten(2).mT, x.flatten(2).mT).mT.view(
            x.shape
        ),
        WHY,
    ),
    "global_pool": (lambda x: F.adaptive_avg_pool2d(x, 1), WHY),
    "pool_over_all_columns": (lambda x: x.mean(3, keepdim=True), WHY),
    "linear_over_columns": (lambda x: F.linear(x, EYE), WHY),
    "matrix_from_the_left": (lambda x: EYE[BACK] @ x, WHY),
    "einsum_over_columns": (lambda x: torch.einsum("nchw,wv->nchv", x, EYE), WHY),
    "attention_by_hand": (
        lambda x: ((x.flatten(2).mT @ x.flatten(2)).softmax(-1) @ x.flatten(2).mT).mT.view(1, 4, 12, 12),
        WHY,
    ),
    "attention": (
        lambda x: F.scaled_dot_product_attention(*[x.flatten(2).mT] * 3).mT.view(1, 4, 12, 12),
        WHY,
    ),
    "window_attention": (
        lambda x: from_windows(F.scaled_dot_product_attention(*[to_windows(x, 4)] * 3), 4, 12),
        WHY,
    ),
    "attention_and_back_again": (
        lambda x: conv(x + F.scaled_dot_product_attention(*[x.flatten(2).mT] * 3).mT.view(1, 4, 12, 12), 3),
        WHY,
    ),
    "grid_sample": (
        lambda x: F.grid_sample(x, torch.ones(1, 12, 12, 2), align_corners=False),
        UNTRACED + "aten::grid_sampler_2d",
    ),
    "fft": (lambda x: torch.fft.fft2(x).real, UNTRACED + "aten::_fft"),
    "not_of_the_image": (lambda x: torch.ones(1, 4, 12, 12), "it sees nothing of the image"),
    "by_way_of_numpy": (lambda x: torch.from_numpy(x.numpy()[:, :, ::-1].copy()), "it sees nothing of the image"),
    "image_forgotten": (lambda x: torch.zeros_like(x), "some of its positions see nothing of the image"),
    "partly_zero": (
        lambda x: written(x.clone(), (slice(None), slice(None), slice(2)), torch.zeros(2, 12)),
        "some of its positions see nothing of the image",
    ),
    "flipped": (lambda x: x.flip(3), ORDER),
    "rolled": (lambda x: x.roll(2, 3), ORDER),
    "turned_upside_down": (lambda x: x.rot90(2, (2, 3)), ORDER),
    "repeated": (lambda x: x.repeat(1, 1, 2, 2), ORDER),
    "each_twice": (lambda x: x.repeat_interleave(2, 3), ORDER),
    "circular": (lambda x: F.pad(x, (1, 1, 1, 1), mode="circular"), ORDER),
    "first_everywhere": (lambda x: x[:, :, :1, :1].expand_as(x), ORDER),
    "moved_by_number": (lambda x: x[..., BACK], ORDER),
    "moved_in_place": (lambda x: written(x.clone(), (..., slice(1, None)), x[..., :-1]), ORDER),
    "with_its_mirror": (lambda x: x + x.flip(3), ORDER),
    "larger_of_itself_and_its_mirror": (lambda x: torch.maximum(x, x.flip(3)), ORDER),
    "this_or_that": (lambda x: torch.where(x > 0, x, x.roll(1, 2)), ORDER),
}


@pytest.mark.parametrize("name", NO_FIELD)
def test_where_no_field_is_why(name):
    make, why = NO_FIELD[name]
    info = seen(make)
    assert info.field is None
    assert info.no_field.startswith(why)


def invertible(x):
    return x + 9 * EYE


NEVER_TRACED = {
    "sort": lambda x: x.sort(3).values,
    "topk": lambda x: x.topk(12, 3).values,
    "msort": lambda x: x.msort(),
    "by_argsort": lambda x: x[:, :, x[0, 0, 0].argsort()],
    "cumsum": lambda x: x.cumsum(3),
    "cumprod": lambda x: x.cumprod(2),
    "cummax": lambda x: x.cummax(3).values,
    "cummin": lambda x: x.cummin(2).values,
    "logcumsumexp": lambda x: x.logcumsumexp(2),
    "gather": lambda x: x.gather(3, BACK.expand(1, 4, 12, 12)),
    "take_along": lambda x: torch.take_along_dim(x, BACK.view(1, 1, 1, 12), 3),
    "take": lambda x: x.take(torch.arange(575, -1, -1).view(1, 4, 12, 12)),
    "scatter": lambda x: torch.zeros_like(x).scatter(3, BACK.expand(1, 4, 12, 12), x),
    "scatter_add": lambda x: torch.zeros_like(x).scatter_add(3, BACK.expand(1, 4, 12, 12), x),
    "scatter_reduce": lambda x: torch.zeros_like(x).scatter_reduce(3, BACK.expand(1, 4, 12, 12), x, "amax"),
    "masked_scatter": lambda x: torch.zeros_like(x).masked_scatter(torch.ones_like(x) > 0, x.flip(2)),
    "masked_select": lambda x: x.masked_select(torch.ones_like(x) > 0).view(x.shape),
    "index_put": lambda x: written(x.clone(), (slice(None), slice(None), BACK), x),
    "index_add": lambda x: torch.zeros_like(x).index_add(3, BACK, x),
    "index_copy": lambda x: torch.zeros_like(x).index_copy(3, BACK, x),
    "index_reduce": lambda x: torch.zeros_like(x).index_reduce(3, BACK, x, "amax"),
    "put": lambda x: torch.zeros_like(x).put(torch.arange(575, -1, -1).view(1, 4, 12, 12), x),
    "unfold_and_fold": lambda x: F.fold(F.unfold(x, 2, stride=2), (12, 12), 2, stride=2),
    "max_unpool": lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2),
    "tril": lambda x: x.tril(),
    "addmv": lambda x: torch.addmv(x[0, 0, 0], x[0, 0], x[0, 1, 0]).expand(1, 4, 12, 12),
    "addbmm": lambda x: torch.addbmm(x[0, 0], x[0], x[0]).expand(1, 4, 12, 12),
    "addr": lambda x: torch.addr(x[0, 0], x[0, 0, 0], x[0, 0, 1]).expand(1, 4, 12, 12),
    "cdist": lambda x: torch.cdist(x, x),
    "bilinear": lambda x: F.bilinear(x, x, torch.ones(12, 12, 12)),
    "inverse": lambda x: invertible(x).inverse(),
    "solve": lambda x: torch.linalg.solve(EYE[BACK] + 9 * EYE, x),
    "solve_triangle": lambda x: torch.linalg.solve_triangular(EYE, x, upper=False),
    "matrix_exp": lambda x: torch.linalg.matrix_exp(x),
    "qr": lambda x: torch.linalg.qr(invertible(x)).Q,
    "svd": lambda x: torch.linalg.svd(invertible(x)).U,
    "sparse": lambda x: torch.sparse.mm(EYE[BACK].to_sparse(), x[0, 0]).expand(1, 4, 12, 12),
    "roi_align": lambda x: __import__("torchvision").ops.roi_align(x, [torch.tensor([[0.0, 0, 11, 11]])], 12),
    "deformable_conv": lambda x: __import__("torchvision").ops.deform_conv2d(
        x, torch.zeros(1, 18, 12, 12), torch.ones(4, 4, 3, 3), padding=1
    ),
    "lstm": lambda x: nn.LSTM(4, 2, bidirectional=True)(x[0].permute(2, 1, 0))[0].permute(2, 1, 0)[None],
    "conv_tbc": lambda x: (
        torch.conv_tbc(x[0].permute(2, 1, 0).contiguous(), torch.ones(3, 4, 4), torch.zeros(4), 1)
        .permute(2, 1, 0)
        .expand(1, 4, 12, 12)
    ),
}


@pytest.mark.filterwarnings("ignore:index_reduce:UserWarning")
@pytest.mark.parametrize("name", NEVER_TRACED)
def test_what_may_move_elements_and_is_not_traced_says_so(name):
    info = seen(NEVER_TRACED[name])
    assert info.field is None
    assert info.no_field.startswith(UNTRACED)


@torch.library.custom_op("netdissect_tests::mirror", mutates_args=())
def mirror(x: torch.Tensor) -> torch.Tensor:
    return x.flip(3)


def test_operations_that_others_add_are_not_traced():
    assert seen(mirror).no_field == UNTRACED + "netdissect_tests::mirror"


def test_recurrent_cells_see_all_that_came_before():
    def make(x):
        cell = nn.RNN(4, 4)
        return cell(x[0].permute(2, 1, 0))[0].permute(2, 1, 0)[None]

    assert seen(make).field is None


@pytest.mark.parametrize("asked", ["nuhw", "nhwu"])
def test_a_transposed_image(asked):
    """Without being told its layout, it is none; as either of the two, it has no field."""
    assert not list_layers(nn.Sequential(Runs(lambda x: x.mT)), (12, 12))
    info = seen(lambda x: x.mT, layout=asked)
    assert info.field is None
    assert info.no_field in ("its positions do not lie in rows and columns", WHY)


def test_multihead_attention_and_its_heads():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.patches, self.attention = nn.Conv2d(3, 8, 4, 4), nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, x):
            x = self.patches(x).flatten(2).mT
            return self.attention(x, x, x)[0]

    found = {info.name: info for info in list_layers(Block(), (16, 16))}
    assert found["patches"].field.summary() == {"size": 4, "step": 4, "first": 1.5}
    for name in ("attention[0]", "attention", "attention@heads"):
        if name in found:
            assert (found[name].field, found[name].no_field) == (None, WHY)
    assert any(name.startswith("attention") for name in found)


def test_vision_transformer_of_timm():
    timm = pytest.importorskip("timm")
    model = timm.create_model("vit_tiny_patch16_224", depth=1, img_size=32)
    found = {info.name: info for info in list_layers(model, (32, 32))}
    assert found["patch_embed.proj"].field.summary() == {"size": 16, "step": 16, "first": 7.5}
    assert found["blocks.0.norm1"].field.summary() == {"size": 16, "step": 16, "first": 7.5}
    assert found["blocks.0.norm1"].layout.tokens == (1, 2, 3, 4)
    assert {found[name].no_field for name in ("blocks.0.attn", "blocks.0", "norm")} == {WHY}


# What the gradient shows.


def shown(maps, image, row, column):
    """First and last rows, first and last columns of the image on which a position depends."""
    gradient = torch.autograd.grad(maps[0, :, row, column].sum(), image, retain_graph=True)[0][0].abs().sum(0)
    rows, columns = gradient.sum(1).nonzero(), gradient.sum(0).nonzero()
    return (int(rows[0]), int(rows[-1])), (int(columns[0]), int(columns[-1]))


def ends(numbers):
    return min(numbers), max(numbers)


checked = {"networks": 0, "positions": 0, "as_the_gradient_shows": 0}


@settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(networks())
def fields_are_those_of_the_rule_and_of_the_gradient(drawn):
    stages, size = drawn
    rules = [along(stages, axis, size[axis], largest) for axis in (0, 1)]
    unions = [along(stages, axis, size[axis], together) for axis in (0, 1)]
    inside = [[place for place, interval in enumerate(rule) if interval is not None] for rule in rules]
    assume(all(inside))
    field = fields(Small(stages, smooth=False), size, channels=CHANNELS)["maps"]
    assert [len(field.rows), len(field.columns)] == [len(rule) for rule in rules]
    for axis, centres in enumerate((field.rows, field.columns)):
        # The same step everywhere, in the padding, too.
        assert centres == pytest.approx([centres[0] + i * field.step[axis] for i in range(len(centres))])
        for place in inside[axis]:
            first, last = rules[axis][place]
            assert (centres[place], field.size[axis]) == pytest.approx(((first + last) / 2, last - first + 1))
    image = torch.ones(1, CHANNELS, *size, dtype=torch.float64, requires_grad=True)
    with torch.enable_grad():
        maps = Small(stages, smooth=True)(image)
    for row, column in zip(ends(inside[0]), ends(inside[1]), strict=True):
        checked["positions"] += 1
        by_gradient = shown(maps, image, row, column)
        assert by_gradient == (unions[0][row], unions[1][column])  # the account of what is seen is right
        if by_gradient == (rules[0][row], rules[1][column]):
            checked["as_the_gradient_shows"] += 1
    checked["networks"] += 1


def test_fields_are_those_of_the_rule_and_of_the_gradient():
    fields_are_those_of_the_rule_and_of_the_gradient()
    assert checked["networks"] >= 80
    assert checked["as_the_gradient_shows"] >= 130


def softened(model):
    """The network so that what is seen cannot cancel: positive weights, nothing between them, means, no gates."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, (nn.ReLU, nn.ReLU6, nn.SiLU, nn.GELU, nn.Hardswish, nn.Dropout)):
                setattr(parent, name, nn.Identity())
            elif isinstance(child, nn.MaxPool2d):
                where = (child.kernel_size, child.stride, child.padding, child.ceil_mode)
                setattr(parent, name, nn.AvgPool2d(*where))
            elif isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, nn.Identity())  # at its defaults it does nothing
            elif type(child).__name__ in ("SqueezeExcitation", "SEModule", "LayerNorm2d", "LayerNorm"):
                setattr(parent, name, nn.Identity())
    with torch.no_grad():
        for weights in model.parameters():
            # Of the same mean whatever the kernel, so that no number gets too small or too large.
            weights.fill_(1 / weights[0].numel() if weights.ndim > 1 else 1)
    return model.eval().double()


SHOWN = {
    "torchvision:resnet18": ("layer2", 128),
    "torchvision:mobilenet_v2": ("features.7", 96),
    "torchvision:googlenet": ("inception3b", 96),
    "torchvision:densenet121": ("features.transition1", 96),
    "torchvision:convnext_tiny": ("features.2", 96),
    "torchvision:vgg11": ("features.10", 64),
    "torchvision:efficientnet_b0": ("features.3", 96),
    "torchvision:shufflenet_v2_x0_5": ("stage2", 96),
    "torchvision:squeezenet1_1": ("features.7", 96),
    "timm:resnet50d": ("layer1", 96),
    "timm:regnety_002": ("s2", 96),
    "timm:repvgg_a0": ("stages.0", 64),
}


@pytest.mark.parametrize("spec", SHOWN)
def test_fields_of_real_networks_are_those_that_the_gradient_shows(spec, large_networks):
    if spec.startswith("timm:"):
        pytest.importorskip("timm")
    layer, side = SHOWN[spec]
    model = load_model(spec).model
    field = {info.name: info for info in list_layers(model, (side, side))}[layer].field
    assert field is not None
    model = softened(model)
    found = []

    def stop(module, given, output):
        found.append(output)
        raise StopForward

    model.get_submodule(layer).register_forward_hook(stop)
    image = torch.ones(1, 3, side, side, dtype=torch.float64, requires_grad=True)
    with torch.enable_grad(), pytest.raises(StopForward):
        model(image)
    half = (field.size[0] - 1) / 2
    inside = [i for i, centre in enumerate(field.rows) if centre - half >= 0 and centre + half <= side - 1]
    assert inside
    expected = [(field.rows[place] - half, field.rows[place] + half) for place in ends(inside)]
    assert [*shown(found[0], image, *ends(inside))] == expected
