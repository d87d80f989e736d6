"""Painted scenes: sound labels, true colors, and the same scene at every size, always."""

from collections import Counter

import numpy as np
import pytest

from netdissect.scenes.colors import TYPICAL
from netdissect.scenes.painters import PAINTERS
from netdissect.scenes.rendering import VERSION, render, scene_name
from netdissect.scenes.textures import TEXTURES
from netdissect.scenes.vocabulary import CONCEPTS, LAYERS, NAMES, NUMBER, PARTS_OF
from netdissect.types import CATEGORIES
from tests.scenes.painted import paint

BASIC_COLORS = {"black", "blue", "brown", "green", "grey", "orange", "pink", "purple", "red", "white", "yellow"}


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    return paint(tmp_path_factory.mktemp("painted"), (300, 56, 56), (40, 64, 64), (12, 112, 112))


@pytest.fixture(scope="module")
def sample(painted):
    """300 small scenes."""
    return painted[0]


def test_concepts_of_every_category():
    assert [concept.number for concept in CONCEPTS] == list(range(1, len(CONCEPTS) + 1))
    assert len({concept.name for concept in CONCEPTS}) == len(CONCEPTS)
    in_order = [CATEGORIES.index(concept.category) for concept in CONCEPTS]
    assert in_order == sorted(in_order)
    count = Counter(concept.category for concept in CONCEPTS)
    least = {"object": 20, "part": 10, "scene": 6, "material": 5, "texture": 8}
    assert all(count[category] >= number for category, number in least.items())
    assert {concept.name for concept in CONCEPTS if concept.category == "color"} == BASIC_COLORS
    assert set(TYPICAL) == BASIC_COLORS
    assert set(TEXTURES) == {concept.name for concept in CONCEPTS if concept.category == "texture"}
    assert set(PAINTERS) == set(NAMES["scene"])


def test_the_name_of_a_scene_needs_no_painting(sample):
    """And what another process painted is painted here."""
    assert [scene_name(0, index) for index in range(300)] == sample.names
    here = render(0, 7, (56, 56))
    assert (here.scene, here.pixels.tobytes(), here.maps.tobytes()) == (
        sample.names[7],
        sample.images[7].tobytes(),
        sample.maps[7].tobytes(),
    )


def test_another_size_is_the_same_scene(painted):
    small, _, large = painted
    assert small.names[:12] == large.names
    same = large.maps[:, 0, ::2, ::2] == small.maps[:12, 0]
    assert (same.mean(axis=(1, 2)) > 0.85).all()


def test_numbers_lie_in_the_layer_of_their_category(sample):
    category = {concept.number: concept.category for concept in CONCEPTS}
    for layer, name in enumerate(LAYERS):
        assert {category[number] for number in np.unique(sample.maps[:, layer]) if number} == {name}
    assert {category[NUMBER[name]] for name in sample.names} == {"scene"}


def test_every_pixel_has_an_object_and_a_color(sample):
    assert (sample.maps[:, LAYERS.index("object")] > 0).all()
    assert (sample.maps[:, LAYERS.index("color")] > 0).all()


def test_every_concept_occurs_often_and_large_enough(sample):
    names = {concept.number: concept.name for concept in CONCEPTS}
    images, areas = Counter(NUMBER[name] for name in sample.names), {number: [] for number in names}
    for image in sample.maps:
        area = np.bincount(image.ravel(), minlength=len(names) + 1)
        for number in names:
            if area[number]:
                images[number] += 1
                areas[number].append(area[number])
    assert {name: images[number] for number, name in names.items() if images[number] < 10} == {}
    # 8 pixels at 56 are 32 pixels at 112.
    assert {names[number]: np.median(area) for number, area in areas.items() if area and np.median(area) < 8} == {}


def test_parts_lie_on_an_object_that_has_them(sample):
    names = {concept.number: concept.name for concept in CONCEPTS}
    objects, parts = sample.maps[:, LAYERS.index("object")], sample.maps[:, LAYERS.index("part")]
    pairs = np.unique(np.stack([objects[parts > 0], parts[parts > 0]]), axis=1).T
    seen = {(names[thing], names[part]) for thing, part in pairs}
    assert seen <= {(thing, part) for thing, parts in PARTS_OF.items() for part in parts}
    assert {part for _, part in seen} == {part for parts in PARTS_OF.values() for part in parts}


def test_colors_are_true_to_their_names(sample):
    colors = sample.maps[:, LAYERS.index("color")]
    for name in BASIC_COLORS:
        mean = sample.images[colors == NUMBER[name]].mean(axis=0)
        assert min(TYPICAL, key=lambda other: np.linalg.norm(mean - TYPICAL[other])) == name


def test_most_pixels_look_like_their_color(sample):
    names = sorted(BASIC_COLORS)
    typical = np.array([TYPICAL[name] for name in names])
    numbers = np.array([NUMBER[name] for name in names])
    pixels = sample.images[::10].reshape(-1, 3).astype(float)
    truth = sample.maps[::10, LAYERS.index("color")].ravel()
    nearest = numbers[np.linalg.norm(pixels[:, None] - typical, axis=2).argmin(axis=1)]
    assert np.mean(nearest == truth) > 0.75


def test_parts_shared_between_objects():
    owners = Counter(part for parts in PARTS_OF.values() for part in parts)
    assert {"window", "door", "wheel", "leg", "head"} <= {part for part, count in owners.items() if count > 1}


def test_changed_pictures_need_another_version(painted):
    """Sums over some scenes of version 1, coarse enough for any machine. If they change, count VERSION up."""
    _, scenes, _ = painted
    assert VERSION == 1
    brightness = np.mean([image.mean() for image in scenes.images])
    assert brightness == pytest.approx(132.57, abs=0.05)
    labelled = (scenes.maps > 0).sum(axis=(0, 2, 3))
    assert labelled.tolist() == pytest.approx([163840, 26445, 45606, 16335, 163840], rel=1e-3)
