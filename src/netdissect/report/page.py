"""The page of a comparison or an experiment: sections of figures, tables, and units with their images.

OUT/index.html      the page
OUT/data.json       what it tells, as plain data
OUT/figures/        its figures, as SVG
OUT/tables/         its tables, as CSV
OUT/images/         the images of units, each once
OUT/pictures/       pictures of what units look for
OUT/static/         styles and scripts
OUT/files.txt       the names of all these files
"""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

from netdissect.report.folder import check_folder, folder_of_pages, templates, write_static
from netdissect.report.images import Pictures, StoredImage, write_images
from netdissect.report.sections import Cell, Drawing, Gallery, Section, Table, UnitCard, UnitPictures
from netdissect.report.shots import TopShots
from netdissect.report.visualizations import told_by_method, write_pictures
from netdissect.results import category_colors
from netdissect.storage import write_text
from netdissect.types import NetdissectError, OnProgress, no_progress

#: Images on a card.
_SHOTS = 4

#: A longer table is folded up.
_LONG = 30

#: By which a page is known.
_KIND = {"marker": "data.json", "what": "a page of netdissect"}


def write_page(
    out: str | Path,
    title: str,
    sections: Sequence[Section],
    *,
    notes: Sequence[str] = (),
    facts: Sequence[tuple[str, str]] = (),
    data: Any = None,
    on_progress: OnProgress = no_progress,
) -> Path:
    """Writes a page to the directory ``out``, whole or not at all; one that is there is replaced.

    ``facts`` are pairs of name and value below the title, ``notes`` lines that nobody may miss, ``data`` what the page
    tells, as plain data. Returns the path of the page, which needs no server and no network. Raises ``NetdissectError``
    if ``out`` holds anything else or cannot be written, and for two parts of a kind and one name.
    """
    out = Path(out)
    _check_names(sections)
    with folder_of_pages(out, **_KIND) as stage:
        write_static(stage, ["report.css", "elements.js", "shots.js", "page.js"])
        cards = _Cards(sections, stage, on_progress)
        for folder in ("figures", "tables"):
            (stage / folder).mkdir()
        told = [_section(section, cards, stage) for section in sections]
        write_text(stage / "data.json", json.dumps(data, indent=1, allow_nan=False) + "\n")
        context = {"title": title, "sections": told, "notes": list(notes), "facts": list(facts), "root": ""}
        write_text(stage / "index.html", templates().get_template("page.html").render(context))
    return out / "index.html"


def check_page(out: str | Path) -> None:
    """Raises ``NetdissectError`` if ``write_page`` could not write there: asked before the work."""
    check_folder(Path(out), **_KIND)


def _check_names(sections: Sequence[Section]) -> None:
    parts = [part for section in sections for part in section.parts]
    for kind in (Table, Drawing, UnitPictures):
        names = [part.name for part in parts if isinstance(part, kind)]
        if len({*names}) < len(names):
            raise NetdissectError(f"two parts of a page have one name: {', '.join(sorted(names))}")


def _section(section: Section, cards: "_Cards", stage: Path) -> dict[str, Any]:
    parts = []
    for part in section.parts:
        if isinstance(part, Table):
            parts.append(_table(part, stage))
        elif isinstance(part, Drawing):
            parts.append(_drawing(part, stage))
        elif isinstance(part, UnitPictures):
            parts.append(_pictures(part, stage))
        else:
            parts.append(cards.gallery(part))
    return {"heading": section.heading, "text": section.text, "parts": parts}


