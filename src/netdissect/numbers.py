"""Checks of values that a caller gives, which return them in plain types."""

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

from netdissect.types import NetdissectError


def whole_number(value: Any, what: str, least: int = 1) -> int:
    """Return ``value``, of any integer type, as an int of at least ``least``; ``what`` names it in an error.

    >>> whole_number(8, "batch size")
    8
    >>> whole_number(0, "batch size")
    Traceback (most recent call last):
    netdissect.types.NetdissectError: the batch size is at least 1, not 0
    """
    try:
        count = operator.index(value)
    except TypeError:
        raise NetdissectError(f"the {what} is a whole number, not {value!r}") from None
    if count < least:
        raise NetdissectError(f"the {what} is at least {least}, not {count}")
    return count


def real_number(value: Any, what: str) -> float:
    """Return ``value``, of any type of number, as a float.

    >>> real_number(1, "quantile")
    1.0
    """
    try:
        return float(value)
    except (TypeError, ValueError):
        raise NetdissectError(f"the {what} is a number, not {value!r}") from None


def number_above(value: Any, what: str, bound: int, *, or_equal: bool = False) -> float:
    """Return ``value`` as a finite float above ``bound``, or equal to it if ``or_equal``.

    >>> number_above(0, "weight l2", 0, or_equal=True)
    0.0
    """
    number = real_number(value, what)
    if not (bound < number < math.inf or (or_equal and number == bound)):
        least = f"at least {bound}" if or_equal else f"above {bound}"
        raise NetdissectError(f"the {what} is a finite number {least}, not {value!r}")
    return number


def whole(what: str, least: int = 1) -> Callable[[Any], int]:
    """Return a converter of an attrs field: ``whole_number`` of ``what``."""
    return lambda value: whole_number(value, what, least)


def above(what: str, bound: int, *, or_equal: bool = False) -> Callable[[Any], float]:
    """Return a converter of an attrs field: ``number_above`` of ``what``."""
    return lambda value: number_above(value, what, bound, or_equal=or_equal)


def chosen(what: str, known: Sequence[Any]) -> Callable[[Any], Any]:
    """Return a converter of an attrs field that takes nothing but the values ``known``.

    >>> chosen("alignment", ["receptive", "stretch"])("centre")
    Traceback (most recent call last):
    netdissect.types.NetdissectError: no alignment 'centre': it is receptive or stretch
    """

    def convert(value: Any) -> Any:
        if value not in known:
            raise NetdissectError(f"no {what} {value!r}: it is {' or '.join(map(str, known))}")
        return value

    return convert
