"""The command that puts results side by side."""

import json
from pathlib import Path
from typing import Annotated

import typer

from netdissect.cli.common import JsonOption, fail
from netdissect.cli.results import RunsArgument
from netdissect.printing import print_alignment, print_comparison
from netdissect.types import NetdissectError

compare_commands = typer.Typer()

#: Of the concepts that most networks detect, so many are shown unless others are asked for.
SHOWN_CONCEPTS = 6


@compare_commands.command(
    epilog="Example: netdissect compare runs/places runs/imagenet --published --out places-imagenet"
)
def compare(
    runs: RunsArgument,
    out: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Where to write the page; one that is there is replaced.", show_default=False),
    ],
    layer: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A layer of the runs; repeat for more. Default: all.")
    ] = None,
    published: Annotated[bool, typer.Option("--published", help="Put the paper's 27 networks beside them.")] = False,
    group: Annotated[
        list[str] | None,
        typer.Option(metavar="LABEL=A,B", help="Show networks under a label, by their names; repeat for more."),
    ] = None,
    iou: Annotated[float | None, typer.Option(help="Count all at this cut. Default: that of the first.")] = None,
    concepts: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Show each network's strongest units for these. Default: six they share."),
    ] = None,
    align: Annotated[
        str | None,
        typer.Option(
            metavar="units|activations",
            help="Follow each unit from the first to the second of two: by its number, or, where numbers mean nothing, "
            "matched by the correlation of maximal responses.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Puts runs and published tables side by side: unique detectors, what one detects and others lack, best units.

    With --align, what became of each unit: before and after fine-tuning, or in a run and the published table that it
    is to reproduce. Results that were measured differently, on other images or at another quantile, are kept apart, and
    said to be.
    """
    from netdissect.compare import align_results, compare_networks
    from netdissect.compare.comparison_page import comparison_sections
    from netdissect.pages.page import write_page
    from netdissect.progress import progress_bar
    from netdissect.results import open_result

    groups: dict[str, list[str]] = {}
    for label, names in map(_group, group or []):
        groups.setdefault(label, []).extend(names)
    results = [open_result(run) for run in runs]
    comparison = compare_networks(results, layers=layer or [], iou_threshold=iou, groups=groups, published=published)
    shown = (
        comparison.shared_concepts(SHOWN_CONCEPTS)
        if concepts is None
        else comparison.find_concepts([name.strip() for name in concepts.split(",")])
    )
    alignments = (
        align_results(results, layers=layer or [], by=align, iou_threshold=comparison.iou_threshold) if align else []
    )
    plain = comparison.plain() | ({"alignments": [one.summary() for one in alignments]} if align else {})
    try:
        with progress_bar(True) as bar:
            page = write_page(
                out,
                _title([result.name for result in results], published),
                comparison_sections(comparison, shown, results, alignments),
                notes=comparison.notes,
                data=plain,
                on_progress=bar,
            )
    except KeyboardInterrupt:
        fail("interrupted; nothing was written", 130)
    if as_json:
        print(json.dumps(plain))
    else:
        print_comparison(comparison)
        for alignment in alignments:
            print_alignment(alignment)
        print(f"page    {page}")


def _group(text: str) -> tuple[str, list[str]]:
    label, separator, names = text.partition("=")
    if not separator or not label.strip() or not names.strip():
        raise NetdissectError(f"--group {text!r}: LABEL=NAME,NAME")
    return label.strip(), [name.strip() for name in names.split(",")]


def _title(names: list[str], published: bool) -> str:
    named = " and ".join(names) if len(names) < 3 else f"{len(names)} networks side by side"
    return f"{named}, among the paper's networks" if published else named
