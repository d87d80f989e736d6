"""Kept rows hold all that masks need: masks from rows have the same bits as masks from whole maps."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netdissect.engine.extremes import Extremes
from netdissect.engine.kept_rows import select_rows
from netdissect.engine.lit_pixels import lit_pixels
from netdissect.engine.mask import unit_masks


def masks_from_rows(maps, thresholds, bound, shape, whole):
    """Return the masks of every unit of one image, made from its kept rows."""
    rows = select_rows(maps[None], Extremes.of(maps[None]).row_peaks, bound, whole[None])
    times_lit = torch.zeros(len(maps), shape[0] * shape[1], dtype=torch.int64)
    for lit in lit_pixels(rows, thresholds, shape):
        unit = rows.unit[lit.row][lit.cell]
        times_lit.index_put_((unit, lit.first[lit.cell] + lit.offset), torch.tensor(1), accumulate=True)
    assert times_lit.max() <= 1
    return (times_lit == 1).reshape(len(maps), *shape)


@settings(max_examples=200, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    out=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    slack=st.sampled_from([0.0, 0.3, 10.0]),
    quantile=st.floats(0, 1),
    seed=st.integers(0, 2**32),
)
def test_masks_from_rows_equal_masks_from_maps(shape, out, slack, quantile, seed):
    random = np.random.default_rng(seed)
    maps = torch.from_numpy(random.standard_normal((4, *shape)).astype(np.float32))
    thresholds = torch.quantile(maps.flatten(1), quantile, dim=1)
    thresholds[0] = maps[0].amax()  # no mask
    whole = torch.from_numpy(random.random(4) < 0.3)
    if random.random() < 0.5:
        maps, thresholds = maps.round(decimals=0), thresholds.round(decimals=0)  # ties
    found = masks_from_rows(maps, thresholds, thresholds - slack, out, whole)
    assert torch.equal(found, unit_masks(maps, thresholds, out))


def test_values_are_those_that_exceed_the_bound_and_those_around_them():
    maps = torch.zeros(2, 3, 6, 4)
    maps[0, 1, 2, 3] = 1.0
    maps[1, 0, 0, 0] = 1.0
    maps[1, 2, 5, 1] = 0.5  # not above its bound
    bound = torch.tensor([0.5, 0.5, 0.5])
    whole = torch.zeros(2, 3, dtype=torch.bool)
    whole[1, 1] = True
    rows = select_rows(maps, Extremes.of(maps).row_peaks, bound, whole)
    assert rows.counts.tolist() == [3, 8]
    assert rows.height == 6
    assert rows.image.tolist() == [0] * 3 + [1] * 8
    assert rows.unit.tolist() == [1] * 3 + [0] * 2 + [1] * 6
    assert rows.row.tolist() == [1, 2, 3, 0, 1, *range(6)]
    assert rows.index.tolist() == [6 + 1, 6 + 2, 6 + 3, 0, 1, *range(6, 12)]
    assert rows.values.sum() == 2.0
    assert rows.needed.int().tolist() == [[0, 0, 1, 1]] * 3 + [[1, 1, 0, 0]] * 2 + [[1, 1, 1, 1]] * 6
