"""Alignments: maps lie where their receptive fields lie, or are stretched."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netdissect.engine.alignment import Alignment, Anchored, alignment_of, check_alignment, stretch
from netdissect.engine.field import Field
from netdissect.engine.mask import upsample
from netdissect.types import NetdissectError
from tests import reference
from tests.engine.axes import axes


@settings(max_examples=100, deadline=None)
@given(axes(), axes(), st.integers(1, 30), st.integers(1, 30), st.integers(0, 2**32))
def test_anchored_interpolation_is_bilinear_to_rounding_and_stays_between(rows, columns, out_height, out_width, seed):
    map_ = np.random.default_rng(seed).standard_normal((len(rows[0]), len(columns[0]))).astype(np.float32)
    align = Alignment(Anchored(*rows), Anchored(*columns))
    ours = upsample(torch.from_numpy(map_)[None], (out_height, out_width), align)[0].numpy()
    axes_neighbours = reference.anchored(*rows), reference.anchored(*columns)
    exact = reference.exact_upsample(map_, (out_height, out_width), *axes_neighbours)
    worst = max(abs(Fraction(float(a)) - b) for a, b in zip(ours.ravel(), exact.ravel(), strict=True))
    assert worst < Fraction(1, 10**5)
    assert map_.min() <= ours.min() and ours.max() <= map_.max()


@settings(max_examples=100, deadline=None)
@given(axes(), st.integers(1, 60))
def test_samplings_are_those_of_fractions(axis, out):
    centres, _ = axis
    for align, neighbours in ((Anchored(*axis), reference.anchored(*axis)), (stretch, reference.neighbours)):
        sampling = align(len(centres), out, torch.device("cpu"))
        for position in range(out):
            lower, upper, weight = neighbours(position, len(centres), out)
            assert sampling.weight[position] <= 1 - 2.0**-20
            assert abs(float(sampling.weight[position]) - float(weight)) <= 2.0**-20
            assert sampling.lower[position] == lower
            if weight:
                assert sampling.upper[position] == upper


def test_a_weight_is_never_so_close_to_1_that_rounding_exceeds_a_neighbour():
    centres = (0.0, 1.0, 1e9)
    sampling = Anchored(centres, pixels=10**9)(3, 10**3, torch.device("cpu"))
    assert sampling.weight.max() <= 1 - 2.0**-20
    values = torch.tensor([[[0.0, 1.0, 1.1]]])
    align = Alignment(stretch, Anchored(centres, pixels=10**9))
    assert upsample(values, (1, 10**3), align).max() <= values.max()


def test_as_many_centres_as_values():
    with pytest.raises(ValueError, match="3 values for 2 centres"):
        Anchored((0.0, 1.0), 8)(3, 5, torch.device("cpu"))


def test_positions_of_the_reference_network_on_label_maps():
    """CaffeNet's conv5 at 227 px: centres 17, 33 ... 209 lie at 8.21 ... 103.79 of 113 label pixels."""
    centres = tuple(float(17 + 16 * index) for index in range(13))
    field = Field(centres, centres, (163.0, 163.0), (16.0, 16.0))
    maps = torch.eye(13)[:, :, None].expand(13, 13, 13)  # one row of each map is 1
    rows = upsample(maps, (113, 113), alignment_of("receptive", field, (227, 227)))[:, :, 50]
    assert [int(row.argmax()) for row in rows] == [0, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104]
    # Between two centres the rows cross where both are a half: the middle of the two.
    for index in range(12):
        middle = (25 + 16 * index + 0.5) * 113 / 227 - 0.5
        before, after = int(np.floor(middle)), int(np.ceil(middle))
        assert rows[index, before] >= rows[index + 1, before] and rows[index, after] <= rows[index + 1, after]
    assert (rows[0, :9] == 1).all() and rows[0, 9] < 1  # 8.21 is the first centre
    assert (rows[12, 104:] == 1).all() and rows[12, 103] < 1  # and 103.79 the last
    np.testing.assert_allclose(rows.sum(0).numpy(), 1, atol=1e-5)


def test_layers_without_a_field_are_stretched():
    field = Field((0.0, 4.0), (0.0, 4.0), (9.0, 9.0), (4.0, 4.0))
    maps = torch.randn(2, 2, 2)
    for align, layer_field in (("receptive", None), ("stretch", field), ("stretch", None)):
        assert torch.equal(upsample(maps, (7, 5), alignment_of(align, layer_field, (8, 8))), upsample(maps, (7, 5)))
    assert not torch.equal(upsample(maps, (7, 5), alignment_of("receptive", field, (8, 8))), upsample(maps, (7, 5)))


def test_unknown_alignment():
    check_alignment("receptive")
    for find in (check_alignment, lambda name: alignment_of(name, None, (8, 8))):
        with pytest.raises(NetdissectError, match="no alignment 'diagonal': it is receptive or stretch"):
            find("diagonal")
