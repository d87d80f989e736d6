"""Work on chunks of images in several processes."""

import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from netdissect.broden.building.work import Job
from netdissect.storage import not_writable
from netdissect.types import NetdissectError

#: The job of this process, if it works for another process.
_given: list[Job] = []

#: The file in the job's folder that hands it over. Through a pipe, processes would get it one after the other.
_JOB = "job.pickle"


class Workers:
    """Processes that work on the chunks of a job's images, until the end of a ``with``.

    Threads would not do, since MATLAB files are parsed in Python, one thread at a time. With little work or one worker,
    this process does the work itself.
    """

    def __init__(self, job: Job, count: int) -> None:
        self._job = job
        count = min(count, len(job.chunks) // 2)
        # A fork would copy locks that this process's threads hold.
        context = multiprocessing.get_context("spawn")
        self._pool = None
        if count > 1:
            path = job.folder / _JOB
            try:
                path.write_bytes(pickle.dumps(job))
            except OSError as error:
                raise not_writable(path, error) from error
            self._pool = ProcessPoolExecutor(count, mp_context=context, initializer=_begin, initargs=(path,))

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def each(self, function: Callable[..., Any], chunks: Sequence[int], *arguments: Any) -> Iterator[tuple[int, Any]]:
        """Yield each chunk with ``function(job, chunk, *arguments)``, in order. Raises its errors."""
        if self._pool is None:
            yield from ((chunk, function(self._job, chunk, *arguments)) for chunk in chunks)
            return
        chunk = next(iter(chunks), 0)
        try:
            with _no_interrupts():  # new processes inherit this: Ctrl-C is for this process alone
                futures = [self._pool.submit(_call, function, chunk, arguments) for chunk in chunks]
            for chunk, future in zip(chunks, futures, strict=True):
                yield chunk, future.result()
        except BrokenProcessPool as error:
            first = self._job.names[self._job.items(chunk)[0]]
            raise NetdissectError(
                f"a worker process died, at {first} or soon after: out of memory, or a file that crashes its reader? "
                "--resume goes on with what is finished, with --workers 1 in one process. (A script must guard it "
                "by if __name__ == '__main__'.)"
            ) from error


def core_count() -> int:
    """Return the number of cores that this process may use.

    >>> core_count() >= 1
    True
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _no_interrupts() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may choose
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def _begin(path: Path) -> None:
    _given.append(pickle.loads(path.read_bytes()))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # the parent was killed, and needs no results


def _call(function: Callable[..., Any], chunk: int, arguments: tuple[Any, ...]) -> Any:
    return function(_given[0], chunk, *arguments)
