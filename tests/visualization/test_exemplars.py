"""Which images a unit is shown with: a literal ranking of all of them."""

import numpy as np
import pytest

from netdissect.visualization.exemplars import level_exemplars, named_indices, top_exemplars
from tests.planted import MemoryDataset
from tests.report.results import random_layer
from tests.results.flat import changed


def layer_of(peaks, top=3):
    """A layer whose units respond so to images called by their numbers, backwards: the last comes first."""
    images, units = peaks.shape
    layer = random_layer(units, images=images, top=top)
    order = np.argsort(-peaks, axis=0, kind="stable")[:top].T
    names = tuple(f"image {index}" for index in range(images))[::-1]
    return changed(layer, top_image=order, peaks=peaks[::-1].astype(np.float32), image_names=names)


def names_of(images):
    return {f"image {index}": index for index in range(images)}


@pytest.mark.parametrize(
    ("images", "shown", "ranks"),
    [
        # By hand: at 99.9 % of 2,000 two images excite the unit more; the first three are shown already.
        (2000, 3, [3, 4, 20, 21, 100, 101]),
        (2000, 1, [2, 3, 20, 21, 100, 101]),
        (1308, 3, [3, 13, 14, 65, 66]),
        (300, 3, [3, 4, 15, 16]),
        (100, 3, [3, 5, 6]),
        (100, 8, [8, 9]),
        (50, 2, [2, 3]),
        (30, 3, [3, 4]),
        (30, 5, []),
        (3, 3, []),
    ],
)
def test_images_along_the_range_are_the_next_at_each_level(images, shown, ranks):
    """Those that are shown already, or too far from the level, are passed over."""
    peaks = np.random.default_rng(images).permuted(np.arange(3 * images).reshape(3, images), axis=1).T
    layer = layer_of(peaks)
    for unit in range(3):
        order = np.argsort(-peaks[:, unit]).tolist()
        exemplars = level_exemplars(layer, unit, names_of(images), 2, order[:shown])
        assert [exemplar.index for exemplar in exemplars] == [order[rank] for rank in ranks]
        for exemplar, rank in zip(exemplars, ranks, strict=True):
            share = 100 * (images - 1 - rank) / (images - 1)
            assert exemplar.description == f"{share:.4g} % of other images excite it less"
            assert (exemplar.unit, exemplar.activation) == (unit, peaks[exemplar.index, unit])
            assert exemplar.position is None and exemplar.group == "along the range"


def test_what_excites_a_unit_no_more_than_anything_is_not_shown():
    """Of a unit that is silent on most images, and one that always says the same."""
    peaks = np.zeros((100, 3))
    peaks[:4, 0], peaks[:, 1] = [5, 4, 3, 2], 7
    layer = layer_of(peaks)
    assert [exemplar.index for exemplar in level_exemplars(layer, 0, names_of(100), 2, [0, 1, 2])] == [3]
    assert level_exemplars(layer, 1, names_of(100), 2, [0, 1, 2]) == []


def test_images_whose_names_do_not_tell_them_apart_are_passed_over():
    peaks = np.arange(100.0, 0, -1)[:, None]
    names = names_of(100)
    del names["image 5"]
    assert [exemplar.index for exemplar in level_exemplars(layer_of(peaks), 0, names, 2, [0, 1, 2])] == [3, 6, 7]
    data = MemoryDataset([None] * 4, (), (4, 4))
    data.image_name = lambda index: "abab"[index] if index else "c"
    assert named_indices(data, ["b", "c", "d"]) == {"c": 0}


def test_the_top_is_told_with_its_positions():
    layer = random_layer(4, top=5)
    for unit in range(4):
        exemplars = top_exemplars(layer, unit, 3)
        assert [exemplar.index for exemplar in exemplars] == layer.top.image[unit, :3].tolist()
        assert [exemplar.activation for exemplar in exemplars] == layer.top.activation[unit, :3].tolist()
        assert [exemplar.description for exemplar in exemplars] == [f"no. {rank} of all images" for rank in (1, 2, 3)]
        for rank, exemplar in enumerate(exemplars):
            assert layer.top.maps[unit, rank][exemplar.position] == layer.top.maps[unit, rank].max()
    assert len(top_exemplars(layer, 0, 99)) == 5


def test_without_kept_responses_there_is_no_range():
    assert level_exemplars(random_layer(2), 0, {}, 2, ()) == []
