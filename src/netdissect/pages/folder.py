"""A folder of pages that appears whole, and replaces only its own kind."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from netdissect.storage import check_place, staged, write_text
from netdissect.types import NetdissectError

#: The file that lists all others, by which a folder of pages is known.
_LIST = "files.txt"

#: What systems leave in folders that are looked at.
_LEFT_BY_SYSTEMS = (".DS_Store", "Thumbs.db", "desktop.ini")


@contextmanager
def folder_of_pages(out: Path, *, marker: str, what: str) -> Iterator[Path]:
    """A directory to write ``what`` in, which takes the place of ``out`` when the block ends well.

    One that is there, known by its file ``marker``, is replaced. Raises ``NetdissectError`` if ``out`` holds anything
    else or cannot be written.
    """
    place = check_folder(out, marker=marker, what=what)
    with staged(place, None) as stage:
        yield stage
        written = sorted(path.relative_to(stage).as_posix() for path in stage.rglob("*") if path.is_file())
        write_text(stage / _LIST, "\n".join(written) + "\n")


def check_folder(out: Path, *, marker: str, what: str) -> Path:
    """Where ``folder_of_pages`` writes; raises what it does about ``out``, so that this can be told before the work."""
    out = out.resolve()  # through links, and not by what the working directory is then
    check_place(out, overwrite=True, markers=[_LIST, marker], what=what)
    if not out.is_dir():
        return out
    if out == Path.cwd():
        raise NetdissectError(f"{out}: is the working directory, which cannot be replaced; name a folder in it")
    if any(out.iterdir()):
        ours = {*(out / _LIST).read_text(encoding="utf-8", errors="replace").splitlines(), _LIST}
        found = (path for path in out.rglob("*") if not path.is_dir() and path.name not in _LEFT_BY_SYSTEMS)
        others = sorted(name for path in found if (name := path.relative_to(out).as_posix()) not in ours)
        if others:
            raise NetdissectError(f"{out}: holds more than {what}, which would be lost: {', '.join(others[:3])}")
    return out


def write_static(stage: Path, names: Sequence[str]) -> None:
    """Copies styles and scripts, by their names in ``static/``."""
    (stage / "static").mkdir()
    for name in names:
        source = files("netdissect.pages").joinpath("static", name)
        (stage / "static" / name).write_bytes(source.read_bytes())


def templates() -> Environment:
    """The markup that stands still."""
    return Environment(
        loader=PackageLoader("netdissect.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
