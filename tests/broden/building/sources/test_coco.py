"""COCO's annotations as a source."""

import json
import pickle
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from netdissect.broden.building.sources.coco import Coco
from netdissect.types import BadSampleError, NetdissectError
from tests.broden.building.other_source_files import (
    write_coco_instances,
    write_coco_json,
    write_coco_panoptic,
    write_image,
)
from tests.damage import cut


def copied(source):
    """The source as another process gets it."""
    return pickle.loads(pickle.dumps(source))


pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # in pycocotools

#: Ids as published: with gaps, and not in the order of the file.
THINGS = {1: "person", 90: "toothbrush", 18: "dog", 200000: "far"}


def box(left, top, right, bottom):
    """A polygon around the pixels from left to before right, and from top to before bottom."""
    return [left, top, right, top, right, bottom, left, bottom]


def run_lengths(mask):
    """The uncompressed form: lengths of runs down the columns, beginning with zeros."""
    runs, value = [0], False
    for pixel in np.asarray(mask, dtype=bool).T.ravel():
        if pixel != value:
            runs.append(0)
            value = pixel
        runs[-1] += 1
    return runs


def compressed(runs):
    """The text form: each length, from the fourth on less the one before the last, in pieces of 5 bits from the lowest.

    Bit 5 of a piece says that more follow, bit 4 of the last is the sign; ``0`` is added to make a letter of it.
    """
    text = ""
    for place, run in enumerate(runs):
        left = run - runs[place - 2] if place > 2 else run
        while True:
            piece, left = left & 31, left >> 5
            last = left == (-1 if piece & 16 else 0)
            text += chr(ord("0") + piece + (0 if last else 32))
            if last:
                break
    return text


def segmentation_of(mask, form):
    runs = run_lengths(mask)
    return {"size": list(np.shape(mask)), "counts": runs if form == "runs" else compressed(runs)}


MASK = [[0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 1]]


def test_the_forms_of_a_mask_by_hand():
    """Down the columns 000 110 110 001: runs of 3 2 1 2 3 1; less the one before the last 3 2 1, 0 2 -1."""
    assert run_lengths(MASK) == [3, 2, 1, 2, 3, 1]
    assert compressed(run_lengths(MASK)) == "32102O"
    assert compressed([100, 50]) == "T3b1"  # 100 is 00100 and 00011; 50 is 10010 and 00001


@pytest.mark.parametrize("form", ["polygons", "runs", "text", "by hand"])
def test_masks(tmp_path, form):
    segmentation = {
        "polygons": [box(1, 0, 3, 2), box(3, 2, 4, 3)],
        "runs": {"counts": [3, 2, 1, 2, 3, 1], "size": [3, 4]},
        "text": segmentation_of(MASK, "text"),
        "by hand": {"counts": "32102O", "size": [3, 4]},
    }[form]
    annotation = {"image": "a.jpg", "category": "dog", "segmentation": segmentation, "iscrowd": int(form == "runs")}
    path = write_coco_instances(tmp_path, {"a.jpg": (3, 4)}, THINGS, [annotation])
    source = copied(Coco(path))
    assert (source.name, len(source)) == ("coco", 1)
    assert list(source.annotation(0).maps) == ["object"] and not source.annotation(0).whole
    assert source.annotation(0).maps["object"].dtype == np.int32
    assert source.annotation(0).maps["object"].tolist() == (3 * np.array(MASK)).tolist()


def test_labels_count_the_categories_in_their_order(tmp_path):
    source = Coco(write_coco_instances(tmp_path, {"a.jpg": (3, 4)}, THINGS, []), "part")
    names = [source.names("part", label) for label in range(5)]
    assert names == [(), ("person",), ("toothbrush",), ("dog",), ("far",)]
    assert list(source.annotation(0).maps) == ["part"]


