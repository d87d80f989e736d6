"""Reading the published layout of Broden: everything it may hold, and everything that may be wrong with it."""

import csv
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from netdissect.concepts import BrodenDataset, ConceptDataset
from netdissect.types import BadSampleError, Concept, NetdissectError
from tests.broden.broden_files import label_colors, write_broden, write_table
from tests.damage import cut
from tests.opened import opened
from tests.shared import SHARED

CONCEPTS = (
    Concept(1, "sky", "object"),
    Concept(2, "tree", "object", ("plant", "flora")),
    Concept(255, "leg", "part"),
    Concept(256, "arm", "part"),
    Concept(300, "street-s", "scene"),
    Concept(511, "striped", "texture"),
    Concept(512, "red-c", "color"),
    Concept(1197, "wood", "material"),
)


def replace(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@st.composite
def directories(draw):
    """Concepts with gaps in their numbers, and images with any mixture of label maps and whole-image numbers."""
    shape = (draw(st.integers(1, 9)), draw(st.integers(1, 9)))
    known = ["part", "scene", "mood", "brand", "object", "color"]
    categories = draw(st.lists(st.sampled_from(known), min_size=1, unique=True))
    numbers = sorted(draw(st.sets(st.integers(1, 2000), min_size=1, max_size=12)))
    category_of = {number: draw(st.sampled_from(categories)) for number in numbers}
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    images = []
    for _ in range(draw(st.integers(1, 4))):
        images.append({})
        for category in categories:
            kinds = random.integers(0, 2, random.choice([0, 0, 1, 1, 2, 4]))
            images[-1][category] = [
                random.choice([0, *numbers], shape) if kind else int(random.choice([0, *numbers])) for kind in kinds
            ]
    return shape, categories, category_of, images


@settings(max_examples=60, deadline=None)
@given(directories())
def test_everything_written_is_read_back(case):
    shape, categories, category_of, images = case
    concepts = [Concept(number, f"concept {number}", category) for number, category in category_of.items()]
    with tempfile.TemporaryDirectory() as folder:
        root = write_broden(Path(folder) / "broden", images, concepts, label_shape=shape, categories=categories)
        data = BrodenDataset(root)
        assert isinstance(data, ConceptDataset)
        assert (data.name, len(data), data.label_shape) == ("broden", len(images), shape)
        assert data.categories == tuple(categories)
        assert data.concepts == tuple(concepts)
        for index, items_of in enumerate(images):
            assert data.image_name(index) == f"source/{index}.png"
            image, labels = data.image(index), data.labels(index)
            assert image.mode == "RGB" and image.size == (12, 8) and image.getpixel((5, 5)) == (10 * index, 0, 0)
            items = [item for category in categories for item in items_of[category]]
            maps = [item for item in items if isinstance(item, np.ndarray)]
            assert labels.maps.dtype == np.int32 and labels.maps.shape == (len(maps), *shape)
            assert all(np.array_equal(read, written) for read, written in zip(labels.maps, maps, strict=True))
            whole = [item for item in items if isinstance(item, int) and item != 0]
            assert labels.whole == tuple(dict.fromkeys(whole))


def test_numbers_above_a_byte(tmp_path):
    every = np.array([[1, 2, 255, 256], [300, 511, 512, 1197], [0, 0, 1, 1197]])
    data = BrodenDataset(write_broden(tmp_path / "b", [{"object": [every]}], CONCEPTS, label_shape=(3, 4)))
    assert data.labels(0).maps[0].tolist() == every.tolist()


@pytest.mark.parametrize("shape", [(112, 112), (113, 113), (192, 192), (1, 1), (5, 17)])
def test_any_resolution_of_label_maps(tmp_path, shape):
    numbers = np.random.default_rng(1).choice([0, 1, 256, 1197], shape)
    data = BrodenDataset(write_broden(tmp_path / "b", [{"object": [numbers]}], CONCEPTS, label_shape=shape))
    assert data.label_shape == shape and np.array_equal(data.labels(0).maps[0], numbers)


def test_label_maps_and_whole_image_numbers_in_one_field(tmp_path):
    first, second = np.full((4, 6), 255), np.full((4, 6), 256)
    images = [{"part": [first, 1, second], "scene": [300, 300, 0], "texture": [511]}]
    labels = BrodenDataset(write_broden(tmp_path / "b", images, CONCEPTS)).labels(0)
    assert np.array_equal(labels.maps, np.stack([first, second]))
    assert labels.whole == (1, 300, 511)


def test_empty_fields_and_zero_are_unlabelled(tmp_path):
    data = BrodenDataset(write_broden(tmp_path / "b", [{}, {"scene": [0], "object": [np.zeros((4, 6))]}], CONCEPTS))
    assert data.labels(0).maps.shape == (0, 4, 6) and data.labels(0).maps.dtype == np.int32
    assert data.labels(0).whole == ()
    assert data.labels(1).whole == () and not data.labels(1).maps.any()


def test_spaces_and_trailing_semicolons_do_no_harm(tmp_path):
    root = write_broden(tmp_path / "b", [{"scene": [300]}, {"object": [np.ones((4, 6))]}], CONCEPTS)
    replace(root / "index.csv", ",300,", ", 300 ; ;,")
    replace(root / "index.csv", "source/1_object_0.png", "; source/1_object_0.png;")
    data = BrodenDataset(root)
    assert data.labels(0).whole == (300,)
    assert np.array_equal(data.labels(1).maps, np.ones((1, 4, 6)))


def test_synonyms(tmp_path):
    data = BrodenDataset(write_broden(tmp_path / "b", [{}], CONCEPTS))
    assert [concept.synonyms for concept in data.concepts[:3]] == [(), ("plant", "flora"), ()]


def test_label_table_without_synonyms_and_with_more_columns(tmp_path):
    root = write_broden(tmp_path / "b", [{}], CONCEPTS)
    rows = [{"name": c.name, "color": "any", "number": c.number} for c in reversed(CONCEPTS)]
    write_table(root / "label.csv", rows)
    assert [(c.number, c.name, c.synonyms) for c in BrodenDataset(root).concepts] == [
        (c.number, c.name, ()) for c in CONCEPTS
    ]


def test_primary_category_is_that_of_highest_coverage(tmp_path):
    concepts = [
        (1, "door", {"object": 3.5, "part": 3.6}, ()),
        (2, "wall", {"object": 10.0, "part": 9.0, "material": 2.0}, ()),
        (3, "tie", {"object": 2.0, "part": 2.0, "material": 1.0}, ()),
        (4, "all", {"object": 0.5, "part": 0.5, "material": 0.5}, ()),
        (5, "tenth", {"object": 9.75, "material": 10.25}, ()),  # as text, 9.75 is the higher
    ]
    images = [{"object": [1, 3], "material": [3]}]
    data = BrodenDataset(write_broden(tmp_path / "a", images, concepts, categories=["object", "part", "material"]))
    assert [concept.category for concept in data.concepts] == ["part", "object", "part", "material", "material"]
    assert data.labels(0).whole == (1, 3)  # listed in two fields, carried once
    data = BrodenDataset(write_broden(tmp_path / "b", images, concepts, categories=["material", "part", "object"]))
    assert [concept.category for concept in data.concepts] == ["part", "object", "object", "object", "material"]


def test_fingerprint_notices_exchanged_files(tmp_path):
    def fresh(name):
        images = [{"object": [np.ones((4, 6))], "scene": [300]}, {"object": [np.full((4, 6), 2)]}]
        return write_broden(tmp_path / name, images, CONCEPTS)

    root = fresh("a")
    before = BrodenDataset(root).fingerprint()
    assert BrodenDataset(root).fingerprint() == before
    assert BrodenDataset(fresh("b")).fingerprint() == before  # wherever it lies
    noise = np.random.default_rng(2).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    Image.fromarray(noise).save(root / "images" / "source" / "1.png")
    other_image = BrodenDataset(root).fingerprint()
    label_map = np.random.default_rng(3).choice([1, 256, 300, 1197], (4, 6))
    Image.fromarray(label_colors(label_map)).save(root / "images" / "source" / "1_object_0.png")
    other_label_map = BrodenDataset(root).fingerprint()
    replace(root / "index.csv", ",300,", ",0,")
    other_table = BrodenDataset(root).fingerprint()
    assert len({before, other_image, other_label_map, other_table}) == 4


# Bad input.


@pytest.mark.parametrize("table", ["index.csv", "label.csv", "category.csv", "c_part.csv"])
def test_missing_table(tmp_path, table):
    root = write_broden(tmp_path / "b", [{}], CONCEPTS)
    (root / table).unlink()
    with pytest.raises(NetdissectError) as caught:
        BrodenDataset(root)
    assert str(root / table) in str(caught.value)


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("index.csv", "image"),
        ("index.csv", "sh"),
        ("index.csv", "sw"),
        ("index.csv", "texture"),
        ("label.csv", "number"),
        ("label.csv", "name"),
        ("category.csv", "name"),
        ("c_scene.csv", "number"),
        ("c_scene.csv", "coverage"),
    ],
)
def test_missing_column(tmp_path, table, column):
    root = write_broden(tmp_path / "b", [{}], CONCEPTS)
    header, *rows = (root / table).read_text().splitlines()
    renamed = ",".join(f"not_{name}" if name == column else name for name in header.split(","))
    (root / table).write_text("\n".join([renamed, *rows]))
    with pytest.raises(NetdissectError) as caught:
        BrodenDataset(root)
    assert str(root / table) in str(caught.value)
    assert f"no column {column} " in str(caught.value)


