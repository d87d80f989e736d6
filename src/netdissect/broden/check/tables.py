"""The tables of concepts of a Broden directory: read row by row, each row judged by itself.

``frequency`` adds the image counts of the source labels that became a concept, in ``label.csv`` over categories too;
``coverage`` is the area of the concept in whole images. Both are counted at the sources' own resolution.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from netdissect.broden.check.findings import Findings
from netdissect.types import UNLABELLED

#: The largest error of rounding to the six decimals of a published coverage.
ROUNDING = 0.5e-6

Row = dict[str, str]


@dataclass(frozen=True)
class Listed:
    """A concept as a table lists it, None for missing values. ``categories`` is for ``label.csv`` alone."""

    number: int
    name: str
    frequency: int | None
    coverage: float | None
    categories: str = ""

    def __str__(self) -> str:
        return f"concept {self.number} ({self.name})"


@dataclass(frozen=True)
class Tables:
    """The readable parts of the tables of concepts, with concepts by number.

    ``categories`` has the rows of ``category.csv``, ``labels`` those of ``label.csv``, and ``shares`` those of each
    ``c_<category>.csv``, also of files that ``category.csv`` does not list. None stands for an unreadable table.
    """

    categories: Mapping[str, Row] | None
    labels: Mapping[int, Listed] | None
    shares: Mapping[str, Mapping[int, Listed] | None]

    def shares_of(self, number: int) -> dict[str, Listed]:
        """Return a concept's row in each category that lists it."""
        return {category: share[number] for category, share in self.shares.items() if share and number in share}

    def unlisted(self, category: str, numbers: Iterable[int]) -> Iterator[str]:
        """Yield the problems of labels in the field of ``category``; unreadable tables allow any label."""
        labels, share = self.labels, self.shares.get(category)
        carried = {number for number in numbers if number != UNLABELLED}
        unknown = set() if labels is None else {number for number in carried if number not in labels}
        foreign = set() if share is None else {number for number in carried - unknown if number not in share}
        for unlisted, table in ((unknown, "label.csv"), (foreign, f"c_{category}.csv")):
            if unlisted:
                first, *more = sorted(unlisted)
                yield f"label {first} {f'and {len(more)} more are' if more else 'is'} not in {table}"


def read_tables(found: Findings) -> Tables:
    """Read all tables but ``index.csv``."""
    categories = _read_categories(found)
    shares = {category: _read_share(found, category) for category in categories or ()}
    for path in sorted(found.root.glob("c_*.csv")):
        category = path.name[len("c_") : -len(".csv")]
        if category not in shares:
            if categories is not None:
                found.problem(path.name, "its category is not in category.csv")
            shares[category] = _read_share(found, category)
    return Tables(categories, _read_labels(found), shares)


def _read_categories(found: Findings) -> dict[str, Row] | None:
    rows = found.table("category.csv", ["name"], ["first", "last", "count", "frequency"])
    if rows is None:
        return None
    categories: dict[str, Row] = {}
    for row in rows:
        name = row.get("name", "")
        if name in categories:
            found.problem("category.csv", f"{name} is listed twice")
        elif any(letter in name for letter in "/\\\0"):
            found.problem("category.csv", f"{name!r} cannot be part of a file's name")
        elif name:
            categories[name] = row
    if not categories:
        found.problem("category.csv", "lists no categories")
    return categories or None


def _read_share(found: Findings, category: str) -> dict[int, Listed] | None:
    file = f"c_{category}.csv"
    rows = found.table(file, ["number", "coverage"], ["code", "name", "frequency"])
    if rows is None:
        return None
    for number, row in enumerate(rows, 1):
        if row.get("code") and row["code"] != str(number):
            found.problem(file, f"row {number} has code {row['code']}: codes count from 1, in order")
            break
    return _concepts(found, file, rows)


def _read_labels(found: Findings) -> dict[int, Listed] | None:
    others = ["category", "frequency", "coverage", "syns"]
    rows = found.table("label.csv", ["number", "name"], others, may_be_empty=["syns"])
    if rows is None:
        return None
    labels = _concepts(found, "label.csv", rows)
    if not labels:
        found.problem("label.csv", "lists no concepts")
    elif max(labels) != len(labels):
        first = next(number for number in range(1, max(labels)) if number not in labels)
        left_out = max(labels) - len(labels)
        found.problem("label.csv", f"numbers go to {max(labels)} but leave out {left_out}, the first {first}")
    return labels or None


def _concepts(found: Findings, file: str, rows: Sequence[Row]) -> dict[int, Listed]:
    """Read the concepts of the rows with sensible numbers."""
    concepts: dict[int, Listed] = {}
    for row in rows:
        if not row.get("number"):
            continue  # already reported for the column
        number = whole_number(row["number"])
        if number is None or number < 1:
            found.problem(file, f"number {row['number']!r} is not a whole number from 1 on")
        elif number in concepts:
            found.problem(file, f"number {number} is listed twice")
        else:
            frequency, coverage = _statistics(found, file, number, row)
            concepts[number] = Listed(number, row.get("name", ""), frequency, coverage, row.get("category", ""))
    return concepts


def _statistics(found: Findings, file: str, number: int, row: Row) -> tuple[int | None, float | None]:
    """Read the frequency and coverage of a concept, None for missing or senseless ones."""
    frequency_text, coverage_text = row.get("frequency", ""), row.get("coverage", "")
    frequency, coverage = whole_number(frequency_text), _decimal(coverage_text)
    if frequency_text and (frequency is None or frequency < 0):
        found.problem(file, f"concept {number}: frequency {frequency_text!r} is not a number of images")
        frequency = None
    if coverage_text and (coverage is None or not 0 <= coverage < math.inf):
        found.problem(file, f"concept {number}: coverage {coverage_text!r} is not a number of images")
        coverage = None
    if frequency is not None and coverage is not None and coverage > frequency + ROUNDING:
        found.problem(file, f"concept {number}: coverage {coverage_text} exceeds its frequency {frequency}")
    return frequency, coverage


def whole_number(text: str) -> int | None:
    """Read a whole number; None if the text is none.

    >>> whole_number("12"), whole_number("1.5")
    (12, None)
    """
    try:
        return int(text)
    except ValueError:
        return None


def _decimal(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