def test_small_ones_lie_on_large_ones(tmp_path):
    annotations = [
        {"image": "a.jpg", "category": "dog", "segmentation": [box(2, 2, 3, 3)], "area": 99.0},
        {"image": "a.jpg", "category": "person", "segmentation": [box(0, 0, 4, 4)], "area": 1.0},
        {"image": "a.jpg", "category": "toothbrush", "segmentation": [box(1, 1, 4, 3)], "area": 5.0},
        {"image": "b.jpg", "category": "dog", "segmentation": [box(0, 0, 2, 1)]},
        {
            "image": "b.jpg",
            "category": "person",
            "segmentation": [box(1, 0, 3, 1)],
        },  # as large: the later one lies on top
    ]
    source = Coco(write_coco_instances(tmp_path, {"a.jpg": (4, 5), "b.jpg": (1, 3)}, THINGS, annotations))
    assert source.annotation(0).maps["object"].tolist() == [
        [1, 1, 1, 1, 0],
        [1, 2, 2, 2, 0],
        [1, 2, 3, 2, 0],
        [1, 1, 1, 1, 0],
    ]
    assert source.annotation(1).maps["object"].tolist() == [[3, 1, 1]]


@st.composite
def coco_images(draw):
    """A shape, and masks in forms that hold any mask, each with a category."""
    shape = (draw(st.integers(1, 40)), draw(st.integers(1, 40)))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    masks = []
    for _ in range(draw(st.integers(0, 5))):
        mask = random.random(shape) < draw(st.sampled_from([0, 0.02, 0.5, 0.98, 1]))
        masks.append((mask, draw(st.sampled_from(["runs", "text"])), draw(st.sampled_from(list(THINGS.values())))))
    return shape, masks


