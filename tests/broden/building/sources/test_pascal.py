"""Pascal-Context and Pascal-Part over the images of PASCAL VOC 2010, and the names of parts in ``part2ind.m``."""

import pickle
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import loadmat, savemat

from netdissect.broden.building.sources.part2ind import read_part_names
from netdissect.broden.building.sources.pascal import Pascal
from netdissect.types import BadSampleError, NetdissectError
from tests.broden.building.source_files import (
    LABELS,
    PART2IND,
    PART_LABELS,
    structs,
    write_parts,
    write_pascal,
)

ID = "2008_000002"
CONTEXT = np.array([[2, 2, 25, 0], [431, 284, 25, 459]], dtype=np.uint16)
WHOLE = np.ones((2, 4))


def mask(*rows):
    """Of digits, ``"0110"``, a row each."""
    return np.array([[int(digit) for digit in row] for row in rows])


def plane(*parts, number=1):
    return ("aeroplane", number, WHOLE, list(parts))


BODY = ("body", mask("1110", "1110"))
WING = ("lwing", mask("0011", "0011"))


def image(*objects):
    return {ID: {"context": CONTEXT, "objects": list(objects)}}


def parts_of(root, *objects):
    """What is read of one image with these objects."""
    write_pascal(root, image(*objects))
    return Pascal(root).annotation(0).maps.get("part")


# Pascal-Context.


def test_objects(tmp_path):
    source = Pascal(write_pascal(tmp_path, image(plane(BODY))))
    maps = source.annotation(0).maps
    assert (source.name, len(source)) == ("pascal", 1)
    assert source.image_path(0) == tmp_path / "VOC2010/JPEGImages/2008_000002.jpg" and source.image_path(0).is_file()
    assert maps["object"].tolist() == CONTEXT.tolist() and maps["object"].dtype == np.int32
    assert source.annotation(0).whole == {}


def test_names_of_objects(tmp_path):
    source = Pascal(write_pascal(tmp_path, image(plane(BODY))))
    names = {number: source.names("object", number) for number in (0, *LABELS)}
    assert names == {
        0: (),
        1: ("accordion",),
        2: ("airplane",),
        25: ("bicycle",),
        284: ("pole",),
        431: (),
        459: ("yoga mat",),
    }


def test_unknown_is_found_by_its_name(tmp_path):
    source = Pascal(write_pascal(tmp_path, image(), labels=LABELS | {431: "unknown soldier", 7: "unknown"}))
    assert source.names("object", 7) == () and source.names("object", 431) == ("unknown soldier",)


def test_table_of_labels_with_blank_lines_and_other_line_ends(tmp_path):
    write_pascal(tmp_path, image())
    (tmp_path / "context" / "labels.txt").write_bytes(b"\r\n2:  aeroplane \r\n\r\n 25 : a: b\r\n284: x\n431: y\n459: z")
    source = Pascal(tmp_path)
    assert source.names("object", 2) == ("airplane",) and source.names("object", 25) == ("a: b",)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int32, np.float64])
def test_label_maps_of_any_type_of_number(tmp_path, kind):
    labels = np.array([[1, 2], [25, 0]], dtype=kind)
    read = Pascal(write_pascal(tmp_path, {ID: {"context": labels}}), layers=["context"]).annotation(0).maps["object"]
    assert read.tolist() == [[1, 2], [25, 0]] and read.dtype == np.int32


# Pascal-Part.


def test_later_parts_lie_over_earlier_ones(tmp_path):
    assert parts_of(tmp_path, plane(BODY, WING)).tolist() == [[1, 1, 2, 2], [1, 1, 2, 2]]


def test_parts_of_later_objects_lie_over_those_of_earlier_ones(tmp_path):
    wheel = ("bicycle", 2, WHOLE, [("fwheel", mask("0000", "0100"))])
    labels = parts_of(tmp_path, plane(WING), wheel, plane(BODY), plane(("engine_3", mask("1000", "0000"))))
    assert labels.tolist() == [[3, 1, 1, 2], [1, 1, 1, 2]] and labels.dtype == np.int32
    labels = parts_of(tmp_path, plane(WING), plane(BODY), wheel)
    assert labels.tolist() == [[1, 1, 1, 2], [1, 4, 1, 2]]


