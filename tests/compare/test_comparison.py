"""Networks side by side: sets that can be compared, what one has and others lack, the paper's among them."""

import dataclasses
import json
import re
from inspect import signature
from pathlib import Path
from typing import get_type_hints

import attrs
import numpy as np
import pytest

from netdissect import Concept, NetdissectError, write_comparison
from netdissect.compare import align_results, compare_networks, match_layers
from netdissect.compare.alignment import MATCHINGS
from netdissect.compare.comparison_page import ComparisonKeywords
from netdissect.compare.comparison_plot import plot_networks
from netdissect.compare.matching import Matching
from netdissect.results import read_table, write_table
from netdissect.results.description import BasisDescription, LayerDescription
from tests.compare.results import CONCEPTS, result_with
from tests.report.results import random_layer, result_of
from tests.results.flat import with_description
from tests.shared import SHARED, needs_shared

REFERENCE = SHARED / "reference" / "netdissect"


@pytest.fixture
def places():
    return result_with("places", {"sky": 20, "wheel": 10}, {"car": 30}, {"sky": 9}, {"red": 2})


@pytest.fixture
def objects():
    return result_with("objects", {"car": 40, "red": 12}, {"car": 10}, {})


def test_counts_and_order(places, objects):
    comparison = compare_networks([objects, places])
    assert comparison.notes == []
    (members,) = comparison.sets.values()
    assert [(one.name, one.units, one.detectors, one.unique) for one in members] == [
        ("places", 4, 3, 3),
        ("objects", 3, 2, 2),
    ]
    assert members[0].by_category == places["conv"].summary()["by_category"]["categories"]


def test_what_one_has_and_the_other_lacks(places, objects):
    comparison = compare_networks([places, objects])
    first, second = comparison.networks
    assert comparison.only_in(first, comparison.networks) == [("object", "sky"), ("part", "wheel")]
    assert comparison.only_in(second, comparison.networks) == [("color", "red")]
    table = comparison.detected(comparison.networks).set_index("concept")
    assert table.loc["car", ["places", "objects"]].tolist() == [1, 2]
    assert table.loc["sky", ["places", "objects"]].tolist() == [2, 0]
    assert table.index[0] == "car"  # which both detect


def test_one_cut_for_all(places, objects):
    objects = result_with("objects", {"car": 40, "red": 12}, {"car": 10}, cut=0.5)
    comparison = compare_networks([places, objects])
    assert [network.detectors for network in comparison.networks] == [3, 2]
    assert comparison.networks[1].result["conv"].iou_threshold == 0.04
    assert comparison.notes == ["objects: counted at a cut of 0.04, which is not their own"]
    assert [one.detectors for one in compare_networks([places, objects], iou_threshold=0.12).networks] == [2, 1]


@pytest.mark.parametrize(
    "other",
    [
        {"dataset": "park"},
        {"quantile": 0.01},
        {"concepts": CONCEPTS[:3]},
    ],
)
def test_what_was_measured_differently_is_kept_apart(places, other):
    comparison = compare_networks([places, result_with("other", {"car": 40}, **other), result_with("more", {})])
    assert [[one.name for one in members] for members in comparison.sets.values()] == [["places", "more"], ["other"]]
    assert "cannot be compared" in comparison.notes[0]
    assert comparison.notes[1].startswith("places, more: on street, quantile 0.005")
    plain = comparison.plain()
    assert not plain["comparable"]
    assert [len(one["networks"]) for one in plain["sets"]] == [2, 1]
    assert plain["sets"][1]["networks"][0]["only_here"] is None  # there is nothing to compare it with
    titles = [panel.get_title(loc="left") for panel in plot_networks(comparison).axes]
    assert titles == [str(conditions) for conditions in comparison.sets] and len({*titles}) == 2


def test_strongest_units(places, objects):
    first, second = compare_networks([places, objects]).networks
    unit, iou = first.strongest(("object", "sky"))
    assert (unit, iou) == (0, 20 / 80)
    assert second.strongest(("object", "sky")) is None
    assert second.strongest(("object", "nowhere")) is None
    assert compare_networks([places, objects]).shared_concepts(1) == [("object", "car")]
    assert compare_networks([places, objects]).shared_concepts(2) == [("object", "car"), ("object", "sky")]


