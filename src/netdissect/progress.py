"""The progress bar of a long job, and the seconds that its steps take."""

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
    """The seconds between the first and the last report of each step.

    >>> clock = Clock()
    >>> clock.around(lambda step, done, total: print(step, done, total))("images", 3, 3)
    images 3 3
    >>> list(clock.seconds())
    ['images']
    """

    def __init__(self) -> None:
        self._begun: dict[str, float] = {}
        self._ended: dict[str, float] = {}

    def around(self, on_progress: OnProgress) -> OnProgress:
        """Return a function that notes the time of each report, and passes the report on."""

        def timed(step: str, done: int, total: int) -> None:
            self._ended[step] = time.perf_counter()
            self._begun.setdefault(step, self._ended[step])
            on_progress(step, done, total)

        return timed

    def seconds(self) -> dict[str, float]:
        """Return the seconds of each step."""
        return {step: round(self._ended[step] - begun, 3) for step, begun in self._begun.items()}


class _Speed(ProgressColumn):
    """The column of images per second."""

    def render(self, task: Task) -> Text:
        """Return the speed of a step that counts images, else an empty text."""
        speed = task.finished_speed or task.speed
        if not speed or task.total is None or task.description not in PER_SECOND:
            return Text("")
        return Text(f"{speed:.0f} images/s" if speed >= 10 else f"{speed:.1f} images/s")


#: The steps that count images.
PER_SECOND = ("activations", "fitting bases", "concepts", "images", "label maps", "labels")


@contextmanager
def progress_bar(shown: bool) -> Iterator[OnProgress]:
    """Show a bar for each step on standard error while the block lasts: the amount done, the speed, the time left."""
    columns = (
        TextColumn("{task.description:<11}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Speed(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    progress = Progress(*columns, console=Console(stderr=True), disable=not shown)
    tasks: dict[str, Any] = {}

    def on_progress(step: str, done: int, total: int) -> None:
        if not tasks:
            progress.start()  # not before: it would leave an empty line if no step begins
        if step not in tasks:
            tasks[step] = progress.add_task(step, total=total, completed=done)
        progress.update(tasks[step], completed=done, total=total)

    try:
        yield on_progress
    finally:
        if tasks:
            progress.stop()
