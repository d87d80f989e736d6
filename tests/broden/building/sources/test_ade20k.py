"""ADE20K in the layout of its full release of 2016-07-26."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.io import savemat

from netdissect.broden.building.sources.ade20k import Ade20k
from netdissect.types import BadSampleError, NetdissectError
from tests.broden.building.source_files import cells, structs, write_ade20k, write_ade20k_index, write_classes

#: 600 classes, so that numbers need red: class 300 is a tree, 512 a wheel.
CLASSES = [f"thing {number}" for number in range(1, 601)]
CLASSES[0] = "sky"
CLASSES[299] = "tree ,  plant,woody plant, "
CLASSES[511] = "wheel"

OBJECTS = np.array([[0, 1, 1, 300], [255, 256, 1, 600]])
STREET = {"name": "ADE_train_00000001", "scene": "street", "objects": OBJECTS}


def folder_of(root, scene="s/street"):
    return root / "ADE20K_2016_07_26" / "images" / "training" / scene


def test_objects_parts_and_scene(tmp_path):
    first, second = np.array([[0, 0, 512, 1], [0, 3, 0, 0]]), np.array([[0, 0, 4, 0], [0, 0, 0, 0]])
    write_ade20k(tmp_path, [STREET | {"parts": [first, second]}], CLASSES)
    source = Ade20k(tmp_path)
    assert (source.name, len(source)) == ("ade20k", 1)
    assert source.image_path(0) == folder_of(tmp_path) / "ADE_train_00000001.jpg" and source.image_path(0).is_file()
    annotation = source.annotation(0)
    assert set(annotation.maps) == {"object", "part"}
    assert annotation.maps["object"].tolist() == OBJECTS.tolist()
    assert annotation.maps["part"].tolist() == [first.tolist(), second.tolist()]
    assert annotation.maps["object"].dtype == annotation.maps["part"].dtype == np.int32
    assert annotation.whole == {"scene": (1,)}


def test_names(tmp_path):
    write_ade20k(tmp_path, [STREET], CLASSES)
    source = Ade20k(tmp_path)
    for category in ("object", "part"):
        assert source.names(category, 0) == ()
        assert source.names(category, 1) == ("sky",)
        assert source.names(category, 300) == ("tree", "plant", "woody plant")
        assert source.names(category, 600) == ("thing 600",)
    assert source.names("scene", 1) == ("street-s",)


def test_class_of_colors_worked_by_hand(tmp_path):
    write_ade20k(tmp_path, [STREET], [f"thing {number}" for number in range(6700)])
    colors = [
        [[0, 0, 255], [9, 7, 3], [10, 0, 0], [19, 255, 0]],
        [[20, 1, 1], [119, 2, 9], [255, 255, 255], [0, 255, 0]],
    ]
    Image.fromarray(np.array(colors, dtype=np.uint8)).save(folder_of(tmp_path) / "ADE_train_00000001_seg.png")
    expected = [[0, 7, 256, 511], [513, 2818, 6655, 255]]
    assert Ade20k(tmp_path).annotation(0).maps["object"].tolist() == expected


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    """A source of one image, whose files of labels may be replaced."""
    root = tmp_path_factory.mktemp("ade20k")
    write_ade20k(root, [STREET], CLASSES)
    return Ade20k(root)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 600), min_size=1, max_size=12), st.integers(0, 3))
def test_any_classes_in_any_number_of_layers(street, classes, layers):
    objects = np.array([classes])
    parts = [np.roll(objects, layer) for layer in range(layers)]
    image = street.image_path(0)
    for path in image.parent.glob("*_parts_*.png"):
        path.unlink()
    write_classes(image.with_name(f"{image.stem}_seg.png"), objects)
    for layer, part in enumerate(parts, 1):
        write_classes(image.with_name(f"{image.stem}_parts_{layer}.png"), part)
    maps = street.annotation(0).maps
    assert np.array_equal(maps["object"], objects)
    assert ("part" in maps) == bool(layers)
    if layers:
        assert np.array_equal(maps["part"], np.stack(parts))


@pytest.mark.parametrize(("there", "read"), [([], 0), ([1], 1), ([2], 0), ([1, 3], 1), ([1, 2, 4], 2)])
def test_layers_of_parts_up_to_the_first_missing(tmp_path, there, read):
    write_ade20k(tmp_path, [STREET], CLASSES)
    for layer in there:
        write_classes(folder_of(tmp_path) / f"ADE_train_00000001_parts_{layer}.png", np.full((2, 4), layer))
    maps = Ade20k(tmp_path).annotation(0).maps
    if read == 0:
        assert set(maps) == {"object"}
    else:
        assert maps["part"].shape == (read, 2, 4)
        assert [int(layer.max()) for layer in maps["part"]] == list(range(1, read + 1))


def test_scenes(tmp_path):
    scenes = ["street", "wine_cellar - barrel_storage", "~not labeled", "Zen/garden", "bakery/shop", "street", "abbey"]
    images = [STREET | {"name": f"ADE_val_{place:08}", "scene": scene} for place, scene in enumerate(scenes)]
    write_ade20k(tmp_path, images, CLASSES)
    source = Ade20k(tmp_path)
    names = [source.annotation(index).whole for index in range(len(source))]
    assert "scene" not in names[2]
    numbers = [0 if index == 2 else whole["scene"][0] for index, whole in enumerate(names)]
    assert numbers == [4, 5, 0, 1, 3, 4, 2]  # capitals before small letters
    assert [source.names("scene", number) for number in range(6)] == [
        (),
        ("zen-garden-s",),
        ("abbey-s",),
        ("bakery-shop-s",),
        ("street-s",),
        ("wine_cellar-barrel_storage-s",),
    ]


@pytest.mark.parametrize("across", [True, False])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_texts_in_rows_and_columns(tmp_path, across, count):
    images = [
        STREET | {"name": f"ADE_train_{place:08}", "scene": f"scene {place}", "objects": np.full((2, 3), place)}
        for place in range(count)
    ]
    write_ade20k(tmp_path, images, CLASSES, across=across)
    source = Ade20k(tmp_path)
    assert len(source) == count
    for place in range(count):
        assert source.image_path(place).name == f"ADE_train_{place:08}.jpg"
        assert np.array_equal(source.annotation(place).maps["object"], np.full((2, 3), place))
        assert source.names("scene", source.annotation(place).whole["scene"][0]) == (f"scene {place}-s",)


def test_texts_without_cells(tmp_path):
    """As MATLAB stores a text alone, and rows of texts that it has filled up with spaces."""
    release = write_ade20k(tmp_path, [STREET], CLASSES)
    index = {
        "filename": "ADE_train_00000001.jpg",
        "folder": "ADE20K_2016_07_26/images/training/s/street",
        "scene": "street",
        "objectnames": np.array(["sky, air", "tree    ", "w       "]),
    }
    savemat(release / "index_ade20k.mat", {"index": index})
    source = Ade20k(tmp_path)
    assert [source.names("object", number) for number in (1, 2, 3)] == [("sky", "air"), ("tree",), ("w",)]
    assert source.image_path(0).is_file() and source.names("scene", 1) == ("street-s",)


def test_more_variables_and_empty_texts(tmp_path):
    release = write_ade20k(tmp_path, [STREET | {"objects": np.ones((1, 1), int)}], CLASSES)
    index = {
        "filename": cells(["ADE_train_00000001.jpg"]),
        "folder": cells(["ADE20K_2016_07_26/images/training/s/street"]),
        "scene": cells([""]),
        "objectnames": cells(["", "sky"], across=False),
    }
    savemat(release / "index_ade20k.mat", {"other": np.zeros((3, 3)), "index": index})
    source = Ade20k(tmp_path)
    assert source.names("object", 1) == () and source.names("object", 2) == ("sky",)
    assert source.annotation(0).whole == {}


def test_root_is_the_release_or_holds_it_whatever_its_name(tmp_path):
    release = write_ade20k(tmp_path, [STREET], CLASSES)
    assert Ade20k(tmp_path).image_path(0) == Ade20k(release).image_path(0)
    renamed = release.rename(tmp_path / "ade")
    source = Ade20k(renamed)
    assert source.image_path(0) == renamed / "images/training/s/street/ADE_train_00000001.jpg"
    assert source.annotation(0).maps["object"].tolist() == OBJECTS.tolist()


def test_a_pickled_copy_reads_the_same(tmp_path):
    write_ade20k(tmp_path, [STREET | {"parts": [OBJECTS]}], CLASSES)
    source = Ade20k(tmp_path)
    copy = pickle.loads(pickle.dumps(source))
    assert copy.image_path(0) == source.image_path(0) and copy.names("object", 300) == source.names("object", 300)
    assert np.array_equal(copy.annotation(0).maps["part"], OBJECTS[None])
    assert copy.annotation(0).whole == {"scene": (1,)}


# Bad input.


def fails(root, said, kind=NetdissectError):
    with pytest.raises(NetdissectError) as caught:
        Ade20k(root)
    assert type(caught.value) is kind  # not an error that a run may skip
    assert "index_ade20k.mat" in str(caught.value) and said in str(caught.value) and "\n" not in str(caught.value)


def test_no_index(tmp_path):
    fails(tmp_path, str(tmp_path))
    (tmp_path / "ADEChallengeData2016").mkdir()
    fails(tmp_path, "ADE20K_2016_07_26")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.3, 0.6, 0.9, 0.99])
def test_truncated_index(tmp_path, share):
    path = write_ade20k(tmp_path, [STREET], CLASSES) / "index_ade20k.mat"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    fails(tmp_path, str(path))


def test_index_of_a_newer_matlab(tmp_path):
    path = write_ade20k(tmp_path, [STREET], CLASSES) / "index_ade20k.mat"
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(384) + b"\x89HDF\r\n\x1a\n")
    fails(tmp_path, "cannot be read")


TEXTS = {
    "filename": ["ADE_train_00000001.jpg"],
    "folder": ["ADE20K_2016_07_26/images/training/s/street"],
    "scene": ["street"],
    "objectnames": ["sky"],
}


@pytest.mark.parametrize("field", list(TEXTS))
def test_missing_field(tmp_path, field):
    path = write_ade20k(tmp_path, [STREET], CLASSES) / "index_ade20k.mat"
    write_ade20k_index(path, TEXTS)
    assert len(Ade20k(tmp_path)) == 1  # as it should be
    write_ade20k_index(path, {name: texts for name, texts in TEXTS.items() if name != field})
    fails(tmp_path, field)


@pytest.mark.parametrize(
    "index", [np.zeros((3, 3)), "text", np.zeros((0, 0)), cells(["a", "b"]), structs([TEXTS, TEXTS])]
)
def test_index_that_is_not_one_struct(tmp_path, index):
    path = write_ade20k(tmp_path, [STREET], CLASSES) / "index_ade20k.mat"
    savemat(path, {"index": index})
    fails(tmp_path, "filename, folder, scene, objectnames")


def test_no_index_in_the_index(tmp_path):
    path = write_ade20k(tmp_path, [STREET], CLASSES) / "index_ade20k.mat"
    savemat(path, {"table": TEXTS})
    fails(tmp_path, "'index'")


@pytest.mark.parametrize("field", ["filename", "folder", "scene"])
def test_fields_of_different_lengths(tmp_path, field):
    path = write_ade20k(tmp_path, [STREET], CLASSES) / "index_ade20k.mat"
    write_ade20k_index(path, TEXTS | {field: TEXTS[field] * 2})
    fails(tmp_path, f"2 of {field}")


@pytest.mark.parametrize("field", list(TEXTS))
@pytest.mark.parametrize("entry", [np.array([[5.0]]), cells(["street"])], ids=["number", "nested"])
def test_entry_that_is_not_a_text(tmp_path, field, entry):
    path = write_ade20k(tmp_path, [STREET], CLASSES) / "index_ade20k.mat"
    found = np.empty((1, 1), dtype=object)
    found[0, 0] = entry
    savemat(path, {"index": {name: cells(texts) for name, texts in TEXTS.items()} | {field: found}})
    fails(tmp_path, field)


@pytest.mark.parametrize(
    ("emptied", "said"), [(("filename", "folder", "scene"), "images"), (("objectnames",), "classes")]
)
def test_empty_index(tmp_path, emptied, said):
    path = write_ade20k(tmp_path, [STREET], CLASSES) / "index_ade20k.mat"
    write_ade20k_index(path, TEXTS | {field: [] for field in emptied})
    fails(tmp_path, f"lists no {said}")


def bad_sample(root, *said):
    with pytest.raises(BadSampleError) as caught:
        Ade20k(root).annotation(0)
    for text in said:
        assert str(text) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("file", ["seg", "parts_1", "parts_2"])
def test_class_above_the_table(tmp_path, file):
    write_ade20k(tmp_path, [STREET | {"parts": [OBJECTS, OBJECTS]}], CLASSES)
    assert Ade20k(tmp_path).annotation(0).maps["object"].max() == 600  # the last that is listed
    path = folder_of(tmp_path) / f"ADE_train_00000001_{file}.png"
    write_classes(path, OBJECTS + (OBJECTS == 600))
    bad_sample(tmp_path, path, "class 601")


@pytest.mark.parametrize("file", ["seg", "parts_1"])
@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1", "I;16"])
def test_png_of_another_mode(tmp_path, file, mode):
    write_ade20k(tmp_path, [STREET | {"parts": [OBJECTS]}], CLASSES)
    path = folder_of(tmp_path) / f"ADE_train_00000001_{file}.png"
    Image.new(mode, (4, 2)).save(path)
    bad_sample(tmp_path, path, mode)


@pytest.mark.parametrize("harm", ["missing", "empty", "text", "truncated", "folder"])
def test_unreadable_png(tmp_path, harm):
    write_ade20k(tmp_path, [STREET | {"objects": np.arange(600).reshape(20, 30)}], CLASSES)
    path = folder_of(tmp_path) / "ADE_train_00000001_seg.png"
    content = path.read_bytes()
    path.unlink()
    if harm == "folder":
        path.mkdir()
    elif harm != "missing":
        path.write_bytes({"empty": b"", "text": b"not an image", "truncated": content[: len(content) // 2]}[harm])
    bad_sample(tmp_path, path)


def test_parts_of_another_size_than_the_objects(tmp_path):
    write_ade20k(tmp_path, [STREET | {"parts": [OBJECTS, OBJECTS.T]}], CLASSES)
    bad_sample(tmp_path, "ADE_train_00000001_parts_2.png", "(4, 2)", "(2, 4)")


def test_bad_image_leaves_the_others_readable(tmp_path):
    images = [STREET | {"name": f"ADE_train_{place:08}"} for place in range(3)]
    write_ade20k(tmp_path, images, CLASSES)
    (folder_of(tmp_path) / "ADE_train_00000001_seg.png").unlink()
    source = Ade20k(tmp_path)
    with pytest.raises(BadSampleError, match=r"ADE_train_00000001_seg\.png"):
        source.annotation(1)
    assert all(source.annotation(index).maps["object"].tolist() == OBJECTS.tolist() for index in (0, 2))


@pytest.mark.parametrize(
    ("field", "text"), [("filename", "../../a.jpg"), ("filename", "/a.jpg"), ("folder", "ADE20K_2016_07_26/../other")]
)
def test_image_outside_the_release(tmp_path, field, text):
    path = write_ade20k(tmp_path, [STREET], CLASSES) / "index_ade20k.mat"
    write_ade20k_index(path, TEXTS | {field: [text]})
    fails(tmp_path, text)
