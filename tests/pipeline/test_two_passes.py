"""One pass gives, bit for bit, what two passes over dense maps give: on real images and networks."""

import importlib.util

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from netdissect import dissect, open_dataset
from netdissect.engine.alignment import alignment_of
from netdissect.engine.mask import unit_masks
from netdissect.engine.tally import Concepts
from netdissect.inference.preprocess import Preprocess
from netdissect.inference.reader import Reader
from netdissect.measure import count
from tests import reference
from tests.measure.kept import kept_of
from tests.results.flat import differing
from tests.shared import SHARED, needs_shared

IMAGES, QUANTILE, SIZE = 40, 0.02, 112


def mobilenet():
    spec = importlib.util.spec_from_file_location("networks", SHARED / "models/networks.py")
    networks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(networks)
    return networks.mobilenet_v2_imagenet()


def alexnet():
    torch.manual_seed(0)
    return torchvision.models.alexnet()


NETWORKS = {
    "mobilenet": (mobilenet, ["features.1", "features.14"]),
    "alexnet": (alexnet, ["features.0", "features.4", "features.11"]),
}


class Recorder(nn.Module):
    """A network that remembers what its layers returned, image after image."""

    def __init__(self, network, layers):
        super().__init__()
        self.network = network
        self.maps = {f"network.{layer}": [] for layer in layers}
        for layer in layers:
            network.get_submodule(layer).register_forward_hook(self._remember(f"network.{layer}"))

    def _remember(self, layer):
        return lambda module, args, output: self.maps[layer].append(output.clone().contiguous())

    def forward(self, images):
        return self.network(images)


def two_passes(maps, labels, concepts, quantile, align):
    """Thresholds by sorting all values, then counts of dense masks, image by image."""
    units = maps.shape[1]
    thresholds = torch.tensor(
        [reference.threshold(maps[:, unit].ravel().numpy(), quantile) for unit in range(units)], dtype=torch.float32
    )
    intersection = np.zeros((units, len(concepts)), dtype=np.int64)
    concept_area = np.zeros(len(concepts), dtype=np.int64)
    for of_image, image_labels in zip(maps, labels, strict=True):
        lit = unit_masks(of_image, thresholds, image_labels.maps.shape[1:], align).numpy()
        for column, concept in enumerate(concepts):
            carried = reference.carries(image_labels, concept.number)
            concept_area[column] += carried.sum()
            intersection[:, column] += (lit & carried).sum(axis=(1, 2))
    return thresholds.numpy(), intersection, concept_area


@needs_shared
@pytest.mark.parametrize(
    ("name", "held"), [("mobilenet", 0), ("mobilenet", 2**23), ("mobilenet", 2**29), ("alexnet", 2**23)]
)
def test_one_pass_equals_two(name, held, tmp_path):
    build, layers = NETWORKS[name]
    data = open_dataset(str(SHARED / "data/camvid/train"), size=(SIZE, SIZE), limit=IMAGES)
    recorder = Recorder(build(), layers)
    names = list(recorder.maps)
    order = np.random.default_rng(5).permutation(IMAGES)
    reader = Reader(data, Preprocess((SIZE, SIZE)), 8, order=order.tolist())
    kept = kept_of(recorder, names, reader, tmp_path, quantile=QUANTILE, held_bytes=held)
    concepts = Concepts(data.concepts, data.label_shape)
    for layer, found in count(kept, concepts).items():
        # Two images come first, to be watched, and to try channels-last.
        of_batches = torch.cat(recorder.maps[layer][2:])
        maps = torch.empty_like(of_batches)
        maps[torch.from_numpy(order)] = of_batches
        labels = [data.labels(index) for index in range(IMAGES)]
        align = alignment_of("receptive", kept.fields[layer], (SIZE, SIZE))
        thresholds, intersection, concept_area = two_passes(maps, labels, data.concepts, QUANTILE, align)
        assert np.array_equal(found.thresholds.numpy(), thresholds)
        assert np.array_equal(found.tally.intersection.numpy(), intersection)
        assert np.array_equal(found.tally.concept_area.numpy(), concept_area)
        assert intersection.any()
        top = found.top.image.numpy()
        rank, unit = np.meshgrid(range(top.shape[1]), range(len(thresholds)))
        assert np.array_equal(found.top_maps.numpy(), maps.numpy()[top[unit, rank], unit])
        assert (found.histogram.counts.sum(dim=1) == maps[:, 0].numel()).all()


@needs_shared
def test_counts_do_not_depend_on_the_workers():
    data = open_dataset(str(SHARED / "data/camvid/train"), size=(SIZE, SIZE), limit=IMAGES)
    network = alexnet()
    results = [
        dissect(network, "features.4", data, size=SIZE, quantile=QUANTILE, workers=workers, progress=False)
        for workers in (0, 1, 4)
    ]
    for other in results[1:]:
        assert differing(results[0]["features.4"], other["features.4"]) == []


@needs_shared
def test_the_order_of_images_does_not_matter_but_to_rounding_within_the_network():
    """Batches of one image: whatever the order, each image's activations are the same."""
    data = open_dataset(str(SHARED / "data/camvid/train"), size=(SIZE, SIZE), limit=12, seed=3)
    network = alexnet()
    options = {"size": SIZE, "quantile": QUANTILE, "batch_size": 1, "progress": False}
    one, other = (dissect(network, "features.4", data, seed=seed, **options)["features.4"] for seed in (0, 1))
    assert differing(one, other) == []


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_precision_is_stated_and_used(precision):
    seen = []

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.maps = nn.Conv2d(3, 4, 3), nn.Identity()

        def forward(self, images):
            out = self.conv(images)
            seen.append(out.dtype)
            return self.maps(out)

    torch.manual_seed(0)
    result = dissect(Network(), "maps", size=32, limit=8, quantile=0.1, precision=precision, progress=False)
    assert result.description.settings.precision == precision
    assert set(seen[2:]) == {getattr(torch, precision)}  # what comes before the batches is in full precision
    assert result["maps"].activations.thresholds.dtype == np.float32
