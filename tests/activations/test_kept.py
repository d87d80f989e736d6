"""KeptActivations: what a run keeps of its activations is read, drawn and counted again."""

import json
import shutil

import numpy as np
import pytest
import torch

from netdissect import Concept, KeptActivations, NetdissectError, dissect
from netdissect.engine.field import Field
from netdissect.engine.tally import Concepts
from netdissect.labels import Labels
from netdissect.measure import count
from netdissect.storage import read_npz, write_npz
from tests import reference
from tests.planted import PLAIN, MemoryDataset, Recall

OPTIONS = {"size": PLAIN.size, "mean": 0.0, "std": 1.0, "progress": False, "quantile": 0.05, "batch_size": 4}
CONCEPTS = (Concept(1, "one", "object"), Concept(3, "three", "part"))


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(0)
    labels = [Labels(random.choice([0, 1, 3], (2, 9, 9)).astype(np.int32), (3,)) for _ in range(42)]
    return MemoryDataset(labels, CONCEPTS, (9, 9))


@pytest.fixture(scope="module")
def maps():
    return np.random.default_rng(1).standard_normal((42, 4, 5, 5)).astype(np.float32)


@pytest.fixture(scope="module")
def run(data, maps, tmp_path_factory):
    out = tmp_path_factory.mktemp("kept") / "run"
    dissect(Recall(maps), "maps", data, out=out, keep_activations=True, **OPTIONS)
    return out


@pytest.fixture
def kept(run):
    return KeptActivations(run / "activations")


def test_kept_activations_give_smaller_quantiles_without_the_network(kept, data, maps):
    assert sorted(kept.images.tolist()) == list(range(42))
    for quantile in (0.05, 0.02, 0.001):
        expected = dissect(Recall(maps), "maps", data, **(OPTIONS | {"quantile": quantile}))["maps"]
        found = count(kept, Concepts(kept.concepts, kept.label_shape), quantile=quantile)["maps"]
        assert torch.equal(found.thresholds, torch.from_numpy(expected.activations.thresholds))
        assert torch.equal(found.tally.intersection, torch.from_numpy(expected.counts.intersection))
        assert torch.equal(found.tally.unit_area, torch.from_numpy(expected.counts.unit_area))
    with pytest.raises(NetdissectError, match=r"quantiles of up to 0\.05; 0\.1 needs a new run"):
        kept.thresholds("maps", 0.1)
    with pytest.raises(NetdissectError, match="no layer 'none'"):
        kept.rows("none", 0, 1)


def test_masks_of_kept_maps_are_those_of_whole_maps(kept, maps):
    lit = 0
    levels = kept.thresholds("maps")
    for unit in range(len(levels)):
        for image, index in enumerate(kept.images[:20]):
            mask = kept.mask("maps", unit, image, levels[unit])
            assert np.array_equal(mask, reference.mask(maps[index, unit], levels[unit], kept.label_shape))
            lit += mask.sum()
    assert lit
    with pytest.raises(NetdissectError, match="values of unit 0 were kept above"):
        kept.mask("maps", 0, 0, float(kept.statistics("maps").bound[0]) - 1)
    with pytest.raises(NetdissectError, match="no alignment 'diagonal'"):
        kept.mask("maps", 0, 0, levels[0], align="diagonal")
    for image in (-1, 42):
        with pytest.raises(NetdissectError, match="has images 0 to 41, not"):
            kept.map("maps", 0, image)
        with pytest.raises(NetdissectError, match="has images 0 to 41, not"):
            kept.labels(image)


def test_damaged_activations_are_refused(run, tmp_path):
    whole = run / "activations"
    for name in (
        "layer0.values",
        "layer0.places",
        "layer0.needed",
        "layer0.peaks",
        "sample",
        "labels",
        "images",
        "state.npz",
    ):
        folder = shutil.copytree(whole, tmp_path / f"cut {name}")
        file = folder / name
        file.write_bytes(file.read_bytes()[:-5])
        with pytest.raises(NetdissectError, match=r"damaged|cannot be read"):
            KeptActivations(folder)
    assert json.loads((run / "run.json").read_text())["format_version"] == 6


@pytest.mark.parametrize(
    ("plan", "align"),
    [
        ({"settings": {"align": "stretch"}}, "stretch"),
        ({"options": {"align": "stretch"}}, "stretch"),
        ({}, "receptive"),
    ],
)
def test_the_alignment_is_that_of_the_run_in_plans_of_all_formats(run, tmp_path, plan, align):
    folder = shutil.copytree(run / "activations", tmp_path / "activations")
    description, arrays = read_npz(folder / "state.npz")
    description["layers"][0]["field"] = Field((1.0,), (1.0,), (3.0, 3.0), (1.0, 1.0)).to_plain()
    write_npz(folder / "state.npz", description | {"plan": plan}, arrays)
    kept = KeptActivations(folder)
    assert kept.alignment("maps") == kept.alignment("maps", align)
    assert kept.alignment("maps", "stretch") != kept.alignment("maps", "receptive")


def of_version(run, folder, version, **changes):
    """Return a copy of the activations whose description has this version and these changes."""
    shutil.copytree(run / "activations", folder)
    description, arrays = read_npz(folder / "state.npz")
    write_npz(folder / "state.npz", {**description, "format_version": version, **changes}, arrays)
    return folder


def test_version_3_is_read(run, kept, tmp_path):
    """Its concepts were lists of number, name and category."""
    concepts = [[concept.number, concept.name, concept.category] for concept in CONCEPTS]
    old = KeptActivations(of_version(run, tmp_path / "old", 3, concepts=concepts))
    assert old.concepts == kept.concepts == CONCEPTS
    assert np.array_equal(old.thresholds("maps"), kept.thresholds("maps"))


@pytest.mark.parametrize("version", [2, 5, None])
def test_other_versions_are_refused(version, run, tmp_path):
    with pytest.raises(NetdissectError, match=f"format version {version} of kept activations; .* versions 3 to 4"):
        KeptActivations(of_version(run, tmp_path / "other", version))
