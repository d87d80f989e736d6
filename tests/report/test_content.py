"""A report's plain data, before any markup."""

import dataclasses
import json

import attrs
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco

from netdissect import Concept, NetdissectError
from netdissect.engine.alignment import STRETCH, Alignment, Anchored
from netdissect.engine.encoding import encode_masks
from netdissect.engine.field import Field
from netdissect.engine.mask import unit_masks
from netdissect.report.content import ReportContent
from netdissect.report.names import Names, concept_page
from netdissect.results import ConceptExample
from tests.report.golden import FOLDER, as_text, golden_data
from tests.report.results import HOSTILE, LONG, RIGHT_TO_LEFT, random_layer, result_of
from tests.results.flat import changed, with_description
from tests.unchecked import unchecked_types

#: COCO's decoder still makes arrays as numpy 1 did.


def chunks_of(pages):
    """Per layer its units."""
    units = {}
    for layer, _, some in pages.chunks(list(pages.images.stored())):
        units.setdefault(layer, []).extend(some)
    return units


def decoded(text, shape):
    return coco.decode({"size": [shape[1], shape[0]], "counts": text.encode()}).T.astype(bool)


def test_data_of_the_tiny_run(tiny):
    found = golden_data(tiny)
    assert sorted(found) == sorted(path.name for path in FOLDER.iterdir())
    for name, data in found.items():
        assert json.loads(as_text(data)) == json.loads((FOLDER / name).read_text()), name


def test_truth_of_the_tiny_run(tiny):
    """What is known of it, so that the kept data cannot be wrong alike."""
    pages = ReportContent([tiny])
    front = pages.front()
    table = front["layers"][0]
    names = [concept["name"] for concept in front["concepts"]]
    label = [None if at < 0 else names[table["concept"][unit][at]] for unit, at in enumerate(table["label"])]
    assert label == ["left", "right", HOSTILE, None]
    assert "never responds" in table["silent"]["3"]
    units = chunks_of(pages)[0]
    assert [shot["name"] for shot in units[0]["shots"]] == [f"{HOSTILE} {7 - rank}" for rank in range(8)]
    lit = decoded(units[0]["shots"][0]["mask"], (20, 40))
    assert lit[:, :20].all() and not lit[:, 25:].any()  # up to the next position, where it is 0
    example = next(page for page in pages.concepts(list(pages.images.stored())) if page["name"] == "right")["examples"][
        0
    ]
    assert decoded(example["mask"], (20, 40)).tolist() == [[column >= 20 for column in range(40)]] * 20
    assert example["share"] == 0.5


@given(st.integers(0, 30), st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32), st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_masks_as_text(count, height, width, seed, share):
    masks = np.random.default_rng(seed).random((count, height, width)) < share
    texts = encode_masks(masks)
    assert [decoded(text, (height, width)).tolist() for text in texts] == masks.tolist()


def test_tables_are_the_results(two_runs):
    front = ReportContent(two_runs).front()
    assert [table["id"] for table in front["layers"]] == ["first:early", "first:late", "second:early", "second:late"]
    layers = [layer for result in two_runs for layer in result.layers.values()]
    for table, layer in zip(front["layers"], layers, strict=True):
        units = layer.units
        assert np.array(table["score"]).ravel().tolist() == units["iou"].tolist()  # to the last digit
        names = [None if at < 0 else front["concepts"][at]["name"] for at in np.array(table["concept"]).ravel()]
        assert names == [
            None if concept is None else concept
            for concept in units["concept"].astype(object).where(units["concept"].notna(), None)
        ]
        labels = layer.labels.set_index("unit")
        assert {unit for unit, at in enumerate(table["label"]) if at >= 0} == set(labels.index)
        for unit, row in labels.iterrows():
            at = table["label"][unit]
            assert front["categories"][table["categories"][at]]["name"] == row["category"]
            assert table["ceiling"][unit] == pytest.approx(row["iou_ceiling"], abs=1e-4)


