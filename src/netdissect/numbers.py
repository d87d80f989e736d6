"""Numbers that a caller gives, checked and in plain types."""

import math
import operator

from netdissect.types import NetdissectError


def whole_number(value: int, what: str, least: int = 1) -> int:
    """``value``, of any integer type, as an int of at least ``least``."""
    try:
        count = operator.index(value)
    except TypeError:
        raise NetdissectError(f"the {what} is a whole number, not {value!r}") from None
    if count < least:
        raise NetdissectError(f"the {what} is at least {least}, not {count}")
    return count


def real_number(value: float | int, what: str) -> float:
    """``value``, of any type of number, as a float."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise NetdissectError(f"the {what} is a number, not {value!r}") from None


def number_above(value: float | int, what: str, bound: int, *, or_equal: bool = False) -> float:
    """``value`` as a finite float above ``bound``, or that itself if ``or_equal``."""
    number = real_number(value, what)
    if not (bound < number < math.inf or (or_equal and number == bound)):
        least = f"at least {bound}" if or_equal else f"above {bound}"
        raise NetdissectError(f"the {what} is a finite number {least}, not {value!r}")
    return number
