"""The command line: parse, call, print. Torch is imported by the commands that need it, so that --help is quick."""

import sys
from io import TextIOWrapper

import typer

from netdissect.cli.common import fail
from netdissect.cli.compare import compare_commands
from netdissect.cli.data import broden_commands, data_commands
from netdissect.cli.results import result_commands
from netdissect.cli.rotate import rotate_commands
from netdissect.cli.runs import run_commands
from netdissect.cli.series import series_commands
from netdissect.cli.visualize import visualize_commands
from netdissect.types import NetdissectError, one_line

app = typer.Typer(
    name="netdissect",
    help="Names the units of a vision network by the concepts they respond to (Network Dissection, CVPR 2017).",
    epilog="Start with 'netdissect demo'. --debug anywhere shows the traceback of an error.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(run_commands)
app.add_typer(visualize_commands)
app.add_typer(rotate_commands)
app.add_typer(series_commands)
app.add_typer(result_commands)
app.add_typer(compare_commands)
app.add_typer(data_commands)
app.add_typer(broden_commands, name="broden")


def main() -> None:
    """The entry point: one line and exit status 2 for an error of the user's or the data's."""
    debug = "--debug" in sys.argv
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of concepts and files may not be in its alphabet
    try:
        app(args=[argument for argument in sys.argv[1:] if argument != "--debug"], prog_name="netdissect")
    except NetdissectError as error:
        if debug:
            raise
        fail(str(error), 2)
    except Exception as error:  # a fault of ours, or a full disk: still one line
        if debug:
            raise
        fail(f"{type(error).__name__}: {one_line(error)} (--debug shows where)", 2 if isinstance(error, OSError) else 1)
