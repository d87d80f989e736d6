"""The largest and smallest values of maps."""

import pytest
import torch

from netdissect.engine.extremes import Extremes


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_rows_peaks_and_low(memory):
    maps = torch.randn(3, 4, 5, 2).contiguous(memory_format=memory)
    extremes = Extremes.of(maps)
    assert torch.equal(extremes.row_peaks, maps.amax(dim=3))
    assert torch.equal(extremes.peaks, maps.amax(dim=(2, 3)))
    assert torch.equal(extremes.low, maps.amin(dim=(0, 2, 3)))


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf, 3.5, -3.5])
def test_a_value_outside_is_found_anywhere(value):
    for position in ((0, 0, 0, 0), (1, 2, 1, 0), (1, 1, 2, 1)):
        maps = torch.ones(2, 3, 3, 2)
        assert Extremes.of(maps).within(3.0)
        maps[position] = value
        assert not Extremes.of(maps).within(3.0)


def test_the_limit_itself_is_within():
    assert Extremes.of(torch.tensor([[[[3.0, -3.0]]]])).within(3.0)
