"""Masks as COCO's run lengths."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco

from netdissect.engine.encoding import encode_masks


# The decoder of pycocotools has not followed numpy 2 in one respect.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@settings(max_examples=50, deadline=None)
@given(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9), st.floats(0, 1), st.integers(0, 2**32))
def test_coco_reads_the_mask_with_rows_and_columns_exchanged(masks, height, width, share, seed):
    flags = np.random.default_rng(seed).random((masks, height, width)) < share
    for mask, text in zip(flags, encode_masks(flags), strict=True):
        assert np.array_equal(coco.decode({"size": [width, height], "counts": text.encode()}).T, mask)


@pytest.mark.parametrize("order", ["C", "F"])
def test_order_in_memory_does_not_matter(order):
    flags = np.array([[[0, 1, 1], [1, 0, 0]]], dtype=bool, order=order)
    assert encode_masks(flags) == ["132"]
