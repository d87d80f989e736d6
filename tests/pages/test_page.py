"""The page of a comparison or an experiment: its files, what it shows, and what scripts do in it."""

import csv
import dataclasses
import json

import numpy as np
import pytest
from matplotlib.figure import Figure

from netdissect import NetdissectError, write_report
from netdissect.pages.cards import UnitCard
from netdissect.pages.page import Page, write_page
from netdissect.pages.sections import Drawing, Gallery, Section, Table
from netdissect.results import read_table, write_table
from tests.report.accessibility import barriers
from tests.report.results import HOSTILE, random_layer, result_of
from tests.report.test_render import Links

ROWS = [
    ["b", 2, 0.12345],
    ["a\r, quoted", 10, None],
    [HOSTILE, 1, float("nan")],
    [None, 3, 1e-9],
]


def figure():
    made = Figure(figsize=(4, 3))
    made.subplots().plot([1, 2])
    return made


@pytest.fixture(scope="module")
def runs():
    return [result_of(random_layer(6, seed=seed), name=name) for seed, name in ((1, "before"), (2, HOSTILE))]


@pytest.fixture(scope="module")
def page(runs, tmp_path_factory):
    first, second = runs
    rows = [
        *((f"unit {n}", [UnitCard(first, "conv", n), UnitCard(second, "conv", n, "kept")]) for n in range(4)),
        ("gone", [None, UnitCard(first, "conv", 5)]),
    ]
    sections = [
        Section("Figure", [Drawing("one", "A caption", "What it shows", figure())], text=HOSTILE),
        Section("Table", [Table("cells", "Cells", ["name", "count", "iou"], ROWS)]),
        Section("Units", [Gallery("Side by side", ["before", "after"], rows)]),
    ]
    out = tmp_path_factory.mktemp("page") / "page"
    notes, facts = [f"a note {HOSTILE}"], [("Data", HOSTILE)]
    return write_page(Page(f"Title {HOSTILE}", sections, notes, facts, {"iou": 0.5}), out).parent


def test_files(page, runs):
    links = Links()
    text = (page / "index.html").read_text()
    links.feed(text)
    assert "<script>document" not in text
    targets = {link for link in links.links if not link.startswith(("#", "data:"))}
    files = {path.relative_to(page).as_posix() for path in page.rglob("*") if path.is_file()}
    assert targets <= files
    assert files - targets == {"index.html", "files.txt", "data.json"}
    assert {*(page / "files.txt").read_text().split()} == files - {"files.txt"}
    assert json.loads((page / "data.json").read_text()) == {"iou": 0.5}
    shown = {run.images[index].name for run in runs for index in np.unique(run["conv"].top.image[:, :4])}
    assert 0 < len([name for name in files if name.startswith("images/")]) <= len(shown)


def test_tables_keep_what_pages_shorten(page):
    with (page / "tables" / "cells.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["name", "count", "iou"]
    assert rows[1:3] == [["b", "2", "0.12345"], ["a\r, quoted", "10", ""]]
    assert rows[3][2] == "" and rows[4][0] == ""
    assert ">0.123<" in (page / "index.html").read_text()


def test_what_people_see(page, visit):
    with visit(page, width=1000) as opened:
        assert opened.title().startswith("Title <script>")
        assert opened.locator(".gallery article").count() == 9
        assert opened.locator(".empty").count() == 1
        image = opened.locator("figure.drawing img")
        assert image.evaluate("image => image.naturalWidth") > 0 and image.get_attribute("alt") == "What it shows"
        canvas = opened.locator("canvas").first
        canvas.scroll_into_view_if_needed()
        opened.wait_for_function("document.querySelector('canvas').width === 15")
        first = opened.locator("tbody tr td:first-child")
        opened.get_by_role("button", name="name").click()
        assert first.all_text_contents()[1:3] == ["a\n, quoted", "b"]
        opened.get_by_role("button", name="count").click()
        assert opened.locator("tbody tr td:nth-child(2)").all_text_contents() == ["10", "3", "2", "1"]
        opened.get_by_role("button", name="iou").click()
        assert opened.locator("tbody tr td:nth-child(3)").all_text_contents() == ["0.123", "0.000", "", ""]
        assert opened.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility(page, visit, scheme):
    with visit(page, color_scheme=scheme, width=500) as opened:
        opened.wait_for_selector("th button")
        assert barriers(opened) == []


def test_masks_are_those_of_the_report(page, runs, tmp_path):
    """A card's first image is lit as the unit's is in the report."""
    write_report(runs[0], tmp_path / "report")
    text = (tmp_path / "report" / "data" / "0" / "0.js").read_text()
    shots = json.loads(text[text.index(",") + 1 : text.rindex(")")])[0]["shots"]
    assert (
        f'data-mask="{shots[0]["mask"]}"'.replace("<", "&lt;").replace(">", "&gt;") in (page / "index.html").read_text()
    )


def test_a_page_is_replaced_and_nothing_else(page, tmp_path):
    out = tmp_path / "out"
    for title in ("one", "two"):
        write_page(Page(title, []), out)
    assert "<h1>two</h1>" in (out / "index.html").read_text()
    (out / "mine.txt").write_text("keep me")
    with pytest.raises(NetdissectError, match=r"holds more than a page of netdissect, which would be lost: mine\.txt"):
        write_page(Page("three", []), out)
    report = write_report(result_of(random_layer(2)), tmp_path / "report").parent
    with pytest.raises(NetdissectError, match="is not a page"):
        write_page(Page("over a report", []), report)


def test_two_tables_of_one_name(tmp_path):
    table = Table("same", "", ["a"], [])
    with pytest.raises(NetdissectError, match="one name: same, same"):
        write_page(Page("", [Section("", [table]), Section("", [table])]), tmp_path / "out")


def test_a_table_in_a_report(runs, tmp_path, visit):
    """Beside a run: its units have no images and no activations, and say so by showing none."""
    write_table(runs[0], "conv", tmp_path / "table.csv")
    table = dataclasses.replace(read_table(tmp_path / "table.csv"), name="table")
    report = write_report([table, runs[0]], tmp_path / "report").parent
    with visit(report, "index.html#layer=table%3Aconv&unit=1") as opened:
        opened.wait_for_selector("dialog .overlaps")
        assert opened.locator("dialog h3").all_text_contents() == [
            "Concepts it overlaps most Save as CSV",
            "Unit 1 elsewhere",
        ]
        assert opened.locator("dialog .shot").count() == 0
        opened.keyboard.press("Escape")
        counts = opened.locator("#counts").inner_text()
        opened.goto(f"{report.as_uri()}/index.html#layer=before%3Aconv")
        opened.reload()
        assert opened.locator("#layer").inner_text() == "before:conv"
        assert opened.locator("#counts").inner_text() == counts
    assert "from a table alone" in (report / "index.html").read_text() + (report / "data" / "report.js").read_text()