def test_several_layers_and_equal_names(places):
    two = dataclasses.replace(
        places, layers={"conv": places["conv"], "fc": dataclasses.replace(places["conv"], layer="fc")}
    )
    assert [one.name for one in compare_networks([two, places]).networks] == [
        "places: conv",
        "places: fc",
        "places: conv (2)",
    ]
    assert [one.name for one in compare_networks([two], layers=["fc"]).networks] == ["places"]
    assert [one.name for one in compare_networks([places, places]).networks] == ["places", "places (2)"]
    with pytest.raises(NetdissectError, match="no result has a layer relu: there are conv, fc"):
        compare_networks([two], layers=["relu"])
    alone = dataclasses.replace(places, name="alone")
    with pytest.raises(NetdissectError, match="alone has no layer fc: it has conv"):
        compare_networks([two, alone], layers=["fc"])  # and is not left out without a word


def test_groups(places, objects):
    third = result_with("third", {})
    comparison = compare_networks([places, objects, third], groups={"late": ["third"], "early": ["objects"]})
    (members,) = comparison.sets.values()
    assert [(one.group, one.name) for one in members] == [("late", "third"), ("early", "objects"), ("", "places")]
    both = {"late": ["third"], "early": ["objects", "third"]}
    with pytest.raises(NetdissectError, match="third is named in two groups: late and early"):
        compare_networks([places, objects, third], groups=both)
    with pytest.raises(NetdissectError, match="group late: nothing here is called 'thrid'; did you mean third"):
        compare_networks([third], groups={"late": ["thrid"]})


def test_the_papers_networks():
    comparison = compare_networks([], published=True)
    (members,) = comparison.sets.values()
    assert len(members) == 27
    assert members[0].name == "ResNet-152 Places365 (paper)" and members[0].unique == 347
    assert [one.unique for one in members] == sorted((one.unique for one in members), reverse=True)
    (ax,) = plot_networks(comparison).axes
    assert [round(sum(bars[0].get_width() for bars in ax.containers))] == [347]
    assert len(ax.containers) == 6 and len(ax.get_yticks()) == 27
    with pytest.raises(NetdissectError, match=r"at an IoU cut of 0\.04 alone, not of 0\.1"):
        compare_networks([], published=True, iou_threshold=0.1)
    with pytest.raises(NetdissectError, match="nothing to compare"):
        compare_networks([])


def test_a_run_on_the_published_broden_is_among_the_papers(places, objects, tmp_path):
    """The directory's name does not matter; nor whether it is a run or the table of one."""
    names = ("object", "part", "scene", "material", "texture", "color")
    concepts = tuple(Concept(number + 1, f"c{number}", names[number % 6]) for number in range(1197))
    broden = result_with("mine", {"c0": 40}, {"c1": 10}, dataset="broden1_224", concepts=concepts)
    broden = with_description(broden, data=attrs.evolve(broden.description.data, images=63_305))
    write_table(broden, "conv", tmp_path / "mine.csv")
    for result in (broden, read_table(tmp_path / "mine.csv")):
        comparison = compare_networks([result], published=True)
        assert comparison.notes == []
        assert len(next(iter(comparison.sets.values()))) == 28
    assert len(compare_networks([broden, objects], published=True).sets) == 2


@needs_shared
def test_tables_are_the_papers_networks_again():
    table = read_table(REFERENCE / "caffe_reference_places365.csv")
    (mine, *paper) = compare_networks([table], published=True).networks
    (same,) = (one for one in paper if one.name == "AlexNet Places365 (paper)")
    assert (mine.by_category, mine.detectors, mine.units) == (same.by_category, same.detectors, same.units)
    assert mine.conditions == same.conditions
    assert mine.strongest(("object", "car"))[0] == 78


