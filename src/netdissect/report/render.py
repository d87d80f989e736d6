"""From plain data to one HTML file that holds all it shows."""

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from netdissect.report.pages import page_data
from netdissect.results import Result
from netdissect.types import NetdissectError, one_line


def write_report(result: Result, out: str | Path) -> Path:
    """Writes ``index.html`` into the directory ``out`` and returns its path.

    The page needs no other file, no server and no network. Raises ``NetdissectError`` if it cannot be written.
    """
    environment = Environment(
        loader=PackageLoader("netdissect.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html").render(page_data(result))
    path = Path(out) / "index.html"
    beside = path.with_name(".index.html.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(page, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise NetdissectError(f"{path}: cannot be written: {one_line(error)}") from error
    return path
