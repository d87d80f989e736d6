"""Whole builds of small sources in their true layouts, against what a person works out by hand."""

import csv
import errno
import hashlib
import json
import os
import pickle
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time
import zlib
from contextlib import contextmanager
from io import BytesIO

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from netdissect import BrodenDataset
from netdissect.broden.building.build_options import BuildOptions
from netdissect.broden.building.builder import build_broden, image_names
from netdissect.broden.building.sources import open_sources
from netdissect.broden.building.work import CHUNK
from netdissect.broden.check import check_broden
from netdissect.types import BadSampleError, NetdissectError
from tests.broden.building.other_source_files import (
    write_coco_panoptic,
    write_dtd,
    write_folder,
    write_image,
    write_imagefolder,
    write_opensurfaces,
    write_voc,
)
from tests.broden.building.source_files import write_ade20k, write_parts, write_pascal
from tests.damage import cut

EVERYTHING = {"min_images": 1, "min_coverage": 0.0}

BLUE = (0, 0, 255)


def build(out, *specs, **options):
    """A build of 8x8 images with label maps of 4x4, which keeps every concept and uses no other process."""
    how = {name: options.pop(name) for name in ("overwrite", "resume", "on_progress") if name in options}
    chosen = BuildOptions(**{"size": (8, 8), "workers": 1, **EVERYTHING, **options})
    return build_broden(open_sources([str(spec) for spec in specs]), out, chosen, **how)


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def by_image(out):
    return {row["image"]: row for row in rows(out / "index.csv")}


def numbers(out):
    return {row["name"]: int(row["number"]) for row in rows(out / "label.csv")}


def label_map(path):
    """The numbers of a label map, read by the formula of the format."""
    with Image.open(path) as image:
        assert image.mode == "RGB"
        pixels = np.asarray(image).astype(int)
    assert not pixels[:, :, 2].any()
    return (pixels[:, :, 0] + 256 * pixels[:, :, 1]).tolist()


