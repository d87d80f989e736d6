"""Layers dissected in a basis: along rotations, principal components, the rows of a matrix."""

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from torch import nn

from netdissect import Concept, KeptActivations, NetdissectError, Result, dissect
from netdissect.bases import Rotated
from netdissect.engine.basis import random_rotation
from netdissect.labels import Labels
from tests.planted import PLAIN, Falls, Killed, MemoryDataset, Recall
from tests.results.flat import arrays_of, differing
from tests.unchecked import unchecked_types

IMAGES, UNITS = 30, 5
OPTIONS = {"size": PLAIN.size, "mean": 0.0, "std": 1.0, "progress": False, "quantile": 0.05, "batch_size": 4}
CONCEPTS = (Concept(1, "one", "object"), Concept(3, "three", "part"))


@pytest.fixture
def data():
    random = np.random.default_rng(0)
    labels = [Labels(random.choice([0, 1, 3], (2, 9, 9)).astype(np.int32), (3,)) for _ in range(IMAGES)]
    return MemoryDataset(labels, CONCEPTS, (9, 9))


@pytest.fixture
def maps():
    return np.random.default_rng(1).standard_normal((IMAGES, UNITS, 4, 3)).astype(np.float32)


@pytest.fixture
def whole_maps():
    """Products with small whole numbers are exact in whatever order they are summed."""
    return np.random.default_rng(1).integers(-9, 9, (IMAGES, UNITS, 4, 3)).astype(np.float32)


def same(one, other):
    assert len(arrays_of(one)) == 14
    return not differing(one, other)


@pytest.mark.parametrize("basis", [[None], Rotated(0.0, 7), [None, Rotated(0), "pca"]])
def test_rotated_by_nothing_is_not_rotated_to_the_last_bit(basis, data, maps):
    plain = dissect(Recall(maps), "maps", data, **OPTIONS)["maps"]
    result = dissect(Recall(maps), "maps", data, basis=basis, **OPTIONS)
    assert same(result["maps"], plain)
    if isinstance(basis, list) and len(basis) > 1:
        assert same(result["maps rotated 0 seed 0"], plain)


@pytest.mark.parametrize("directions", [1, 3, UNITS, 12])
def test_a_layer_in_a_basis_is_the_layer_times_the_matrix(directions, data, whole_maps):
    basis = np.random.default_rng(2).integers(-3, 4, (directions, UNITS)).astype(np.float32)
    by_hand = np.stack(
        [
            [
                [[sum(row[u] * image[u, y, x] for u in range(UNITS)) for x in range(3)] for y in range(4)]
                for row in basis
            ]
            for image in whole_maps
        ]
    )
    expected = dissect(Recall(by_hand.astype(np.float32)), "maps", data, **OPTIONS)["maps"]
    result = dissect(Recall(whole_maps), "maps", data, basis=basis, **OPTIONS)
    assert same(result["maps"], expected)
    assert result["maps"].unit_count == directions
    assert result.description.layers["maps"].shape == (directions, 4, 3)


def test_a_rotated_layer_is_that_of_a_network_which_rotates(data, maps):
    """A 1x1 convolution appended to the network, whose rounding is its own."""
    rotation = random_rotation(UNITS, 4)

    class Rotates(nn.Module):
        def __init__(self):
            super().__init__()
            self.recall, self.turned = Recall(maps), nn.Conv2d(UNITS, UNITS, 1, bias=False)
            with torch.no_grad():
                self.turned.weight.copy_(torch.from_numpy(rotation)[:, :, None, None])

        def forward(self, images):
            return self.turned(self.recall(images)[0])

    expected = dissect(Rotates(), "turned", data, **OPTIONS)["turned"]
    found = dissect(Recall(maps), "maps", data, basis=Rotated(1, 4), **OPTIONS)["maps"]
    assert np.allclose(found.activations.thresholds, expected.activations.thresholds, atol=1e-5)
    assert np.allclose(found.top.activation, expected.top.activation, atol=1e-5)
    assert np.allclose(found.counts.intersection, expected.counts.intersection, atol=2)  # a pixel on the edge of a mask
    assert not same(found, dissect(Recall(maps), "maps", data, **OPTIONS)["maps"])


def test_several_bases_in_one_pass_are_each_alone(data, maps):
    other = np.random.default_rng(3).standard_normal((IMAGES, 4, 2, 2)).astype(np.float32)
    bases = [None, "pca", Rotated(0.3, 1), Rotated(1, 1), np.eye(5, dtype=np.float64)[:, ::-1], torch.ones(2, 5)]
    model = Falls(maps, np.concatenate([other, other[:, :1]], axis=1))
    together = dissect(model, ["maps", "maps1"], data, basis=bases, **OPTIONS)
    assert model.passes == 2 * 8  # of 30 images, 4 at a time: once for the components, once for all
    names = ["", " in pca", " rotated 0.3 seed 1", " rotated 1 seed 1", " in a matrix", " in a matrix (2)"]
    assert list(together.layers) == [layer + name for layer in ("maps", "maps1") for name in names]
    for layer in ("maps", "maps1"):
        for name, basis in zip(names, bases, strict=True):
            with unchecked_types():
                alone = dissect(model, layer, data, basis=basis, **OPTIONS)
            assert list(alone.layers) == [layer]
            assert same(together[layer + name], alone[layer])
    assert same(together["maps in a matrix"], together["maps"]) is False
    flipped = together["maps in a matrix"].activations.thresholds[::-1]
    assert np.array_equal(flipped, together["maps"].activations.thresholds)


