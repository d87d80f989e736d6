"""What ``--source NAME=PATH[:category]`` means."""

import os

import pytest

from netdissect.broden.building.source import Annotation
from netdissect.broden.building.sources import SOURCES, SourceKind, describe_sources, open_sources
from netdissect.broden.building.sources.coco import Coco
from netdissect.broden.building.sources.dtd import Dtd
from netdissect.broden.building.sources.folder import Folder
from netdissect.broden.building.sources.imagefolder import ImageFolder
from netdissect.broden.building.sources.opensurfaces import OpenSurfaces
from netdissect.broden.building.sources.voc import Voc
from netdissect.types import NetdissectError
from tests.broden.building.other_source_files import (
    write_coco_instances,
    write_dtd,
    write_folder,
    write_imagefolder,
    write_opensurfaces,
    write_voc,
)
from tests.broden.building.source_files import write_ade20k, write_pascal

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # in pycocotools


def write_all(root):
    """Writes a small tree of each kind but Pascal's, which have their own tests; returns their paths."""
    box = {"image": "a.jpg", "category": "dog", "segmentation": [[0, 0, 2, 0, 2, 1, 0, 1]]}
    image = {"name": "ADE_train_00000001", "scene": "street", "objects": [[1, 1]]}
    write_ade20k(root / "ade20k", [image], ["sky"])
    return {
        "ade20k": root / "ade20k",
        "opensurfaces": write_opensurfaces(root / "opensurfaces", {"1": [[1]]}),
        "dtd": write_dtd(root / "dtd", {"banded/banded_1.jpg": ["banded"]}),
        "folder": write_folder(root / "folder", {"a": [[0]]}),
        "imagefolder": write_imagefolder(root / "imagefolder", ["beach/a.jpg"]),
        "coco": write_coco_instances(root / "coco", {"a.jpg": (1, 2)}, {7: "dog"}, [box]),
        "voc": write_voc(root / "voc", {"a": [[1]]}),
    }


def categories(source):
    annotation = source.annotation(0)
    assert isinstance(annotation, Annotation)
    return [*annotation.maps, *annotation.whole]


def write_small_pascal(root):
    """One image with an airplane and its body."""
    plane = [[1, 1], [0, 0]]
    return write_pascal(
        root, {"2008_000002": {"context": plane, "objects": [("aeroplane", 1, plane, [("body", plane)])]}}
    )


def test_each_kind(tmp_path):
    paths = write_all(tmp_path)
    found = open_sources([f"{kind}={path}" for kind, path in paths.items()])
    assert [source.name for source in found] == list(paths)
    assert [type(source) for source in found[1:]] == [OpenSurfaces, Dtd, Folder, ImageFolder, Coco, Voc]
    assert [categories(source) for source in found] == [
        ["object", "scene"],
        ["material"],
        ["texture"],
        ["object"],
        ["scene"],
        ["object"],
        ["object"],
    ]
    assert set(SOURCES) == {*paths, "pascal_context", "pascal_part"}


@pytest.mark.parametrize("kind", ["folder", "imagefolder", "coco", "voc"])
@pytest.mark.parametrize(("said", "category"), [("part", "part"), ("Texture", "texture"), ("x-2", "x-2")])
def test_category_of_own_data(tmp_path, kind, said, category):
    (source,) = open_sources([f"{kind}={write_all(tmp_path)[kind]}:{said}"])
    assert categories(source) == [category] and source.name == kind


def test_names_are_unique_and_independent_of_where_data_lies(tmp_path):
    places = [write_folder(tmp_path / place, {"a": [[0]]}) for place in ("z", "y", "x")]
    textures = write_dtd(tmp_path / "d", {"banded/a.jpg": ["banded"]})
    found = open_sources([f"folder={places[0]}", f"dtd={textures}", f"folder={places[1]}:part", f"folder={places[2]}"])
    assert [source.name for source in found] == ["folder", "dtd", "folder2", "folder3"]
    assert [source.image_path(0).parent.parent.name for source in found if "folder" in source.name] == ["z", "y", "x"]
    assert Folder.name == "folder" and open_sources([f"folder={places[2]}"])[0].name == "folder"


