"""Is what units respond to a property of the axes? Layers, rotated by degrees, dissected in one pass.

(Bau et al., Network Dissection, CVPR 2017, section 3.2.)
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from netdissect.concepts import ConceptDataset
from netdissect.experiments.rotation import Curve, rotation_curves
from netdissect.experiments.rotation_plot import draw_categories, draw_curve
from netdissect.networks.load import LoadedModel
from netdissect.numbers import real_number
from netdissect.pipeline import dissect
from netdissect.pipeline.bases import BasisChoice, Rotated
from netdissect.progress import progress_bar
from netdissect.report.page import write_page
from netdissect.report.sections import Cell, Drawing, Gallery, Section, Table, UnitCard
from netdissect.results import Result
from netdissect.types import NetdissectError, OnProgress, no_progress

#: By how much layers are rotated, and by which random rotations.
AMOUNTS, SEEDS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0), (0, 1, 2)

#: Top images of a unit that are kept: there are many units.
TOP_IMAGES = 4

#: Where in a run its page is.
PAGE = "rotation"

#: Of each basis so many units are shown.
_SHOWN = 6


def rotate(
    model: nn.Module | LoadedModel | str,
    layers: str | Sequence[str],
    data: ConceptDataset | str | Path = "scenes",
    *,
    amounts: Sequence[float | int] = AMOUNTS,
    seeds: Sequence[int] = SEEDS,
    bases: Sequence[BasisChoice] = (),
    top_images: int = TOP_IMAGES,
    out: str | Path | None = None,
    progress: bool = True,
    **options: Any,
) -> Result:
    """Dissects each layer as it is, rotated by each of ``amounts`` of the rotation of each seed, and in ``bases``.

    In one pass of the network for all of them. The run's layers are called ``relu4``, ``relu4 rotated 0.2 seed 1``,
    ``relu4 in pca``; by an amount of 0 a layer is as it is. See ``rotation_curves`` for what follows. ``bases`` are
    such as ``dissect`` takes, and ``options`` its others. In ``out``, a run like any other, a page is added.

    Raises ``NetdissectError`` for an amount that is not in 0..1, and what ``dissect`` raises.
    """
    for what, several in (("amounts", amounts), ("seeds", seeds), ("bases", bases)):
        if isinstance(several, str) or not isinstance(several, Sequence):
            raise NetdissectError(f"{what} are several, such as a list, not {several!r}")
    if "basis" in options:
        raise NetdissectError("further bases of a layer that is rotated are named in a list (bases)")
    rotations = [Rotated(real_number(amount, "amount of a rotation"), seed) for amount in amounts for seed in seeds]
    if not any(rotation.amount for rotation in rotations):
        raise NetdissectError("nothing is rotated: name amounts greater than 0, and seeds")
    axes = [None] if 0 in amounts else []
    turned = dict.fromkeys(rotation for rotation in rotations if rotation.amount)  # each once, in order
    result = dissect(
        model,
        layers,
        data,
        basis=[*axes, *turned, *bases],
        top_images=top_images,
        out=out,
        progress=progress,
        **options,
    )
    if out is not None:
        with progress_bar(progress) as bar:
            write_rotation_page(result, Path(out) / PAGE, on_progress=bar)
    return result


def write_rotation_page(result: Result, out: Path, *, on_progress: OnProgress = no_progress) -> Path:
    """Writes the page of a run of rotated layers to the directory ``out``, and returns the page's path."""
    curves = rotation_curves(result)
    settings, data = result.description.settings, result.description.data
    assert settings is not None  # only a table has none
    return write_page(
        out,
        f"{result.name}: rotation",
        [_section(result, curve, place) for place, curve in enumerate(curves)],
        facts=[
            ("Network", result.description.network.name),
            ("Data", f"{data.images:,} images of {data.name}"),
            ("Quantile", f"{settings.quantile:g}"),
            (f"{curves[0].score_title} cut", f"{settings.iou_threshold:g}"),
        ],
        data={"name": result.name, "layers": [curve.plain() for curve in curves]},
        on_progress=on_progress,
    )


def _section(result: Result, curve: Curve, place: int) -> Section:
    alt = f"Unique detectors of {curve.layer} against the amount of rotation"
    caption = "Unique detectors, summed over the categories"
    return Section(
        curve.layer,
        [
            Drawing(f"{place}-curve", caption, alt, draw_curve(curve)),
            Drawing(f"{place}-categories", "The same by category", f"{alt}, by category", draw_categories(curve)),
            _table(curve, place),
            _best_units(result, curve),
        ],
        "At every position the units' activations are multiplied by Q^a, where Q is a random rotation: at a = 0 by "
        "nothing, at a = 1 by the whole rotation." + (f" Here {curve.verdict}." if curve.verdict else ""),
    )


def _table(curve: Curve, place: int) -> Table:
    columns = ["basis", "rotations", *curve.categories, "unique", "deviation", "by label", "unique by label"]
    rows: list[list[Cell]] = []
    for amount in curve.amounts:
        total = curve.total(amount)
        unique = [_short(curve.unique(amount, name).mean) for name in curve.categories]
        by_label = [_short(of_label(amount).mean) for of_label in (curve.labels, curve.unique_labels)]
        rows.append([f"a = {amount:g}", len(total.values), *unique, _short(total.mean), total.deviation, *by_label])
    for one in curve.others:
        rows.append([one.name, None, *one.unique.values(), one.total, None, one.labels, one.unique_labels])
    caption = f"Unique detectors, means over rotations; {curve.score_title} > {curve.iou_threshold:g}"
    return Table(f"{place}-detectors", caption, columns, rows)


def _short(mean: float) -> int | float:
    return int(mean) if mean.is_integer() else mean


def _best_units(result: Result, curve: Curve) -> Gallery:
    """Side by side the units of highest score of the channels, of one seed's half and whole rotation, of others."""
    amounts = [amount for amount in curve.amounts if amount]
    seed = next(one.seed for one in curve.rotations if one.amount)
    chosen = {0.0, amounts[(len(amounts) - 1) // 2], amounts[-1]}
    rotations = [one for one in curve.rotations if one.amount in chosen and one.seed in (None, seed)]
    shown = [*rotations, *curve.others]
    best = [result[one.name].labels["unit"].tolist()[:_SHOWN] for one in shown]
    rows = [
        (
            f"{rank + 1}.",
            [
                UnitCard(result, one.name, units[rank]) if rank < len(units) else None
                for one, units in zip(shown, best, strict=True)
            ],
        )
        for rank in range(max(map(len, best)))
    ]
    return Gallery(f"The units of highest {curve.score_title} of each basis", [one.name for one in shown], rows)
