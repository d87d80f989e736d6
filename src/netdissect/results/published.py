"""The networks of the paper: of each the last convolution, how many units detect something, and how many concepts.

Facts of Bau, Zhou, Khosla, Oliva and Torralba, *Network Dissection* (CVPR 2017), as the authors published them with
their code (github.com/CSAILVision/NetDissect): on Broden, with a quantile of 0.005 and an IoU cut of 0.04.
"""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

#: The categories of the paper, in the order of its tables.
PAPER_CATEGORIES = ("object", "part", "scene", "material", "texture", "color")

#: How they were measured. ``PAPER_LABELS`` is by what results are known to be of the published Broden.
PAPER_DATASET, PAPER_QUANTILE, PAPER_CUT = "Broden", 0.005, 0.04
PAPER_LABELS = "Broden, as published"

#: How many images and concepts the published Broden has.
PAPER_IMAGES, PAPER_CONCEPTS = 63_305, 1_197


@dataclass(frozen=True)
class PublishedNetwork:
    """A network of the paper, by the authors' name for it.

    ``training`` is supervised, self-supervised or random, ``detectors`` counts units by label; ``by_category`` has for
    each category, counted by category, how many detectors there are and of how many concepts.
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
        """For people: ``AlexNet Places365``."""
        trained_on = "random weights" if self.training == "random" else self.trained_on
        return f"{self.architecture} {trained_on}"


@cache
def published_networks() -> tuple[PublishedNetwork, ...]:
    """The 27 networks of the paper."""
    with files("netdissect.results").joinpath("published.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return tuple(
        PublishedNetwork(
            **{name: row[name] for name in ("network", "layer", "architecture", "trained_on", "training")},
            units=int(row["units"]),
            detectors=int(row["detectors"]),
            by_category={
                category: {what: int(row[f"{category}_{what}"]) for what in ("detectors", "unique")}
                for category in PAPER_CATEGORIES
            },
        )
        for row in rows
    )


def published_layer(network: str) -> str | None:
    """The layer that the paper dissects in the network that the authors call so; None if there is no such network."""
    return next((of_paper.layer for of_paper in published_networks() if of_paper.network == network), None)
