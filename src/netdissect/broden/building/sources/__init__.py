"""A module per dataset that Broden can be built of."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from netdissect.broden.building.sources.ade20k import Ade20k
from netdissect.broden.building.sources.coco import Coco
from netdissect.broden.building.sources.dtd import Dtd
from netdissect.broden.building.sources.folder import Folder, check_category
from netdissect.broden.building.sources.imagefolder import ImageFolder
from netdissect.broden.building.sources.opensurfaces import OpenSurfaces
from netdissect.broden.building.sources.pascal import Pascal
from netdissect.broden.building.sources.voc import Voc
from netdissect.types import NetdissectError, nearest

__all__ = ["KINDS", "open_sources"]

#: Datasets that have categories of their own; those of Pascal are one where they lie in one folder.
_PUBLISHED: dict[str, type[Ade20k] | type[OpenSurfaces] | type[Dtd]] = {
    "ade20k": Ade20k,
    "opensurfaces": OpenSurfaces,
    "dtd": Dtd,
}
_PASCAL = ("pascal_context", "pascal_part")

#: A person's own data, whose category may be given.
_OWN: dict[str, type[Folder] | type[ImageFolder] | type[Coco] | type[Voc]] = {
    "folder": Folder,
    "imagefolder": ImageFolder,
    "coco": Coco,
    "voc": Voc,
}

#: The kinds of sources, by the names that ``open_sources`` knows.
KINDS = ("ade20k", *_PASCAL, "opensurfaces", "dtd", *_OWN)

AnySource: TypeAlias = Ade20k | Pascal | OpenSurfaces | Dtd | Folder | ImageFolder | Coco | Voc


@dataclass(frozen=True)
class _Spec:
    kind: str
    path: Path
    category: str | None


def open_sources(specs: Sequence[str]) -> tuple[AnySource, ...]:
    """The sources that ``specs`` name, ``NAME=PATH``, or ``NAME=PATH:category`` for a person's own data.

    NAME is one of ``KINDS``. ``pascal_context`` and ``pascal_part`` of one folder are one source. The second source of
    a kind is called ``folder2``, say, the third ``folder3``.

    Raises ``NetdissectError`` if a spec makes no sense, its path does not exist, it is given twice, or the source
    cannot be opened; and if there are no specs.
    """
    if not specs:
        raise NetdissectError(f"no sources to build of: give NAME=PATH, where NAME is one of {', '.join(KINDS)}")
    groups: dict[tuple[str, Path], list[_Spec]] = {}
    for spec in map(_parse, specs):
        group = groups.setdefault(("pascal" if spec.kind in _PASCAL else spec.kind, spec.path.resolve()), [])
        if spec.kind in [other.kind for other in group]:
            raise NetdissectError(f"{spec.path}: the source {spec.kind} is given twice")
        group.append(spec)
    sources: list[AnySource] = []
    count: Counter[str] = Counter()
    for group in groups.values():
        source = _open(group)
        count[source.name] += 1
        if count[source.name] > 1:
            source.name = f"{source.name}{count[source.name]}"
        sources.append(source)
    return tuple(sources)


def _open(group: list[_Spec]) -> AnySource:
    """The source of one spec, or of the two of Pascal."""
    spec = group[0]
    if spec.kind in _PASCAL:
        kinds = {member.kind for member in group}
        return Pascal(spec.path, context="pascal_context" in kinds, part="pascal_part" in kinds)
    if spec.kind in _PUBLISHED:
        return _PUBLISHED[spec.kind](spec.path)
    own = _OWN[spec.kind]
    return own(spec.path) if spec.category is None else own(spec.path, spec.category)


def _parse(text: str) -> _Spec:
    kind, _, place = text.partition("=")
    if not kind or not place:
        raise NetdissectError(f"source {text!r}: give NAME=PATH, or NAME=PATH:category for {', '.join(_OWN)}")
    if kind not in KINDS:
        raise NetdissectError(
            f"source {text!r}: there is no {kind!r}{nearest(kind, KINDS)} (there are {', '.join(KINDS)})"
        )
    path, category = _split_category(place)
    if not path.exists():
        raise NetdissectError(f"source {text!r}: {path} does not exist")
    if category is None:
        return _Spec(kind, path, None)
    if kind not in _OWN:
        raise NetdissectError(f"source {text!r}: {kind} has categories of its own, so none can be given")
    return _Spec(kind, path, check_category(category, f"source {text!r}"))


def _split_category(place: str) -> tuple[Path, str | None]:
    """The path and, after a colon, the category. A path may hold colons itself: one that exists is taken whole."""
    path, _, category = place.rpartition(":")
    if Path(place).exists() or not path or "/" in category or "\\" in category:  # as in a path with a drive's letter
        return Path(place), None
    return Path(path), category
