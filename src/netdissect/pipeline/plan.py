"""What a run's result follows from, as plain data: so that only a run of the same is resumed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from netdissect.types import NetdissectError


def plan_of(about: Mapping[str, Any], layers: Sequence[str]) -> dict[str, Any]:
    """Of what is told of a run, all that its result follows from."""
    return {
        "model": {key: about["model"][key] for key in ("name", "weights_sha256")},
        "layers": list(layers),
        "data": {key: about["data"][key] for key in ("name", "fingerprint", "label_shape")},
        "options": dict(about["options"]),
        "versions": {key: about["versions"][key] for key in ("netdissect", "torch", "numpy", "pillow")},
    }


def check_same_plan(path: Path, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """Raises ``NetdissectError`` that tells how the plan of what is at ``path`` differs from ours."""
    told = []
    for part in here:
        pairs = [(part, there.get(part), here[part])]
        if isinstance(here[part], dict):
            pairs = [(f"{part} {key}", there.get(part, {}).get(key), value) for key, value in here[part].items()]
        told += [f"{what} is {old}, here {new}" for what, old, new in pairs if old != new]
    if told:
        raise NetdissectError(f"{path}: is another run, and is not resumed: {'; '.join(told)}")
