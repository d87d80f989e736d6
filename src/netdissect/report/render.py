"""From plain data to a folder of files that a browser opens from disk.

OUT/index.html            the front page: what the layers detect, and their units
OUT/concepts/             a page per concept, and their list
OUT/data/report.js        the tables of all layers
OUT/data/<layer>/<n>.js   some of a layer's units, loaded when they are looked at
OUT/images/               the images, each once
OUT/static/               styles and scripts
OUT/files.txt             the names of all these files

Data are JavaScript files, each a call with plain data: a page opened from disk may run these, but may not fetch JSON.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from netdissect.report.images import StoredImage
from netdissect.report.pages import Pages
from netdissect.results import Result
from netdissect.storage import check_place, staged, write_text
from netdissect.types import NetdissectError, OnProgress, no_progress

#: The file that lists all others, by which a report is known.
_LIST = "files.txt"

#: What systems leave in folders that are looked at.
_LEFT_BY_SYSTEMS = (".DS_Store", "Thumbs.db", "desktop.ini")


def write_report(results: Result | Sequence[Result], out: str | Path, *, on_progress: OnProgress = no_progress) -> Path:
    """Writes the report of one result, or of several side by side, to the directory ``out``, whole or not at all.

    A report that is there is replaced. Returns the path of its first page, which needs no server and no network.
    Raises ``NetdissectError`` if ``out`` holds anything else or cannot be written.
    """
    out = Path(out)
    place = out.resolve()  # through links, and not by what the working directory is then
    _check_place(place)
    pages = Pages([results] if isinstance(results, Result) else list(results))
    with staged(place, None) as stage:
        _write_static(stage)
        stored = _write_images(stage, pages, on_progress)
        _write_pages(stage, pages, stored, on_progress)
        written = sorted(path.relative_to(stage).as_posix() for path in stage.rglob("*") if path.is_file())
        write_text(stage / _LIST, "\n".join(written) + "\n")
    return out / "index.html"


def _check_place(out: Path) -> None:
    """Raises ``NetdissectError`` unless ``out`` is free, or a report and nothing else."""
    check_place(out, overwrite=True, markers=[_LIST, "data/report.js"], what="a report")
    if not out.is_dir():
        return
    if out == Path.cwd():
        raise NetdissectError(f"{out}: is the working directory, which cannot be replaced; name a folder in it")
    if any(out.iterdir()):
        ours = {*(out / _LIST).read_text(encoding="utf-8", errors="replace").splitlines(), _LIST}
        found = (path for path in out.rglob("*") if not path.is_dir() and path.name not in _LEFT_BY_SYSTEMS)
        others = sorted(name for path in found if (name := path.relative_to(out).as_posix()) not in ours)
        if others:
            raise NetdissectError(f"{out}: holds more than a report, which would be lost: {', '.join(others[:3])}")


def _write_static(stage: Path) -> None:
    (stage / "static").mkdir()
    for file in files("netdissect.report").joinpath("static").iterdir():
        if file.name.endswith((".css", ".js")):
            (stage / "static" / file.name).write_bytes(file.read_bytes())


def _write_images(stage: Path, pages: Pages, on_progress: OnProgress) -> list[StoredImage]:
    """Writes the images, and tells of them what pages need: their contents are let go."""
    (stage / "images").mkdir()
    stored: list[StoredImage] = []
    on_progress("images", 0, len(pages.pictures.images))
    for image in pages.pictures.stored():
        (stage / "images" / image.file).write_bytes(image.content)
        stored.append(replace(image, content=b""))
        on_progress("images", len(stored), len(pages.pictures.images))
    return stored


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
    environment = Environment(
        loader=PackageLoader("netdissect.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
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
