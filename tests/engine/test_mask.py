"""Interpolation: bilinear, and never above the larger neighbour."""

from fractions import Fraction

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from netdissect.engine.alignment import Alignment, Anchored, alignment_of
from netdissect.engine.field import Field
from netdissect.engine.kept_rows import KeptRows
from netdissect.engine.lit_pixels import lit_pixels
from netdissect.engine.mask import unit_masks, upsample
from tests import reference

SIZES = st.integers(1, 12)


@settings(max_examples=100, deadline=None)
@given(SIZES, SIZES, st.integers(1, 30), st.integers(1, 30), st.integers(0, 2**32))
def test_is_bilinear_to_rounding(height, width, out_height, out_width, seed):
    map_ = np.random.default_rng(seed).standard_normal((height, width)).astype(np.float32)
    ours = upsample(torch.from_numpy(map_)[None], (out_height, out_width))[0].numpy()
    exact = reference.exact_upsample(map_, (out_height, out_width))
    assert max(abs(Fraction(float(a)) - b) for a, b in zip(ours.ravel(), exact.ravel(), strict=True)) < Fraction(
        1, 10**6
    )


def test_agrees_with_torch():
    maps = torch.randn(5, 13, 13)
    theirs = functional.interpolate(maps[None], size=(112, 112), mode="bilinear", align_corners=False)[0]
    torch.testing.assert_close(upsample(maps, (112, 112)), theirs, atol=1e-5, rtol=0)  # torch rounds positions


@settings(max_examples=150, deadline=None)
@given(SIZES, SIZES, st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32), st.sampled_from([1e-30, 1.0, 1e30]))
def test_never_exceeds_the_maximum(height, width, out_height, out_width, seed, scale):
    """So that a map whose maximum does not exceed the threshold need not be upsampled at all."""
    random = np.random.default_rng(seed)
    map_ = (random.standard_normal((1, height, width)) * scale * 10.0 ** random.integers(-6, 6)).astype(np.float32)
    maps = torch.from_numpy(map_)
    up = upsample(maps, (out_height, out_width))
    assert up.max() <= maps.max()
    assert not unit_masks(maps, maps.amax(dim=(1, 2)), (out_height, out_width)).any()


def test_constant_map_stays_constant_so_that_saturated_units_have_no_mask():
    for level in (6.0, 0.1, 1e-20):
        assert (upsample(torch.full((1, 7, 7), level), (113, 57)) == torch.tensor(level)).all()


# Maps anchored at the centres of their receptive fields.


@st.composite
def axes(draw, most=8):
    """Centres as a network might have them, also beyond the image, and the image's pixels."""
    length, pixels = draw(st.integers(1, most)), draw(st.integers(1, 60))
    if draw(st.booleans()):
        first, step = draw(st.integers(-20, 40)) / 2, draw(st.integers(1, 20)) / 2
        return tuple(first + place * step for place in range(length)), pixels
    apart = draw(st.lists(st.integers(1, 40), min_size=length, max_size=length))
    return tuple(float(np.cumsum(apart)[place] / 4) for place in range(length)), pixels


@settings(max_examples=100, deadline=None)
@given(axes(), axes(), st.integers(1, 30), st.integers(1, 30), st.integers(0, 2**32))
def test_anchored_interpolation_is_bilinear_to_rounding_and_stays_between(rows, columns, out_height, out_width, seed):
    map_ = np.random.default_rng(seed).standard_normal((len(rows[0]), len(columns[0]))).astype(np.float32)
    align = Alignment(Anchored(*rows), Anchored(*columns))
    ours = upsample(torch.from_numpy(map_)[None], (out_height, out_width), align)[0].numpy()
    places = reference.anchored(*rows), reference.anchored(*columns)
    exact = reference.exact_upsample(map_, (out_height, out_width), *places)
    worst = max(abs(Fraction(float(a)) - b) for a, b in zip(ours.ravel(), exact.ravel(), strict=True))
    assert worst < Fraction(1, 10**5)
    assert map_.min() <= ours.min() and ours.max() <= map_.max()


@settings(max_examples=100, deadline=None)
@given(axes(), axes(), st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32), st.floats(-1, 2))
def test_lit_pixels_are_those_of_masks_however_maps_lie(rows, columns, out_height, out_width, seed, level):
    """Counted from rows of maps, cell by cell, as they are in whole upsampled maps."""
    height, width, shape = len(rows[0]), len(columns[0]), (out_height, out_width)
    maps = torch.from_numpy(np.random.default_rng(seed).standard_normal((5, height, width)).astype(np.float32))
    align = Alignment(Anchored(*rows), Anchored(*columns))
    levels = torch.full((5,), level, dtype=torch.float32)
    expected = unit_masks(maps, levels, shape, align)
    values, found = maps.reshape(5 * height, width), torch.zeros_like(expected)
    rows = KeptRows(height, torch.tensor([5 * height]), torch.arange(5 * height), values == values, values)
    for lit in lit_pixels(rows, levels, shape, align):
        unit, pixel = rows.unit[lit.row[lit.cell]], lit.first[lit.cell] + lit.offset
        found.view(5, -1)[unit, pixel] = True
        assert len(pixel) == len(set(zip(unit.tolist(), pixel.tolist(), strict=True)))
    assert torch.equal(found, expected)


def test_places_of_the_reference_network_on_label_maps():
    """CaffeNet's conv5 at 227 px: centres 17, 33 ... 209 lie at 8.21 ... 103.79 of 113 label pixels."""
    centres = tuple(float(17 + 16 * place) for place in range(13))
    field = Field(centres, centres, (163.0, 163.0), (16.0, 16.0))
    maps = torch.eye(13)[:, :, None].expand(13, 13, 13)  # each with one row that is 1
    rows = upsample(maps, (113, 113), alignment_of("receptive", field, (227, 227)))[:, :, 50]
    assert [int(row.argmax()) for row in rows] == [0, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104]
    # Between two centres the rows cross where both are a half: the middle of the two.
    for place in range(12):
        middle = (25 + 16 * place + 0.5) * 113 / 227 - 0.5
        before, after = int(np.floor(middle)), int(np.ceil(middle))
        assert rows[place, before] >= rows[place + 1, before] and rows[place, after] <= rows[place + 1, after]
    assert (rows[0, :9] == 1).all() and rows[0, 9] < 1  # 8.21 is the first centre
    assert (rows[12, 104:] == 1).all() and rows[12, 103] < 1  # and 103.79 the last
    torch.testing.assert_close(rows.sum(0), torch.ones(113))


def test_layers_without_a_field_are_stretched():
    field = Field((0.0, 4.0), (0.0, 4.0), (9.0, 9.0), (4.0, 4.0))
    maps = torch.randn(2, 2, 2)
    for align, of_layer in (("receptive", None), ("stretch", field), ("stretch", None)):
        assert torch.equal(upsample(maps, (7, 5), alignment_of(align, of_layer, (8, 8))), upsample(maps, (7, 5)))
    assert not torch.equal(upsample(maps, (7, 5), alignment_of("receptive", field, (8, 8))), upsample(maps, (7, 5)))
