"""The networks of the paper: units, detectors and unique detectors of the last convolution of each.

Facts of Bau, Zhou, Khosla, Oliva and Torralba, *Network Dissection* (CVPR 2017), as the authors published them with
their code (github.com/CSAILVision/NetDissect): on Broden, with a quantile of 0.005 and an IoU cut of 0.04.
"""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

#: The categories of the paper, in the order of its tables.
PAPER_CATEGORIES = ("object", "part", "scene", "material", "texture", "color")

#: The paper's dataset, quantile and cut; ``PAPER_LABELS`` identifies results on the published Broden.
PAPER_DATASET, PAPER_QUANTILE, PAPER_CUT = "Broden", 0.005, 0.04
PAPER_LABELS = "Broden, as published"

#: The numbers of images and concepts of the published Broden.
PAPER_IMAGES, PAPER_CONCEPTS = 63_305, 1_197


@dataclass(frozen=True)
class PublishedNetwork:
    """A network of the paper, under the authors' name.

    ``training`` is supervised, self-supervised or random. ``detectors`` counts units by label; ``by_category`` has the
    numbers of detectors and unique detectors per category, counted by category.
    """

    network: str
    layer: str
    architecture: str
    trained_on: str
    training: str
    units: int
    detectors: int
    by_category: dict[str, dict[str, int]]

    @property
    def name(self) -> str:
        """The name for people: ``AlexNet Places365``."""
        trained_on = "random weights" if self.training == "random" else self.trained_on
        return f"{self.architecture} {trained_on}"


@cache
def published_networks() -> tuple[PublishedNetwork, ...]:
    """Return the 27 networks of the paper.

    >>> [network.name for network in published_networks() if network.detectors == 118]
    ['AlexNet Places365']
    """
    with files("netdissect.results").joinpath("published.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return tuple(
        PublishedNetwork(
            **{name: row[name] for name in ("network", "layer", "architecture", "trained_on", "training")},
            units=int(row["units"]),
            detectors=int(row["detectors"]),
            by_category={
                category: {count: int(row[f"{category}_{count}"]) for count in ("detectors", "unique")}
                for category in PAPER_CATEGORIES
            },
        )
        for row in rows
    )


def published_layer(network: str) -> str | None:
    """Return the layer that the paper dissects in a network, by the authors' name; None for an unknown network.

    >>> published_layer("caffe_reference_places365")
    'conv5'
    """
    return next((known.layer for known in published_networks() if known.network == network), None)
