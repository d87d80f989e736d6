"""The directory that a Broden is written to."""

from pathlib import Path

from netdissect.concepts.broden import TABLES
from netdissect.storage import check_target


def check_destination(out: Path, overwrite: bool) -> None:
    """Raise ``NetdissectError`` if ``out`` cannot take a Broden directory; ``overwrite`` allows to replace one.

    >>> check_destination(Path("."), overwrite=False)
    Traceback (most recent call last):
    netdissect.types.NetdissectError: .: exists already (--overwrite replaces a Broden directory)
    """
    check_target(out, overwrite=overwrite, markers=TABLES, what="a Broden directory")