def test_the_network_runs_once_for_all_rotations(data, maps):
    model = Falls(maps)
    dissect(model, "maps", data, **OPTIONS)
    before, model.passes = model.passes, 0
    dissect(model, "maps", data, basis=[None, *(Rotated(0.1, seed) for seed in range(9))], **OPTIONS)
    assert model.passes == before == 8


def test_counts_do_not_depend_on_the_batches(data, maps):
    one, other = (
        dissect(Recall(maps), "maps", data, basis=Rotated(0.5), **(OPTIONS | {"batch_size": size})) for size in (1, 7)
    )
    assert same(one["maps"], other["maps"])


def test_components_are_found_over_all_positions_of_all_images(data, maps):
    stretched = maps * np.array([1, 9, 3, 2, 1], dtype=np.float32)[:, None, None] + 5
    result = dissect(Recall(stretched), "maps", data, basis="pca", **OPTIONS)
    values = stretched.transpose(0, 2, 3, 1).reshape(-1, UNITS).astype(np.float64)
    variance, vectors = np.linalg.eigh(np.cov(values.T, bias=True))
    assert np.allclose(result.description.fitted["maps"]["variance"], variance[::-1], rtol=1e-4)
    rows = vectors.T[::-1]
    rows *= np.sign(rows[np.arange(UNITS), np.abs(rows).argmax(axis=1)])[:, None]
    high = (values @ rows.T).max(axis=0)
    assert np.allclose(result["maps"].activations.high, high, rtol=1e-4)


def test_vectors_have_bases_too(data):
    vectors = np.random.default_rng(5).integers(-9, 9, (IMAGES, 3)).astype(np.float32)
    basis = np.array([[1, 0, 0], [0, 2, -1]], dtype=np.float32)
    expected = dissect(Recall(vectors @ basis.T), "maps", data, **OPTIONS)
    result = dissect(Recall(vectors), "maps", data, basis=basis, **OPTIONS)
    assert same(result["maps"], expected["maps"])
    assert result.description.layers["maps"].words == "_Lookup: vectors; in the basis of a matrix"


def test_what_a_run_tells_of_a_basis(data, maps, tmp_path):
    np.save(tmp_path / "atoms.npy", np.ones((7, UNITS)))
    bases = [None, "pca", Rotated(0.5, 2), str(tmp_path / "atoms.npy")]
    result = dissect(Recall(maps), "maps", data, basis=bases, out=tmp_path / "run", **OPTIONS)
    told = {name: layer.basis for name, layer in result.description.layers.items()}
    assert told["maps"] is None
    assert {basis.layer for basis in told.values() if basis is not None} == {"maps"}
    assert (told["maps in pca"].kind, told["maps in pca"].facts) == ("components", {})
    rotation, matrix = told["maps rotated 0.5 seed 2"], told["maps in atoms.npy"]
    assert (rotation.kind, rotation.facts) == ("rotation", {"amount": 0.5, "seed": 2})
    assert matrix.kind == "matrix" and len(matrix.facts["sha256"]) == 64
    assert {name: value for name, value in matrix.facts.items() if name != "sha256"} == {"name": "atoms.npy"}
    words = [layer.words.split("; ")[1] for layer in result.description.layers.values()]
    assert words[1:] == [
        "in the basis of its principal components",
        "rotated by 0.5 of the rotation of seed 2",
        "in the basis of atoms.npy",
    ]
    loaded = Result.load(tmp_path / "run")
    assert all(same(loaded[name], layer) for name, layer in result.layers.items())
    assert (tmp_path / "run" / "report" / "index.html").is_file()


#: Every batch is committed.
CHUNKS = {"chunk_seconds": 0.0, **OPTIONS}


@pytest.mark.parametrize("finished", [True, False])
def test_a_run_in_another_basis_is_not_resumed(finished, data, maps, tmp_path):
    run = {"out": tmp_path / "run", **CHUNKS}
    if finished:
        dissect(Falls(maps), "maps", data, basis=np.eye(5), **run)
    else:
        with pytest.raises(Killed):
            dissect(Falls(maps, at=5), "maps", data, basis=np.eye(5), **run)
    for other in (None, "pca", Rotated(0.5), 2 * np.eye(5)):
        with pytest.raises(NetdissectError, match="layers maps is another"):
            dissect(Falls(maps), "maps", data, basis=other, resume=True, **run)
    result = dissect(Falls(maps), "maps", data, basis=np.eye(5), resume=True, **run)
    assert same(result["maps"], dissect(Falls(maps), "maps", data, basis=np.eye(5), **OPTIONS)["maps"])


