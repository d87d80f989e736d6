"""What a run tells of a layer, in words."""

from collections.abc import Mapping, Sequence
from typing import Any

_THINGS = {"nuhw": "maps", "nhwu": "maps, units last", "ntu": "tokens", "nu": "vectors"}


def layer_in_words(told: Mapping[str, Any]) -> str:
    """One line on how a layer's output is laid out, and how its maps lie on images; ``told`` is a run's plain data."""
    parts = [f"{told['type']}: {_THINGS[told['layout']]}"]
    if told["layout"] != "nu":
        parts[0] += f" of {_by(told['shape'][1:])}"
    if "basis" in told:
        parts.append(basis_in_words(told["basis"]))
    if told["layout"] == "nu":
        return "; ".join(parts)
    if told["tokens_left_out"]:
        count = len(told["tokens_left_out"])
        parts.append(f"{count} {'token' if count == 1 else 'tokens'} of no position left out")
    if told["field"] is not None:
        field = told["field"]
        first = [field["rows"][0], field["columns"][0]]
        parts.append(
            f"receptive field {_pixels(field['size'])}, step {_pixels(field['step'])}, first centre {_pixels(first)}"
        )
    if told["align"] == "stretch":
        parts.append("stretched over the image")
    return "; ".join(parts)


def basis_in_words(basis: Mapping[str, Any] | None) -> str:
    """Which directions units are."""
    if basis is None:
        return "channels"
    if basis["kind"] == "rotation":
        return f"rotated by {basis['amount']:.10g} of the rotation of seed {basis['seed']}"
    if basis["kind"] == "components":
        return "in the basis of its principal components"
    return f"in the basis of {basis['name']}"


def _pixels(pair: Sequence[float]) -> str:
    height, width = (f"{number:.6g}" for number in pair)
    return f"{height} px" if height == width else f"{height}x{width} px"


def _by(lengths: Sequence[int]) -> str:
    return "x".join(map(str, lengths))
