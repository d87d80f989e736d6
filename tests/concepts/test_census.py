"""Counting concepts, against counting pixel by pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from netdissect.concepts import BrodenDataset, FolderDataset, Scenes
from netdissect.concepts.base import Subset
from netdissect.concepts.census import CategoryCount, count_concepts, find_images
from netdissect.labels import Labels
from netdissect.types import BadSampleError, Concept, NetdissectError
from tests.broden.broden_files import write_broden, write_table
from tests.planted import MemoryDataset


def slow_census(data, indices=None):
    """Per concept number images and pixels, per category images and pixels, each from the words of the method."""
    height, width = data.label_shape
    category_of = {concept.number: concept.category for concept in data.concepts}
    images, pixels = dict.fromkeys(category_of, 0), dict.fromkeys(category_of, 0)
    category_images = dict.fromkeys(category_of.values(), 0)
    category_pixels = dict.fromkeys(category_of.values(), 0)
    for index in range(len(data)) if indices is None else indices:
        labels = data.labels(index)
        shown = set()
        for row in range(height):
            for column in range(width):
                here = {int(number) for number in labels.maps[:, row, column]} | set(labels.whole)
                here.discard(0)
                shown |= here
                for number in here:
                    pixels[number] += 1
                for category in {category_of[number] for number in here}:
                    category_pixels[category] += 1
        for number in shown:
            images[number] += 1
        for category in {category_of[number] for number in shown}:
            category_images[category] += 1
    return images, pixels, category_images, category_pixels


def assert_counted(census, data, indices=None):
    images, pixels, category_images, category_pixels = slow_census(data, indices)
    numbers = [concept.number for concept in data.concepts]
    assert census.concepts == tuple(data.concepts) and census.label_shape == data.label_shape
    assert census.images.tolist() == [images[number] for number in numbers]
    assert census.pixels.tolist() == [pixels[number] for number in numbers]
    assert {count.name for count in census.categories} == {concept.category for concept in data.concepts}
    for count in census.categories:
        inside = [concept.number for concept in data.concepts if concept.category == count.name]
        occur = sum(images[number] > 0 for number in inside)
        expected = (len(inside), occur, category_images[count.name], category_pixels[count.name])
        assert (count.listed, count.occur, count.images, count.pixels) == expected


@st.composite
def datasets(draw):
    """Any number of layers, numbers with gaps, concepts drawn and of the whole image, and some that never occur."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = (draw(st.integers(1, 5)), draw(st.integers(1, 5)))
    numbers = sorted(draw(st.sets(st.integers(1, 3000), min_size=1, max_size=9)))
    categories = draw(st.lists(st.sampled_from(["color", "object", "part", "zone", "brand"]), min_size=1, unique=True))
    category_of = {number: str(random.choice(categories)) for number in numbers}
    used = [0, *random.choice(numbers, random.integers(1, len(numbers) + 1)).tolist()]
    labels = []
    for _ in range(draw(st.integers(1, 5))):
        maps = random.choice(used, (random.integers(0, 4), *shape)).astype(np.int32)
        whole = {int(number) for number in random.choice(used, random.integers(0, 3))} - {0}
        labels.append((maps, tuple(whole)))
    return labels, category_of, shape


@settings(max_examples=40, deadline=None)
@given(datasets(), st.sampled_from([None, 0, 1, 3]))
def test_any_labels(case, workers):
    labels, category_of, shape = case
    concepts = [Concept(number, f"name {number}", category) for number, category in category_of.items()]
    data = MemoryDataset([Labels(*of_image) for of_image in labels], concepts, shape)
    census = count_concepts(data, workers=workers)
    assert_counted(census, data)
    assert (census.total_images, census.skipped) == (len(data), {})
    _, pixels, *_ = slow_census(data)
    pixels_of_images = [slow_census(data, [index])[1] for index in range(len(data))]
    for concept in data.concepts:
        found = find_images(data, concept.number, workers=workers)
        assert list(found) == sorted(found) and sum(found.values()) == pixels[concept.number]
        assert [found.get(index, 0) for index in range(len(data))] == [
            here[concept.number] for here in pixels_of_images
        ]


def test_by_hand():
    """Layers that overlap in a concept and in a category, and a concept drawn and of the whole image at once."""
    maps = np.zeros((3, 2, 3), dtype=np.int32)
    maps[0] = [[1, 1, 0], [0, 0, 2]]
    maps[1] = [[1, 2, 2], [0, 0, 2]]
    maps[2] = [[9, 0, 0], [0, 0, 2]]
    labels = [Labels(maps), Labels(maps[:1], (1, 5)), Labels(np.zeros((0, 2, 3), dtype=np.int32))]
    concepts = [
        Concept(1, "wall", "object"),
        Concept(2, "door", "object"),
        Concept(5, "street-s", "scene"),
        Concept(7, "roof", "part"),
        Concept(9, "leg", "part"),
    ]
    census = count_concepts(MemoryDataset(labels, concepts, (2, 3)))
    assert census.images.tolist() == [2, 2, 1, 0, 1]
    assert census.pixels.tolist() == [2 + 6, 3 + 1, 6, 0, 1]
    assert census.categories == (
        CategoryCount("object", listed=2, occur=2, images=2, pixels=4 + 6),
        CategoryCount("part", listed=2, occur=1, images=1, pixels=1),
        CategoryCount("scene", listed=1, occur=1, images=1, pixels=6),
    )


