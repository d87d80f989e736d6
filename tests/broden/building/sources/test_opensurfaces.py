"""OpenSurfaces in the layout that its own script writes."""

import pickle

import numpy as np
import pytest
from PIL import Image

from netdissect.broden.building.sources.opensurfaces import OpenSurfaces
from netdissect.types import BadSampleError, NetdissectError
from tests.broden.building.other_source_files import write_opensurfaces
from tests.damage import cut


def test_red_is_the_material(tmp_path):
    write_opensurfaces(tmp_path, {"39": [[0, 1, 2], [3, 4, 45]], "7": [[2, 2, 2], [0, 0, 2]]})
    source = OpenSurfaces(tmp_path)
    assert (source.name, len(source)) == ("opensurfaces", 2)
    assert [source.image_path(index) for index in (0, 1)] == [
        tmp_path / "photos" / name for name in ("39.jpg", "7.jpg")
    ]
    assert all(source.image_path(index).is_file() for index in (0, 1))
    annotation = source.annotation(0)
    assert set(annotation.maps) == {"material"} and not annotation.whole
    assert annotation.maps["material"].dtype == np.int32
    assert annotation.maps["material"].tolist() == [[0, 1, 2], [3, 4, 45]]
    assert source.annotation(1).maps["material"].tolist() == [[2, 2, 2], [0, 0, 2]]


def test_names_are_split_at_slashes_only(tmp_path):
    substances = {
        1: "Brick",
        2: "Fabric/cloth",
        3: " Plastic - clear ",
        4: "Paper / tissue/",
        255: "Wallboard, painted",
    }
    source = OpenSurfaces(write_opensurfaces(tmp_path, {"1": [[1]]}, substances))
    names = [source.names("material", label) for label in (0, *substances)]
    assert names == [
        (),
        ("brick",),
        ("fabric", "cloth"),
        ("plastic-clear",),
        ("paper", "tissue"),
        ("wallboard, painted",),
    ]


def test_photos_without_labels_stay(tmp_path):
    source = OpenSurfaces(write_opensurfaces(tmp_path, {"1": [[0, 0]], "2": [[1, 1]]}))
    assert len(source) == 2 and not source.annotation(0).maps["material"].any()


def test_a_copy_says_the_same(tmp_path):
    source = OpenSurfaces(write_opensurfaces(tmp_path, {"1": [[0, 45]]}))
    copy = pickle.loads(pickle.dumps(source))
    assert copy.annotation(0).maps["material"].tolist() == [[0, 45]] and copy.image_path(0) == source.image_path(0)
    assert copy.names("material", 45) == ("wood-painted",)


# Bad input.


@pytest.mark.parametrize("red", [5, 44, 46, 255])
def test_red_that_no_row_lists(tmp_path, red):
    source = OpenSurfaces(write_opensurfaces(tmp_path, {"1": [[0, 1]], "2": [[1, red]]}))
    assert source.annotation(0).maps["material"].tolist() == [[0, 1]]
    with pytest.raises(BadSampleError) as caught:
        source.annotation(1)
    assert str(tmp_path / "photos-labels" / "2.png") in str(caught.value) and f"red {red} " in str(caught.value)


@pytest.mark.parametrize("harm", ["truncated", "missing", "empty", "text", "L", "P", "RGBA", "I;16", "1"])
def test_bad_label_map_is_named(tmp_path, harm):
    random = np.random.default_rng(1)
    write_opensurfaces(tmp_path, {"1": random.choice([0, 1, 2, 3], (40, 50)), "2": [[1]]})
    path = tmp_path / "photos-labels" / "1.png"
    if harm == "truncated":
        cut(path)
    elif harm == "missing":
        path.unlink()
    elif harm in ("empty", "text"):
        path.write_text("" if harm == "empty" else "not a PNG")
    else:
        Image.new(harm, (50, 40)).save(path)
    source = OpenSurfaces(tmp_path)
    with pytest.raises(BadSampleError) as caught:
        source.annotation(0)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert source.annotation(1).maps["material"].tolist() == [[1]]


@pytest.mark.parametrize("table", ["photos.csv", "label-substance-colors.csv"])
@pytest.mark.parametrize("harm", ["missing", "empty", "header only", "image"])
def test_table_without_rows(tmp_path, table, harm):
    write_opensurfaces(tmp_path, {"1": [[1]]})
    path = tmp_path / table
    if harm == "missing":
        path.unlink()
    elif harm == "image":
        path.write_bytes((tmp_path / "photos-labels" / "1.png").read_bytes())
    else:
        path.write_text("" if harm == "empty" else path.read_text().splitlines()[0] + "\n")
    with pytest.raises(NetdissectError) as caught:
        OpenSurfaces(tmp_path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("table", "old", "new", "said"),
    [
        ("photos.csv", "photo_id", "id", "photo_id"),
        ("photos.csv", "39,", "../39,", r"'\.\./39'"),
        ("photos.csv", "39,", ",", "''"),
        ("photos.csv", "39,", "40,", "'40'"),
        ("label-substance-colors.csv", "red_color", "red", "red_color"),
        ("label-substance-colors.csv", "substance_name", "name", "substance_name"),
        ("label-substance-colors.csv", "Brick,1", "Brick,0", "red_color 0 "),
        ("label-substance-colors.csv", "Brick,1", "Brick,-1", "red_color -1 "),
        ("label-substance-colors.csv", "Brick,1", "Brick,256", "red_color 256 "),
        ("label-substance-colors.csv", "Brick,1", "Brick,2", "red_color 2 "),
        ("label-substance-colors.csv", "Brick,1", "Brick,one", "'one'"),
    ],
)
def test_tables_that_make_no_sense(tmp_path, table, old, new, said):
    write_opensurfaces(tmp_path, {"39": [[1]], "40": [[1]]})
    text = (tmp_path / table).read_text()
    assert old in text
    (tmp_path / table).write_text(text.replace(old, new))
    with pytest.raises(NetdissectError, match=said) as caught:
        OpenSurfaces(tmp_path)
    assert str(tmp_path / table) in str(caught.value)
