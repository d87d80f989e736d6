"""``netdissect.dissect`` as a person calls it from Python: their datasets, their numbers, their networks."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from netdissect import Concept, NetdissectError, Result, dissect
from netdissect.labels import Labels
from tests.planted import PLAIN, MemoryDataset, Recall
from tests.results.flat import arrays_of
from tests.unchecked import unchecked_types

OPTIONS = {"size": PLAIN.size, "mean": 0.0, "std": 1.0, "progress": False, "quantile": 0.2}
CONCEPTS = (Concept(1, "one", "object"), Concept(3, "three", "part"))


def labels_of(count, shape=(9, 9), seed=0):
    random = np.random.default_rng(seed)
    return [Labels(random.choice([0, 1, 3], (2, *shape)).astype(np.int32), (3,)) for _ in range(count)]


def maps_of(count, units=4, seed=1):
    return np.random.default_rng(seed).standard_normal((count, units, 5, 5)).astype(np.float32)


def same_counts(one, other):
    names = {"counts": ("intersection", "unit_area", "concept_area"), "activations": ("thresholds", "histogram")}
    names["top"] = ("image",)
    arrays, others = arrays_of(one), arrays_of(other)
    return all(np.array_equal(arrays[part, name], others[part, name]) for part in names for name in names[part])


@pytest.fixture
def as_users_run_it():
    """Without the checks of annotations, which run in these tests alone."""
    with unchecked_types():
        yield


class Photographs(MemoryDataset):
    """Pictures kept in memory, large ones."""

    def __init__(self, mode="RGB"):
        super().__init__(labels_of(5), CONCEPTS, (9, 9))
        pixels = np.random.default_rng(2).integers(0, 255, (5, 300, 400, 3), dtype=np.uint8)
        self.pictures = [Image.fromarray(picture).convert(mode) for picture in pixels]

    def image(self, index):
        return self.pictures[index]


def test_the_datasets_own_pictures_are_left_as_they_are():
    data, network = Photographs(), nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    first = dissect(network, "1", data, **(OPTIONS | {"size": 64}))["1"]
    assert [picture.size for picture in data.pictures] == [(400, 300)] * 5
    assert same_counts(first, dissect(network, "1", data, **(OPTIONS | {"size": 64}))["1"])


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_pictures_of_any_mode(mode, tmp_path):
    result = dissect(nn.Sequential(nn.Conv2d(3, 4, 3)), "0", Photographs(mode), **OPTIONS)
    assert len(result.images) == 5
    Result.load(result.save(tmp_path / "run"))


def test_counts_are_exact_under_autocast():
    maps, data = maps_of(6), MemoryDataset(labels_of(6, (112, 112)), CONCEPTS, (112, 112))
    expected = dissect(Recall(maps), "maps", data, **OPTIONS)["maps"]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert same_counts(dissect(Recall(maps), "maps", data, **OPTIONS)["maps"], expected)


def test_counts_do_not_depend_on_the_default_type():
    maps, data = maps_of(6), MemoryDataset(labels_of(6), CONCEPTS, (9, 9))
    expected = dissect(Recall(maps), "maps", data, **OPTIONS)["maps"]
    torch.set_default_dtype(torch.float64)
    try:
        assert same_counts(dissect(Recall(maps), "maps", data, **OPTIONS)["maps"], expected)
    finally:
        torch.set_default_dtype(torch.float32)


GPU = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else None


@pytest.mark.skipif(GPU is None, reason="no GPU on this machine")
def test_counts_on_a_gpu_equal_those_on_the_cpu():
    maps, data = maps_of(40, units=30), MemoryDataset(labels_of(40, (57, 57)), CONCEPTS, (57, 57))
    expected = dissect(Recall(maps), "maps", data, **OPTIONS)["maps"]
    network = Recall(maps)
    assert same_counts(dissect(network, "maps", data, device=GPU, **OPTIONS)["maps"], expected)
    assert next(network.buffers()).device.type == "cpu"


def test_numbers_of_any_type(tmp_path, as_users_run_it):
    maps, data = maps_of(6), MemoryDataset(labels_of(6), CONCEPTS, (9, 9))
    plain = dissect(Recall(maps), "maps", data, **(OPTIONS | {"limit": 4, "batch_size": 2}))
    numpy = {
        "quantile": np.float64(0.2),
        "iou_threshold": np.float32(0.04),
        "size": np.int64(8),
        "mean": [0, 0, 0],
        "std": 1,
        "limit": np.int64(4),
        "batch_size": np.int32(2),
        "seed": np.int64(0),
        "categories": "object",
    }
    result = dissect(Recall(maps), "maps", data, progress=False, **numpy)
    assert np.array_equal(result["maps"].activations.thresholds, plain["maps"].activations.thresholds)
    assert [concept.name for concept in result["maps"].concepts] == ["one"]
    json.loads((result.save(tmp_path / "run") / "run.json").read_text())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 2.5}, "batch size is a whole number, not 2.5"),
        ({"batch_size": 0}, "batch size is at least 1"),
        ({"quantile": "half"}, "quantile is a number, not 'half'"),
        ({"quantile": 0.0}, "between 0 and 1"),
        ({"size": (8, 8, 8)}, "height of images is a whole number"),
        ({"size": 0}, "height of images is at least 1"),
        ({"mean": [0.5, 0.5]}, "mean is one number or three"),
        ({"device": "meta"}, "device 'meta' cannot be used"),
        ({"device": "toaster"}, "device 'toaster' cannot be used"),
        ({"ignore_index": [3]}, "indices to ignore"),
        ({"categories": ["part", "mood"]}, "no category 'mood'"),
    ],
)
def test_options_that_make_no_sense(options, message, as_users_run_it):
    data = MemoryDataset(labels_of(3), CONCEPTS, (9, 9))
    with pytest.raises(NetdissectError, match=message):
        dissect(Recall(maps_of(3)), "maps", data, **(OPTIONS | options))


class Flawed(MemoryDataset):
    """A dataset of a person who misread the protocol."""

    def __init__(self, concepts=CONCEPTS, maps=None, whole=()):
        maps = np.ones((1, 9, 9), np.int32) if maps is None else maps
        super().__init__([], concepts, (9, 9))
        self._maps, self._whole = maps, whole

    def __len__(self):
        return 3

    def labels(self, index):
        return Labels(self._maps, self._whole)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (Flawed(maps=np.full((1, 9, 9), 2)), r"memory: image \d: label 2 is not among the dataset's concepts"),
        (Flawed(maps=np.full((1, 9, 9), -1)), "label -1 is not among"),
        (Flawed(maps=np.full((1, 9, 9), 10**11)), "label 100000000000 is not among"),
        (Flawed(whole=(7,)), "label 7 is not among"),
        (Flawed(maps=np.ones((9, 9), np.int32)), r"label maps are int32 \(9, 9\), not whole numbers \(layers, 9, 9\)"),
        (Flawed(maps=np.ones((1, 9, 8), np.int32)), r"\(1, 9, 8\)"),
        (Flawed(maps=np.ones((1, 9, 9))), "label maps are float64"),
        (Flawed(CONCEPTS[::-1]), "concept numbers must ascend"),
        (Flawed((*CONCEPTS, CONCEPTS[1])), "concept numbers must ascend"),
        (Flawed((Concept(0, "zero", "object"),)), "concept numbers must ascend, from 1 on"),
        (Flawed((Concept(2**40, "far", "object"),)), "concept numbers must ascend"),
        (Flawed(()), "memory: the dataset lists no concepts"),
        (MemoryDataset([], CONCEPTS, (9, 9)), "memory: the dataset has no images"),
    ],
)
def test_datasets_that_do_not_keep_to_the_protocol(data, message, as_users_run_it):
    with pytest.raises(NetdissectError, match=message):
        dissect(Recall(maps_of(3)), "maps", data, **OPTIONS)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int64, np.uint64])
def test_label_maps_of_any_whole_numbers(kind, as_users_run_it):
    maps = maps_of(3)
    plain = dissect(Recall(maps), "maps", Flawed(), **OPTIONS)["maps"]
    other = dissect(Recall(maps), "maps", Flawed(maps=np.ones((1, 9, 9), kind)), **OPTIONS)["maps"]
    assert same_counts(plain, other)
    assert plain.counts.concept_area.tolist() == [3 * 81, 0]


def test_what_a_dataset_lacks_is_named_before_any_work(as_users_run_it):
    class Unfinished:
        name = "mine"

        def __len__(self):
            return 1

    data = Unfinished()
    with pytest.raises(NetdissectError, match="Unfinished is not a concept dataset: it has no concepts, label_shape"):
        dissect(Recall(maps_of(1)), "maps", data, **OPTIONS)


class SecondThoughts(nn.Module):
    """A network that gives NaN from its ``good``-th call on."""

    def __init__(self, good):
        super().__init__()
        self.maps = nn.Identity()
        self.calls, self.good = 0, good

    def forward(self, images):
        self.calls += 1
        return self.maps(images if self.calls <= self.good else images * float("nan"))


def test_nan_in_a_later_batch_is_seen_too():
    data = MemoryDataset(labels_of(6), CONCEPTS, (9, 9))
    with pytest.raises(NetdissectError, match="layer maps has NaN or infinite activations on image image"):
        dissect(SecondThoughts(2), "maps", data, batch_size=2, **OPTIONS)


@pytest.mark.parametrize("scale", [1e-36, 1.0, 3e37])
def test_counts_do_not_depend_on_the_scale_of_activations(scale):
    maps, data = maps_of(6), MemoryDataset(labels_of(6), CONCEPTS, (9, 9))
    plain = dissect(Recall(maps), "maps", data, **OPTIONS)["maps"]
    scaled = dissect(Recall(maps * np.float32(2.0 ** np.round(np.log2(scale)))), "maps", data, **OPTIONS)["maps"]
    scaled_arrays, arrays = arrays_of(scaled), arrays_of(plain)
    for name in (
        *(("counts", name) for name in ("intersection", "unit_area")),
        ("activations", "histogram"),
        ("top", "image"),
    ):
        assert np.array_equal(scaled_arrays[name], arrays[name]), name


def test_activations_whose_differences_overflow_are_refused():
    data = MemoryDataset(labels_of(6), CONCEPTS, (9, 9))
    with pytest.raises(NetdissectError, match="layer maps has too large activations on image image"):
        dissect(Recall(np.full((6, 2, 3, 3), 3e38, dtype=np.float32)), "maps", data, **OPTIONS)


def test_too_few_positions_are_said_to_be_the_reason():
    data = MemoryDataset(labels_of(6), CONCEPTS, (9, 9))
    vectors = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)
    result = dissect(Recall(vectors), "maps", data, **(OPTIONS | {"quantile": 0.01}))
    assert result["maps"].silent == dict.fromkeys(range(3), "6 positions are too few for a quantile of 0.01")
    (note,) = result.notes
    assert note.startswith("maps: 3 of 3 units have an empty mask and no label; unit 0: 6 positions are too few")


def test_forward_pass_that_fails_says_how():
    with pytest.raises(NetdissectError, match=r"cannot take images of 8x8: RuntimeError: .*channels"):
        dissect(nn.Sequential(nn.Conv2d(4, 2, 1)), "0", MemoryDataset(labels_of(2), CONCEPTS, (9, 9)), **OPTIONS)


def test_results_show_themselves_in_a_line():
    result = dissect(Recall(maps_of(3)), "maps", MemoryDataset(labels_of(3), CONCEPTS, (9, 9)), **OPTIONS)
    assert repr(result) == "<Result Recall: maps>"
    assert repr(result["maps"]) == "<LayerResult maps: 4 units, 2 concepts>"
    assert len(repr(result.images)) < 500
