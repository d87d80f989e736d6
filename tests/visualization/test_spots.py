"""Which images a unit is shown with: a literal ranking of all of them."""

from dataclasses import replace

import numpy as np
import pytest

from netdissect.visualization.spots import level_spots, top_spots
from tests.report.results import random_layer


def layer_of(peaks, top=3):
    """A layer whose units respond so to images called by their numbers, backwards: the last comes first."""
    images, units = peaks.shape
    layer = random_layer(units, images=images, top=top)
    order = np.argsort(-peaks, axis=0, kind="stable")[:top].T
    names = tuple(f"image {index}" for index in range(images))[::-1]
    return replace(layer, top_image=order, peaks=peaks[::-1].astype(np.float32), sample=names)


@pytest.mark.parametrize(
    ("images", "levels"),
    [(2000, [99.9, 99.0, 95.0]), (300, [99.0, 95.0]), (100, [95.0]), (50, [95.0]), (30, []), (3, [])],
)
def test_images_along_the_range_are_at_their_percentage(images, levels):
    peaks = np.random.default_rng(images).permuted(np.arange(3 * images).reshape(3, images), axis=1).T
    layer, names = layer_of(peaks), {f"image {index}": index for index in range(images)}
    for unit in range(3):
        above = top_spots(layer, unit, 2)
        spots = level_spots(layer, unit, names, 2, above=len(above))
        assert [spot.words for spot in spots] == [
            f"{level:g} % of images excite it less" for level in levels for _ in "ab"
        ]
        weaker = [100 * (peaks[:, unit] < peaks[spot.index, unit]).mean() for spot in spots]
        wanted = [level for level in levels for _ in "ab"]
        # The second of a level is the next image below.
        assert np.abs(np.subtract(weaker, wanted)).max(initial=0) <= 2.5 * 100 / images
        assert len({spot.index for spot in [*above, *spots]}) == len(above) + len(spots)


def test_the_top_is_told_with_its_positions():
    layer = random_layer(4, top=5)
    for unit in range(4):
        spots = top_spots(layer, unit, 3)
        assert [spot.index for spot in spots] == layer.top_image[unit, :3].tolist()
        assert [spot.words for spot in spots] == [f"no. {rank} of all images" for rank in (1, 2, 3)]
        for rank, spot in enumerate(spots):
            assert layer.top_maps[unit, rank][spot.position] == layer.top_maps[unit, rank].max()
    assert len(top_spots(layer, 0, 99)) == 5


def test_without_kept_responses_there_is_no_range():
    assert level_spots(random_layer(2), 0, {}, 2, above=0) == []