@pytest.mark.parametrize("table", ["index.csv", "label.csv", "category.csv", "c_object.csv"])
def test_table_without_a_byte(tmp_path, table):
    root = write_broden(tmp_path / "b", [{}], CONCEPTS)
    (root / table).write_text("")
    with pytest.raises(NetdissectError) as caught:
        BrodenDataset(root)
    assert str(root / table) in str(caught.value)


@pytest.mark.parametrize("table", ["index.csv", "label.csv", "category.csv"])
def test_table_that_is_an_image(tmp_path, table):
    root = write_broden(tmp_path / "b", [{}], CONCEPTS)
    (root / table).write_bytes((root / "images" / "source" / "0.png").read_bytes())
    with pytest.raises(NetdissectError) as caught:
        BrodenDataset(root)
    assert str(root / table) in str(caught.value) and "\n" not in str(caught.value)


def test_empty_index(tmp_path):
    root = write_broden(tmp_path / "b", [], CONCEPTS)
    with pytest.raises(NetdissectError, match=r"index\.csv: lists no images"):
        BrodenDataset(root)


def test_no_concepts(tmp_path):
    root = write_broden(tmp_path / "b", [{}], CONCEPTS)
    (root / "label.csv").write_text("number,name,syns\n")
    with pytest.raises(NetdissectError, match=r"label\.csv: lists no concepts"):
        BrodenDataset(root)