def _table(table: Table, stage: Path) -> dict[str, Any]:
    """Saves the table as it is, and shows its numbers short."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(table.columns)
    writer.writerows([["" if _missing(cell) else cell for cell in row] for row in table.rows])
    write_text(stage / "tables" / f"{table.name}.csv", text.getvalue())
    numbers = [
        any(not _missing(row[place]) for row in table.rows)
        and all(_missing(row[place]) or isinstance(row[place], int | float) for row in table.rows)
        for place in range(len(table.columns))
    ]
    return {
        "kind": "table",
        "file": f"tables/{table.name}.csv",
        "caption": table.caption,
        "columns": list(zip(table.columns, numbers, strict=True)),
        "rows": [
            [{"text": _shown(cell), "value": "" if _missing(cell) else cell} for cell in row] for row in table.rows
        ],
        "folded": len(table.rows) > _LONG,
    }


def _missing(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def _shown(cell: Cell) -> str:
    if cell is None or _missing(cell):
        return ""
    if isinstance(cell, bool | str):
        return str(cell)
    return f"{cell:,}" if isinstance(cell, int) else f"{cell:.3f}"


def _drawing(drawing: Drawing, stage: Path) -> dict[str, Any]:
    file = f"figures/{drawing.name}.svg"
    with mpl.rc_context({"svg.hashsalt": "netdissect"}):  # names within do not change from one writing to the next
        drawing.figure.savefig(stage / file, format="svg", metadata={"Date": None})
    width, height = (round(96 * inches) for inches in drawing.figure.get_size_inches())
    return {
        "kind": "drawing",
        "file": file,
        "caption": drawing.caption,
        "alt": drawing.alt,
        "size": [width, height],
    }


def _pictures(pictures: UnitPictures, stage: Path) -> dict[str, Any]:
    start = f"pictures/{pictures.name}"
    write_pictures(stage, pictures.visualizations, start)
    return {"kind": "pictures", "methods": told_by_method(pictures.visualizations, start)}


class _Cards:
    """The units that a page shows: their images are stored once, whichever of them show these."""

    def __init__(self, sections: Sequence[Section], stage: Path, on_progress: OnProgress) -> None:
        galleries = [part for section in sections for part in section.parts if isinstance(part, Gallery)]
        cards = [card for gallery in galleries for _, row in gallery.rows for card in row if card is not None]
        self._results = list({id(card.result): card.result for card in cards}.values())
        self._run_of = {id(result): run for run, result in enumerate(self._results)}
        wanted: list[set[int]] = [set() for _ in self._results]
        units: dict[tuple[int, str], dict[int, None]] = {}
        for card in cards:
            run = self._run_of[id(card.result)]
            top = card.result[card.layer].top
            wanted[run].update([] if top is None else top.image[card.unit, :_SHOTS].tolist())
            units.setdefault((run, card.layer), {})[card.unit] = None
        pictures = Pictures(self._results, wanted)
        stored = write_images(stage, pictures, on_progress) if pictures.images else []
        self._shots = self._of_units(units, pictures, stored)

    def _of_units(
        self, units: Mapping[tuple[int, str], Mapping[int, None]], pictures: Pictures, stored: Sequence[StoredImage]
    ) -> dict[tuple[int, str, int], list[dict[str, Any]]]:
        shown = pictures.shown(stored)
        found = {}
        for (run, layer), wanted in units.items():
            result = self._results[run]
            shots = TopShots(result, result[layer]).of(list(wanted), shown[run], most=_SHOTS)
            found.update({(run, layer, unit): of_unit for unit, of_unit in zip(wanted, shots, strict=True)})
        return found

    def gallery(self, gallery: Gallery) -> dict[str, Any]:
        rows = [
            {"heading": heading, "cards": [None if card is None else self._card(card) for card in row]}
            for heading, row in gallery.rows
        ]
        return {"kind": "gallery", "caption": gallery.caption, "columns": list(gallery.columns), "rows": rows}

    def _card(self, card: UnitCard) -> dict[str, Any]:
        run, layer = self._run_of[id(card.result)], card.result[card.layer]
        label = layer.labels_by_unit.iloc[card.unit].to_dict()
        named = isinstance(label["concept"], str)
        shots = self._shots[run, card.layer, card.unit]
        return {
            "unit": card.unit,
            "layer": card.layer,
            "words": card.words,
            "label": {**label, "score": label[layer.score_column]} if named else None,
            "score_title": layer.score_title,
            "color": category_colors(layer.categories)[label["category"]] if named else None,
            "shots": shots,
            "shape": list(card.result.description.data.label_shape) if shots else [],
        }