def test_part_that_is_only_a_side_hides_what_lies_below_it(tmp_path):
    bus = ("bus", 6, WHOLE, [("roofside", mask("1111", "0000")), ("frontside", mask("0110", "0110"))])
    assert parts_of(tmp_path, bus).tolist() == [[7, 0, 0, 7], [0, 0, 0, 0]]


@pytest.mark.parametrize(
    "objects",
    [[], [("boat", 4, WHOLE, [])], [("boat", 4, WHOLE, []), ("chair", 9, WHOLE, [])]],
    ids=["no objects", "one", "two"],
)
def test_images_without_parts(tmp_path, objects):
    maps = Pascal(write_pascal(tmp_path, image(*objects))).annotation(0).maps
    assert set(maps) == {"object"} and maps["object"].tolist() == CONTEXT.tolist()


def test_no_objects_at_all_as_matlab_may_store_them(tmp_path):
    write_pascal(tmp_path, image())
    savemat(tmp_path / "part" / "Annotations_Part" / f"{ID}.mat", {"anno": {"imname": ID, "objects": np.zeros((0, 0))}})
    assert set(Pascal(tmp_path).annotation(0).maps) == {"object"}


def test_objects_and_parts_in_columns(tmp_path):
    write_pascal(tmp_path, image())
    parts = structs([{"part_name": key, "mask": np.uint8(part)} for key, part in (BODY, WING)]).T
    things = structs([{"class_ind": 1.0, "mask": WHOLE, "parts": parts}] * 2).T
    savemat(tmp_path / "part" / "Annotations_Part" / f"{ID}.mat", {"anno": {"imname": ID, "objects": things}})
    assert Pascal(tmp_path).annotation(0).maps["part"].tolist() == [[1, 1, 2, 2], [1, 1, 2, 2]]


def test_labels_of_parts_follow_the_table(tmp_path):
    source = Pascal(write_pascal(tmp_path, image()))
    assert source.names("part", 0) == ()
    assert {label: source.names("part", label) for label in PART_LABELS} == {
        label: (name,) for label, name in PART_LABELS.items()
    }
    with pytest.raises(KeyError):
        source.names("part", len(PART_LABELS) + 1)


@pytest.mark.parametrize(
    ("number", "key", "label"),
    [
        (1, "body", 1),
        (1, "rwing", 2),
        (1, "engine_1", 3),
        (2, "bwheel", 4),
        (2, "headlight_10", 6),
        (6, "rightmirror", 8),
        (6, "fliplate", 9),
        (7, "door_2", 14),
        (10, "rhorn", 16),
        (13, "lfuleg", 19),
        (13, "rbho", 20),
        (14, "fwheel", 21),
        (15, "llarm", 22),
        (19, "hfrontside", 24),
        (19, "hroofside", 25),
        (19, "coach_2", 26),
        (19, "croofside_1", 27),
    ],
)
def test_label_of_each_kind_of_part(tmp_path, number, key, label):
    labels = parts_of(tmp_path, ("thing", number, WHOLE, [(key, mask("0000", "0010"))]))
    assert labels.tolist() == [[0, 0, 0, 0], [0, 0, label, 0]]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.sampled_from([(1, "body", 1), (1, "lwing", 2), (6, "frontside", 0), (2, "bwheel", 4)]))))
