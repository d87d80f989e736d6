"""The dataset of scenes: the same image for the same seed, in any order, process and thread."""

import hashlib
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from netdissect.concepts.base import ConceptDataset
from netdissect.concepts.scenes import Scenes
from netdissect.scenes.vocabulary import LAYERS, NUMBER
from netdissect.types import NetdissectError
from tests.unchecked import unchecked_types


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
    with unchecked_types():
        expected = [digest(Scenes(5, (48, 48)), index) for index in range(5)]
        shared = Scenes(5, (48, 48))
        with ThreadPoolExecutor(4) as pool:
            seen = list(pool.map(lambda index: digest(shared, index % 5), range(30)))
    assert seen == expected * 6


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


@settings(max_examples=15, deadline=None)
@given(st.integers(32, 90), st.integers(32, 160), st.integers(0, 2**32), st.integers(0, 10**6))
def test_any_size_seed_and_index(height, width, seed, index):
    data = Scenes(index + 1, (height, width), seed)
    assert data.image(index).size == (width, height)
    assert data.labels(index).maps.shape == (5, height, width)
    assert (data.labels(index).maps[[LAYERS.index("object"), LAYERS.index("color")]] > 0).all()


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
