"""Finding a concept by the name that a person gives it."""

import pytest

from netdissect.concepts.find import find_concept
from netdissect.types import Concept, NetdissectError

CONCEPTS = (
    Concept(1, "car", "object", ("automobile", "Auto")),
    Concept(2, "door", "object"),
    Concept(3, "door", "part"),
    Concept(4, "street-s", "scene", ("road",)),
    Concept(5, "red-c", "color"),
    Concept(6, "Road", "object"),
    Concept(7, "orange", "object", ("fruit",)),
    Concept(8, "orange-c", "color"),
    Concept(9, "chestnut-s", "scene"),
    Concept(10, "chestnut-c", "color"),
    Concept(11, "steering wheel (round)", "part"),
    Concept(12, "12:30", "part"),
    Concept(13, "ROAD", "material"),
)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("car", 1),
        ("CAR", 1),
        (" Car ", 1),
        ("AUTOMOBILE", 1),
        ("auto", 1),
        ("street-s", 4),
        ("street", 4),
        ("Street", 4),
        ("red", 5),
        ("Road", 6),  # exactly so, before other cases and synonyms
        ("orange", 7),
        ("orange-c", 8),
        ("color:orange", 8),
        ("orange (color)", 8),
        ("object:door", 2),
        ("Part : Door", 3),
        ("door (part)", 3),
        ("door(part)", 3),
        ("fruit (object)", 7),
        ("scene:chestnut", 9),
        ("steering wheel (round)", 11),
        ("part:steering wheel (round)", 11),
        ("12:30", 12),
        ("object:road", 6),
        ("scene:road", 4),
    ],
)
def test_a_concept_is_found(name, number):
    assert find_concept(CONCEPTS, name).number == number


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("door", r"'door' may be any of 'object:door', 'part:door'"),
        ("road", r"'road' may be any of 'object:Road', 'material:ROAD'"),
        ("chestnut", r"'chestnut' may be any of 'scene:chestnut-s', 'color:chestnut-c'"),
    ],
)
def test_several_concepts_of_a_name(name, said):
    with pytest.raises(NetdissectError, match=said):
        find_concept(CONCEPTS, name)


@pytest.mark.parametrize(
    ("name", "suggested"),
    [("cart", "car"), ("automobil", "automobile"), ("streets", "street-s"), ("scene:door", "door"), ("xyz", None)],
)
def test_no_concept_of_a_name(name, suggested):
    with pytest.raises(NetdissectError, match=f"no concept is called '{name}'") as caught:
        find_concept(CONCEPTS, name)
    assert (f"did you mean {suggested}" in str(caught.value)) if suggested else ("mean" not in str(caught.value))
