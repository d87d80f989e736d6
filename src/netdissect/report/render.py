"""The report of runs: a folder of files that a browser opens from disk.

OUT/index.html            the front page: what the layers detect, and their units
OUT/concepts/             a page per concept, and their list
OUT/data/report.js        the tables of all layers
OUT/data/<layer>/<n>.js   some of a layer's units, loaded when they are shown
OUT/images/               the images, each once
OUT/visualizations/       pictures of what units look for, if the runs have any
OUT/static/               styles and scripts
OUT/files.txt             the names of all these files

Data files are JavaScript, each a call with plain data: a page opened from disk may run scripts, but not fetch JSON.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from netdissect.pages.folder import folder_of_pages, templates, write_static
from netdissect.pages.images import StoredImage, write_images
from netdissect.report.content import ReportContent
from netdissect.results import Result
from netdissect.storage import write_text
from netdissect.types import OnProgress, no_progress
from netdissect.visualization.unit_pictures import write_pictures

#: The scripts of all content.
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
    """Write the report of one result, or of several side by side, to the directory ``out``, whole or not at all.

    A report there is replaced. Returns the path of its first page, which needs no server and no network. Raises
    ``NetdissectError`` if ``out`` holds anything else or cannot be written.
    """
    out = Path(out)
    content = ReportContent([results] if isinstance(results, Result) else list(results))
    with folder_of_pages(out, marker="data/report.js", what="a report") as stage:
        write_static(stage, ["report.css", *(f"{name}.js" for name in _SCRIPTS)])
        stored = write_images(stage, content.images, on_progress)
        for stem, pictures in content.pictures():
            write_pictures(stage, pictures, stem)
        _write_pages(stage, content, stored, on_progress)
    return out / "index.html"


def _write_pages(stage: Path, content: ReportContent, stored: list[StoredImage], on_progress: OnProgress) -> None:
    """Write data and markup. Progress counts files."""
    total, written = content.chunk_count + len(content.names.concepts), 0

    def one_more() -> None:
        nonlocal written
        written += 1
        on_progress("report", written, total)

    on_progress("report", written, total)
    for layer, chunk, units in content.chunks(stored):
        _write_data(stage, f"{layer}/{chunk}", units)
        one_more()
    front = content.front()
    _write_data(stage, "report", front)
    environment = templates()
    write_text(stage / "index.html", environment.get_template("index.html").render(front, root=""))
    (stage / "concepts").mkdir()
    shared = {"front": front, "root": "../"}
    template, listed = environment.get_template("concept.html"), []
    for concept in content.concepts(stored):
        write_text(stage / "concepts" / concept["page"], template.render(shared, concept=concept))
        listed.append(concept)
        one_more()
    whole = environment.get_template("concepts.html").render(shared, concepts=listed)
    write_text(stage / "concepts" / "index.html", whole)


def _write_data(stage: Path, name: str, data: Any) -> None:
    """Write ``data`` as a script that passes it on under its name."""
    path = stage / "data" / f"{name}.js"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    path.write_text(f"netdissect.receive({json.dumps(name)},{text});\n", encoding="ascii")
