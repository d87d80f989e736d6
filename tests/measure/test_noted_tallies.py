"""Tallies noted on disk: the notes of one count, read again, and errors."""

import pytest
import torch

from netdissect import Concept
from netdissect.engine.tally import Concepts, Tally
from netdissect.measure.noted_tallies import NotedTallies
from netdissect.types import NetdissectError
from tests.damage import cut

CONCEPTS = Concepts([Concept(3, "cat", "object"), Concept(5, "red", "color")], (2, 2))


def tallies(start=0):
    """Return tallies of two layers, all of whose counts differ."""
    found = {"conv1": Tally.empty(3, CONCEPTS), "conv2": Tally.empty(1, CONCEPTS)}
    for tally in found.values():
        for counts in tally.state().values():
            counts += torch.arange(start, start := start + counts.numel()).view(counts.shape)
    return found


def same(some, others):
    return some.keys() == others.keys() and all(
        torch.equal(counts, others[layer].state()[name])
        for layer, tally in some.items()
        for name, counts in tally.state().items()
    )


def test_notes_are_read_again(tmp_path):
    NotedTallies(tmp_path / "notes.npz", {"align": None}, 0.0).note(tallies(7), 32)
    found, counted = NotedTallies(tmp_path / "notes.npz", {"align": None}, 0.0).read(tallies())
    assert counted == 32 and same(found, tallies(7)) and not same(found, tallies())


@pytest.mark.parametrize("description", [{"align": "stretch"}, {}, {"align": None, "more": 1}])
def test_notes_of_another_count_are_not_read(description, tmp_path):
    NotedTallies(tmp_path / "notes.npz", {"align": None}, 0.0).note(tallies(7), 32)
    found, counted = NotedTallies(tmp_path / "notes.npz", description, 0.0).read(tallies())
    assert counted == 0 and same(found, tallies())


def test_no_notes_are_written_before_it_is_time(tmp_path):
    notes = NotedTallies(tmp_path / "notes.npz", {}, 1000.0)
    notes.note(tallies(), 32)
    assert not any(tmp_path.iterdir())
    assert notes.read(tallies())[1] == 0


def test_later_notes_replace_earlier_ones(tmp_path):
    notes = NotedTallies(tmp_path / "notes.npz", {}, 0.0)
    notes.note(tallies(7), 32)
    while notes.read(tallies())[1] == 32:  # notes pause in between
        notes.note(tallies(9), 64)
    assert same(notes.read(tallies())[0], tallies(9))


def test_notes_that_cannot_be_written_or_read(tmp_path):
    with pytest.raises(NetdissectError, match=r"none/notes\.npz: cannot be written"):
        NotedTallies(tmp_path / "none" / "notes.npz", {}, 0.0).note(tallies(), 1)
    notes = NotedTallies(tmp_path / "notes.npz", {}, 0.0)
    notes.note(tallies(), 32)
    cut(notes.path)
    with pytest.raises(NetdissectError, match=r"notes\.npz: cannot be read"):
        notes.read(tallies())
