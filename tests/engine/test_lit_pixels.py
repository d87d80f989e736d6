"""Lit pixels, found cell by cell from rows of maps, are those of whole upsampled maps."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netdissect.engine.alignment import Alignment, Anchored
from netdissect.engine.kept_rows import KeptRows
from netdissect.engine.lit_pixels import lit_pixels
from netdissect.engine.mask import unit_masks
from tests.engine.axes import axes


@settings(max_examples=100, deadline=None)
@given(axes(), axes(), st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32), st.floats(-1, 2))
def test_lit_pixels_are_those_of_masks_however_maps_lie(rows, columns, out_height, out_width, seed, level):
    """Pixels found from rows, cell by cell, equal the pixels of whole upsampled maps."""
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


def all_rows(maps):
    """Return all rows of the maps of several images."""
    images, units, height, width = maps.shape
    index = torch.arange(units * height).repeat(images)
    values = maps.reshape(-1, width)
    return KeptRows(height, torch.full((images,), units * height), index, values == values, values)


def masks_of(rows, thresholds, images, shape):
    found = torch.zeros(images, len(thresholds), shape[0] * shape[1], dtype=torch.int64)
    for lit in lit_pixels(rows, thresholds, shape):
        row = lit.row[lit.cell]
        index = (rows.image[row], rows.unit[row], lit.first[lit.cell] + lit.offset)
        found.index_put_(index, torch.tensor(1), accumulate=True)
    assert found.max() <= 1
    return (found == 1).view(images, len(thresholds), *shape)


def test_maps_of_several_images_are_kept_apart():
    """A row of one image may have the number that follows the last row of the image before."""
    maps = torch.from_numpy(np.random.default_rng(0).standard_normal((3, 2, 4, 3)).astype(np.float32))
    thresholds, shape = torch.tensor([0.3, -0.2]), (9, 8)
    expected = torch.stack([unit_masks(of_image, thresholds, shape) for of_image in maps])
    assert torch.equal(masks_of(all_rows(maps), thresholds, 3, shape), expected)


def test_consecutive_rows_of_two_images_are_no_neighbours():
    """A row whose next row is not kept goes on, whatever row comes next of another image."""
    values = torch.tensor([[1.0, 1.0], [1.0, 1.0], [0.0, 0.0], [1.0, 1.0]])
    needed = torch.ones(4, 2, dtype=torch.bool)
    rows = KeptRows(4, torch.tensor([2, 0, 2]), torch.tensor([0, 1, 2, 3]), needed, values)
    masks = masks_of(rows, torch.tensor([0.5]), 3, (8, 2))[:, 0]
    assert masks[:, :, 0].int().tolist() == [[1, 1, 1, 1, 1, 0, 0, 0], [0] * 8, [0, 0, 0, 0, 0, 0, 1, 1]]


def test_cells_of_a_dark_map_are_not_computed_though_the_next_map_is_lit():
    maps = torch.stack([torch.zeros(3, 3), torch.ones(3, 3)])[None]
    cells = torch.cat([lit.row for lit in lit_pixels(all_rows(maps), torch.full((2,), 0.5), (9, 9))])
    assert sorted(set(cells.tolist())) == [3, 4, 5]
    assert len(cells) == 4 * 4


def test_no_rows_have_no_lit_pixels():
    nothing = torch.zeros(0, dtype=torch.int64)
    rows = KeptRows(3, torch.zeros(2, dtype=torch.int64), nothing, torch.zeros(0, 2) > 0, torch.zeros(0, 2))
    assert not masks_of(rows, torch.tensor([0.5]), 2, (4, 4)).any()
    assert not masks_of(all_rows(torch.ones(2, 1, 3, 3)), torch.tensor([1.0]), 2, (5, 5)).any()


def test_many_cells_are_the_same_some_at_a_time():
    """There are more pixels than are interpolated at a time."""
    maps = torch.from_numpy(np.random.default_rng(1).standard_normal((2, 3, 7, 7)).astype(np.float32))
    thresholds, shape = torch.full((3,), -10.0), (300, 301)
    assert masks_of(all_rows(maps), thresholds, 2, shape).all()
    assert len(list(lit_pixels(all_rows(maps), thresholds, shape))) > 1