@pytest.mark.parametrize("at", [3, 13])
def test_a_killed_run_in_components_goes_on_with_those_it_found(at, data, maps, tmp_path):
    """Of 16 passes 8 find the components; the first that is safe is the ninth."""
    whole = dissect(Recall(maps), "maps", data, basis=["pca", None], **OPTIONS)
    model, out = Falls(maps, at=at), tmp_path / "run"
    with pytest.raises(Killed):
        dissect(model, "maps", data, basis=["pca", None], out=out, **CHUNKS)
    model.passes = 100
    result = dissect(model, "maps", data, basis=["pca", None], out=out, resume=True, keep_activations=True, **CHUNKS)
    assert model.passes - 100 == (16 if at < 9 else 16 - at + 1)
    assert all(same(result[name], whole[name]) for name in whole.layers)
    assert result.description.fitted == whole.description.fitted
    assert set(KeptActivations(out / "activations").layers) == {"maps in pca", "maps"}


BAD = {
    "flat.npy": (np.ones(5), "is a matrix, a row per direction, not of shape (5,)"),
    "wide.npy": (np.ones((3, 6)), "its directions are of 6 units, but layer maps has 5"),
    "none.npy": (np.ones((0, 5)), "not of shape (0, 5)"),
    "whole.npy": (np.ones((5, 5), dtype=np.int64), "real floating-point numbers, not int64"),
    "complex.npy": (np.ones((5, 5), dtype=np.complex64), "real floating-point numbers, not complex64"),
    "nan.npy": (np.diag([1, 1, np.nan, 1, 1]), "row 2 is not finite"),
    "huge.npy": (np.diag([1e300] * 5), "row 0 is not finite"),
    "objects.npy": (np.array([["a", None]], dtype=object), "cannot be read as a matrix"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_matrices(name, data, maps, tmp_path):
    array, message = BAD[name]
    np.save(tmp_path / name, array)
    with pytest.raises(NetdissectError) as error:
        dissect(Recall(maps), "maps", data, basis=tmp_path / name, **OPTIONS)
    assert str(error.value).startswith(str(tmp_path / name))
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("basis", "message"),
    [
        ("nowhere.npy", "nowhere.npy: cannot be read as a matrix: .*No such file"),
        ("nowhere.safetensors", "cannot be read as a matrix"),
        ("torn.npy", "torn.npy: cannot be read as a matrix"),
        ("torn.safetensors", "torn.safetensors: cannot be read as a matrix"),
        ("two.safetensors", "holds 2 matrices, not one .there is bias, decoder, encoder"),
        ("bias.safetensors", "holds 0 matrices"),
        ("basis.txt", "a basis is pca, rotation, or a .npy or .safetensors file"),
        (3, "a basis is pca, rotation, a file, or a matrix, not of type int"),
        ([[1.0, 2.0]], "not of type list"),
        ([], "no basis is named"),
        (torch.ones(5, 5, dtype=torch.int32), "the basis: .* not torch.int32"),
        (torch.ones(5), "not of shape"),
    ],
)
def test_what_is_no_basis(basis, message, data, maps, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("torn.npy", "torn.safetensors", "basis.txt"):
        (tmp_path / name).write_bytes(b"\x93NUMPY")
    matrix, bias = np.ones((4, UNITS), dtype=np.float32), np.ones(4, dtype=np.float32)
    save_file({"encoder": matrix, "decoder": matrix, "bias": bias}, tmp_path / "two.safetensors")
    save_file({"bias": bias}, tmp_path / "bias.safetensors")
    with pytest.raises(NetdissectError, match=message) as error, unchecked_types():
        dissect(Recall(maps), "maps", data, basis=basis, **OPTIONS)
    assert "\n" not in str(error.value)


def test_a_dictionary_of_half_precision_beside_its_bias(data, maps, tmp_path):
    rows = np.random.default_rng(6).integers(-3, 3, (8, UNITS)).astype(np.float16)
    save_file({"decoder": rows, "bias": np.ones(8, dtype=np.float32)}, tmp_path / "dictionary.safetensors")
    path = str(tmp_path / "dictionary.safetensors")
    found = dissect(Recall(maps), "maps", data, basis=path, **OPTIONS)["maps"]
    assert same(found, dissect(Recall(maps), "maps", data, basis=rows.astype(np.float64), **OPTIONS)["maps"])
    assert same(found, dissect(Recall(maps), "maps", data, basis=torch.tensor(rows).bfloat16(), **OPTIONS)["maps"])


@pytest.mark.parametrize("rotated", [(1.5, 0), (-0.1, 0), (float("nan"), 0), (0.5, -1)])
def test_rotations_that_are_none(rotated):
    with pytest.raises(NetdissectError, match=r"rotat"):
        Rotated(*rotated)


def test_products_that_are_too_large_are_told(data, maps):
    with pytest.raises(NetdissectError, match=r"layer maps has (too large|NaN or infinite) activations on image"):
        dissect(Recall(maps), "maps", data, basis=np.full((1, UNITS), 3e38), **OPTIONS)
