"""Your own images in a directory per concept, as a source."""

import pickle

import pytest

from netdissect.broden.building.sources.imagefolder import ImageFolder
from netdissect.types import NetdissectError
from tests.broden.building.other_source_files import (
    write_imagefolder,
)
from tests.shared import SHARED


def copied(source):
    """The source as another process gets it."""
    return pickle.loads(pickle.dumps(source))


def test_imagefolder(tmp_path):
    files = ["pine_forest/b.jpg", "pine_forest/2/a.PNG", "beach/z.webp", "Zoo/deep/er/x.tiff", "beach/a.jpeg"]
    source = copied(ImageFolder(write_imagefolder(tmp_path, files)))
    assert (source.name, len(source)) == ("imagefolder", 5)
    assert [source.image_path(index).relative_to(tmp_path).as_posix() for index in range(5)] == [
        "Zoo/deep/er/x.tiff",
        "beach/a.jpeg",
        "beach/z.webp",
        "pine_forest/2/a.PNG",
        "pine_forest/b.jpg",
    ]
    assert [source.annotation(index).whole for index in range(5)] == [{"scene": (n,)} for n in (1, 2, 2, 3, 3)]
    assert not source.annotation(0).maps
    assert [source.names("scene", label) for label in range(4)] == [(), ("Zoo",), ("beach",), ("pine forest",)]


def test_of_another_category(tmp_path):
    source = ImageFolder(write_imagefolder(tmp_path, ["dotted/a.jpg"]), "texture")
    assert source.annotation(0).whole == {"texture": (1,)} and source.names("texture", 1) == ("dotted",)


def test_other_files_do_not_matter(tmp_path):
    hidden = [".hidden/a.jpg", ".b.jpg", "beach/.c.jpg", "beach/.cache/d.jpg"]
    write_imagefolder(tmp_path, ["beach/a.jpg", *hidden])
    (tmp_path / "readme.txt").write_text("")
    (tmp_path / "beach" / "list.csv").write_text("")
    (tmp_path / "beach" / "folder.jpg").mkdir()
    (tmp_path / "empty" / "too").mkdir(parents=True)
    (tmp_path / "alphabet").mkdir()
    (tmp_path / "alphabet" / "a.txt").write_text("")
    source = ImageFolder(tmp_path)
    assert [source.image_path(index) for index in range(len(source))] == [tmp_path / "beach" / "a.jpg"]
    assert source.annotation(0).whole == {"scene": (1,)} and source.names("scene", 1) == ("beach",)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([], "no directory with images"),
        ([".hidden/a.jpg"], "no directory with images"),
        (["empty/.a.jpg"], "no directory with images"),
        (["a.jpg"], r"a\.jpg: an image outside"),
        (["beach/a.jpg", "zoo.png"], r"zoo\.png: an image outside"),
    ],
)
def test_of_another_layout(tmp_path, files, said):
    with pytest.raises(NetdissectError, match=said) as caught:
        ImageFolder(write_imagefolder(tmp_path, files))
    assert str(tmp_path) in str(caught.value)


def test_that_is_none(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "nowhere", tmp_path / "file"):
        with pytest.raises(NetdissectError, match="no such directory") as caught:
            ImageFolder(path)
        assert str(path) in str(caught.value)


def test_of_textures():
    root = SHARED / "data" / "dtd"
    if not root.is_dir():
        pytest.skip(f"{root} is not here")
    source = ImageFolder(root, "texture")
    shown = {source.annotation(index).whole["texture"] for index in range(len(source))}
    assert shown == {(label,) for label in range(1, len(shown) + 1)}
    assert source.names("texture", 1) == ("banded",) and all(
        source.image_path(index).parent.name == source.names("texture", source.annotation(index).whole["texture"][0])[0]
        for index in range(0, len(source), 50)
    )
