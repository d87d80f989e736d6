"""A criterion beside IoU is one class and one line: results, texts, pages, comparisons and series follow."""

import csv
import json
import re
from dataclasses import replace

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netdissect import Concept, NetdissectError, Result, Series
from netdissect.choices import CRITERIA
from netdissect.compare import align, compare_networks
from netdissect.compare.alignment_page import alignment_sections
from netdissect.compare.comparison_page import comparison_sections
from netdissect.pages.page import Page, write_page
from netdissect.printing import print_alignment, print_comparison, print_summary
from netdissect.registry import UnknownChoiceError
from netdissect.report import write_report
from netdissect.report.content import ReportContent
from netdissect.results import Counts, read_table, write_table
from netdissect.results.criteria import shared_title
from tests.report.results import random_layer, result_of
from tests.results.choices import Dice


@pytest.fixture(autouse=True, scope="module")
def dice():
    with CRITERIA.registered("dice", Dice, "twice the overlap over the sum of the areas"):
        yield


@pytest.fixture(scope="module")
def layer():
    return random_layer(40, seed=3)


@pytest.fixture(scope="module")
def by_dice(layer):
    return replace(layer, criterion="dice", iou_threshold=0.1)


def test_dice_orders_concepts_as_iou_does(layer, by_dice):
    """Dice is ``2 IoU / (1 + IoU)``: the same labels, and the same detectors at the cut that corresponds."""
    assert by_dice.scores == pytest.approx(2 * layer.scores / (1 + layer.scores))
    assert by_dice.labels["concept"].tolist() == layer.labels["concept"].tolist()
    at = replace(layer, iou_threshold=0.1 / (2 - 0.1))
    assert by_dice.summary()["by_label"] == at.summary()["by_label"]
    assert [one.name for one in by_dice.unreachable()] == [one.name for one in at.unreachable()]


def test_tables_name_their_score_by_the_criterion(by_dice, tmp_path):
    columns = list(by_dice.units.columns)
    assert columns[3:5] == ["dice", "dice_ceiling"] and "iou" not in columns
    assert list(by_dice.labels_by_unit.columns) == ["unit", "category", "concept", "dice", "is_detector"]
    assert (by_dice.units["dice"] <= by_dice.units["dice_ceiling"] + 1e-12).all()
    out = result_of(by_dice).save(tmp_path / "run")
    read = Result.load(out)["conv"]
    assert read.criterion == "dice" and read.units.equals(by_dice.units)
    assert "dice" in Result.load(out)._repr_html_()


def test_a_run_of_a_criterion_that_is_not_registered(by_dice, tmp_path):
    out = result_of(by_dice).save(tmp_path / "run")
    plain = json.loads((out / "run.json").read_text())
    plain["layers"][0]["criterion"] = "dise"
    (out / "run.json").write_text(json.dumps(plain))
    with pytest.raises(NetdissectError, match="run: no criterion 'dise'; did you mean dice"):
        Result.load(out)
    with pytest.raises(UnknownChoiceError, match="no criterion 'ios'"):
        replace(by_dice, criterion="ios")


def test_texts_use_its_title(by_dice, capsys):
    reached = float(by_dice.ceilings.max(axis=0).min())
    strict = replace(by_dice, iou_threshold=reached)  # it is not passed, only reached
    assert f"no unit can pass a Dice of {reached:g} with" in strict.notes()[0]
    print_summary(result_of(by_dice))
    told = capsys.readouterr().out
    assert "40 units, Dice > 0.1" in told and " Dice " in told.splitlines()[-15] + told and "IoU" not in told
    axes = by_dice.plot()
    assert axes.get_ylabel() == "detectors (Dice > 0.1)"


def test_a_report_counts_its_scores(by_dice, tmp_path):
    result = replace(result_of(by_dice), description=replace_settings(result_of(by_dice), criterion="dice"))
    front = ReportContent([result]).front()
    assert front["score"] == {"column": "dice", "title": "Dice", "help": Dice.help}
    table = front["layers"][0]
    assert np.array(table["score"]).ravel().tolist() == by_dice.units["dice"].tolist()
    assert ("Dice cut", "0.1") in front["runs"][0]["facts"]
    out = write_report(result, tmp_path / "report").parent
    for page in (out / "index.html", next((out / "concepts").glob("0*.html"))):
        text = re.sub(r"<script.*?</script>", "", page.read_text(), flags=re.S)
        assert "Dice" in text and "IoU" not in text
    script = "".join(path.read_text() for path in (out / "static").glob("*.js"))
    assert "IoU" not in script and '"iou"' not in script


def replace_settings(result, **changes):
    description = result.description
    return attrs.evolve(description, settings=attrs.evolve(description.settings, iou_threshold=0.1, **changes))