@settings(max_examples=60, deadline=None)
@given(coco_images())
def test_any_masks(case):
    shape, masks = case
    annotations = [
        {"image": "a.jpg", "category": category, "segmentation": segmentation_of(mask, form)}
        for mask, form, category in masks
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = write_coco_instances(Path(folder), {"a.jpg": shape}, THINGS, annotations)
        painted = Coco(path).annotation(0).maps["object"]
    expected = np.zeros(shape, dtype=int)
    for mask, _, category in sorted(masks, key=lambda item: -item[0].sum()):
        expected[mask] = list(THINGS.values()).index(category) + 1
    assert np.array_equal(painted, expected)


def test_images_without_annotations_stay(tmp_path):
    annotation = {"image": "b.jpg", "category": "dog", "segmentation": [box(0, 0, 2, 1)]}
    images = {"a.jpg": (3, 4), "b.jpg": (1, 2), "c.jpg": (5, 2)}
    source = Coco(write_coco_instances(tmp_path, images, THINGS, [annotation]))
    assert [source.annotation(index).maps["object"].shape for index in range(3)] == list(images.values())
    assert [source.annotation(index).maps["object"].any() for index in range(3)] == [False, True, False]


def test_stuff_leaves_out_other(tmp_path):
    stuff = {92: "banner", 182: "wood", 183: "other", 12: "Void", 13: "water-other", 14: "other"}
    masks = np.eye(6, dtype=bool)[:, None, :]
    annotations = [
        {"image": "a.jpg", "category_id": number, "segmentation": segmentation_of(mask, "text")}
        for number, mask in zip(stuff, masks, strict=True)
    ]
    path = write_coco_instances(tmp_path, {"a.jpg": (1, 6)}, stuff, annotations, "stuff_val2017")
    source = Coco(path)
    labels = source.annotation(0).maps["object"].tolist()[0]
    names = [source.names("object", label) for label in labels]
    assert names == [("banner",), ("wood",), (), (), ("water-other",), ("other",)]
    assert labels[2] == labels[3] == 0


def test_panoptic(tmp_path):
    ids = {"a.jpg": [[0, 1, 255, 256], [65536, 65536 * 255 + 256 * 7 + 9, 1, 0]], "b.jpg": [[7]], "c.jpg": [[0, 0]]}
    segments = {1: "dog", 255: "person", 256: "dog", 65536: "void", 65536 * 255 + 256 * 7 + 9: "far", 7: "person"}
    path = write_coco_panoptic(tmp_path, ids, THINGS | {3: "void"}, segments)
    source = copied(Coco(path))
    assert len(source) == 3 and source.image_path(1) == tmp_path / "val2017" / "b.jpg"
    maps = [source.annotation(index).maps["object"] for index in range(3)]
    assert [pixels.tolist() for pixels in maps] == [[[0, 3, 1, 3], [0, 4, 3, 0]], [[1]], [[0, 0]]]
    assert all(pixels.dtype == np.int32 for pixels in maps)
    assert source.names("object", 5) == ()


def test_panoptic_image_without_annotation(tmp_path):
    path = write_coco_panoptic(tmp_path, {"a.jpg": [[1, 1]], "b.jpg": [[1]]}, THINGS, {1: "dog"})
    content = json.loads(path.read_text())
    del content["annotations"][0]
    path.write_text(json.dumps(content))
    source = Coco(path)
    assert [source.annotation(index).maps["object"].tolist() for index in (0, 1)] == [[[0, 0]], [[3]]]


@pytest.mark.parametrize("folder", ["val2017", "annotations/val2017", "images", "annotations/images", "annotations"])
def test_where_images_lie(tmp_path, folder, monkeypatch):
    path = write_coco_instances(tmp_path, {"a.jpg": (3, 4)}, THINGS, [])
    write_image(tmp_path / "moved.jpg")
    (tmp_path / "val2017" / "a.jpg").unlink()
    (tmp_path / folder).mkdir(exist_ok=True, parents=True)
    (tmp_path / "moved.jpg").rename(tmp_path / folder / "a.jpg")
    assert Coco(path).image_path(0) == tmp_path / folder / "a.jpg"
    monkeypatch.chdir(path.parent)
    assert Coco(Path(path.name)).image_path(0) == tmp_path / folder / "a.jpg"


def test_the_splits_folder_goes_first_also_for_a_missing_image(tmp_path):
    path = write_coco_instances(tmp_path, {"a.jpg": (3, 4), "deep/b.jpg": (3, 4)}, THINGS, [])
    write_image(tmp_path / "images" / "a.jpg")
    (tmp_path / "val2017" / "deep" / "b.jpg").unlink()
    source = Coco(path)
    assert [source.image_path(index) for index in (0, 1)] == [tmp_path / "val2017" / f for f in ("a.jpg", "deep/b.jpg")]


def test_beside_its_images(tmp_path):
    path = write_coco_instances(tmp_path, {"a.jpg": (3, 4)}, THINGS, [])
    moved = path.rename(tmp_path / "val2017" / "_annotations.coco.json")
    assert Coco(moved).image_path(0) == tmp_path / "val2017" / "a.jpg"


def test_prints_nothing(tmp_path, capfd):
    annotation = {"image": "a.jpg", "category": "dog", "segmentation": [box(0, 0, 2, 1)]}
    Coco(write_coco_instances(tmp_path, {"a.jpg": (1, 2)}, THINGS, [annotation])).annotation(0)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "segmentation",
    [
        [],
        [[]],
        [[0, 0, 2, 0]],
        [[0, 0, 2, 0, 2]],
        [[0, 0, 2, 0, 2, 2, 1]],
        [box(0, 0, 2, 2), [1, 1]],
        [[[0, 0], [2, 0], [2, 2]]],
        [["a"] * 6],
        [[None] * 6],
        [box(0, 0, 1e9, 2)],
        [box(-1e300, 0, 2, 2)],
        [box(0, 0, float("nan"), 2)],
        [box(0, 0, float("inf"), 2)],
        [box(0, 0, 10**400, 2)],
        {},
        {"size": [3, 4]},
        {"counts": [12]},
        {"size": [4, 3], "counts": [12]},
        {"size": [3, 4], "counts": []},
        {"size": [3, 4], "counts": [11]},
        {"size": [3, 4], "counts": [13]},
        {"size": [3, 4], "counts": [0, 10**12]},
        {"size": [3, 4], "counts": [13, -1]},
        {"size": [3, 4], "counts": [0.5] * 24},
        {"size": [3, 4], "counts": [float("nan")]},
        {"size": [3, 4], "counts": ["12"]},
        {"size": [3, 4], "counts": 12},
        {"size": [3, 4], "counts": None},
        {"size": [3, 4], "counts": ""},
        {"size": [3, 4], "counts": "32102"},
        {"size": [3, 4], "counts": "32102O1"},
        {"size": [3, 4], "counts": "3210o"},
        {"size": [3, 4], "counts": "3o\x0000000000"},
        {"size": [3, 4], "counts": "ø"},
        {"size": [3, 4], "counts": "zzzzzz"},
    ],
    ids=str,
)
def test_bad_segmentation(tmp_path, segmentation):
    good = {"category": "dog", "segmentation": {"size": [3, 4], "counts": "32102O"}}
    bad = {"image": "b.jpg", "category": "person", "segmentation": segmentation}
    annotations = [{"image": "a.jpg", **good}, {"image": "b.jpg", **good}, bad]
    path = write_coco_instances(tmp_path, {"a.jpg": (3, 4), "b.jpg": (3, 4)}, THINGS, annotations)
    source = Coco(path)
    assert source.annotation(0).maps["object"].any()
    with pytest.raises(BadSampleError) as caught:
        source.annotation(1)
    assert str(path) in str(caught.value) and "b.jpg" in str(caught.value) and "\n" not in str(caught.value)


