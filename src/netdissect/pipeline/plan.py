"""What a run's result follows from, as plain data: so that only a run of the same is resumed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netdissect.types import NetdissectError


def plan_of(about: Mapping[str, Any]) -> dict[str, Any]:
    """Of what is told of a run, all that its counts follow from: pictures of units are made of these."""
    return {
        "model": {key: about["model"][key] for key in ("name", "arguments", "weights_sha256")},
        "layers": dict(about["layers"]),
        "data": {key: about["data"][key] for key in ("name", "fingerprint", "label_shape")},
        "options": {name: value for name, value in about["options"].items() if name != "visualize"},
        "versions": {key: about["versions"][key] for key in ("netdissect", "torch", "numpy", "pillow")},
    }


def check_same_plan(path: Path, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """Raises ``NetdissectError`` that tells how the plan of what is at ``path`` differs from ours."""
    told = []
    for part in here:
        before, now = there.get(part, {}), here[part]
        for key in dict.fromkeys([*before, *now]):
            if key not in before or key not in now:
                told.append(f"{part} {key} is only {'here' if key in now else 'there'}")
            elif before[key] != now[key]:
                # Of a layer there is much to tell.
                what = "is another" if part == "layers" else f"is {before[key]}, here {now[key]}"
                told.append(f"{part} {key} {what}")
    if told:
        raise NetdissectError(f"{path}: is another run, and is not resumed: {'; '.join(told)}")
