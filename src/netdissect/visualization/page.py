"""Pictures of what units look for: on a page of their own, and as other pages show them."""

from math import isfinite
from operator import eq, gt
from pathlib import Path
from typing import Any

from netdissect.pages.page import write_page
from netdissect.pages.sections import Gallery, Section, Table, UnitCard, UnitPictures
from netdissect.results import LayerResult, Result
from netdissect.types import OnProgress, no_progress

#: What the columns of the table of units are.
_COLUMNS = "In the table: IoU with the label, and the highest activation on an image of the data"


def visualization_sections(result: Result) -> list[Section]:
    """All units of which there are pictures in a table, and a section for each: its card, and its pictures."""
    units = plain_visualizations(result)["units"]
    made = [(unit["made"], unit["highest"]) for unit in units if unit["made"] is not None]
    columns = ["layer", "unit", "label", "iou", "highest", *(["made"] if made else [])]
    table = Table("units", "Units and their labels", columns, [[unit[column] for column in columns] for unit in units])
    text = f"{_COLUMNS}."
    if made:
        more, as_much = (sum(compare(*pair) for pair in made) for compare in (gt, eq))
        text = (
            f"Images made to excite {more} of {len(made)} units do so more than any image of the data"
            f"{f', those of {as_much} as much, which may be all there is' if as_much else ''}. "
            f"{_COLUMNS}, and on an image made to excite it."
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
        f"{name}: no unit is looked at, since no label passes the cut, IoU > {layer.iou_threshold:g}"
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
    pictures, label = layer.visualized[unit], _label(layer, unit)
    made = [one.activation for one in pictures if one.method == "inceptionism" and isfinite(one.activation)]
    return {
        "layer": layer.layer,
        "unit": unit,
        "label": label,
        "iou": None if label is None else float(layer.labels_by_unit["iou"][unit]),
        "highest": float(layer.top_activation[unit, 0]),
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


def write_visualization_page(result: Result, out: str | Path, *, on_progress: OnProgress = no_progress) -> Path:
    """Write the page of a result's pictures to the directory ``out``, and return the page's path."""
    data = result.description.data
    return write_page(
        out,
        f"{result.name}: what units look for",
        visualization_sections(result),
        facts=[
            ("Network", result.description.network.name),
            ("Data", f"{data.images:,} images of {data.name}"),
        ],
        notes=visualization_notes(result),
        data=plain_visualizations(result),
        on_progress=on_progress,
    )
