"""Fields of tensors that are joined: the largest field counts, and gates do not."""

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from tests.networks.tracing.steps import (
    ORDER,
    WHOLE,
    check,
    conv,
    layer,
)

FIELDS = {
    "concatenated": (lambda x: torch.cat([x, conv(x, 5, padding=2), conv(x, 3, padding=1)], 1), WHOLE, 5),
    "summed": (lambda x: x + conv(x, 5, padding=2) + conv(x, 3, padding=1), WHOLE, 5),
    # i ... i+2 wins over i+5: the rule, though the sum sees i ... i+5.
    "summed_apart": (lambda x: conv(x, 3)[..., :7, :7] + x[..., 5:, 5:], [i + 1 for i in range(7)], 3),
    "summed_apart_as_large": (lambda x: x[..., 3:, 3:] - x[..., :-3, :-3], [i + 1.5 for i in range(9)], 4),
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
}


@pytest.mark.parametrize("name", FIELDS)
def test_field(name):
    make, rows, size = FIELDS[name]
    check(make, rows, size)


NO_FIELD = {
    "with_its_mirror": (lambda x: x + x.flip(3), ORDER),
    "larger_of_itself_and_its_mirror": (lambda x: torch.maximum(x, x.flip(3)), ORDER),
    "this_or_that": (lambda x: torch.where(x > 0, x, x.roll(1, 2)), ORDER),
}


@pytest.mark.parametrize("name", NO_FIELD)
def test_reason_for_no_field(name):
    make, reason = NO_FIELD[name]
    info = layer(make)
    assert info.field is None
    assert info.no_field.startswith(reason)
