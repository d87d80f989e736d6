"""The command that puts results side by side."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from netdissect.cli.common import JsonOption, fail
from netdissect.cli.results import RunsArgument
from netdissect.printing import print_alignment, print_comparison
from netdissect.types import NetdissectError

compare_commands = typer.Typer()


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
    match: Annotated[
        str | None,
        typer.Option(
            metavar="units|activations",
            help="Follow each unit from the first to the second of two: by its number, or, where numbers mean nothing, "
            "matched by the correlation of maximal responses.",
        ),
    ] = None,
    align: Annotated[str | None, typer.Option(hidden=True, help="The former name of --match.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Puts runs and published tables side by side: unique detectors, what one detects and others lack, best units.

    With --match, what became of each unit: before and after fine-tuning, or in a run and the published table that it
    is to reproduce. Results that were measured differently, on other images or at another quantile, are kept apart, and
    said to be.
    """
    from netdissect.compare.comparison_page import write_comparison
    from netdissect.progress import progress_bar
    from netdissect.results import open_result

    if align is not None:
        print("netdissect: --align is called --match now", file=sys.stderr)
    groups: dict[str, list[str]] = {}
    for label, names in map(_group, group or []):
        groups.setdefault(label, []).extend(names)
    try:
        with progress_bar(True) as bar:
            written = write_comparison(
                [open_result(run) for run in runs],
                out,
                layers=layer or [],
                iou_threshold=iou,
                groups=groups,
                published=published,
                concepts=None if concepts is None else [name.strip() for name in concepts.split(",")],
                match=align if match is None else match,
                on_progress=bar,
            )
    except KeyboardInterrupt:
        fail("interrupted; nothing was written", 130)
    if as_json:
        print(json.dumps(written.plain()))
    else:
        print_comparison(written.comparison)
        for alignment in written.alignments:
            print_alignment(alignment)
        print(f"page    {written.page}")


def _group(text: str) -> tuple[str, list[str]]:
    label, separator, names = text.partition("=")
    if not separator or not label.strip() or not names.strip():
        raise NetdissectError(f"--group {text!r}: LABEL=NAME,NAME")
    return label.strip(), [name.strip() for name in names.split(",")]
