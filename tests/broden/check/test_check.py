"""Checking a directory in Broden's layout: what the published format allows passes, and each fault is told, once."""

import csv
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from netdissect.broden.check import Checked, Problem, check_broden
from netdissect.concepts import BrodenDataset
from netdissect.types import Concept, NetdissectError
from tests.broden.broden_files import label_colors, write_broden, write_table
from tests.shared import SHARED

NAMES = {1: "red-c", 2: "wall", 3: "leg", 4: "street-s", 5: "wood", 6: "striped"}
CATEGORIES = ["color", "object", "part", "scene", "material", "texture"]


def rows_of(*numbers):
    """A label map of 4 rows, each of one number."""
    return np.repeat(np.array(numbers)[:, None], 6, axis=1)


#: Label maps, several layers of them, numbers of the whole image, 0 among these, and empty fields.
IMAGES = [
    {"color": [rows_of(1, 1, 1, 1)], "object": [rows_of(2, 2, 0, 0)], "scene": [4]},
    {"color": [rows_of(1, 0, 0, 0)], "part": [rows_of(3, 0, 0, 0), rows_of(0, 0, 0, 3)], "scene": [0]},
    {"object": [rows_of(0, 0, 2, 2)], "material": [rows_of(5, 5, 0, 2)], "texture": [6]},
    {},
]


def share_of(number, items):
    """How much of an image carries a number, given a field of the index."""
    if any(isinstance(item, int) and item == number for item in items):
        return 1.0
    return np.any([item == number for item in items if isinstance(item, np.ndarray)], axis=0).mean()


def write_statistics(root, names, images, *, merged=0):
    """The tables of concepts as the publishers' builder writes them, of concepts with ``merged`` more source labels."""
    seen = {}  # per category and number: frequency and coverage
    for items_of in images:
        for category, items in items_of.items():
            for number in {int(number) for item in items for number in np.unique(item)} - {0}:
                frequency, coverage = seen.get((category, number), (merged, 0.0))
                seen[category, number] = frequency + 1, coverage + share_of(number, items)
    numbers_of = {}
    for category, number in sorted(seen, key=lambda key: key[1]):
        numbers_of.setdefault(category, []).append(number)
    rows = []
    for category, numbers in numbers_of.items():
        counts = [seen[category, number] for number in numbers]
        shares = [
            {"code": code, "number": number, "name": names[number], "frequency": images, "coverage": f"{area:.6f}"}
            for code, (number, (images, area)) in enumerate(zip(numbers, counts, strict=True), 1)
        ]
        write_table(root / f"c_{category}.csv", shares)
        total = sum(frequency for frequency, _ in counts)
        rows.append((category, numbers[0], numbers[-1], len(numbers), total))
    columns = ["name", "first", "last", "count", "frequency"]
    write_table(root / "category.csv", [dict(zip(columns, row, strict=True)) for row in rows], columns)
    labels = []
    for number in sorted({number for _, number in seen}):
        inside = {category: seen[category, number] for category in numbers_of if (category, number) in seen}
        labels.append(
            {
                "number": number,
                "name": names[number],
                "category": ";".join(f"{category}({frequency})" for category, (frequency, _) in inside.items()),
                "frequency": sum(frequency for frequency, _ in inside.values()),
                "coverage": f"{sum(coverage for _, coverage in inside.values()):.6f}",
                "syns": "plant;flora" if number == 2 else "",
            }
        )
    write_table(root / "label.csv", labels)
    return list(numbers_of)


def published(root, *, merged=0):
    """A directory that is right in everything."""
    write_broden(root, IMAGES, [], categories=CATEGORIES)
    write_statistics(root, NAMES, IMAGES, merged=merged)
    for category in CATEGORIES:
        assert (root / f"c_{category}.csv").read_text().count("\n") > 1
    return root


