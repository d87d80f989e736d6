"""A Broden built of real street scenes and textures, checked, and dissected with a real network."""

import csv

import numpy as np
import pytest

from netdissect import BrodenDataset, dissect
from netdissect.broden.building.build_options import BuildOptions
from netdissect.broden.building.builder import build_broden
from netdissect.broden.building.color import COLOR_NAMES, name_colors, read_color_table
from netdissect.broden.building.sources import open_sources
from netdissect.broden.building.work import split_position
from netdissect.broden.check import check_broden
from netdissect.concepts.census import count_concepts
from tests.opened import opened
from tests.shared import SHARED, needs_shared

pytestmark = needs_shared

IMAGES, PER_TEXTURE = 40, 8


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Some of the images, linked, with colors by the published table: the folder of the sources, and the directory."""
    root = tmp_path_factory.mktemp("built")
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            folder = root / "camvid" / split / kind
            folder.mkdir(parents=True)
            paths = sorted((SHARED / "data" / "camvid" / split / kind).iterdir())
            for path in paths[:: len(paths) // (IMAGES // 2)][: IMAGES // 2]:
                (folder / path.name).symlink_to(path)
    (root / "camvid" / "classes.csv").symlink_to(SHARED / "data" / "camvid" / "classes.csv")
    for texture in sorted(path for path in (SHARED / "data" / "dtd").iterdir() if path.is_dir()):
        (root / "dtd" / texture.name).mkdir(parents=True)
        for path in sorted(texture.iterdir())[:PER_TEXTURE]:
            (root / "dtd" / texture.name / path.name).symlink_to(path)
    sources = [f"folder={root / 'camvid' / split}" for split in ("train", "val")]
    out = root / "broden"
    build_broden(
        open_sources([*sources, f"imagefolder={root / 'dtd'}:texture"]),
        out,
        BuildOptions(
            size=(96, 96),
            color_table=SHARED / "reference" / "broden" / "w2color.npy",
            min_images=PER_TEXTURE,
            workers=1,
        ),
    )
    return root, out


def test_nothing_is_wrong_with_it(built):
    _, out = built
    checked = check_broden(out)
    assert checked.problems == checked.notes == ()
    assert checked.images == len(BrodenDataset(out)) == IMAGES + 7 * PER_TEXTURE


def test_objects_are_those_of_the_label_maps(built):
    """Images and coverage, to six decimals, from the original files."""
    root, out = built
    with (SHARED / "data" / "camvid" / "classes.csv").open(newline="") as file:
        names = {int(row["index"]): row["name"].lower() for row in csv.DictReader(file)}
    images, coverage = dict.fromkeys(names, 0), dict.fromkeys(names, 0.0)
    for path in root.glob("camvid/*/labels/*.png"):
        indices = np.asarray(opened(path))
        for index in names:
            images[index] += bool((indices == index).any())
            coverage[index] += float((indices == index).mean())
    expected = {
        name: (images[index], round(coverage[index], 6))
        for index, name in names.items()
        if name != "unlabelled" and images[index] >= PER_TEXTURE and coverage[index] >= 0.5
    }
    assert len(expected) >= 7
    with (out / "c_object.csv").open(newline="") as file:
        rows = {row["name"]: (int(row["frequency"]), round(float(row["coverage"]), 6)) for row in csv.DictReader(file)}
    assert rows == expected


def test_colors_are_named_at_native_resolution(built):
    root, out = built
    table = read_color_table(SHARED / "reference" / "broden" / "w2color.npy")
    path = next((root / "dtd" / "cracked").iterdir())
    named = name_colors(np.asarray(opened(path).convert("RGB")), table)
    height, width = named.shape
    expected = [[named[(2 * y + 1) * height // 96, (2 * x + 1) * width // 96] for x in range(48)] for y in range(48)]
    data = BrodenDataset(out)
    (index,) = [place for place in range(len(data)) if data.image_name(place) == f"imagefolder/{path.name}"]
    name_of = {concept.number: concept.name for concept in data.concepts}
    (label_map,) = data.labels(index).maps
    for found, wanted in zip(label_map.ravel().tolist(), np.ravel(expected).tolist(), strict=True):
        assert found == 0 or name_of[found] == f"{COLOR_NAMES[wanted - 1]}-c"  # 0 is a color that was too rare


def test_what_the_census_counts_is_what_was_built(built):
    _, out = built
    census = count_concepts(BrodenDataset(out))
    counts = {category.name: (category.images, category.listed) for category in census.categories}
    assert counts["texture"] == (7 * PER_TEXTURE, 7)
    assert counts["object"][0] == IMAGES and counts["color"][0] == IMAGES + 7 * PER_TEXTURE


def test_a_real_network_finds_objects_textures_and_colors(built, large_networks):
    _, out = built
    spec = f"{SHARED / 'models' / 'networks.py'}:mobilenet_v2_imagenet"
    result = dissect(spec, ["features.2", "features.14"], str(out), size=96, quantile=0.05, progress=False)
    deep, early = result["features.14"].summary()["by_label"], result["features.2"].summary()["by_category"]
    assert deep["categories"]["object"]["unique"] >= 4
    assert deep["categories"]["texture"]["unique"] >= 4
    assert early["categories"]["color"]["unique"] >= 4


def test_the_order_is_that_of_the_published_index():
    with (SHARED / "reference" / "broden" / "index_ade20k_sample.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    places = [split_position(row["image"]) for row in rows]
    assert places == sorted(places) and len(places) == 1999
    assert {row["split"] for row in rows} == {"train"} and places[-1] <= 0.7
