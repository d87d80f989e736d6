"""What a person sees of a long job, and how long its steps took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from netdissect.engine.measure import OnProgress


class Clock:
    """Seconds spent on each of the things that report progress."""

    def __init__(self) -> None:
        self._begun: dict[str, float] = {}
        self._ended: dict[str, float] = {}

    def around(self, on_progress: OnProgress) -> OnProgress:
        def timed(doing: str, done: int, total: int) -> None:
            self._ended[doing] = time.perf_counter()
            self._begun.setdefault(doing, self._ended[doing])
            on_progress(doing, done, total)

        return timed

    def seconds(self) -> dict[str, float]:
        return {doing: round(self._ended[doing] - begun, 3) for doing, begun in self._begun.items()}


@contextmanager
def progress_bar(shown: bool) -> Iterator[OnProgress]:
    """A bar per thing that is done, on standard error."""
    columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as progress:
        tasks: dict[str, Any] = {}

        def on_progress(doing: str, done: int, total: int) -> None:
            if doing not in tasks:
                tasks[doing] = progress.add_task(doing, total=total)
            progress.update(tasks[doing], completed=done, total=total)

        yield on_progress