def test_command(places, objects, tmp_path, run):
    paths = [tmp_path / f"{result.name}.csv" for result in (places, objects)]
    for result, path in zip((places, objects), paths, strict=True):
        write_table(result, "conv", path)
    out = tmp_path / "page"
    status, printed, _ = run("compare", *paths, "--out", out, "--json", "--concepts", "car,red")
    assert status == 0
    (members,) = json.loads(printed)["sets"]
    assert [one["by_category"]["unique"] for one in members["networks"]] == [3, 2]
    assert json.loads((out / "data.json").read_text()) == json.loads(printed)
    page = (out / "index.html").read_text()
    assert page.count("<article") == 4  # red, of places, passes no cut but is overlapped
    assert "red (color)" in page and "known from a table alone" in page
    groups = ("--group", "mine=places", "--group", "mine=objects")
    status, printed, _ = run("compare", *paths, "--out", out, "--published", *groups)
    assert printed.count("mine") == 2
    assert status == 0 and "cannot be compared" in printed and "ResNet-152 Places365 (paper)" in printed


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--concepts", "cra"], "no result has a concept 'cra'; did you mean car?"),
        (["--group", "mine"], "--group 'mine': LABEL=NAME,NAME"),
        (["--iou", "1"], "an IoU threshold of 1.0 is not in 0..1"),
        (["--layer", "nowhere"], "no result has a layer nowhere: there are conv"),
    ],
)
def test_bad_input(places, tmp_path, run, arguments, complaint):
    write_table(places, "conv", tmp_path / "places.csv")
    status, out, errors = run("compare", tmp_path / "places.csv", "--out", tmp_path / "page", *arguments)
    assert (status, out) == (2, "")
    assert complaint in errors and errors.count("\n") == 1
    assert not (tmp_path / "page").exists()


def test_units_followed_from_one_to_the_other(places, objects, tmp_path, run):
    tables = {}
    for name, result in (
        ("before", places),
        ("after", result_with("after", {"sky": 30}, {"sky": 30}, {}, {"red": 20})),
    ):
        tables[name] = tmp_path / f"{name}.csv"
        write_table(result, "conv", tables[name])
    out = tmp_path / "page"
    arguments = (tables["before"], tables["after"], "--match", "units", "--out", out)
    status, printed, _ = run("compare", *arguments, "--json")
    assert status == 0
    (alignment,) = json.loads(printed)["alignments"]
    assert alignment["became"] == {"kept": 1, "changed": 1, "gained": 1, "lost": 1, "neither": 0}
    assert (out / "figures" / "units-0-flow.svg").is_file() and (out / "tables" / "units-0-pairs.csv").is_file()
    status, printed, _ = run("compare", *arguments)
    assert "kept 1, changed 1, gained 1, lost 1, neither 0" in printed
    write_table(objects, "conv", tmp_path / "three.csv")
    for others, way, complaint in (
        ([tmp_path / "three.csv"], "units", "has 4 units before, conv 3 after"),
        ([tables["after"]], "activations", "no maximal responses are known"),
        ([tables["after"]], "names", "units are matched by units or by activations, not by 'names'"),
        ([tables["after"], tables["after"]], "units", "name two, not 3"),
        ([], "units", "name two, not 1"),
    ):
        status, _, errors = run("compare", tables["before"], *others, "--match", way, "--out", tmp_path / "no")
        assert status == 2 and complaint in errors and errors.count("\n") == 1
    assert not (tmp_path / "no").exists()


def test_alignments_say_what_speaks_against_them(places):
    def notes(match="units", **changes):
        (alignment,) = align_results([places, result_with("other", {}, {}, {}, {}, **changes)], match=match)
        assert alignment.summary()["notes"] == list(alignment.notes)
        return alignment.notes

    assert notes() == ()
    assert notes(quantile=0.1) == ("masks are of other sizes: a quantile of 0.005 before, of 0.1 after",)
    assert notes(dataset="park") == ("measured on other images or labels: street before, park after",)
    turned = result_with("turned", {}, {}, {}, {})
    words = "in the basis of its principal components"
    basis = BasisDescription(layer="conv", kind="components", words=words)
    layers = {"conv": LayerDescription(type="Conv2d", shape=(4, 1, 1), layout="nuhw", basis=basis)}
    turned = with_description(turned, layers=layers)
    (alignment,) = align_results([places, turned])
    assert alignment.notes == (
        "units are other directions: channels before, in the basis of its principal components after",
    )


