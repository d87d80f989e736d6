"""Counting kept activations: tallies that are noted meanwhile, and the steps that are reported."""

import numpy as np
import pytest
import torch

from netdissect import Concept
from netdissect.engine.tally import Concepts
from netdissect.inference.reader import Reader
from netdissect.labels import Labels
from netdissect.measure import count
from tests.measure.kept import kept_of
from tests.planted import PLAIN, MemoryDataset, Recall


@pytest.fixture
def kept(tmp_path):
    random = np.random.default_rng(0)
    labels = [Labels(random.choice([0, 1, 3], (2, 9, 9)).astype(np.int32), (3,)) for _ in range(42)]
    data = MemoryDataset(labels, (Concept(1, "one", "object"), Concept(3, "three", "part")), (9, 9))
    maps = np.random.default_rng(1).standard_normal((42, 4, 5, 5)).astype(np.float32)
    return kept_of(Recall(maps), ["maps"], Reader(data, PLAIN, 4, order=range(42)), tmp_path, quantile=0.05)


def test_tallies_noted_of_another_count_are_not_taken(kept):
    concepts = Concepts(kept.concepts, kept.label_shape)
    count(kept, concepts, resume=True, chunk_seconds=0.0)
    assert (kept.folder / "tallies.npz").is_file()
    found = count(kept, concepts, quantile=0.02, resume=True)["maps"]
    assert torch.equal(found.tally.intersection, count(kept, concepts, quantile=0.02)["maps"].tally.intersection)


def test_every_step_is_reported_from_its_start_to_its_end(kept):
    steps = []
    count(kept, Concepts(kept.concepts, kept.label_shape), on_progress=lambda *step: steps.append(step))
    assert steps == [
        *(("thresholds", done, 1) for done in (0, 1)),
        *(("concepts", done, 42) for done in (0, 32, 42)),
        *(("top images", done, 1) for done in (0, 1)),
    ]
