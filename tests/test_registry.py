"""The registry that every open choice of the package shares."""

import subprocess
import sys
from collections.abc import Mapping

import pytest

from netdissect.registry import Choice, Registry
from netdissect.types import NetdissectError


def fruits():
    return Registry("fruit", [("apple", "math:pi", "grows on trees"), ("banana", str.upper, ""), ("cherry", 3, "red")])


def test_a_target_is_an_object_or_an_address():
    registry = fruits()
    assert registry["cherry"] == 3
    assert registry["banana"] is str.upper
    assert registry["apple"] == pytest.approx(3.14159, abs=1e-5)


def test_an_address_is_imported_only_when_asked_for():
    """A registry lists a choice whose module is missing; help texts need no torch."""
    registry = Registry("fruit", [("durian", "no_such_package.at_all:thing", "smells")])
    assert registry.names == ("durian",) and "durian" in registry and len(registry) == 1
    assert registry.help() == "durian: smells" and registry.help_of("durian") == "smells"
    with pytest.raises(ModuleNotFoundError):
        registry["durian"]


def test_it_is_a_mapping_in_the_order_of_registration():
    registry = fruits()
    registry.register("aardvark berry", 0)
    assert isinstance(registry, Mapping)
    assert registry.names == tuple(registry) == ("apple", "banana", "cherry", "aardvark berry")
    assert len(registry) == 4
    assert dict(registry)["aardvark berry"] == 0
    assert registry.get("cherry") == 3
    assert registry.get("plum") is None
    assert "plum" not in registry and 7 not in registry


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("aple", "no fruit 'aple'; did you mean apple? It is apple, banana or cherry"),
        ("xyz", "no fruit 'xyz'; it is apple, banana or cherry"),
        ("", "no fruit ''; it is apple, banana or cherry"),
    ],
)
def test_an_unknown_name_lists_what_is_registered(name, text):
    for ask in (fruits().__getitem__, fruits().help_of):
        with pytest.raises(NetdissectError) as caught:
            ask(name)
        assert str(caught.value) == text


def test_errors_of_registries_with_none_and_one_choice():
    for registry, text in (
        (Registry("fruit"), "no fruit 'xyz'; none is registered"),
        (Registry("fruit", [("apple", 1, "")]), "no fruit 'xyz'; it is apple"),
    ):
        with pytest.raises(NetdissectError) as caught:
            registry["xyz"]
        assert str(caught.value) == text


def test_a_name_is_taken_once():
    registry = fruits()
    with pytest.raises(NetdissectError, match="fruit 'apple' is registered already"):
        registry.register("apple", 5)
    assert registry["apple"] != 5
    with pytest.raises(NetdissectError, match="registered already"):
        Registry("fruit", [("apple", 1, ""), ("apple", 2, "")])


@pytest.mark.parametrize("target", ["math", "math:", ":pi", ""])
def test_a_string_that_is_no_address_is_refused(target):
    registry = fruits()
    with pytest.raises(NetdissectError, match="is not of the form package"):
        registry.register("plum", target)
    assert "plum" not in registry


def test_registered_while_a_block_lasts():
    registry = fruits()
    with registry.registered("plum", 8, "blue"):
        assert registry["plum"] == 8 and "plum: blue" in registry.help()
        with pytest.raises(NetdissectError, match="registered already"), registry.registered("plum", 9):
            raise AssertionError("unreachable")
        assert registry["plum"] == 8
    assert "plum" not in registry


def test_a_block_that_fails_leaves_nothing_behind():
    registry = fruits()

    def fail():
        with registry.registered("plum", 8):
            raise ValueError("rotten")

    with pytest.raises(ValueError, match="rotten"):
        fail()
    assert registry.names == fruits().names


def test_help_lists_names_alone_where_there_is_no_text():
    assert fruits().help() == "apple: grows on trees; banana; cherry: red"
    assert Registry("fruit").help() == ""


def test_a_choice_is_frozen():
    with pytest.raises(AttributeError):
        Choice("apple", 1).name = "pear"


def test_the_module_needs_nothing_but_types():
    code = "import sys, netdissect.registry; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "numpy"} & set(loaded)
    rooms = [name for name in loaded if name.startswith("netdissect")]
    assert rooms == ["netdissect", "netdissect.registry", "netdissect.types"]
