"""Types and names that every room of the package shares.

Shape names, one letter each, in docstrings and annotations: ``n`` images, ``u`` units, ``c`` concepts, ``k``
categories, ``h w`` a layer's positions, ``sh sw`` label pixels, ``H W`` image pixels.
"""

import difflib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: The order in which categories are displayed. Others follow it by name: to display one elsewhere, add it here.
CATEGORIES = ("object", "part", "scene", "material", "texture", "color")

#: Called with the name of a step, the amount done, and the total.
OnProgress = Callable[[str, int, int], None]

#: The label number of pixels without a concept.
UNLABELLED = 0


@dataclass(frozen=True)
class Concept:
    """A thing or property that a person can name, and mark in the pixels of an image.

    ``number`` is its number in label maps (from 1; 0 is unlabelled), ``category`` its primary category.
    """

    number: int
    name: str
    category: str
    synonyms: tuple[str, ...] = ()

    def to_plain(self) -> dict[str, Any]:
        """Return the concept as plain data, with synonyms if there are any.

        >>> Concept(1, "car", "object").to_plain()
        {'number': 1, 'name': 'car', 'category': 'object'}
        """
        plain = {"number": self.number, "name": self.name, "category": self.category}
        return {**plain, "synonyms": list(self.synonyms)} if self.synonyms else plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any] | Sequence[Any]) -> "Concept":
        """Read a concept from plain data: that of ``to_plain``, or a list of number, name and category.

        Kept activations of format 3 have such lists. Raises ``KeyError``, ``TypeError`` or ``ValueError`` for others.

        >>> Concept.from_plain(Concept(1, "car", "object", ("auto",)).to_plain()).synonyms
        ('auto',)
        """
        if isinstance(plain, Mapping):
            return cls(plain["number"], plain["name"], plain["category"], tuple(plain.get("synonyms", ())))
        number, name, category = plain
        return cls(number, name, category)


class NetdissectError(Exception):
    """The base of all errors that the package raises on purpose, with a text of one line."""


class BadSampleError(NetdissectError):
    """An image or label map cannot be read. A run may skip it and go on."""


def no_progress(step: str, done: int, total: int) -> None:
    """Report nothing; an ``OnProgress``."""


def one_line(error: BaseException, limit: int = 300) -> str:
    """Return the text of ``error`` on one line of at most ``limit`` characters; the name of its type if it has no text.

    >>> one_line(ValueError("too\\nlong"), limit=7)
    'too ...'
    """
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= limit else text[: limit - 3] + "..."


def plain_text(name: str) -> str:
    """Return ``name`` as text that can be written: names of files may hold bytes that are not text.

    >>> plain_text("photo \\udcff")
    'photo \\\\udcff'
    """
    return name.encode("utf-8", "backslashreplace").decode()


def nearest(name: str, known: Sequence[str], count: int = 3) -> str:
    """Return the known names most like ``name`` for an error, or an empty text if none is like it.

    >>> nearest("tre", ["tree", "car"])
    '; did you mean tree?'
    """
    close = difflib.get_close_matches(name, known, n=count, cutoff=0.5)
    return f"; did you mean {', '.join(close)}?" if close else ""


def distinct(names: Sequence[str]) -> list[str]:
    """Return the names, each repeated one with a number after it.

    >>> distinct(["a", "b", "a"])
    ['a', 'b', 'a (2)']
    """
    found: list[str] = []
    for name in names:
        number, new = 1, name
        while new in found:
            number += 1
            new = f"{name} ({number})"
        found.append(new)
    return found


def sorted_categories(names: Collection[str], order: Sequence[str] = CATEGORIES) -> tuple[str, ...]:
    """Sort category names by ``order``, and others after them by name.

    >>> sorted_categories({"part", "brand", "object"})
    ('object', 'part', 'brand')
    """
    known = tuple(name for name in order if name in names)
    return known + tuple(sorted(set(names) - set(order)))