def test_each_pixel_has_its_last_part(objects):
    random = np.random.default_rng(7)
    drawn = [[(key, label, random.integers(0, 2, (3, 4))) for _, key, label in parts] for parts in objects]
    expected = np.zeros((3, 4), dtype=int)
    for row in range(3):
        for column in range(4):
            for parts in drawn:
                for _, label, area in parts:
                    if area[row, column]:
                        expected[row, column] = label
    with tempfile.TemporaryDirectory() as folder:
        things = [
            ("thing", number, np.ones((3, 4)), [(key, area)])
            for parts, areas in zip(objects, drawn, strict=True)
            for (number, _, _), (key, _, area) in zip(parts, areas, strict=True)
        ]
        write_pascal(Path(folder), {ID: {"context": np.zeros((3, 4)), "objects": things}})
        found = Pascal(Path(folder)).annotation(0).maps.get("part")
    if things:
        assert found.tolist() == expected.tolist()
    else:
        assert found is None


# Which images, and which of both data sets.


def several(root):
    images = {name: {"context": CONTEXT, "objects": [plane(BODY)]} for name in ("2010_000003", "2008_000009")}
    return write_pascal(root, images | {"2009_000001": {"context": CONTEXT}})


def test_images_are_those_with_parts(tmp_path):
    source = Pascal(several(tmp_path))
    (tmp_path / "part" / "Annotations_Part" / "notes.txt").touch()
    (tmp_path / "part" / "Annotations_Part" / "._2008_000009.mat").touch()
    assert [source.image_path(index).name for index in range(len(source))] == ["2008_000009.jpg", "2010_000003.jpg"]
    assert len(Pascal(tmp_path)) == 2


def test_context_alone_needs_no_parts(tmp_path):
    several(tmp_path)
    (tmp_path / "part").rename(tmp_path / "elsewhere")
    source = Pascal(tmp_path, layers=["context"])
    names = [source.image_path(index).stem for index in range(len(source))]
    assert names == ["2008_000009", "2009_000001", "2010_000003"]
    assert all(set(source.annotation(index).maps) == {"object"} for index in range(3))


def test_part_alone_needs_no_context(tmp_path):
    several(tmp_path)
    (tmp_path / "context").rename(tmp_path / "elsewhere")
    source = Pascal(tmp_path, layers=["part"])
    assert len(source) == 2 and set(source.annotation(1).maps) == {"part"}
    assert source.annotation(1).maps["part"].tolist() == [[1, 1, 1, 0], [1, 1, 1, 0]]


def test_a_pickled_copy_reads_the_same(tmp_path):
    source = Pascal(write_pascal(tmp_path, image(plane(BODY, WING))))
    copy = pickle.loads(pickle.dumps(source))
    assert copy.image_path(0) == source.image_path(0) and copy.names("part", 27) == ("coach roof",)
    for category in ("object", "part"):
        assert np.array_equal(copy.annotation(0).maps[category], source.annotation(0).maps[category])


# The table of parts.


def read(folder, text):
    (folder / "part2ind.m").write_text(text)
    return read_part_names(folder / "part2ind.m")


def test_parts_of_one_object(tmp_path):
    names = read(tmp_path, PART2IND)
    assert {key: name for (number, key), name in names.items() if number == 1} == {
        "body": ("airplane", "body"),
        "lwing": ("airplane", "left wing"),
        "rwing": ("airplane", "right wing"),
        "engine_1": ("airplane", "engine"),
        "engine_2": ("airplane", "engine"),
        "engine_3": ("airplane", "engine"),
    }


def test_objects_with_a_silhouette_only_have_no_parts(tmp_path):
    assert {number for number, _ in read(tmp_path, PART2IND)} == {1, 2, 6, 7, 10, 13, 14, 15, 19}


def test_copied_parts(tmp_path):
    names = read(tmp_path, PART2IND)
    bus = {key: part for (number, key), (_, part) in names.items() if number == 6}
    assert {key: part for (number, key), (_, part) in names.items() if number == 7} == bus
    assert names[6, "door_1"] == ("bus", "door") and names[7, "door_1"] == ("car", "door")
    horse = {key: name for (number, key), name in names.items() if number == 13}
    assert horse == {
        "head": ("horse", "head"),
        "lfuleg": ("horse", "left front upper leg"),
        "lfho": ("horse", "hoof"),
        "rbho": ("horse", "hoof"),
    }
    assert names[10, "lhorn"] == ("cow", "left horn")  # still


