"""The sheet of images that show a concept."""

import numpy as np
import pytest
from PIL import Image

from netdissect.concepts import FolderDataset, Scenes
from netdissect.concepts.find import find_concept
from netdissect.concepts.sheet import TILE, SheetOptions, light_up, write_sheet
from netdissect.labels import Labels
from netdissect.types import BadSampleError, Concept, NetdissectError
from tests.opened import opened
from tests.planted import MemoryDataset
from tests.shared import SHARED

CONCEPTS = (Concept(1, "car", "object", ("automobile", "Auto")), Concept(2, "door", "object"))


# Lighting up.

RED = (200, 40, 40)


def test_inside_is_the_image_and_outside_is_dark_and_pale():
    mask = np.zeros((112, 112), dtype=bool)
    mask[:, :56] = True
    lit = np.asarray(light_up(Image.new("RGB", (50, 50), RED), mask)).astype(int)
    assert lit.shape == (TILE, TILE, 3)
    assert (lit[:, : TILE // 2 - 1] == RED).all()
    outside = lit[:, TILE // 2 + 2 :]
    assert (outside == outside[0, 0]).all() and outside[0, 0].max() < 70
    assert np.ptp(outside[0, 0]) < np.ptp(RED) / 4
    line = lit[:, TILE // 2 - 1 : TILE // 2 + 2].max(axis=1)
    assert (line > 110).all()  # in every row, in each channel


@pytest.mark.parametrize(
    ("size", "expected"), [((400, 300), (224, 168)), ((30, 60), (112, 224)), ((5000, 3), (224, 1))]
)
def test_the_longer_side_is_that_of_a_tile(size, expected):
    mask = np.ones((7, 9), dtype=bool)
    assert light_up(Image.new("RGB", size), mask).size == expected


@pytest.mark.parametrize("shape", [(112, 112), (113, 113), (1, 1), (600, 600)])
def test_a_concept_of_the_whole_image_leaves_it_as_it_is(shape):
    slope = np.linspace(0, 255, TILE).astype(np.uint8)
    pixels = np.stack(np.broadcast_arrays(slope[:, None], slope[None], 99), axis=-1).astype(np.uint8)
    lit = np.asarray(light_up(Image.fromarray(pixels), np.ones(shape, dtype=bool)))
    assert np.abs(lit.astype(int) - pixels).max() < 5


@pytest.mark.parametrize("shape", [(112, 112), (113, 113), (192, 192), (448, 448), (600, 500), (2000, 2000)])
@pytest.mark.parametrize("place", [(0, 0), (0.31, 0.77), (0.999, 0.999)])
def test_a_single_pixel_can_be_seen_where_it_is(shape, place):
    mask = np.zeros(shape, dtype=bool)
    row, column = (int(share * side) for share, side in zip(place, shape, strict=True))
    mask[row, column] = True
    lit = np.asarray(light_up(Image.new("RGB", (99, 99), (90, 90, 90)), mask)).astype(int)
    rows, columns = np.nonzero(lit.max(axis=2) > 60)
    assert len(rows) > 0
    assert np.abs(rows - (row + 0.5) / shape[0] * TILE).max() < 5
    assert np.abs(columns - (column + 0.5) / shape[1] * TILE).max() < 5


# Sheets.

MAPS = np.zeros((2, 4, 6), dtype=np.int32)
MAPS[0, :2, :3] = 2
MAPS[1, 1:3, :3] = 2


class Flat(MemoryDataset):
    """Image ``i`` is of the color (i + 1, 100, 0). All carry concept 2 in a part, the odd ones 1 in the whole image."""

    bad = ()

    def __init__(self, count):
        labels = [Labels(MAPS, (1,) if index % 2 else ()) for index in range(count)]
        super().__init__(labels, (*CONCEPTS, Concept(3, "never", "part")), (4, 6))

    def image(self, index):
        if index in self.bad:
            raise BadSampleError(f"image {index} is damaged")
        return Image.new("RGB", (24, 16), (index + 1, 100, 0))


def shown(path, pixels=TILE * 149):
    """The indices of the flat images that fill a whole tile."""
    colors = np.asarray(opened(path)).reshape(-1, 3)
    unique, counts = np.unique(colors[(colors[:, 1] == 100) & (colors[:, 2] == 0), 0], return_counts=True)
    return [int(red) - 1 for red, count in zip(unique, counts, strict=True) if count == pixels]


def test_all_images_of_a_concept_each_in_a_tile(tmp_path):
    path = tmp_path / "deep" / "sheet.png"
    assert write_sheet(Flat(11), CONCEPTS[0], path) == 5
    assert shown(path) == [1, 3, 5, 7, 9]
    assert opened(path).format == "PNG"


def test_images_are_drawn_by_seed(tmp_path):
    data, drawn = Flat(100), []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        assert write_sheet(data, CONCEPTS[0], tmp_path / f"{name}.png", SheetOptions(count=6, seed=seed)) == 6
        drawn.append(shown(tmp_path / f"{name}.png"))
    assert drawn[0] == drawn[1] != drawn[2]
    assert all(len(indices) == 6 and all(index % 2 for index in indices) for indices in drawn)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert max(drawn[0] + drawn[2]) > 50  # not merely the first


def test_a_concept_in_a_part_of_the_image(tmp_path):
    """Three of four rows and half of the columns, in two layers that overlap."""
    write_sheet(Flat(1), CONCEPTS[1], tmp_path / "sheet.png")
    colors = np.asarray(opened(tmp_path / "sheet.png"))
    lit = (colors == (1, 100, 0)).all(axis=2).sum() / (TILE * 149)
    assert 0.34 < lit < 3 / 8


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".jpeg"])
def test_jpeg(tmp_path, suffix):
    assert write_sheet(Flat(4), CONCEPTS[1], tmp_path / f"sheet{suffix}", SheetOptions(count=3)) == 3
    assert opened(tmp_path / f"sheet{suffix}").format == "JPEG"


def ink(path, box):
    return int((np.asarray(opened(path).convert("L").crop(box)) < 180).sum())


def test_what_is_written(tmp_path):
    """A title wider than the tiles fits; a name too long for its tile is cut, and leaves room for the share."""
    data = Flat(1)
    path = tmp_path / "sheet.png"
    write_sheet(data, Concept(2, "door", "object"), path)
    width = opened(path).width
    assert ink(path, (0, 0, width, 100)) > 300
    long = Concept(2, "a door of a very long name " * 5, "object")
    write_sheet(data, long, path)
    wide = opened(path).width
    assert wide > 2 * width and ink(path, (wide - 28, 0, wide, 100)) == 0 and ink(path, (wide - 120, 0, wide, 100)) > 0
    write_sheet(data, CONCEPTS[1], path)
    height = opened(path).height
    caption = (28 + TILE - 35, height - 28 - 24, 28 + TILE, height - 28)
    before = opened(path).crop(caption).tobytes()
    data.image_name = lambda index: 20 * "a name " + "end"
    write_sheet(data, CONCEPTS[1], path)
    assert opened(path).crop(caption).tobytes() == before
    assert ink(path, (28 + TILE, 120, opened(path).width, height)) == 0
    assert ink(path, (28, height - 28 - 24, 28 + TILE - 60, height - 28)) > 100


def test_bad_images(tmp_path):
    data = Flat(12)
    data.bad = (3, 7)
    with pytest.raises(BadSampleError, match=r"image [37] is damaged"):
        write_sheet(data, CONCEPTS[0], tmp_path / "sheet.png")
    assert not (tmp_path / "sheet.png").exists()
    assert write_sheet(data, CONCEPTS[0], tmp_path / "sheet.png", SheetOptions(skip_bad=True, count=4)) == 4
    assert shown(tmp_path / "sheet.png") == [1, 5, 9, 11]
    data.bad = range(12)
    with pytest.raises(NetdissectError, match="none of the images of car can be read"):
        write_sheet(data, CONCEPTS[0], tmp_path / "other.png", SheetOptions(skip_bad=True))


@pytest.mark.parametrize(
    ("options", "name", "said"),
    [
        ({}, "sheet.gif", r"sheet\.gif: a sheet is a \.jpg or a \.png"),
        ({}, "sheet", "a sheet is a"),
        ({"count": 0}, "sheet.png", "a sheet of 0 images"),
        ({"seed": -1}, "sheet.png", "by seed -1"),
        ({}, "folder.png", r"folder\.png: cannot be written: "),
        ({}, "file/sheet.png", r"sheet\.png: cannot be written: "),
    ],
)
def test_sheets_that_cannot_be(tmp_path, options, name, said):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(NetdissectError, match=said) as caught:
        write_sheet(Flat(2), CONCEPTS[0], tmp_path / name, SheetOptions(**options))
    assert "\n" not in str(caught.value)


def test_no_image_carries_the_concept(tmp_path):
    data = Flat(3)
    with pytest.raises(NetdissectError, match=r"memory: no image carries never \(part\)"):
        write_sheet(data, data.concepts[2], tmp_path / "sheet.png")
    assert not (tmp_path / "sheet.png").exists()


def test_scenes(tmp_path):
    data = Scenes(6, size=(64, 64))
    red = find_concept(data.concepts, "color:red")
    assert write_sheet(data, red, tmp_path / "sheet.png", SheetOptions(count=2)) == 2


def test_real_images_of_a_folder(tmp_path):
    if not (SHARED / "data" / "camvid").exists():
        pytest.skip("the real images are not here")
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
        for path in sorted((SHARED / "data" / "camvid" / "train" / kind).iterdir())[::90]:
            (tmp_path / kind / path.name).symlink_to(path)
    (tmp_path / "classes.csv").write_text((SHARED / "data" / "camvid" / "classes.csv").read_text())
    data = FolderDataset(tmp_path)
    path = tmp_path / "sheet.png"
    count = write_sheet(data, find_concept(data.concepts, "car"), path)
    assert 1 < count <= 5
    assert opened(path).width == 2 * 28 + min(count, 3) * (TILE + 14) - 14
