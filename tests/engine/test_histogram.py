"""The one-pass histogram is exact, in any order of values; so is the bound that follows from it."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netdissect.engine.histogram import BINS, Histogram
from tests.engine.accumulator_laws import check_laws, same
from tests.engine.activations import batches

SCALES = st.sampled_from([1e-30, 1e-3, 1.0, 7.0, 1e6, 1e37])


def histogram_of(*batches):
    histogram = Histogram.empty(batches[0].shape[1])
    for maps in batches:
        histogram.update(*part_of(maps))
    return histogram


def batches_of(seed, scales, units=3):
    random = np.random.default_rng(seed)
    made = []
    for scale in scales:
        maps = random.standard_normal((random.integers(1, 4), units, 2, 3)) * scale
        maps[:, 1] = np.maximum(maps[:, 1], 0)
        maps[:, -1] = random.choice([0.0, 6.0], maps[:, -1].shape)
        made.append(torch.from_numpy(maps.astype(np.float32)))
    return made


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32), scales=st.lists(SCALES, min_size=1, max_size=6))
def test_counts_are_those_of_a_plain_histogram(seed, scales):
    batches = batches_of(seed, scales)
    histogram = histogram_of(*batches)
    values = torch.cat(batches).transpose(0, 1).flatten(1).double().numpy()
    for unit, row in enumerate(values):
        width = 2.0 ** int(histogram.exponent[unit])
        edges = (int(histogram.first[unit]) + np.arange(BINS + 1)) * width
        expected = [int(((row >= low) & (row < high)).sum()) for low, high in pairwise(edges)]
        assert histogram.counts[unit].tolist() == expected
        assert sum(expected) == len(row)
        assert edges[0] <= row.min() < edges[1]
        # No narrower bins would do, but where floats themselves are hardly finer.
        narrower = np.floor(row.max() / width * 2) - np.floor(row.min() / width * 2)
        assert narrower >= BINS or width <= max(2.0**-126, np.abs(row).max() * 2.0**-20)


def part_of(maps):
    return maps, maps.amin(dim=(0, 2, 3)), maps.amax(dim=(0, 2, 3))


@settings(max_examples=15, deadline=None)
@given(batches())
def test_laws(maps):
    """Drawn are both zeros, subnormals, ties, and numbers from 1e-45 to the largest."""
    check_laws(lambda: Histogram.empty(2), [part_of(batch) for batch in maps])


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32), scales=st.lists(SCALES, min_size=2, max_size=4))
def test_laws_where_bins_are_merged(seed, scales):
    check_laws(lambda: Histogram.empty(3), [part_of(batch) for batch in batches_of(seed, scales)])


@settings(max_examples=40, deadline=None)
@given(batches())
def test_batches_do_not_matter(maps):
    assert same(histogram_of(torch.cat(maps)), histogram_of(*maps))


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32), scales=st.lists(SCALES, min_size=1, max_size=4), rank=st.integers(0, 40))
def test_lower_bound_is_one_and_counts_hold(seed, scales, rank):
    batches = batches_of(seed, scales)
    histogram = histogram_of(*batches)
    values = torch.cat(batches).transpose(0, 1).flatten(1)
    bound = histogram.lower_bound(rank)
    for unit, row in enumerate(values):
        if rank >= len(row):
            assert bound[unit] == -torch.inf
        else:
            assert bound[unit] <= row.sort(descending=True).values[rank]
            assert (row >= bound[unit]).sum() >= rank + 1
    levels = torch.stack([values.amin(1), values.mean(1), values.amax(1), bound.clamp(min=-1e38)])
    for level in levels:
        assert (histogram.count_from(level) >= (values >= level[:, None]).sum(1)).all()
    assert (histogram.count_from(torch.full((3,), -torch.inf)) == values.shape[1]).all()


def test_the_bound_is_close():
    values = torch.randn(20, 4, 50, 50).abs_()
    bound = histogram_of(values).lower_bound(250)
    exact = values.transpose(0, 1).flatten(1).sort(dim=1, descending=True).values[:, 250]
    assert (bound <= exact).all() and (bound > 0.98 * exact).all()


@pytest.mark.parametrize("value", [0.0, -0.0, 6.0, -3.5, 1e38, 1e-38, -1e-45])
def test_one_value_throughout(value):
    histogram = histogram_of(torch.full((2, 1, 3, 3), value))
    assert histogram.counts.sum() == 18
    assert histogram.lower_bound(5)[0] <= value


def test_merged_bins():
    values = torch.rand(4, 2, 9, 9) * 5 - 1
    whole = histogram_of(values).compute()
    assert whole.low.tolist() == values.amin(dim=(0, 2, 3)).tolist()
    assert whole.high.tolist() == values.amax(dim=(0, 2, 3)).tolist()
    bins = histogram_of(values).compute().merged(64)
    for unit in range(2):
        edges = float(bins.start[unit]) + np.arange(65) * float(bins.width[unit])
        assert bins.counts[unit].tolist() == np.histogram(values[:, unit].numpy(), edges)[0].tolist()