@pytest.mark.parametrize(
    ("key", "name"),
    [
        *((key, "hoof") for key in ("lfho", "rfho", "lbho", "rbho")),
        *((key, "wheel") for key in ("fwheel", "bwheel")),
        *((key, "mirror") for key in ("leftmirror", "rightmirror")),
        ("frontside", "front side"),
        ("leftside", "left side"),
        ("rightside", "right side"),
        ("backside", "back side"),
        ("roofside", "roof side"),
        ("saddle", "saddle"),
    ],
)
def test_keys_without_comments(tmp_path, key, name):
    assert read(tmp_path, f"% [thing]\npimap{{5}}('{key}') = 1;\n") == {(5, key): ("thing", name)}
    commented = read(tmp_path, f"% [thing]\npimap{{5}}('{key}') = 1; %  another   name \n")
    assert commented == {(5, key): ("thing", "another name")}


@pytest.mark.parametrize(
    ("key", "comment", "name"),
    [
        ("door", "", "door"),
        ("fwheel", "", "wheel"),
        ("engine", "% multiple engines", "engine"),
        ("fwheel", "% Multiple front wheels", "wheel"),
        ("cfrontside", "% coach front side", "coach front side"),
    ],
)
def test_numbered_parts(tmp_path, key, comment, name):
    text = f"% [train]\nfor ii = 1:2\n  pimap{{19}}(sprintf('{key}_%d',ii)) = 20+ii; {comment}\nend\n"
    assert read(tmp_path, text) == {(19, f"{key}_1"): ("train", name), (19, f"{key}_2"): ("train", name)}


def test_several_statements_on_a_line(tmp_path):
    text = (
        "for ii = 1:20 pimap{ii} = containers.Map('KeyType','char','ValueType','int32'); end\n% [cow]\n"
        "pimap{6}('a')=1; pimap{6}('b') = 2;\r\n% [dog]\n"
        "keySet = keys(pimap{6}); valueSet = values(pimap{6}); pimap{7} = containers.Map(keySet, valueSet);\n"
        "for ii = 1:1, pimap{7}(sprintf('c_%d', ii)) = 3; end"
    )
    names = {(6, "a"): "cow", (6, "b"): "cow", (7, "a"): "dog", (7, "b"): "dog", (7, "c_1"): "dog"}
    assert read(tmp_path, text) == {place: (thing, place[1][0]) for place, thing in names.items()}


@pytest.mark.parametrize(
    "statement",
    [
        "remove(pimap{5}, 'b');",
        "remove( pimap{5} ,'b' )",
        "pimap{5} = remove(pimap{5}, 'b');",
        "pimap{5}=remove(pimap{5},{'b'});",
        "remove(pimap{5}, {'b', 'c'}); pimap{5}('c') = 3;",
        "remove(pimap{5}, {'c' 'b'}); pimap{5}('c') = 3;  % c",
    ],
)
def test_removal(tmp_path, statement):
    text = "% [thing]\npimap{5}('a') = 1;\npimap{5}('b') = 2;\npimap{5}('c') = 3;\n" + statement
    assert read(tmp_path, text) == {(5, "a"): ("thing", "a"), (5, "c"): ("thing", "c")}


def test_a_copy_has_what_the_class_had_when_its_keys_were_taken(tmp_path):
    text = (
        "% [cow]\npimap{1}('a') = 1;\nkeySet = keys(pimap{1});\nvalueSet = values(pimap{1});\npimap{1}('b') = 1;\n"
        "% [dog]\npimap{2}('c') = 1;\npimap{2} = containers.Map(keySet, valueSet);\n"
    )
    assert set(read(tmp_path, text)) == {(1, "a"), (1, "b"), (2, "a")}


