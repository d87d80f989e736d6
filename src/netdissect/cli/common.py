"""What several commands share."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer

from netdissect.types import NetdissectError

Number = TypeVar("Number", int, float)

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON value and nothing else.")]


def read_size(text: str) -> tuple[int, int]:
    """Height and width."""
    height, separator, width = text.partition("x")
    if not height.isdecimal() or (separator and not width.isdecimal()):
        raise NetdissectError(f"--size {text!r}: a number of pixels, or HEIGHTxWIDTH")
    return (int(height), int(width or height))


def read_numbers(text: str, option: str, expected: str, kind: Callable[[str], Number]) -> list[Number]:
    """Numbers with commas between; ``expected`` says in an error what they are to be."""
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError:
        raise NetdissectError(f"{option} {text!r}: {expected}") from None


def interrupted(out: Path) -> NoReturn:
    """Ends a command that was stopped while it wrote to ``out``."""
    from netdissect.storage import unfinished_folder  # here, since --help needs no arrays

    kept = unfinished_folder(out).exists()
    fail(f"interrupted; {'--resume goes on with what is finished' if kept else 'nothing was written'}", 130)


def fail(message: str, status: int) -> NoReturn:
    print(f"netdissect: {message}", file=sys.stderr)
    sys.exit(status)