@pytest.mark.parametrize(
    ("table", "old", "new", "said"),
    [
        ("label.csv", "255,leg", "leg,255", "'leg'"),
        ("label.csv", "255,leg", "2,leg", "number 2 "),
        ("label.csv", "255,leg", "0,leg", "number 0 "),
        ("label.csv", "255,leg", "254,leg", r"concept 254 \(leg\)"),
        ("c_part.csv", ",1.5", ",much", "'much'"),
        ("c_part.csv", ",255,", ",2.5,", "'2.5'"),
        ("index.csv", ",4,6,", ",4,wide,", "sw 'wide'"),
        ("index.csv", ",4,6,", ",,6,", "sh ''"),
        ("index.csv", ",4,6,", ",0,6,", "0"),
    ],
)
def test_tables_that_make_no_sense(tmp_path, table, old, new, said):
    root = write_broden(tmp_path / "b", [{}], CONCEPTS)
    replace(root / table, old, new)
    with pytest.raises(NetdissectError, match=said) as caught:
        BrodenDataset(root)
    assert str(root / table) in str(caught.value)


def test_label_maps_of_several_sizes(tmp_path):
    root = write_broden(tmp_path / "b", [{}, {}, {}], CONCEPTS)
    replace(root / "index.csv", "source/2.png,train,8,12,4,6", "source/2.png,train,8,12,6,6")
    with pytest.raises(NetdissectError, match=r"index\.csv: label maps of several sizes.*'4', '6'.*'6', '6'"):
        BrodenDataset(root)


