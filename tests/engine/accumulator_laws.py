"""The laws of accumulators (``engine.accumulator``), checked for any of them. Equal means to the last bit."""

import dataclasses
import io

import numpy as np
import torch

from netdissect.engine.accumulator import Accumulator
from tests.unchecked import unchecked_types


def _fields(value):
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def bits(value):
    """Return a value's types, shapes and bits as plain data, of tensors, arrays, dataclasses, tuples and numbers."""
    if dataclasses.is_dataclass(value):
        return type(value).__name__, {name: bits(part) for name, part in _fields(value).items()}
    if isinstance(value, dict):
        return {name: bits(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [bits(part) for part in value]
    if isinstance(value, torch.Tensor):
        return "tensor", str(value.dtype), tuple(value.shape), value.contiguous().numpy().tobytes()
    if isinstance(value, np.ndarray):
        return "array", str(value.dtype), value.shape, value.tobytes()
    return type(value).__name__, value


def same(accumulator, other):
    return bits(accumulator.state()) == bits(other.state())


def saved_and_read(accumulator):
    """Return the accumulator as it is read from an .npz file of its state."""
    file = io.BytesIO()
    np.savez(file, **{name: tensor.numpy() for name, tensor in accumulator.state().items()})
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        return type(accumulator).from_state({name: torch.from_numpy(arrays[name]) for name in arrays.files})


def check_laws(empty, parts, update=None, same_in_any_order=same):
    """Check all laws.

    ``empty()`` makes an accumulator, ``update(accumulator, part)`` takes in one of at least two ``parts``, by default
    as ``accumulator.update(*part)``. ``same_in_any_order(accumulator, other)`` compares accumulators of the same parts
    in another order or grouping: the only law that rounding may excuse. Types are not checked meanwhile: that would
    take ten times as long.
    """
    laws = _Laws(empty, parts, update or (lambda accumulator, part: accumulator.update(*part)), same_in_any_order)
    assert isinstance(empty(), Accumulator)
    before = bits(parts)
    with unchecked_types():
        laws.empty_changes_nothing()
        laws.order_and_grouping_do_not_matter()
        laws.update_after_add_is_add_of_updates()
        laws.inputs_stay_as_they_were()
        laws.compute_is_repeatable_and_changes_nothing()
        laws.what_is_saved_and_read_goes_on_alike()
    assert bits(parts) == before, "update changes what it is given"


class _Laws:
    def __init__(self, empty, parts, update, same_in_any_order):
        assert len(parts) > 1
        self.empty, self.parts, self.update, self.same_in_any_order = empty, list(parts), update, same_in_any_order

    def made_of(self, *parts):
        accumulator = self.empty()
        for part in parts:
            self.update(accumulator, part)
        return accumulator

    def empty_changes_nothing(self):
        total = self.made_of(*self.parts)
        for added in (total + self.empty(), self.empty() + total, self.empty() + (total + self.empty())):
            assert same(added, total), "an empty accumulator, added, changes something"
        assert same(self.empty() + self.empty(), self.empty()), "two empty accumulators are not empty"

    def order_and_grouping_do_not_matter(self):
        whole = self.made_of(*self.parts)
        for order in _orders(self.parts):
            assert self.same_in_any_order(self.made_of(*order), whole), "the order of updates matters"
            each = [self.made_of(part) for part in order]
            for add in (_from_the_left, _from_the_right, _in_pairs):
                assert self.same_in_any_order(add(each), whole), "the order or grouping of sums matters"
            cut = len(order) // 2
            two = self.made_of(*order[:cut]) + self.made_of(*order[cut:])
            assert self.same_in_any_order(two, whole), "the sizes of parts matter"

    def update_after_add_is_add_of_updates(self):
        first, *others, last = self.parts
        updated_sum = self.made_of(first) + self.made_of(*others)
        self.update(updated_sum, last)
        left, right = self.made_of(first, last), self.made_of(*others, last)
        assert self.same_in_any_order(updated_sum, left + self.made_of(*others)), "a sum is updated otherwise"
        assert self.same_in_any_order(updated_sum, self.made_of(first) + right), "a sum is updated otherwise"

    def inputs_stay_as_they_were(self):
        left, right = self.made_of(self.parts[0]), self.made_of(*self.parts[1:])
        before = bits(left.state()), bits(right.state())
        for total in (left + right, left + self.empty(), self.empty() + right):
            assert (bits(left.state()), bits(right.state())) == before, "adding changes what is added"
            for part in self.parts:
                self.update(total, _copy(part))
            assert (bits(left.state()), bits(right.state())) == before, "what was added changes with the sum"
        total = left + right
        total_before = bits(total.state())
        for part in self.parts:
            self.update(left, _copy(part))
            self.update(right, _copy(part))
        assert bits(total.state()) == total_before, "a sum changes with what was added"
        part = _copy(self.parts[0])
        left = self.made_of(part)
        before = bits(left.state())
        _overwrite(part)
        assert bits(left.state()) == before, "an accumulator changes with what it was given"

    def compute_is_repeatable_and_changes_nothing(self):
        accumulator, untouched = self.made_of(*self.parts), self.made_of(*self.parts)
        found = accumulator.compute()
        before = bits(found)
        assert bits(accumulator.compute()) == before, "compute cannot be repeated"
        assert same(accumulator, untouched), "compute changes the accumulator"
        for part in self.parts:
            self.update(accumulator, _copy(part))
        assert bits(found) == before, "what was computed changes with later updates"
        computed, straight = self.made_of(self.parts[0]), self.made_of(self.parts[0])
        for part in self.parts[1:]:
            computed.compute()
            self.update(computed, part)
            self.update(straight, part)
        assert same(computed, straight), "compute between updates matters"

    def what_is_saved_and_read_goes_on_alike(self):
        *others, last = self.parts
        for accumulator in (self.empty(), self.made_of(*others)):
            read = saved_and_read(accumulator)
            assert type(read) is type(accumulator)
            assert same(read, accumulator), "a state that is saved and read is another"
            assert same(read + self.made_of(last), accumulator + self.made_of(last)), "what is read adds otherwise"
            self.update(read, last)
            self.update(accumulator, last)
            assert same(read, accumulator), "what is read goes on otherwise"
            assert bits(read.compute()) == bits(accumulator.compute()), "what is read computes otherwise"


def _orders(parts):
    """Return some orders of the parts: as given, reversed, rotated, and every other part first."""
    return [parts, parts[::-1], parts[1:] + parts[:1], parts[1::2] + parts[::2]]


def _from_the_left(each):
    total = each[0]
    for accumulator in each[1:]:
        total = total + accumulator
    return total


def _from_the_right(each):
    return each[0] if len(each) == 1 else each[0] + _from_the_right(each[1:])


def _in_pairs(each):
    while len(each) > 1:
        each = [_from_the_left(each[begin : begin + 2]) for begin in range(0, len(each), 2)]
    return each[0]


def _copy(part):
    """Return a copy of a part that shares no tensor with it."""
    if isinstance(part, torch.Tensor):
        return part.clone()
    if dataclasses.is_dataclass(part):
        return dataclasses.replace(part, **{name: _copy(value) for name, value in _fields(part).items()})
    return type(part)(map(_copy, part)) if isinstance(part, (list, tuple)) else part


def _overwrite(part):
    """Overwrite all tensors of a part with zeros."""
    if isinstance(part, torch.Tensor):
        part.zero_()
    elif dataclasses.is_dataclass(part):
        _overwrite(list(_fields(part).values()))
    elif isinstance(part, (list, tuple)):
        for value in part:
            _overwrite(value)
