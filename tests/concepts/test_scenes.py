"""The embedded scenes: sound labels, true colors, and the same image for the same seed, always."""

import hashlib
import pickle
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from netdissect.concepts.base import ConceptDataset
from netdissect.concepts.scenes import Scenes
from netdissect.scenes.colors import TYPICAL
from netdissect.scenes.rendering import VERSION
from netdissect.scenes.textures import TEXTURES
from netdissect.scenes.vocabulary import LAYERS, NUMBER, PARTS_OF
from netdissect.types import CATEGORIES, NetdissectError
from tests.unchecked import unchecked_types

BASIC_COLORS = {"black", "blue", "brown", "green", "grey", "orange", "pink", "purple", "red", "white", "yellow"}


@pytest.fixture(scope="module")
def sample():
    """The images (300, H, W, 3), label maps (300, 5, H, W) and scene numbers of a small data set."""
    data = Scenes(300, (56, 56))
    images, maps, scenes = [], [], []
    with unchecked_types():
        for index in range(len(data)):
            images.append(np.asarray(data.image(index)))
            labels = data.labels(index)
            maps.append(labels.maps)
            scenes.append(labels.whole)
    return np.stack(images), np.stack(maps), scenes


def digest(data: Scenes, index: int) -> str:
    labels = data.labels(index)
    return hashlib.sha256(data.image(index).tobytes() + labels.maps.tobytes() + repr(labels.whole).encode()).hexdigest()


def test_is_a_concept_dataset():
    data = Scenes(3, (40, 48))
    assert isinstance(data, ConceptDataset)
    assert (data.name, len(data), data.label_shape) == ("scenes", 3, (40, 48))
    image, labels = data.image(2), data.labels(2)
    assert isinstance(image, Image.Image) and image.mode == "RGB" and image.size == (48, 40)
    assert labels.maps.shape == (5, 40, 48) and labels.maps.dtype == np.int32
    scene, number = data.image_name(2).split()
    assert labels.whole == (NUMBER[scene],) and number == "000002"


def test_concepts_of_every_category():
    concepts = Scenes().concepts
    assert [concept.number for concept in concepts] == list(range(1, len(concepts) + 1))
    assert len({concept.name for concept in concepts}) == len(concepts)
    in_order = [CATEGORIES.index(concept.category) for concept in concepts]
    assert in_order == sorted(in_order)
    count = Counter(concept.category for concept in concepts)
    least = {"object": 20, "part": 10, "scene": 6, "material": 5, "texture": 8}
    assert all(count[category] >= number for category, number in least.items())
    assert {concept.name for concept in concepts if concept.category == "color"} == BASIC_COLORS
    assert set(TYPICAL) == BASIC_COLORS
    assert set(TEXTURES) == {concept.name for concept in concepts if concept.category == "texture"}


def test_same_images_in_any_order_and_count():
    few, many = Scenes(6, (48, 48)), Scenes(600, (48, 48))
    forwards = [digest(few, index) for index in range(6)]
    backwards = [digest(many, index) for index in reversed(range(6))]
    assert forwards == backwards[::-1]
    assert len(set(forwards)) == 6


def test_labels_that_were_changed_do_not_come_back():
    data = Scenes(1, (48, 48))
    before = digest(data, 0)
    data.labels(0).maps[:] = 0
    assert digest(data, 0) == before


def test_threads_see_whole_scenes():
    expected = [digest(Scenes(8, (48, 48)), index) for index in range(8)]
    shared = Scenes(8, (48, 48))
    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(lambda index: digest(shared, index % 8), range(64)))
    assert seen == expected * 8


def test_seeds_differ():
    assert digest(Scenes(1, seed=0), 0) != digest(Scenes(1, seed=1), 0)


def test_fingerprint_tells_data_sets_apart():
    variants = [Scenes(), Scenes(count=999), Scenes(size=(112, 113)), Scenes(seed=1)]
    assert len({data.fingerprint() for data in variants}) == len(variants)
    assert Scenes().fingerprint() == Scenes().fingerprint()
    assert len(Scenes().fingerprint()) == 64


def test_pickles():
    data = Scenes(4, (48, 56), seed=3)
    expected = digest(data, 2)
    copy = pickle.loads(pickle.dumps(data))
    assert (len(copy), copy.label_shape, copy.fingerprint()) == (4, (48, 56), data.fingerprint())
    assert digest(copy, 2) == expected


@settings(max_examples=25, deadline=None)
@given(st.integers(32, 90), st.integers(32, 160), st.integers(0, 2**32), st.integers(0, 10**6))
def test_any_size_seed_and_index(height, width, seed, index):
    data = Scenes(index + 1, (height, width), seed)
    assert data.image(index).size == (width, height)
    assert data.labels(index).maps.shape == (5, height, width)
    assert (data.labels(index).maps[[LAYERS.index("object"), LAYERS.index("color")]] > 0).all()