def test_which_layers_belong_together(places):
    def with_layers(*names):
        layers = {name: dataclasses.replace(places["conv"], layer=name) for name in names}
        return dataclasses.replace(places, layers=layers)

    assert match_layers(with_layers("a", "b", "c"), with_layers("c", "a")) == [("a", "a"), ("c", "c")]
    assert match_layers(with_layers("a", "b"), with_layers("b", "a"), ["b"]) == [("b", "b")]
    assert match_layers(with_layers("a"), with_layers("b")) == [("a", "b")]
    assert match_layers(with_layers("a", "x"), with_layers("b", "y"), ["x", "b"]) == [("x", "b")]
    with pytest.raises(NetdissectError, match="no layer in common: a, x before, b after"):
        match_layers(with_layers("a", "x"), with_layers("b"))


def test_the_former_name_of_match(places, tmp_path, run):
    write_table(places, "conv", tmp_path / "places.csv")
    arguments = ("compare", tmp_path / "places.csv", tmp_path / "places.csv", "--out", tmp_path / "page", "--json")
    status, printed, errors = run(*arguments, "--align", "units")
    assert status == 0 and "--align is called --match now" in errors
    expected = run(*arguments, "--match", "units")[1]
    assert json.loads(printed)["alignments"] == json.loads(expected)["alignments"]
    assert "--align" not in run("compare", "--help")[1]
    status, _, errors = run(*arguments, "--align", "names")
    assert status == 2 and "not by 'names'" in errors


def test_the_page_from_python(places, tmp_path):
    write_table(places, "conv", tmp_path / "places.csv")
    write_table(result_with("after", {"sky": 30}, {"sky": 30}, {}, {"red": 20}), "conv", tmp_path / "after.csv")
    places, after = (read_table(tmp_path / f"{name}.csv") for name in ("places", "after"))
    options = {"groups": {"mine": ["after"]}, "concepts": ["car"], "match": "units"}
    written = write_comparison([places, after], tmp_path / "page", **options)
    assert written.page == tmp_path / "page" / "index.html" and written.page.is_file()
    assert json.loads((tmp_path / "page" / "data.json").read_text()) == written.plain()
    assert written.comparison.networks[0].group == "mine"
    assert [alignment.match for alignment in written.alignments] == ["units"]
    assert "alignments" not in write_comparison([places], tmp_path / "page").plain()
    with pytest.raises(NetdissectError, match="no result has a concept 'bus'"):
        write_comparison([places], tmp_path / "other", concepts=["bus"])
    with pytest.raises(NetdissectError, match="units are matched by units or by activations"):
        write_comparison([places, after], tmp_path / "other", match="names")
    assert not (tmp_path / "other").exists()


def test_a_way_to_match_units_is_registered(places):
    def reversed_units(before, after):
        units = np.arange(before.unit_count)
        return Matching(units, units[::-1].copy(), np.full(len(units), np.nan))

    with MATCHINGS.registered("reversed", reversed_units):
        (alignment,) = align_results([places, places], match="reversed")
        assert alignment.pairs["unit_after"].tolist() == [3, 2, 1, 0]
        with pytest.raises(NetdissectError, match="by units or by activations or by reversed"):
            align_results([places, places], match="names")
    with pytest.raises(NetdissectError, match="not by 'reversed'"):
        align_results([places, places], match="reversed")


def test_keywords_for_editors_are_those_of_the_function():
    hints = get_type_hints(compare_networks)
    keywords = {name: hints[name] for name in signature(compare_networks).parameters if name != "results"}
    assert get_type_hints(ComparisonKeywords) == keywords


def test_the_example_of_the_docs_runs(tmp_path, monkeypatch):
    page = Path(__file__).parents[2] / "docs" / "compare.md"
    if not page.is_file():
        pytest.skip("no docs beside these tests")
    for seed, name in enumerate(("before", "after")):
        layer = dataclasses.replace(random_layer(20, seed=seed), layer="layer4")
        result_of(layer, name=name).save(tmp_path / "runs" / name)
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL)
    exec(block, {})
    assert (tmp_path / "finetuned" / "index.html").is_file()
