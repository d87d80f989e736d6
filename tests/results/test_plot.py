"""Figures of results, with matplotlib."""

import dataclasses

import matplotlib as mpl
import numpy as np
import pytest

from netdissect import Concept
from netdissect.results import category_colors
from tests.report.results import random_layer, result_of
from tests.results.flat import changed


@pytest.fixture(autouse=True)
def no_screen():
    before = mpl.get_backend()
    mpl.use("agg")
    yield
    mpl.pyplot.close("all")
    mpl.use(before)


def bars_of(ax):
    """Per color the heights of its bars."""
    bars = {}
    for patch in ax.patches:
        bars.setdefault(mpl.colors.to_hex(patch.get_facecolor()), []).append(patch.get_height())
    return bars


def test_bars_are_the_detectors_per_concept():
    layer = random_layer(60, seed=3)
    ax = layer.plot()
    groups = layer.detectors_per_concept()
    colors = category_colors(layer.categories)
    assert bars_of(ax) == {colors[category]: list(counts.values()) for category, counts in groups.items()}
    assert [text.get_text() for text in ax.get_xticklabels()] == [name for counts in groups.values() for name in counts]
    counts = layer.summary()["by_label"]
    assert sum(sum(heights) for heights in bars_of(ax).values()) == counts["detectors"]
    assert ax.get_title() == f"conv: {counts['detectors']} detectors of {counts['unique']} concepts"


def test_detectors_per_concept():
    layer = random_layer(60, seed=3)
    labels = layer.labels[layer.labels["is_detector"]]
    for category, counts in layer.detectors_per_concept().items():
        own = labels[labels["category"] == category]["concept"]
        assert counts == {name: int((own == name).sum()) for name in set(own)}
        assert list(counts.items()) == sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def test_into_given_axes():
    _, ax = mpl.pyplot.subplots()
    assert random_layer(5).plot(ax) is ax


def test_a_figure_of_all_layers():
    result = result_of(random_layer(20, layer="early"), random_layer(30, layer="late"))
    axes = result.plot()
    assert [ax.get_title().split(":")[0] for ax in axes] == ["early", "late"]
    assert axes[0].figure is axes[1].figure


def test_no_more_bars_than_can_be_read():
    concepts = tuple(Concept(n + 1, f"concept {n}", "object") for n in range(400))
    random = np.random.default_rng(0)
    area = random.integers(50, 90, (800, 1))
    intersection = np.zeros((800, 400), dtype=np.int64)
    intersection[np.arange(800), np.arange(800) % 500 % 400] = 40
    large = random_layer(800, categories=1)
    changes = {"concepts": concepts, "intersection": intersection, "unit_area": area}
    counts = {name: np.full(400, 60) for name in ("concept_area", "concept_images")}
    ax = changed(large, **changes, **counts).plot()
    assert len(ax.patches) == 150
    assert min(patch.get_height() for patch in ax.patches) == 2
    assert ax.get_xlabel() == "and 250 more concepts, of fewer detectors"


def test_nothing_to_draw():
    layer = dataclasses.replace(random_layer(5), iou_threshold=1.0)
    ax = layer.plot()
    ax.figure.canvas.draw()
    assert not ax.patches


def test_hostile_names():
    layer = random_layer(40, categories=2)
    names = ["$\\frac{", "_hidden", "<b>", "x" * 300, "\\$", "תת", "$x$", "%s", "{}", "a"]
    concepts = [Concept(n + 1, names[n], ["_odd$", "texture"][n % 2]) for n in range(10)]
    hostile = changed(layer, layer="$", concepts=tuple(concepts), iou_threshold=0.0)
    ax = hostile.plot()
    ax.figure.canvas.draw()
    assert len(ax.get_legend().get_texts()) == 2
    assert "x" * 300 not in {text.get_text() for text in ax.get_xticklabels()}


def test_colors():
    colors = category_colors(["object", "moods", "color", *map(str, range(9))])
    assert (colors["object"], colors["color"]) == ("#0072b2", "#cc79a7")
    assert len({colors[str(n)] for n in range(9)}) == 4  # they take turns
    assert not {colors["moods"]} & set(
        category_colors(["object", "part", "scene", "material", "texture", "color"]).values()
    )
