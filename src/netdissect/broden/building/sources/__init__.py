"""The datasets that a Broden can be built of: a new one is a module here, and a line in ``SOURCES``."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netdissect.broden.building.category import check_category
from netdissect.registry import Choice, Registry
from netdissect.types import NetdissectError

if TYPE_CHECKING:
    from netdissect.broden.building.source import Source


@dataclass(frozen=True)
class SourceKind:
    """A kind of source: the address of its class, which is called with a path.

    If it ``takes_category``, a category may follow the path. Kinds of one class differ in the ``layer`` of labels that
    they read: those given for one path are one source, whose class is called with the names of all their layers.
    """

    address: str
    takes_category: bool = False
    layer: str = ""

    def open(self, path: Path, category: str | None, layers: Sequence[str]) -> Any:
        """Open the source in ``path``. Raises ``NetdissectError``."""
        source = Choice(self.address, self.address).load()
        more = {"layers": tuple(layers)} if self.layer else {}
        return source(path, **more) if category is None else source(path, category, **more)


_SOURCES = "netdissect.broden.building.sources"

SOURCES = Registry(
    "source",
    [
        ("ade20k", SourceKind(f"{_SOURCES}.ade20k:Ade20k"), "the full release of 2016-07-26"),
        ("pascal_context", SourceKind(f"{_SOURCES}.pascal:Pascal", layer="context"), "459 labels"),
        ("pascal_part", SourceKind(f"{_SOURCES}.pascal:Pascal", layer="part"), "parts of objects"),
        ("opensurfaces", SourceKind(f"{_SOURCES}.opensurfaces:OpenSurfaces"), "release 0"),
        ("dtd", SourceKind(f"{_SOURCES}.dtd:Dtd"), "release 1.0.1"),
        ("folder", SourceKind(f"{_SOURCES}.folder:Folder", takes_category=True), "images/, labels/, classes.csv"),
        (
            "imagefolder",
            SourceKind(f"{_SOURCES}.imagefolder:ImageFolder", takes_category=True),
            "a directory per concept",
        ),
        (
            "coco",
            SourceKind(f"{_SOURCES}.coco:Coco", takes_category=True),
            "a JSON file of instances, stuff or panoptic",
        ),
        ("voc", SourceKind(f"{_SOURCES}.voc:Voc", takes_category=True), "JPEGImages/, SegmentationClass/"),
    ],
)


@dataclass(frozen=True)
class _Spec:
    name: str
    kind: SourceKind
    path: Path
    category: str | None


def describe_sources() -> str:
    """Return the names of all sources, for ``--help``.

    >>> describe_sources().partition(" (")[0]
    'as its publishers distribute it: ade20k'
    """
    published, own = (
        ", ".join(f"{name} ({SOURCES.help_of(name)})" for name in SOURCES if SOURCES[name].takes_category == given)
        for given in (False, True)
    )
    return f"as its publishers distribute it: {published}; or of your own, as NAME=PATH or NAME=PATH:category: {own}"


def open_sources(specs: Sequence[str]) -> "tuple[Source, ...]":
    """Open the sources that ``specs`` name, ``NAME=PATH``, or ``NAME=PATH:category`` for a person's own data.

    NAME is one of ``SOURCES``. ``pascal_context`` and ``pascal_part`` of one folder are one source. The second source
    of a kind is called ``folder2``, for example, the third ``folder3``.

    Raises ``NetdissectError`` if there are no specs, or if a spec makes no sense, names a path that does not exist, is
    given twice, or cannot be opened.

    >>> open_sources(["folders=street"])
    Traceback (most recent call last):
    netdissect.types.NetdissectError: source 'folders=street': no source 'folders'; did you mean folder, imagefolder? \
It is ade20k, pascal_context, pascal_part, opensurfaces, dtd, folder, imagefolder, coco or voc
    """
    if not specs:
        raise NetdissectError(f"no sources to build of: give NAME=PATH, where NAME is one of {', '.join(SOURCES)}")
    groups: dict[tuple[str, Path], list[_Spec]] = {}
    for spec in map(_parse, specs):
        group = groups.setdefault((spec.kind.address, spec.path.resolve()), [])
        if spec.name in [other.name for other in group]:
            raise NetdissectError(f"{spec.path}: the source {spec.name} is given twice")
        group.append(spec)
    sources: list[Any] = []
    count: Counter[str] = Counter()
    for first, *others in groups.values():
        source = first.kind.open(first.path, first.category, [spec.kind.layer for spec in (first, *others)])
        count[source.name] += 1
        if count[source.name] > 1:
            source.name = f"{source.name}{count[source.name]}"
        sources.append(source)
    return tuple(sources)


def _parse(text: str) -> _Spec:
    name, _, location = text.partition("=")
    if not name or not location:
        own = ", ".join(known for known in SOURCES if SOURCES[known].takes_category)
        raise NetdissectError(f"source {text!r}: give NAME=PATH, or NAME=PATH:category for {own}")
    try:
        kind: SourceKind = SOURCES[name]
    except NetdissectError as error:
        raise NetdissectError(f"source {text!r}: {error}") from None
    path, category = _split_category(location)
    if not path.exists():
        raise NetdissectError(f"source {text!r}: {path} does not exist")
    if category is None:
        return _Spec(name, kind, path, None)
    if not kind.takes_category:
        raise NetdissectError(f"source {text!r}: {name} has categories of its own, so none can be given")
    return _Spec(name, kind, path, check_category(category, f"source {text!r}"))


def _split_category(location: str) -> tuple[Path, str | None]:
    """Split a category off at the last colon, unless the whole exists: a path may hold colons itself."""
    path, _, category = location.rpartition(":")
    # After the colon of a drive's letter there is a slash.
    if Path(location).exists() or not path or "/" in category or "\\" in category:
        return Path(location), None
    return Path(path), category