def content(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def quadrants(a, b, c, d):
    """A map of 4x4 in which each value fills a quarter."""
    return np.array([[a, a, b, b], [a, a, b, b], [c, c, d, d], [c, c, d, d]])


# The five sources.

CLASSES = ["wall", "door, double door", "car, auto, machine", "left arm", "windowpane, window", "-"]


def write_five(root):
    """One or two images of each source, that share some names."""
    write_ade20k(
        root / "ade",
        [
            {
                "name": "ADE_train_00000001",
                "scene": "bathroom - indoor/small",
                "objects": quadrants(1, 2, 3, 0),
                "parts": [quadrants(4, 0, 0, 2), quadrants(0, 0, 2, 2)],
            },
            {"name": "ADE_val_00000002", "scene": "~not labeled", "objects": quadrants(1, 1, 6, 0)},
        ],
        CLASSES,
    )
    mask = quadrants(1, 1, 1, 1)
    arm, foot = quadrants(1, 1, 0, 0), quadrants(0, 1, 0, 0)
    write_pascal(
        root / "pascal",
        {
            "2008_000002": {
                "context": quadrants(2, 25, 431, 0),
                "objects": [("person", 15, mask, [("llarm", arm), ("lfoot", foot)]), ("bus", 6, mask, [])],
            },
            "2008_000007": {"context": quadrants(25, 25, 0, 0), "objects": []},
        },
    )
    write_opensurfaces(root / "opensurfaces", {"31": quadrants(3, 3, 1, 0), "42": quadrants(0, 0, 0, 0)}, color=BLUE)
    write_dtd(root / "dtd", {"banded/banded_0002.jpg": ["banded", "lined"], "lined/lined_0001.jpg": ["lined"]})
    return (
        f"ade20k={root / 'ade'}",
        f"pascal_context={root / 'pascal'}",
        f"pascal_part={root / 'pascal'}",
        f"opensurfaces={root / 'opensurfaces'}",
        f"dtd={root / 'dtd'}",
    )


@pytest.fixture(scope="module")
def five(tmp_path_factory):
    root = tmp_path_factory.mktemp("five")
    specs = write_five(root)
    return build(root / "broden", *specs, colors=False), root / "broden"


def test_images_of_the_five(five):
    built, out = five
    assert built.images == 8 and built.skipped == ()
    assert set(by_image(out)) == {
        "ade20k/ADE_train_00000001.jpg",
        "ade20k/ADE_val_00000002.jpg",
        "pascal/2008_000002.jpg",
        "pascal/2008_000007.jpg",
        "opensurfaces/31.jpg",
        "opensurfaces/42.jpg",
        "dtd/banded_0002.jpg",
        "dtd/lined_0001.jpg",
    }
    for row in by_image(out).values():
        assert [row[column] for column in ("ih", "iw", "sh", "sw")] == ["8", "8", "4", "4"]
        with Image.open(out / "images" / row["image"]) as image:
            assert image.format == "JPEG" and image.size == (8, 8) and image.mode == "RGB"
    with Image.open(out / "images" / "opensurfaces/31.jpg") as image:
        assert np.abs(np.asarray(image).astype(int) - BLUE).max() < 8


def test_concepts_of_the_five(five):
    """Images and whole images covered, added up by hand over the label maps above."""
    _, out = five
    found = {
        row["name"]: (row["category"], int(row["frequency"]), float(row["coverage"]), row["syns"])
        for row in rows(out / "label.csv")
    }
    assert found == {
        "wall": ("object(2)", 2, 0.75, ""),
        # A quarter as an object; as a part a quarter of one layer, and of another a half that covers this quarter.
        "door": ("object(1);part(1)", 2, 0.75, "double door"),
        "car": ("object(1)", 1, 0.25, "auto"),  # not a machine
        "arm": ("part(2)", 2, 0.5, ""),  # ADE20K's left arm, and Pascal's left lower arm less the foot over it
        "airplane": ("object(1)", 1, 0.25, ""),
        "bicycle": ("object(2)", 2, 0.75, ""),
        "foot": ("part(1)", 1, 0.25, ""),
        "fabric": ("material(1)", 1, 0.5, "cloth"),
        "brick": ("material(1)", 1, 0.25, ""),
        "bathroom-indoor-small-s": ("scene(1)", 1, 1.0, ""),
        "banded": ("texture(1)", 1, 1.0, ""),
        "lined": ("texture(2)", 2, 2.0, ""),
    }


def test_numbers_of_the_five(five):
    """By falling images, falling coverage, and name."""
    _, out = five
    two = ["lined", "bicycle", "door", "wall", "arm"]
    one = ["banded", "bathroom-indoor-small-s", "fabric", "airplane", "brick", "car", "foot"]
    assert numbers(out) == {name: place + 1 for place, name in enumerate(two + one)}


def test_index_of_the_five(five):
    _, out = five
    number = numbers(out)
    rows_of = by_image(out)
    columns = ["image", "split", "ih", "iw", "sh", "sw", "texture", "object", "part", "scene", "material"]
    assert list(rows_of["dtd/lined_0001.jpg"]) == columns  # categories by the smallest number of theirs
    fields = {image: [row[column] for column in columns[6:]] for image, row in rows_of.items()}
    ade, pascal = "ade20k/ADE_train_00000001", "pascal/2008_000002"
    assert fields == {
        f"{ade}.jpg": [
            "",
            f"{ade}_object.png",
            f"{ade}_part_1.png;{ade}_part_2.png",
            str(number["bathroom-indoor-small-s"]),
            "",
        ],
        "ade20k/ADE_val_00000002.jpg": ["", "ade20k/ADE_val_00000002_object.png", "", "", ""],
        f"{pascal}.jpg": ["", f"{pascal}_object.png", f"{pascal}_part.png", "", ""],
        "pascal/2008_000007.jpg": ["", "pascal/2008_000007_object.png", "", "", ""],
        "opensurfaces/31.jpg": ["", "", "", "", "opensurfaces/31_material.png"],
        "opensurfaces/42.jpg": ["", "", "", "", ""],
        "dtd/banded_0002.jpg": [f"{number['banded']};{number['lined']}", "", "", "", ""],
        "dtd/lined_0001.jpg": [str(number["lined"]), "", "", "", ""],
    }
    written = {path.relative_to(out / "images").as_posix() for path in (out / "images").rglob("*.png")}
    assert written == {item for row in fields.values() for field in row for item in field.split(";") if ".png" in item}


def test_label_maps_of_the_five(five):
    _, out = five
    number = {**numbers(out), "": 0}

    def expected(*names):
        return quadrants(*(number[name] for name in names)).tolist()

    ade, pascal = out / "images/ade20k", out / "images/pascal"
    assert label_map(ade / "ADE_train_00000001_object.png") == expected("wall", "door", "car", "")
    assert label_map(ade / "ADE_train_00000001_part_1.png") == expected("arm", "", "", "door")
    assert label_map(ade / "ADE_train_00000001_part_2.png") == expected("", "", "door", "door")
    assert label_map(ade / "ADE_val_00000002_object.png") == expected("wall", "wall", "", "")  # "-" is no name
    assert label_map(pascal / "2008_000002_object.png") == expected("airplane", "bicycle", "", "")  # unknown is none
    assert label_map(pascal / "2008_000002_part.png") == expected("arm", "foot", "", "")
    assert label_map(pascal / "2008_000007_object.png") == expected("bicycle", "bicycle", "", "")
    assert label_map(out / "images/opensurfaces/31_material.png") == expected("fabric", "fabric", "brick", "")


def test_tables_of_the_five(five):
    _, out = five
    assert rows(out / "category.csv") == [
        {"name": "texture", "first": "1", "last": "6", "count": "2", "frequency": "3"},
        {"name": "object", "first": "2", "last": "11", "count": "5", "frequency": "7"},
        {"name": "part", "first": "3", "last": "12", "count": "3", "frequency": "4"},
        {"name": "scene", "first": "7", "last": "7", "count": "1", "frequency": "1"},
        {"name": "material", "first": "8", "last": "10", "count": "2", "frequency": "2"},
    ]
    parts = [(row["code"], row["name"], row["frequency"], float(row["coverage"])) for row in rows(out / "c_part.csv")]
    assert parts == [("1", "arm", "2", 0.5), ("2", "door", "1", 0.5), ("3", "foot", "1", 0.25)]
    objects = {row["name"]: row for row in rows(out / "c_object.csv")}
    assert [row["code"] for row in objects.values()] == ["1", "2", "3", "4", "5"]
    assert objects["door"]["frequency"] == "1" and float(objects["door"]["coverage"]) == 0.25
    assert {row["name"]: int(row["number"]) for row in objects.values()}.items() <= numbers(out).items()


def test_who_became_whom(five):
    _, out = five
    found = {(row["source"], row["category"], row["label"]): row for row in rows(out / "merges.csv")}
    assert found["ade20k", "part", "4"]["concept"] == "arm" and found["ade20k", "part", "4"]["names"] == "left arm"
    assert "called 'arm' as well as" in found["pascal", "part", "22"]["why"]
    assert "not called 'machine'" in found["ade20k", "object", "3"]["why"]
    assert found["ade20k", "object", "6"]["why"] == "unlabelled: it has no name that means something"
    assert found["pascal", "object", "431"]["published"] == "unknown"
    assert found["ade20k", "scene", "1"]["published"] == "bathroom - indoor/small"
    assert found["pascal", "part", "22"]["published"] == "person: left lower arm, left upper arm"
    assert found["opensurfaces", "material", "3"]["published"] == "Fabric/cloth"
    assert found["ade20k", "object", "6"]["number"] == "0"
    assert [row["concept"] for row in found.values()].count("door") == 2


def test_the_reader_reads_what_was_built(five):
    _, out = five
    data = BrodenDataset(out)
    place = [row["image"] for row in rows(out / "index.csv")].index("ade20k/ADE_train_00000001.jpg")
    labels = data.labels(place)
    assert labels.maps.shape == (3, 4, 4) and labels.whole == (numbers(out)["bathroom-indoor-small-s"],)
    category = {concept.name: concept.category for concept in data.concepts}
    assert category["door"] == "part"  # its coverage is higher there
    assert category["fabric"] == "material" and category["lined"] == "texture"


# Order, split and names.


def test_order_and_split_come_from_the_names(tmp_path):
    spec = f"imagefolder={write_imagefolder(tmp_path / 'in', [f'wood/{n:03d}.jpg' for n in range(60)])}"
    build(tmp_path / "out", spec, colors=False)
    index = rows(tmp_path / "out" / "index.csv")
    places = [int(hashlib.md5(row["image"].encode()).hexdigest()[:16], 16) / 2**64 for row in index]
    assert places == sorted(places) and len(places) == 60
    assert [row["split"] for row in index] == ["train" if place <= 0.7 else "val" for place in places]
    assert {row["split"] for row in index} == {"train", "val"}


def test_repeated_file_names_get_numbers(tmp_path):
    files = ["a/1.jpg", "b/1.jpg", "b/1.PNG", "b/12.jpg", "c/1.jpg", "c/B.jpg", "d/b.jpg", "e/B.jpg"]
    root = write_imagefolder(tmp_path / "in", files)
    (source,) = open_sources([f"imagefolder={root}"])
    paths = [source.image_path(index).relative_to(root).as_posix() for index in range(len(source))]
    assert dict(zip(image_names([source]), paths, strict=True)) == {
        "imagefolder/1.jpg": "a/1.jpg",
        "imagefolder/12.jpg": "b/1.PNG",
        "imagefolder/13.jpg": "b/1.jpg",
        "imagefolder/122.jpg": "b/12.jpg",
        "imagefolder/14.jpg": "c/1.jpg",
        "imagefolder/B.jpg": "c/B.jpg",
        "imagefolder/b2.jpg": "d/b.jpg",
        "imagefolder/B3.jpg": "e/B.jpg",
    }
    built = build(tmp_path / "out", f"imagefolder={root}", colors=False)
    assert built.images == len(by_image(tmp_path / "out")) == len(files)


def test_odd_file_names(tmp_path):
    """What would separate items of a field, break a line, or is no text."""
    root = tmp_path / "in" / "wood"
    root.mkdir(parents=True)
    for name in (b"a;b.png", b"a\rb.png", b"caf\xe9.png", "\u00fcber.png".encode(), b"a_b.png"):
        Image.new("RGB", (4, 4)).save(io := BytesIO(), "PNG")
        (root / os.fsdecode(name)).write_bytes(io.getvalue())
    built = build(tmp_path / "out", f"imagefolder={tmp_path / 'in'}")
    names = {"a_b.jpg", "a_b2.jpg", "a_b3.jpg", "caf_.jpg", "\u00fcber.jpg"}
    assert set(by_image(tmp_path / "out")) == {f"imagefolder/{name}" for name in names} and built.images == 5
    assert check_broden(tmp_path / "out").problems == ()
    (root / os.fsdecode(b"caf\xe9.png")).write_bytes(b"")
    assert build(tmp_path / "out2", f"imagefolder={tmp_path / 'in'}", skip_bad=True).images == 4
    assert "caf\\udce9.png" in (tmp_path / "out2" / "skipped.csv").read_text()


# What is too rare, what is unlabelled, and what has another size.


def test_rare_labels(tmp_path):
    """A rare whole-image label is written as 0, one of pixels is 0 there; a category with no concept has no column."""
    texts = {f"banded/{n}.jpg": ["banded"] for n in range(3)} | {"lined/9.jpg": ["lined", "banded"]}
    write_dtd(tmp_path / "dtd", texts)
    write_folder(
        tmp_path / "own",
        {f"{n}": quadrants(0, 0, 1, 2) if n else quadrants(1, 0, 2, 2) for n in range(3)},
        "index,name,category\n0,sky,object\n1,road,material\n2,car,object\n",
    )
    built = build(
        tmp_path / "out",
        f"dtd={tmp_path / 'dtd'}",
        f"folder={tmp_path / 'own'}",
        colors=False,
        min_images=2,
        min_coverage=1.0,
    )
    assert list(numbers(tmp_path / "out").items()) == [("banded", 1), ("sky", 2), ("car", 3)]
    fields = by_image(tmp_path / "out")
    assert fields["dtd/9.jpg"]["texture"] == "0;1"
    assert "material" not in fields["dtd/9.jpg"]
    assert not (tmp_path / "out" / "c_material.csv").exists()
    assert sorted(path.name for path in (tmp_path / "out/images/folder").glob("*.png")) == [
        f"{n}_object.png" for n in range(3)
    ]
    assert label_map(tmp_path / "out/images/folder/1_object.png") == quadrants(2, 2, 0, 3).tolist()
    why = {d.label.names[0]: d.why for d in built.merge.decisions}
    assert why["lined"].endswith("too rare: 1 images, coverage 1")
    assert why["road"].endswith("too rare: 3 images, coverage 0.75")


def test_images_are_squashed_and_labels_sampled_at_their_own_resolution(tmp_path):
    """A wide image becomes square; a label counts at native resolution though no sampled pixel shows it."""
    mask = np.zeros((6, 12), dtype=int)
    mask[:, 6:] = 1
    mask[0, 0] = 2  # label pixels of 3x3 look at rows 1, 3, 5 and columns 2, 6, 10
    write_folder(tmp_path / "own", {"a": mask})
    build(tmp_path / "out", f"folder={tmp_path / 'own'}", size=(6, 7), colors=False)
    row = by_image(tmp_path / "out")["folder/a.jpg"]
    assert [row[column] for column in ("ih", "iw", "sh", "sw")] == ["6", "7", "3", "3"]
    number = numbers(tmp_path / "out")
    assert (
        label_map(tmp_path / "out/images/folder/a_object.png") == [[number["sky"], number["road"], number["road"]]] * 3
    )
    coverage = {row["name"]: float(row["coverage"]) for row in rows(tmp_path / "out" / "label.csv")}
    assert coverage == {"road": 0.5, "sky": round(35 / 72, 6), "car": round(1 / 72, 6)}


def test_label_maps_of_another_size_than_the_image(tmp_path):
    """OpenSurfaces draws labels at a size of their own: they are squashed like the photograph."""
    write_opensurfaces(tmp_path / "os", {"7": np.repeat(np.repeat(quadrants(1, 2, 3, 4), 5, axis=0), 5, axis=1)})
    build(tmp_path / "out", f"opensurfaces={tmp_path / 'os'}", colors=False)
    number = numbers(tmp_path / "out")
    expected = quadrants(*(number[name] for name in ("brick", "carpet", "fabric", "plastic-clear")))
    assert label_map(tmp_path / "out/images/opensurfaces/7_material.png") == expected.tolist()


# Colors.


def half_and_half(path, left, right, size=(16, 16)):
    image = Image.new("RGB", size, left)
    image.paste(right, (size[0] // 2, 0, *size))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


@pytest.mark.parametrize("workers", [1, 2])
def test_colors_of_a_given_table(tmp_path, workers):
    """A table that calls dark reds yellow (10), everything else pink (6); label ids count from 1."""
    table = np.full((32, 32, 32), 6, dtype=np.uint8)
    table[8:24, 0, 0] = 10
    np.save(tmp_path / "table.npy", table)
    half_and_half(tmp_path / "in" / "wood" / "a.png", (130, 2, 3), (130, 90, 3))
    out = tmp_path / "out"
    build(out, f"imagefolder={tmp_path / 'in'}:texture", color_table=tmp_path / "table.npy", workers=workers)
    assert set(numbers(out)) == {"pink-c", "yellow-c", "wood"}
    number = numbers(out)
    expected = [[number["yellow-c"]] * 2 + [number["pink-c"]] * 2] * 4
    assert by_image(out)["imagefolder/a.jpg"]["color"] == "imagefolder/a_color.png"
    assert label_map(out / "images/imagefolder/a_color.png") == expected
    assert {row["name"]: float(row["coverage"]) for row in rows(out / "c_color.csv")} == {
        "pink-c": 0.5,
        "yellow-c": 0.5,
    }


def test_our_own_colors(tmp_path):
    half_and_half(tmp_path / "in" / "wood" / "a.png", (250, 250, 250), (20, 60, 230))
    build(tmp_path / "out", f"imagefolder={tmp_path / 'in'}:texture")
    assert set(numbers(tmp_path / "out")) == {"white-c", "blue-c", "wood"}


def test_a_source_with_colors_of_its_own(tmp_path):
    spec = f"folder={write_folder(tmp_path / 'own', {'a': quadrants(0, 1, 2, 2)})}:color"
    with pytest.raises(NetdissectError, match="folder: has colors of its own; --no-colors names none beside them"):
        build(tmp_path / "out", spec)
    build(tmp_path / "out", spec, colors=False, overwrite=True)
    assert set(numbers(tmp_path / "out")) == {"sky-c", "road-c", "car-c"}


# One's own data.


def test_several_sources_of_ones_own(tmp_path):
    """Two folders of masks share their classes; VOC and COCO panoptic add theirs to the same concepts."""
    write_folder(tmp_path / "one", {"x": quadrants(0, 1, 1, 1)})
    write_folder(tmp_path / "two", {"x": quadrants(2, 2, 2, 0)})
    write_voc(tmp_path / "voc", {"2007_000032": quadrants(7, 0, 255, 1)})  # car, aeroplane
    coco = write_coco_panoptic(
        tmp_path / "coco",
        {"000139.jpg": quadrants(0, 300, 70000, 70000)},
        {3: "car", 187: "sky-other"},
        {300: "car", 70000: "sky-other"},
    )
    out = tmp_path / "out"
    specs = (f"folder={tmp_path / 'one'}", f"folder={tmp_path / 'two'}", f"voc={tmp_path / 'voc'}", f"coco={coco}")
    build(out, *specs, colors=False)
    frequency = {row["name"]: int(row["frequency"]) for row in rows(out / "label.csv")}
    assert frequency == {"car": 3, "sky": 2, "road": 1, "airplane": 1, "sky-other": 1}
    number = numbers(out)
    assert label_map(out / "images/folder2/x_object.png") == quadrants(*[number["car"]] * 3, number["sky"]).tolist()
    assert (
        label_map(out / "images/voc/2007_000032_object.png")
        == quadrants(number["car"], 0, 0, number["airplane"]).tolist()
    )
    assert (
        label_map(out / "images/coco/000139_object.png")
        == quadrants(0, number["car"], *[number["sky-other"]] * 2).tolist()
    )


# The same input gives the same bytes.


def write_many(root, count=5 * CHUNK + 3):
    """Images of several textures: enough for several processes."""
    random = np.random.default_rng(4)
    for n in range(count):
        path = root / f"texture {n % 4}" / f"{n:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (9, 12, 3), dtype=np.uint8)).save(path)
    return f"imagefolder={root}:texture"


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Many images, and the files of a Broden that one process has built of them."""
    root = tmp_path_factory.mktemp("many")
    spec = write_many(root / "in")
    build(root / "out", spec)
    return spec, content(root / "out")


def test_the_same_bytes_by_any_number_of_processes_and_from_anywhere(tmp_path, many):
    here, built = many
    elsewhere = write_many(tmp_path / "else" / "where")
    build(tmp_path / "two", here, workers=2)
    build(tmp_path / "three", elsewhere)
    assert built == content(tmp_path / "two") == content(tmp_path / "three")
    assert len(BrodenDataset(tmp_path / "two")) == 5 * CHUNK + 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["else", "three", "two"]


def test_progress_is_told(tmp_path):
    told = []
    build(tmp_path / "out", write_many(tmp_path / "in", 2 * CHUNK + 1), on_progress=lambda *step: told.append(step))
    total = 2 * CHUNK + 1
    steps = [0, CHUNK, 2 * CHUNK, total]
    assert told == [("images", done, total) for done in steps] + [("label maps", done, total) for done in steps[1:]]


# Stopped, and gone on with.

SCRIPT = """
import sys
from pathlib import Path
from netdissect.broden.building.build_options import BuildOptions
from netdissect.broden.building.builder import build_broden
from netdissect.broden.building.sources import open_sources

if __name__ == "__main__":
    def told(doing, done, total):
        print(doing, done, flush=True)
    build_broden(
        open_sources([sys.argv[1]]), Path(sys.argv[2]),
        BuildOptions(size=(8, 8), min_images=1, min_coverage=0.0, workers=int(sys.argv[3])),
        resume=True, on_progress=told,
    )
"""


KILL_WORKERS = """
        for process in __import__("multiprocessing").active_children():
            process.kill()
"""


def processes_of(group):
    """Whether any process of the group is alive."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    ("workers", "moment"), [(2, f"images {CHUNK}"), (1, f"images {3 * CHUNK}"), (1, "label maps 32")]
)
def test_a_killed_build_is_resumed(tmp_path, many, workers, moment):
    spec, undisturbed = many
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), spec, str(tmp_path / "out"), str(workers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        while process.stdout.readline().strip() != moment:
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        for _ in range(200):  # those who worked for it end by themselves
            if not processes_of(process.pid):
                break
            time.sleep(0.05)
        assert not processes_of(process.pid)
    assert not (tmp_path / "out").exists()
    with pytest.raises(NetdissectError, match="unfinished work is there: --resume goes on with it"):
        build(tmp_path / "out", spec)
    done = []
    build(tmp_path / "out", spec, resume=True, on_progress=lambda *step: done.append(step))
    assert done[0][1] >= CHUNK  # what was finished is not done again
    assert content(tmp_path / "out") == undisturbed
    assert not list(tmp_path.glob("*.unfinished"))


def stopped(tmp_path, *specs, **options):
    """Leaves an unfinished build: its last image cannot be read."""
    with pytest.raises(BadSampleError):
        build(tmp_path / "out", *specs, **options)
    assert (tmp_path / "out.unfinished").exists() and not (tmp_path / "out").exists()


@pytest.fixture
def with_a_bad_image(tmp_path):
    spec = write_many(tmp_path / "in", CHUNK + 4)
    bad = tmp_path / "in" / "texture 3" / "035.png"
    cut(bad)
    return spec, bad


def test_a_bad_image_ends_the_build_with_its_name(tmp_path, with_a_bad_image):
    spec, bad = with_a_bad_image
    with pytest.raises(BadSampleError) as caught:
        build(tmp_path / "out", spec)
    assert str(bad) in str(caught.value) and "--skip-bad" in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_bad_images_are_left_out_and_listed(tmp_path, with_a_bad_image):
    spec, bad = with_a_bad_image
    built = build(tmp_path / "out", spec, skip_bad=True)
    assert built.images == CHUNK + 3 == len(by_image(tmp_path / "out"))
    ((name, why),) = built.skipped
    assert name == "imagefolder/035.jpg" and str(bad) in why
    assert rows(tmp_path / "out" / "skipped.csv") == [{"image": name, "why": why}]
    assert name not in by_image(tmp_path / "out") and not list((tmp_path / "out").rglob("035*"))
    frequency = {row["name"]: row["frequency"] for row in rows(tmp_path / "out" / "c_texture.csv")}
    assert frequency["texture 3"] == "8"


def test_a_build_stopped_by_a_bad_image_goes_on(tmp_path, with_a_bad_image):
    spec, _ = with_a_bad_image
    stopped(tmp_path, spec)
    build(tmp_path / "out", spec, resume=True, skip_bad=True)
    build(tmp_path / "other", spec, skip_bad=True)
    assert content(tmp_path / "out") == content(tmp_path / "other")


def test_what_was_left_out_is_read_again(tmp_path):
    """It may have been repaired meanwhile; and without --skip-bad it is an error again."""
    spec = write_many(tmp_path / "in", 4)
    bad = tmp_path / "in" / "texture 3" / "003.png"
    good = bad.read_bytes()
    cut(bad)
    with pytest.raises(NetdissectError, match="no concept has 10 images"):
        build(tmp_path / "out", spec, skip_bad=True, min_images=10)
    with pytest.raises(BadSampleError, match=r"003\.png"):
        build(tmp_path / "out", spec, resume=True)
    bad.write_bytes(good)
    assert build(tmp_path / "out", spec, resume=True).images == 4


def test_files_that_changed_are_read_again(tmp_path, with_a_bad_image):
    """An image and a label map of chunks that were finished; the rest is not read again."""
    spec, bad = with_a_bad_image
    write_folder(tmp_path / "own", {f"{n:03d}": quadrants(0, 1, 2, 2) for n in range(CHUNK)})
    specs = (f"folder={tmp_path / 'own'}", spec)
    stopped(tmp_path, *specs)
    shutil.copy(tmp_path / "in" / "texture 0" / "000.png", bad)
    redrawn = tmp_path / "own" / "labels" / "001.png"
    Image.fromarray(quadrants(1, 1, 1, 1).astype(np.uint8)).save(redrawn)
    os.utime(redrawn, ns=(1, 1))
    build(tmp_path / "out", *specs, resume=True)
    build(tmp_path / "other", *specs)
    assert content(tmp_path / "out") == content(tmp_path / "other")


def test_no_image_can_be_read(tmp_path):
    spec = f"imagefolder={write_imagefolder(tmp_path / 'in', ['a/1.jpg', 'a/2.jpg'])}"
    for path in (tmp_path / "in" / "a").iterdir():
        path.write_bytes(b"")
    with pytest.raises(NetdissectError, match=r"no image can be read; the first: .*1\.jpg"):
        build(tmp_path / "out", spec, skip_bad=True)
    assert not (tmp_path / "out").exists()


def test_an_image_that_was_good_before_leaves_nothing(tmp_path, with_a_bad_image):
    spec, _ = with_a_bad_image
    stopped(tmp_path, spec)
    cut(tmp_path / "in" / "texture 0" / "000.png")
    built = build(tmp_path / "out", spec, resume=True, skip_bad=True)
    assert built.images == CHUNK + 2 and not list((tmp_path / "out").rglob("000*"))


def test_another_build_is_not_gone_on_with(tmp_path, with_a_bad_image):
    spec, bad = with_a_bad_image
    stopped(tmp_path, spec)
    others = [(spec, {"size": (10, 8)}), (spec, {"colors": False}), (spec.replace(":texture", ":scene"), {})]
    for other, options in others:
        with pytest.raises(NetdissectError, match="of other sources, another size or colors; --overwrite begins anew"):
            build(tmp_path / "out", other, resume=True, **options)
    (tmp_path / "in" / "texture 0" / "new.png").write_bytes(bad.read_bytes())
    with pytest.raises(NetdissectError, match="is of other sources"):
        build(tmp_path / "out", spec, resume=True)
    bad.unlink()
    (tmp_path / "in" / "texture 0" / "new.png").unlink()
    assert build(tmp_path / "out", spec, overwrite=True).images == CHUNK + 3


@pytest.mark.parametrize("change", ["kinds", "table"])
def test_other_labels_of_the_same_images_are_not_gone_on_with(tmp_path, change):
    *specs, last = write_five(tmp_path)
    cut(tmp_path / "dtd/images/lined/lined_0001.jpg")
    with pytest.raises(BadSampleError):
        build(tmp_path / "out", *specs, last)
    if change == "kinds":
        specs = [spec for spec in specs if not spec.startswith("pascal_part")]
    else:
        table = tmp_path / "pascal" / "context" / "labels.txt"
        table.write_text(table.read_text().replace("bicycle", "tricycle"))
    with pytest.raises(NetdissectError, match="is of other sources"):
        build(tmp_path / "out", *specs, last, resume=True)


def test_sources_pickle_alike_in_every_process(tmp_path):
    """Which tells whether a build is of the same sources."""
    write_voc(tmp_path / "voc", {"1": quadrants(7, 0, 255, 1)})
    coco = write_coco_panoptic(tmp_path / "coco", {"1.jpg": quadrants(0, 5, 5, 5)}, {3: "car"}, {5: "car"})
    write_folder(tmp_path / "own", {"1": quadrants(0, 1, 2, 2)})
    own = [f"voc={tmp_path / 'voc'}", f"coco={coco}", f"folder={tmp_path / 'own'}", write_many(tmp_path / "in", 3)]
    code = """
import hashlib, pickle, sys
from netdissect.broden.building.sources import open_sources
print([hashlib.sha256(pickle.dumps(source, protocol=4)).hexdigest() for source in open_sources(sys.argv[1:])])
"""
    specs = [*write_five(tmp_path), *own]
    there = subprocess.run([sys.executable, "-c", code, *specs], check=True, capture_output=True, text=True).stdout
    here = [hashlib.sha256(pickle.dumps(source, protocol=4)).hexdigest() for source in open_sources(specs)]
    assert there == f"{here}\n"


def test_rareness_can_be_chosen_after_the_images_were_read(tmp_path):
    spec = write_many(tmp_path / "in", 12)
    with pytest.raises(NetdissectError, match="no concept has 100 images"):
        build(tmp_path / "out", spec, min_images=100)
    done = []
    build(tmp_path / "out", spec, resume=True, on_progress=lambda *step: done.append(step))
    assert done[0] == ("images", 12, 12)


def test_a_dataset_is_replaced_only_when_asked(tmp_path):
    spec = write_many(tmp_path / "in", 4)
    build(tmp_path / "out", spec)
    before = content(tmp_path / "out")
    with pytest.raises(NetdissectError, match=r"exists already \(--overwrite replaces a Broden directory\)"):
        build(tmp_path / "out", spec, size=(16, 16))
    assert content(tmp_path / "out") == before
    build(tmp_path / "out", spec, size=(16, 16), overwrite=True)
    assert BrodenDataset(tmp_path / "out").label_shape == (8, 8)
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.tex").write_text("!")
    with pytest.raises(NetdissectError, match="is not a Broden directory, and is not overwritten"):
        build(tmp_path / "precious", spec, overwrite=True)
    assert (tmp_path / "precious" / "thesis.tex").read_text() == "!"


def test_resuming_a_build_that_replaces_needs_no_second_consent(tmp_path, with_a_bad_image):
    spec, _ = with_a_bad_image
    build(tmp_path / "out", spec, skip_bad=True)
    with pytest.raises(BadSampleError):
        build(tmp_path / "out", spec, size=(16, 16), overwrite=True)
    build(tmp_path / "out", spec, size=(16, 16), resume=True, skip_bad=True)
    assert BrodenDataset(tmp_path / "out").label_shape == (8, 8)


def test_what_appears_meanwhile_is_not_replaced(tmp_path):
    def appear(doing, done, total):
        if doing == "label maps":
            (tmp_path / "out").mkdir(exist_ok=True)
            (tmp_path / "out" / "thesis.tex").write_text("!")

    with pytest.raises(NetdissectError, match="exists already"):
        build(tmp_path / "out", write_many(tmp_path / "in", 3), on_progress=appear)
    assert (tmp_path / "out" / "thesis.tex").read_text() == "!"


def test_a_source_is_never_replaced(tmp_path):
    """Though its folder looks like a Broden directory."""
    write_folder(tmp_path / "own", {"a": quadrants(0, 1, 2, 2)})
    for table in ("index.csv", "label.csv", "category.csv"):
        (tmp_path / "own" / table).write_text("")
    for out in (tmp_path / "own", tmp_path / "own" / "images"):
        with pytest.raises(NetdissectError, match=r"holds images of the source folder|is not a Broden"):
            build(out, f"folder={tmp_path / 'own'}", overwrite=True)
    assert (tmp_path / "own" / "images" / "a.jpg").is_file()


def test_a_directory_with_an_index_is_not_yet_a_broden(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "index.csv").write_text("mine")
    with pytest.raises(NetdissectError, match="is not a Broden directory, and is not overwritten"):
        build(tmp_path / "out", write_many(tmp_path / "in", 3), overwrite=True)


def test_a_worker_that_dies_is_told(tmp_path):
    """Killed by the system for want of memory, say."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.replace("print(doing, done, flush=True)", KILL_WORKERS))
    spec = write_many(tmp_path / "in")
    command = [sys.executable, str(script), spec, str(tmp_path / "out"), "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and "NetdissectError: a worker process died, at imagefolder/" in done.stderr
    assert not (tmp_path / "out").exists()
    build(tmp_path / "out", spec, resume=True)


def test_images_are_resampled_smoothly(tmp_path):
    """Averaged, not picked, and hardly changed by compression."""
    pattern = np.zeros((64, 64, 3), dtype=np.uint8)
    pattern[:, ::2] = 200
    (tmp_path / "in" / "wood").mkdir(parents=True)
    Image.fromarray(pattern).save(tmp_path / "in" / "wood" / "a.png")
    build(tmp_path / "out", f"imagefolder={tmp_path / 'in'}", size=(16, 16))
    with Image.open(tmp_path / "out/images/imagefolder/a.jpg") as image:
        assert np.abs(np.asarray(image).astype(int)[:, 1:-1] - 100).max() <= 6


def test_what_fails_while_replacing_leaves_the_old_dataset(tmp_path, with_a_bad_image):
    spec, _ = with_a_bad_image
    build(tmp_path / "out", spec, skip_bad=True)
    before = content(tmp_path / "out")
    with pytest.raises(BadSampleError):
        build(tmp_path / "out", spec, overwrite=True)
    assert content(tmp_path / "out") == before


def test_two_builds_into_one_place(tmp_path):
    spec = write_many(tmp_path / "in", 4)
    (tmp_path / "out.unfinished").mkdir()
    with (
        FileLock(tmp_path / "out.unfinished" / "plan.lock"),
        pytest.raises(NetdissectError, match="another process works in it"),
    ):
        build(tmp_path / "out", spec)


# Bad input: one line that names the file, and never half a dataset.


@contextmanager
def refused(tmp_path, *said):
    with pytest.raises(NetdissectError) as caught:
        yield
    message = str(caught.value)
    assert "\n" not in message
    for part in said:
        assert str(part) in message
    assert not (tmp_path / "out").exists()


def bad_pascal_part(root):
    path = root / "pascal/part/Annotations_Part/2008_000002.mat"
    write_parts(path, [("person", 15, quadrants(1, 1, 1, 1), [("wing", quadrants(1, 0, 0, 0))])])
    return path, "wing"


def truncated(*places):
    def spoil(root):
        path = root.joinpath(*places)
        cut(path)
        return path, ""

    return spoil


def removed(*places):
    def spoil(root):
        path = root.joinpath(*places)
        path.unlink()
        return path, ""

    return spoil


def grey_png(*places):
    def spoil(root):
        path = root.joinpath(*places)
        Image.new("L", (4, 4)).save(path)
        return path, "mode L"

    return spoil


def deep_png(*places):
    """RGB with 16 bits a channel, of which Pillow would give the upper half."""

    def spoil(root):
        path = root.joinpath(*places)
        rows = b"".join(b"\0" + bytes([0, 3, 0, 0, 0, 0]) * 4 for _ in range(4))
        parts = [
            (b"IHDR", struct.pack(">IIBBBBB", 4, 4, 16, 2, 0, 0, 0)),
            (b"IDAT", zlib.compress(rows)),
            (b"IEND", b""),
        ]
        content = b"".join(
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in parts
        )
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)
        return path, "16 bits a channel"

    return spoil


def wide(*places):
    def spoil(root):
        path = root.joinpath(*places)
        write_image(path, (12, 4))
        return path, "they do not lie on each other"

    return spoil


SPOILS = {
    "truncated context": truncated("pascal", "context", "trainval", "2008_000002.mat"),
    "truncated parts": truncated("pascal", "part", "Annotations_Part", "2008_000002.mat"),
    "missing context": removed("pascal", "context", "trainval", "2008_000007.mat"),
    "missing image": removed("pascal", "VOC2010", "JPEGImages", "2008_000007.jpg"),
    "unknown part": bad_pascal_part,
    "missing photo": removed("opensurfaces", "photos", "31.jpg"),
    "missing labels": removed("opensurfaces", "photos-labels", "31.png"),
    "grey labels": grey_png("opensurfaces", "photos-labels", "31.png"),
    "deep labels": deep_png("opensurfaces", "photos-labels", "31.png"),
    "wide photo": wide("opensurfaces", "photos", "31.jpg"),
    "missing texture": removed("dtd", "images", "banded", "banded_0002.jpg"),
}


@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS)
def test_bad_samples_of_the_five(tmp_path, spoil):
    specs = write_five(tmp_path)
    path, said = spoil(tmp_path)
    with refused(tmp_path, path, said):
        build(tmp_path / "out", *specs, colors=False)
    built = build(tmp_path / "out", *specs, colors=False, overwrite=True, skip_bad=True)
    assert built.images == 7 and len(built.skipped) == 1
    assert str(path) in built.skipped[0][1]


@pytest.mark.parametrize("places", [("ade", "ADE20K_2016_07_26", "index_ade20k.mat"), ("pascal", "part", "part2ind.m")])
def test_tables_that_cannot_be_read(tmp_path, places):
    specs = write_five(tmp_path)
    tmp_path.joinpath(*places).write_bytes(b"\xff\x00 nothing")
    with refused(tmp_path, tmp_path.joinpath(*places)):
        build(tmp_path / "out", *specs, skip_bad=True)
    assert not (tmp_path / "out.unfinished").exists()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_bad_image_seen_by_another_process(tmp_path, workers):
    spec = write_many(tmp_path / "in")
    bad = tmp_path / "in" / "texture 0" / "004.png"
    bad.write_bytes(b"no image")
    with refused(tmp_path, bad, "--skip-bad"):
        build(tmp_path / "out", spec, workers=workers)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk(tmp_path, workers):
    """Files may not grow beyond some bytes, which is as if the disk were full."""
    spec = write_many(tmp_path / "in")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with refused(tmp_path, "out.unfinished", "cannot be written", os.strerror(errno.EFBIG)):
            build(tmp_path / "out", spec, workers=workers)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert build(tmp_path / "out", spec, resume=(tmp_path / "out.unfinished").exists()).images == 5 * CHUNK + 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"size": (1, 224)}, "images of 1x224 pixels"),
        ({"min_images": 0}, "at least 1 image"),
        ({"min_coverage": float("nan")}, "a coverage of at least 0"),
        ({"workers": 0}, "0 workers"),
    ],
)
def test_options_that_make_no_sense(tmp_path, options, said):
    with refused(tmp_path, said):
        build(tmp_path / "out", write_many(tmp_path / "in", 1), **options)


def test_a_damaged_chunk_is_done_again(tmp_path, with_a_bad_image):
    spec, _ = with_a_bad_image
    stopped(tmp_path, spec)
    cut(tmp_path / "out.unfinished" / "chunks" / "000000.npz", 0.9)
    build(tmp_path / "out", spec, resume=True, skip_bad=True)
    build(tmp_path / "other", spec, skip_bad=True)
    assert content(tmp_path / "out") == content(tmp_path / "other")


def test_nothing_is_left_of_a_merge_that_was_given_up(tmp_path):
    """Stopped while label maps are written; then, with fewer concepts, a category falls away."""
    classes = "index,name,category\n0,sky,object\n1,road,material\n"
    masks = {f"{n}": quadrants(0, 0, 0, 1 if n == 1 else 0) for n in range(3)}
    spec = f"folder={write_folder(tmp_path / 'own', masks, classes)}"

    def stop(doing, done, total):
        if doing == "label maps":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "out", spec, on_progress=stop)
    assert list(tmp_path.glob("out.unfinished/new/images/folder/1_material.png"))
    build(tmp_path / "out", spec, resume=True, min_images=2)
    build(tmp_path / "other", spec, min_images=2)
    assert content(tmp_path / "out") == content(tmp_path / "other")


def test_what_is_being_thrown_away_is_not_gone_on_with(tmp_path, with_a_bad_image, monkeypatch):
    """Killed while an unfinished build is removed, whatever goes first."""
    spec, _ = with_a_bad_image
    stopped(tmp_path, spec)

    def killed(path, ignore_errors=False):
        if path.name == "new":
            (path / "images" / "imagefolder" / "000.jpg").unlink()
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "out", spec, overwrite=True, skip_bad=True)
    monkeypatch.undo()
    build(tmp_path / "out", spec, resume=True, skip_bad=True)
    build(tmp_path / "other", spec, skip_bad=True)
    assert content(tmp_path / "out") == content(tmp_path / "other")


def test_unfinished_work_of_another_kind_is_left_alone(tmp_path):
    spec = write_many(tmp_path / "in", 1)
    (tmp_path / "out.unfinished").mkdir()
    (tmp_path / "out.unfinished" / "state.lock").touch()
    with pytest.raises(NetdissectError, match="holds something else"):
        build(tmp_path / "out", spec, overwrite=True)
    assert (tmp_path / "out.unfinished" / "state.lock").exists()


def test_the_plan_is_plain(tmp_path, with_a_bad_image):
    spec, _ = with_a_bad_image
    stopped(tmp_path, spec)
    plan = json.loads((tmp_path / "out.unfinished" / "plan.json").read_text())
    assert plan["size"] == [8, 8]
    assert [(source["name"], source["images"]) for source in plan["sources"]] == [("imagefolder", CHUNK + 4)]


def test_a_place_that_cannot_be_written(tmp_path):
    spec = write_many(tmp_path / "in", 1)
    (tmp_path / "file").write_text("")
    with pytest.raises(NetdissectError, match="cannot be written"):
        build(tmp_path / "file" / "out", spec)
