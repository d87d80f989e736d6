"""The engine against the slow oracle, to the last bit."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netdissect import dissect
from netdissect.labels import Labels
from netdissect.types import Concept
from tests import reference
from tests.planted import PLAIN, MemoryDataset, Recall
from tests.results.flat import differing
from tests.unchecked import unchecked_types

CATEGORIES = ("object", "part", "texture")


@st.composite
def cases(draw):
    """Draw a small dataset with several label layers, and activations with ties, dead units and odd sizes."""
    images, units = draw(st.integers(1, 7)), draw(st.integers(1, 5))
    height, width = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    shape = (draw(st.integers(1, 9)), draw(st.integers(1, 9)))
    layers = draw(st.integers(0, 3))
    numbers = sorted(draw(st.sets(st.integers(1, 12), min_size=1, max_size=6)))
    concepts = [(n, f"concept {n}", draw(st.sampled_from(CATEGORIES))) for n in numbers]
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from(["normal", "few levels", "rectified"]))
    if kind == "few levels":
        activations = random.integers(-1, 3, (images, units, height, width)).astype(np.float32)
    else:
        activations = random.standard_normal((images, units, height, width)).astype(np.float32)
        if kind == "rectified":
            activations = np.maximum(activations, 0)
    activations[:, random.random(units) < 0.2] = 0  # dead units
    labels = []
    for _ in range(images):
        maps = random.choice([0, 0, *numbers], (layers, *shape)).astype(np.int32)
        maps[random.random(layers) < 0.2] = 0
        labels.append({"maps": maps, "whole": tuple(n for n in numbers if random.random() < 0.15)})
    quantile = draw(st.sampled_from([0.005, 0.05, 0.1, 0.29, 0.5, 0.9]))
    return activations, labels, concepts, shape, quantile


def made(case):
    """Return the case with labels and concepts as objects. Strategies may not make them: this touches `random`."""
    activations, labels, concepts, shape, quantile = case
    return activations, [Labels(**each) for each in labels], [Concept(*each) for each in concepts], shape, quantile


def run(activations, data, quantile, batch_size=4, **options):
    return dissect(
        Recall(activations),
        ["maps"],
        data,
        quantile=quantile,
        size=PLAIN.size,
        mean=PLAIN.mean,
        std=PLAIN.std,
        batch_size=batch_size,
        progress=False,
        **options,
    )["maps"]


@settings(max_examples=60, deadline=None)
@given(cases(), st.integers(1, 8))
def test_counts_equal_the_reference(case, batch_size):
    activations, labels, concepts, shape, quantile = made(case)
    with unchecked_types():
        layer = run(activations, MemoryDataset(labels, concepts, shape), quantile, batch_size)
    thresholds, intersection, unit_area, concept_area, iou = reference.dissect(activations, labels, concepts, quantile)
    assert layer.activations.thresholds.tolist() == thresholds
    assert layer.counts.concept_area.tolist() == [concept_area[c.number] for c in concepts]
    for unit in range(activations.shape[1]):
        assert layer.counts.intersection[unit].tolist() == [intersection[unit, c.number] for c in concepts]
        assert layer.counts.unit_area[unit].tolist() == [unit_area[unit, category] for category in layer.categories]
        assert layer.scores[unit].tolist() == [iou[unit, c.number] for c in concepts]


@settings(max_examples=30, deadline=None)
@given(cases())
def test_table_names_the_best_concept_of_each_category(case):
    activations, labels, concepts, shape, quantile = made(case)
    with unchecked_types():
        layer = run(activations, MemoryDataset(labels, concepts, shape), quantile)
    _, _, _, _, iou = reference.dissect(activations, labels, concepts, quantile)
    table = layer.units
    assert len(table) == activations.shape[1] * len(layer.categories)
    for row in table.itertuples():
        best = reference.best_concept(row.unit, row.category, concepts, iou)
        assert (None if pd.isna(row.concept) else row.concept) == (best.name if best else None)
        assert row.iou == (iou[row.unit, best.number] if best else 0.0)
        assert row.is_detector == (row.iou > 0.04)
        assert row.iou <= row.iou_ceiling + 1e-12
    for unit, rows in table.groupby("unit"):
        highest = max(iou[unit, c.number] for c in concepts)
        label = rows[rows["is_label"]]
        if highest == 0:
            assert len(label) == 0
        else:
            first = min((c for c in concepts if iou[unit, c.number] == highest), key=lambda c: c.number)
            assert label["concept"].tolist() == [first.name]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("batch_size", [1, 3, 16, 40])
def test_same_counts_for_any_batch_size_and_threads(batch_size, threads):
    random = np.random.default_rng(7)
    activations = random.standard_normal((40, 24, 13, 13)).astype(np.float32)
    concepts = tuple(Concept(n, f"c{n}", CATEGORIES[n % 3]) for n in range(1, 30))
    labels = [Labels(random.integers(0, 30, (2, 57, 57)).astype(np.int32), (1 + index % 29,)) for index in range(40)]
    data = MemoryDataset(labels, concepts, (57, 57))
    expected = run(activations, data, 0.005, batch_size=40)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        layer = run(activations, data, 0.005, batch_size=batch_size)
    finally:
        torch.set_num_threads(before)
    assert differing(layer, expected) == []


def test_one_layer_may_be_given_as_its_name():
    data = MemoryDataset([Labels(np.ones((1, 4, 4), np.int32))] * 3, [Concept(1, "a", "object")], (4, 4))
    network = Recall(np.random.default_rng(0).random((3, 2, 2, 2)).astype(np.float32))
    options = {"size": PLAIN.size, "mean": 0.0, "std": 1.0, "progress": False, "quantile": 0.5}
    assert list(dissect(network, "maps", data, **options).layers) == ["maps"]


def test_several_layers_in_one_run_equal_one_layer_each():
    random = np.random.default_rng(3)
    first = random.standard_normal((9, 4, 5, 5)).astype(np.float32)
    second = random.standard_normal((9, 6)).astype(np.float32)
    concepts = (Concept(1, "a", "object"), Concept(2, "b", "part"))
    labels = [Labels(random.integers(0, 3, (1, 11, 11)).astype(np.int32)) for _ in range(9)]
    data = MemoryDataset(labels, concepts, (11, 11))
    options = {"quantile": 0.2, "size": PLAIN.size, "mean": PLAIN.mean, "std": PLAIN.std, "progress": False}
    both = dissect(Recall(first, second), ["maps", "maps1"], data, **options)
    for layer, activations in (("maps", first), ("maps1", second)):
        alone = run(activations, data, 0.2)
        assert np.array_equal(both[layer].counts.intersection, alone.counts.intersection)
        assert np.array_equal(both[layer].activations.thresholds, alone.activations.thresholds)


def test_categories_choose_labels_and_leave_thresholds_alone():
    random = np.random.default_rng(5)
    activations = random.standard_normal((6, 3, 4, 4)).astype(np.float32)
    concepts = (Concept(1, "a", "object"), Concept(2, "b", "part"), Concept(3, "c", "object"))
    labels = [Labels(random.integers(0, 4, (1, 9, 9)).astype(np.int32)) for _ in range(6)]
    data = MemoryDataset(labels, concepts, (9, 9))
    everything, objects = run(activations, data, 0.1), run(activations, data, 0.1, categories=["object"])
    assert np.array_equal(everything.activations.thresholds, objects.activations.thresholds)
    assert [c.name for c in objects.concepts] == ["a", "c"]
    assert np.array_equal(everything.scores[:, [0, 2]], objects.scores)
