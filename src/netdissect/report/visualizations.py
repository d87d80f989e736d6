"""Pictures of what units look for: on a page of their own, and as other pages show them."""

from collections.abc import Sequence
from math import isfinite
from operator import eq, gt
from pathlib import Path
from typing import Any

from netdissect.report.sections import Gallery, Section, Table, UnitCard, UnitPictures
from netdissect.results import METHODS, LayerResult, Result, Visualization

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


def visualization_sections(result: Result) -> list[Section]:
    """All units of which there are pictures in a table, and a section for each: its card, and its pictures."""
    units = plain_visualizations(result)["units"]
    made = [(unit["made"], unit["highest"]) for unit in units if unit["made"] is not None]
    first = next(iter(result.values()))
    columns = ["layer", "unit", "label", first.score_column, "highest", *(["made"] if made else [])]
    table = Table("units", "Units and their labels", columns, [[unit[column] for column in columns] for unit in units])
    table_words = (
        f"In the table: {first.score_title} with the label, and the highest activation on an image of the data"
    )
    text = f"{table_words}."
    if made:
        more, as_much = (sum(compare(*pair) for pair in made) for compare in (gt, eq))
        text = (
            f"Images made to excite {more} of {len(made)} units do so more than any image of the data"
            f"{f', those of {as_much} as much, which may be all there is' if as_much else ''}. "
            f"{table_words}, and on an image made to excite it."
        )
    return [
        Section("Units", [table], text),
        *(
            Section(
                f"{layer.layer} unit {unit}: {_label(layer, unit) or 'no label'}", _parts(result, layer, place, unit)
            )
            for place, layer in enumerate(result.layers.values())
            for unit in layer.visualized
        ),
    ]


def visualization_notes(result: Result) -> list[str]:
    """What a reader should know, a line each: what the run tells of these layers, and why one has no pictures."""
    others = tuple(f"{name}: " for name in result.description.layers if name not in result.layers)
    silent = [
        f"{name}: no unit is looked at, since no label passes the cut, {layer.score_title} > {layer.iou_threshold:g}"
        for name, layer in result.layers.items()
        if not layer.visualized
    ]
    return [note for note in result.notes if not note.startswith(others)] + silent


def plain_visualizations(result: Result) -> dict[str, Any]:
    """What is told of the pictures, as plain data.

    Of each unit ``highest``, its highest activation on the images, ``made``, that on images made by inceptionism, None
    where there are none, and ``pictures``. An activation that is not finite is None.
    """
    units = [_plain(layer, unit) for layer in result.layers.values() for unit in layer.visualized]
    return {"name": result.name, "units": units}


def _plain(layer: LayerResult, unit: int) -> dict[str, Any]:
    pictures, label, top = layer.visualized[unit], _label(layer, unit), layer.top
    assert top is not None  # pictures are made of a run that has top images
    made = [one.activation for one in pictures if one.method == "inceptionism" and isfinite(one.activation)]
    return {
        "layer": layer.layer,
        "unit": unit,
        "label": label,
        layer.score_column: None if label is None else float(layer.labels_by_unit[layer.score_column][unit]),
        "highest": float(top.activation[unit, 0]),
        "made": max(made, default=None),
        "pictures": [
            {
                "method": one.method,
                "variant": one.variant,
                "caption": one.caption,
                "activation": one.activation if isfinite(one.activation) else None,
                "image": one.image_name,
            }
            for one in pictures
        ],
    }


def _label(layer: LayerResult, unit: int) -> str | None:
    concept = layer.labels_by_unit["concept"][unit]
    return concept if isinstance(concept, str) else None


def _parts(result: Result, layer: LayerResult, place: int, unit: int) -> list[Gallery | UnitPictures]:
    card = UnitCard(result, layer.layer, unit)
    return [
        Gallery("Its label, and its top images under its mask", [""], [("", [card])]),
        UnitPictures(f"{place}-{unit}", layer.visualized[unit]),
    ]


def pictures_of(layer: int, unit: int) -> str:
    """How the files of a unit's pictures begin in a report, by the number of the layer in it."""
    return f"visualizations/{layer}/{unit}"


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
