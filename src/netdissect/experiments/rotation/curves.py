"""Curves of detectors against rotation, from a saved run of rotated layers."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from netdissect.results import LayerResult, Result
from netdissect.results.description import BasisDescription
from netdissect.types import NetdissectError


@dataclass(frozen=True)
class Counted:
    """The detectors of a layer in one basis, which the run calls ``name``.

    ``amount`` and ``seed`` are those of the rotation: channels have an amount of 0 and no seed, other bases neither.
    ``unique`` has the unique detectors per category, counted by category; ``labels`` and ``unique_labels`` count by
    label.
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
        """The number of unique detectors, summed over the categories, as the paper counts them."""
        return sum(self.unique.values())


@dataclass(frozen=True)
class Spread:
    """A count over the seeds: all values, their mean, and their standard deviation, None for a single value.

    >>> Spread.of([2, 4]).mean
    3.0
    """

    values: tuple[int, ...]
    mean: float
    deviation: float | None

    @classmethod
    def of(cls, values: Sequence[int]) -> "Spread":
        """Return the spread of these values."""
        return cls(tuple(values), statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None)


@dataclass(frozen=True)
class Curve:
    """The counts of a layer in its rotations, by amount and seed, and in ``others``, such as components."""

    layer: str
    iou_threshold: float
    categories: tuple[str, ...]
    rotations: tuple[Counted, ...]
    others: tuple[Counted, ...]
    score_title: str = "IoU"

    @property
    def amounts(self) -> list[float]:
        """The amounts of rotation, ascending."""
        return sorted({float(view.amount) for view in self.rotations if view.amount is not None})

    def at(self, amount: float | int) -> list[Counted]:
        """Return the rotations by this amount, one per seed; channels have one for all seeds."""
        return [view for view in self.rotations if view.amount == amount]

    def total(self, amount: float | int) -> Spread:
        """Return the numbers of unique detectors, summed over the categories."""
        return Spread.of([view.total for view in self.at(amount)])

    def unique(self, amount: float | int, category: str) -> Spread:
        """Return the numbers of unique detectors of a category."""
        return Spread.of([view.unique[category] for view in self.at(amount)])

    def labels(self, amount: float | int) -> Spread:
        """Return the numbers of detectors, counted by label."""
        return Spread.of([view.labels for view in self.at(amount)])

    def unique_labels(self, amount: float | int) -> Spread:
        """Return the numbers of unique detectors, counted by label."""
        return Spread.of([view.unique_labels for view in self.at(amount)])

    @property
    def lost(self) -> float | None:
        """The mean share of the channels' unique detectors that a whole rotation loses; None if unknown."""
        if not {0.0, 1.0} <= set(self.amounts):
            return None
        before = self.total(0.0).mean
        return None if before == 0 else 1 - self.total(1.0).mean / before

    @property
    def verdict(self) -> str:
        """``lost`` in words; empty if unknown."""
        if self.lost is None:
            return ""
        return f"a whole rotation {'loses' if self.lost >= 0 else 'gains'} {abs(self.lost):.0%} of the unique detectors"

    def plain(self) -> dict[str, Any]:
        """Return the curve as plain data."""
        return {
            "layer": self.layer,
            "iou_threshold": self.iou_threshold,
            "lost": self.lost,
            "amounts": [self._plain_at(amount) for amount in self.amounts],
            "others": [
                {
                    "layer": other.name,
                    "units": other.units,
                    "by_category": {
                        "unique": other.total,
                        "categories": {name: {"unique": other.unique[name]} for name in self.categories},
                    },
                    "by_label": {"detectors": other.labels, "unique": other.unique_labels},
                }
                for other in self.others
            ],
        }

    def _plain_at(self, amount: float | int) -> dict[str, Any]:
        rotations = self.at(amount)
        return {
            "amount": amount,
            "layers": [view.name for view in rotations],
            "seeds": [view.seed for view in rotations if view.seed is not None],
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
    """Return the curve of each layer that the run has rotations of. Raises ``NetdissectError`` if there is none."""
    counted: dict[str, list[Counted]] = {}
    for name, layer in result.layers.items():
        basis = result.basis_of(name)
        counted.setdefault(name if basis is None else basis.layer, []).append(_counted(layer, basis))
    curves = []
    for layer_name, views in counted.items():
        rotations = [view for view in views if view.amount is not None]
        if not any(view.amount for view in rotations):
            continue
        first = result[views[0].name]
        others = tuple(view for view in views if view.amount is None)
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
