"""Published tables are results; runs written as tables say the same when they are read again."""

import csv
import dataclasses
import json
from functools import cache
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netdissect import Concept, NetdissectError, Result
from netdissect.results import open_result, published_networks, read_table, table_files, write_table
from netdissect.results.published import PAPER_CATEGORIES
from netdissect.types import CATEGORIES, sorted_categories
from tests.results.small import layer_result, result_of
from tests.shared import SHARED, needs_shared

REFERENCE = SHARED / "reference" / "netdissect"

HEADER = "unit,category,label,score,object-label,object-truth,object-activation,object-intersect,object-iou"

#: In the authors' tables: units whose score exceeds 0.04.
DETECTORS = {
    "caffe_reference_imagenet": 97,
    "caffe_reference_places365": 118,
    "resnet152_imagenet": 1325,
    "resnet152_places365": 1452,
    "resnet18_places365_layer1": 6,
    "resnet18_places365_layer4": 434,
    "resnet18_places365_fc": 364,
    "resnet50_imagenet_layer1": 61,
    "resnet50_imagenet_layer2": 62,
    "resnet50_imagenet_fc": 983,
}

#: What the authors call the networks of their own tables.
PUBLISHED = {
    "caffe_reference_imagenet": "caffe_reference_imagenet",
    "caffe_reference_places365": "caffe_reference_places365",
    "resnet152_imagenet": "resnet-152-torch-imagenet",
    "resnet152_places365": "resnet-152-torch-places365",
}


def only_layer(result):
    (layer,) = result.layers.values()
    return layer


def written(tmp_path, text, name="net.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


@cache
def reference(name):
    return only_layer(read_table(REFERENCE / f"{name}.csv"))


@needs_shared
@pytest.mark.parametrize("name", DETECTORS)
def test_published_tables(name):
    layer = reference(name)
    with (REFERENCE / f"{name}.csv").open() as file:
        rows = {int(row["unit"]) - 1: row for row in csv.DictReader(file)}
    assert layer.unit_count == len(rows)
    summary = layer.summary()
    assert summary["by_label"]["detectors"] == DETECTORS[name]
    labels = layer.labels.set_index("unit")
    assert {(unit, row["category"], row["label"]) for unit, row in rows.items()} == {
        (row.Index, row.category, row.concept) for row in labels.itertuples()
    }
    assert labels["iou"].to_numpy() == pytest.approx([float(rows[unit]["score"]) for unit in labels.index], abs=1e-7)
    for category in PAPER_CATEGORIES:
        found = {(unit, row[f"{category}-label"]) for unit, row in rows.items() if float(row[f"{category}-iou"]) > 0.04}
        assert summary["by_category"]["categories"][category] == {
            "detectors": len(found),
            "unique": len({label for _, label in found}),
        }


@needs_shared
@pytest.mark.parametrize("name", PUBLISHED)
def test_published_networks_count_as_their_tables(name):
    (network,) = (one for one in published_networks() if one.network == PUBLISHED[name])
    summary = reference(name).summary()
    assert summary["units"] == network.units
    assert summary["by_label"]["detectors"] == network.detectors
    assert summary["by_category"]["categories"] == network.by_category


def test_the_table_that_everybody_asks_for(run):
    if not REFERENCE.is_dir():
        pytest.skip("the published tables are not here")
    status, out, _ = run("summary", REFERENCE / "caffe_reference_places365.csv", "--json")
    assert status == 0
    (layer,) = json.loads(out)["runs"][0]["layers"]
    assert layer["layer"] == "conv5"
    assert layer["by_category"]["categories"]["object"] == {"detectors": 81, "unique": 40}
    assert (layer["by_label"]["detectors"], layer["by_label"]["unique"]) == (118, 72)
    assert layer["by_label"]["categories"]["object"] == {"detectors": 60, "unique": 32}
    assert layer["by_category"]["unique"] == 91


def test_networks_of_the_paper():
    networks = published_networks()
    assert len(networks) == 27
    assert len({network.name for network in networks}) == 27
    unique = {one.name: sum(counts["unique"] for counts in one.by_category.values()) for one in networks}
    assert unique["ResNet-152 Places365"] == 347
    assert unique["VGG-16 Places205"] == 209
    assert unique["AlexNet tracking"] == 41
    assert unique["AlexNet random weights"] == 2
    assert {one.training for one in networks} == {"supervised", "self-supervised", "random"}
    for network in networks:
        assert network.detectors <= sum(counts["detectors"] for counts in network.by_category.values())
        assert all(counts["unique"] <= counts["detectors"] <= network.units for counts in network.by_category.values())


def test_the_paper_has_categories_of_its_own():
    """What is published does not change when a category is added to the order of display."""
    with files("netdissect.results").joinpath("published.csv").open(encoding="utf-8") as file:
        (header, *_) = csv.reader(file)
    published = [column.removesuffix("_unique") for column in header if column.endswith("_unique")]
    assert sorted(published) == sorted(PAPER_CATEGORIES)
    more = ("brand", *CATEGORIES[:2], "emotion", *CATEGORIES[2:])
    for network in published_networks():
        assert tuple(network.by_category) == PAPER_CATEGORIES
        assert sorted_categories(network.by_category, more) == sorted_categories(network.by_category)


NAMES = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), min_size=1, max_size=8)


