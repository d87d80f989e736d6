"""A run is a mapping of its layers, and survives the way to disk and back."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from netdissect import LayerResult, NetdissectError, Result
from netdissect.results import ConceptExample, ShownImage, UnknownLayerError, check_free
from tests.results.flat import PARTS
from tests.results.small import CONCEPTS, UNIT_COLUMNS, layer_result, result_of

#: The files of a layer's parts, and the tables that follow from them.
FILES = ("units.parquet", "counts.npz", "activations.npz", "top.npz", "top.parquet", "sample.npz")


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

    class Unwritable(ShownImage):
        def __getattribute__(self, name):
            if name == "jpeg":
                raise error
            return super().__getattribute__(name)

    class Unreadable(LayerResult):
        @property
        def units(self):
            raise error

    second = result_of(layer, name="second")
    if part == "layer":
        parts = {field.name: getattr(layer, field.name) for field in dataclasses.fields(LayerResult)}
        second = dataclasses.replace(second, layers={"conv": Unreadable(**parts)})
    else:
        second.images[0] = Unwritable("a", b"")
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
