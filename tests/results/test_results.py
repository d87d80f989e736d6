"""Tables and counts follow from the raw counts; a run survives the way to disk and back."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netdissect import Concept, NetdissectError, Result
from netdissect.results import ConceptExample, ShownImage, UnknownLayerError, check_free
from netdissect.results.description import DataDescription, NetworkDescription, RunDescription
from tests.results.flat import PARTS, layer_from

UNIT_COLUMNS = (
    "unit",
    "category",
    "concept",
    "iou",
    "iou_ceiling",
    "intersection",
    "unit_area",
    "concept_area",
    "threshold",
    "is_label",
    "is_detector",
)

#: The files of a layer's parts, and the tables that follow from them.
FILES = ("units.parquet", "counts.npz", "activations.npz", "top.npz", "top.parquet", "sample.npz")

CONCEPTS = (
    Concept(2, "sky", "object"),
    Concept(3, "wheel", "part"),
    Concept(5, "car", "object"),
    Concept(9, "striped", "texture"),
)


def layer_result(intersection, unit_area, concept_area, **changes):
    units = len(intersection)
    images = np.arange(2 * units).reshape(units, 2)
    fields = {
        "layer": "conv",
        "concepts": CONCEPTS,
        "quantile": 0.005,
        "iou_threshold": 0.04,
        "thresholds": np.arange(units, dtype=np.float32),
        "intersection": np.array(intersection, dtype=np.int64),
        "unit_area": np.array(unit_area, dtype=np.int64),
        "concept_area": np.array(concept_area, dtype=np.int64),
        "concept_images": np.ones(len(concept_area), dtype=np.int64),
        "top_image": images.astype(np.int64),
        "top_activation": images.astype(np.float32) + 0.5,
        "top_maps": np.random.default_rng(0).standard_normal((units, 2, 3, 4)).astype(np.float32),
        "histogram": np.full((units, 64), 100, dtype=np.int64),
        "bin_start": np.zeros(units, dtype=np.float32),
        "bin_width": np.full(units, 2, dtype=np.float32),
        "low": np.zeros(units, dtype=np.float32),
        "high": np.full(units, 99, dtype=np.float32),
        "image_names": ("a.jpg", "ü \u202e.jpg", ""),
        "peaks": np.random.default_rng(1).standard_normal((3, units)).astype(np.float32),
    }
    return layer_from(**(fields | changes))


def assert_same(after, before):
    """Raises ``AssertionError`` unless both layers hold the same to the last bit."""
    for field in dataclasses.fields(before):
        ours, theirs = getattr(after, field.name), getattr(before, field.name)
        if field.name not in PARTS or theirs is None:
            assert ours == theirs, field.name
            continue
        for part in dataclasses.fields(theirs):
            found, expected = getattr(ours, part.name), getattr(theirs, part.name)
            assert np.array_equal(found, expected), part.name
            assert getattr(found, "dtype", None) == getattr(expected, "dtype", None), part.name


@pytest.fixture
def layer():
    """Four units: car by far; sky and car and wheel alike; striped below the cut; nothing."""
    return layer_result(
        intersection=[[0, 5, 50, 0], [20, 10, 20, 0], [0, 0, 0, 3], [0, 0, 0, 0]],
        unit_area=[[100, 60, 10], [40, 30, 10], [40, 40, 90], [0, 0, 0]],  # object, part, texture
        concept_area=[80, 40, 80, 100],
    )


def result_of(*layers, name="a run"):
    indices = sorted({int(index) for layer in layers for index in layer.top.image.ravel()})
    images = {index: ShownImage(f"picture {index}.jpg", bytes([index])) for index in indices}
    description = RunDescription(
        network=NetworkDescription(name="m"),
        data=DataDescription(name="d", images=8, fingerprint="f"),
        notes=["one <note>"],
    )
    return Result(name, {layer.layer: layer for layer in layers}, images, description)


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


def test_a_result_is_a_mapping(layer):
    result = result_of(layer, dataclasses.replace(layer, layer="relu2"))
    assert (len(result), list(result), "conv" in result, "conv2" in result) == (2, ["conv", "relu2"], True, False)
    assert list(result.keys()) == ["conv", "relu2"]
    assert dict(result.items()) == dict(result.layers) and list(result.values()) == list(result.layers.values())
    assert result["conv"] is layer and result.get("nothing") is None
    assert result == result and result != dataclasses.replace(result) and len({result}) == 1


@pytest.mark.parametrize(
    ("name", "rest"),
    [("relu", "; did you mean relu2? It has conv, relu2"), ("xyz", ": it has conv, relu2"), ("", ": it has conv")],
)
def test_an_unknown_layer(layer, name, rest):
    result = result_of(layer, dataclasses.replace(layer, layer="relu2"))
    with pytest.raises(UnknownLayerError) as caught:
        result[name]
    assert isinstance(caught.value, KeyError) and isinstance(caught.value, NetdissectError)
    assert str(caught.value).startswith(f"a run has no layer {name}{rest}")


def test_run_survives_disk(layer, tmp_path):
    other = dataclasses.replace(layer, layer="block.1/odd name", sample=None)
    result = result_of(layer, other)
    out = result.save(tmp_path / "run")
    loaded = Result.load(out)
    assert (loaded.name, loaded.description, dict(loaded.images)) == (result.name, result.description, result.images)
    assert list(loaded.layers) == ["conv", "block.1/odd name"]
    for name, before in result.layers.items():
        after = loaded[name]
        assert_same(after, before)
        pd.testing.assert_frame_equal(after.units, before.units)
    assert loaded.summary() == result.summary()


def test_examples_that_are_damaged(layer, tmp_path):
    result = dataclasses.replace(result_of(layer), examples=(ConceptExample(5, 3, 12, "0<"),))
    out = result.save(tmp_path / "run")
    assert Result.load(out).examples == result.examples
    table = pd.read_parquet(out / "examples.parquet")
    table[table.columns[::-1]].to_parquet(out / "examples.parquet", index=False)
    assert Result.load(out).examples == result.examples  # columns go by name
    for column, value in (("concept", 4), ("image", 99)):
        table.assign(**{column: value}).to_parquet(out / "examples.parquet", index=False)
        with pytest.raises(NetdissectError, match=r"the run is damaged: ValueError: examples\.parquet: no such"):
            Result.load(out)


@pytest.mark.parametrize("name", ["examples.parquet", "images.parquet", "run.json", "images", "Report", "activations"])
def test_layers_called_as_files_of_a_run(layer, tmp_path, name):
    out = result_of(dataclasses.replace(layer, layer=name)).save(tmp_path / "run")
    assert list(Result.load(out).layers) == [name]
    assert (out / f"0-{name}" / "counts.npz").is_file()


def test_files_of_a_run(layer, tmp_path):
    out = result_of(layer).save(tmp_path / "deep" / "run")
    files = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert files == {
        "run.json",
        "examples.parquet",
        "images.parquet",
        *(f"conv/{name}" for name in FILES),
        *(f"images/{index}.jpg" for index in range(8)),
    }
    assert tuple(pd.read_parquet(out / "conv" / "units.parquet").columns) == UNIT_COLUMNS
    top = pd.read_parquet(out / "conv" / "top.parquet")
    assert top["image_name"].tolist() == [f"picture {index}.jpg" for index in range(8)]
    for row in top.itertuples():
        map_ = layer.top.maps[row.unit, row.rank]
        assert map_[row.row, row.column] == map_.max()
    assert json.loads((out / "run.json").read_text())["format_version"] == 6
    assert [path.name for path in out.parent.iterdir()] == ["run"]  # nothing is left beside it


def test_synonyms_are_saved_and_runs_of_before_are_read(tmp_path):
    concepts = (dataclasses.replace(CONCEPTS[0], synonyms=("heaven", "ether")), *CONCEPTS[1:])
    out = result_of(layer_result([[0, 5, 50, 0]], [[100, 60, 10]], [80, 40, 80, 100], concepts=concepts)).save(
        tmp_path / "run"
    )
    assert Result.load(out)["conv"].concepts == concepts
    description = json.loads((out / "run.json").read_text())
    for concept in description["concepts"]:
        concept.pop("synonyms", None)
    (out / "run.json").write_text(json.dumps(description))
    assert Result.load(out)["conv"].concepts == CONCEPTS


def test_a_run_is_not_overwritten_unless_asked(layer, tmp_path):
    out = result_of(layer, name="first").save(tmp_path / "run")
    with pytest.raises(NetdissectError, match=r"run: exists already \(--overwrite"):
        result_of(layer, name="second").save(out)
    assert Result.load(out).name == "first"
    result_of(layer, name="second").save(out, overwrite=True)
    assert Result.load(out).name == "second"
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_what_is_not_a_run_is_never_overwritten(layer, tmp_path):
    precious = tmp_path / "home" / "thesis.tex"
    precious.parent.mkdir()
    precious.write_text("years of work")
    with pytest.raises(NetdissectError, match="not a run"):
        result_of(layer).save(precious.parent, overwrite=True)
    with pytest.raises(NetdissectError, match="not a run"):
        result_of(layer).save(precious, overwrite=True)
    assert precious.read_text() == "years of work"


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError("disk full")])
@pytest.mark.parametrize("part", ["layer", "image"])
def test_a_failing_save_leaves_nothing_behind(layer, tmp_path, part, error):
    out = result_of(layer, name="first").save(tmp_path / "run")

    class Fails:
        name = "a"

        def __getattr__(self, name):
            raise error

        def __array__(self, *args, **kwargs):
            raise error

    second = result_of(layer, name="second")
    if part == "layer":
        object.__setattr__(second["conv"], "peaks", Fails())
    else:
        second.images[0] = Fails()
    for target in (out, tmp_path / "new"):
        with pytest.raises((KeyboardInterrupt, NetdissectError)):
            second.save(target, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert Result.load(out).name == "first"


def test_what_else_is_written_belongs_to_the_run(layer, tmp_path):
    out = result_of(layer).save(tmp_path / "run", add=lambda folder: (folder / "page.html").write_text("page"))
    assert (out / "page.html").read_text() == "page"

    def fail(folder):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        result_of(layer, name="second").save(out, overwrite=True, add=fail)
    assert (Result.load(out).name, (out / "page.html").read_text()) == ("a run", "page")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_where_nothing_can_be_written_is_told_beforehand(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NetdissectError, match=r"file/run: cannot be written"):
        check_free(tmp_path / "file" / "run", overwrite=False)
    with pytest.raises(NetdissectError, match=r"/proc/run: cannot be written"):
        check_free(Path("/proc/run"), overwrite=False)
    check_free(tmp_path / "deep" / "down" / "run", overwrite=False)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_working_directory_itself_can_be_replaced(layer, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    result_of(layer).save(".", overwrite=True)
    assert Result.load(tmp_path / "empty").name == "a run"


@pytest.mark.parametrize("file", ["counts.npz", "activations.npz", "top.npz", "sample.npz"])
@pytest.mark.parametrize("keep", [0, 0.5, 0.95])
def test_truncated_files_are_refused(layer, tmp_path, file, keep):
    path = result_of(layer).save(tmp_path / "run") / "conv" / file
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(NetdissectError, match="run: the run is damaged"):
        Result.load(tmp_path / "run")


def test_damaged_runs_are_refused_with_the_file(layer, tmp_path):
    with pytest.raises(NetdissectError, match=r"nowhere: not a run"):
        Result.load(tmp_path / "nowhere")
    out = result_of(layer).save(tmp_path / "run")
    counts = (out / "conv" / "counts.npz").read_bytes()
    (out / "conv" / "counts.npz").write_bytes(b"not a zip file")
    with pytest.raises(NetdissectError, match="run: the run is damaged"):
        Result.load(out)
    description = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps(description | {"format_version": 99}))
    with pytest.raises(NetdissectError, match="format version 99"):
        Result.load(out)
    damaged = description | {"description": {**description["description"], "settings": {"quantile": 7}}}
    (out / "conv" / "counts.npz").write_bytes(counts)
    (out / "run.json").write_text(json.dumps(damaged))
    with pytest.raises(NetdissectError, match="run: the run is damaged: NetdissectError: a quantile of 7"):
        Result.load(out)
    (out / "run.json").write_text("{")
    with pytest.raises(NetdissectError, match=r"run\.json: cannot be read"):
        Result.load(out)


def test_notebook_view_escapes_names(layer):
    shown = result_of(layer, name="<script>alert(1)</script>")._repr_html_()
    assert "<script>" not in shown
    assert "&lt;note&gt;" in shown
    assert "car" in shown


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
