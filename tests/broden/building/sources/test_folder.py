"""Your own images and masks as a source."""

import pickle

import numpy as np
import pytest

from netdissect.broden.building.sources.folder import Folder
from netdissect.types import BadSampleError, NetdissectError
from tests.broden.building.other_source_files import (
    write_folder,
)
from tests.damage import cut
from tests.opened import opened
from tests.shared import SHARED


def copied(source):
    """The source as another process gets it."""
    return pickle.loads(pickle.dumps(source))


def test_labels_are_concept_numbers(tmp_path):
    write_folder(tmp_path, {"b": [[0, 1], [255, 2]], "a": [[2, 2]]})
    source = copied(Folder(tmp_path))
    assert (source.name, len(source)) == ("folder", 2)
    assert [source.image_path(index) for index in (0, 1)] == [tmp_path / "images" / name for name in ("a.jpg", "b.jpg")]
    assert list(source.annotation(1).maps) == ["object"] and not source.annotation(1).whole
    assert source.annotation(1).maps["object"].tolist() == [[1, 2], [0, 3]]
    assert [source.names("object", label) for label in range(4)] == [(), ("sky",), ("road",), ("car",)]


def test_label_maps_keep_their_resolution(tmp_path):
    mask = np.random.default_rng(1).integers(0, 3, (30, 47))
    source = Folder(write_folder(tmp_path, {"a": mask}))
    assert np.array_equal(source.annotation(0).maps["object"], mask + 1)


def test_a_map_per_category(tmp_path):
    classes = "index,name,category\n0,sky,\n1,wheel,part\n2,brushed,Finish\n3,void,scene\n4,mast,part\n5,steel,finish\n"
    write_folder(tmp_path, {"a": [[0, 1, 2, 3], [4, 4, 255, 5]]}, classes)
    source = Folder(tmp_path, "material")
    maps = {category: pixels.tolist() for category, pixels in source.annotation(0).maps.items()}
    assert maps == {
        "material": [[1, 0, 0, 0], [0, 0, 0, 0]],
        "part": [[0, 2, 0, 0], [5, 5, 0, 0]],
        "finish": [[0, 0, 3, 0], [0, 0, 0, 6]],
    }
    assert source.names("material", 1) == ("sky",) and source.names("finish", 6) == ("steel",)


@pytest.mark.parametrize("category", ["a category", "fin/ish", "3d", "_x", "image", "sw"])
def test_categories_that_broden_cannot_have(tmp_path, category):
    write_folder(tmp_path, {"a": [[0]]}, f"index,name,category\n0,sky,{category}\n")
    with pytest.raises(NetdissectError, match=f"'{category}'") as caught:
        Folder(tmp_path)
    assert str(tmp_path / "classes.csv") in str(caught.value)


def test_images_and_label_maps_without_partner(tmp_path):
    write_folder(tmp_path, {"a": [[0]], "b": [[1]], "c": [[2]]})
    (tmp_path / "labels" / "a.png").unlink()
    (tmp_path / "images" / "c.jpg").unlink()
    source = Folder(tmp_path)
    assert len(source) == 3 and source.annotation(1).maps["object"].tolist() == [[2]]
    for index, partner in ((0, r"a\.jpg has no label map"), (2, r"c\.png has no image")):
        with pytest.raises(BadSampleError, match=partner):
            source.annotation(index)
    assert source.image_path(2) == tmp_path / "images" / "c.jpg"


def test_bad_label_maps(tmp_path):
    write_folder(tmp_path, {"a": np.zeros((40, 40)), "b": [[0, 7]]})
    cut(tmp_path / "labels" / "a.png")
    with pytest.raises(BadSampleError, match=r"labels/a\.png"):
        Folder(tmp_path).annotation(0)
    with pytest.raises(NetdissectError, match=r"labels/b\.png: class 7 "):
        Folder(tmp_path).annotation(1)


def test_camvid():
    root = SHARED / "data" / "camvid" / "val"
    if not root.is_dir():
        pytest.skip(f"{root} is not here")
    source = Folder(root)
    shown = np.unique(source.annotation(0).maps["object"]).tolist()
    names = {number: source.names("object", number) for number in shown}
    assert {("Sky",), ("Road",), ("Car",)} <= set(names.values()) and names[0] == ()
    assert source.annotation(0).maps["object"].shape == opened(source.image_path(0)).size[::-1]