@st.composite
def layers(draw):
    """Counts of few units, with ties, concepts of one name, categories where nothing is named, and odd cuts."""
    count = draw(st.integers(1, 6))
    numbers = sorted(draw(st.sets(st.integers(1, 2000), min_size=count, max_size=count)))
    categories = draw(
        st.lists(st.sampled_from(["object", "part", "x-label", "my, own"]), min_size=count, max_size=count)
    )
    concepts = [(number, draw(NAMES), category) for number, category in zip(numbers, categories, strict=True)]
    units, kinds = draw(st.integers(1, 4)), len({*categories})
    area = draw(st.lists(st.integers(5, 9), min_size=count, max_size=count))
    unit_area = np.array(draw(st.lists(st.integers(5, 9), min_size=units * kinds, max_size=units * kinds)))
    overlap = np.array(draw(st.lists(st.integers(0, 5), min_size=units * count, max_size=units * count)))
    return {
        "intersection": overlap.reshape(units, count),
        "unit_area": unit_area.reshape(units, kinds),
        "concept_area": area,
        "concepts": concepts,
        "layer": draw(NAMES),
        "iou_threshold": draw(st.sampled_from([0.04, 0.2, 1 / 3])),
    }


@settings(max_examples=60, deadline=None)
@given(counts=layers(), name=NAMES)
def test_an_exported_run_read_again(counts, name, tmp_path_factory):
    counts["concepts"] = tuple(Concept(*concept) for concept in counts["concepts"])
    layer = layer_result(**counts)
    result = dataclasses.replace(result_of(layer), name=name)
    path = tmp_path_factory.mktemp("table") / "any.csv"
    write_table(result, layer.layer, path)
    read = read_table(path)
    assert read.summary() == result.summary()
    again = only_layer(read)
    columns = ["unit", "category", "concept", "iou", "is_label", "is_detector", "intersection", "concept_area"]
    assert again.units[columns].equals(layer.units[columns])
    assert again.quantile == layer.quantile


def test_a_table_has_counts_alone_and_nothing_invented(tmp_path):
    """Also after it was saved as a run: parts that are unknown stay so."""
    read = read_table(written(tmp_path, f"{HEADER}\n2,object,car,0.25,car,10,10.0,4,0.25\n1,object,,0,,99,7.0,3,0.5\n"))
    out = read.save(tmp_path / "run")
    assert sorted(path.name for path in (out / "layer").iterdir()) == ["counts.npz", "units.parquet"]
    for result in (read, Result.load(out)):
        layer = result["layer"]
        assert (layer.activations, layer.top, layer.sample, layer.pictures) == (None,) * 4
        assert layer.counts.concept_images is None and dict(result.images) == {}
        assert layer.units["threshold"].isna().all()
        assert (layer.silent, layer.visualized, result.is_table) == ({}, {}, True)
        assert result.description.settings is None and result.description.table == "net.csv"
    assert layer.units.equals(read["layer"].units)


