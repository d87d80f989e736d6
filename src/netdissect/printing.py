"""The printing of results and tables on standard output."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netdissect.broden.building.builder import Build
    from netdissect.broden.check import Checked
    from netdissect.compare import Alignment, Comparison
    from netdissect.concepts.census import Census
    from netdissect.experiments.rotation.curves import Curve
    from netdissect.experiments.series.series import Series
    from netdissect.networks.layers import LayerInfo
    from netdissect.results import LayerResult, Result

#: The most units of a layer that a summary names.
BEST_SHOWN = 10

#: The most concepts of a category that are named after a build.
MOST_OFTEN = 5

#: The most layers that are listed by default.
MOST_LAYERS = 60


def print_summary(result: "Result") -> None:
    """Print the counts of each layer, its detectors and best units, and the notes of the run."""
    description = result.description
    network, data = description.network, description.data
    if result.is_table:
        print(f"{result.name}: units of {data.name}, from the table {description.table}")
    else:
        print(f"{result.name}: {network.name} on {data.images} images of {data.name}")
    for layer in result.layers.values():
        _print_layer(layer, description.layer_words(layer.layer))
    for note in result.notes:
        print(f"\nnote: {note}")
    print()


def _print_layer(layer: "LayerResult", words: str) -> None:
    counts = layer.summary()
    by_label, by_category = counts["by_label"], counts["by_category"]
    print(f"\n{layer.layer}: {counts['units']} units, {layer.score_title} > {counts['iou_threshold']:g}")
    print(f"{words}\n")
    rows: list[list[Any]] = []
    for category in layer.categories:
        label, every = (way["categories"][category] for way in (by_label, by_category))
        rows.append([category, label["detectors"], label["unique"], every["detectors"], every["unique"]])
    rows.append(["all", by_label["detectors"], by_label["unique"], "", by_category["unique"]])
    print_table(["category", "detectors by label", "unique", "by category", "unique"], rows)
    detectors = layer.labels[layer.labels["is_detector"]]
    if len(detectors):
        concepts = detectors["concept"].value_counts().items()
        print(f"detectors by label: {', '.join(f'{concept} {count}' for concept, count in concepts)}\n")
    best = [
        [
            *(row["unit"], row["concept"], row["category"]),
            *(f"{row[layer.score_column]:.3f}", f"{row[layer.ceiling_column]:.2f}"),
        ]
        for row in layer.labels.head(BEST_SHOWN).to_dict("records")
    ]
    print_table(["unit", "concept", "category", layer.score_title, "ceiling"], best)


def print_rotation(result: "Result", curves: Sequence["Curve"]) -> None:
    """Print the unique detectors of each layer by the amount of rotation, and in other bases."""
    network, data = result.description.network, result.description.data
    print(f"{result.name}: {network.name} on {data.images} images of {data.name}")
    for curve in curves:
        print(
            f"\n{curve.layer}: unique detectors, {curve.score_title} > {curve.iou_threshold:g}; means over rotations\n"
        )
        rows: list[list[Any]] = []
        for amount in curve.amounts:
            total = curve.total(amount)
            deviation = "" if total.deviation is None else f"{total.deviation:.1f}"
            unique = [f"{curve.unique(amount, name).mean:.1f}" for name in curve.categories]
            by_label = f"{curve.unique_labels(amount).mean:.1f}"
            rows.append([f"a = {amount:g}", *unique, f"{total.mean:.1f}", deviation, by_label])
        rows += [
            [basis.name, *(basis.unique[name] for name in curve.categories), basis.total, "", basis.unique_labels]
            for basis in curve.others
        ]
        print_table(["basis", *curve.categories, "all", "+-", "unique by label"], rows)
        if curve.verdict:
            print(curve.verdict)
    print()


def print_series(series: "Series") -> None:
    """Print the unique detectors of each layer over the steps."""
    for layer in series.layers:
        print(f"\n{layer}: unique detectors, counted by category\n")
        print_table(*series.count_table(layer))
    print()


def print_comparison(comparison: "Comparison") -> None:
    """Print the unique detectors of each network, a table per set of networks that can be compared."""
    for conditions, members in comparison.sets.items():
        cut = f"{conditions.score_title} > {comparison.iou_threshold:g}"
        print(f"unique detectors, counted by category; {conditions}, {cut}\n")
        print_table(*comparison.count_table(members))
        print()
    for note in comparison.notes:
        print(f"note: {note}\n")


def print_alignment(alignment: "Alignment") -> None:
    """Print the fates of units, the agreement of both sides, and the pairs that differ most."""
    summary = alignment.summary()
    layers = " and ".join(dict.fromkeys([alignment.before, alignment.after]))
    cut = f"{alignment.score_title} > {alignment.iou_threshold:g}"
    print(f"{layers}, by {alignment.match}: {summary['pairs']} pairs of units, {cut}\n")
    for note in alignment.notes:
        print(f"note: {note}")
    print(", ".join(f"{fate} {count}" for fate, count in alignment.became.items()))
    same = summary["agreement"]["labelled_on_both_sides"]
    if same["pairs"]:
        print(f"same label: {same['same']} of {same['pairs']} pairs that have one on both sides")
    title, score = alignment.score_title, alignment.criterion
    if summary[score]["correlation"] is not None:
        print(f"{title}: correlation {summary[score]['correlation']:.3f}", end=", ")
        print(f"mean absolute difference {summary[score]['mean_absolute_difference']:.4f}")
    print()
    header = ["unit before", "unit after", "became", "label before", title, "label after", title]
    rows = [
        [
            *(row["unit_before"], row["unit_after"], row["became"]),
            *(row["concept_before"] or "", f"{row[f'{score}_before']:.3f}"),
            *(row["concept_after"] or "", f"{row[f'{score}_after']:.3f}"),
        ]
        for row in summary["largest_departures"][:BEST_SHOWN]
    ]
    print_table(header, rows)
    print()


def print_layers(layers: Sequence["LayerInfo"], depth: int | None = None) -> None:
    """Print a tree of layers to ``depth`` levels; None prints as many levels as ``MOST_LAYERS`` lines hold."""
    if not layers:
        print("no module within the network returns maps, tokens or vectors that can be dissected")
        return
    tree = list(_tree(layers))
    deepest = max((level for level, _ in tree), default=1)
    if depth is None:
        fits = [at_most for at_most in range(2, deepest + 1) if sum(n <= at_most for n, _ in tree) <= MOST_LAYERS]
        depth = max(fits, default=1)
    rows = [
        ["  " * (level - 1) + info.name, info.type, info.units, *_positions(info)]
        for level, info in tree
        if level <= depth
    ]
    print_table(["layer", "type", "units", "positions", "field", "step", "first"], rows)
    for reason, count in Counter(info.no_field for _, info in tree if info.no_field and info.shape[1:]).items():
        print(f"\n{count} without a field, stretched over the image: {reason}")
    if len(rows) < len(tree):
        print(f"\n{len(tree) - len(rows)} more are nested deeper: --depth {deepest} shows all")


def print_build(build: "Build", out: Path) -> None:
    """Print the categories that were built, and the number of images left out."""
    rows: list[list[Any]] = []
    for category, concepts in build.merge.categories().items():
        labels = [decision for decision in build.merge.decisions if decision.label.key.category == category]
        dropped = sum(not decision.number for decision in labels)
        often = ", ".join(concept.name for concept in concepts[:MOST_OFTEN])
        rows.append([category, len(concepts), len(labels), dropped, often])
    print(f"{build.images} images, {len(build.merge.concepts)} concepts\n")
    print_table(["category", "concepts", "of labels", "left out", "most frequent"], rows)
    if build.skipped:
        print(f"\nimages left out: {len(build.skipped)}, the first: {build.skipped[0][1]}")
    print(f"\ndataset  {out}\nmerges   {out / 'merges.csv'}")


def print_census(name: str, census: "Census", category: str | None = None) -> None:
    """Print counts per category, or per concept of one category; concepts in most images come first."""
    height, width = census.label_shape
    print(f"{name}: {census.total_images} images, label maps of {height}x{width}\n")
    every = census.total_images * height * width
    counts = sorted(
        zip(census.concepts, census.images.tolist(), census.pixels.tolist(), strict=True),
        key=lambda row: (-row[1], -row[2], row[0].number),
    )
    if category is None:
        rows: list[list[Any]] = []
        for counted in census.categories:
            often = [concept.name for concept, images, _ in counts if concept.category == counted.name and images]
            occur = counted.listed if counted.occur == counted.listed else f"{counted.listed} ({counted.occur} occur)"
            share = f"{counted.pixels / every:.1%}"
            rows.append([counted.name, occur, counted.images, counted.pixels, share, ", ".join(often[:MOST_OFTEN])])
        print_table(["category", "concepts", "images", "pixels", "of all", "most frequent"], rows)
    else:
        listed = [row for row in counts if row[0].category == category]
        rows = [
            [concept.number, concept.name, images, pixels, f"{pixels / every:.2%}"]
            for concept, images, pixels in listed
        ]
        print_table(["number", "concept", "images", "pixels", "of all"], rows)
    if census.skipped:
        print(f"\nimages left out: {len(census.skipped)}, the first: {next(iter(census.skipped.values()))}")


def print_checked(checked: "Checked") -> None:
    """Print the problems, a line each, then notes on unchecked parts, and the counts."""
    for problem in checked.problems:
        print(problem)
    for note in checked.notes:
        print(f"note: {note}")
    read = "all" if 0 < checked.images == checked.listed else f"{checked.images} of {checked.listed}"
    print(f"read {read} images and {checked.label_maps} label maps; problems: {len(checked.problems) or 'none'}")


def print_visualizations(result: "Result") -> None:
    """Print units with their labels and highest activations, on the data and on images made for them, and notes."""
    from netdissect.visualization.page import (  # here, since --help needs no matplotlib
        plain_visualizations,
        visualization_notes,
    )

    first = next(iter(result.values()))
    score, title = first.score_column, first.score_title
    rows: list[list[Any]] = [
        [
            *(unit["layer"], unit["unit"], unit["label"] or "", f"{unit[score]:.3f}" if unit["label"] else ""),
            *(
                len(unit["pictures"]),
                f"{unit['highest']:.4g}",
                f"{unit['made']:.4g}" if unit["made"] is not None else "",
            ),
        ]
        for unit in plain_visualizations(result)["units"]
    ]
    if rows:
        print_table(["layer", "unit", "label", title, "pictures", "highest of the data", "highest made"], rows)
    for note in visualization_notes(result):
        print(f"note: {note}\n")


def _tree(layers: Sequence["LayerInfo"]) -> Iterator[tuple[int, "LayerInfo"]]:
    """Yield each module before those nested in it, which finish earlier, with its level of nesting."""
    names = {info.name for info in layers}
    # A module begins at the index of the first module within it to end.
    begins: dict[str, int] = {}
    for index, info in enumerate(layers):
        for outer in _outer_names(info.name):
            begins.setdefault(outer, index)
    for info in sorted(layers, key=lambda info: [(begins[outer], outer) for outer in _outer_names(info.name)]):
        yield sum(outer in names for outer in _outer_names(info.name)), info


def _outer_names(name: str) -> list[str]:
    """Return ``a``, ``a.b`` and ``a.b.c`` for ``a.b.c``."""
    parts = name.split(".")
    return [".".join(parts[: end + 1]) for end in range(len(parts))]


def _positions(info: "LayerInfo") -> list[Any]:
    """Return the grid of the maps, and the size, step and first centre of the receptive field."""
    grid = "x".join(map(str, info.shape[1:]))
    if info.field is None:
        return [grid, "", "", ""]
    field = info.field.summary()
    return [grid, *("x".join(map(str, pair)) if isinstance(pair, list) else pair for pair in field.values())]


def print_table(header: list[str], rows: list[list[Any]]) -> None:
    """Print aligned columns, numbers to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column, name in enumerate(header):
        numbers = rows and all(isinstance(row[column], int | float) or row[column] == "" for row in rows)
        table.add_column(name, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(str, row))
    # A pipe has no width: its lines are as long as they need to be.
    width = None if sys.stdout.isatty() else 400
    console = Console(markup=False, highlight=False, emoji=False, width=width)
    console.print(table)
