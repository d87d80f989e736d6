"""Concepts as plain data, and the order of categories."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netdissect.types import CATEGORIES, Concept, distinct, nearest, sorted_categories


@given(st.integers(1), st.text(), st.text(), st.lists(st.text()))
def test_a_concept_survives_json(number, name, category, synonyms):
    concept = Concept(number, name, category, tuple(synonyms))
    assert Concept.from_plain(json.loads(json.dumps(concept.to_plain()))) == concept


def test_plain_data_without_synonyms():
    """Runs of format 5 have dicts without synonyms, kept activations of format 3 lists."""
    concept = Concept(3, "sky", "object")
    assert Concept.from_plain({"number": 3, "name": "sky", "category": "object"}) == concept
    assert Concept.from_plain([3, "sky", "object"]) == concept
    assert concept.to_plain() == {"number": 3, "name": "sky", "category": "object"}


@pytest.mark.parametrize(
    "plain", [{}, {"number": 3, "name": "sky"}, [], [3, "sky"], [3, "sky", "object", "x"], 3, None]
)
def test_plain_data_that_is_no_concept(plain):
    with pytest.raises((KeyError, TypeError, ValueError)):
        Concept.from_plain(plain)


def test_categories_are_sorted_by_the_order_of_display():
    assert sorted_categories(["zebra", "color", "brand", "object"]) == ("object", "color", "brand", "zebra")
    assert sorted_categories(set(CATEGORIES)) == CATEGORIES
    assert sorted_categories([]) == ()
    assert sorted_categories(["object", "brand", "color"], ("brand", *CATEGORIES)) == ("brand", "object", "color")


@given(st.lists(st.sampled_from("abc")))
def test_distinct_names(names):
    found = distinct(names)
    assert len(set(found)) == len(found) == len(names)
    assert all(new == old or new.startswith(f"{old} (") for new, old in zip(found, names, strict=True))


def test_nearest():
    known = ["layer1", "layer2", "layer3", "layer4", "conv1"]
    hint = nearest("layer5", known)
    assert hint.startswith("; did you mean layer") and hint.endswith("?") and hint.count("layer") == 3
    assert nearest("layer5", known, count=1).count("layer") == 1
    assert nearest("zzz", known) == "" and nearest("layer", []) == ""
