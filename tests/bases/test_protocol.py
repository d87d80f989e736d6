"""Bases that are not linear, and that a pass over the images fits, take the whole way that the built-in ones take."""

import numpy as np
import pytest
import torch
from attrs import frozen

from netdissect import Basis, Concept, Labels, NetdissectError, Result, dissect
from netdissect.bases import choose_views, read_basis
from netdissect.choices import BASES
from netdissect.networks.layers import find_layers
from netdissect.results.description import BasisDescription
from tests.planted import PLAIN, Falls, Killed, MemoryDataset, Recall

IMAGES, UNITS, FEATURES = 24, 5, 7
OPTIONS = {"size": PLAIN.size, "mean": 0.0, "std": 1.0, "progress": False, "quantile": 0.05, "batch_size": 4}


class Rectified:
    """The function ``relu(rows @ (activations - centre))`` of every position, an image at a time."""

    def __init__(self, rows, centre):
        self.rows, self.centre = rows, centre

    def __call__(self, maps):
        centred = maps - self.centre[:, None, None]
        return torch.stack([torch.einsum("vu,uhw->vhw", self.rows, image).relu() for image in centred])

    def to(self, device):
        return Rectified(self.rows.to(device), self.centre.to(device))


class Mean:
    """The mean of each unit; an accumulator."""

    def __init__(self, units):
        self.total, self.count = torch.zeros(units, dtype=torch.float64), 0

    def update(self, maps):
        self.total += maps.double().sum(dim=(0, 2, 3))
        self.count += maps[:, 0].numel()

    def compute(self):
        return Centre((self.total / self.count).numpy())


class Centre:
    def __init__(self, centre):
        self.centre = centre


@frozen
class Dictionary(Basis):
    """Features of a dictionary: more directions than units, with a bias that follows from the data, and a rectifier."""

    kind = "dictionary"
    needs_fit = True

    features: int

    @classmethod
    def parse(cls, argument):
        if not argument.isdecimal():
            raise NetdissectError(f"dictionary:{argument}: the argument is a number of features")
        return cls(int(argument))

    @property
    def ending(self):
        return f" in {self.features} features"

    def rows(self, units):
        random = np.random.default_rng(self.features)
        return random.standard_normal((self.features, units)).astype(np.float32)

    def units(self, layer):
        return self.features

    def describe(self, layer):
        return BasisDescription(
            layer=layer.name, kind=self.kind, words=f"{self.features} features", facts={"features": self.features}
        )

    def fit(self, layer, device):
        return Mean(layer.units)

    def facts(self, fitted):
        return {"centre": fitted["centre"].tolist()}

    def transform(self, layer, fitted, shared):
        return Rectified(torch.from_numpy(self.rows(layer.units)), torch.from_numpy(fitted["centre"]).float())


@pytest.fixture(autouse=True)
def registered():
    with BASES.registered("dictionary", Dictionary, "dictionary:N, random features"):
        yield


@pytest.fixture
def data():
    random = np.random.default_rng(0)
    labels = [Labels(random.integers(0, 2, (1, 9, 9)).astype(np.int32), ()) for _ in range(IMAGES)]
    return MemoryDataset(labels, [Concept(1, "one", "object")], (9, 9))


@pytest.fixture
def maps():
    return np.random.default_rng(1).standard_normal((IMAGES, UNITS, 4, 3)).astype(np.float32)


def features_of(maps):
    """The features from the definition, in double precision."""
    centred = maps.astype(np.float64) - maps.astype(np.float64).mean(axis=(0, 2, 3))[:, None, None]
    return np.maximum(np.einsum("vu,nuhw->nvhw", Dictionary(FEATURES).rows(UNITS).astype(np.float64), centred), 0)


def test_thresholds_are_of_the_features(data, maps):
    result = dissect(Recall(maps), "maps", data, basis=f"dictionary:{FEATURES}", **OPTIONS)
    values = np.sort(features_of(maps).transpose(1, 0, 2, 3).reshape(FEATURES, -1), axis=1)[:, ::-1]
    rank = int(0.05 * values.shape[1])
    assert np.allclose(result["maps"].activations.thresholds, values[:, rank], rtol=1e-5)
    assert result["maps"].activations.low.min() == 0
    assert f"; {FEATURES} features; " in result.description.layers["maps"].words
    assert len(result.description.fitted["maps"]["centre"]) == UNITS


def test_a_run_tells_of_the_basis_and_is_resumed(data, maps, tmp_path):
    """Of 12 passes, 6 fit the basis."""
    given = {"basis": [None, f"dictionary:{FEATURES}"], "chunk_seconds": 0.0, **OPTIONS}
    whole = dissect(Recall(maps), "maps", data, **given)
    with pytest.raises(Killed):
        dissect(Falls(maps, at=9), "maps", data, out=tmp_path / "run", **given)
    result = dissect(Falls(maps, at=0), "maps", data, out=tmp_path / "run", resume=True, **given)
    name = f"maps in {FEATURES} features"
    assert list(result) == ["maps", name]
    for found in (result, Result.load(tmp_path / "run")):
        assert np.array_equal(found[name].counts.intersection, whole[name].counts.intersection)
        assert np.array_equal(found[name].activations.thresholds, whole[name].activations.thresholds)
        assert found.basis_of(name).facts == {"features": FEATURES}
    with pytest.raises(NetdissectError, match=rf"layers {name} is only there"):
        dissect(Recall(maps), "maps", data, out=tmp_path / "run", resume=True, **{**given, "basis": [None, "pca"]})


def test_gradients_lead_through(maps):
    layer = find_layers(Recall(maps), ["maps"], torch.zeros(1, 3, *PLAIN.size))[0]
    (view,) = choose_views([layer], Dictionary(FEATURES))
    assert view.transform is None and view.shape == (FEATURES, 4, 3)
    view = view.fitted({"centre": np.zeros(UNITS)})
    given = torch.from_numpy(maps[:2]).requires_grad_()
    view(given).sum().backward()
    assert given.grad is not None and bool(given.grad.any())


def test_names_of_bases():
    assert read_basis("dictionary:3") == Dictionary(3)
    with pytest.raises(NetdissectError, match="dictionary:x: the argument is a number of features"):
        read_basis("dictionary:x")
    with pytest.raises(NetdissectError, match="a basis is pca, rotation, dictionary, or a"):
        read_basis("dictionaries")
