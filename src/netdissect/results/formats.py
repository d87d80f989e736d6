"""The versions of a run's format on disk, and the readers of older ones."""

from collections.abc import Mapping
from typing import Any

from netdissect.results.description import RunDescription

#: The words of bases in format 5, by kind.
_BASIS_WORDS = {
    "rotation": "rotated by {amount:.10g} of the rotation of seed {seed}",
    "components": "in the basis of its principal components",
    "matrix": "in the basis of {name}",
}


def description_from_format_5(about: Mapping[str, Any]) -> RunDescription:
    """Return the description that ``about`` of ``run.json`` holds in format 5."""
    options = about.get("options")
    plain = {
        "network": about["model"],
        "data": about["data"],
        "layers": {name: _layer_from_format_5(layer) for name, layer in about.get("layers", {}).items()},
        "settings": options,
        "looks": (options or {}).get("visualize"),
    }
    kept = ("versions", "notes", "timings", "table")
    plain["fitted"] = about.get("components", {})
    return RunDescription.from_plain({**plain, **{name: about[name] for name in kept if name in about}})


def _layer_from_format_5(layer: Mapping[str, Any]) -> dict[str, Any]:
    if "basis" not in layer:
        return dict(layer)
    basis = layer["basis"]
    return {**layer, "basis": {**basis, "words": _BASIS_WORDS[basis["kind"]].format_map(basis)}}
