"""Commands that read runs."""

import json
from pathlib import Path
from typing import Annotated

import typer

from netdissect.cli.common import JsonOption, fail
from netdissect.printing import print_summary
from netdissect.types import NetdissectError

result_commands = typer.Typer()

RunsArgument = Annotated[list[Path], typer.Argument(metavar="RUN...", help="Directories of runs.", show_default=False)]


@result_commands.command(epilog="Example: netdissect summary runs/resnet18 --json")
def summary(runs: RunsArgument, as_json: JsonOption = False) -> None:
    """Prints how many detectors, and of how many concepts, each layer of a run has."""
    from netdissect.results import Result

    results = [Result.load(run) for run in runs]
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
    from netdissect.results import Result

    if out is None:
        if len(runs) > 1:
            raise NetdissectError("a report of several runs: say where to write it (--out DIR)")
        out = runs[0] / "report"
    try:
        with progress_bar(True) as bar:
            path = write_report([Result.load(run) for run in runs], out, on_progress=bar)
    except KeyboardInterrupt:
        fail("interrupted; nothing was written", 130)
    print(path)
