"""Networks side by side: how many concepts each detects, and which ones others lack."""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from netdissect.compare.network import Conditions, Named, Network
from netdissect.results import Result, published_networks
from netdissect.results.criteria import shared_title
from netdissect.results.published import (
    PAPER_CUT,
    PAPER_DATASET,
    PAPER_LABELS,
    PAPER_QUANTILE,
    PublishedNetwork,
)
from netdissect.types import CATEGORIES, NetdissectError, distinct, nearest, sorted_categories


@dataclass(frozen=True)
class Comparison:
    """Networks at one cut. Only those of one set, which share their conditions, are compared with one another.

    ``recounted`` names those whose own cut is another.
    """

    networks: tuple[Network, ...]
    iou_threshold: float
    recounted: tuple[str, ...] = ()

    @property
    def sets(self) -> dict[Conditions, list[Network]]:
        """By conditions the networks, in the order of their groups, within one those of most unique detectors first."""
        groups = list(dict.fromkeys(network.group for network in self.networks))
        sets: dict[Conditions, list[Network]] = {}
        for network in sorted(self.networks, key=lambda one: (groups.index(one.group), -one.unique)):
            sets.setdefault(network.conditions, []).append(network)
        return sets

    @property
    def score_title(self) -> str:
        """The score of all networks in words: ``score`` where they have several."""
        return shared_title(network.conditions.criterion for network in self.networks)

    @property
    def notes(self) -> list[str]:
        """What a reader should know, a line each: what keeps networks from being compared, whose cut is another."""
        sets, notes = self.sets, []
        if len(sets) > 1:
            notes = [f"{len(sets)} sets of networks, measured differently, cannot be compared with one another"]
            notes += [f"{_some([network.name for network in of_set])}: on {told}" for told, of_set in sets.items()]
        if self.recounted:
            notes.append(f"{_some(self.recounted)}: counted at a cut of {self.iou_threshold:g}, which is not their own")
        return notes

    def count_table(self, networks: Sequence[Network]) -> tuple[list[str], list[list[Any]]]:
        """The columns and rows of a table to be read: unique detectors of categories, and in all.

        With a column for groups where any have one, and one for conditions where these differ.
        """
        categories = all_categories(networks)
        grouped, several = any(one.group for one in networks), len({one.conditions for one in networks}) > 1
        columns = ["network", "layer", *(["group"] * grouped), *(["measured on"] * several)]
        rows = [
            [
                *(one.name, one.layer, *([one.group] * grouped), *([str(one.conditions)] * several)),
                *(one.units, one.detectors),
                *(one.by_category.get(category, {}).get("unique") for category in categories),
                one.unique,
            ]
            for one in networks
        ]
        return [*columns, "units", "detectors by label", *categories, "unique"], rows

    def detected(self, networks: Sequence[Network]) -> pd.DataFrame:
        """Which concepts the results among ``networks`` detect: a row per concept, a column per network.

        Columns ``category`` and ``concept``, then by network the number of detectors, counted by category. Concepts
        that most networks detect come first.
        """
        counts = {network.name: network.detected for network in networks if network.result is not None}
        concepts = sorted(
            {concept for of_network in counts.values() for concept in of_network},
            key=lambda one: (-sum(one in of_network for of_network in counts.values()), one),
        )
        rows = [[*concept, *(of_network[concept] for of_network in counts.values())] for concept in concepts]
        return pd.DataFrame(rows, columns=["category", "concept", *counts])

    def only_in(self, network: Network, networks: Sequence[Network]) -> list[Named]:
        """The concepts that it detects and none of the other ``networks`` does."""
        others = {concept for other in networks if other is not network for concept in other.detected}
        return sorted(concept for concept in network.detected if concept not in others)

    def find_concepts(self, names: Sequence[str]) -> list[Named]:
        """The concepts that some result calls so, in all categories. Raises ``NetdissectError`` for an unknown name."""
        known = dict.fromkeys(
            (one.category, one.name)
            for network in self.networks
            if network.of_layer
            for one in network.of_layer.concepts
        )
        found: list[Named] = []
        for name in names:
            called = [concept for concept in known if concept[1] == name]
            if not called:
                others = list(dict.fromkeys(one for _, one in known))
                raise NetdissectError(f"no result has a concept {name!r}{nearest(name, others)}")
            found += called
        return found

    def shared_concepts(self, count: int) -> list[Named]:
        """The concepts that most networks detect, of equally many those whose best units are best on average."""
        results = [network for network in self.networks if network.result is not None]
        detected = [network.detected for network in results]
        often = Counter(concept for of_network in detected for concept in of_network)

        def strength(concept: Named) -> float:
            return sum(found[1] for network in results if (found := network.strongest(concept)))

        most = sorted(often, key=lambda one: -often[one])
        enough = [one for one in most if often[one] >= often[most[min(count, len(most)) - 1]]]
        return sorted(enough, key=lambda one: (-often[one], -strength(one), one))[:count]

    def plain(self) -> dict[str, Any]:
        """All counts, and what each network alone detects, None where there is no other to compare with; plain data."""
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

    def _plain_only_in(self, network: Network, members: Sequence[Network]) -> list[dict[str, str]] | None:
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
    """Puts the layers of ``results`` side by side, counted at one cut: that of the first unless another is given.

    ``layers`` chooses among the results' layers, ``groups`` are labels with the names of networks they are for, and
    with ``published`` the paper's networks are there too.

    Raises ``NetdissectError`` if there is nothing to compare, for a layer or a name that is nowhere, and for a cut
    other than the paper's where its networks are asked for: of these nothing but counts is known.
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
    of_name: dict[str, set[str]] = {}
    for result, layer in chosen:
        of_name.setdefault(result.name, set()).add(layer)
    names = distinct(
        [f"{result.name}: {layer}" if len(of_name[result.name]) > 1 else result.name for result, layer in chosen]
    )
    networks = [_of_result(name, result, layer, cut) for name, (result, layer) in zip(names, chosen, strict=True)]
    if published:
        networks += [_of_paper(network, grouped=bool(groups)) for network in published_networks()]
    own = [result[layer].iou_threshold for result, layer in chosen]
    recounted = tuple(name for name, threshold in zip(names, own, strict=True) if threshold != cut)
    return Comparison(_grouped(networks, groups or {}), float(cut), recounted)


def _choose(results: Sequence[Result], layers: Sequence[str]) -> list[tuple[Result, str]]:
    """Each result with each of its layers that is compared; raises ``NetdissectError`` where there is none."""
    known = dict.fromkeys(name for result in results for name in result.layers)
    for layer in layers:
        if layer not in known:
            raise NetdissectError(f"no result has a layer {layer}: there are {', '.join(known)}")
    for result in results:
        if layers and not set(layers) & set(result.layers):
            told = f"it has {', '.join(result.layers)}"
            raise NetdissectError(f"{result.name} has no layer {' or '.join(layers)}: {told}; --layer may name several")
    return [(result, layer) for result in results for layer in result.layers if not layers or layer in layers]


def _own_cut(results: Sequence[Result]) -> float:
    return next(iter(results[0].layers.values())).iou_threshold if results else PAPER_CUT


def _of_result(name: str, result: Result, layer: str, cut: float) -> Network:
    of_layer = result[layer].counted_at(float(cut))
    summary = of_layer.summary()
    return Network(
        name,
        layer,
        of_layer.unit_count,
        summary["by_label"]["detectors"],
        summary["by_category"]["categories"],
        Conditions(
            result.description.data.name,
            result.dataset_id,
            of_layer.quantile,
            of_layer.categories,
            of_layer.criterion,
        ),
        dataclasses.replace(result, layers={layer: of_layer}),
    )


def _of_paper(network: PublishedNetwork, *, grouped: bool) -> Network:
    conditions = Conditions(PAPER_DATASET, PAPER_LABELS, PAPER_QUANTILE, CATEGORIES)
    return Network(
        f"{network.name} (paper)",
        network.layer,
        network.units,
        network.detectors,
        network.by_category,
        conditions,
        group=f"paper, {network.training}" if grouped else "",
    )


def _grouped(networks: Sequence[Network], groups: Mapping[str, Sequence[str]]) -> tuple[Network, ...]:
    known = [network.name for network in networks]
    labels: dict[str, str] = {}
    for label, names in groups.items():
        for name in names:
            members = [one for one in known if one == name or one.startswith(f"{name}: ")]
            if not members:
                raise NetdissectError(f"group {label}: nothing here is called {name!r}{nearest(name, known)}")
            for member in members:
                if labels.setdefault(member, label) != label:
                    raise NetdissectError(f"{member} is named in two groups: {labels[member]} and {label}")
    order = [*groups, *dict.fromkeys(network.group for network in networks)]
    grouped = [dataclasses.replace(one, group=labels.get(one.name, one.group)) for one in networks]
    return tuple(sorted(grouped, key=lambda one: order.index(one.group)))


def all_categories(networks: Sequence[Network]) -> tuple[str, ...]:
    """The categories that any of the networks counts, in the paper's order."""
    return sorted_categories({category for network in networks for category in network.by_category})


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
