"""The page of units before and after."""

import csv
import json

import pytest

from netdissect.compare.alignment import align
from netdissect.compare.alignment_page import alignment_sections
from netdissect.pages.page import Page, write_page
from netdissect.pages.sections import Gallery
from netdissect.results import read_table, write_table
from tests.report.results import random_layer, result_of
from tests.unchecked import unchecked_types


@pytest.fixture(autouse=True)
def unchecked():
    with unchecked_types():
        yield


@pytest.fixture
def before():
    return result_of(random_layer(12, layer="conv"), name="first <b>")


@pytest.fixture
def after():
    return result_of(random_layer(12, layer="top", seed=1), name="second")


def gallery_of(sections):
    return next(part for section in sections for part in section.parts if isinstance(part, Gallery))


def test_a_page_of_units_before_and_after(before, after, tmp_path):
    alignment = align(before["conv"], after["top"], iou_threshold=0.15)
    sections = alignment_sections(before, after, alignment)
    gallery = gallery_of(sections)
    pairs = alignment.pairs[alignment.pairs["became"] != "neither"]
    size = pairs["iou_difference"].abs().where(pairs["became"] != "kept", -1.0)
    assert len(pairs) and (pairs["became"] == "lost").any()
    shown = [cards[0].unit for _, cards in gallery.rows]
    assert shown == size.sort_values(ascending=False, kind="stable").index.tolist()
    for heading, (one, other) in gallery.rows:
        row = alignment.pairs.iloc[one.unit]
        assert (one.layer, other.layer, other.unit) == ("conv", "top", one.unit)
        assert heading == f"unit {one.unit}: {row.became}, IoU {row.iou_difference:+.3f}"
        detectors = one.result["conv"].labels.query("is_detector")["unit"].tolist()  # a card tells what is one
        assert (one.unit in detectors) == row.is_detector_before

    page = write_page(Page("Two layers", sections, data=alignment.summary()), tmp_path / "page")
    text = page.read_text()
    assert "before: first &lt;b&gt;" in text and "first <b>" not in text
    assert json.loads((tmp_path / "page" / "data.json").read_text())["became"] == alignment.became
    assert {path.name for path in (tmp_path / "page" / "figures").iterdir()} == {"units-flow.svg", "units-iou.svg"}
    with (tmp_path / "page" / "tables" / "units-pairs.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["became"] for row in rows] == alignment.pairs["became"].tolist()
    assert [float(row["IoU before"]) for row in rows] == alignment.pairs["iou_before"].tolist()


def test_a_run_beside_a_table(before, tmp_path):
    """The table of the same run agrees with it in all; its side has no images."""
    write_table(before, "conv", tmp_path / "table.csv")
    table = read_table(tmp_path / "table.csv")
    alignment = align(before["conv"], table["conv"])
    assert alignment.became["kept"] == before.summary()["layers"][0]["by_label"]["detectors"]
    assert alignment.became["changed"] == alignment.became["gained"] == alignment.became["lost"] == 0
    sections = alignment_sections(before, table, alignment)
    assert all(card is not None for _, cards in gallery_of(sections).rows for card in cards)
    page = write_page(Page("Reproduction", sections), tmp_path / "page")
    assert "No images: known from a table alone." in page.read_text()
    both = alignment_sections(table, table, align(table["conv"], table["conv"]))
    assert not any(isinstance(part, Gallery) for section in both for part in section.parts)
