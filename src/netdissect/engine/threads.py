"""Dividing torch's work among threads."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from netdissect.parallel import MOST_WORKERS


def all_cores() -> int:
    """Return the number of threads for work that has the machine to itself: as many as torch uses, up to a limit."""
    return min(MOST_WORKERS, torch.get_num_threads())


@contextmanager
def one_thread_per_operation() -> Iterator[None]:
    """Run torch's operations in one thread each, for threads begun within: several of them work side by side.

    >>> with one_thread_per_operation():
    ...     torch.get_num_threads()
    1
    """
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        yield
    finally:
        torch.set_num_threads(threads)
