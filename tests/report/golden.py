"""The plain data of the tiny run's report, kept to be compared with.

uv run python -m tests.report.golden    writes them anew: look at the difference before it is committed
"""

import json
from pathlib import Path

from netdissect.report.content import ReportContent
from tests.report.results import tiny_result

FOLDER = Path(__file__).parent / "golden"


def golden_data(result):
    """By file name all plain data of a report of ``result``."""
    pages = ReportContent([result])
    stored = list(pages.images.stored())
    data = {"front.json": pages.front(), "concepts.json": list(pages.concepts(stored))}
    return data | {f"units-{layer}-{chunk}.json": units for layer, chunk, units in pages.chunks(stored)}


def as_text(data):
    return json.dumps(data, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, data in golden_data(tiny_result()).items():
        (FOLDER / name).write_text(as_text(data))
