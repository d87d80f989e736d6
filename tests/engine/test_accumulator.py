"""The tester of the laws finds what breaks them, each in an accumulator that is wrong in one respect."""

import pytest
import torch

from tests.engine.accumulator_laws import check_laws


class Sums:
    """A plain accumulator that keeps to all laws."""

    def __init__(self, total):
        self.total = total

    @classmethod
    def empty(cls):
        return cls(torch.zeros(2, dtype=torch.int64))

    def update(self, values):
        self.total += values

    def __add__(self, other):
        return type(self)(self.total + other.total)

    def compute(self):
        return self.total.clone()

    def state(self):
        return {"total": self.total}

    @classmethod
    def from_state(cls, state):
        return cls(state["total"])


class EmptyIsNotZero(Sums):
    @classmethod
    def empty(cls):
        return cls(torch.ones(2, dtype=torch.int64))


class OrderOfUpdatesMatters(Sums):
    def update(self, values):
        self.total.copy_(2 * self.total + values)


class GroupingMatters(Sums):
    def __add__(self, other):
        return type(self)(self.total + other.total + (self.total * other.total > 0))


class LeftComesFirst(Sums):
    def __add__(self, other):
        return type(self)(self.total.clone() if self.total.any() else other.total.clone())


class UpdateChangesItsInput(Sums):
    def update(self, values):
        self.total += values
        values += 1


class KeepsItsInput(Sums):
    def update(self, values):
        self.total = values if not self.total.any() else self.total + values


class AddsInPlace(Sums):
    def __add__(self, other):
        self.total += other.total
        return self


class SharesWithTheSum(Sums):
    def __add__(self, other):
        return type(self)(self.total if not other.total.any() else self.total + other.total)


class ComputeClears(Sums):
    def compute(self):
        found = self.total.clone()
        self.total.zero_()
        return found


class ComputesAView(Sums):
    def compute(self):
        return self.total


class ForgetsBitsWhenSaved(Sums):
    def state(self):
        return {"total": self.total.to(torch.int16)}

    @classmethod
    def from_state(cls, state):
        return cls(state["total"].long())


class SavesTooLittle(Sums):
    def state(self):
        return {"total": self.total * torch.tensor([1, 0])}


PARTS = [(torch.tensor(values),) for values in ([1, 70_000], [0, 5], [2, 3], [4, 4])]


@pytest.mark.parametrize("parts", [PARTS, PARTS[:2]])
def test_a_lawful_accumulator_passes(parts):
    check_laws(Sums.empty, parts)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (EmptyIsNotZero, "an empty accumulator, added"),
        (OrderOfUpdatesMatters, "the order or grouping of sums"),
        (GroupingMatters, "order or grouping of sums"),
        (LeftComesFirst, "order or grouping of sums"),
        (UpdateChangesItsInput, "order of updates"),
        (KeepsItsInput, "changes with what it was given"),
        (AddsInPlace, "order or grouping of sums"),
        (SharesWithTheSum, "what was added changes with the sum"),
        (ComputeClears, "compute cannot be repeated"),
        (ComputesAView, "what was computed changes"),
        (ForgetsBitsWhenSaved, "what is read computes otherwise"),
        (SavesTooLittle, "what is read computes otherwise"),
    ],
)
def test_each_broken_law_is_found(kind, message):
    with pytest.raises(AssertionError, match=message):
        check_laws(kind.empty, [(values.clone(),) for (values,) in PARTS])
