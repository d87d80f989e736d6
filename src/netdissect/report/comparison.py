"""The page that puts networks side by side: how many concepts each detects, which ones, and their strongest units."""

from collections.abc import Sequence

from netdissect.compare import Alignment, Comparison, Network
from netdissect.compare.bars import plot_networks
from netdissect.compare.network import Conditions, Named
from netdissect.report.alignment import alignment_sections
from netdissect.report.sections import Cell, Drawing, Gallery, Section, Table, UnitCard
from netdissect.results import Result


def comparison_sections(
    comparison: Comparison, concepts: Sequence[Named], results: Sequence[Result], alignments: Sequence[Alignment] = ()
) -> list[Section]:
    """The sections of the page.

    ``concepts`` are those of which the strongest units are shown; ``alignments`` follow units from the first to the
    second of ``results``.
    """
    sections = [_counts(comparison)]
    for number, alignment in enumerate(alignments):
        sections += alignment_sections(results[0], results[1], alignment, files=f"units-{number}")
    for number, (conditions, members) in enumerate(comparison.sets.items()):
        known = [network for network in members if network.result is not None]
        if len(known) > 1:
            sections.append(_concepts(comparison, conditions, known, number))
    return [*sections, *_sheet(comparison, concepts)]


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


def _concepts(comparison: Comparison, conditions: Conditions, networks: Sequence[Network], number: int) -> Section:
    """What some detect and others lack."""
    only = [(network, comparison.only_in(network, networks)) for network in networks]
    alone: list[list[Cell]] = [
        [network.name, len(concepts), ", ".join(name for _, name in concepts)] for network, concepts in only
    ]
    detected = comparison.detected(networks)
    rows = [[None if cell == 0 else cell for cell in row] for row in detected.to_numpy().tolist()]
    where = f" ({conditions})" if len(comparison.sets) > 1 else ""
    return Section(
        f"What one detects and others lack{where}",
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


def _sheet(comparison: Comparison, concepts: Sequence[Named]) -> list[Section]:
    networks = [network for members in comparison.sets.values() for network in members if network.result is not None]
    rows = [
        (f"{name} ({category})", [_strongest(network, (category, name)) for network in networks])
        for category, name in concepts
    ]
    if not rows:
        return []
    title = comparison.score_title
    caption = f"For each concept the unit of each network whose {title} with it is highest, under its own label."
    return [Section("Strongest units", [Gallery(caption, [network.name for network in networks], rows)])]


def _strongest(network: Network, concept: Named) -> UnitCard | None:
    found = network.strongest(concept)
    if found is None or network.result is None:
        return None
    unit, score = found
    layer = network.result[network.layer]
    label = layer.labels_by_unit.iloc[unit]
    is_label = (label["category"], label["concept"]) == concept
    words = "" if is_label else f"{concept[1]}: {layer.score_title} {score:.3f}"
    return UnitCard(network.result, network.layer, unit, words)
