"""The upper tail is exact, however values arrive."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netdissect.engine.threshold import UpperTail, threshold_rank
from tests import reference


@pytest.mark.parametrize(
    ("quantile", "values", "rank"),
    [(0.005, 200, 1), (0.005, 199, 0), (0.29, 100, 29), (0.57, 100, 57), (0.05, 72_000, 3600), (1e-05, 100_000, 1)],
)
def test_rank_reads_the_quantile_as_a_decimal(quantile, values, rank):
    assert threshold_rank(quantile, values) == rank


@settings(max_examples=150, deadline=None)
@given(
    units=st.integers(1, 4),
    pieces=st.lists(st.integers(0, 60), min_size=1, max_size=8),
    quantile=st.sampled_from([0.001, 0.02, 0.1, 0.5, 0.99]),
    levels=st.sampled_from([2, 5, 10**6]),
    seed=st.integers(0, 2**32),
)
def test_equals_sorting_everything(units, pieces, quantile, levels, seed):
    total = sum(pieces)
    if total == 0:
        return
    values = np.random.default_rng(seed).integers(-levels, levels, (units, total)).astype(np.float32)
    tail = UpperTail.empty(units, threshold_rank(quantile, total) + 1)
    start = 0
    for length in pieces:
        tail.update(torch.from_numpy(values[:, start : start + length]))
        start += length
    assert tail.compute(quantile).tolist() == [reference.threshold(row, quantile) for row in values]


@settings(max_examples=80, deadline=None)
@given(cut=st.integers(0, 300), quantile=st.sampled_from([0.01, 0.2]), seed=st.integers(0, 2**32))
def test_two_tails_add_up_to_one(cut, quantile, seed):
    values = torch.from_numpy(np.random.default_rng(seed).integers(0, 40, (3, 300)).astype(np.float32))
    capacity = threshold_rank(quantile, 300) + 1
    parts = [UpperTail.empty(3, capacity) for _ in range(2)]
    parts[0].update(values[:, :cut])
    parts[1].update(values[:, cut:])
    expected = [reference.threshold(row, quantile) for row in values.numpy()]
    assert (parts[0] + parts[1]).compute(quantile).tolist() == expected
    assert (parts[1] + parts[0]).compute(quantile).tolist() == expected


def test_holds_no_more_than_the_tail_and_its_slack():
    tail = UpperTail.empty(2, capacity=40_000)
    for _ in range(20):
        tail.update(torch.randn(2, 50_000))
    assert tail.held.shape == (2, 50_000)
    assert tail.seen == 1_000_000
    assert UpperTail.empty(2, capacity=1).held.shape == (2, 1 + 2**12)


def test_exact_where_the_tail_is_selected_again_and_again():
    """Long enough for many selections, with values in every order and many ties."""
    values = np.random.default_rng(1).integers(0, 3000, (3, 60_000)).astype(np.float32)
    values[1].sort()
    values[2] = np.sort(values[2])[::-1]
    tail = UpperTail.empty(3, threshold_rank(0.01, 60_000) + 1)
    for start in range(0, 60_000, 700):
        tail.update(torch.from_numpy(values[:, start : start + 700].copy()))
    assert tail.compute(0.01).tolist() == [reference.threshold(row, 0.01) for row in values]


def test_fewer_values_than_planned_still_give_their_own_quantile():
    tail = UpperTail.empty(1, threshold_rank(0.5, 100) + 1)
    tail.update(torch.arange(10.0)[None])
    assert tail.compute(0.5).tolist() == [4.0]
