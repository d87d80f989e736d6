"""The page of a run of rotated layers."""

from pathlib import Path

from netdissect.experiments.rotation.curves import Curve, rotation_curves
from netdissect.experiments.rotation.plot import draw_categories, draw_curve
from netdissect.pages.cards import UnitCard
from netdissect.pages.page import Page, write_page
from netdissect.pages.sections import Cell, Drawing, Gallery, Section, Table
from netdissect.results import Result
from netdissect.types import OnProgress, no_progress

#: The number of units of each basis that are shown.
_SHOWN = 6


def write_rotation_page(result: Result, out: Path, *, on_progress: OnProgress = no_progress) -> Path:
    """Write the page of a run of rotated layers to the directory ``out``, and return the page's path."""
    curves = rotation_curves(result)
    settings, data = result.description.settings, result.description.data
    assert settings is not None  # only a table has none
    page = Page(
        f"{result.name}: rotation",
        [_section(result, curve, index) for index, curve in enumerate(curves)],
        facts=[
            ("Network", result.description.network.name),
            ("Data", f"{data.images:,} images of {data.name}"),
            ("Quantile", f"{settings.quantile:g}"),
            (f"{curves[0].score_title} cut", f"{settings.iou_threshold:g}"),
        ],
        data={"name": result.name, "layers": [curve.plain() for curve in curves]},
    )
    return write_page(page, out, on_progress=on_progress)


def _section(result: Result, curve: Curve, index: int) -> Section:
    alt = f"Unique detectors of {curve.layer} against the amount of rotation"
    caption = "Unique detectors, summed over the categories"
    return Section(
        curve.layer,
        [
            Drawing(f"{index}-curve", caption, alt, draw_curve(curve)),
            Drawing(f"{index}-categories", "The same by category", f"{alt}, by category", draw_categories(curve)),
            _table(curve, index),
            _best_units(result, curve),
        ],
        "At every position the units' activations are multiplied by Q^a, where Q is a random rotation: at a = 0 by "
        "nothing, at a = 1 by the whole rotation." + (f" Here {curve.verdict}." if curve.verdict else ""),
    )


def _table(curve: Curve, index: int) -> Table:
    columns = ["basis", "rotations", *curve.categories, "unique", "deviation", "by label", "unique by label"]
    rows: list[list[Cell]] = []
    for amount in curve.amounts:
        total = curve.total(amount)
        unique = [_short(curve.unique(amount, name).mean) for name in curve.categories]
        by_label = [_short(count(amount).mean) for count in (curve.labels, curve.unique_labels)]
        rows.append([f"a = {amount:g}", len(total.values), *unique, _short(total.mean), total.deviation, *by_label])
    for view in curve.others:
        rows.append([view.name, None, *view.unique.values(), view.total, None, view.labels, view.unique_labels])
    caption = f"Unique detectors, means over rotations; {curve.score_title} > {curve.iou_threshold:g}"
    return Table(f"{index}-detectors", caption, columns, rows)


def _short(mean: float) -> int | float:
    return int(mean) if mean.is_integer() else mean


def _best_units(result: Result, curve: Curve) -> Gallery:
    """Return the units of highest score of channels, of one seed's half and whole rotation, and of other bases."""
    amounts = [amount for amount in curve.amounts if amount]
    seed = next(view.seed for view in curve.rotations if view.amount)
    chosen = {0.0, amounts[(len(amounts) - 1) // 2], amounts[-1]}
    rotations = [view for view in curve.rotations if view.amount in chosen and view.seed in (None, seed)]
    shown = [*rotations, *curve.others]
    best = [result[view.name].labels["unit"].tolist()[:_SHOWN] for view in shown]
    rows = [
        (
            f"{rank + 1}.",
            [
                UnitCard(result, view.name, units[rank]) if rank < len(units) else None
                for view, units in zip(shown, best, strict=True)
            ],
        )
        for rank in range(max(map(len, best)))
    ]
    return Gallery(f"The units of highest {curve.score_title} of each basis", [view.name for view in shown], rows)