@pytest.mark.parametrize(
    "statement",
    [
        "pimap{5}('a') = [1 2];",
        "pimap{5}('a') = 3 * 4;",
        "pimap{5}(key) = 1;",
        "pimap{5}('a) = 1;",
        "pimap{ii}('a') = 1;",
        "pimap{5}(sprintf('a_%d', ii)) = 1;",  # outside a loop
        "for jj = 1:3",
        "for ii = 1:3 for ii = 1:3",
        "pimap{7} = pimap{6};",
        "pimap{6} = remove(pimap{5}, 'first');",
        "remove(pimap{5}, keySet);",
        "remove(pimap{5}, 'never');",
        "keySet = values(pimap{5});",
        "pimap{6} = containers.Map(keySet, valueSet);",  # without keys
        "keySet = keys(pimap{5}); pimap{6} = containers.Map(keySet, valueSet);",
        "keySet = keys(pimap{4}); valueSet = values(pimap{4}); pimap{6} = containers.Map(keySet, valueSet);",
        "if true",
        "system('rm -r /');",
        "endfor",
        "'",
    ],
)
def test_unknown_statement(tmp_path, statement):
    path = tmp_path / "part2ind.m"
    with pytest.raises(NetdissectError) as caught:
        read(tmp_path, f"function pimap = part2ind()\n% [thing]\npimap{{5}}('first') = 1;\n{statement}\n% [end]\n")
    assert f"{path}: line 4:" in str(caught.value) and "\n" not in str(caught.value)


def test_part_before_any_heading(tmp_path):
    with pytest.raises(NetdissectError, match=r"part2ind\.m: line 1: .*before any heading.*lwing"):
        read(tmp_path, "pimap{1}('lwing') = 3; % left wing\n")


@pytest.mark.parametrize("text", ["", "function pimap = part2ind()\n", "% [boat]\n% only has silhouette mask\n"])
def test_table_without_parts(tmp_path, text):
    with pytest.raises(NetdissectError, match=r"part2ind\.m: .*names no parts"):
        read(tmp_path, text)


def test_table_that_ends_within_a_loop(tmp_path):
    end = PART2IND.index("    pimap{6}(sprintf")
    with pytest.raises(NetdissectError, match=r"part2ind\.m: .*ends within a loop"):
        read(tmp_path, PART2IND[:end])


def test_table_that_is_not_text(tmp_path):
    (tmp_path / "part2ind.m").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(NetdissectError, match=r"part2ind\.m: cannot be read"):
        read_part_names(tmp_path / "part2ind.m")


# Bad input.


@pytest.mark.parametrize(
    "missing",
    [
        "VOC2010/JPEGImages",
        "part/Annotations_Part",
        "part/part2ind.m",
        "context/labels.txt",
        "context/trainval",
    ],
)
def test_incomplete_layout(tmp_path, missing):
    write_pascal(tmp_path, image(plane(BODY)))
    (tmp_path / missing).rename(tmp_path / "elsewhere")
    with pytest.raises(NetdissectError) as caught:
        Pascal(tmp_path)
    assert f"{tmp_path}: no {missing} (" in str(caught.value) and "VOC2010/JPEGImages" in str(caught.value)


def test_another_layout(tmp_path):
    (tmp_path / "VOCdevkit" / "VOC2010" / "JPEGImages").mkdir(parents=True)
    with pytest.raises(NetdissectError) as caught:
        Pascal(tmp_path)
    for wanted in ("VOC2010/JPEGImages", "part/Annotations_Part", "part/part2ind.m", "context/labels.txt"):
        assert wanted in str(caught.value)
    with pytest.raises(NetdissectError) as caught:
        Pascal(tmp_path, layers=["context"])
    assert "context/trainval" in str(caught.value) and "part2ind" not in str(caught.value)


def test_neither_context_nor_part(tmp_path):
    write_pascal(tmp_path, image(plane(BODY)))
    with pytest.raises(NetdissectError, match="no labels"):
        Pascal(tmp_path, layers=())


