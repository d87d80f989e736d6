"""The statistics of a layer: their laws, and bounds that hold for parts and for their sum."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netdissect.engine.extremes import Extremes
from netdissect.engine.layer_statistics import LayerStatistics
from netdissect.engine.threshold import select_thresholds
from tests.engine.accumulator_laws import bits, check_laws, saved_and_read
from tests.engine.activations import batches, image_indices


def parts_of(maps, seed):
    return [(images, batch, Extremes.of(batch)) for images, batch in zip(image_indices(maps, seed), maps, strict=True)]


@settings(max_examples=15, deadline=None)
@given(batches(), st.integers(1, 4), st.integers(0, 2**32))
def test_laws(maps, room, seed):
    check_laws(lambda: LayerStatistics.empty(2, room), parts_of(maps, seed))


@settings(max_examples=60, deadline=None)
@given(batches(parts=(3, 3)), st.integers(0, 12), st.integers(0, 2**32))
def test_sums_of_raised_statistics_have_one_bound_in_any_order(maps, rank, seed):
    raised = []
    for part in parts_of(maps, seed):
        statistics = LayerStatistics.empty(2, 2)
        statistics.update(*part)
        statistics.raise_bound(rank)
        raised.append(statistics)
    a, b, c = raised
    sums = [(a + b) + c, a + (b + c), (c + a) + b, b + (c + a)]
    assert all(bits(total.state()) == bits(sums[0].state()) for total in sums)
    assert bits(saved_and_read(sums[0]).state()) == bits(sums[0].state())
    for statistics in raised:
        assert (sums[0].bound >= statistics.bound).all()


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    scales=st.lists(st.sampled_from([1e-3, 1.0, 50.0]), min_size=2, max_size=5),
    quantile=st.sampled_from([0.01, 0.1, 0.5]),
)
def test_thresholds_are_exact_from_the_rows_of_two_parts(seed, scales, quantile):
    """Each part lets rows go by its own bound, with the rank among the values of both."""
    random = np.random.default_rng(seed)
    maps = [torch.from_numpy((random.standard_normal((3, 2, 4, 3)) * scale).astype(np.float32)) for scale in scales]
    parts = parts_of(maps, seed)
    values = torch.cat(maps).transpose(0, 1).flatten(1)
    rank = int(quantile * values.shape[1])
    halves, rows = [], []
    for half in (parts[: len(parts) // 2], parts[len(parts) // 2 :]):
        statistics = LayerStatistics.empty(2, 1)
        for part in half:
            statistics.update(*part)
            statistics.raise_bound(rank)
            rows.append(statistics.needed(*part))
        halves.append(statistics)
    total = halves[0] + halves[1]
    expected = values.sort(dim=1, descending=True).values[:, rank]
    assert (total.bound <= expected).all()
    total.raise_bound(rank)
    assert (total.bound <= expected).all()

    def read():
        for some in rows:
            yield some.unit.repeat_interleave(some.needed.sum(dim=1)).numpy(), some.values[some.needed].numpy()

    at_most = total.histogram.count_from(total.bound).numpy()
    assert np.array_equal(select_thresholds(read, rank, total.bound.numpy(), at_most), expected.numpy())


def test_a_bound_never_falls_though_bins_grow():
    statistics = LayerStatistics.empty(1, 1)
    fine = torch.arange(100.0).reshape(1, 1, 10, 10) / 100
    statistics.update(torch.tensor([0]), fine, Extremes.of(fine))
    statistics.raise_bound(10)
    before = statistics.bound.clone()
    wide = torch.tensor([[[[1e6]]]]).expand(1, 1, 10, 10)
    wide = torch.where(torch.arange(100).reshape(10, 10) == 0, wide, torch.zeros(()))
    statistics.update(torch.tensor([1]), wide, Extremes.of(wide))
    assert statistics.histogram.lower_bound(10) < before
    statistics.raise_bound(10)
    assert torch.equal(statistics.bound, before)