def replace(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def change(path, function):
    """Puts each row of a table, a dict, through ``function``."""
    with path.open(newline="") as file:
        rows = [dict(row) for row in csv.DictReader(file)]
    write_table(path, [function(row) for row in rows])


def drop(path, *columns):
    change(path, lambda row: {name: value for name, value in row.items() if name not in columns})


def clear(path, *columns):
    change(path, lambda row: {name: "" if name in columns else value for name, value in row.items()})


def write_map(path, numbers):
    Image.fromarray(label_colors(numbers)).save(path)


def problems(root, **options):
    return [str(problem) for problem in check_broden(root, **options).problems]


def notes(root):
    return [str(note) for note in check_broden(root).notes]


# What is right.


@pytest.mark.parametrize("merged", [0, 1, 1000])
def test_a_directory_like_the_published(tmp_path, merged):
    checked = check_broden(published(tmp_path / "b", merged=merged))
    assert checked == Checked(images=4, listed=4, label_maps=7, problems=(), notes=())


@st.composite
def directories(draw):
    """Images with any mixture of label maps and numbers; the first image makes each number occur."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = (draw(st.integers(1, 6)), draw(st.integers(1, 6)))
    categories = draw(st.lists(st.sampled_from([*CATEGORIES, "brand"]), min_size=1, unique=True))
    count = draw(st.sampled_from([1, 2, 7, 300]))
    images = [{categories[-1]: list(range(1, count + 1))}]
    for _ in range(draw(st.integers(1, 3))):
        images.append({})
        for category in categories:
            kinds = random.integers(0, 2, random.choice([0, 1, 1, 3]))
            images[-1][category] = [
                random.integers(0, count + 1, shape) if kind else int(random.integers(0, count + 1)) for kind in kinds
            ]
    return shape, count, images


@settings(max_examples=25, deadline=None)
@given(directories(), st.integers(0, 3))
def test_whatever_a_right_builder_writes_passes(case, merged):
    shape, count, images = case
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "broden"
        occurring = [
            category
            for category in [*CATEGORIES, "brand"]
            if any(np.any(item) for items_of in images for item in items_of.get(category, []))
        ]
        write_broden(root, images, [], label_shape=shape, categories=occurring)
        write_statistics(root, {number: f"name {number}" for number in range(1, count + 1)}, images, merged=merged)
        checked = check_broden(root, workers=2)
        assert (checked.problems, checked.notes, checked.images) == ((), (), len(images))
        assert BrodenDataset(root).labels(0).whole == tuple(range(1, count + 1))


def test_spaces_trailing_semicolons_and_other_sizes(tmp_path):
    root = published(tmp_path / "b")
    replace(root / "index.csv", ",,4,,", ",, 4 ; ;,,")
    replace(root / "index.csv", "source/2_object_0.png", " ; source/2_object_0.png ;")
    replace(root / "label.csv", "object(2);material(1)", " object(2) ; material (1);")
    replace(root / "index.csv", "source/3.png,train,8,12", "source/3.png,val,9,31")
    Image.new("L", (31, 9)).save(root / "images" / "source" / "3.png")
    with (root / "index.csv").open("a") as file:
        file.write("\n")
    assert check_broden(root) == Checked(4, 4, 7, (), ())


def test_coverages_printed_to_six_decimals_need_not_add_exactly(tmp_path):
    root = published(tmp_path / "b")
    for table, printed in (("c_object.csv", "0.333333"), ("c_material.csv", "0.333333"), ("label.csv", "0.666667")):
        change(
            root / table, lambda row, to=printed: {**row, "coverage": to if row["name"] == "wall" else row["coverage"]}
        )
    assert problems(root) == []
    replace(root / "label.csv", "0.666667", "0.666670")
    assert problems(root) == ["label.csv: concept 2 (wall): coverage is 0.666670, those in c_*.csv add to 0.666666"]


def test_coverage_of_the_whole_images_is_the_frequency(tmp_path):
    root = published(tmp_path / "b")
    assert "1,4,street-s,1,1.000000" in (root / "c_scene.csv").read_text()
    replace(root / "c_scene.csv", "1.000000", "1.000001")
    replace(root / "label.csv", "1.000000", "1.000001")
    assert problems(root) == [
        "c_scene.csv: concept 4: coverage 1.000001 exceeds its frequency 1",
        "label.csv: concept 4: coverage 1.000001 exceeds its frequency 1",
    ]


def test_a_directory_that_tells_only_what_the_reader_needs(tmp_path):
    """As other programs write them: each missing column is noted once, and nothing is called wrong."""
    root = write_broden(
        tmp_path / "b",
        [{"object": [rows_of(1, 2, 1, 2)]}, {"object": [1, 2]}],
        [Concept(1, "sky", "object"), Concept(2, "tree", "object", ("plant",))],
    )
    assert problems(root) == []
    assert notes(root) == [
        "category.csv: has no column first, last, count, frequency: not checked",
        "label.csv: has no column category, frequency, coverage: not checked",
    ]
    drop(root / "index.csv", "split", "ih", "iw")
    drop(root / "c_object.csv", "code", "name", "frequency")
    drop(root / "label.csv", "syns")
    Image.new("RGB", (99, 7)).save(root / "images" / "source" / "0.png")
    assert problems(root) == []
    assert notes(root) == [
        "c_object.csv: has no column code, name, frequency: not checked",
        "category.csv: has no column first, last, count, frequency: not checked",
        "index.csv: has no column split, ih, iw: not checked",
        "label.csv: has no column category, frequency, coverage, syns: not checked",
    ]
    BrodenDataset(root)


def test_columns_that_are_empty(tmp_path):
    root = published(tmp_path / "b")
    clear(root / "label.csv", "category", "frequency", "coverage", "syns")
    clear(root / "category.csv", "first", "last", "count", "frequency")
    clear(root / "index.csv", "split", "ih", "iw")
    clear(root / "c_scene.csv", "code", "name", "frequency")
    change(root / "c_color.csv", lambda row: {**row, "frequency": ""})
    replace(root / "c_material.csv", "2,5,wood,1,", "2,5,,,")
    assert problems(root) == []
    assert notes(root) == [
        "c_color.csv: frequency is empty in every row: not checked there",
        "c_material.csv: name is empty in 1 of 2 rows: not checked there",
        "c_material.csv: frequency is empty in 1 of 2 rows: not checked there",
        *(
            f"c_scene.csv: {column} is empty in every row: not checked there"
            for column in ("code", "name", "frequency")
        ),
        *(
            f"category.csv: {column} is empty in every row: not checked there"
            for column in ("first", "last", "count", "frequency")
        ),
        *(f"index.csv: {column} is empty in every row: not checked there" for column in ("split", "ih", "iw")),
        *(
            f"label.csv: {column} is empty in every row: not checked there"
            for column in ("category", "frequency", "coverage")
        ),
    ]


# Tables that cannot be read.


def test_no_directory(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "none", tmp_path / "file"):
        with pytest.raises(NetdissectError, match=f"{path.name}: no such directory"):
            check_broden(path)
    with pytest.raises(NetdissectError, match=r"neither index\.csv nor label\.csv"):
        check_broden(tmp_path)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("index.csv", ["index.csv: is missing"]),
        ("label.csv", ["label.csv: is missing"]),
        ("category.csv", ["category.csv: is missing"]),
        ("c_part.csv", ["c_part.csv: is missing"]),
    ],
)
def test_a_missing_table_is_told_once_and_the_rest_is_judged(tmp_path, table, expected):
    root = published(tmp_path / "b")
    (root / table).unlink()
    checked = check_broden(root)
    assert [str(problem) for problem in checked.problems] == expected
    assert (checked.images, checked.label_maps) == ((0, 0) if table == "index.csv" else (4, 7))
    replace(root / "c_scene.csv", "street-s,1,", "street-s,2,")
    (root / "images" / "source" / "1_color_0.png").unlink()
    found = problems(root)
    assert ("images/source/1_color_0.png: the label map is missing" in found) == (table != "index.csv")
    assert any("street-s" in problem and "c_scene.csv 2" in problem for problem in found) == (table != "label.csv")


@pytest.mark.parametrize("table", ["index.csv", "label.csv", "category.csv", "c_object.csv"])
@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff\xe0\x00\x10JFIF", "folder"])
def test_tables_that_are_none(tmp_path, table, content):
    root = published(tmp_path / "b")
    (root / table).unlink()
    if content == "folder":
        (root / table).mkdir()
    else:
        (root / table).write_bytes(content)
    found = problems(root)
    assert found[0].startswith(f"{table}: ") and ("no column" in found[0] or "cannot be read" in found[0])
    assert str(tmp_path) not in found[0].replace(f"'{root / table}'", "")
    assert not any("\n" in problem for problem in found)


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
def test_a_missing_column_is_told_and_the_others_are_judged(tmp_path, table, column):
    root = published(tmp_path / "b")
    drop(root / table, column)
    (found,) = problems(root)
    assert found.startswith(f"{table}: no column {column} (it has ")
    if column != "image":
        (root / "images" / "source" / "0.png").unlink()
        assert "images/source/0.png: the image is missing" in problems(root)


def test_columns_that_the_reader_needs_and_that_are_empty(tmp_path):
    root = published(tmp_path / "b")
    clear(root / "c_scene.csv", "coverage")
    clear(root / "label.csv", "name")
    replace(root / "index.csv", "source/2.png,train,8,12,4,6", "source/2.png,train,8,12,,")
    assert problems(root) == [
        "c_scene.csv: coverage is empty in every row",
        "index.csv: sh is empty in 1 of 4 rows",
        "index.csv: sw is empty in 1 of 4 rows",
        "label.csv: name is empty in every row",
    ]


# One fault in a table, and all that is told of it.

LEG_LOST = [
    "label.csv: numbers go to 6 but leave out 1, the first 3",
    "images/source/1_part_0.png: label 3 is not in label.csv",
    "images/source/1_part_1.png: label 3 is not in label.csv",
]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("3,leg", "leg,3", ["label.csv: number 'leg' is not a whole number from 1 on", *LEG_LOST]),
        ("3,leg", "-3,leg", ["label.csv: number '-3' is not a whole number from 1 on", *LEG_LOST]),
        ("3,leg", "0,leg", ["label.csv: number '0' is not a whole number from 1 on", *LEG_LOST]),
        ("3,leg", "2,leg", ["label.csv: number 2 is listed twice", *LEG_LOST]),
        ("3,leg,part(1),1,0.500000,\n", "", LEG_LOST),
    ],
)
def test_concept_numbers_that_make_no_sense(tmp_path, old, new, expected):
    root = published(tmp_path / "b")
    (root / "label.csv").write_text((root / "label.csv").read_text().replace("\r\n", "\n"))
    replace(root / "label.csv", old, new)
    assert problems(root) == ["c_part.csv: concept 3 (leg) is not in label.csv", *expected]


def test_concept_numbers_of_the_first_and_beyond(tmp_path):
    root = published(tmp_path / "b")
    change(
        root / "label.csv",
        lambda row: {**row, "number": {"1": "9", "6": str(10**30)}.get(row["number"], row["number"])},
    )
    assert [problem for problem in problems(root) if "leave out" in problem] == [
        f"label.csv: numbers go to {10**30} but leave out {10**30 - 6}, the first 1"
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("3,leg,part(1),1,0.500000", "3,leg,part(1),1,nan", ["concept 3: coverage 'nan' is not a number of images"]),
        (
            "1.250000,plant",
            "1.250010,plant",
            ["concept 2 (wall): coverage is 1.250010, those in c_*.csv add to 1.250000"],
        ),
        ("material(1),3", "material(1),4", ["concept 2 (wall): frequency is 4, its categories add to 3"]),
        ("part(1)", "part[1]", ["concept 3 (leg): category 'part[1]' is not like 'material(36);object(3)'"]),
        ("part(1)", "part", ["concept 3 (leg): category 'part' is not like 'material(36);object(3)'"]),
        (
            "object(2);material(1)",
            "object(2);object(1)",
            ["concept 2 (wall): category 'object(2);object(1)' is not like 'material(36);object(3)'"],
        ),
        (
            "object(2);material(1)",
            "object(1);material(2)",
            [
                "concept 2 (wall): category says object(1), but c_object.csv 2",
                "concept 2 (wall): category says material(2), but c_material.csv 1",
            ],
        ),
        (
            "part(1)",
            "object(1)",
            [
                "concept 3 (leg): category says object(1), but c_object.csv does not list it",
                "concept 3 (leg): c_part.csv lists it, but its category says nothing of part",
            ],
        ),
        (
            "object(2);material(1)",
            "object(2);brand(1)",
            [
                "concept 2 (wall): category brand has no c_brand.csv",
                "concept 2 (wall): c_material.csv lists it, but its category says nothing of material",
            ],
        ),
        # A concept of no category, and one that is never shown.
        (
            "6,striped,texture(1),1,1.000000,",
            "6,striped,texture(1),1,1.000000,\n7,spotted,texture(12),12,3.5,",
            [
                "concept 7 (spotted) stands in none of the c_*.csv files",
                "concept 7 (spotted): category says texture(12), but c_texture.csv does not list it",
            ],
        ),
    ],
)
def test_a_row_of_the_label_table(tmp_path, old, new, expected):
    root = published(tmp_path / "b")
    replace(root / "label.csv", old, new)
    assert problems(root) == [f"label.csv: {what}" for what in expected]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("2,5,wood", "2,5,Wood", ["c_material.csv: concept 5 (Wood) is called wood in label.csv"]),
        ("2,5,wood", "3,5,wood", ["c_material.csv: row 2 has code 3: codes count from 1, in order"]),
        ("1,2,wall", "0,2,wall", ["c_material.csv: row 1 has code 0: codes count from 1, in order"]),
        ("wood,1,0.5", "wood,-1,0.5", ["c_material.csv: concept 5: frequency '-1' is not a number of images"]),
        ("wood,1,0.5", "wood,1.5,0.5", ["c_material.csv: concept 5: frequency '1.5' is not a number of images"]),
        ("wood,1,0.500000", "wood,1,-0.5", ["c_material.csv: concept 5: coverage '-0.5' is not a number of images"]),
        ("wood,1,0.500000", "wood,1,nan", ["c_material.csv: concept 5: coverage 'nan' is not a number of images"]),
        ("wood,1,0.500000", "wood,1,inf", ["c_material.csv: concept 5: coverage 'inf' is not a number of images"]),
        ("wood,1,0.500000", "wood,1,much", ["c_material.csv: concept 5: coverage 'much' is not a number of images"]),
        (
            "wood,1,0.500000",
            "wood,1,1.5",
            [
                "c_material.csv: concept 5: coverage 1.5 exceeds its frequency 1",
                "label.csv: concept 5 (wood): coverage is 0.500000, those in c_*.csv add to 1.500000",
            ],
        ),
        (
            "wood,1,0.500000",
            "wood,2,0.500000",
            [
                "category.csv: material: frequency is 2, by c_material.csv 3",
                "label.csv: concept 5 (wood): category says material(1), but c_material.csv 2",
            ],
        ),
        (
            "2,5,wood",
            "2,2,wood",
            [
                "c_material.csv: number 2 is listed twice",
                "category.csv: material: count is 2, by c_material.csv 1",
                "category.csv: material: last is 5, by c_material.csv 2",
                "category.csv: material: frequency is 2, by c_material.csv 1",
                "label.csv: concept 5 (wood) stands in none of the c_*.csv files",
                "label.csv: concept 5 (wood): category says material(1), but c_material.csv does not list it",
                "images/source/2_material_0.png: label 5 is not in c_material.csv",
            ],
        ),
    ],
)
def test_a_row_of_the_table_of_a_category(tmp_path, old, new, expected):
    root = published(tmp_path / "b")
    replace(root / "c_material.csv", old, new)
    assert problems(root) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("material,2,5,2,2", "material,2,6,2,2", ["material: last is 6, by c_material.csv 5"]),
        ("material,2,5,2,2", "material,3,5,2,2", ["material: first is 3, by c_material.csv 2"]),
        ("material,2,5,2,2", "material,2,5,3,2", ["material: count is 3, by c_material.csv 2"]),
        ("material,2,5,2,2", "material,2,5,2,9", ["material: frequency is 9, by c_material.csv 2"]),
        ("material,2,5,2,2", "material,2,5,two,2", ["material: count is two, by c_material.csv 2"]),
        ("texture,6,6,1,1", "texture,6,6,1,1\nscene,4,4,1,1", ["scene is listed twice"]),
        ("texture,6,6,1,1", "texture,6,6,1,1\nsc/ene,7,,,", ["'sc/ene' cannot be part of a file's name"]),
    ],
)
def test_a_row_of_the_category_table(tmp_path, old, new, expected):
    root = published(tmp_path / "b")
    replace(root / "category.csv", old, new)
    assert problems(root) == [f"category.csv: {what}" for what in expected]


def test_categories_out_of_order(tmp_path):
    root = published(tmp_path / "b")
    header, *rows = (root / "category.csv").read_text().splitlines()
    (root / "category.csv").write_text("\n".join([header, rows[0], rows[4], *rows[1:4], rows[5]]))
    assert problems(root) == ["category.csv: object has first 2, the row above 4: rows are in its order"]


def test_categories_that_tables_do_not_share(tmp_path):
    root = published(tmp_path / "b")
    with (root / "category.csv").open("a") as file:
        file.write("brand,7,7,1,1\n")
    replace(root / "category.csv", "texture,6,6,1,1", "")
    found = problems(root)
    assert found[:3] == [
        "c_brand.csv: is missing",
        "c_texture.csv: its category is not in category.csv",
        "index.csv: no column brand (it has image, split, ih, iw, sh, sw, " + ", ".join(CATEGORIES) + ")",
    ]
    assert len(found) == 3


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("0.png,train", "0.png,training", ["source/0.png: split 'training' is none of train, val, test"]),
        ("3.png,train,8,12", "3.png,train,8,wide", ["source/3.png: iw 'wide' is not a number of pixels"]),
        ("3.png,train,8,12,4,6", "3.png,train,8,12,0,6", ["source/3.png: sh '0' is not a number of pixels"]),
        (
            "3.png,train,8,12,4,6",
            "3.png,train,8,12,5,6",
            ["label maps of several sizes (sh, sw): (4, 6) of 3, (5, 6) of 1 images"],
        ),
        ("source/3.png,", "source/2.png,", ["source/2.png is listed twice"]),
        ("_0.png,6", "_0.png,;7;6", ["source/2.png: texture: label 7 is not in label.csv"]),
        ("_0.png,6", "_0.png,6;5", ["source/2.png: texture: label 5 is not in c_texture.csv"]),
        ("_0.png,6", f"_0.png,6;{10**40}", [f"source/2.png: texture: label {10**40} is not in label.csv"]),
    ],
)
def test_a_row_of_the_index(tmp_path, old, new, expected):
    root = published(tmp_path / "b")
    replace(root / "index.csv", old, new)
    assert problems(root) == [f"index.csv: {what}" for what in expected]


@pytest.mark.parametrize(
    "path", ["../b.png", "/etc/b.png", "a/../../b.png", "..", "C:\\b.png", "a\\..\\..\\b.png", "//host/b.png"]
)
def test_paths_that_leave_the_images(tmp_path, path):
    """They are told and not opened, for an image as for a label map."""
    root = published(tmp_path / "b")
    Image.new("RGB", (12, 8)).save(root / "b.png")
    replace(root / "index.csv", "source/2_object_0.png", path)
    replace(root / "index.csv", "source/3.png", path + "x")
    assert problems(root) == [
        f"index.csv: source/2.png: {path} leaves images/",
        f"index.csv: {path}x: {path}x leaves images/" if path != ".." else "images/..x: the image is missing",
    ]


def test_a_path_with_dots_that_stays(tmp_path):
    root = published(tmp_path / "b")
    replace(root / "index.csv", "source/2_object_0.png", "source/../source/./2_object_0.png")
    assert problems(root) == []


# Images and label maps.


def test_missing_files(tmp_path):
    root = published(tmp_path / "b")
    (root / "images" / "source" / "1.png").unlink()
    (root / "images" / "source" / "1_part_1.png").unlink()
    assert problems(root) == [
        "images/source/1.png: the image is missing",
        "images/source/1_part_1.png: the label map is missing",
    ]
    shutil.rmtree(root / "images")
    assert check_broden(root) == Checked(0, 4, 0, (Problem("images", "is missing"),), ())


@pytest.mark.parametrize("share", [0.0, 0.1, 0.6, 0.95])
def test_files_cut_short(tmp_path, share):
    root = published(tmp_path / "b")
    for name in ("1.png", "1_part_1.png"):
        path = root / "images" / "source" / name
        noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).save(path)
        path.write_bytes(path.read_bytes()[: int(len(path.read_bytes()) * share)])
    image, label_map = problems(root)
    assert image.startswith("images/source/1.png: the image cannot be read: ")
    assert label_map.startswith("images/source/1_part_1.png: the label map cannot be read: ")
    assert str(root) not in label_map.removeprefix("images/").replace(str(root / "images/source/1_part_1.png"), "")


def test_an_error_of_any_kind_is_told_of_the_file(tmp_path, monkeypatch):
    root = published(tmp_path / "b")
    whole = PngImageFile.load

    def fails(image):
        if "2" in Path(image.filename).name:
            raise IndexError("of a\nkind that nobody foresaw")
        return whole(image)

    replace(root / "index.csv", "source/3.png", "source/" + 300 * "3" + ".png")  # no file can be called so
    monkeypatch.setattr(PngImageFile, "load", fails)
    found = problems(root)
    names = ["2.png", "2_object_0.png", "2_material_0.png"]
    assert found[:3] == [f"images/source/{name}: of a kind that nobody foresaw" for name in names]
    assert len(found) == 4 and found[3].startswith(f"images/source/{300 * '3'}.png: ")


def test_sizes_that_disagree(tmp_path):
    root = published(tmp_path / "b")
    Image.new("RGB", (8, 12)).save(root / "images" / "source" / "1.png")
    write_map(root / "images" / "source" / "1_part_1.png", np.full((6, 4), 3))
    assert problems(root) == [
        "images/source/1.png: the image is (12, 8), index.csv says (ih, iw) = (8, 12)",
        "images/source/1_part_1.png: the label map is (6, 4), index.csv says (sh, sw) = (4, 6)",
    ]


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "I;16", "1", "LA"])
def test_label_maps_of_another_mode(tmp_path, mode):
    root = published(tmp_path / "b")
    Image.new(mode, (6, 4)).save(root / "images" / "source" / "1_part_1.png")
    (found,) = problems(root)
    assert found.startswith(f"images/source/1_part_1.png: the label map has mode {mode}")


def test_labels_that_tables_do_not_list(tmp_path):
    root = published(tmp_path / "b", merged=5)
    write_map(root / "images" / "source" / "1_part_1.png", rows_of(0, 3, 7, 65535))
    write_map(root / "images" / "source" / "2_object_0.png", rows_of(2, 0, 0, 3))
    write_map(root / "images" / "source" / "2_material_0.png", rows_of(263, 5, 1, 6))
    assert problems(root) == [
        "images/source/1_part_1.png: label 7 and 1 more are not in label.csv",
        "images/source/2_object_0.png: label 3 is not in c_object.csv",
        "images/source/2_material_0.png: label 263 is not in label.csv",
        "images/source/2_material_0.png: label 1 and 1 more are not in c_material.csv",
    ]


# Statistics and what the images show.


def test_frequencies_below_the_images(tmp_path):
    root = published(tmp_path / "b")
    Image.new("RGB", (12, 8)).save(root / "images" / "source" / "4.png")
    with (root / "index.csv").open("a") as file:
        file.write("source/4.png,train,8,12,4,6,source/0_color_0.png,,source/1_part_0.png;3;3,4,,\n")
    assert problems(root) == [
        "c_color.csv: concept 1 (red-c): frequency is 2, but 3 of the images show it",
        "c_part.csv: concept 3 (leg): frequency is 1, but 2 of the images show it",
        "c_scene.csv: concept 4 (street-s): frequency is 1, but 2 of the images show it",
        "label.csv: concept 1 (red-c): frequency is 2, but 3 of the images show it",
        "label.csv: concept 3 (leg): frequency is 1, but 2 of the images show it",
        "label.csv: concept 4 (street-s): frequency is 1, but 2 of the images show it",
    ]


def test_an_image_that_shows_a_concept_in_two_categories_counts_once_in_the_label_table(tmp_path):
    """The image of wall as object and as material: two images in all, one of them twice, and a frequency of 3."""
    root = published(tmp_path / "b")
    change(
        root / "label.csv",
        lambda row: {**row, "category": "", "frequency": "2" if row["number"] == "2" else row["frequency"]},
    )
    assert problems(root) == []
    change(root / "label.csv", lambda row: {**row, "frequency": "1" if row["number"] == "2" else row["frequency"]})
    clear(root / "label.csv", "coverage")
    assert problems(root) == ["label.csv: concept 2 (wall): frequency is 1, but 2 of the images show it"]


def test_a_label_map_twice_in_one_image_and_an_image_twice_count_once(tmp_path):
    root = published(tmp_path / "b")
    replace(root / "index.csv", "source/1_part_0.png;source/1_part_1.png", "source/1_part_0.png;source/1_part_0.png;3")
    row = next(row for row in (root / "index.csv").read_text().splitlines() if row.startswith("source/2.png"))
    with (root / "index.csv").open("a") as file:
        file.write(row + "\n")
    checked = check_broden(root)
    assert [str(problem) for problem in checked.problems] == ["index.csv: source/2.png is listed twice"]
    assert (checked.images, checked.listed) == (4, 4)


# A long list.


def broken(root, count=60):
    """Of the images each third lacks a label map, and each fifth is of the wrong size."""
    images = [{"color": [rows_of(1, 0, 0, 0)]} for _ in range(count)]
    write_broden(root, images, [], categories=["color"])
    write_statistics(root, NAMES, images)
    for index in range(count):
        if index % 3 == 0:
            (root / "images" / "source" / f"{index}_color_0.png").unlink()
        if index % 5 == 0:
            Image.new("RGB", (2, 2)).save(root / "images" / "source" / f"{index}.png")
    replace(root / "c_color.csv", "1,1,red-c", "7,1,reddish")
    replace(root / "label.csv", "color(60)", "color(61)")
    replace(root / "index.csv", "source/30.png,train", "source/30.png,tomorrow")
    return root


def test_the_order_is_that_of_tables_then_images_whatever_the_number_of_workers(tmp_path):
    root = broken(tmp_path / "b")
    expected = [
        "c_color.csv: row 1 has code 7: codes count from 1, in order",
        "c_color.csv: concept 1 (reddish) is called red-c in label.csv",
        "index.csv: source/30.png: split 'tomorrow' is none of train, val, test",
        "label.csv: concept 1 (red-c): frequency is 60, its categories add to 61",
        "label.csv: concept 1 (red-c): category says color(61), but c_color.csv 60",
    ]
    for index in range(60):
        if index % 5 == 0:
            expected.append(f"images/source/{index}.png: the image is (2, 2), index.csv says (ih, iw) = (8, 12)")
        if index % 3 == 0:
            expected.append(f"images/source/{index}_color_0.png: the label map is missing")
    for workers in (None, 0, 1, 7):
        assert problems(root, workers=workers) == expected


def test_fast_reads_all_tables_and_a_sample_of_the_images(tmp_path):
    root = broken(tmp_path / "b")
    everything = check_broden(root)
    told, samples = [], set()
    for seed in (0, 0, 1, 2):
        checked = check_broden(root, fast=True, sample=9, seed=seed, on_progress=lambda *what: told.append(what))
        assert (checked.images, checked.listed, checked.label_maps) == (9, 60, 9)
        assert set(checked.problems) < set(everything.problems)
        assert checked.problems == tuple(problem for problem in everything.problems if problem in checked.problems)
        assert checked.problems[:5] == everything.problems[:5]
        samples.add(checked.problems)
    assert len(samples) == 3
    assert told == 4 * [("images", done, 9) for done in range(1, 10)]
    assert check_broden(root, fast=True, sample=60) == check_broden(root, fast=True, sample=1000) == everything
    for options in ({"sample": 0}, {"seed": -1}):
        with pytest.raises(NetdissectError, match="a sample of"):
            check_broden(root, fast=True, **options)


# Real data.


def test_the_published_index_of_ade20k(tmp_path):
    """Its rows are as they should be; the tables are made up, with the published names."""
    sample = SHARED / "reference" / "broden" / "index_ade20k_sample.csv"
    if not sample.exists():
        pytest.skip(f"{sample} is not here")
    names = sample.with_name("broden_labels_clean.txt").read_text().splitlines()
    with sample.open(newline="") as file:
        rows = list(csv.DictReader(file))
    scenes = sorted({int(row["scene"]) for row in rows if row["scene"]} - {0})
    categories = ["color", "object", "part", "material", "scene", "texture"]
    concepts = [
        (number, name, {"scene" if number in scenes else "object": 1.0}, ()) for number, name in enumerate(names, 1)
    ]
    root = write_broden(tmp_path / "b", [], concepts, categories=categories)
    (root / "index.csv").write_bytes(sample.read_bytes())
    found = problems(root, fast=True, sample=5)
    assert len(found) >= 10 and all("images/ade20k/" in problem and "is missing" in problem for problem in found)
    shutil.rmtree(root / "images")
    checked = check_broden(root)
    assert checked.problems == (Problem("images", "is missing"),) and checked.listed == len(rows) == 1999


def test_what_is_missing_from_the_index_is_noted(tmp_path):
    """Nothing that is listed is wrong, but little is listed."""
    root = published(tmp_path / "b")
    assert notes(root) == []
    lines = (root / "index.csv").read_text().splitlines(keepends=True)
    (root / "index.csv").write_text("".join(lines[:2]))
    assert problems(root) == []
    noted = notes(root)
    assert any(re.fullmatch(r"images: \d+ files are not in index.csv, the first source/\S+", note) for note in noted)
    assert any(re.fullmatch(r"label.csv: no image shows \d+ of 6 concepts, the first .*", note) for note in noted)


def test_a_directory_of_real_images_made_by_another_program(tmp_path):
    """All that is told is of names that the tool lists though no image of so few has the color."""
    tool, camvid, dtd = SHARED / "tools" / "make_mini_broden.py", SHARED / "data" / "camvid", SHARED / "data" / "dtd"
    for path in (tool, camvid, dtd):
        if not path.exists():
            pytest.skip(f"{path} is not here")
    for kind in ("images", "labels"):
        (tmp_path / "camvid" / kind).mkdir(parents=True)
        for path in sorted((camvid / "train" / kind).iterdir())[::50]:
            (tmp_path / "camvid" / kind / path.name).symlink_to(path)
    for texture in ("banded", "cracked"):
        (tmp_path / "dtd" / texture).mkdir(parents=True)
        for path in sorted((dtd / texture).iterdir())[:3]:
            (tmp_path / "dtd" / texture / path.name).symlink_to(path)
    root = tmp_path / "mini"
    command = [sys.executable, tool, root, "--camvid", tmp_path / "camvid", "--dtd", tmp_path / "dtd", "--size", "90"]
    subprocess.run(command, check=True, capture_output=True)
    checked = check_broden(root)
    assert (checked.images, checked.notes) == (14, ())
    assert checked.problems == ()