def test_label_map_of_another_size_than_the_index_says(tmp_path):
    root = write_broden(tmp_path / "b", [{"object": [np.ones((6, 4))]}], CONCEPTS)
    with pytest.raises(BadSampleError) as caught:
        BrodenDataset(root).labels(0)
    assert str(root / "images" / "source" / "0_object_0.png") in str(caught.value)
    assert "(6, 4)" in str(caught.value) and "(4, 6)" in str(caught.value)


@pytest.mark.parametrize("harm", ["missing", "truncated", "empty", "text", "folder"])
@pytest.mark.parametrize("file", ["source/1.png", "source/1_object_1.png"])
def test_bad_file_is_named_and_the_others_can_be_read(tmp_path, file, harm):
    noise = np.random.default_rng(4).choice([1, 2], (2, 40, 60))
    images = [{"object": list(noise)}, {"object": list(noise)}, {"object": list(noise)}]
    root = write_broden(tmp_path / "b", images, CONCEPTS, label_shape=(40, 60))
    path = root / "images" / file
    if harm == "truncated":
        cut(path)
    elif harm in ("empty", "text"):
        path.write_text("" if harm == "empty" else "not an image")
    else:
        path.unlink()
        if harm == "folder":
            path.mkdir()
    data = BrodenDataset(root)
    with pytest.raises(BadSampleError) as caught:
        data.labels(1) if "object" in file else data.image(1)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    for index in (0, 2):
        assert data.image(index).size == (12, 8)
        assert np.array_equal(data.labels(index).maps, noise)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_image_truncated_anywhere(tmp_path, suffix, share):
    root = write_broden(tmp_path / "b", [{}], CONCEPTS)
    path = root / "images" / "source" / f"0{suffix}"
    Image.fromarray(np.random.default_rng(5).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
    replace(root / "index.csv", "source/0.png", f"source/0{suffix}")
    assert BrodenDataset(root).image(0).size == (64, 64)
    cut(path, share)
    with pytest.raises(BadSampleError, match=f"0\\{suffix}: the image cannot be read"):
        BrodenDataset(root).image(0)


def test_number_that_no_table_lists_in_a_label_map(tmp_path):
    numbers = np.ones((4, 6), dtype=int)
    numbers[3, 5] = 299
    root = write_broden(tmp_path / "b", [{"object": [np.ones((4, 6))], "part": [numbers]}], CONCEPTS)
    with pytest.raises(NetdissectError, match=r"299 is not in label\.csv") as caught:
        BrodenDataset(root).labels(0)
    assert str(root / "images" / "source" / "0_part_0.png") in str(caught.value)


@pytest.mark.parametrize("number", [3, 1198, 70000, 10**30])
def test_number_that_no_table_lists_for_the_whole_image(tmp_path, number):
    root = write_broden(tmp_path / "b", [{"scene": [300]}, {"scene": [300, number]}], CONCEPTS)
    data = BrodenDataset(root)
    assert data.labels(0).whole == (300,)
    with pytest.raises(NetdissectError, match=rf"{number} is not in label\.csv") as caught:
        data.labels(1)
    assert str(root / "index.csv") in str(caught.value) and "source/1.png" in str(caught.value)


# Real data.


def shared(path):
    found = SHARED / path
    if not found.exists():
        pytest.skip(f"{found} is not here")
    return found


def test_the_published_index_of_ade20k(tmp_path):
    """The rows are the published ones; the label maps are made up, as they are not in the sample."""
    sample = shared("reference/broden/index_ade20k_sample.csv")
    names = shared("reference/broden/broden_labels_clean.txt").read_text().splitlines()
    assert len(names) == 1197
    categories = ["color", "object", "part", "material", "scene", "texture"]
    concepts = [(number, name, {categories[number % 6]: 1.0}, ()) for number, name in enumerate(names, 1)]
    root = write_broden(tmp_path / "broden1_227", [], concepts, categories=categories)
    (root / "index.csv").write_bytes(sample.read_bytes())
    with sample.open(newline="") as file:
        rows = list(csv.DictReader(file))[:80]
    (root / "images" / "ade20k").mkdir()
    random, expected = np.random.default_rng(6), []
    for row in rows:
        Image.new("RGB", (227, 227)).save(root / "images" / row["image"])
        maps = []
        for item in ";".join(row[category] for category in categories).split(";"):
            if item.endswith(".png"):
                maps.append(random.integers(0, 1198, (113, 113)))
                Image.fromarray(label_colors(maps[-1])).save(root / "images" / item)
        expected.append((maps, int(row["scene"] or 0)))
    data = BrodenDataset(root)
    assert (len(data), data.label_shape, len(data.concepts)) == (1999, (113, 113), 1197)
    assert max(len(maps) for maps, _ in expected) >= 4  # color, object and several layers of parts
    assert any(scene == 0 for _, scene in expected) and any(scene > 255 for _, scene in expected)
    for index, (maps, scene) in enumerate(expected):
        labels = data.labels(index)
        assert np.array_equal(labels.maps, np.stack(maps))
        assert labels.whole == ((scene,) if scene else ())
    assert data.image(0).size == (227, 227)


def test_a_directory_of_real_images_made_by_another_program(tmp_path):
    tool, camvid, dtd = shared("tools/make_mini_broden.py"), shared("data/camvid/train"), shared("data/dtd")
    for kind in ("images", "labels"):
        (tmp_path / "camvid" / kind).mkdir(parents=True)
        for path in sorted((camvid / kind).iterdir())[::50]:
            (tmp_path / "camvid" / kind / path.name).symlink_to(path)
    for texture in ("banded", "cracked"):
        (tmp_path / "dtd" / texture).mkdir(parents=True)
        for path in sorted((dtd / texture).iterdir())[:3]:
            (tmp_path / "dtd" / texture / path.name).symlink_to(path)
    root = tmp_path / "mini"
    command = [sys.executable, tool, root, "--camvid", tmp_path / "camvid", "--dtd", tmp_path / "dtd", "--size", "90"]
    subprocess.run(command, check=True, capture_output=True)

    # Pixels per number, from the files alone.
    pixels, images = Counter(), Counter()
    for path in root.rglob("images/*/*.png"):
        colors = np.asarray(opened(path)).astype(int)
        numbers, counts = np.unique(colors[..., 0] + 256 * colors[..., 1], return_counts=True)
        pixels.update(dict(zip(numbers.tolist(), counts.tolist(), strict=True)))
        images.update(numbers.tolist())
    del pixels[0], images[0]
    for name in ("banded", "cracked"):
        number = 23 + ["banded", "cracked"].index(name)  # after 11 colors and 11 things
        pixels[number], images[number] = 3 * 45 * 45, 3

    data = BrodenDataset(root)
    assert (len(data), data.label_shape, data.categories) == (14, (45, 45), ("color", "object", "texture"))
    assert [concept.name for concept in data.concepts][-2:] == ["banded", "cracked"]
    read, shown = Counter(), Counter()
    for index in range(len(data)):
        assert data.image(index).size == (90, 90)
        labels = data.labels(index)
        for numbers in labels.maps:
            read.update(numbers[numbers > 0].tolist())
        read.update(dict.fromkeys(labels.whole, 45 * 45))
        shown.update({*np.unique(labels.maps).tolist(), *labels.whole} - {0})
    assert read == pixels and shown == images
    assert sum(read[number] for number in range(1, 12)) == 14 * 45 * 45  # every pixel has one color
    # The tool's own tables: images, and coverage in whole images.
    for category in data.categories:
        with (root / f"c_{category}.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                number = int(row["number"])
                assert shown[number] == int(row["frequency"])
                assert read[number] / (45 * 45) == pytest.approx(float(row["coverage"]), abs=1e-6)
                assert next(c for c in data.concepts if c.number == number).category == category
