"""Helpers that several commands share."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer

from netdissect.types import NetdissectError

Number = TypeVar("Number", int, float)

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON value and nothing else.")]


def read_size(text: str) -> tuple[int, int]:
    """Return the height and width that a text names.

    >>> read_size("224"), read_size("64x48")
    ((224, 224), (64, 48))
    """
    height, separator, width = text.partition("x")
    if not height.isdecimal() or (separator and not width.isdecimal()):
        raise NetdissectError(f"--size {text!r}: a number of pixels, or HEIGHTxWIDTH")
    return (int(height), int(width or height))


def read_numbers(text: str, option: str, expected: str, kind: Callable[[str], Number]) -> list[Number]:
    """Return the numbers in a text with commas between; ``expected`` describes them in an error.

    >>> read_numbers("0.5,1", "--amounts", "numbers, with commas between", float)
    [0.5, 1.0]
    """
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError:
        raise NetdissectError(f"{option} {text!r}: {expected}") from None


def read_names(text: str) -> list[str]:
    """Return the names in a text with commas between.

    >>> read_names("object, part")
    ['object', 'part']
    """
    return [name.strip() for name in text.split(",") if name.strip()]


def interrupted(out: Path) -> NoReturn:
    """End a command that was stopped while it wrote to ``out``."""
    from netdissect.storage import unfinished_folder  # here, since --help needs no arrays

    kept = unfinished_folder(out).exists()
    fail(f"interrupted; {'--resume goes on with what is finished' if kept else 'nothing was written'}", 130)


def fail(message: str, status: int) -> NoReturn:
    print(f"netdissect: {message}", file=sys.stderr)
    sys.exit(status)
