"""Parts of sections know how they are written."""

import json
from dataclasses import dataclass

import pytest

from netdissect import NetdissectError
from netdissect.pages.cards import UnitCard
from netdissect.pages.page import Page, write_page
from netdissect.pages.sections import Part, Section, Table
from tests.report.results import random_layer, result_of


@dataclass(frozen=True)
class Tally(Part):
    """A made-up part, with a file and a card of its own, that borrows the markup of galleries."""

    name: str
    card: UnitCard

    @property
    def stem(self):
        return self.name

    def cards(self):
        return [self.card]

    def write(self, stage, cards):
        (stage / f"{self.name}.json").write_text(json.dumps({"unit": self.card.unit}))
        row = {"heading": "", "cards": [cards.plain(self.card)]}
        return {"kind": "gallery", "caption": f"a tally of {self.name}", "columns": [""], "rows": [row]}


def test_a_new_kind_of_part_is_a_class(tmp_path):
    card = UnitCard(result_of(random_layer(3)), "conv", 1)
    page = write_page(Page("Tallies", [Section("First", [Tally("a", card), Tally("b", card)])]), tmp_path / "page")
    text = page.read_text()
    assert "a tally of a" in text and "a tally of b" in text and text.count("<article") == 2
    assert json.loads((page.parent / "b.json").read_text()) == {"unit": 1}
    assert len(list((page.parent / "images").iterdir())) == 4  # once, though two cards show them
    assert "b.json" in (page.parent / "files.txt").read_text()


def test_names_are_unique_among_parts_of_a_class(tmp_path):
    card = UnitCard(result_of(random_layer(3)), "conv", 1)
    table = Table("a", "", ["n"], [[1]])
    write_page(Page("", [Section("", [Tally("a", card), table])]), tmp_path / "page")
    with pytest.raises(NetdissectError, match="two parts of a page have one name: a, a"):
        write_page(Page("", [Section("", [Tally("a", card), table, Tally("a", card)])]), tmp_path / "page")
