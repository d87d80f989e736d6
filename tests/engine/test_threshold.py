"""Thresholds are exact: selected from the rows that were kept, they are those of all activations."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netdissect.engine.extremes import Extremes
from netdissect.engine.layer_statistics import LayerStatistics
from netdissect.engine.threshold import select_thresholds, threshold_rank
from tests import reference


@pytest.mark.parametrize(
    ("quantile", "values", "rank"),
    [(0.005, 200, 1), (0.005, 199, 0), (0.29, 100, 29), (0.57, 100, 57), (0.05, 72_000, 3600), (1e-05, 100_000, 1)],
)
def test_rank_reads_the_quantile_as_a_decimal(quantile, values, rank):
    assert threshold_rank(quantile, values) == rank


def gather(activations, quantile, batch_size, planned=None, top_images=1):
    """Return the statistics and the kept rows of a pass; ``planned`` is the number of images that were to come."""
    images, units, height, width = activations.shape
    gathered = LayerStatistics.empty(units, top_images)
    rank = threshold_rank(quantile, (planned or images) * height * width)
    kept = []
    for begin in range(0, images, batch_size):
        maps = torch.from_numpy(activations[begin : begin + batch_size])
        batch = torch.arange(begin, begin + len(maps)), maps, Extremes.of(maps)
        gathered.update(*batch)
        gathered.raise_bound(rank)
        kept.append(gathered.needed(*batch))
    return gathered, kept


def thresholds_of(activations, quantile, batch_size, planned=None, memory=2**24):
    images, _, height, width = activations.shape
    gathered, kept = gather(activations, quantile, batch_size, planned)
    rank = threshold_rank(quantile, images * height * width)
    bound = torch.maximum(gathered.bound, gathered.histogram.lower_bound(rank))

    def read():
        for rows in kept:
            unit = rows.unit.repeat_interleave(rows.needed.sum(dim=1))
            yield unit.numpy(), rows.values[rows.needed].numpy()

    at_most = gathered.histogram.count_from(bound).numpy()
    return select_thresholds(read, rank, bound.numpy(), at_most, memory)


def expected(activations, quantile):
    return [reference.threshold(row.ravel(), quantile) for row in activations.swapaxes(0, 1)]


@settings(max_examples=150, deadline=None)
@given(
    images=st.integers(1, 12),
    units=st.integers(1, 4),
    shape=st.sampled_from([(1, 1), (1, 5), (5, 1), (3, 4), (6, 6)]),
    quantile=st.sampled_from([0.001, 0.02, 0.1, 0.5, 0.99]),
    levels=st.sampled_from([1, 2, 5, 10**6]),
    batch_size=st.integers(1, 5),
    memory=st.sampled_from([1, 30, 2**24]),
    missing=st.integers(0, 3),
    seed=st.integers(0, 2**32),
)
def test_equals_sorting_everything(images, units, shape, quantile, levels, batch_size, memory, missing, seed):
    random = np.random.default_rng(seed)
    activations = random.integers(-levels, levels + 1, (images, units, *shape)).astype(np.float32)
    found = thresholds_of(activations, quantile, batch_size, planned=images + missing, memory=memory)
    assert found.tolist() == expected(activations, quantile)


def test_units_that_are_nearly_always_zero_cost_no_reading_of_their_own():
    random = np.random.default_rng(0)
    activations = np.maximum(random.standard_normal((40, 30, 5, 5)), 0).astype(np.float32)
    activations[:, 3:] *= random.random((40, 27, 5, 5)) < 0.004  # rarer than the quantile: thresholds of 0
    gathered, kept = gather(activations, 0.01, 8)
    reads = []

    def read():
        reads.append(len(reads))
        for rows in kept:
            unit = rows.unit.repeat_interleave(rows.needed.sum(dim=1))
            yield unit.numpy(), rows.values[rows.needed].numpy()

    rank = threshold_rank(0.01, 1000)
    at_most = gathered.histogram.count_from(gathered.bound).numpy()
    assert at_most.sum() > 20_000
    found = select_thresholds(read, rank, gathered.bound.numpy(), at_most, memory=1000)
    assert found.tolist() == expected(activations, 0.01)
    assert len(reads) <= 3


@pytest.mark.parametrize("order", ["rising", "falling", "random"])
def test_exact_in_any_order_of_images(order):
    random = np.random.default_rng(1)
    activations = np.maximum(random.standard_normal((300, 3, 7, 7)), 0).astype(np.float32)
    activations[:, 1] = np.minimum(activations[:, 1], 0.5)  # saturated
    activations[:, 2] *= random.random((300, 1, 1)) ** 8 * 1000  # a long tail
    if order != "random":
        activations = np.sort(activations, axis=0)[:: 1 if order == "rising" else -1].copy()
    assert thresholds_of(activations, 0.01, 8).tolist() == expected(activations, 0.01)


def test_an_outlier_far_from_all_else_costs_space_and_not_exactness():
    activations = np.random.default_rng(2).random((50, 2, 5, 5), dtype=np.float32)
    activations[3, 0, 2, 2] = 1e30
    activations[7, 1, 2, 2] = -1e30
    assert thresholds_of(activations, 0.05, 4).tolist() == expected(activations, 0.05)


def test_most_rows_are_let_go():
    activations = np.maximum(np.random.default_rng(3).standard_normal((400, 4, 6, 6)) - 1, 0).astype(np.float32)
    _, kept = gather(activations, 0.005, 10)
    later = sum(len(rows.index) for rows in kept[20:])
    assert later < 0.2 * 200 * 4 * 6
