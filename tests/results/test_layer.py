"""The tables of a layer follow from its counts."""

import dataclasses

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.results.small import UNIT_COLUMNS, layer_result


def test_iou_and_ceiling(layer):
    assert layer.categories == ("object", "part", "texture")
    assert layer.scores[0].tolist() == [0 / 180, 5 / 95, 50 / 130, 0 / 110]
    assert layer.ceilings[0].tolist() == [0.8, 40 / 60, 0.8, 0.1]
    assert layer.ceilings[3].tolist() == [0, 0, 0, 0]


def test_table_of_units(layer):
    table = layer.units
    assert tuple(table.columns) == UNIT_COLUMNS
    assert table["unit"].tolist() == [unit for unit in range(4) for _ in range(3)]
    first = table[table["unit"] == 0].set_index("category")
    assert first["concept"].tolist()[:2] == ["car", "wheel"]
    assert pd.isna(first.loc["texture", "concept"])
    assert first["is_label"].tolist() == [True, False, False]
    assert first["is_detector"].tolist() == [True, True, False]
    assert first.loc["object", ["intersection", "unit_area", "concept_area"]].tolist() == [50, 100, 80]


def test_equal_iou_goes_to_the_lower_number(layer):
    second = layer.units[layer.units["unit"] == 1].set_index("category")
    assert second.loc["object", "concept"] == "sky"  # 20 / 100, as car
    tied = layer_result([[10, 10, 0, 0]], [[10, 20, 0]], [20, 10, 5, 5])  # sky and wheel alike, 10 / 20
    assert tied.labels["concept"].tolist() == ["sky"]


def test_counts_by_label_and_by_category(layer):
    summary = layer.summary()
    assert summary["units"] == 4
    assert summary["by_label"] == {
        "detectors": 2,
        "unique": 2,
        "categories": {
            "object": {"detectors": 2, "unique": 2},
            "part": {"detectors": 0, "unique": 0},
            "texture": {"detectors": 0, "unique": 0},
        },
    }
    assert summary["by_category"] == {
        "unique": 3,
        "categories": {
            "object": {"detectors": 2, "unique": 2},
            "part": {"detectors": 2, "unique": 1},
            "texture": {"detectors": 0, "unique": 0},
        },
    }


def test_another_cut_needs_no_network(layer):
    assert dataclasses.replace(layer, iou_threshold=0.01).summary()["by_label"]["detectors"] == 3
    assert dataclasses.replace(layer, iou_threshold=0.9).summary()["by_label"]["detectors"] == 0
    on_the_cut = dataclasses.replace(layer, iou_threshold=50 / 130)
    assert on_the_cut.summary()["by_label"]["detectors"] == 0  # greater, not greater or equal


def test_concepts_out_of_reach_are_named_with_the_remedy():
    layer = layer_result([[5, 0, 4, 0]], [[5, 5, 5]], [1000, 6, 10, 0], quantile=0.005)
    assert [concept.name for concept in layer.unreachable()] == ["sky"]  # 5 / 1000; nothing is said of absent ones
    (note,) = layer.notes()
    assert "sky" in note
    assert "--quantile 0.2" in note  # four times 0.005 * 0.04 / (5 / 1000), rounded


def test_rare_concepts_out_of_reach_are_no_reason_for_a_larger_quantile():
    layer = layer_result([[5, 0, 1, 0]], [[500, 500, 500]], [400, 300, 2, 300])
    assert [concept.name for concept in layer.unreachable()] == ["car"]
    assert "--quantile" not in layer.notes()[0]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 12))
def test_summary_adds_up(seed, units):
    random = np.random.default_rng(seed)
    intersection = random.integers(0, 5, (units, 4))
    layer = layer_result(intersection, random.integers(5, 40, (units, 3)), random.integers(5, 60, 4))
    summary = layer.summary()
    table = layer.units
    best = table.groupby("unit")["iou"].max()
    assert summary["by_label"]["detectors"] == (best > 0.04).sum()
    by_label, by_category = summary["by_label"]["categories"], summary["by_category"]["categories"]
    for category in layer.categories:
        rows = table[(table["category"] == category) & (table["iou"] > 0.04)]
        assert by_category[category] == {"detectors": len(rows), "unique": rows["concept"].nunique()}
        assert by_label[category]["detectors"] <= by_category[category]["detectors"]
    assert summary["by_category"]["unique"] == sum(counts["unique"] for counts in by_category.values())
    assert (table["iou"] <= table["iou_ceiling"] + 1e-12).all()
