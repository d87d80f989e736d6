"""What a person sees of a long job, and how long its steps took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from netdissect.types import OnProgress


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


class _Speed(ProgressColumn):
    """Images per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        if not speed or task.total is None or task.description not in PER_SECOND:
            return Text("")
        return Text(f"{speed:.0f} images/s" if speed >= 10 else f"{speed:.1f} images/s")


#: What is done image by image.
PER_SECOND = ("activations", "fitting bases", "concepts", "images", "label maps", "labels")


@contextmanager
def progress_bar(shown: bool) -> Iterator[OnProgress]:
    """A bar per thing that is done, on standard error: how far it is, how fast, and how long it will take."""
    columns = (
        TextColumn("{task.description:<11}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Speed(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    progress = Progress(*columns, console=Console(stderr=True), disable=not shown)
    tasks: dict[str, Any] = {}

    def on_progress(doing: str, done: int, total: int) -> None:
        if not tasks:
            progress.start()  # not before: it would leave an empty line where nothing is begun
        if doing not in tasks:
            tasks[doing] = progress.add_task(doing, total=total, completed=done)
        progress.update(tasks[doing], completed=done, total=total)

    try:
        yield on_progress
    finally:
        if tasks:
            progress.stop()
