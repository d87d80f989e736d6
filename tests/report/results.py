"""Results to draw: a tiny one whose truth is known and whose names are hostile, and large random ones."""

import io
from dataclasses import replace

import numpy as np
from PIL import Image

from netdissect import Concept, Result, dissect
from netdissect.labels import Labels
from netdissect.results import ShownImage, Visualization, parts
from netdissect.results.description import DataDescription, LayerDescription, NetworkDescription, RunDescription
from netdissect.settings import Settings
from tests.planted import PLAIN, MemoryDataset, Recall
from tests.results.flat import layer_from

HOSTILE = "<script>document.title='hacked'</script>\"'&amp;{{ 7 * 7 }}"
LONG = "a very long name " * 12
RIGHT_TO_LEFT = "עץ‮ txt.exe"
CONCEPTS = (
    Concept(1, "left", "object"),
    Concept(2, "right", "object"),
    Concept(3, HOSTILE, "part"),
    Concept(4, "../../x", "moods"),
    Concept(5, LONG, "moods"),
    Concept(6, RIGHT_TO_LEFT, "color"),
    Concept(7, "__proto__", "color"),
)


class Pictures(MemoryDataset):
    """Blue pictures, so that masks are seen on them; their red still tells which one it is."""

    def image(self, index):
        return Image.new("RGB", (80, 40), (index, 0, 255))

    def image_name(self, index):
        return f"{HOSTILE} {index}"


def tiny_result():
    """Eight images: unit 0 fires on the left, 1 on the right, 2 in the upper right corner, 3 never.

    A second layer has the first two units alone. Of unit 0 there are pictures by two methods.
    """
    maps = np.zeros((8, 4, 2, 4), dtype=np.float32)
    strength = np.arange(1, 9, dtype=np.float32)[:, None, None]
    maps[:, 0, :, :2] = strength
    maps[:, 1, :, 2:] = strength
    maps[:, 2, :1, 3:] = strength
    labels = np.zeros((4, 20, 40), dtype=np.int32)
    labels[0, :, :20], labels[0, :, 20:] = 1, 2
    labels[1, :14, 26:] = 3
    labels[2, 15:, :4], labels[2, 15:, 4:9] = 4, 5
    labels[3, :3, :3], labels[3, 3:6, 30:] = 6, 7
    data = Pictures([Labels(labels)] * 8, CONCEPTS, (20, 40))
    options = {"size": PLAIN.size, "mean": 0.0, "std": 1.0, "progress": False, "quantile": 0.7}
    result = dissect(Recall(maps, maps[:, :2]), ["maps", "maps1"], data, name=HOSTILE, **options)
    pictures = (
        Visualization(0, "top", "highest", f"no. 1, {HOSTILE}", 8.0, jpeg_of("red", (300, 40)), f"{HOSTILE} 7"),
        Visualization(0, "top", LONG, "no. 2", 7.0, jpeg_of("blue"), RIGHT_TO_LEFT),
        Visualization(0, "inceptionism", "", LONG, 9.0, jpeg_of("green", (40, 300))),
    )
    layers = {**result.layers, "maps": replace(result["maps"], pictures=parts.Pictures(pictures))}
    return replace(result, layers=layers)


def random_layer(units, *, layer="conv", seed=0, categories=3, images=40, top=6):
    """Counts at random, with ties, units that overlap nothing, and one whose mask is empty."""
    random = np.random.default_rng(seed)
    names = ["object", "part", "texture", "color"][:categories]
    concepts = tuple(
        Concept(n + 1, f"{names[n % categories]} {n}", names[n % categories]) for n in range(5 * categories)
    )
    maps = random.random((units, top, 5, 7), dtype=np.float32)
    intersection = random.integers(0, 12, (units, len(concepts))) * (random.random((units, 1)) < 0.9)
    thresholds = np.full(units, 0.8, dtype=np.float32)
    high = np.full(units, 1.0, dtype=np.float32)
    intersection[-1], high[-1] = 0, 0.8
    return layer_from(
        layer=layer,
        concepts=concepts,
        quantile=0.1,
        iou_threshold=0.04,
        thresholds=thresholds,
        intersection=intersection,
        unit_area=random.integers(12, 100, (units, categories)) * (thresholds < high)[:, None],
        concept_area=random.integers(12, 60, len(concepts)),
        concept_images=random.integers(1, images, len(concepts)),
        top_image=random.integers(0, images, (units, top)),
        top_activation=maps.max(axis=(2, 3)),
        top_maps=maps,
        histogram=random.integers(0, 9, (units, 64)),
        bin_start=np.zeros(units, dtype=np.float32),
        bin_width=np.full(units, 1 / 32, dtype=np.float32),
        low=np.zeros(units, dtype=np.float32),
        high=high,
    )


def jpeg_of(color, size=(60, 40)):
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, "JPEG")
    return buffer.getvalue()


def result_of(*layers, name="random", data="memory", examples=(), images=40):
    """A run of these layers, on images of 60x40 pixels."""
    shown = {index: ShownImage(f"picture {index}.jpg", jpeg_of((index % 256, 90, 200))) for index in range(images)}
    layer_descriptions = {
        layer.layer: LayerDescription(
            type="Conv2d", layout="nuhw", shape=layer.top.maps.shape[:1] + layer.top.maps.shape[2:]
        )
        for layer in layers
    }
    description = RunDescription(
        network=NetworkDescription(name="net.py:build"),
        data=DataDescription(name=data, fingerprint=data, images=images, label_shape=[10, 15]),
        layers=layer_descriptions,
        settings=Settings(size=[40, 60], quantile=0.1, align="stretch", channels="rgb", value_range=1),
    )
    return Result(name, {layer.layer: layer for layer in layers}, shown, description, tuple(examples))