@pytest.mark.parametrize("index", range(12))
def test_another_size_is_the_same_scene(index):
    small, large = Scenes(12, (56, 56)), Scenes(12, (112, 112))
    assert small.image_name(index) == large.image_name(index)
    objects = large.labels(index).maps[0]
    assert np.mean(objects[::2, ::2] == small.labels(index).maps[0]) > 0.85


@pytest.mark.parametrize(
    ("count", "size", "seed"), [(0, (112, 112), 0), (1, (31, 112), 0), (1, (112, 8), 0), (1, (64, 64), -1)]
)
def test_bad_arguments_are_refused(count, size, seed):
    with pytest.raises(NetdissectError, match="scenes: "):
        Scenes(count, size, seed)


@pytest.mark.parametrize("index", [-1, 3])
def test_index_out_of_range(index):
    data = Scenes(3)
    for ask in (data.image, data.labels, data.image_name):
        with pytest.raises(IndexError, match="out of range"):
            ask(index)


def test_numbers_lie_in_the_layer_of_their_category(sample):
    _, maps, scenes = sample
    category = {concept.number: concept.category for concept in Scenes().concepts}
    for layer, name in enumerate(LAYERS):
        assert {category[number] for number in np.unique(maps[:, layer]) if number} == {name}
    assert all(len(whole) == 1 and category[whole[0]] == "scene" for whole in scenes)


def test_every_pixel_has_an_object_and_a_color(sample):
    _, maps, _ = sample
    assert (maps[:, LAYERS.index("object")] > 0).all()
    assert (maps[:, LAYERS.index("color")] > 0).all()


def test_every_concept_occurs_often_and_large_enough(sample):
    _, maps, scenes = sample
    names = {concept.number: concept.name for concept in Scenes().concepts}
    images, areas = Counter(whole[0] for whole in scenes), {number: [] for number in names}
    for image in maps:
        area = np.bincount(image.ravel(), minlength=len(names) + 1)
        for number in names:
            if area[number]:
                images[number] += 1
                areas[number].append(area[number])
    assert {name: images[number] for number, name in names.items() if images[number] < 10} == {}
    # 8 pixels at 56 are 32 pixels at 112.
    assert {names[number]: np.median(area) for number, area in areas.items() if area and np.median(area) < 8} == {}


def test_parts_lie_on_an_object_that_has_them(sample):
    _, maps, _ = sample
    names = {concept.number: concept.name for concept in Scenes().concepts}
    objects, parts = maps[:, LAYERS.index("object")], maps[:, LAYERS.index("part")]
    pairs = np.unique(np.stack([objects[parts > 0], parts[parts > 0]]), axis=1).T
    seen = {(names[thing], names[part]) for thing, part in pairs}
    assert seen <= {(thing, part) for thing, parts in PARTS_OF.items() for part in parts}
    assert {part for _, part in seen} == {part for parts in PARTS_OF.values() for part in parts}


def test_colors_are_true_to_their_names(sample):
    images, maps, _ = sample
    colors = maps[:, LAYERS.index("color")]
    for name in BASIC_COLORS:
        mean = images[colors == NUMBER[name]].mean(axis=0)
        assert min(TYPICAL, key=lambda other: np.linalg.norm(mean - TYPICAL[other])) == name


def test_most_pixels_look_like_their_color(sample):
    images, maps, _ = sample
    names = sorted(BASIC_COLORS)
    typical = np.array([TYPICAL[name] for name in names])
    numbers = np.array([NUMBER[name] for name in names])
    pixels, truth = images[::10].reshape(-1, 3).astype(float), maps[::10, LAYERS.index("color")].ravel()
    nearest = numbers[np.linalg.norm(pixels[:, None] - typical, axis=2).argmin(axis=1)]
    assert np.mean(nearest == truth) > 0.75


def test_parts_shared_between_objects():
    owners = Counter(part for parts in PARTS_OF.values() for part in parts)
    assert {"window", "door", "wheel", "leg", "head"} <= {part for part, count in owners.items() if count > 1}


def test_changed_pictures_need_another_version():
    """Sums over some scenes of version 1, coarse enough for any machine. If they change, count VERSION up."""
    data = Scenes(40, (64, 64))
    brightness = np.mean([np.asarray(data.image(index)).mean() for index in range(40)])
    labelled = np.sum([(data.labels(index).maps > 0).sum(axis=(1, 2)) for index in range(40)], axis=0)
    assert VERSION == 1
    assert brightness == pytest.approx(132.57, abs=0.05)
    assert labelled.tolist() == pytest.approx([163840, 26445, 45606, 16335, 163840], rel=1e-3)
