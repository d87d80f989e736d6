"""Commands that read runs and tables of units."""

import json
from pathlib import Path
from typing import Annotated

import typer

from netdissect.cli.common import JsonOption, fail
from netdissect.printing import print_summary
from netdissect.types import NetdissectError

result_commands = typer.Typer()

RunsArgument = Annotated[
    list[Path],
    typer.Argument(
        metavar="RUN_OR_CSV...",
        help="Directories of runs, and tables of units (CSV) as the method's authors publish them.",
        show_default=False,
    ),
]


@result_commands.command(epilog="Example: netdissect summary runs/resnet18 --json")
def summary(runs: RunsArgument, as_json: JsonOption = False) -> None:
    """Prints how many detectors, and of how many concepts, each layer has."""
    from netdissect.results import open_result

    results = [open_result(run) for run in runs]
    if as_json:
        print(json.dumps({"runs": [result.summary() for result in results]}))
        return
    for result in results:
        print_summary(result)


@result_commands.command(epilog="Example: netdissect report runs/resnet18 runs/alexnet --out both")
def report(
    runs: RunsArgument,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where to write it; a report that is there is replaced. Default: the folder 'report' of the one run.",
        ),
    ] = None,
) -> None:
    """Writes the report of one run, or of several side by side, from what these have saved.

    It is a folder of pages, to be opened from disk or passed on: counts and figures at any cut, the units with their
    top images, a page per concept.
    """
    from netdissect.progress import progress_bar
    from netdissect.report import write_report
    from netdissect.results import open_result

    if out is None:
        if len(runs) > 1 or runs[0].is_file():
            raise NetdissectError("a report of several runs, or of a table: say where to write it (--out DIR)")
        out = runs[0] / "report"
    try:
        with progress_bar(True) as bar:
            path = write_report([open_result(run) for run in runs], out, on_progress=bar)
    except KeyboardInterrupt:
        fail("interrupted; nothing was written", 130)
    print(path)


@result_commands.command(epilog="Example: netdissect export runs/resnet18 --format csv")
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The directory of a run.", show_default=False)],
    form: Annotated[
        str, typer.Option("--format", metavar="csv", help="csv: tables of units as the method's authors publish them.")
    ] = "csv",
    layer: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A layer of the run; repeat for more. Default: all.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|DIR",
            help="A file, for one layer, or a directory of <layer>.csv. Default: the folder 'csv' of the run.",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
) -> None:
    """Writes tables of a run's units, a file per layer, that 'summary', 'report' and 'compare' read as they read runs.

    A row per unit, counted from 1: its concept and IoU, and per category the best concept with its pixel counts.
    """
    from netdissect.results import Result, table_files, write_table

    if form != "csv":
        raise NetdissectError(f"--format {form!r}: csv is the only one")
    if run.is_file():
        raise NetdissectError(f"{run}: is no run but a file; tables are made of runs")
    result = Result.load(run)
    files = table_files(result, layer or list(result.layers), run / "csv" if out is None else out)
    taken = [file for file in files.values() if file.exists()]
    if taken and not overwrite:
        raise NetdissectError(f"{taken[0]}: exists already (--overwrite replaces it)")
    for name, file in files.items():
        write_table(result, name, file)
        print(file)
