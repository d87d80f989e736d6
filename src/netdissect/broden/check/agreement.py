"""Judge the tables of concepts of a Broden directory against each other and against the images."""

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise

from netdissect.broden.check.findings import Findings
from netdissect.broden.check.tables import ROUNDING, Listed, Row, Tables, whole_number


def judge_agreement(found: Findings, tables: Tables) -> None:
    """Compare names, numbers and statistics that several of the tables of concepts state."""
    _judge_order(found, tables.categories or {})
    for category, row in (tables.categories or {}).items():
        share = tables.shares[category]
        if share is not None:
            _judge_category(found, category, row, share)
    if tables.labels is None:
        return
    for category, share in tables.shares.items():
        _judge_names(found, f"c_{category}.csv", share or {}, tables.labels)
    for label in tables.labels.values():
        shares = tables.shares_of(label.number)
        _judge_sum(found, tables, label, shares)
        _judge_items(found, tables, label, shares)


def judge_counts(
    found: Findings,
    tables: Tables,
    shown: Mapping[str, Mapping[int, int]],
    anywhere: Mapping[int, int],
    *,
    every_image: bool,
) -> None:
    """Report frequencies below the number of images in which a concept was seen.

    ``shown`` has the images per category and concept number, ``anywhere`` per number over all categories. A frequency
    may be above, since source labels are counted one by one and label maps lose small regions. For the same reason,
    concepts that no image shows are only noted, if ``every_image`` was seen.
    """
    counted = [(f"c_{category}.csv", share, shown.get(category, {})) for category, share in tables.shares.items()]
    for file, concepts, images in [*counted, ("label.csv", tables.labels, anywhere)]:
        for number, concept in (concepts or {}).items():
            count = images.get(number, 0)
            if concept.frequency is not None and concept.frequency < count:
                found.problem(file, f"{concept}: frequency is {concept.frequency}, but {count} of the images show it")
        absent = [concept for number, concept in (concepts or {}).items() if concept.frequency and number not in images]
        if every_image and absent:
            found.note(file, f"no image shows {len(absent)} of {len(concepts or {})} concepts, the first {absent[0]}")


def _judge_order(found: Findings, categories: Mapping[str, Row]) -> None:
    firsts = [(name, whole_number(row.get("first", ""))) for name, row in categories.items()]
    known = [(name, first) for name, first in firsts if first is not None]
    for (_, before), (name, first) in pairwise(known):
        if first < before:
            found.problem("category.csv", f"{name} has first {first}, the row above {before}: rows are in its order")


def _judge_category(found: Findings, category: str, row: Row, share: Mapping[int, Listed]) -> None:
    """Compare a row of ``category.csv`` with the concepts of its category."""
    frequencies = [concept.frequency for concept in share.values()]
    expected = {"count": len(share)}
    if share:
        expected |= {"first": min(share), "last": max(share)}
    if None not in frequencies:
        expected["frequency"] = sum(frequency or 0 for frequency in frequencies)
    for column, value in expected.items():
        if row.get(column) and whole_number(row[column]) != value:
            found.problem("category.csv", f"{category}: {column} is {row[column]}, by c_{category}.csv {value}")


def _judge_names(found: Findings, file: str, share: Mapping[int, Listed], labels: Mapping[int, Listed]) -> None:
    for number, concept in share.items():
        if number not in labels:
            found.problem(file, f"{concept} is not in label.csv")
        elif concept.name and labels[number].name and concept.name != labels[number].name:
            found.problem(file, f"{concept} is called {labels[number].name} in label.csv")


def _judge_sum(found: Findings, tables: Tables, label: Listed, shares: Mapping[str, Listed]) -> None:
    """Check that a concept has a category, and that its coverages in all of them add to the one in ``label.csv``."""
    if not tables.shares or None in tables.shares.values():
        return
    if not shares:
        found.problem("label.csv", f"{label} stands in none of the c_*.csv files")
        return
    coverages = [share.coverage for share in shares.values()]
    if label.coverage is None or None in coverages:
        return
    total = sum(coverage or 0 for coverage in coverages)
    if abs(label.coverage - total) > 2 * ROUNDING * (len(shares) + 1):
        found.problem("label.csv", f"{label}: coverage is {label.coverage:.6f}, those in c_*.csv add to {total:.6f}")


def _judge_items(found: Findings, tables: Tables, label: Listed, shares: Mapping[str, Listed]) -> None:
    """Compare the column ``category``, such as ``material(36);object(3)``, with the tables of the categories."""
    if not label.categories:
        return
    items: dict[str, int] = {}
    for text in filter(None, (item.strip() for item in label.categories.split(";"))):
        match = re.fullmatch(r"(.+?)\s*\((\d+)\)", text)
        if match is None or match[1] in items:
            found.problem("label.csv", f"{label}: category {label.categories!r} is not like 'material(36);object(3)'")
            return
        items[match[1]] = int(match[2])
    total = sum(items.values())
    if label.frequency is not None and label.frequency != total:
        found.problem("label.csv", f"{label}: frequency is {label.frequency}, its categories add to {total}")
    for what in _disagreements(tables, items, shares):
        found.problem("label.csv", f"{label}: {what}")


def _disagreements(tables: Tables, items: Mapping[str, int], shares: Mapping[str, Listed]) -> Iterator[str]:
    for category, frequency in items.items():
        if category not in tables.shares:
            yield f"category {category} has no c_{category}.csv"
        elif tables.shares[category] is not None and category not in shares:
            yield f"category says {category}({frequency}), but c_{category}.csv does not list it"
    for category, share in shares.items():
        if category not in items:
            yield f"c_{category}.csv lists it, but its category says nothing of {category}"
        elif share.frequency is not None and share.frequency != items[category]:
            yield f"category says {category}({items[category]}), but c_{category}.csv {share.frequency}"