def test_published_data_in_two_places(tmp_path):
    specs = [f"ade20k={write_all(tmp_path / place)['ade20k']}" for place in "ab"]
    assert [source.name for source in open_sources(specs)] == ["ade20k", "ade20k2"]


# Pascal.


@pytest.mark.parametrize(
    ("kinds", "shown"),
    [
        (["pascal_context"], ["object"]),
        (["pascal_part"], ["part"]),
        (["pascal_context", "pascal_part"], ["object", "part"]),
        (["pascal_part", "pascal_context"], ["object", "part"]),
    ],
)
def test_pascal_in_one_folder_is_one_source(tmp_path, kinds, shown):
    places = [write_small_pascal(tmp_path), tmp_path / "context" / ".."]  # the same
    found = open_sources([f"{kind}={place}" for kind, place in zip(kinds, places, strict=False)])
    assert [(source.name, categories(source)) for source in found] == [("pascal", shown)]


def test_pascal_stands_where_its_first_half_stood(tmp_path):
    first, last = (write_folder(tmp_path / place, {"a": [[0]]}) for place in "ab")
    pascal = write_small_pascal(tmp_path / "pascal")
    specs = [f"folder={first}", f"pascal_part={pascal}", f"folder={last}", f"pascal_context={pascal}"]
    assert [source.name for source in open_sources(specs)] == ["folder", "pascal", "folder2"]


def test_pascal_in_two_folders_is_two_sources(tmp_path):
    roots = [write_small_pascal(tmp_path / place) for place in "ab"]
    found = open_sources([f"pascal_context={roots[1]}", f"pascal_part={roots[0]}"])
    assert [(source.name, categories(source)) for source in found] == [("pascal", ["object"]), ("pascal2", ["part"])]
    assert [source.image_path(0).is_relative_to(root) for source, root in zip(found, roots[::-1], strict=True)] == [
        True
    ] * 2


# Colons.


@pytest.mark.skipif(os.name == "nt", reason="no colons in the names of files")
def test_a_path_with_colons_is_taken_whole_if_it_exists(tmp_path):
    write_folder(tmp_path / "a:part", {"whole": [[0]]})
    write_folder(tmp_path / "b:c", {"whole": [[0]]})
    (source,) = open_sources([f"folder={tmp_path}/a:part"])
    assert categories(source) == ["object"] and source.image_path(0).name == "whole.jpg"
    assert categories(open_sources([f"folder={tmp_path}/a:part:material"])[0]) == ["material"]
    assert categories(open_sources([f"folder={tmp_path}/b:c:part"])[0]) == ["part"]
    write_folder(tmp_path / "a", {"half": [[0]]})
    assert open_sources([f"folder={tmp_path}/a:part"])[0].image_path(0).name == "whole.jpg"
    assert open_sources([f"folder={tmp_path}/a:scene"])[0].image_path(0).name == "half.jpg"


def test_a_path_with_an_equals_sign(tmp_path):
    write_folder(tmp_path / "size=224", {"a": [[0]]})
    assert len(open_sources([f"folder={tmp_path}/size=224"])[0]) == 1


def test_relative_paths(tmp_path, monkeypatch):
    write_folder(tmp_path / "mine", {"a": [[0]]})
    monkeypatch.chdir(tmp_path)
    assert categories(open_sources(["folder=mine:part"])[0]) == ["part"]


@pytest.mark.parametrize("place", [r"C:\data\mine", "C:/data/mine", r"C:\data\mine:part"])
def test_a_drive_is_no_path_with_a_category(tmp_path, monkeypatch, place):
    (tmp_path / "C").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NetdissectError, match="does not exist"):
        open_sources([f"folder={place}"])


# Registration.


class Herbarium(Voc):
    """A made-up source, which keeps what it was opened with."""

    def __init__(self, path, category=None, layers=()):
        self.name, self.path, self.category, self.layers = "herbarium", path, category, layers


ADDRESS = f"{__name__}:Herbarium"


