"""Find a concept by the name that a person gives it."""

import re
from collections.abc import Sequence
from types import MappingProxyType

from netdissect.types import Concept, NetdissectError, nearest

#: Endings of the names of scenes and colors in Broden, which keep the scene *field-s* apart from the object *field*.
SUFFIXES = MappingProxyType({"scene": "-s", "color": "-c"})


def find_concept(concepts: Sequence[Concept], name: str) -> Concept:
    """Find the concept of this name, else of this name in another case, as a synonym, or with ``-s`` or ``-c`` added.

    ``category:name`` or ``name (category)`` chooses among concepts of one name. Raises ``NetdissectError`` if there is
    no such concept, or more than one.

    >>> road, house = Concept(1, "road", "object", ("route",)), Concept(2, "house-s", "scene")
    >>> find_concept([road, house], "Route").name, find_concept([road, house], "house").name
    ('road', 'house-s')
    """
    found = _called(concepts, name) or _called_in_category(concepts, name)
    if not found:
        known = [known for concept in concepts for known in (concept.name, *concept.synonyms)]
        raise NetdissectError(f"no concept is called {name!r}{nearest(name, known)}")
    if len(found) > 1:
        choices = ", ".join(f"'{concept.category}:{concept.name}'" for concept in found)
        raise NetdissectError(f"{name!r} may be any of {choices}: say which")
    return found[0]


def _called(concepts: Sequence[Concept], name: str) -> list[Concept]:
    plain = name.strip().casefold()
    suffixed = [plain + suffix for suffix in SUFFIXES.values()]
    for matches in (
        lambda concept: concept.name == name,
        lambda concept: concept.name.casefold() == plain,
        lambda concept: plain in [synonym.casefold() for synonym in concept.synonyms],
        lambda concept: concept.name.casefold() in suffixed,
    ):
        found = [concept for concept in concepts if matches(concept)]
        if found:
            return found
    return []


def _called_in_category(concepts: Sequence[Concept], text: str) -> list[Concept]:
    for pattern in (r"(?P<category>.+?):(?P<name>.+)", r"(?P<name>.+)\((?P<category>.+)\)\s*"):
        match = re.fullmatch(pattern, text)
        if match:
            category = match["category"].strip().casefold()
            inside = [concept for concept in concepts if concept.category.casefold() == category]
            found = _called(inside, match["name"].strip())
            if found:
                return found
    return []
