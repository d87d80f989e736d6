"""Sections of a page, and the parts that they are made of."""

import csv
import io
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from netdissect.pages.cards import Cards, UnitCard
from netdissect.storage import write_text

#: A cell of a table.
Cell = str | int | float | None

#: The number of rows beyond which a table is folded up.
_LONG = 30


class Part(ABC):
    """A part of a section. A new kind of part is a class, and its markup in ``templates/parts/<kind>.html``."""

    @property
    def stem(self) -> str:
        """The stem of the part's file names, unique among parts of its class; empty if it writes no files."""
        return ""

    def cards(self) -> Iterable[UnitCard]:
        """Return the cards that the part shows, whose images are stored before the part is written."""
        return ()

    @abstractmethod
    def write(self, stage: Path, cards: Cards) -> dict[str, Any]:
        """Write the part's files to the directory ``stage``; return what its markup shows, with its ``kind``."""


@dataclass(frozen=True)
class Section:
    """A section of a page; ``text`` is plain text below its heading."""

    heading: str
    parts: Sequence[Part]
    text: str = ""


@dataclass(frozen=True)
class Table(Part):
    """Rows of text and numbers, saved beside the page as ``tables/<name>.csv``."""

    name: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    @property
    def stem(self) -> str:
        """The name."""
        return self.name

    def write(self, stage: Path, cards: Cards) -> dict[str, Any]:
        """Save the table with all digits; return it with numbers shortened for readers."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(self.columns)
        writer.writerows([["" if _missing(cell) else cell for cell in row] for row in self.rows])
        file = _file(stage, f"tables/{self.name}.csv")
        write_text(stage / file, text.getvalue())
        return {
            "kind": "table",
            "file": file,
            "caption": self.caption,
            "columns": [(name, self._is_numeric(index)) for index, name in enumerate(self.columns)],
            "rows": [
                [{"text": _short(cell), "value": "" if _missing(cell) else cell} for cell in row] for row in self.rows
            ],
            "folded": len(self.rows) > _LONG,
        }

    def _is_numeric(self, column: int) -> bool:
        cells = [row[column] for row in self.rows if not _missing(row[column])]
        return bool(cells) and all(isinstance(cell, int | float) for cell in cells)


@dataclass(frozen=True)
class Drawing(Part):
    """A matplotlib figure, saved beside the page as ``figures/<name>.svg``; ``alt`` describes it in words."""

    name: str
    caption: str
    alt: str
    figure: Figure = field(repr=False)

    @property
    def stem(self) -> str:
        """The name."""
        return self.name

    def write(self, stage: Path, cards: Cards) -> dict[str, Any]:
        """Save the figure."""
        file = _file(stage, f"figures/{self.name}.svg")
        with mpl.rc_context({"svg.hashsalt": "netdissect"}):  # ids in the file are the same each time it is written
            self.figure.savefig(stage / file, format="svg", metadata={"Date": None})
        width, height = (round(96 * inches) for inches in self.figure.get_size_inches())
        return {"kind": "drawing", "file": file, "caption": self.caption, "alt": self.alt, "size": [width, height]}


@dataclass(frozen=True)
class Gallery(Part):
    """Rows of cards side by side: each row has a heading, and a card or None per column."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[UnitCard | None]]]

    def cards(self) -> Iterable[UnitCard]:
        """Return the cards of all rows."""
        return (card for _, row in self.rows for card in row if card is not None)

    def write(self, stage: Path, cards: Cards) -> dict[str, Any]:
        """Return the rows; the images of their cards are stored already."""
        rows = [
            {"heading": heading, "cards": [None if card is None else cards.plain(card) for card in row]}
            for heading, row in self.rows
        ]
        return {"kind": "gallery", "caption": self.caption, "columns": list(self.columns), "rows": rows}


def _file(stage: Path, name: str) -> str:
    """Return the name of a file in ``stage``, once its folder is there."""
    (stage / name).parent.mkdir(parents=True, exist_ok=True)
    return name


def _missing(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def _short(cell: Cell) -> str:
    """Return a cell as readers see it.

    >>> [_short(cell) for cell in ("sky", 1234, 0.12345, None)]
    ['sky', '1,234', '0.123', '']
    """
    if cell is None or _missing(cell):
        return ""
    if isinstance(cell, bool | str):
        return str(cell)
    return f"{cell:,}" if isinstance(cell, int) else f"{cell:.3f}"
