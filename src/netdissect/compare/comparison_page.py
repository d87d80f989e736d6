"""The page of networks side by side: the number of concepts that each detects, which ones, and their best units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from typing_extensions import Unpack

from netdissect.compare.alignment import Alignment, align_results
from netdissect.compare.alignment_page import alignment_sections
from netdissect.compare.compared_network import ComparedNetwork, ConceptKey, Conditions
from netdissect.compare.comparison import Comparison, compare_networks
from netdissect.compare.comparison_plot import plot_networks
from netdissect.pages.cards import UnitCard
from netdissect.pages.page import Page, write_page
from netdissect.pages.sections import Cell, Drawing, Gallery, Section, Table
from netdissect.results import Result
from netdissect.types import OnProgress, no_progress

#: The number of shared concepts whose best units are shown, unless concepts are named.
SHOWN_CONCEPTS = 6


class ComparisonKeywords(TypedDict, total=False):
    """The keywords of ``compare_networks``, for type checkers and editors."""

    layers: Sequence[str]
    iou_threshold: float | None
    groups: Mapping[str, Sequence[str]] | None
    published: bool


@dataclass(frozen=True)
class WrittenComparison:
    """The ``page`` of a comparison, and what it shows."""

    page: Path
    comparison: Comparison
    alignments: tuple[Alignment, ...] = ()

    def plain(self) -> dict[str, Any]:
        """Return the numbers of the page as plain data; ``alignments`` are there if units were matched."""
        return plain_comparison(self.comparison, self.alignments)


def write_comparison(
    results: Sequence[Result],
    out: str | Path,
    *,
    concepts: Sequence[str] | None = None,
    match: str | None = None,
    on_progress: OnProgress = no_progress,
    **keywords: Unpack[ComparisonKeywords],
) -> WrittenComparison:
    """Write a page that puts ``results`` side by side to the directory ``out``; a page there is replaced.

    Args:
        results: runs and tables.
        out: the directory, which appears whole or not at all.
        concepts: names of the concepts whose best units are shown. None: six that most networks detect.
        match: follow each unit from the first to the second of two results, matched by ``units`` (their numbers) or
            ``activations`` (see ``align``). None: units are not followed.
        on_progress: called with each step of the work.
        **keywords: ``layers``, ``iou_threshold``, ``groups`` and ``published``, as in ``compare_networks``.

    Raises:
        NetdissectError: results that cannot be compared or matched as asked; an ``out`` that cannot be written.
    """
    comparison = compare_networks(results, **keywords)
    shown = comparison.shared_concepts(SHOWN_CONCEPTS) if concepts is None else comparison.find_concepts(concepts)
    alignments: list[Alignment] = []
    if match is not None:
        layers = keywords.get("layers", ())
        alignments = align_results(results, layers=layers, match=match, iou_threshold=comparison.iou_threshold)
    page = Page(
        _title([result.name for result in results], keywords.get("published", False)),
        comparison_sections(comparison, shown, results, alignments),
        notes=comparison.notes,
        data=plain_comparison(comparison, alignments),
    )
    return WrittenComparison(write_page(page, out, on_progress=on_progress), comparison, tuple(alignments))


def plain_comparison(comparison: Comparison, alignments: Sequence[Alignment] = ()) -> dict[str, Any]:
    """Return a comparison as plain data, with the summaries of alignments if there are any."""
    plain = comparison.plain()
    return plain | {"alignments": [alignment.summary() for alignment in alignments]} if alignments else plain


def _title(names: Sequence[str], published: bool) -> str:
    named = " and ".join(names) if len(names) < 3 else f"{len(names)} networks side by side"
    return f"{named}, among the paper's networks" if published else named


def comparison_sections(
    comparison: Comparison,
    concepts: Sequence[ConceptKey],
    results: Sequence[Result],
    alignments: Sequence[Alignment] = (),
) -> list[Section]:
    """Return the sections of the page, with the best units for ``concepts``.

    ``alignments`` follow units from the first to the second of ``results``.
    """
    sections = [_counts(comparison)]
    for number, alignment in enumerate(alignments):
        sections += alignment_sections(results[0], results[1], alignment, files=f"units-{number}")
    for number, (conditions, members) in enumerate(comparison.sets.items()):
        known = [network for network in members if network.result is not None]
        if len(known) > 1:
            sections.append(_concepts(comparison, conditions, known, number))
    return [*sections, *_best_units(comparison, concepts)]


def _counts(comparison: Comparison) -> Section:
    networks = [network for members in comparison.sets.values() for network in members]
    cut = f"{comparison.score_title} > {comparison.iou_threshold:g}"
    drawing = Drawing(
        "networks",
        f"Unique detectors per category, counted by category ({cut})",
        "; ".join(f"{network.name}: {network.unique}" for network in networks),
        plot_networks(comparison),
    )
    caption = f"Unique detectors per category and in all, counted by category ({cut})"
    table = Table("networks", caption, *comparison.count_table(networks))
    return Section("Unique detectors", [drawing, table])


def _concepts(
    comparison: Comparison, conditions: Conditions, networks: Sequence[ComparedNetwork], number: int
) -> Section:
    """Return the section about concepts that some of the networks detect and others lack."""
    only = [(network, comparison.only_in(network, networks)) for network in networks]
    alone: list[list[Cell]] = [
        [network.name, len(concepts), ", ".join(name for _, name in concepts)] for network, concepts in only
    ]
    detected = comparison.detected(networks)
    rows = [[None if cell == 0 else cell for cell in row] for row in detected.to_numpy().tolist()]
    suffix = f" ({conditions})" if len(comparison.sets) > 1 else ""
    return Section(
        f"What one detects and others lack{suffix}",
        [
            Table(f"only-{number}", "Concepts that one network alone detects", ["network", "count", "concepts"], alone),
            Table(
                f"concepts-{number}",
                "Detectors of each concept, counted by category; those that most networks detect first",
                list(detected.columns),
                rows,
            ),
        ],
    )


def _best_units(comparison: Comparison, concepts: Sequence[ConceptKey]) -> list[Section]:
    networks = [network for members in comparison.sets.values() for network in members if network.result is not None]
    rows = [
        (f"{name} ({category})", [_card(network, (category, name)) for network in networks])
        for category, name in concepts
    ]
    if not rows:
        return []
    title = comparison.score_title
    caption = f"For each concept the unit of each network whose {title} with it is highest, under its own label."
    return [Section("Strongest units", [Gallery(caption, [network.name for network in networks], rows)])]


def _card(network: ComparedNetwork, concept: ConceptKey) -> UnitCard | None:
    """Return the network's best unit for the concept, None if no unit overlaps it."""
    found = network.strongest(concept)
    if found is None or network.result is None:
        return None
    unit, score = found
    layer = network.result[network.layer]
    label = layer.labels_by_unit.iloc[unit]
    is_label = (label["category"], label["concept"]) == concept
    words = "" if is_label else f"{concept[1]}: {layer.score_title} {score:.3f}"
    return UnitCard(network.result, network.layer, unit, words)
