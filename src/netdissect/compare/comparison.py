"""Networks side by side: the number of concepts that each detects, and the concepts that others lack."""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from netdissect.compare.compared_network import ComparedNetwork, ConceptKey, Conditions
from netdissect.results import Result, published_networks
from netdissect.results.criteria import shared_title
from netdissect.results.published import (
    PAPER_CATEGORIES,
    PAPER_CUT,
    PAPER_DATASET,
    PAPER_LABELS,
    PAPER_QUANTILE,
    PublishedNetwork,
)
from netdissect.types import NetdissectError, distinct, nearest, sorted_categories


@dataclass(frozen=True)
class Comparison:
    """Networks counted at one cut. Networks of one set share their conditions, and they alone are compared.

    ``recounted`` has the names of the networks whose own cut is another.
    """

    networks: tuple[ComparedNetwork, ...]
    iou_threshold: float
    recounted: tuple[str, ...] = ()

    @property
    def sets(self) -> dict[Conditions, list[ComparedNetwork]]:
        """The networks by their conditions, in the order of groups, then by unique detectors, the most first."""
        groups = list(dict.fromkeys(network.group for network in self.networks))
        sets: dict[Conditions, list[ComparedNetwork]] = {}
        for network in sorted(self.networks, key=lambda network: (groups.index(network.group), -network.unique)):
            sets.setdefault(network.conditions, []).append(network)
        return sets

    @property
    def score_title(self) -> str:
        """The title of the score of all networks, ``score`` where they have several."""
        return shared_title(network.conditions.criterion for network in self.networks)

    @property
    def notes(self) -> list[str]:
        """Lines for a reader: why networks cannot be compared, and whose cut is another."""
        sets, notes = self.sets, []
        if len(sets) > 1:
            notes = [f"{len(sets)} sets of networks, measured differently, cannot be compared with one another"]
            for conditions, members in sets.items():
                notes.append(f"{_some([network.name for network in members])}: on {conditions}")
        if self.recounted:
            notes.append(f"{_some(self.recounted)}: counted at a cut of {self.iou_threshold:g}, which is not their own")
        return notes

    def count_table(self, networks: Sequence[ComparedNetwork]) -> tuple[list[str], list[list[Any]]]:
        """Return columns and rows of a table for readers: unique detectors per category, and in all.

        There is a column of groups if any network has one, and a column of conditions if these differ.
        """
        categories = all_categories(networks)
        grouped = any(network.group for network in networks)
        several = len({network.conditions for network in networks}) > 1
        columns = ["network", "layer", *(["group"] * grouped), *(["measured on"] * several)]
        rows = [
            [
                *(network.name, network.layer, *([network.group] * grouped), *([str(network.conditions)] * several)),
                *(network.units, network.detectors),
                *(network.by_category.get(category, {}).get("unique") for category in categories),
                network.unique,
            ]
            for network in networks
        ]
        return [*columns, "units", "detectors by label", *categories, "unique"], rows

    def detected(self, networks: Sequence[ComparedNetwork]) -> pd.DataFrame:
        """Return a table of the concepts that the results among ``networks`` detect, a row per concept.

        After ``category`` and ``concept`` there is a column per network, the number of its detectors, counted by
        category. Concepts that most networks detect come first.
        """
        counts = {network.name: network.detected for network in networks if network.result is not None}
        concepts = sorted(
            {concept for detected in counts.values() for concept in detected},
            key=lambda concept: (-sum(concept in detected for detected in counts.values()), concept),
        )
        rows = [[*concept, *(detected[concept] for detected in counts.values())] for concept in concepts]
        return pd.DataFrame(rows, columns=["category", "concept", *counts])

    def only_in(self, network: ComparedNetwork, networks: Sequence[ComparedNetwork]) -> list[ConceptKey]:
        """Return the concepts that ``network`` detects and none of the other ``networks`` does."""
        others = {concept for other in networks if other is not network for concept in other.detected}
        return sorted(concept for concept in network.detected if concept not in others)

    def find_concepts(self, names: Sequence[str]) -> list[ConceptKey]:
        """Return the concepts of these names, in all categories. Raises ``NetdissectError`` for an unknown name."""
        known = dict.fromkeys(
            (concept.category, concept.name)
            for network in self.networks
            if network.layer_result
            for concept in network.layer_result.concepts
        )
        found: list[ConceptKey] = []
        for name in names:
            matching = [concept for concept in known if concept[1] == name]
            if not matching:
                others = list(dict.fromkeys(other for _, other in known))
                raise NetdissectError(f"no result has a concept {name!r}{nearest(name, others)}")
            found += matching
        return found

    def shared_concepts(self, count: int) -> list[ConceptKey]:
        """Return ``count`` of the concepts that most networks detect; ties go to those whose best units are better."""
        results = [network for network in self.networks if network.result is not None]
        often = Counter(concept for network in results for concept in network.detected)

        def strength(concept: ConceptKey) -> float:
            return sum(found[1] for network in results if (found := network.strongest(concept)))

        most = sorted(often, key=lambda concept: -often[concept])
        enough = [concept for concept in most if often[concept] >= often[most[min(count, len(most)) - 1]]]
        return sorted(enough, key=lambda concept: (-often[concept], -strength(concept), concept))[:count]

    def plain(self) -> dict[str, Any]:
        """Return all counts, and the concepts that each network alone detects, as plain data.

        The latter are None for a network that there is no other to compare with.
        """
        return {
            "iou_threshold": self.iou_threshold,
            "comparable": len(self.sets) == 1,
            "sets": [
                {
                    "dataset": conditions.dataset,
                    "quantile": conditions.quantile,
                    "categories": list(conditions.categories),
                    **({} if conditions.criterion == "iou" else {"criterion": conditions.criterion}),
                    "networks": [
                        {
                            **network.plain(),
                            "only_here": self._plain_only_in(network, members),
                        }
                        for network in members
                    ],
                }
                for conditions, members in self.sets.items()
            ],
        }

    def _plain_only_in(
        self, network: ComparedNetwork, members: Sequence[ComparedNetwork]
    ) -> list[dict[str, str]] | None:
        if network.result is None or sum(other.result is not None for other in members) < 2:
            return None
        return [{"category": category, "concept": name} for category, name in self.only_in(network, members)]


