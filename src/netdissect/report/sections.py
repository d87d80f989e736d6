"""What the page of a comparison or an experiment is made of."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from matplotlib.figure import Figure

from netdissect.results import Result, Visualization

#: A cell of a table.
Cell = str | int | float | None


@dataclass(frozen=True)
class Table:
    """Rows of text and numbers, saved beside the page as ``tables/<name>.csv``."""

    name: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True)
class Drawing:
    """A figure of matplotlib, saved beside the page as ``figures/<name>.svg``; ``alt`` is for those who do not see."""

    name: str
    caption: str
    alt: str
    figure: Figure = field(repr=False)


@dataclass(frozen=True)
class UnitCard:
    """A unit of a result's layer: its label, its score, and its first top images; ``words`` is a line more."""

    result: Result
    layer: str
    unit: int
    words: str = ""


@dataclass(frozen=True)
class Gallery:
    """Rows of cards side by side: each has a heading, and a card or nothing for each of ``columns``."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[UnitCard | None]]]


@dataclass(frozen=True)
class UnitPictures:
    """Pictures of what one unit looks for, saved beside the page as ``pictures/<name>-<n>-<method>.jpg``."""

    name: str
    visualizations: Sequence[Visualization]


@dataclass(frozen=True)
class Section:
    """A part of a page; ``text`` is plain."""

    heading: str
    parts: Sequence[Table | Drawing | Gallery | UnitPictures]
    text: str = ""
