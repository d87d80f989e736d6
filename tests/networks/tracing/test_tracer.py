"""Tracing through memory that tensors share, and positions that are lost."""

import pytest
import torch
from torch import nn

from tests.networks.tracing.steps import (
    WHOLE,
    check,
    conv,
    layer,
)


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
def test_scripted_network():
    model = torch.jit.trace(nn.Sequential(nn.Conv2d(3, 2, 3), nn.MaxPool2d(2)), torch.zeros(1, 3, 8, 8))
    assert layer(model, (8, 8), channels=3).field.summary() == {"size": 4, "step": 2, "first": 1.5}


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
        assert layer(make).no_field.startswith("positions are not traced through aten::cumsum")


def test_what_was_there_does_not_matter_to_a_result_written_over_it():
    check(lambda x: torch.mul(x, 2, out=conv(x, 5, padding=2)), WHOLE, 1)


NO_FIELD = {
    "not_of_the_image": (lambda x: torch.ones(1, 4, 12, 12), "it sees nothing of the image"),
    "by_way_of_numpy": (lambda x: torch.from_numpy(x.numpy()[:, :, ::-1].copy()), "it sees nothing of the image"),
}


@pytest.mark.parametrize("name", NO_FIELD)
def test_reason_for_no_field(name):
    make, reason = NO_FIELD[name]
    info = layer(make)
    assert info.field is None
    assert info.no_field.startswith(reason)
