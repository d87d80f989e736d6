"""DTD in the layout of its release 1.0.1."""

import pickle

import pytest

from netdissect.broden.building.sources.dtd import Dtd
from netdissect.types import NetdissectError
from tests.broden.building.other_source_files import write_dtd

JOINT = {
    "banded/banded_0002.jpg": ["banded"],
    "grooved/grooved_0041.jpg": ["grooved", "banded", "lined"],
    "polka-dotted/polka-dotted_0038.jpg": ["polka-dotted", "dotted", "polka-dotted", "banded", "dotted"],
}

#: By name: banded, dotted, grooved, lined, polka-dotted.
LABELS = [(1,), (3, 1, 4), (5, 2, 1)]


@pytest.mark.parametrize("folder", ["", "dtd", "dtd-r1.0.1"])
def test_textures_of_whole_images_in_the_files_order(tmp_path, folder):
    write_dtd(tmp_path / folder, JOINT)
    source = Dtd(tmp_path)
    assert (source.name, len(source)) == ("dtd", 3)
    assert [source.annotation(index).whole for index in range(3)] == [{"texture": labels} for labels in LABELS]
    assert not any(source.annotation(index).maps for index in range(3))
    assert [source.image_path(index) for index in range(3)] == [tmp_path / folder / "images" / file for file in JOINT]
    assert all(source.image_path(index).is_file() for index in range(3))
    names = [source.names("texture", label) for label in range(6)]
    assert names == [(), ("banded",), ("dotted",), ("grooved",), ("lined",), ("polka-dotted",)]


def test_the_folder_itself_goes_before_one_inside(tmp_path):
    write_dtd(tmp_path, JOINT)
    write_dtd(tmp_path / "dtd", {"wavy/wavy_1.jpg": ["wavy"]})
    assert len(Dtd(tmp_path)) == 3 and len(Dtd(tmp_path / "dtd")) == 1


def test_a_copy_says_the_same(tmp_path):
    copy = pickle.loads(pickle.dumps(Dtd(write_dtd(tmp_path, JOINT))))
    assert [copy.annotation(index).whole["texture"] for index in range(3)] == LABELS


def test_any_white_space(tmp_path):
    write_dtd(tmp_path, JOINT)
    path = tmp_path / "labels" / "labels_joint_anno.txt"
    path.write_bytes(path.read_bytes().replace(b" \n", b"\r\n\r\n").replace(b" ", b" \t ") + b"  \t\r\n")
    source = Dtd(tmp_path)
    assert [source.annotation(index).whole["texture"] for index in range(len(source))] == LABELS


# Bad input.


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("banded/banded_0009.jpg", r"line 2: banded/banded_0009\.jpg has no texture"),
        ("banded/banded_0009.jpg \t ", r"line 2: banded/banded_0009\.jpg has no texture"),
        ("/banded/banded_0009.jpg banded", r"line 2: /banded/banded_0009\.jpg does not lie below"),
        ("banded/../../../secret.jpg banded", r"line 2: banded/\.\./.* does not lie below"),
        (".. banded", r"line 2: \.\. does not lie below"),
        ("banded/banded_0002.jpg dotted", r"line 2: banded/banded_0002\.jpg is listed twice"),
    ],
)
def test_lines_that_make_no_sense(tmp_path, line, said):
    write_dtd(tmp_path, JOINT)
    path = tmp_path / "labels" / "labels_joint_anno.txt"
    first, *others = path.read_text().splitlines()
    path.write_text("\n".join([first, line, *others]))
    with pytest.raises(NetdissectError, match=said) as caught:
        Dtd(tmp_path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\n \n", b"banded/\xff\xfe.jpg banded\n"])
def test_file_that_lists_nothing(tmp_path, content):
    write_dtd(tmp_path, JOINT)
    path = tmp_path / "labels" / "labels_joint_anno.txt"
    path.write_bytes(content)
    with pytest.raises(NetdissectError) as caught:
        Dtd(tmp_path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("folder", ["", "banded"])
def test_another_folder(tmp_path, folder):
    (tmp_path / folder).mkdir(exist_ok=True)
    with pytest.raises(NetdissectError, match="no labels/labels_joint_anno") as caught:
        Dtd(tmp_path)
    assert str(tmp_path) in str(caught.value)