def test_a_report_of_two_criteria_calls_them_scores(layer, by_dice):
    front = ReportContent([result_of(layer), result_of(by_dice)]).front()
    assert (front["score"]["column"], front["score"]["title"]) == ("score", "score")
    assert front["score"]["help"].startswith("IoU: Intersection over union") and Dice.help in front["score"]["help"]
    assert [shared_title(names) for names in (["dice"], ["dice", "iou"])] == ["Dice", "score"]


def test_comparisons_keep_criteria_apart(layer, by_dice, capsys, tmp_path):
    ours, theirs = result_of(layer, name="by iou"), result_of(by_dice, name="by dice")
    comparison = compare_networks([ours, theirs], iou_threshold=0.1)
    assert len(comparison.sets) == 2
    assert comparison.score_title == "score"
    assert any("by dice: on memory" in note and note.endswith(", Dice") for note in comparison.notes)
    assert [one.get("criterion") for one in comparison.plain()["sets"]] == [None, "dice"]
    print_comparison(comparison)
    told = capsys.readouterr().out
    assert "IoU > 0.1" in told and "Dice > 0.1" in told
    alone = compare_networks([theirs, replace(theirs, name="again")])
    assert len(alone.sets) == 1
    sections = comparison_sections(alone, alone.shared_concepts(2), [theirs])
    page = write_page(Page("Compared", sections, data=alone.plain()), tmp_path / "page").read_text()
    assert "(Dice &gt; 0.1)" in page and ">Dice 0." in page and "IoU" not in page


def test_alignments_of_a_criterion(layer, by_dice, capsys, tmp_path):
    with pytest.raises(NetdissectError, match="scored by IoU before and by Dice after"):
        align(layer, by_dice)
    other = replace(random_layer(40, seed=8), criterion="dice", iou_threshold=0.1)
    alignment = align(by_dice, other)
    assert {"dice_before", "dice_after", "dice_difference"} <= set(alignment.pairs.columns)
    expected = np.corrcoef(by_dice.labels_by_unit["dice"], other.labels_by_unit["dice"])[0, 1]
    assert alignment.summary()["dice"]["correlation"] == pytest.approx(expected)
    print_alignment(alignment)
    told = capsys.readouterr().out
    assert "Dice > 0.1" in told and "Dice: correlation" in told and "IoU" not in told
    before, after = result_of(by_dice, name="before"), result_of(other, name="after")
    sections = alignment_sections(before, after, alignment)
    page = write_page(Page("Aligned", sections, data=alignment.summary()), tmp_path / "page")
    assert "IoU" not in page.read_text()
    with (page.parent / "tables" / "units-pairs.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["Dice before"]) for row in rows] == alignment.pairs["dice_before"].tolist()
    assert "IoU" not in (page.parent / "figures" / "units-iou.svg").read_text()


def test_series_of_a_criterion(by_dice, tmp_path):
    series = Series({step: result_of(replace(random_layer(40, seed=step), criterion="dice")) for step in (0, 1)})
    assert "dice" in series.units("conv").columns and "dice" in series.first_detectors("conv").columns
    page = series.write_page(tmp_path / "page").read_text()
    assert ">Dice<" in page and "IoU" not in page
    with pytest.raises(NetdissectError, match="steps 0 and 1 cannot be compared"):
        Series({0: result_of(by_dice), 1: result_of(replace(by_dice, criterion="iou"))})


def test_a_published_table_has_iou_alone(layer, by_dice, tmp_path):
    with pytest.raises(NetdissectError, match=r"scored by Dice, but the format of published tables has IoU alone"):
        write_table(result_of(by_dice), "conv", tmp_path / "conv.csv")
    assert not (tmp_path / "conv.csv").exists()
    write_table(result_of(layer), "conv", tmp_path / "conv.csv")
    assert read_table(tmp_path / "conv.csv")["conv"].criterion == "iou"


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32), units=st.integers(1, 6))
def test_laws_of_every_criterion(seed, units):
    """A score lies in 0..1, is 0 without overlap, does not exceed its ceiling, and reaches it where nothing is lost."""
    random = np.random.default_rng(seed)
    concepts = (Concept(1, "a", "object"), Concept(2, "b", "part"), Concept(3, "c", "object"))
    unit_area, concept_area = random.integers(0, 9, (units, 2)), random.integers(0, 9, 3)
    smaller = np.minimum(unit_area[:, [0, 1, 0]], concept_area)
    overlap = random.integers(0, smaller + 1)
    for name in CRITERIA:
        criterion = CRITERIA[name]()
        assert criterion.name == name and criterion.title and criterion.help
        counts = Counts(concepts, overlap, unit_area, concept_area)
        score, ceiling = criterion.score(counts), criterion.ceiling(counts)
        assert ((score >= 0) & (score <= 1)).all() and ((score > 0) == (overlap > 0)).all()
        assert (score <= ceiling + 1e-12).all()
        assert criterion.score(replace(counts, intersection=smaller)) == pytest.approx(ceiling)
        assert not criterion.passes(score, 1.0).any()
