"""Folders of images and masks: what class indices mean, how label maps are squashed, and what is refused."""

import struct
import zlib
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import nn

from netdissect import dissect
from netdissect.concepts import ConceptDataset, FolderDataset
from netdissect.concepts.files import read_image
from netdissect.inference.preprocess import Preprocess
from netdissect.types import BadSampleError, Concept, NetdissectError
from tests.damage import cut
from tests.opened import opened
from tests.shared import SHARED


def write_folder(root, masks, classes="index,name\n0,sky\n1,road\n2,car\n", suffix=".jpg"):
    """Writes ``masks``, label maps by stem, each with a grey image of the same size."""
    for kind in ("images", "labels"):
        (root / kind).mkdir(parents=True)
    if classes is not None:
        (root / "classes.csv").write_text(classes)
    for stem, mask in masks.items():
        mask = np.asarray(mask, dtype=np.uint8)
        Image.fromarray(mask).save(root / "labels" / f"{stem}.png")
        Image.new("RGB", mask.shape[::-1], (90, 90, 90)).save(root / "images" / f"{stem}{suffix}")
    return root


def names(data, index=0):
    """The names of the concepts at each pixel of an image, None where there is none."""
    name_of = {concept.number: concept.name for concept in data.concepts} | {0: None}
    maps = data.labels(index).maps
    assert maps.shape == (1, *data.label_shape) and maps.dtype == np.int32
    return [[name_of[number] for number in row] for row in maps[0].tolist()]


def test_index_zero_is_a_class(tmp_path):
    data = FolderDataset(write_folder(tmp_path / "f", {"a": [[0, 1], [2, 0]]}), label_shape=(2, 2))
    assert isinstance(data, ConceptDataset)
    assert names(data) == [["sky", "road"], ["car", "sky"]]
    assert all(concept.number > 0 and concept.category == "object" for concept in data.concepts)
    assert [concept.number for concept in data.concepts] == sorted(concept.number for concept in data.concepts)
    assert data.labels(0).whole == ()
    assert (data.name, len(data), data.image_name(0)) == ("f", 1, "a.jpg")


@pytest.mark.parametrize(
    "name",
    [
        "Unlabelled",
        "unlabeled",
        "void",
        "VOID",
        "ignore",
        "Don't care",
        "dont_care",
        "Unknown",
        "no label",
        "~not labeled",
    ],
)
def test_names_that_say_that_there_is_no_concept(tmp_path, name):
    classes = f'index,name\n0,"{name}"\n1,road\n2,car\n'
    data = FolderDataset(write_folder(tmp_path / "f", {"a": [[0, 1], [2, 0]]}, classes), label_shape=(2, 2))
    assert names(data) == [[None, "road"], ["car", None]]
    assert [concept.name for concept in data.concepts] == ["road", "car"]


@pytest.mark.parametrize("name", ["avoidance", "background", "unknown soldier", "voiding", "other"])
def test_names_that_only_look_like_it_are_classes(tmp_path, name):
    classes = f"index,name\n0,{name}\n1,road\n"
    data = FolderDataset(write_folder(tmp_path / "f", {"a": [[0, 1]]}, classes), label_shape=(1, 2))
    assert names(data) == [[name, "road"]]


def test_255_carries_no_concept_listed_or_not(tmp_path):
    mask = [[0, 255], [1, 255]]
    data = FolderDataset(write_folder(tmp_path / "f", {"a": mask}), label_shape=(2, 2))
    assert names(data) == [["sky", None], ["road", None]]
    listed = write_folder(tmp_path / "g", {"a": mask}, "index,name\n0,sky\n1,road\n255,border\n")
    data = FolderDataset(listed, label_shape=(2, 2))
    assert names(data) == [["sky", None], ["road", None]]
    assert [concept.name for concept in data.concepts] == ["sky", "road"]


