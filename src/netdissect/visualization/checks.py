"""What a caller asked for, told apart from what makes no sense; all raise ``NetdissectError``."""

import math
from collections.abc import Sequence
from typing import Any

from netdissect.types import NetdissectError
from netdissect.visualization.activations import Activations


def check_whole(what: str, value: Any, least: int) -> None:
    if not (isinstance(value, int) and value >= least):
        raise NetdissectError(f"{what} is a whole number of at least {least}, not {value!r}")


def check_number(what: str, value: Any, least: float | int) -> None:
    if not (isinstance(value, float | int) and least <= value < math.inf):
        raise NetdissectError(f"{what} is a number of at least {least}, not {value!r}")


def check_above(what: str, value: Any, bound: float | int) -> None:
    if not (isinstance(value, float | int) and bound < value < math.inf):
        raise NetdissectError(f"{what} is a number above {bound}, not {value!r}")


def check_choice(what: str, value: Any, choices: Sequence[str]) -> None:
    if value not in choices:
        raise NetdissectError(f"{what} is {' or '.join(choices)}, not {value!r}")


def check_units(activations: Activations, units: Sequence[int]) -> None:
    """At least one, each of which the layer has."""
    count = activations.view.shape[0]
    if not units:
        raise NetdissectError(f"layer {activations.name}: no unit is named")
    for unit in units:
        if not 0 <= unit < count:
            raise NetdissectError(f"layer {activations.name} has units 0 to {count - 1}, not {unit}")