@pytest.mark.parametrize("align", ["stretch", "receptive"])
def test_units_shots(align):
    layer = random_layer(40, seed=7)
    field = {
        "rows": [3.0, 9.0, 15.0, 21.0, 27.0],
        "columns": [2.5, 11.0, 20.0, 29.0, 38.0, 47.0, 56.0],
        "size": [12.0, 18.0],
        "step": [6.0, 9.0],
    }
    result = result_of(layer)
    described = attrs.evolve(result.description.layers["conv"], align=align, field=Field.from_plain(field))
    result = with_description(result, layers={"conv": described})
    with unchecked_types():
        units = chunks_of(ReportContent([result]))[0]
    where = (
        STRETCH
        if align == "stretch"
        else Alignment(Anchored(tuple(field["rows"]), 40), Anchored(tuple(field["columns"]), 60))
    )
    for unit, data in enumerate(units):
        maps, level = (
            torch.from_numpy(layer.top.maps[unit]),
            torch.full((6,), float(layer.activations.thresholds[unit])),
        )
        masks = unit_masks(maps, level, (10, 15), where).numpy()
        for rank, shot in enumerate(data["shots"]):
            assert (decoded(shot["mask"], (10, 15)) == masks[rank]).all()
            assert shot["lit"] == pytest.approx(masks[rank].mean(), rel=1e-3)
            assert shot["name"] == f"picture {layer.top.image[unit, rank]}.jpg"
            row, column = np.unravel_index(layer.top.maps[unit, rank].argmax(), (5, 7))
            assert shot["position"] == [row, column]
            peak = ((row + 0.5) / 5, (column + 0.5) / 7)
            if align == "receptive":
                peak = ((field["rows"][row] + 0.5) / 40, (field["columns"][column] + 0.5) / 60)
            assert shot["peak"] == pytest.approx(peak, rel=1e-3)


def test_concepts_a_unit_overlaps_most():
    layer = random_layer(12, seed=8)
    names = [concept.name for concept in layer.concepts]
    pages = ReportContent([result_of(layer)])
    for unit, data in enumerate(chunks_of(pages)[0]):
        for category, told in zip(layer.categories, data["best"], strict=True):
            own = [
                n
                for n, concept in enumerate(layer.concepts)
                if concept.category == category and layer.scores[unit, n] > 0
            ]
            wanted = sorted(own, key=lambda n: -layer.scores[unit, n])
            assert [pages.names.concepts[place].name for place, _, _ in told] == [names[n] for n in wanted]
            assert [iou for _, iou, _ in told] == pytest.approx([layer.scores[unit, n] for n in wanted], rel=1e-3)
        activations = data["activations"]
        filled = np.flatnonzero(layer.activations.histogram[unit])
        assert activations["counts"] == layer.activations.histogram[unit, filled[0] : filled[-1] + 1].tolist()
        assert activations["start"] == filled[0] / 32


def test_pages_of_concepts(two_runs):
    pages = ReportContent(two_runs)
    told = list(pages.concepts(list(pages.images.stored())))
    assert [page["page"] for page in told] == [concept.page for concept in pages.names.concepts]
    layer = two_runs[1]["late"]
    units = layer.units
    for page in told:
        of_layer = next(one for one in page["layers"] if one["id"] == "second:late")
        rows = units[(units["concept"] == page["name"]) & (units["category"] == page["category"])]
        detectors = rows[rows["is_detector"]]
        assert (of_layer["detectors"], of_layer["labels"]) == (len(detectors), int(detectors["is_label"].sum()))
        shown = [row["unit"] for row in of_layer["units"]]
        assert set(detectors["unit"]) <= set(shown) <= set(rows["unit"])
        assert len(shown) == max(len(detectors), min(6, len(rows)))
        assert [row["score"] for row in of_layer["units"]] == sorted(
            (row["score"] for row in of_layer["units"]), reverse=True
        )
        (data,) = page["data"]  # both runs are of one dataset
        place = next(n for n, concept in enumerate(two_runs[0]["early"].concepts) if concept.name == page["name"])
        assert data["pixels"] == two_runs[0]["early"].counts.concept_area[place]
        assert data["share"] == data["pixels"] / (40 * 10 * 15)