def test_indices_to_ignore_listed_or_not(tmp_path):
    root = write_folder(tmp_path / "f", {"a": [[0, 1], [2, 77]]})
    data = FolderDataset(root, label_shape=(2, 2), ignore_index=[0, 77])
    assert names(data) == [[None, "road"], ["car", None]]
    assert [concept.name for concept in data.concepts] == ["road", "car"]
    with pytest.raises(NetdissectError, match="class 77 "):
        FolderDataset(root, label_shape=(2, 2), ignore_index=[0]).labels(0)


def test_classes_in_the_parent(tmp_path):
    (tmp_path / "city").mkdir()
    (tmp_path / "city" / "classes.csv").write_text("index,name\n0,far\n1,near\n")
    root = write_folder(tmp_path / "city" / "train", {"a": [[0, 1]]}, classes=None)
    data = FolderDataset(root, label_shape=(1, 2))
    assert names(data) == [["far", "near"]] and data.name == "city/train"
    (root / "classes.csv").write_text("index,name\n0,own\n1,near\n")
    data = FolderDataset(root, label_shape=(1, 2))
    assert names(data) == [["own", "near"]] and data.name == "train"


def test_classes_in_the_parent_of_a_relative_path(tmp_path, monkeypatch):
    (tmp_path / "classes.csv").write_text("index,name\n0,far\n1,near\n")
    root = write_folder(tmp_path / "train", {"a": [[0, 1]]}, classes=None)
    monkeypatch.chdir(root)
    assert names(FolderDataset(".", label_shape=(1, 2))) == [["far", "near"]]


def test_categories(tmp_path):
    classes = "name,index,category\nsky,0,\nwheel,1,part\nbrushed,2,finish\n"
    data = FolderDataset(write_folder(tmp_path / "f", {"a": [[0, 1, 2]]}, classes), label_shape=(1, 3))
    assert [(c.name, c.category) for c in data.concepts] == [
        ("sky", "object"),
        ("wheel", "part"),
        ("brushed", "finish"),
    ]


def test_spaces_and_a_byte_order_mark_in_the_table(tmp_path):
    classes = "\ufeffindex, name , category\r\n 0 , sky , scene \r\n1, road ,\r\n"
    data = FolderDataset(write_folder(tmp_path / "f", {"a": [[0, 1]]}, classes), label_shape=(1, 2))
    assert [(c.name, c.category) for c in data.concepts] == [("sky", "scene"), ("road", "object")]


def test_two_indices_of_one_name_are_one_concept(tmp_path):
    classes = "index,name,category\n0,tree,\n1,road,\n2,tree,\n3,tree,material\n"
    data = FolderDataset(write_folder(tmp_path / "f", {"a": [[0, 1, 2, 3]]}, classes), label_shape=(1, 4))
    assert [(c.name, c.category) for c in data.concepts] == [
        ("tree", "object"),
        ("road", "object"),
        ("tree", "material"),
    ]
    tree, road, same, other = data.labels(0).maps[0, 0].tolist()
    assert tree == same and len({tree, road, other}) == 3


def test_palette_label_map_is_read_by_index(tmp_path):
    root = write_folder(tmp_path / "f", {"a": [[0, 1], [2, 0]]})
    mask = Image.fromarray(np.array([[0, 1], [2, 0]], dtype=np.uint8), mode="L").copy()
    palette = Image.new("P", mask.size)
    palette.putpalette([200, 10, 10, 10, 200, 10, 10, 10, 200])
    palette.putdata(list(mask.tobytes()))
    palette.save(root / "labels" / "a.png")
    assert opened(root / "labels" / "a.png").mode == "P"
    assert names(FolderDataset(root, label_shape=(2, 2))) == [["sky", "road"], ["car", "sky"]]