def test_a_concept_of_several_categories_counts_in_its_primary_one(tmp_path):
    concepts = [(1, "wall", {"object": 1.0, "material": 2.0}, ()), (2, "door", {"object": 1.0}, ())]
    images = [{"object": [np.full((4, 6), 1)], "material": [1]}, {"object": [np.array([[2, 1, 0] * 2] * 4)]}, {}]
    data = BrodenDataset(write_broden(tmp_path / "b", images, concepts))
    census = count_concepts(data)
    assert_counted(census, data)
    assert census.categories == (CategoryCount("object", 1, 1, 1, 8), CategoryCount("material", 1, 1, 2, 24 + 8))


def test_a_folder_of_masks(tmp_path):
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
    names = enumerate(["sky", "void", "car"])
    write_table(tmp_path / "classes.csv", [{"index": index, "name": name} for index, name in names])
    random = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        Image.new("RGB", (8, 8)).save(tmp_path / "images" / f"{name}.jpg")
        Image.fromarray(random.integers(0, 3, (8, 8), dtype=np.uint8)).save(tmp_path / "labels" / f"{name}.png")
    data = FolderDataset(tmp_path, label_shape=(4, 4))
    census = count_concepts(data)
    assert_counted(census, data)
    assert census.pixels.min() > 0 and [count.name for count in census.categories] == ["object"]
    # A file that cannot be read: an error, or left out and told.
    (tmp_path / "labels" / "b.png").write_bytes(b"no image")
    with pytest.raises(BadSampleError, match=r"b\.png"):
        count_concepts(data)
    with pytest.raises(BadSampleError, match=r"b\.png"):
        find_images(data, 1)
    census = count_concepts(data, skip_bad=True)
    assert_counted(census, data, [0, 2])
    assert census.total_images == 2 and list(census.skipped) == [1] and "b.png" in census.skipped[1]
    assert list(find_images(data, 1, skip_bad=True)) == [0, 2]


def test_scenes():
    data = Scenes(5, size=(32, 40), seed=3)
    census = count_concepts(data, workers=2)
    assert_counted(census, data)
    assert [count.name for count in census.categories] == ["object", "part", "scene", "material", "texture", "color"]
    assert census.categories[2].pixels == 5 * 32 * 40


def test_some_images_of_a_dataset():
    data = Scenes(9, size=(32, 32))
    assert_counted(count_concepts(Subset(data, [7, 2])), data, [2, 7])


def test_progress_is_told_image_by_image():
    told = []
    count_concepts(Scenes(4, size=(32, 32)), on_progress=lambda *what: told.append(what))
    assert told == [("label maps", done, 4) for done in range(1, 5)]


# Bad data.

SKY = [Concept(1, "sky", "object")]


@pytest.mark.parametrize("workers", [0, 2])
def test_no_labels_that_can_be_read(workers):
    class Unreadable(MemoryDataset):
        def labels(self, index):
            raise BadSampleError(f"image {index} is damaged")

    data = Unreadable([None, None], SKY, (2, 2))
    with pytest.raises(NetdissectError, match="memory: the labels of none of its 2 images can be read"):
        count_concepts(data, skip_bad=True, workers=workers)
    with pytest.raises(BadSampleError, match="image 0 is damaged"):
        count_concepts(data, workers=workers)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (Labels(np.full((1, 2, 2), 2, dtype=np.int32)), "image 1: label 2 is not among"),
        (Labels(np.full((1, 2, 2), -1, dtype=np.int32)), "image 1: label -1 is not among"),
        (Labels(np.zeros((1, 2, 2), dtype=np.int32), (1, 70000)), "image 1: label 70000 is not among"),
        (
            Labels(np.zeros((1, 2, 3), dtype=np.int32)),
            r"image 1: its label maps are int32 \(1, 2, 3\), not whole numbers \(layers, 2, 2\)",
        ),
    ],
)
def test_labels_that_do_not_keep_to_the_protocol(labels, said):
    data = MemoryDataset([Labels(np.zeros((0, 2, 2), dtype=np.int32)), labels], SKY, (2, 2))
    with pytest.raises(NetdissectError, match=said):
        count_concepts(data, skip_bad=True)


def test_no_dataset():
    with pytest.raises(NetdissectError, match="lists no concepts"):
        count_concepts(MemoryDataset([Labels(np.zeros((0, 2, 2), dtype=np.int32))], [], (2, 2)))
    with pytest.raises(NetdissectError, match="has no images"):
        find_images(MemoryDataset([], SKY, (2, 2)), 1)
