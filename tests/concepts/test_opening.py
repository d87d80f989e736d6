"""Opening a dataset by name, and drawing some of its images."""

from pathlib import Path

import numpy as np
import pytest

from netdissect import dissect
from netdissect.concepts import BrodenDataset, ConceptDataset, FolderDataset, Scenes, open_dataset, sample
from netdissect.types import BadSampleError, Concept, NetdissectError
from tests.broden.broden_files import write_broden
from tests.concepts.test_folder import write_folder
from tests.planted import PLAIN, MemoryDataset, Recall

CONCEPTS = (Concept(1, "sky", "object"), Concept(2, "road", "object"))


def broden(root, count=3):
    return write_broden(root, [{"object": [np.full((4, 6), 1 + index % 2)]} for index in range(count)], CONCEPTS)


def folder(root, count=3):
    return write_folder(root, {f"{index:03}": np.full((8, 12), index % 3) for index in range(count)})


def image_names(data):
    return [data.image_name(index) for index in range(len(data))]


def test_scenes():
    data = open_dataset("scenes", size=(40, 48), limit=5, seed=3)
    assert isinstance(data, Scenes)
    assert (len(data), data.label_shape, data.image(0).size) == (5, (40, 48), (48, 40))
    assert data.fingerprint() == Scenes(5, (40, 48), seed=3).fingerprint()
    assert data.image(4).tobytes() == Scenes(5, (40, 48), seed=3).image(4).tobytes()
    assert data.image(4).tobytes() != open_dataset("scenes", size=(40, 48), limit=5, seed=4).image(4).tobytes()


def test_a_folder_called_scenes_is_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for spec in (Path("scenes"), "./scenes"):
        with pytest.raises(NetdissectError, match="no such dataset"):
            open_dataset(spec)


def test_scenes_without_and_with_a_large_limit():
    assert len(open_dataset("scenes")) == 1000
    assert len(open_dataset("scenes", limit=1234)) == 1234
    assert open_dataset("scenes", size=(64, 32)).label_shape == (64, 32)


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_directories(tmp_path, kind):
    data = open_dataset(kind(broden(tmp_path / "b")), size=(64, 64))
    assert isinstance(data, BrodenDataset) and data.label_shape == (4, 6) and len(data) == 3
    data = open_dataset(kind(folder(tmp_path / "f")), size=(65, 30))
    assert isinstance(data, FolderDataset) and data.label_shape == (32, 15) and len(data) == 3
    assert open_dataset(kind(tmp_path / "f"), size=(1, 1)).label_shape == (1, 1)


def test_options_of_a_folder_are_passed_on(tmp_path):
    root = folder(tmp_path / "f")
    data = open_dataset(root, size=(8, 8), ignore_index=[0])
    assert [concept.name for concept in data.concepts] == ["road", "car"]
    assert not data.labels(0).maps.any() and data.labels(1).maps.all()
    (root / "labels" / "001.png").unlink()
    with pytest.raises(NetdissectError, match=r"001\.jpg"):
        open_dataset(root)
    with pytest.raises(BadSampleError, match=r"001\.jpg"):
        open_dataset(root, skip_bad=True).labels(1)


@pytest.mark.parametrize("make", [broden, folder])
def test_limit_draws_without_replacement_in_order(tmp_path, make):
    root = make(tmp_path / "data", 30)
    everything = image_names(open_dataset(root))
    drawn = {}
    for seed in range(20):
        data = open_dataset(root, limit=12, seed=seed)
        assert isinstance(data, ConceptDataset) and len(data) == 12
        drawn[seed] = image_names(data)
        assert image_names(open_dataset(root, limit=12, seed=seed)) == drawn[seed]
        places = [everything.index(name) for name in drawn[seed]]
        assert places == sorted(set(places))
    assert len({tuple(names) for names in drawn.values()}) == 20
    assert {name for names in drawn.values() for name in names} == set(everything)  # not the first ones alone


