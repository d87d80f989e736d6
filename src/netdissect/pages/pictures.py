"""Pictures of what units look for, as pages show and store them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from netdissect.results import METHODS, Visualization

#: Of each method its name and its source, and what its pictures show.
TITLES = {
    "top": (
        "Top activated images (Girshick et al. 2014)",
        "The receptive field where the unit is highest, framed in the image and alone: of the images that excite it "
        "most, and of some along the range, since the top alone flatters.",
    ),
    "deconvnet": (
        "Deconvolution (Zeiler and Fergus 2014)",
        "The receptive field, and the activation alone projected back through the network; gray is nothing.",
    ),
    "backprop": (
        "Back-propagation (Simonyan et al. 2014)",
        "The receptive field, and the activation's gradient with respect to it: brightness tells its magnitude, the "
        "colors of the guided one its sign, around gray. By ascent: pixels that raise the activation, from the mean "
        "image on.",
    ),
    "inceptionism": (
        "Inceptionism (Mordvintsev et al. 2015)",
        "Images made from noise to excite the unit.",
    ),
}


def told_by_method(visualizations: Sequence[Visualization], start: str) -> list[dict[str, Any]]:
    """What pages tell of the pictures of one unit: by method, and of each by variant; files begin with ``start``."""
    variants: dict[str, dict[str, list[dict[str, Any]]]] = {method: {} for method in METHODS}
    for file, one in _files(visualizations, start):
        variants[one.method].setdefault(one.variant, []).append(
            {"path": file, "size": list(one.picture.size), "name": one.image_name, "caption": one.caption}
        )
    return [
        {
            "title": TITLES[method][0],
            "text": TITLES[method][1],
            "variants": [{"name": name, "pictures": pictures} for name, pictures in found.items()],
        }
        for method, found in variants.items()
        if found
    ]


def write_pictures(stage: Path, visualizations: Sequence[Visualization], start: str) -> None:
    """Writes the pictures of one unit."""
    for file, one in _files(visualizations, start):
        (stage / file).parent.mkdir(parents=True, exist_ok=True)
        (stage / file).write_bytes(one.jpeg)


def _files(visualizations: Sequence[Visualization], start: str) -> list[tuple[str, Visualization]]:
    return [(f"{start}-{number}-{one.method}.jpg", one) for number, one in enumerate(visualizations, start=1)]
