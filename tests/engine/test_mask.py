"""Interpolation: bilinear, and never above the larger neighbour."""

from fractions import Fraction

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

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
    # Torch rounds positions. (Its own `assert_close` imports sympy, which takes seconds.)
    np.testing.assert_allclose(upsample(maps, (112, 112)).numpy(), theirs.numpy(), atol=1e-5, rtol=0)


@settings(max_examples=150, deadline=None)
@given(SIZES, SIZES, st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32), st.sampled_from([1e-30, 1.0, 1e30]))
def test_never_exceeds_the_maximum(height, width, out_height, out_width, seed, scale):
    """Then a map whose maximum does not exceed the threshold need not be upsampled at all."""
    random = np.random.default_rng(seed)
    map_ = (random.standard_normal((1, height, width)) * scale * 10.0 ** random.integers(-6, 6)).astype(np.float32)
    maps = torch.from_numpy(map_)
    up = upsample(maps, (out_height, out_width))
    assert up.max() <= maps.max()
    assert not unit_masks(maps, maps.amax(dim=(1, 2)), (out_height, out_width)).any()


def test_constant_map_stays_constant_so_that_saturated_units_have_no_mask():
    for level in (6.0, 0.1, 1e-20):
        assert (upsample(torch.full((1, 7, 7), level), (113, 57)) == torch.tensor(level)).all()
