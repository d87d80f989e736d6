"""The sample of images whose maximal responses are kept: the same images for every network."""

import cProfile
import hashlib
import pstats

import numpy as np
import pytest

from netdissect import Concept, Result, Scenes, dissect
from netdissect.concepts.base import Subset
from netdissect.inference.reader import Reader
from netdissect.labels import Labels
from netdissect.measure.sample import sampled_images
from netdissect.settings import Settings
from netdissect.types import BadSampleError
from tests.measure.kept import kept_of
from tests.planted import PLAIN, MemoryDataset, Recall

OPTIONS = {"size": PLAIN.size, "mean": 0.0, "std": 1.0, "progress": False, "quantile": 0.05}
IMAGES = 30


class Some(MemoryDataset):
    """One image cannot be read."""

    def image(self, index):
        if index == 7:
            raise BadSampleError("image 7 is torn")
        return super().image(index)


@pytest.fixture
def data():
    labels = np.zeros((1, 9, 9), dtype=np.int32)
    return Some([Labels(labels, (1,))] * IMAGES, [Concept(1, "one", "object")], (9, 9))


@pytest.fixture
def maps():
    return np.random.default_rng(1).standard_normal((IMAGES, 6, 5, 5)).astype(np.float32)


def by_hash(data, size):
    """The sample, as it is defined."""
    names = [data.image_name(index) for index in range(len(data))]
    hashes = [hashlib.blake2b(name.encode(), digest_size=16).digest() for name in names]
    return sorted(range(len(data)), key=lambda index: (hashes[index], index))[:size]


@pytest.mark.parametrize("batch_size", [1, 4, 30])
def test_peaks_of_a_sample_are_kept(batch_size, data, maps, tmp_path):
    expected = sorted(set(by_hash(data, 12)) - {7})
    order = np.random.default_rng(batch_size).permutation(IMAGES).tolist()
    reader = Reader(data, PLAIN, batch_size, order=order, skip_bad=True)
    kept = kept_of(Recall(maps, maps[:, :2]), ["maps", "maps1"], reader, tmp_path, quantile=0.05, sample_size=12)
    assert kept.sample.tolist() == expected
    for layer, units in (("maps", 6), ("maps1", 2)):
        assert np.array_equal(kept.peaks(layer), maps[expected, :units].max(axis=(2, 3)))


def test_a_run_has_the_peaks_of_its_sample_by_the_names_of_the_images(data, maps, tmp_path):
    """All images but the torn one: there are fewer than a sample has."""
    options = {**OPTIONS, "batch_size": 4, "skip_bad": True, "seed": 4}
    layers = dissect(Recall(maps, maps[:, :2]), ["maps", "maps1"], data, out=tmp_path / "run", **options).layers
    expected = [index for index in range(IMAGES) if index != 7]
    for layer, units in (("maps", 6), ("maps1", 2)):
        for result in (layers[layer], Result.load(tmp_path / "run")[layer]):
            assert result.sample.image_names == tuple(f"image {index}" for index in expected)
            assert np.array_equal(result.sample.peaks, maps[expected, :units].max(axis=(2, 3)))


def test_runs_of_a_limit_share_images_with_the_whole():
    class Named(MemoryDataset):
        def image_name(self, index):
            return f"photo \udcff {index}"  # a byte that is no text

    data = Named(range(3000), [Concept(1, "one", "object")], (9, 9))
    size = Settings().sample_size
    whole = sampled_images(data, size)
    assert len(whole) == size
    part = Subset(data, range(0, 3000, 10))
    assert sampled_images(part, size) == frozenset(range(300))  # all, where they are few
    half = Subset(data, range(0, 3000, 2))
    chosen = {2 * index for index in sampled_images(half, 1000)}
    fewer, more = sorted([chosen, {index for index in whole if index % 2 == 0}], key=len)
    assert len(fewer) >= 900 and fewer <= more


def functions_called(call, *arguments):
    """The names of all functions that run in a call."""
    profile = cProfile.Profile()
    profile.runcall(call, *arguments)
    return {name for _, _, name in pstats.Stats(profile).stats}


def test_a_scene_is_named_without_painting_it():
    data = Scenes(20)
    names = [f"{data._rendering(index).scene} {index:06d}" for index in range(20)]
    named = Scenes(20)
    assert "render" not in functions_called(lambda: [named.image_name(index) for index in range(20)])
    assert [named.image_name(index) for index in range(20)] == names
    assert "render" in functions_called(named.image, 0)
