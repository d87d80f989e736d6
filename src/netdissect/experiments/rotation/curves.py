"""Detectors against rotation: what a saved run of rotated layers tells, without its network."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from netdissect.results import LayerResult, Result
from netdissect.results.description import BasisDescription
from netdissect.types import NetdissectError


@dataclass(frozen=True)
class Counted:
    """The detectors of a layer in one basis; ``name`` is what the run calls it.

    ``amount`` of the rotation of ``seed``; the channels are 0 of every seed's, and of other bases both are None.
    ``unique`` are those of each category counted by category, ``labels`` and ``unique_labels`` count by label.
    """

    name: str
    amount: float | None
    seed: int | None
    units: int
    unique: dict[str, int]
    labels: int
    unique_labels: int

    @property
    def total(self) -> int:
        """Unique detectors, summed over the categories, as the paper counts them."""
        return sum(self.unique.values())


@dataclass(frozen=True)
class Spread:
    """A count over the seeds: each, their mean, and their standard deviation, None of one alone."""

    values: tuple[int, ...]
    mean: float
    deviation: float | None

    @classmethod
    def of(cls, values: Sequence[int]) -> "Spread":
        return cls(tuple(values), statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None)


@dataclass(frozen=True)
class Curve:
    """Of a layer the counts of its rotations, by amount and seed, and of its ``others``: components, say."""

    layer: str
    iou_threshold: float
    categories: tuple[str, ...]
    rotations: tuple[Counted, ...]
    others: tuple[Counted, ...]
    score_title: str = "IoU"

    @property
    def amounts(self) -> list[float]:
        return sorted({float(one.amount) for one in self.rotations if one.amount is not None})

    def at(self, amount: float | int) -> list[Counted]:
        """The rotations by this amount, one for each seed; the channels are one for all."""
        return [one for one in self.rotations if one.amount == amount]

    def total(self, amount: float | int) -> Spread:
        """Unique detectors, summed over the categories."""
        return Spread.of([one.total for one in self.at(amount)])

    def unique(self, amount: float | int, category: str) -> Spread:
        """Unique detectors of a category."""
        return Spread.of([one.unique[category] for one in self.at(amount)])

    def labels(self, amount: float | int) -> Spread:
        """Detectors by label."""
        return Spread.of([one.labels for one in self.at(amount)])

    def unique_labels(self, amount: float | int) -> Spread:
        """Unique detectors by label."""
        return Spread.of([one.unique_labels for one in self.at(amount)])

    @property
    def lost(self) -> float | None:
        """The share of the channels' unique detectors that a whole rotation loses, on average."""
        if not {0.0, 1.0} <= set(self.amounts):
            return None
        before = self.total(0.0).mean
        return None if before == 0 else 1 - self.total(1.0).mean / before

    @property
    def verdict(self) -> str:
        """``lost`` in words; nothing where it is not known."""
        if self.lost is None:
            return ""
        return f"a whole rotation {'loses' if self.lost >= 0 else 'gains'} {abs(self.lost):.0%} of the unique detectors"

    def plain(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "layer": self.layer,
            "iou_threshold": self.iou_threshold,
            "lost": self.lost,
            "amounts": [self._plain_at(amount) for amount in self.amounts],
            "others": [
                {
                    "layer": one.name,
                    "units": one.units,
                    "by_category": {
                        "unique": one.total,
                        "categories": {name: {"unique": one.unique[name]} for name in self.categories},
                    },
                    "by_label": {"detectors": one.labels, "unique": one.unique_labels},
                }
                for one in self.others
            ],
        }

    def _plain_at(self, amount: float | int) -> dict[str, Any]:
        rotations = self.at(amount)
        return {
            "amount": amount,
            "layers": [one.name for one in rotations],
            "seeds": [one.seed for one in rotations if one.seed is not None],
            "by_category": {
                "unique": asdict(self.total(amount)),
                "categories": {name: {"unique": asdict(self.unique(amount, name))} for name in self.categories},
            },
            "by_label": {
                "detectors": asdict(self.labels(amount)),
                "unique": asdict(self.unique_labels(amount)),
            },
        }


def rotation_curves(result: Result) -> list[Curve]:
    """The curve of each layer that the run has rotations of.

    Raises ``NetdissectError`` if it has none.
    """
    counted: dict[str, list[Counted]] = {}
    for name, layer in result.layers.items():
        basis = result.basis_of(name)
        counted.setdefault(name if basis is None else basis.layer, []).append(_counted(layer, basis))
    curves = []
    for layer_name, views in counted.items():
        rotations = [one for one in views if one.amount is not None]
        if not any(one.amount for one in rotations):
            continue
        first = result[views[0].name]
        others = tuple(one for one in views if one.amount is None)
        curves.append(
            Curve(layer_name, first.iou_threshold, first.categories, tuple(rotations), others, first.score_title)
        )
    if not curves:
        raise NetdissectError(f"{result.name}: has no rotated layers")
    return curves


def _counted(layer: LayerResult, basis: BasisDescription | None) -> Counted:
    summary = layer.summary()
    categories = summary["by_category"]["categories"]
    rotation: Mapping[str, Any] = {"amount": 0.0} if basis is None else basis.facts
    return Counted(
        name=layer.layer,
        amount=rotation.get("amount"),
        seed=rotation.get("seed"),
        units=layer.unit_count,
        unique={name: counts["unique"] for name, counts in categories.items()},
        labels=summary["by_label"]["detectors"],
        unique_labels=summary["by_label"]["unique"],
    )
