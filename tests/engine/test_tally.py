"""The tally counts the concepts of images pixel by pixel, and keeps to the laws of accumulators."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netdissect.engine.alignment import STRETCH
from netdissect.engine.extremes import Extremes
from netdissect.engine.kept_rows import select_rows
from netdissect.engine.mask import unit_masks
from netdissect.engine.tally import Concepts, Tally, count_overlap
from netdissect.labels import Labels
from netdissect.types import Concept
from tests import reference
from tests.engine.accumulator_laws import check_laws

CPU = torch.device("cpu")
SHAPE = (4, 5)
NUMBERS = (2, 3, 5, 9)
CONCEPTS = tuple(Concept(n, f"c{n}", ("part", "object")[n % 2]) for n in NUMBERS)


def random_labels(random, images):
    """Return labels: unlabelled pixels, numbers that do not count (7, 20), repeats across layers, whole images."""
    made = []
    for _ in range(images):
        maps = random.choice([0, 0, *NUMBERS, 7, 20], (random.integers(0, 4), *SHAPE)).astype(np.int32)
        if len(maps) > 1:
            maps[-1, 0] = maps[0, 0]
        made.append(Labels(maps, tuple(n for n in (*NUMBERS, 20) if random.random() < 0.15)))
    return made


def random_maps(random, images, units=3):
    maps = random.standard_normal((images, units, 3, 2)).astype(np.float32)
    maps[random.random(maps.shape) < 0.3] = 1.0
    return torch.from_numpy(maps)


def overlap_of(maps, thresholds, shown):
    rows = select_rows(maps, Extremes.of(maps).row_peaks, thresholds, torch.zeros(maps.shape[:2], dtype=torch.bool))
    return count_overlap(rows, thresholds, shown, SHAPE)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_image_concepts_are_those_of_every_pixel(seed, images):
    labels = random_labels(np.random.default_rng(seed), images)
    concepts = Concepts(CONCEPTS, SHAPE)
    shown = concepts.image_concepts(labels, CPU)
    carried = np.array([[reference.carries(of_image, n) for n in NUMBERS] for of_image in labels])  # n, c, sh, sw
    area = carried.sum(axis=(2, 3))
    columns = np.flatnonzero(area.any(axis=0))
    assert shown.columns.tolist() == columns.tolist()
    assert shown.area.tolist() == area.sum(axis=0)[columns].tolist()
    assert shown.images.tolist() == (area > 0).sum(axis=0)[columns].tolist()
    for image in range(images):
        present = {CONCEPTS[column].category for column in np.flatnonzero(area[image])}
        assert shown.categories[image].tolist() == [category in present for category in concepts.categories]
        whole = [n in labels[image].whole for n in np.array(NUMBERS)[columns]]
        assert shown.whole[image].tolist() == whole
        layers = shown.layers.view(len(shown.layers), images, *SHAPE)[:, image].numpy()
        for position, column in enumerate(columns):
            times = (layers == position).sum(axis=0)  # no pixel shows a concept twice, or one that covers its image
            assert times.tolist() == (carried[image, column] & (not whole[position])).astype(int).tolist()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_overlap_is_that_of_masks(seed, images):
    random = np.random.default_rng(seed)
    labels, maps = random_labels(random, images), random_maps(random, images)
    thresholds = torch.tensor([0.5, 1.0, -0.5])
    concepts = Concepts(CONCEPTS, SHAPE)
    shown = concepts.image_concepts(labels, CPU)
    overlap = overlap_of(maps, thresholds, shown)
    masks = torch.stack([unit_masks(maps[image], thresholds, SHAPE, STRETCH) for image in range(images)]).numpy()
    for unit in range(3):
        for position, column in enumerate(shown.columns.tolist()):
            carried = [reference.carries(of_image, NUMBERS[column]) for of_image in labels]
            assert overlap.intersection[unit, position] == (masks[:, unit] & carried).sum()
        for index in range(len(concepts.categories)):
            of_category = shown.categories[:, index].numpy() == 1
            assert overlap.unit_area[unit, index] == masks[of_category, unit].sum()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.integers(1, 2), min_size=2, max_size=4))
def test_laws(seed, sizes):
    random = np.random.default_rng(seed)
    concepts, thresholds, parts = Concepts(CONCEPTS, SHAPE), torch.tensor([0.5, 1.0, -0.5]), []
    for images in sizes:
        shown = concepts.image_concepts(random_labels(random, images), CPU)
        parts.append((shown, overlap_of(random_maps(random, images), thresholds, shown)))
    check_laws(lambda: Tally.empty(3, concepts), parts)


def test_images_without_any_concept_and_without_layers():
    concepts = Concepts(CONCEPTS, SHAPE)
    nothing = [Labels(np.zeros((0, *SHAPE), np.int32)), Labels(np.full((2, *SHAPE), 7, np.int32), (20,))]
    for labels in (nothing[:1], nothing):
        shown = concepts.image_concepts(labels, CPU)
        assert len(shown.columns) == 0 and not shown.categories.any()
        overlap = overlap_of(torch.ones(len(labels), 3, 3, 2), torch.zeros(3), shown)
        assert overlap.intersection.shape == (3, 0) and not overlap.unit_area.any()
