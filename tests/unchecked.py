"""Types are checked in all that the tests call, which makes drawing and watching ten times as slow."""

from collections.abc import Iterator
from contextlib import contextmanager

from jaxtyping import config


@contextmanager
def unchecked_types() -> Iterator[None]:
    """For what other tests call with types checked."""
    checks = config.jaxtyping_disable
    config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        config.update("jaxtyping_disable", checks)