def test_no_annotations(tmp_path):
    write_pascal(tmp_path, {})
    with pytest.raises(NetdissectError, match=r"Annotations_Part: no \.mat files"):
        Pascal(tmp_path)
    with pytest.raises(NetdissectError, match=r"trainval: no \.mat files"):
        Pascal(tmp_path, layers=["context"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "lists no labels"),
        ("accordion\n", "accordion"),
        ("one: accordion\n", "one"),
        ("1: accordion\n1: bag\n", "1: bag"),
        ("0: background\n", "0: background"),
        ("-1: ghost\n", "-1: ghost"),
        ("99999999999: much\n", "99999999999"),
        ("3:\n", "3:"),
    ],
)
def test_bad_table_of_labels(tmp_path, text, said):
    write_pascal(tmp_path, image(plane(BODY)))
    path = tmp_path / "context" / "labels.txt"
    path.write_text(text)
    with pytest.raises(NetdissectError) as caught:
        Pascal(tmp_path)
    assert str(path) in str(caught.value) and said in str(caught.value) and "\n" not in str(caught.value)


CONTEXT_FILE = f"context/trainval/{ID}.mat"
PART_FILE = f"part/Annotations_Part/{ID}.mat"


def bad_sample(root, file, *said):
    with pytest.raises(BadSampleError) as caught:
        Pascal(root).annotation(0)
    for text in (root / file, *said):
        assert str(text) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("file", [CONTEXT_FILE, PART_FILE])
@pytest.mark.parametrize("compressed", [True, False])
def test_truncated_anywhere(tmp_path, file, compressed):
    write_pascal(tmp_path, image(plane(BODY, WING)))
    variable = "anno" if file == PART_FILE else "LabelMap"
    savemat(tmp_path / file, {variable: loadmat(tmp_path / file)[variable]}, do_compression=compressed)
    Pascal(tmp_path).annotation(0)  # as it should be
    content = (tmp_path / file).read_bytes()
    for end in range(0, len(content) - 8, 23):
        (tmp_path / file).write_bytes(content[:end])
        bad_sample(tmp_path, file)


@pytest.mark.parametrize("file", [CONTEXT_FILE, PART_FILE])
def test_other_files_in_the_place_of_annotations(tmp_path, file):
    write_pascal(tmp_path, image(plane(BODY)))
    (tmp_path / file).write_text("not a .mat file\n" * 50)
    bad_sample(tmp_path, file)
    savemat(tmp_path / file, {"other": CONTEXT})
    bad_sample(tmp_path, file, "anno" if file == PART_FILE else "LabelMap")
    if file == CONTEXT_FILE:
        (tmp_path / file).unlink()
        bad_sample(tmp_path, file, "missing")


@pytest.mark.parametrize("number", [3, 460, 60000, -1])
def test_label_that_the_table_does_not_list(tmp_path, number):
    context = CONTEXT.astype(np.int32)
    context[1, 3] = number
    bad_sample(write_pascal(tmp_path, {ID: {"context": context, "objects": []}}), CONTEXT_FILE, f"label {number} ")


@pytest.mark.parametrize("value", [1.5, np.nan, np.inf, -np.inf, 1e300, 2.0**63])
def test_label_that_is_not_a_whole_number(tmp_path, value):
    context = CONTEXT.astype(np.float64)
    context[1, 3] = value
    bad_sample(write_pascal(tmp_path, {ID: {"context": context, "objects": []}}), CONTEXT_FILE, "whole")


@pytest.mark.parametrize(
    "labels",
    ["text", np.zeros((0, 0)), np.ones((2, 4, 3)), np.ones((2, 4)) * 1j, {"labels": np.ones((2, 4))}],
    ids=["text", "empty", "three axes", "complex", "struct"],
)
def test_label_map_that_is_none(tmp_path, labels):
    write_pascal(tmp_path, image())
    savemat(tmp_path / CONTEXT_FILE, {"LabelMap": labels})
    bad_sample(tmp_path, CONTEXT_FILE, "LabelMap")