def test_image_of_one_pixel(tmp_path):
    for place, segmentation in enumerate(({"size": [1, 1], "counts": "01"}, {"size": [1, 1], "counts": "0"})):
        annotation = {"image": "a.jpg", "category": "dog", "segmentation": segmentation}
        source = Coco(write_coco_instances(tmp_path / str(place), {"a.jpg": (1, 1)}, THINGS, [annotation]))
        if place == 0:
            assert source.annotation(0).maps["object"].tolist() == [[3]]
        else:
            with pytest.raises(BadSampleError, match="end before the last pixel"):
                source.annotation(0)


@pytest.mark.parametrize("harm", ["unknown", "truncated", "missing", "P", "RGBA", "size"])
def test_bad_panoptic_png(tmp_path, harm):
    ids = np.random.default_rng(2).choice([1, 258, 70000], (20, 30))
    segments = {1: "dog", 258: "person", 70000: "dog"}
    if harm == "unknown":
        del segments[70000]
    path = write_coco_panoptic(tmp_path, {"a.jpg": ids, "b.jpg": [[1]]}, THINGS, segments)
    png = tmp_path / "annotations" / "panoptic_val2017" / "a.png"
    if harm == "truncated":
        cut(png)
    elif harm == "missing":
        png.unlink()
    elif harm in ("P", "RGBA", "size"):
        Image.new("RGB" if harm == "size" else harm, (10 if harm == "size" else 30, 20)).save(png)
    source = Coco(path)
    with pytest.raises(BadSampleError) as caught:
        source.annotation(0)
    assert str(png) in str(caught.value) and "\n" not in str(caught.value)
    assert harm != "unknown" or "segment 70000 " in str(caught.value)
    assert source.annotation(1).maps["object"].tolist() == [[3]]


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "3", "null", "\x00", '"annotations"', "{}", "[" * 100000, '{"images":[],"annotations":[]}'],
    ids=lambda content: repr(content[:20]),
)
def test_file_of_something_else(tmp_path, content):
    path = tmp_path / "instances_val2017.json"
    path.write_text(content)
    with pytest.raises(NetdissectError) as caught:
        Coco(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_file_that_is_none(tmp_path):
    image = tmp_path / "a.json"
    Image.new("RGB", (3, 3)).save(image, format="PNG")
    for path in (tmp_path, tmp_path / "nowhere.json", image):
        with pytest.raises(NetdissectError, match="cannot be read") as caught:
            Coco(path)
        assert str(path) in str(caught.value)


def harmed(content, harm):
    """Applies ``harm``, a path of keys and a new value; no value removes what is there."""
    *keys, last = harm[0]
    for key in keys:
        content = content[key]
    if len(harm) == 1:
        del content[last]
    else:
        content[last] = harm[1]


@pytest.mark.parametrize("kind", ["instances", "panoptic"])
@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ([["images"]], "images"),
        ([["images"], []], "lists no images"),
        ([["images"], {"a": 1}], "images"),
        ([["images", 0], "a.jpg"], r"images\[0\]"),
        ([["images", 1, "id"], 139000], r"images\[1\]: the id 139000 is taken"),
        ([["images", 0, "file_name"]], r"images\[0\]: no file_name"),
        ([["images", 0, "file_name"], "../a.jpg"], r"'\.\./a\.jpg'"),
        ([["images", 0, "file_name"], "/a.jpg"], "'/a.jpg'"),
        ([["images", 0, "file_name"], ""], "file_name"),
        ([["images", 0, "height"]], r"images\[0\]: no height"),
        ([["images", 0, "width"], "4"], r"images\[0\]: no width"),
        ([["images", 0, "width"], 0], "0x3 is no size"),
        ([["images", 0, "width"], 10**9], "is no size"),
        ([["categories"]], "categories"),
        ([["categories", 0], None], r"categories\[0\]"),
        ([["categories", 0, "name"]], r"categories\[0\]: no name"),
        ([["categories", 1, "id"], 1], r"categories\[1\]: the id 1 is taken"),
        ([["annotations"]], "annotations"),
        ([["annotations", 1], 5], r"annotations\[1\]"),
        ([["annotations", 0, "image_id"]], r"annotations\[0\]: no image_id"),
        ([["annotations", 0, "image_id"], 3], r"annotations\[0\]: image_id 3 is not in images"),
    ],
    ids=str,
)
def test_entries_that_make_no_sense(tmp_path, kind, harm, said):
    if kind == "panoptic":
        path = write_coco_panoptic(tmp_path, {"a.jpg": np.eye(3, 4), "b.jpg": [[1]]}, THINGS, {1: "dog"})
    else:
        annotation = {"image": "a.jpg", "category": "dog", "segmentation": [box(0, 0, 2, 1)]}
        path = write_coco_instances(
            tmp_path, {"a.jpg": (3, 4), "b.jpg": (1, 1)}, THINGS, [annotation, dict(annotation)]
        )
    content = json.loads(path.read_text())
    harmed(content, harm)
    path.write_text(json.dumps(content))
    with pytest.raises(NetdissectError, match=said) as caught:
        Coco(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ([["annotations", 0, "segments_info"]], r"annotations\[0\]: no segments_info"),
        ([["annotations", 0, "segments_info", 0, "id"]], r"annotations\[0\]: no id"),
        ([["annotations", 0, "segments_info", 0, "category_id"], 4], r"annotations\[0\]: category_id 4 is not in"),
        ([["annotations", 0, "file_name"]], r"annotations\[0\]: no file_name"),
        ([["annotations", 0, "file_name"], "../../a.png"], r"annotations\[0\]: file_name"),
        ([["annotations", 1, "image_id"], 139000], r"annotations\[1\]: image_id 139000 is annotated twice"),
    ],
    ids=str,
)
def test_panoptic_entries_that_make_no_sense(tmp_path, harm, said):
    path = write_coco_panoptic(tmp_path, {"a.jpg": [[1]], "b.jpg": [[1]]}, THINGS, {1: "dog"})
    content = json.loads(path.read_text())
    harmed(content, harm)
    path.write_text(json.dumps(content))
    with pytest.raises(NetdissectError, match=said) as caught:
        Coco(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "annotation", [{"category": "dog"}, {"category": "dog", "segmentation": "x"}, {"caption": "a dog"}]
)
def test_annotations_of_another_kind(tmp_path, annotation):
    path = write_coco_json(tmp_path, "captions_val2017", {"a.jpg": (3, 4)}, THINGS, [{"image": "a.jpg", **annotation}])
    with pytest.raises(NetdissectError, match=r"annotations\[0\]: no (segmentation|category_id)") as caught:
        Coco(path)
    assert str(path) in str(caught.value)