@pytest.mark.parametrize("limit", [30, 31, 10**6])
def test_a_limit_that_is_not_one(tmp_path, limit):
    root = folder(tmp_path / "data", 30)
    assert image_names(open_dataset(root, limit=limit, seed=5)) == image_names(open_dataset(root))


def test_drawn_images_keep_their_own_labels(tmp_path):
    root = folder(tmp_path / "data", 30)
    whole, data = open_dataset(root, size=(8, 8)), open_dataset(root, size=(8, 8), limit=7, seed=1)
    assert (data.name, data.concepts, data.label_shape) == (whole.name, whole.concepts, whole.label_shape)
    for index in range(7):
        own = int(data.image_name(index)[:3])
        assert np.array_equal(data.labels(index).maps, whole.labels(own).maps)
        assert data.labels(index).maps[0, 0, 0] == own % 3 + 1
        assert data.image(index).tobytes() == whole.image(own).tobytes()


def test_fingerprint_tells_drawn_images_apart(tmp_path):
    root = folder(tmp_path / "data", 30)
    draws = [
        open_dataset(root),
        *(open_dataset(root, limit=7, seed=seed) for seed in (0, 1)),
        open_dataset(root, limit=8),
    ]
    assert len({data.fingerprint() for data in draws}) == 4
    assert open_dataset(root, limit=7, seed=1).fingerprint() == draws[2].fingerprint()


@pytest.mark.parametrize("limit", [0, -1, -100])
@pytest.mark.parametrize("spec", ["scenes", "folder"])
def test_limit_that_leaves_nothing(tmp_path, spec, limit):
    if spec == "folder":
        spec = folder(tmp_path / "data")
    with pytest.raises(NetdissectError, match=f"limit of {limit} "):
        open_dataset(spec, limit=limit)


@pytest.mark.parametrize("limit", [0, -1])
def test_limit_that_leaves_nothing_of_a_dataset_in_memory(limit):
    data = MemoryDataset([], CONCEPTS, (4, 6))
    with pytest.raises(NetdissectError, match=f"limit of {limit} "):
        sample(data, limit, 0)
    network = Recall(np.zeros((1, 1, 1, 1), dtype=np.float32))
    with pytest.raises(NetdissectError, match=f"limit is at least 1, not {limit}"):
        dissect(network, ["maps"], data, limit=limit, size=PLAIN.size, progress=False)


def test_seed_below_zero(tmp_path):
    root = folder(tmp_path / "data", 5)
    with pytest.raises(NetdissectError, match="-1"):
        open_dataset(root, limit=2, seed=-1)


def test_no_such_directory(tmp_path):
    with pytest.raises(NetdissectError, match="no such dataset") as caught:
        open_dataset(tmp_path / "nowhere")
    assert str(tmp_path / "nowhere") in str(caught.value)


@pytest.mark.parametrize("inside", [[], ["images"], ["labels"], ["index.csv/"], ["images", "label.csv"]])
def test_directory_of_neither_kind(tmp_path, inside):
    for name in inside:
        (tmp_path / "data" / name).mkdir(parents=True)
    (tmp_path / "data").mkdir(exist_ok=True)
    with pytest.raises(
        NetdissectError, match=r": neither .* nor a Broden directory \(.* nor a folder of masks \("
    ) as caught:
        open_dataset(tmp_path / "data")
    assert str(tmp_path / "data") in str(caught.value)


def test_a_file_is_not_a_dataset(tmp_path):
    (tmp_path / "data.zip").write_text("zip")
    with pytest.raises(NetdissectError, match=r"data\.zip: neither"):
        open_dataset(tmp_path / "data.zip")


@pytest.mark.parametrize("make", [None, broden])
def test_indices_to_ignore_are_for_folders_alone(tmp_path, make):
    spec = make(tmp_path / "b") if make else "scenes"
    with pytest.raises(NetdissectError, match="folder of masks alone"):
        open_dataset(spec, ignore_index=[3])
