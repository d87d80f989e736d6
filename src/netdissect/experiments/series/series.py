"""A series as callers see it: its data, and its page."""

from pathlib import Path

from netdissect.experiments.series.data import SeriesData
from netdissect.types import OnProgress, no_progress


class Series(SeriesData):
    """The results of the same layers at several steps of a training, in the order of the steps."""

    def write_page(self, out: str | Path, *, on_progress: OnProgress = no_progress) -> Path:
        """Write a page of the series to the directory ``out``, whole, and return its path; a page there is replaced.

        The page shows how many unique detectors there are over the steps, when each concept is first detected, and
        what becomes of the units, some with their images. Raises ``NetdissectError``.
        """
        from netdissect.experiments.series.page import write_series_page  # here, since matplotlib takes a second

        return write_series_page(self, out, on_progress)
