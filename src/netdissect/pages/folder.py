"""Folders of pages, which appear whole and replace only folders of their kind."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from netdissect.storage import check_target, staged, write_text
from netdissect.types import NetdissectError

#: The file that lists all others, by which a folder of pages is known.
_LIST = "files.txt"

#: Files that operating systems leave in folders.
_LEFT_BY_SYSTEMS = (".DS_Store", "Thumbs.db", "desktop.ini")


@contextmanager
def folder_of_pages(out: Path, *, marker: str, what: str) -> Iterator[Path]:
    """Give a directory to write ``what`` to, which becomes ``out`` when the block ends without an error.

    A directory ``out`` with the file ``marker`` is replaced. Raises ``NetdissectError`` if ``out`` holds anything else
    or cannot be written.
    """
    target = check_folder(out, marker=marker, what=what)
    with staged(target, None) as stage:
        yield stage
        written = sorted(path.relative_to(stage).as_posix() for path in stage.rglob("*") if path.is_file())
        write_text(stage / _LIST, "\n".join(written) + "\n")


def check_folder(out: Path, *, marker: str, what: str) -> Path:
    """Return the directory that ``folder_of_pages`` writes, or raise its error about ``out``, before long work."""
    out = out.resolve()  # through links, and not by what the working directory is then
    check_target(out, overwrite=True, markers=[_LIST, marker], what=what)
    if not out.is_dir():
        return out
    if out == Path.cwd():
        raise NetdissectError(f"{out}: is the working directory, which cannot be replaced; name a folder in it")
    if any(out.iterdir()):
        own = {*(out / _LIST).read_text(encoding="utf-8", errors="replace").splitlines(), _LIST}
        found = (path for path in out.rglob("*") if not path.is_dir() and path.name not in _LEFT_BY_SYSTEMS)
        others = sorted(name for path in found if (name := path.relative_to(out).as_posix()) not in own)
        if others:
            raise NetdissectError(f"{out}: holds more than {what}, which would be lost: {', '.join(others[:3])}")
    return out


def write_static(stage: Path, names: Sequence[str]) -> None:
    """Copy styles and scripts from ``static/``, by their names."""
    (stage / "static").mkdir()
    for name in names:
        source = files("netdissect.pages").joinpath("static", name)
        (stage / "static" / name).write_bytes(source.read_bytes())


def templates() -> Environment:
    """Return the templates of all pages."""
    return Environment(
        loader=PackageLoader("netdissect.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
