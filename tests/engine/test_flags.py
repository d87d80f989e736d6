"""True values among flags are found in order, and counted."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netdissect.engine.flags import count_rows, indices_of


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 6), st.integers(1, 6), st.floats(0, 1), st.integers(0, 2**32))
def test_equals_the_plain_way(rows, columns, share, seed):
    flags = np.random.default_rng(seed).random((rows, columns)) < share
    assert [tensor.tolist() for tensor in indices_of(torch.from_numpy(flags))] == [a.tolist() for a in flags.nonzero()]
    assert count_rows(flags).tolist() == flags.sum(axis=1).tolist()


def test_counts_of_more_than_a_byte_holds():
    assert count_rows(np.ones((2, 70_000), dtype=bool)).tolist() == [70_000] * 2


def test_a_view_that_is_not_contiguous():
    flags = torch.tensor([[True, False, True], [False, True, True]]).T
    first, second = indices_of(flags)
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == [(0, 0), (1, 1), (2, 0), (2, 1)]
