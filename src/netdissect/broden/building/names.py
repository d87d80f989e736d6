"""Names of source labels: one spelling, and no names that would confuse different things."""

import re
from collections.abc import Sequence
from types import MappingProxyType

from netdissect.concepts.find import SUFFIXES

#: For each name, other names that a label of this name does not get, since they mean other things as well: a flowerpot
#: is not called a pot. From the merge of the published Broden.
CONFUSING = MappingProxyType(
    {
        "basketball hoop": ("hoop",),
        "bicycle": ("wheel",),
        "blanket": ("cover",),
        "brochure": ("folder",),
        "bus": ("passenger vehicle",),
        "car": ("machine",),
        "carapace": ("shield",),
        "cellular phone": ("cell",),
        "chest of drawers": ("chest",),
        "closet": ("press",),
        "computer mouse": ("mouse",),
        "curtain": ("mantle",),
        "exhaust hood": ("hood",),
        "fabric": ("material",),
        "file cabinet": ("file",),
        "filing cabinet": ("file",),
        "fire hydrant": ("plug",),
        "flowerpot": ("pot",),
        "handbag": ("bag",),
        "land": ("soil",),
        "lighthouse": ("beacon",),
        "paper": ("tissue",),
        "paper towel": ("tissue",),
        "poster": ("card", "bill"),
        "sidewalk": ("pavement",),
        "steering wheel": ("wheel",),
        "toilet": ("throne", "can"),
    }
)

#: A body part with its owner and side, which are dropped.
_BODY_PART = re.compile(
    r"(?:(?:left|right|person)\s+)+"
    r"(ankle|arm|cheek|chin|ear|elbow|eye|eyebrow|finger|foot|forearm|forehead|hair|hand|head|hip|knee|leg|mouth|neck|"
    r"nose|nostril|shoulder|thigh|thumb|toe|torso|wrist)"
)


def plain_names(names: Sequence[str], category: str) -> tuple[str, ...]:
    """Return ``names`` in lower case, each once, without empty ones and ``-``.

    Sides of body parts are dropped (*left arm* is *arm*), and names of scenes and colors get their suffix.

    >>> plain_names(["Left arm", "Arm", "-"], "part"), plain_names(["Beach"], "scene")
    (('arm',), ('beach-s',))
    """
    plain: dict[str, None] = {}
    for name in names:
        lower = " ".join(name.lower().replace(";", " ").split())  # ; separates names in the tables
        if lower in ("", "-"):
            continue
        body_part = _BODY_PART.fullmatch(lower)
        lower = body_part[1] if body_part else lower
        suffix = SUFFIXES.get(category, "")
        plain[lower if lower.endswith(suffix) else lower + suffix] = None
    return tuple(plain)


def confusing_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names that a label with the other ``names`` should not have.

    >>> confusing_names(["flowerpot", "pot"])
    ('pot',)
    """
    others = {other for name in names for other in CONFUSING.get(name, ())}
    return tuple(name for name in names if name in others)
