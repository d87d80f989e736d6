"""Rules of reductions, products of matrices, and attention."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from netdissect.networks.layers import list_layers
from tests.networks.tracing.steps import (
    BACK,
    EYE,
    MIXED,
    WHOLE,
    check,
    conv,
    from_windows,
    layer,
    to_windows,
)


def test_product_over_units_moves_no_position():
    check(lambda x: torch.einsum("nchw,cd->ndhw", x, torch.ones(4, 3)), WHOLE, 1)


NO_FIELD = {
    "global_mean": (lambda x: x.mean((2, 3), keepdim=True), MIXED),
    "global_max": (lambda x: x.amax((2, 3), keepdim=True), MIXED),
    "learned_queries": (
        lambda x: F.scaled_dot_product_attention(torch.ones(1, 144, 4), x.flatten(2).mT, x.flatten(2).mT).mT.view(
            x.shape
        ),
        MIXED,
    ),
    "pool_over_all_columns": (lambda x: x.mean(3, keepdim=True), MIXED),
    "linear_over_columns": (lambda x: F.linear(x, EYE), MIXED),
    "matrix_from_the_left": (lambda x: EYE[BACK] @ x, MIXED),
    "einsum_over_columns": (lambda x: torch.einsum("nchw,wv->nchv", x, EYE), MIXED),
    "attention_by_hand": (
        lambda x: ((x.flatten(2).mT @ x.flatten(2)).softmax(-1) @ x.flatten(2).mT).mT.view(1, 4, 12, 12),
        MIXED,
    ),
    "attention": (
        lambda x: F.scaled_dot_product_attention(*[x.flatten(2).mT] * 3).mT.view(1, 4, 12, 12),
        MIXED,
    ),
    "window_attention": (
        lambda x: from_windows(F.scaled_dot_product_attention(*[to_windows(x, 4)] * 3), 4, 12),
        MIXED,
    ),
    "attention_and_back_again": (
        lambda x: conv(x + F.scaled_dot_product_attention(*[x.flatten(2).mT] * 3).mT.view(1, 4, 12, 12), 3),
        MIXED,
    ),
}


@pytest.mark.parametrize("name", NO_FIELD)
def test_reason_for_no_field(name):
    make, reason = NO_FIELD[name]
    info = layer(make)
    assert info.field is None
    assert info.no_field.startswith(reason)


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
            assert (found[name].field, found[name].no_field) == (None, MIXED)
    assert any(name.startswith("attention") for name in found)


def test_vision_transformer_of_timm():
    timm = pytest.importorskip("timm")
    model = timm.create_model("vit_tiny_patch16_224", depth=1, img_size=32)
    found = {info.name: info for info in list_layers(model, (32, 32))}
    assert found["patch_embed.proj"].field.summary() == {"size": 16, "step": 16, "first": 7.5}
    assert found["blocks.0.norm1"].field.summary() == {"size": 16, "step": 16, "first": 7.5}
    assert found["blocks.0.norm1"].layout.tokens == (1, 2, 3, 4)
    assert {found[name].no_field for name in ("blocks.0.attn", "blocks.0", "norm")} == {MIXED}
