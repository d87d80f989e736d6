"""Kept activations as plain data and arrays."""

import json

from netdissect.activations.layout import concepts_from_plain, concepts_to_plain
from netdissect.types import Concept

CONCEPTS = (Concept(1, "car", "object", ("auto", "machine")), Concept(4, "red-c", "color"))


def test_concepts_keep_their_synonyms():
    assert concepts_from_plain(json.loads(json.dumps(concepts_to_plain(CONCEPTS)))) == CONCEPTS


def test_concepts_of_format_3_were_lists():
    assert concepts_from_plain([[1, "car", "object"], [4, "red-c", "color"]]) == (
        Concept(1, "car", "object"),
        Concept(4, "red-c", "color"),
    )