def test_runs_of_other_data_share_concepts_by_name():
    street = (Concept(1, "sky", "object"), Concept(2, "car", "object"), Concept(3, "red", "color"))
    home = (
        Concept(1, "red", "color"),
        Concept(4, "car", "object"),
        Concept(5, "car", "part"),
        Concept(6, "red", "color"),
    )
    first = changed(random_layer(5, categories=1), concepts=street, **counts_for(5, street))
    second = changed(random_layer(7, categories=1), concepts=home, **counts_for(7, home))
    results = [result_of(first, data="street"), result_of(second, data="home")]
    names = Names(results)
    told = [(concept.category, concept.name) for concept in names.concepts]
    assert told == [("object", "sky"), ("object", "car"), ("part", "car"), ("color", "red"), ("color", "red")]
    assert [told[place] for place in names.indices_of(home)] == [(one.category, one.name) for one in home]
    assert len(set(names.indices_of(home).tolist())) == 4  # two of one name are two
    assert names.runs == ["random", "random (2)"]
    pages = ReportContent(results)
    by_name = {(page["category"], page["name"]): page for page in pages.concepts(list(pages.images.stored()))}
    assert [data["dataset"] for data in by_name["object", "car"]["data"]] == ["street", "home"]
    assert [layer["id"] for layer in by_name["object", "sky"]["layers"]] == ["random:conv"]
    tables = pages.front()["layers"]
    assert [[pages.names.categories[at] for at in table["categories"]] for table in tables] == [
        ["object", "color"],
        ["object", "part", "color"],
    ]


def test_every_dataset_is_told_of_once():
    """Also where the first run counts other categories, or has label maps of another size."""
    layer = random_layer(5, categories=3)
    objects = tuple(concept for concept in layer.concepts if concept.category == "object")
    first = changed(random_layer(5, categories=1), concepts=objects, **counts_for(5, objects))
    results = [result_of(first), result_of(layer), result_of(layer)]
    data = attrs.evolve(results[2].description.data, label_shape=[20, 30])
    results[2] = with_description(results[2], data=data)
    pages = ReportContent(results)
    for page in pages.concepts(list(pages.images.stored())):
        assert [data["shape"] for data in page["data"]] == [[10, 15], [20, 30]]


def counts_for(units, concepts):
    """Counts of as many concepts and categories as these are."""
    categories = len({concept.category for concept in concepts})
    random = np.random.default_rng(units)
    return {
        "intersection": random.integers(0, 9, (units, len(concepts))),
        "unit_area": random.integers(9, 50, (units, categories)),
        "concept_area": random.integers(9, 50, len(concepts)),
        "concept_images": random.integers(1, 40, len(concepts)),
    }


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("car", "0003-car.html"),
        ("../../x", "0003-x.html"),
        (HOSTILE, "0003-script-document-title-hacked-script-amp.html"),
        (RIGHT_TO_LEFT, "0003-txt-exe.html"),
        ("строка", "0003.html"),
        ("con", "0003-con.html"),
        ("a\0b\nc", "0003-a-b-c.html"),
        (LONG, "0003-a-very-long-name-a-very-long-name-a-very.html"),
    ],
)
def test_files_of_concepts(name, page):
    assert concept_page(3, name) == page


def test_examples_are_those_of_the_first_run_that_has_any(two_runs):
    texts = encode_masks(np.ones((2, 10, 15), dtype=bool))
    first, second = (
        dataclasses.replace(run, examples=(ConceptExample(number, place, 150, texts[place]),))
        for run, number, place in zip(two_runs, (1, 1), (0, 1), strict=True)
    )
    pages = ReportContent([first, second])
    told = list(pages.concepts(list(pages.images.stored())))
    assert [[example["name"] for example in page["examples"]] for page in told][:2] == [["picture 0.jpg"], []]


def test_a_report_of_nothing():
    for results in ([], [result_of()]):
        with pytest.raises(NetdissectError, match="one run or more"):
            ReportContent(results)
