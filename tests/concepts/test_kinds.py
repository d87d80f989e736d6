"""Kinds of datasets: each is registered once, and opening, errors and help follow."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from netdissect.concepts.kinds import DATASET_KINDS, DatasetKind, DatasetRequest, describe_kinds
from netdissect.concepts.opening import open_dataset
from netdissect.labels import Labels
from netdissect.types import Concept, NetdissectError
from tests.planted import MemoryDataset

LEAVES = "a pressed leaf (*.leaf)"


class LeavesKind:
    """A made-up kind of dataset: a file ``*.leaf`` holds the number of its images."""

    takes_ignore_index = True

    def recognizes(self, spec):
        return str(spec).endswith(".leaf") and Path(spec).is_file()

    def open(self, spec, request):
        labels = Labels(np.ones((1, 2, 2), np.int32))
        data = MemoryDataset([labels] * int(Path(spec).read_text()), [Concept(1, "vein", "part")], (2, 2))
        data.request = request
        return data


@pytest.fixture
def leaf(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "oak.leaf").write_text("7")
    return "oak.leaf"


def test_a_made_up_kind_is_opened(leaf):
    with DATASET_KINDS.registered("leaves", LeavesKind, LEAVES):
        data = open_dataset(leaf, size=(30, 40), ignore_index=[3, 4], skip_bad=True, seed=5)
        assert (data.name, len(data)) == ("memory", 7)
        assert data.request == DatasetRequest((30, 40), (3, 4), skip_bad=True, limit=None, seed=5)
        assert len(open_dataset(leaf, limit=3)) == 3
    with pytest.raises(NetdissectError, match=r"oak\.leaf: neither"):
        open_dataset(leaf)


@pytest.mark.parametrize("spec", ["nowhere", "."])
def test_errors_list_the_kinds_that_are_registered(leaf, spec):
    with DATASET_KINDS.registered("leaves", LeavesKind, LEAVES), pytest.raises(NetdissectError) as caught:
        open_dataset(spec)
    assert all(DATASET_KINDS.help_of(name) in str(caught.value) for name in ("scenes", "broden", "folder"))
    assert LEAVES in str(caught.value)
    with pytest.raises(NetdissectError) as caught:
        open_dataset(spec)
    assert "leaf" not in str(caught.value)


def test_errors_name_the_kinds_that_take_indices_to_ignore(leaf):
    with (
        DATASET_KINDS.registered("leaves", LeavesKind, LEAVES),
        pytest.raises(NetdissectError, match="make sense for a folder of masks or a pressed leaf alone"),
    ):
        open_dataset("scenes", ignore_index=[1])


def test_help_lists_the_kinds_that_are_registered():
    before = describe_kinds()
    assert [DATASET_KINDS.help_of(name) in before for name in DATASET_KINDS] == [True] * 3
    with DATASET_KINDS.registered("leaves", LeavesKind, LEAVES):
        assert describe_kinds() == before.replace(", or a folder", ", a folder") + f", or {LEAVES}"


@pytest.mark.parametrize("name", DATASET_KINDS)
def test_every_registered_kind_keeps_to_the_protocol(name, tmp_path):
    kind = DATASET_KINDS[name]()
    assert isinstance(kind, DatasetKind)
    assert not kind.recognizes(tmp_path) and not kind.recognizes(str(tmp_path / "nowhere"))
    assert DATASET_KINDS.help_of(name).endswith(")")


def test_help_needs_neither_pictures_nor_torch():
    code = "import sys; from netdissect.concepts.kinds import describe_kinds; describe_kinds(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"PIL", "torch", "numpy"} & set(loaded)