def test_label_map_of_sixteen_bits(tmp_path):
    classes = "index,name\n0,sky\n300,road\n40000,car\n"
    root = write_folder(tmp_path / "f", {"a": [[0, 0, 0]]}, classes)
    Image.fromarray(np.array([[300, 0, 40000]], dtype=np.uint16)).save(root / "labels" / "a.png")
    data = FolderDataset(root, label_shape=(1, 3))
    assert names(data) == [["road", "sky", "car"]]
    Image.fromarray(np.array([[300, 256, 40000]], dtype=np.uint16)).save(root / "labels" / "a.png")
    with pytest.raises(NetdissectError, match="class 256 "):
        data.labels(0)


def test_label_map_of_one_bit(tmp_path):
    root = write_folder(tmp_path / "f", {"a": [[0, 0]]})
    Image.fromarray(np.array([[True, False]])).save(root / "labels" / "a.png")
    assert names(FolderDataset(root, label_shape=(1, 2))) == [["road", "sky"]]


@pytest.mark.parametrize("bits", [2, 4])
def test_label_map_of_few_grey_bits(tmp_path, bits):
    """Pillow stretches such maps over 0 to 255; class 3 must not become 255, the index that is ignored."""
    root = write_folder(tmp_path / "f", {"a": [[0, 0, 0, 0]]}, "index,name\n0,sky\n1,road\n2,car\n3,tree\n")

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    row = int("".join(f"{index:0{bits}b}" for index in (3, 1, 0, 2)), 2).to_bytes(4 * bits // 8, "big")
    header = struct.pack(">IIBBBBB", 4, 1, bits, 0, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" + row)) + chunk(b"IEND", b"")
    (root / "labels" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    assert names(FolderDataset(root, label_shape=(1, 4))) == [["tree", "road", "sky", "car"]]


@pytest.mark.parametrize("suffix", [".jpg", ".JPG", ".jpeg", ".png", ".bmp", ".tif", ".webp"])
def test_suffixes_of_images(tmp_path, suffix):
    data = FolderDataset(write_folder(tmp_path / "f", {"a.b": [[0, 1]]}, suffix=suffix), label_shape=(1, 2))
    assert data.image_name(0) == f"a.b{suffix}"
    assert data.image(0).size == (2, 1) and data.image(0).mode == "RGB"


def test_images_of_any_mode_become_rgb(tmp_path):
    root = write_folder(tmp_path / "f", {"a": [[0, 1]]}, suffix=".png")
    for mode in ("1", "L", "P", "LA", "RGBA"):
        Image.new(mode, (2, 1)).save(root / "images" / "a.png")
        assert FolderDataset(root).image(0).mode == "RGB"


def test_other_files_do_not_matter_and_images_are_in_order_of_their_names(tmp_path):
    root = write_folder(tmp_path / "f", {"b": [[0]], "a": [[1]], "c": [[2]]})
    (root / "images" / "Thumbs.db").write_text("")
    (root / "images" / "._a.jpg").write_text("")
    (root / "labels" / "readme.txt").write_text("")
    data = FolderDataset(root, label_shape=(1, 1))
    assert [data.image_name(index) for index in range(len(data))] == ["a.jpg", "b.jpg", "c.jpg"]
    assert [names(data, index) for index in range(3)] == [[["road"]], [["sky"]], [["car"]]]


# Squashing.


@pytest.mark.parametrize("size", [(48, 64), (64, 48), (90, 120), (33, 47), (16, 16), (8, 30), (300, 20)])
@pytest.mark.parametrize("label_shape", [(16, 16), (12, 20), (28, 28)])
def test_label_and_image_stay_on_each_other(tmp_path, size, label_shape):
    """A dark mark on a white image: where the squashed image is dark, the squashed label map says so."""
    height, width = size
    top, bottom, left, right = height // 4, height // 4 + height // 2, width // 8, width // 8 + width // 4
    mask = np.zeros(size, dtype=np.uint8)
    mask[top:bottom, left:right] = 2
    root = write_folder(tmp_path / "f", {"a": mask}, suffix=".png")
    Image.fromarray(np.where(mask > 0, 0, 255).astype(np.uint8)).save(root / "images" / "a.png")
    data = FolderDataset(root, label_shape=label_shape)
    marked = data.labels(0).maps[0] == 3
    # By geometry: label pixel (i, j) is marked where its centre falls on the mark.
    y = (np.arange(label_shape[0]) + 0.5) / label_shape[0] * height
    x = (np.arange(label_shape[1]) + 0.5) / label_shape[1] * width
    assert np.array_equal(marked, ((y >= top) & (y < bottom))[:, None] & ((x >= left) & (x < right))[None])
    # By looking: the network's image, dark where a label pixel is marked, but for half a pixel along the rim.
    scale = 8
    shape = (label_shape[0] * scale, label_shape[1] * scale)
    pixels = Preprocess(shape).squash(data.image(0))[:, :, 0] / 255
    dark = pixels.reshape(label_shape[0], scale, label_shape[1], scale).mean(axis=(1, 3)) < 0.5
    inside = marked.copy()
    outside = ~marked
    for grown in (inside, outside):
        before = np.pad(grown, 1, mode="edge")
        for down in range(3):
            for along in range(3):
                grown &= before[down : down + label_shape[0], along : along + label_shape[1]]
    assert dark[inside].all() and not dark[outside].any()
    assert abs(int(dark.sum()) - int(marked.sum())) <= 2 * sum(label_shape)


def test_label_map_at_its_own_size_is_left_alone(tmp_path):
    mask = np.random.default_rng(1).integers(0, 3, (13, 17))
    data = FolderDataset(write_folder(tmp_path / "f", {"a": mask}), label_shape=(13, 17))
    assert np.array_equal(data.labels(0).maps[0], mask + 1)


def test_images_of_several_sizes_and_a_label_map_of_another(tmp_path):
    root = write_folder(tmp_path / "f", {"a": np.zeros((30, 40)), "b": np.ones((50, 20)), "c": np.full((10, 10), 2)})
    Image.new("RGB", (80, 60)).save(root / "images" / "a.jpg")  # twice its label map
    data = FolderDataset(root, label_shape=(6, 8))
    assert [data.image(index).size for index in range(3)] == [(80, 60), (20, 50), (10, 10)]
    for index, name in enumerate(["sky", "road", "car"]):
        assert names(data, index) == [[name] * 8] * 6


# Bad input.


def test_image_without_label_map(tmp_path):
    root = write_folder(tmp_path / "f", {"a": [[0]], "b": [[1]], "c": [[2]]})
    (root / "labels" / "b.png").unlink()
    with pytest.raises(NetdissectError) as caught:
        FolderDataset(root)
    assert str(root) in str(caught.value)
    assert "3 images and 2 label maps" in str(caught.value) and "b.jpg" in str(caught.value)
    data = FolderDataset(root, label_shape=(1, 1), skip_bad=True)
    assert len(data) == 3 and names(data, 0) == [["sky"]] and names(data, 2) == [["car"]]
    assert data.image_name(1) == "b.jpg"
    with pytest.raises(BadSampleError, match=r"b\.jpg has no label map"):
        data.labels(1)


def test_label_map_without_image(tmp_path):
    root = write_folder(tmp_path / "f", {"a": [[0]], "b": [[1]]})
    (root / "images" / "a.jpg").unlink()
    with pytest.raises(NetdissectError, match=r"1 images and 2 label maps.*a\.png"):
        FolderDataset(root)
    data = FolderDataset(root, label_shape=(1, 1), skip_bad=True)
    for ask in (data.image, data.labels):
        with pytest.raises(BadSampleError, match=r"a\.png has no image"):
            ask(0)
    assert data.image_name(0) == "a"


def test_same_count_but_other_stems(tmp_path):
    root = write_folder(tmp_path / "f", {"a": [[0]], "b": [[1]]})
    (root / "labels" / "b.png").rename(root / "labels" / "b_mask.png")
    with pytest.raises(NetdissectError, match=r"b\.jpg"):
        FolderDataset(root)
    data = FolderDataset(root, skip_bad=True)
    assert len(data) == 3
    for index, partner in ((1, "b.jpg has no label map"), (2, "b_mask.png has no image")):
        with pytest.raises(BadSampleError, match=partner):
            data.labels(index)


@pytest.mark.parametrize("harm", ["truncated", "empty", "text"])
@pytest.mark.parametrize("file", ["images/b.jpg", "labels/b.png"])
def test_bad_file_is_named(tmp_path, file, harm):
    random = np.random.default_rng(2)
    root = write_folder(tmp_path / "f", {stem: random.integers(0, 3, (40, 60)) for stem in "abc"})
    if harm == "truncated":
        cut(root / file)
    else:
        (root / file).write_text("" if harm == "empty" else "not an image")
    data = FolderDataset(root)
    with pytest.raises(BadSampleError) as caught:
        data.image(1) if "images" in file else data.labels(1)
    assert str(root / file) in str(caught.value) and "\n" not in str(caught.value)
    for index in (0, 2):
        assert data.image(index).size == (60, 40) and data.labels(index).maps.all()


def test_a_run_stops_at_a_bad_file_or_skips_and_counts_it(tmp_path):
    random = np.random.default_rng(3)
    root = write_folder(tmp_path / "f", {stem: random.integers(0, 3, (40, 60)) for stem in "abcdef"})
    for path in sorted((root / "images").iterdir()):
        Image.fromarray(random.integers(0, 256, (40, 60, 3), dtype=np.uint8)).save(path)
    cut(root / "images" / "b.jpg")
    cut(root / "labels" / "d.png")
    (root / "labels" / "f.png").unlink()
    network = nn.Sequential(OrderedDict(maps=nn.Conv2d(3, 2, 3)))
    options = {"size": 8, "mean": 0.0, "std": 1.0, "quantile": 0.2, "progress": False}
    with pytest.raises(NetdissectError, match=r"f\.jpg"):
        dissect(network, ["maps"], root, **options)
    (root / "images" / "f.jpg").unlink()
    with pytest.raises(BadSampleError, match=r"b\.jpg|d\.png"):
        dissect(network, ["maps"], root, **options)
    (root / "images" / "f.jpg").write_bytes((root / "images" / "a.jpg").read_bytes())
    result = dissect(network, ["maps"], root, skip_bad=True, **options)
    described = result.description.data
    assert described.images == 3 and len(described.skipped) == 3
    assert ["b.jpg" in described.skipped[0], "d.png" in described.skipped[1], "f.jpg" in described.skipped[2]] == [
        True
    ] * 3
    assert any("3 of 6 images" in note and "b.jpg" in note for note in result.notes)
    whole = write_folder(tmp_path / "whole", {})
    for stem in "ace":
        (whole / "images" / f"{stem}.jpg").symlink_to(root / "images" / f"{stem}.jpg")
        (whole / "labels" / f"{stem}.png").symlink_to(root / "labels" / f"{stem}.png")
    alone = dissect(network, ["maps"], whole, **options)
    assert result["maps"].counts.intersection.any()
    assert np.array_equal(alone["maps"].counts.intersection, result["maps"].counts.intersection)
    assert np.array_equal(alone["maps"].activations.thresholds, result["maps"].activations.thresholds)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
def test_label_map_of_several_channels(tmp_path, mode):
    root = write_folder(tmp_path / "f", {"a": [[0, 1]]})
    Image.new(mode, (2, 1)).save(root / "labels" / "a.png")
    with pytest.raises(BadSampleError, match=r"labels/a\.png: .*one channel"):
        FolderDataset(root).labels(0)


@pytest.mark.parametrize("number", [3, 200, 254])
def test_class_number_that_the_table_does_not_list(tmp_path, number):
    root = write_folder(tmp_path / "f", {"a": [[0, 1]], "b": [[2, number]]})
    data = FolderDataset(root, label_shape=(1, 2))
    assert names(data) == [["sky", "road"]]
    with pytest.raises(NetdissectError) as caught:
        data.labels(1)
    assert str(root / "labels" / "b.png") in str(caught.value) and f"class {number} " in str(caught.value)
    assert str(root / "classes.csv") in str(caught.value)


def test_unlisted_class_number_is_found_though_squashing_drops_its_pixel(tmp_path):
    mask = np.zeros((40, 40), dtype=np.uint8)
    mask[0, 0] = 9
    root = write_folder(tmp_path / "f", {"a": mask})
    with pytest.raises(NetdissectError, match="class 9 "):
        FolderDataset(root, label_shape=(2, 2)).labels(0)


@pytest.mark.parametrize("size", [(40, 30), (60, 40), (1, 1), (40, 31)])
def test_image_and_label_map_of_different_proportions(tmp_path, size):
    root = write_folder(tmp_path / "f", {"a": np.zeros((30, 41))})
    Image.new("RGB", size).save(root / "images" / "a.jpg")
    with pytest.raises(NetdissectError) as caught:
        FolderDataset(root).labels(0)
    assert str(root / "labels" / "a.png") in str(caught.value)
    assert "41x30" in str(caught.value) and f"{size[0]}x{size[1]}" in str(caught.value)


def test_different_proportions_can_be_left_out(tmp_path):
    root = write_folder(tmp_path / "f", {"a": np.zeros((30, 41)), "b": np.zeros((30, 40))})
    Image.new("RGB", (30, 40)).save(root / "images" / "a.jpg")
    with pytest.raises(BadSampleError, match="do not lie on each other"):
        FolderDataset(root).labels(0)


def test_no_classes(tmp_path):
    root = write_folder(tmp_path / "up" / "f", {"a": [[0]]}, classes=None)
    with pytest.raises(NetdissectError, match=r"no classes\.csv") as caught:
        FolderDataset(root)
    assert str(root) in str(caught.value)


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        ("", "no column index, name"),
        ("index,label\n0,sky\n", "no column name"),
        ("name\nsky\n", "no column index"),
        ("0,sky\n1,road\n", "no column index, name"),
        ("index,name\n0,sky\none,road\n", "'one'"),
        ("index,name\n0.0,sky\n", "'0.0'"),
        ("index,name\n,sky\n", "''"),
        ("index,name\n-1,sky\n", "-1"),
        ("index,name\n1,sky\n1,road\n", "index 1 "),
        ("index,name\n", "no class"),
        ("index,name\n0,void\n255,sky\n", "no class"),
    ],
)
def test_classes_that_make_no_sense(tmp_path, classes, said):
    root = write_folder(tmp_path / "f", {"a": [[0]]}, classes)
    with pytest.raises(NetdissectError, match=said) as caught:
        FolderDataset(root)
    assert str(root / "classes.csv") in str(caught.value)


@pytest.mark.parametrize("file", ["images/a.png", "labels/a.PNG"])
def test_two_files_of_one_stem(tmp_path, file):
    root = write_folder(tmp_path / "f", {"a": [[0]]})
    (root / file).write_bytes((root / "labels" / "a.png").read_bytes())
    if len(list((root / file).parent.iterdir())) == 1:
        pytest.skip("this file system does not tell A from a")
    with pytest.raises(NetdissectError, match=r"have the same stem") as caught:
        FolderDataset(root)
    assert str((root / file).parent) in str(caught.value) and Path(file).name in str(caught.value)


@pytest.mark.parametrize("skip_bad", [False, True])
def test_empty_folders(tmp_path, skip_bad):
    root = write_folder(tmp_path / "f", {})
    with pytest.raises(NetdissectError, match="no images") as caught:
        FolderDataset(root, skip_bad=skip_bad)
    assert str(root) in str(caught.value)


@pytest.mark.parametrize("kind", ["images", "labels"])
def test_missing_folder(tmp_path, kind):
    root = write_folder(tmp_path / "f", {})
    (root / kind).rmdir()
    with pytest.raises(NetdissectError) as caught:
        FolderDataset(root)
    assert str(root / kind) in str(caught.value)


def test_fingerprint_notices_exchanged_files(tmp_path):
    random = np.random.default_rng(4)
    root = write_folder(tmp_path / "f", {stem: random.integers(0, 3, (20, 30)) for stem in "ab"})
    seen = [FolderDataset(root).fingerprint()]
    assert FolderDataset(root).fingerprint() == seen[0]
    Image.fromarray(np.zeros((20, 30), dtype=np.uint8)).save(root / "labels" / "a.png")
    seen.append(FolderDataset(root).fingerprint())
    Image.fromarray(random.integers(0, 256, (20, 30, 3), dtype=np.uint8)).save(root / "images" / "b.jpg")
    seen.append(FolderDataset(root).fingerprint())
    (root / "classes.csv").write_text("index,name\n0,sky\n1,car\n2,road\n")
    seen.append(FolderDataset(root).fingerprint())
    assert len(set(seen)) == 4


# Real data.


def test_camvid():
    """The shares are those of the data's own README, in percent of all pixels, and the images that show a class."""
    root = SHARED / "data" / "camvid" / "train"
    if not root.is_dir():
        pytest.skip(f"{root} is not here")
    said = {
        "Sky": (16.85, 366),
        "Building": (23.26, 365),
        "Pole": (0.98, 366),
        "Road": (31.66, 367),
        "Pavement": (4.49, 349),
        "Tree": (9.72, 319),
        "SignSymbol": (1.17, 351),
        "Fence": (1.13, 173),
        "Car": (5.87, 360),
        "Pedestrian": (0.64, 317),
        "Bicyclist": (0.29, 201),
        "Unlabelled": (3.95, 367),
    }
    data = FolderDataset(root)
    assert (len(data), data.name, data.label_shape) == (367, "camvid/train", (112, 112))
    assert data.concepts == tuple(Concept(n + 1, name, "object") for n, name in enumerate(said) if name != "Unlabelled")
    pixels, images = np.zeros(13), np.zeros(13, dtype=int)
    for index in range(len(data)):
        count = np.bincount(data.labels(index).maps.ravel(), minlength=13)
        pixels += count
        images += count > 0
    share = 100 * pixels / pixels.sum()
    for number, (name, (percent, shown)) in enumerate(said.items(), 1):
        number = 0 if name == "Unlabelled" else number
        assert share[number] == pytest.approx(percent, abs=0.05), name
        # The squash keeps one pixel in 14: the smallest patches go, none appear.
        assert 0.9 * shown <= images[number] <= shown, name
    assert data.image(0).size == (480, 360)


def test_images_deeper_than_eight_bits(tmp_path):
    values = np.array([[0, 255, 256, 65535]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "deep.png")
    assert np.asarray(read_image(tmp_path / "deep.png"))[0].tolist() == [[0] * 3, [0] * 3, [1] * 3, [255] * 3]
    Image.fromarray(values).save(tmp_path / "deep.tif")
    assert np.asarray(read_image(tmp_path / "deep.tif"))[0, :, 1].tolist() == [0, 0, 1, 255]
    for mode, dtype in (("I", np.int32), ("F", np.float32)):
        Image.fromarray(np.ones((2, 2), dtype=dtype)).save(tmp_path / "any.tif")
        with pytest.raises(BadSampleError, match=f"any.tif: the image has mode {mode}: it is not known which"):
            read_image(tmp_path / "any.tif")
