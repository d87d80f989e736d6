"""Runs of older formats are read as if they had been written today; others are refused with the remedy."""

import json
import re
from dataclasses import replace

import attrs
import pandas as pd
import pytest

from netdissect import NetdissectError, Result
from netdissect.engine.field import Field
from netdissect.results import ConceptExample, Visualization, formats
from netdissect.results.description import (
    BasisDescription,
    DataDescription,
    LayerDescription,
    NetworkDescription,
    RunDescription,
)
from netdissect.results.parts import Pictures
from netdissect.settings import Settings
from tests.damage import cut
from tests.report.results import jpeg_of, random_layer, result_of
from tests.results.flat import changed, differing
from tests.results.format5 import save_format_5

BASES = {
    "conv": None,
    "conv rotated 0.25 seed 3": BasisDescription(
        layer="conv",
        kind="rotation",
        words="rotated by 0.25 of the rotation of seed 3",
        facts={"amount": 0.25, "seed": 3},
    ),
    "conv in pca": BasisDescription(layer="conv", kind="components", words="in the basis of its principal components"),
    "conv in atoms.npy": BasisDescription(
        layer="conv", kind="matrix", words="in the basis of atoms.npy", facts={"name": "atoms.npy", "sha256": "0" * 64}
    ),
}


@pytest.fixture
def result():
    """A run with all that format 5 could hold: every part, every kind of basis, pictures, examples."""
    layers = [random_layer(6, layer=name, seed=seed) for seed, name in enumerate(BASES)]
    layers[0] = changed(layers[0], image_names=("a", "ü"), peaks=layers[0].top.activation[:, :2].T.copy())
    pictures = (Visualization(4, "top", "highest", "no. 1", 0.5, jpeg_of("red"), "picture 3.jpg"),)
    layers[1] = replace(layers[1], pictures=Pictures(pictures))
    field = Field((0.5, 8.0), (1.0, 9.0), (11.0, 11.0), (8.0, 8.0))
    described = LayerDescription(type="Conv2d", shape=(6, 5, 7), layout="nuhw", align="receptive", field=field)
    description = RunDescription(
        network=NetworkDescription(name="net", weights="w", arguments={"depth": "3"}, weights_sha256="ab"),
        data=DataDescription(name="d", fingerprint="f", label_shape=(10, 15), images=40, skipped=("bad.jpg: empty",)),
        layers={name: attrs.evolve(described, basis=basis) for name, basis in BASES.items()},
        settings=Settings(size=(40, 60), mean=(0.1, 0.2, 0.3), quantile=0.1, categories=("object", "part"), limit=40),
        looks={"methods": ["top"], "images": 3},
        versions={"netdissect": "0.1.0", "torch": "2"},
        notes=("a note",),
        timings={"network": 1.5},
        fitted={"conv": {"sha256": "cd", "variance": [2.0, 1.0]}},
    )
    shown = result_of(*layers, examples=(ConceptExample(1, 3, 12, "0<"),))
    used = {int(index) for layer in layers for index in layer.top.image.ravel()} | {3}
    shown = replace(shown, images={index: image for index, image in shown.images.items() if index in used})
    return replace(shown, description=description)


def assert_equal(read, result):
    assert (read.name, read.description, dict(read.images)) == (result.name, result.description, dict(result.images))
    assert read.examples == result.examples and list(read) == list(result)
    for name, layer in result.items():
        assert differing(read[name], layer) == []
        assert read[name].pictures == layer.pictures
        assert (read[name].sample is None) == (layer.sample is None)
        if layer.sample is not None:
            assert read[name].sample.image_names == layer.sample.image_names
        assert (read[name].criterion, read[name].quantile) == ("iou", layer.quantile)
        pd.testing.assert_frame_equal(read[name].units, layer.units)


def test_a_run_of_format_5_is_read_as_one_of_today(result, tmp_path):
    read = Result.load(save_format_5(result, tmp_path / "old"))
    assert_equal(read, result)
    assert_equal(Result.load(read.save(tmp_path / "new")), result)


@pytest.mark.parametrize("file", ["tally.npz", "top.npz", "top.parquet", "peaks.npz"])
def test_damaged_runs_of_format_5(result, tmp_path, file):
    out = save_format_5(result, tmp_path / "old")
    cut(out / "conv" / file)
    with pytest.raises(NetdissectError, match="old: the run is damaged"):
        Result.load(out)


@pytest.mark.parametrize(
    ("version", "remedy"),
    [
        (4, "dissect anew, or use an older netdissect"),
        (7, "a newer netdissect wrote it, and reads it"),
        ("6", "dissect anew, or use an older netdissect"),
        ([6], "dissect anew, or use an older netdissect"),
        (None, "dissect anew, or use an older netdissect"),
    ],
)
def test_other_versions_are_refused_with_the_remedy(result, tmp_path, version, remedy):
    out = result.save(tmp_path / "run")
    plain = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps(plain | {"format_version": version}))
    told = re.escape(f"run.json: format version {version}; this netdissect reads versions 5 and 6: {remedy}")
    with pytest.raises(NetdissectError, match=told):
        Result.load(out)


def test_the_log_has_a_line_for_every_version():
    logged = re.findall(r"^(\d+)   ", formats.__doc__, flags=re.MULTILINE)
    assert logged == [str(version) for version in range(1, formats.FORMAT_VERSION + 1)]