@pytest.mark.parametrize("takes_category", [True, False])
def test_a_made_up_source(tmp_path, takes_category):
    kind = SourceKind(ADDRESS, takes_category)
    with SOURCES.registered("herbarium", kind, "pressed leaves"):
        (source,) = open_sources([f"herbarium={tmp_path}"])
        assert (source.path, source.category, source.layers) == (tmp_path, None, ())
        own = describe_sources().partition("of your own")[2]
        assert ("herbarium (pressed leaves)" in own) == takes_category
        with pytest.raises(NetdissectError, match="herbarium" if takes_category else "voc$"):
            open_sources(["herbarium"])
        if takes_category:
            (source,) = open_sources([f"herbarium={tmp_path}:Plant"])
            assert source.category == "plant"
        else:
            with pytest.raises(NetdissectError, match="herbarium has categories of its own"):
                open_sources([f"herbarium={tmp_path}:plant"])
    with pytest.raises(NetdissectError, match="no source 'herbarium'"):
        open_sources([f"herbarium={tmp_path}"])


def test_layers_of_one_path_are_read_together(tmp_path):
    leaves, roots = (SourceKind(ADDRESS, layer=layer) for layer in ("leaves", "roots"))
    (tmp_path / "other").mkdir()
    with SOURCES.registered("leaves", leaves), SOURCES.registered("roots", roots):
        both, alone = open_sources([f"roots={tmp_path}", f"leaves={tmp_path}/other", f"leaves={tmp_path}"])
    assert (both.layers, alone.layers) == (("roots", "leaves"), ("leaves",))
    assert (both.name, alone.name) == ("herbarium", "herbarium2")


def test_help_lists_all_sources():
    assert [name for name in SOURCES if f"{name} ({SOURCES.help_of(name)})" not in describe_sources()] == []


# Bad input.


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("", "NAME=PATH"),
        ("folder", "NAME=PATH"),
        ("{root}", "NAME=PATH"),
        ("folder=", "NAME=PATH"),
        ("={root}", "NAME=PATH"),
        ("folders={root}", "'folders'; did you mean folder.* It is ade20k, .* or voc"),
        ("ADE20K={root}", "'ADE20K'.* is ade20k, "),
        ("pascal={root}", "did you mean pascal_part, pascal_context"),
        ("qqqq={root}", "'qqqq'; it is ade20k, "),
        ("folder={root}/nowhere", "nowhere does not exist"),
        ("folder={root}/nowhere:part", "nowhere does not exist"),
        ("folder=:part", ":part does not exist"),
        ("dtd={root}:texture", "dtd has categories of its own"),
        ("ade20k={root}:object", "ade20k has categories of its own"),
        ("pascal_part={root}:part", "pascal_part has categories of its own"),
        ("opensurfaces={root}:", "opensurfaces has categories of its own"),
        ("folder={root}:", "''"),
        ("folder={root}:my part", "'my part'"),
        ("folder={root}:my_part", "'my_part'"),
        ("folder={root}:2nd", "'2nd'"),
        ("folder={root}:été", "'été'"),
        ("folder={root}:part\n", "'part"),
        ("voc={root}:image", "'image'"),
        ("voc={root}:split", "'split'"),
    ],
)
def test_specs_that_make_no_sense(tmp_path, spec, said):
    with pytest.raises(NetdissectError, match=said) as caught:
        open_sources([spec.format(root=tmp_path)])
    assert "\n" not in str(caught.value)


def test_no_specs():
    with pytest.raises(NetdissectError, match="no sources"):
        open_sources([])


@pytest.mark.parametrize("category", ["", ":part"])
def test_the_same_given_twice(tmp_path, category):
    write_folder(tmp_path / "f", {"a": [[0]]})
    with pytest.raises(NetdissectError, match="folder is given twice") as caught:
        open_sources([f"folder={tmp_path}/f", f"folder={tmp_path}/../{tmp_path.name}/f{category}"])
    assert str(tmp_path) in str(caught.value)


def test_pascal_given_twice(tmp_path):
    with pytest.raises(NetdissectError, match="pascal_part is given twice"):
        open_sources([f"pascal_part={tmp_path}", f"pascal_context={tmp_path}", f"pascal_part={tmp_path}"])


def test_a_source_that_cannot_be_opened_says_so(tmp_path):
    with pytest.raises(NetdissectError) as caught:
        open_sources([f"voc={tmp_path}"])
    assert str(tmp_path) in str(caught.value)
