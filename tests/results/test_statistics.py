"""A statistic per unit is one class and one line: tables, files and reports follow."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from netdissect import Result
from netdissect.choices import CRITERIA
from netdissect.report.content import ReportContent
from netdissect.results import LayerResult
from netdissect.results.statistics import STATISTICS
from tests.report.results import random_layer, result_of
from tests.results.choices import Dice, Precision, Rank, Undefined
from tests.results.small import UNIT_COLUMNS


@pytest.fixture
def registered():
    with (
        STATISTICS.registered("precision", Precision),
        STATISTICS.registered("rank", Rank),
        STATISTICS.registered("undefined", Undefined),
    ):
        yield


def units_of(result):
    pages = ReportContent([result])
    ((_, _, units),) = pages.chunks(list(pages.images.stored()))
    return units


def test_a_registered_statistic_is_a_column(registered, tmp_path):
    layer = random_layer(20, seed=5)
    assert list(layer.units.columns) == [*UNIT_COLUMNS[:-2], "precision", "rank", "undefined", *UNIT_COLUMNS[-2:]]
    for row in layer.units.itertuples():
        if row.unit_area:
            assert row.precision == row.intersection / row.unit_area
        else:
            assert np.isnan(row.precision)
    out = result_of(layer).save(tmp_path / "run")
    pd.testing.assert_frame_equal(
        pd.read_parquet(out / "conv" / "units.parquet"), layer.units, check_dtype=False, check_column_type=False
    )
    pd.testing.assert_frame_equal(Result.load(out)["conv"].units, layer.units)


def test_the_view_of_a_unit_lists_it(registered):
    layer = random_layer(20, seed=5)
    labels = layer.labels.set_index("unit")
    assert len(labels) < 20
    for unit, data in enumerate(units_of(result_of(layer))):
        if unit not in labels.index:
            assert data["statistics"] == []
            continue
        row = labels.loc[unit]
        precision, rank, undefined = data["statistics"]
        assert (precision["title"], precision["help"]) == ("precision", Precision.help)
        assert precision["value"] == pytest.approx(row["precision"], rel=1e-3)
        assert rank["value"] == row["rank"] and isinstance(rank["value"], int)
        assert undefined["value"] is None
        json.dumps(data, allow_nan=False)


def test_built_in_statistics_are_no_further_lines():
    layer = random_layer(20, seed=5)
    assert all(unit["statistics"] == [] for unit in units_of(result_of(layer)))
    assert tuple(layer.units.columns) == UNIT_COLUMNS


def test_statistics_beside_another_criterion(registered):
    with CRITERIA.registered("twice", type("Twice", (Dice,), {"name": "twice"})):
        layer = replace(random_layer(9), criterion="twice")
        assert list(layer.units.columns[3:5]) == ["twice", "twice_ceiling"] and "precision" in layer.units


def test_a_layer_of_counts_alone_has_every_column(registered):
    known = random_layer(9)
    layer = LayerResult("conv", known.counts, known.quantile, known.iou_threshold)
    assert layer.units["threshold"].isna().all() and layer.units["threshold"].dtype == np.float32
    assert layer.units.drop(columns="threshold").equals(known.units.drop(columns="threshold"))
    assert layer.silent == {} and layer.visualized == {}
    assert layer.summary() == known.summary()