@pytest.mark.parametrize(
    ("number", "key"),
    [(1, "trunk"), (1, "chainwheel"), (4, "body"), (21, "body"), (1, "engine_4"), (1, ""), (13, "lhorn")],
)
def test_unknown_part(tmp_path, number, key):
    thing = ("thing", number, WHOLE, [(key, WHOLE)])
    bad_sample(
        write_pascal(tmp_path, image(plane(BODY), thing)), PART_FILE, repr(key), f"class {number} ", "part2ind.m"
    )


@pytest.mark.parametrize(
    "things",
    [
        [plane(("body", np.ones((4, 2))))],
        [plane(BODY, ("lwing", np.ones((1, 4))))],
        [plane(BODY), ("boat", 4, np.ones((2, 5)), [])],
        [plane(BODY), plane(("body", np.ones((2, 1))))],
    ],
)
def test_masks_of_several_sizes(tmp_path, things):
    bad_sample(write_pascal(tmp_path, image(*things)), PART_FILE, "(2, 4)")


def part(**changed):
    return {"part_name": "body", "mask": np.uint8(WHOLE)} | changed


def thing(**changed):
    return {"class": "aeroplane", "class_ind": 1, "mask": np.uint8(WHOLE), "parts": structs([part()])} | changed


def without(row, field):
    return {name: value for name, value in row.items() if name != field}


@pytest.mark.parametrize(
    ("annotation", "said"),
    [
        (np.ones((2, 4)), "objects"),
        ("text", "objects"),
        (np.zeros((0, 0)), "anno"),
        ({"imname": ID}, "objects"),
        (structs([{"objects": structs([thing()])}] * 2), "2 structs"),
        ({"objects": np.ones((1, 2))}, "class_ind"),
        ({"objects": "aeroplane"}, "class_ind"),
        *(({"objects": structs([without(thing(), field)])}, field) for field in ("class_ind", "mask", "parts")),
        ({"objects": structs([thing(parts=np.ones((1, 1)))])}, "part_name"),
        *(({"objects": structs([thing(parts=structs([without(part(), name)]))])}, name) for name in part()),
        ({"objects": structs([thing(mask=np.zeros((0, 0)))])}, "mask"),
        ({"objects": structs([thing(mask=np.ones((2, 4, 2)))])}, "mask"),
        ({"objects": structs([thing(parts=structs([part(mask="text")]))])}, "mask"),
        ({"objects": structs([thing(parts=structs([part(mask=WHOLE * 1j)]))])}, "mask"),
        ({"objects": structs([thing(parts=structs([part(part_name=5)]))])}, "'5'"),
        ({"objects": structs([thing(parts=structs([part(part_name=np.zeros((0, 0)))]))])}, "''"),
        ({"objects": structs([thing(class_ind="one")])}, "class_ind"),
        ({"objects": structs([thing(class_ind=1.5)])}, "class_ind"),
        ({"objects": structs([thing(class_ind=np.array([1, 2]))])}, "class_ind"),
        ({"objects": structs([thing(class_ind=np.zeros((0, 0)))])}, "class_ind"),
    ],
)
def test_wrong_nesting(tmp_path, annotation, said):
    write_pascal(tmp_path, image())
    savemat(tmp_path / PART_FILE, {"anno": {"objects": structs([thing()])}})
    assert Pascal(tmp_path).annotation(0).maps["part"].tolist() == [[1] * 4] * 2  # as it should be
    savemat(tmp_path / PART_FILE, {"anno": annotation})
    bad_sample(tmp_path, PART_FILE, said)


def test_bad_image_leaves_the_others_readable(tmp_path):
    images = {f"2008_00000{place}": {"context": CONTEXT, "objects": [plane(BODY)]} for place in range(3)}
    write_pascal(tmp_path, images)
    write_parts(tmp_path / "part" / "Annotations_Part" / "2008_000001.mat", [plane(("trunk", WHOLE))])
    source = Pascal(tmp_path)
    with pytest.raises(BadSampleError, match=r"2008_000001\.mat.*'trunk'"):
        source.annotation(1)
    assert all(source.annotation(index).maps["part"].max() == 1 for index in (0, 2))