def test_tables_of_authors_have_no_more_than_they_need(tmp_path):
    path = written(tmp_path, f"{HEADER}\n2,object,car,0.25,car,10,10.0,4,0.25\n1,object,,0,,99,7.0,3,0.5\n")
    result = read_table(path)
    layer = only_layer(result)
    assert (result.name, layer.layer, layer.iou_threshold, layer.quantile) == ("net", "layer", 0.04, 0.005)
    assert layer.labels[["unit", "concept", "iou"]].to_numpy().tolist() == [[1, "car", 0.25]]
    assert "Broden" in result.notes[0]
    assert layer.summary()["by_label"]["detectors"] == 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "holds no units"),
        ("unit,category,label\n1,a,b\n", "lacks the columns score"),
        ("unit,category,label,score\n1,a,b,0\n", "no category has columns such as object-iou"),
        (f"{HEADER.replace('truth', 'trooth')}\n1,object,car,0.25,car,10,10,4,0.25\n", "object-truth; did you mean"),
        (f"{HEADER}\n1,object,car,0.25,car,10,10,4\n", "row 1 has more or fewer fields"),
        (f"{HEADER}\n1,object,car,0.25,car,10,10,4,0.25,7\n", "row 1 has more or fewer fields"),
        (f"{HEADER}\n0,object,car,0.25,car,10,10,4,0.25\n", "unit 0; in such a table they count from 1"),
        (f"{HEADER}\n3,object,car,0.25,car,10,10,4,0.25\n", "2 units up to 3 have no row, the first: 1"),
        (f"{HEADER}\n" + 2 * "1,object,car,0.25,car,10,10,4,0.25\n", "unit 1 has two rows"),
        (f"{HEADER}\n1,object,car,0.25,car,10,10,four,0.25\n", "object-intersect is not a number: 'four'"),
        (f"{HEADER}\n1,object,car,0.25,car,nan,10,4,0.25\n", "object-truth is not a number: 'nan'"),
        (f"{HEADER}\n1.5,object,car,0.25,car,10,10,4,0.25\n", "unit is not a whole number"),
        (f"{HEADER}\n1,object,car,0.25,car,10,10,11,0.25\n", "object-intersect is 11, of areas 10 and 10"),
        (f"{HEADER}\n1,object,car,0.5,car,10,10,4,0.5\n", "object-iou is 0.5, but its counts give 0.25"),
        (f"{HEADER}\n400000000,object,car,0.25,car,10,10,4,0.25\n", "399999999 units up to 400000000 have no row"),
        (f"{HEADER}\n1,object,car,0.25,car,10,-1,0,0\n", "object-activation is -1"),
        (f"{HEADER}\n1,object,dog,0.25,car,10,10,4,0.25\n", "label is 'dog', but no concept of object there"),
        (f"{HEADER}\n1,part,car,0.25,car,10,10,4,0.25\n", "label is 'car', but no concept of part there"),
        (f"{HEADER}\n1,object,car,0.75,car,10,10,4,0.25\n", "by the counts its best concept is car, 0.25"),
        (f"{HEADER}\n1,,,0,car,10,10,4,0.25\n", "no label with a score of 0, but by the counts"),
        (f"{HEADER},quantile\n1,object,car,0.25,car,10,10,4,0.25,7\n", "a quantile of 7 are not in 0..1"),
        (f"{HEADER},iou_threshold\n1,object,car,0.25,car,10,10,4,0.25,-3\n", "a cut of -3 and"),
    ],
)
def test_bad_tables(tmp_path, run, text, complaint):
    path = written(tmp_path, text)
    status, out, errors = run("summary", path)
    assert (status, out) == (2, "")
    assert errors.startswith(f"netdissect: {path}: ") and complaint in errors
    assert errors.count("\n") == 1


def test_a_file_that_is_no_text(tmp_path):
    path = tmp_path / "net.csv"
    path.write_bytes(b"\xff\xfe\x00unit")
    with pytest.raises(NetdissectError, match="cannot be read as a table"):
        open_result(path)


@pytest.fixture
def saved(tmp_path):
    layer = layer_result([[0, 5, 50, 0], [20, 10, 20, 0]], [[100, 60, 10], [40, 30, 10]], [80, 40, 80, 100])
    result = result_of(layer, dataclasses.replace(layer, layer="block.1/odd name"))
    return result.save(tmp_path / "run")


def test_export(saved, run, tmp_path):
    status, out, _ = run("export", saved, "--format", "csv")
    assert status == 0
    files = [saved / "csv" / "conv.csv", saved / "csv" / "block.1%2Fodd name.csv"]
    assert out.splitlines() == list(map(str, files))
    result = Result.load(saved)
    for file, layer in zip(files, result.layers.values(), strict=True):
        assert only_layer(open_result(file)).summary() == layer.summary()
    assert "exists already (--overwrite replaces it)" in run("export", saved)[2]
    assert run("export", saved, "--overwrite")[0] == 0
    one = tmp_path / "new" / "one.csv"
    assert run("export", saved, "--layer", "conv", "--out", one)[0] == 0
    assert open_result(one).name == result.name
    assert "a table is of one layer" in run("export", saved, "--out", tmp_path / "two.csv")[2]
    assert "has no layer relu" in run("export", saved, "--layer", "relu")[2]
    assert "csv is the only one" in run("export", saved, "--format", "xlsx")[2]
    assert "cannot be written" in run("export", saved, "--out", one / "below")[2]


def test_files_of_tables(saved, tmp_path):
    result = Result.load(saved)
    assert table_files(result, ["conv"], tmp_path / "x.CSV") == {"conv": tmp_path / "x.CSV"}
    assert table_files(result, ["conv"], tmp_path) == {"conv": tmp_path / "conv.csv"}
