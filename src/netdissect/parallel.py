"""Work done ahead by threads, with results in order."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

#: The most threads that work side by side: each takes memory.
MOST_WORKERS = 8

Item = TypeVar("Item")
Found = TypeVar("Found")


def in_order(
    function: Callable[[Item], Found], items: Iterable[Item], workers: int, ahead: int
) -> Iterator[tuple[Item, Found]]:
    """Yield each item with the result of ``function``, computed by ``workers`` threads at most ``ahead`` items early.

    With 0 workers the caller's own thread computes each result when it is asked for. An error of ``function`` is raised
    at its item.

    >>> list(in_order(lambda number: number**2, [3, 1, 2], workers=2, ahead=2))
    [(3, 9), (1, 1), (2, 4)]
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
    """Return the number of threads for reading files without other work: one per core, at most ``MOST_WORKERS``.

    >>> 1 <= reading_threads() <= MOST_WORKERS
    True
    """
    return min(MOST_WORKERS, os.cpu_count() or 1)
