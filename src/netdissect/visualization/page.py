"""The page of pictures of what units look for."""

from math import isfinite
from operator import eq, gt
from pathlib import Path
from typing import Any

from netdissect.pages.cards import UnitCard
from netdissect.pages.page import Page, write_page
from netdissect.pages.sections import Gallery, Part, Section, Table
from netdissect.results import LayerResult, Result
from netdissect.types import OnProgress, no_progress
from netdissect.visualization.registries import METHODS
from netdissect.visualization.unit_pictures import UnitPictures


def write_visualization_page(result: Result, out: str | Path, *, on_progress: OnProgress = no_progress) -> Path:
    """Write the page of a result's pictures to the directory ``out``, and return the page's path."""
    data = result.description.data
    page = Page(
        f"{result.name}: what units look for",
        visualization_sections(result),
        facts=[
            ("Network", result.description.network.name),
            ("Data", f"{data.images:,} images of {data.name}"),
        ],
        notes=visualization_notes(result),
        data=plain_visualizations(result),
    )
    return write_page(page, out, on_progress=on_progress)


def visualization_sections(result: Result) -> list[Section]:
    """Return a section with a table of all units that have pictures, and a section per unit: card and pictures."""
    units = plain_visualizations(result)["units"]
    made = [(unit["made"], unit["highest"]) for unit in units if unit["made"] is not None]
    first = next(iter(result.values()))
    columns = ["layer", "unit", "label", first.score_column, "highest", *(["made"] if made else [])]
    table = Table("units", "Units and their labels", columns, [[unit[column] for column in columns] for unit in units])
    explained = f"In the table: {first.score_title} with the label, and the highest activation on an image of the data"
    text = f"{explained}."
    if made:
        more, as_much = (sum(compare(*pair) for pair in made) for compare in (gt, eq))
        text = (
            f"Images made to excite {more} of {len(made)} units do so more than any image of the data"
            f"{f', those of {as_much} as much, which may be all there is' if as_much else ''}. "
            f"{explained}, and on an image made to excite it."
        )
    return [
        Section("Units", [table], text),
        *(
            Section(
                f"{layer.layer} unit {unit}: {_label(layer, unit) or 'no label'}",
                _parts(result, layer, f"{number}-{unit}", unit),
            )
            for number, layer in enumerate(result.layers.values())
            for unit in layer.visualized
        ),
    ]


def visualization_notes(result: Result) -> list[str]:
    """Return lines for a reader: the run's notes on its visualized layers, and the layers without pictures."""
    others = tuple(f"{name}: " for name in result.description.layers if name not in result.layers)
    silent = [
        f"{name}: no unit is looked at, since no label passes the cut, {layer.score_title} > {layer.iou_threshold:g}"
        for name, layer in result.layers.items()
        if not layer.visualized
    ]
    return [note for note in result.notes if not note.startswith(others)] + silent


def plain_visualizations(result: Result) -> dict[str, Any]:
    """Return the pictures of all units as plain data, without the pixels.

    A unit has its ``highest`` activation on images of the data, and the highest on images ``made`` to excite it, None
    if there are no such images. An activation that is not finite is None.
    """
    units = [_plain(layer, unit) for layer in result.layers.values() for unit in layer.visualized]
    return {"name": result.name, "units": units}


def _plain(layer: LayerResult, unit: int) -> dict[str, Any]:
    pictures, label, top = layer.visualized[unit], _label(layer, unit), layer.top
    assert top is not None  # pictures are made of a run that has top images
    made = [picture.activation for picture in pictures if _excites(picture.method) and isfinite(picture.activation)]
    return {
        "layer": layer.layer,
        "unit": unit,
        "label": label,
        layer.score_column: None if label is None else float(layer.labels_by_unit[layer.score_column][unit]),
        "highest": float(top.activation[unit, 0]),
        "made": max(made, default=None),
        "pictures": [
            {
                "method": picture.method,
                "variant": picture.variant,
                "caption": picture.caption,
                "activation": picture.activation if isfinite(picture.activation) else None,
                "image": picture.image_name,
            }
            for picture in pictures
        ],
    }


def _excites(method: str) -> bool:
    """Return whether a method makes images to excite a unit; a method that is not registered does not."""
    return method in METHODS and METHODS[method].excites


def _label(layer: LayerResult, unit: int) -> str | None:
    concept = layer.labels_by_unit["concept"][unit]
    return concept if isinstance(concept, str) else None


def _parts(result: Result, layer: LayerResult, name: str, unit: int) -> list[Part]:
    card = UnitCard(result, layer.layer, unit)
    return [
        Gallery("Its label, and its top images under its mask", [""], [("", [card])]),
        UnitPictures(name, layer.visualized[unit]),
    ]
