"""Which images a run shows of its concepts."""

import numpy as np
from pycocotools import mask as coco

from netdissect import Concept, Result, dissect
from netdissect.labels import Labels
from netdissect.pipeline.shown_images import EXAMPLES
from tests.planted import PLAIN, MemoryDataset, Recall

CONCEPTS = (
    Concept(2, "small", "object"),
    Concept(5, "large", "object"),
    Concept(7, "street", "scene"),
    Concept(9, "nowhere", "color"),
)


def run(images=60, units=30, **changes):
    random = np.random.default_rng(0)
    labels = []
    for index in range(images):
        maps = np.zeros((2, 6, 8), dtype=np.int32)
        maps[0, : 1 + index % 6] = 5
        if index % 3 == 0:
            maps[1, 2, 3] = 2
        labels.append(Labels(maps if index != 7 else maps[:0], (7,) if index % 2 else ()))
    data = MemoryDataset(labels, CONCEPTS, (6, 8))
    maps = random.random((images, units, 3, 4), dtype=np.float32)
    options = {"size": PLAIN.size, "mean": 0.0, "std": 1.0, "progress": False, "quantile": 0.1, "top_images": 3}
    return labels, dissect(Recall(maps), ["maps"], data, **(options | changes))


def test_examples_show_where_concepts_are(tmp_path):
    labels, result = run()
    by_concept = {}
    for example in result.examples:
        by_concept.setdefault(example.concept, []).append(example)
        drawn = coco.decode({"size": [8, 6], "counts": example.mask.encode()}).T.astype(bool)
        of_image = labels[example.image]
        there = (of_image.maps == example.concept).any(axis=0) | (example.concept in of_image.whole)
        assert (drawn == there).all()
        assert example.pixels == there.sum() > 0
        assert example.image in result.images
    assert {concept: len(examples) for concept, examples in by_concept.items()} == {
        2: EXAMPLES,
        5: EXAMPLES,
        7: EXAMPLES,
    }
    for examples in by_concept.values():
        assert len({example.image for example in examples}) == EXAMPLES
        assert [example.pixels for example in examples] == sorted(
            (example.pixels for example in examples), reverse=True
        )
    assert Result.load(result.save(tmp_path / "run")).examples == result.examples


def test_examples_do_not_depend_on_threads_and_layers():
    _, one = run(workers=0)
    _, two = run(workers=3)
    assert one.examples == two.examples


def test_large_ones_are_drawn_more_often():
    labels, result = run(images=240, units=120)
    shown = [labels[index].maps[0, :, 0].astype(bool).sum() for index in result.images if index != 7]
    drawn = [example.pixels / 8 for example in result.examples if example.concept == 5]
    assert np.mean(drawn) > np.mean(shown)


def test_only_concepts_that_are_counted():
    _, result = run(categories=["scene"])
    assert {example.concept for example in result.examples} == {7}
