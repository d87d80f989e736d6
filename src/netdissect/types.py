"""Words that every room of the package shares.

Shape names, one letter each, in docstrings and annotations: ``n`` images, ``u`` units, ``c`` concepts, ``k``
categories, ``h w`` a layer's positions, ``sh sw`` label pixels, ``H W`` image pixels.
"""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

#: The categories of the paper, in the order of its figures. A dataset may have others.
CATEGORIES = ("object", "part", "scene", "material", "texture", "color")

#: Told of what is being done, how much of it is done, and how much there is.
OnProgress = Callable[[str, int, int], None]

#: The label number of pixels without a concept.
UNLABELLED = 0


@dataclass(frozen=True)
class Concept:
    """Something a person can name and point at in pixels.

    ``number`` is what label maps hold (from 1; 0 is unlabelled), ``category`` the concept's primary category.
    """

    number: int
    name: str
    category: str
    synonyms: tuple[str, ...] = ()


class NetdissectError(Exception):
    """Base of every error that the package raises on purpose; its text is one line, made to be shown to a person."""


class BadSampleError(NetdissectError):
    """One image or label map cannot be read. A run may skip it and go on."""


def no_progress(doing: str, done: int, total: int) -> None:
    """An ``OnProgress`` that tells nobody."""


def one_line(error: BaseException, limit: int = 300) -> str:
    """The text of ``error`` on one line of at most ``limit`` characters; its type's name where it has no text."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= limit else text[: limit - 3] + "..."


def plain_text(name: str) -> str:
    """``name`` as text that can be written: names of files may hold bytes that are none."""
    return name.encode("utf-8", "backslashreplace").decode()


def nearest(name: str, known: Sequence[str], count: int = 3) -> str:
    """The known names most like ``name``, for an error: ``; did you mean a, b?``, empty if none is like it."""
    close = difflib.get_close_matches(name, known, n=count, cutoff=0.5)
    return f"; did you mean {', '.join(close)}?" if close else ""


def distinct(names: Sequence[str]) -> list[str]:
    """The names, with a number after those that came before."""
    told: list[str] = []
    for name in names:
        number, new = 1, name
        while new in told:
            number += 1
            new = f"{name} ({number})"
        told.append(new)
    return told


def sorted_categories(names: set[str] | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """Category names in the paper's order, others after them by name."""
    known = tuple(name for name in CATEGORIES if name in names)
    return known + tuple(sorted(set(names) - set(CATEGORIES)))
