"""From plain data to a folder of files that a browser opens from disk.

OUT/index.html            the front page: what the layers detect, and their units
OUT/concepts/             a page per concept, and their list
OUT/data/report.js        the tables of all layers
OUT/data/<layer>/<n>.js   some of a layer's units, loaded when they are looked at
OUT/images/               the images, each once
OUT/visualizations/       pictures of what units look for, if the runs have any
OUT/static/               styles and scripts
OUT/files.txt             the names of all these files

Data are JavaScript files, each a call with plain data: a page opened from disk may run these, but may not fetch JSON.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from netdissect.pages.folder import folder_of_pages, templates, write_static
from netdissect.pages.images import StoredImage, write_images
from netdissect.pages.pictures import write_pictures
from netdissect.report.content import Pages
from netdissect.results import Result
from netdissect.storage import write_text
from netdissect.types import OnProgress, no_progress

#: The scripts of all pages.
_SCRIPTS = (
    "data",
    "elements",
    "state",
    "counts",
    "shots",
    "drawing",
    "figures",
    "units",
    "unit",
    "front",
    "concept",
    "concepts",
)


def write_report(results: Result | Sequence[Result], out: str | Path, *, on_progress: OnProgress = no_progress) -> Path:
    """Writes the report of one result, or of several side by side, to the directory ``out``, whole or not at all.

    A report that is there is replaced. Returns the path of its first page, which needs no server and no network.
    Raises ``NetdissectError`` if ``out`` holds anything else or cannot be written.
    """
    out = Path(out)
    pages = Pages([results] if isinstance(results, Result) else list(results))
    with folder_of_pages(out, marker="data/report.js", what="a report") as stage:
        write_static(stage, ["report.css", *(f"{name}.js" for name in _SCRIPTS)])
        stored = write_images(stage, pages.pictures, on_progress)
        for start, pictures in pages.visualizations():
            write_pictures(stage, pictures, start)
        _write_pages(stage, pages, stored, on_progress)
    return out / "index.html"


def _write_pages(stage: Path, pages: Pages, stored: list[StoredImage], on_progress: OnProgress) -> None:
    """Data and markup. Progress counts files."""
    total, written = pages.chunk_count + len(pages.names.concepts), 0

    def one_more() -> None:
        nonlocal written
        written += 1
        on_progress("report", written, total)

    on_progress("report", written, total)
    for layer, chunk, units in pages.chunks(stored):
        _write_data(stage, f"{layer}/{chunk}", units)
        one_more()
    front = pages.front()
    _write_data(stage, "report", front)
    environment = templates()
    write_text(stage / "index.html", environment.get_template("index.html").render(front, root=""))
    (stage / "concepts").mkdir()
    shared = {"front": front, "root": "../"}
    template, listed = environment.get_template("concept.html"), []
    for concept in pages.concepts(stored):
        write_text(stage / "concepts" / concept["page"], template.render(shared, concept=concept))
        listed.append(concept)
        one_more()
    whole = environment.get_template("concepts.html").render(shared, concepts=listed)
    write_text(stage / "concepts" / "index.html", whole)


def _write_data(stage: Path, name: str, data: Any) -> None:
    """``data`` as a script that hands it over under its name."""
    path = stage / "data" / f"{name}.js"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    path.write_text(f"netdissect.receive({json.dumps(name)},{text});\n", encoding="ascii")
