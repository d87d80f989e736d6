"""Results and tables as text on standard output."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netdissect.results import LayerResult, Result

#: How many of a layer's units a summary names.
BEST_SHOWN = 10


def print_summary(result: "Result") -> None:
    """The counts of each layer, its detectors and best units, and the notes of the run."""
    model, data = result.about["model"], result.about["data"]
    print(f"{result.name}: {model['name']} on {data['images']} images of {data['name']}")
    for layer in result.layers.values():
        _print_layer(layer)
    for note in result.notes:
        print(f"\nnote: {note}")
    print()


def _print_layer(layer: "LayerResult") -> None:
    counts = layer.summary()
    by_label, by_category = counts["by_label"], counts["by_category"]
    print(f"\n{layer.layer}: {counts['units']} units, IoU > {counts['iou_threshold']:g}")
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
        [row.unit, row.concept, row.category, f"{row.iou:.3f}", f"{row.iou_ceiling:.2f}"]
        for row in layer.labels.head(BEST_SHOWN).itertuples()
    ]
    print_table(["unit", "concept", "category", "IoU", "ceiling"], best)


def print_table(header: list[str], rows: list[list[Any]]) -> None:
    """Aligned columns; numbers to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for place, name in enumerate(header):
        numbers = rows and all(isinstance(row[place], int | float) or row[place] == "" for row in rows)
        table.add_column(name, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(str, row))
    console = Console(markup=False, highlight=False, emoji=False)
    # A pipe has no width: lines there are as long as they need to be.
    console.print(table, width=None if console.is_terminal else 400)
