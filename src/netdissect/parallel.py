"""Work done by threads ahead of the one that wants the results, which come in order."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

#: Threads, at most, that work side by side: each takes memory.
MOST_WORKERS = 8

Item = TypeVar("Item")
Found = TypeVar("Found")


def in_order(
    function: Callable[[Item], Found], items: Iterable[Item], workers: int, ahead: int
) -> Iterator[tuple[Item, Found]]:
    """Each item with what ``function`` makes of it, by ``workers`` threads, at most ``ahead`` items early.

    With 0 workers the caller's own thread does it, when asked. What ``function`` raises is raised at its item.
    """
    if not workers:
        yield from ((item, function(item)) for item in items)
        return
    waiting: deque[tuple[Item, Future[Found]]] = deque()
    left = iter(items)
    with ThreadPoolExecutor(workers, thread_name_prefix="netdissect") as threads:
        try:
            for item in islice(left, ahead):
                waiting.append((item, threads.submit(function, item)))
            while waiting:
                item, future = waiting.popleft()
                yield item, future.result()
                for following in islice(left, 1):
                    waiting.append((following, threads.submit(function, following)))
        finally:
            threads.shutdown(wait=True, cancel_futures=True)


def background_threads() -> int:
    """Return half as many threads as there are cores, at most ``MOST_WORKERS``: the network needs the rest.

    >>> 1 <= background_threads() <= MOST_WORKERS
    True
    """
    return min(MOST_WORKERS, max(1, (os.cpu_count() or 1) // 2))


def reading_threads() -> int:
    """Threads for reading files when nothing else is done: one per core, at most ``MOST_WORKERS``."""
    return min(MOST_WORKERS, os.cpu_count() or 1)