def compare_networks(
    results: Sequence[Result],
    *,
    layers: Sequence[str] = (),
    iou_threshold: float | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    published: bool = False,
) -> Comparison:
    """Put the layers of ``results`` side by side, counted at one cut.

    >>> comparison = compare_networks([], published=True)
    >>> len(comparison.networks), comparison.iou_threshold
    (27, 0.04)

    Args:
        results: runs and tables.
        layers: the layers to compare. Empty: all.
        iou_threshold: the cut. None: that of the first result.
        groups: names of networks by the label that they are shown under.
        published: add the paper's networks.

    Raises:
        NetdissectError: nothing to compare; an unknown layer or name; a cut other than the paper's if its networks are
            asked for, whose counts alone are known.
    """
    if not results and not published:
        raise NetdissectError("nothing to compare: name runs or tables")
    cut = iou_threshold if iou_threshold is not None else _own_cut(results)
    if not 0 <= cut < 1:
        raise NetdissectError(f"an IoU threshold of {cut} is not in 0..1")
    if published and cut != PAPER_CUT:
        raise NetdissectError(
            f"the paper's networks are known at an IoU cut of {PAPER_CUT:g} alone, not of {cut:g} (--iou {PAPER_CUT:g})"
        )
    chosen = _choose(results, layers)
    layers_by_name: dict[str, set[str]] = {}
    for result, layer in chosen:
        layers_by_name.setdefault(result.name, set()).add(layer)
    names = distinct(
        [f"{result.name}: {layer}" if len(layers_by_name[result.name]) > 1 else result.name for result, layer in chosen]
    )
    networks = [_from_result(name, result, layer, cut) for name, (result, layer) in zip(names, chosen, strict=True)]
    if published:
        networks += [_from_paper(network, grouped=bool(groups)) for network in published_networks()]
    own = [result[layer].iou_threshold for result, layer in chosen]
    recounted = tuple(name for name, threshold in zip(names, own, strict=True) if threshold != cut)
    return Comparison(_grouped(networks, groups or {}), float(cut), recounted)


def _choose(results: Sequence[Result], layers: Sequence[str]) -> list[tuple[Result, str]]:
    """Return pairs of a result and a layer to compare. Raises ``NetdissectError`` for a result without any."""
    known = dict.fromkeys(name for result in results for name in result.layers)
    for layer in layers:
        if layer not in known:
            raise NetdissectError(f"no result has a layer {layer}: there are {', '.join(known)}")
    for result in results:
        if layers and not set(layers) & set(result.layers):
            own = f"it has {', '.join(result.layers)}"
            raise NetdissectError(f"{result.name} has no layer {' or '.join(layers)}: {own}; --layer may name several")
    return [(result, layer) for result in results for layer in result.layers if not layers or layer in layers]


def _own_cut(results: Sequence[Result]) -> float:
    return next(iter(results[0].layers.values())).iou_threshold if results else PAPER_CUT


def _from_result(name: str, result: Result, layer: str, cut: float) -> ComparedNetwork:
    counted = result[layer].counted_at(float(cut))
    summary = counted.summary()
    return ComparedNetwork(
        name,
        layer,
        counted.unit_count,
        summary["by_label"]["detectors"],
        summary["by_category"]["categories"],
        Conditions(
            dataset=result.description.data.name,
            labels=result.dataset_id,
            quantile=counted.quantile,
            categories=counted.categories,
            criterion=counted.criterion,
        ),
        dataclasses.replace(result, layers={layer: counted}),
    )


def _from_paper(network: PublishedNetwork, *, grouped: bool) -> ComparedNetwork:
    conditions = Conditions(PAPER_DATASET, PAPER_LABELS, PAPER_QUANTILE, PAPER_CATEGORIES)
    return ComparedNetwork(
        f"{network.name} (paper)",
        network.layer,
        network.units,
        network.detectors,
        network.by_category,
        conditions,
        group=f"paper, {network.training}" if grouped else "",
    )


def _grouped(networks: Sequence[ComparedNetwork], groups: Mapping[str, Sequence[str]]) -> tuple[ComparedNetwork, ...]:
    known = [network.name for network in networks]
    labels: dict[str, str] = {}
    for label, names in groups.items():
        for name in names:
            members = [other for other in known if other == name or other.startswith(f"{name}: ")]
            if not members:
                raise NetdissectError(f"group {label}: nothing here is called {name!r}{nearest(name, known)}")
            for member in members:
                if labels.setdefault(member, label) != label:
                    raise NetdissectError(f"{member} is named in two groups: {labels[member]} and {label}")
    order = [*groups, *dict.fromkeys(network.group for network in networks)]
    grouped = [dataclasses.replace(network, group=labels.get(network.name, network.group)) for network in networks]
    return tuple(sorted(grouped, key=lambda network: order.index(network.group)))


def all_categories(networks: Sequence[ComparedNetwork]) -> tuple[str, ...]:
    """Return the categories that any of the networks counts, in the order of display."""
    return sorted_categories({category for network in networks for category in network.by_category})


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
