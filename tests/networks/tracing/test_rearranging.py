"""Rules of operations that rearrange elements, make new ones, or work on each element alone."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from netdissect.networks.layers import list_layers
from tests.networks.tracing.steps import (
    BACK,
    MIXED,
    ORDER,
    WHOLE,
    check,
    conv,
    from_windows,
    layer,
    to_windows,
    written,
)
from tests.planted import Runs

FIELDS = {
    # Its units see one pixel each, at four places: together 2x2.
    "pixel_unshuffle": (lambda x: F.pixel_unshuffle(x, 2), [2 * i + 0.5 for i in range(6)], 2),
    "focus": (
        lambda x: torch.cat([x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1),
        [2 * i + 0.5 for i in range(6)],
        2,
    ),
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
    "neighbours_unfolded": (lambda x: x.unfold(2, 3, 2).unfold(3, 3, 2).sum((4, 5)), [1, 3, 5, 7, 9], 3),
    "local_response_norm": (lambda x: F.local_response_norm(conv(x, 3, padding=1), 3), WHOLE, 3),
    "group_norm": (lambda x: F.group_norm(x, 2), WHOLE, 1),
    "instance_norm": (lambda x: F.instance_norm(x), WHOLE, 1),
    "layer_norm_of_all": (lambda x: F.layer_norm(x, x.shape[1:]), WHOLE, 1),
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


@pytest.mark.parametrize("name", FIELDS)
def test_field(name):
    make, rows, size = FIELDS[name]
    check(make, rows, size)


def test_units_last():
    info = layer(lambda x: conv(x, 3, padding=1).permute(0, 2, 3, 1), (9, 7))
    assert (info.layout.name, info.shape) == ("nhwu", (4, 9, 7))
    assert (info.field.rows, info.field.columns, info.field.size) == (tuple(range(9)), tuple(range(7)), (3, 3))


def test_tokens_lie_in_rows_and_a_class_token_does_not():
    def make(x):
        tokens = conv(x, 4, stride=4).flatten(2).mT
        return torch.cat([torch.zeros(1, 1, 4), tokens], 1) + torch.ones(1, 7, 4)

    info = layer(make, (8, 12))
    assert (info.shape, info.layout.tokens) == ((4, 2, 3), (1, 2, 3, 4, 5, 6))
    assert (info.field.rows, info.field.columns, info.field.size) == ((1.5, 5.5), (1.5, 5.5, 9.5), (4, 4))


NO_FIELD = {
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
    "first_everywhere": (lambda x: x[:, :, :1, :1].expand_as(x), ORDER),
    "moved_by_number": (lambda x: x[..., BACK], ORDER),
    "moved_in_place": (lambda x: written(x.clone(), (..., slice(1, None)), x[..., :-1]), ORDER),
}


@pytest.mark.parametrize("name", NO_FIELD)
def test_reason_for_no_field(name):
    make, reason = NO_FIELD[name]
    info = layer(make)
    assert info.field is None
    assert info.no_field.startswith(reason)


@pytest.mark.parametrize("asked", ["nuhw", "nhwu"])
def test_a_transposed_image(asked):
    """Its layout is not inferred; with either layout given, it has no field."""
    assert not list_layers(nn.Sequential(Runs(lambda x: x.mT)), (12, 12))
    info = layer(lambda x: x.mT, layout=asked)
    assert info.field is None
    assert info.no_field in ("its positions do not lie in rows and columns", MIXED)
