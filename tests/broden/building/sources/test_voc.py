"""The segmentations of PASCAL VOC as a source."""

import pickle

import numpy as np
import pytest
from PIL import Image

from netdissect.broden.building.sources.voc import CLASSES, Voc
from netdissect.types import BadSampleError, NetdissectError
from tests.broden.building.other_source_files import (
    write_voc,
)
from tests.damage import cut


def copied(source):
    """The source as another process gets it."""
    return pickle.loads(pickle.dumps(source))


@pytest.mark.parametrize("folder", ["", "VOC2012", "VOCdevkit/VOC2007"])
def test_voc(tmp_path, folder):
    write_voc(tmp_path / folder, {"2007_000032": [[0, 1, 255], [15, 20, 7]], "2007_000031": [[3, 3]]})
    (tmp_path / folder / "JPEGImages" / "2007_000001.jpg").write_text("an image without segmentation")
    (tmp_path / folder / "SegmentationClass" / "._2007_000031.png").write_text("")
    source = copied(Voc(tmp_path))
    assert (source.name, len(source)) == ("voc", 2)
    images = [tmp_path / folder / "JPEGImages" / name for name in ("2007_000031.jpg", "2007_000032.jpg")]
    assert [source.image_path(index) for index in (0, 1)] == images and all(image.is_file() for image in images)
    assert source.annotation(0).maps["object"].tolist() == [[3, 3]]
    assert source.annotation(1).maps["object"].tolist() == [[0, 1, 0], [15, 20, 7]]
    assert source.annotation(1).maps["object"].dtype == np.int32


def test_names(tmp_path):
    source = Voc(write_voc(tmp_path, {"a": [[1]]}), "part")
    assert list(source.annotation(0).maps) == ["part"]
    assert source.names("part", 0) == () and len(CLASSES) == 20
    named = {1: "airplane", 2: "bicycle", 7: "car", 11: "diningtable", 15: "person", 20: "tvmonitor"}
    assert {label: source.names("part", label) for label in named} == {n: (name,) for n, name in named.items()}


def test_devkit_with_its_code(tmp_path):
    write_voc(tmp_path / "VOCdevkit" / "VOC2012", {"a": [[1]]})
    (tmp_path / "VOCdevkit" / "VOCcode").mkdir()
    assert len(Voc(tmp_path)) == len(Voc(tmp_path / "VOCdevkit")) == 1


def test_several_years(tmp_path):
    for year in ("VOC2007", "VOC2012"):
        write_voc(tmp_path / "VOCdevkit" / year, {"a": [[1]]})
    with pytest.raises(NetdissectError, match="VOCdevkit/VOC2007, VOCdevkit/VOC2012"):
        Voc(tmp_path)
    assert len(Voc(tmp_path / "VOCdevkit" / "VOC2007")) == 1


@pytest.mark.parametrize("index", [21, 100, 254])
def test_another_class(tmp_path, index):
    source = Voc(write_voc(tmp_path, {"a": [[1, index]]}))
    with pytest.raises(BadSampleError, match=f"class index {index} ") as caught:
        source.annotation(0)
    assert str(tmp_path / "SegmentationClass" / "a.png") in str(caught.value)


@pytest.mark.parametrize("harm", ["truncated", "empty", "RGB", "RGBA", "gone"])
def test_bad_label_map(tmp_path, harm):
    source = Voc(write_voc(tmp_path, {"a": np.zeros((40, 40)), "b": [[2]]}))
    path = tmp_path / "SegmentationClass" / "a.png"
    if harm == "truncated":
        cut(path, 0.9)
    elif harm == "empty":
        path.write_bytes(b"")
    elif harm == "gone":
        path.unlink()
    else:
        Image.new(harm, (40, 40)).save(path)
    with pytest.raises(BadSampleError) as caught:
        source.annotation(0)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert source.annotation(1).maps["object"].tolist() == [[2]]


def test_another_folder(tmp_path):
    with pytest.raises(NetdissectError, match="no SegmentationClass/") as caught:
        Voc(tmp_path)
    assert str(tmp_path) in str(caught.value)
    (tmp_path / "SegmentationClass").mkdir()
    with pytest.raises(NetdissectError, match=r"SegmentationClass: no \.png"):
        Voc(tmp_path)
