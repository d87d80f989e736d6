"""Dividing torch's work among threads."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from netdissect.parallel import MOST_WORKERS


def all_cores() -> int:
    """Threads for work that has the machine to itself: as many as torch uses, at most ``MOST_WORKERS``."""
    return min(MOST_WORKERS, torch.get_num_threads())


@contextmanager
def one_thread_per_operation() -> Iterator[None]:
    """For threads begun within, torch's operations are not divided among further threads: several work already."""
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        yield
    finally:
        torch.set_num_threads(threads)
