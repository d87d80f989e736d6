"""A page of a comparison, an experiment or visualizations: sections of figures, tables, and units with their images.

OUT/index.html      the page
OUT/data.json       what it shows, as plain data
OUT/figures/        its figures, as SVG
OUT/tables/         its tables, as CSV
OUT/images/         the images of units, each once
OUT/pictures/       pictures of what units look for
OUT/static/         styles and scripts
OUT/files.txt       the names of all these files
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netdissect.pages.cards import Cards
from netdissect.pages.folder import check_folder, folder_of_pages, templates, write_static
from netdissect.pages.sections import Part, Section
from netdissect.storage import write_text
from netdissect.types import NetdissectError, OnProgress, no_progress

#: The file by which a page is known, and its name in errors.
_KIND = {"marker": "data.json", "what": "a page of netdissect"}

#: Styles and scripts.
_STATIC = ("report.css", "elements.js", "shots.js", "page.js")


@dataclass(frozen=True)
class Page:
    """A page: ``facts`` are pairs of name and value below its title, ``notes`` lines that no reader may miss.

    ``data`` are the numbers of the page, as plain data.
    """

    title: str
    sections: Sequence[Section]
    notes: Sequence[str] = ()
    facts: Sequence[tuple[str, str]] = ()
    data: Any = None

    @property
    def parts(self) -> list[Part]:
        """The parts of all sections."""
        return [part for section in self.sections for part in section.parts]


def write_page(page: Page, out: str | Path, *, on_progress: OnProgress = no_progress) -> Path:
    """Write a page to the directory ``out``, whole or not at all, and return its path; a page there is replaced.

    The page needs no server and no network. Raises ``NetdissectError`` if ``out`` holds anything else or cannot be
    written, and for two parts of a class and one name.

    >>> from tempfile import TemporaryDirectory
    >>> from netdissect.pages.sections import Table
    >>> table = Table("counts", "Detectors", ["unit", "concept"], [[0, "sky"]])
    >>> with TemporaryDirectory() as folder:
    ...     write_page(Page("A layer", [Section("Counts", [table])]), f"{folder}/page").name
    'index.html'
    """
    out = Path(out)
    _check_stems(page.parts)
    with folder_of_pages(out, **_KIND) as stage:
        write_static(stage, _STATIC)
        cards = Cards((card for part in page.parts for card in part.cards()), stage, on_progress)
        sections = [
            {
                "heading": section.heading,
                "text": section.text,
                "parts": [part.write(stage, cards) for part in section.parts],
            }
            for section in page.sections
        ]
        write_text(stage / "data.json", json.dumps(page.data, indent=1, allow_nan=False) + "\n")
        context = {"title": page.title, "notes": list(page.notes), "facts": list(page.facts), "root": ""}
        text = templates().get_template("page.html").render(context, sections=sections)
        write_text(stage / "index.html", text)
    return out / "index.html"


def check_page(out: str | Path) -> None:
    """Raise ``NetdissectError`` if ``write_page`` could not write to ``out``: asked before long work."""
    check_folder(Path(out), **_KIND)


def _check_stems(parts: Sequence[Part]) -> None:
    for kind in {type(part) for part in parts}:
        stems = [part.stem for part in parts if type(part) is kind and part.stem]
        if len({*stems}) < len(stems):
            raise NetdissectError(f"two parts of a page have one name: {', '.join(sorted(stems))}")
