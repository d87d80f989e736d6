"""Figures show all units, in their numbers, and no name covers another."""

import itertools

import numpy as np
import pytest

from netdissect.compare.alignment import align
from netdissect.compare.alignment_plot import flow_figure, score_figure
from tests.compare.layers import layer_of, random_labels
from tests.unchecked import unchecked_types


@pytest.fixture(autouse=True)
def unchecked():
    with unchecked_types():
        yield


def some_alignment(units, seed=0):
    random = np.random.default_rng(seed)
    return align(random_labels(random, units), random_labels(random, units))


def texts_of(axes):
    return {text.get_text(): text for text in axes.texts}


@pytest.mark.parametrize("units", [1, 40, 2000])
def test_a_flow_is_as_high_as_its_units_are_many(units):
    alignment = some_alignment(units)
    figure = flow_figure(alignment, "a $net", "another")
    (axes,) = figure.axes
    bands = [patch for patch in axes.patches if hasattr(patch, "get_path") and len(patch.get_path().vertices) == 8]
    heights = sorted(band.get_path().vertices[0][1] - band.get_path().vertices[-1][1] for band in bands)
    assert heights == pytest.approx(sorted(count / units for count in alignment.flows.values()))
    for end in (0, 3):  # bands lie side by side, without a gap within a category, and never on one another
        tops = sorted((-band.get_path().vertices[end][1], -band.get_path().vertices[7 - end][1]) for band in bands)
        assert all(below[0] >= above[1] - 1e-9 for above, below in itertools.pairwise(tops))
    assert {r"a \$net", "another"} <= set(texts_of(axes))
    figure.draw_without_rendering()


def test_names_do_not_cover_one_another():
    """Of many units nearly all are of one category, so that others are thin."""
    rows = [[40, 0, 0, 0, 0]] * 500 + [[0, 0, 40, 0, 0], [0, 0, 0, 40, 0], [0, 0, 0, 0, 0]]
    figure = flow_figure(align(layer_of(rows), layer_of(rows[::-1])))
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) >= 10  # two headings, four categories on each side
    for place, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:place])
    words = set(texts_of(figure.axes[0]))
    assert {"object  500", "part  1", "color  1", "no detector  1"} <= words


def test_every_pair_is_a_point_of_its_kind():
    alignment = some_alignment(60)
    figure = score_figure(alignment, "one", "two")
    (axes,) = figure.axes
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == [f"{what} {count}" for what, count in alignment.became.items()]
    points = np.vstack([collection.get_offsets() for collection in axes.collections])
    expected = alignment.pairs[["iou_before", "iou_after"]].to_numpy()
    assert np.array_equal(np.sort(points, axis=0), np.sort(expected, axis=0))
    assert axes.get_xlim() == axes.get_ylim()
    assert axes.get_xlim()[1] > expected.max()
    figure.draw_without_rendering()
