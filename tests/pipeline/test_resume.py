"""A run that is killed goes on where it was, and gives the same result as one that was not."""

import dataclasses
import shutil
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from filelock import FileLock
from torch import nn

from netdissect import Concept, KeptActivations, NetdissectError, Result, dissect, load_model
from netdissect.concepts.base import Labels
from netdissect.engine.tally import Concepts
from netdissect.measure import count
from netdissect.storage import read_npz, write_npz
from netdissect.types import BadSampleError
from tests.planted import PLAIN, Falls, Killed, MemoryDataset, Recall
from tests.results.flat import differing

OPTIONS = {"size": PLAIN.size, "mean": 0.0, "std": 1.0, "progress": False, "quantile": 0.05, "batch_size": 4}
#: Every batch is committed.
CHUNKS = {**OPTIONS, "chunk_seconds": 0.0}
CONCEPTS = (Concept(1, "one", "object"), Concept(3, "three", "part"))


@pytest.fixture
def data():
    random = np.random.default_rng(0)
    labels = [Labels(random.choice([0, 1, 3], (2, 9, 9)).astype(np.int32), (3,)) for _ in range(42)]
    return MemoryDataset(labels, CONCEPTS, (9, 9))


@pytest.fixture
def maps():
    return np.random.default_rng(1).standard_normal((42, 4, 5, 5)).astype(np.float32)


def same(one, other):
    return not differing(one, other)


@pytest.mark.parametrize("at", [1, 2, 5, 11])
def test_a_run_stopped_in_its_pass_is_resumed(at, data, maps, tmp_path):
    whole = dissect(Falls(maps), "maps", data, out=tmp_path / "whole", **OPTIONS)
    out, model = tmp_path / "run", Falls(maps, at=at)
    with pytest.raises(Killed):
        dissect(model, "maps", data, out=out, **CHUNKS)
    assert not out.exists()
    assert (tmp_path / "run.unfinished").exists() == (at > 1)
    before = model.passes
    result = dissect(model, "maps", data, out=out, resume=True, **CHUNKS)
    assert same(result["maps"], whole["maps"])
    assert same(Result.load(out)["maps"], whole["maps"])
    assert model.passes - before == 11 - (at - 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "whole"]


def until_only_counting_is_left(model, data, out, **options):
    """A run as a kill leaves it once its pass is done."""
    dissect(model, "maps", data, out=out, keep_activations=True, **options)
    folder = out.with_name(f"{out.name}.unfinished")
    (out / "activations").rename(folder)
    shutil.rmtree(out)
    (folder / "state.lock").touch()
    return KeptActivations(folder)


@pytest.mark.parametrize("added", [0, 1000])
def test_a_run_stopped_while_counting_is_resumed(added, data, maps, tmp_path):
    whole = dissect(Recall(maps), "maps", data, **OPTIONS)["maps"]
    kept = until_only_counting_is_left(Falls(maps), data, tmp_path / "run", **OPTIONS)

    def stops(step, done, total):
        if (step, done) == ("concepts", 32):  # of 42 images, 32 at a time
            raise Killed

    with pytest.raises(Killed):
        count(kept, Concepts(CONCEPTS, (9, 9)), resume=True, chunk_seconds=0.0, on_progress=stops)
    description, arrays = read_npz(kept.folder / "tallies.npz")
    assert description["counted"] == 32
    # Of other tallies of these images the result has the trace: they are not counted again.
    write_npz(kept.folder / "tallies.npz", description, arrays | {"0.unit_area": arrays["0.unit_area"] + added})
    model = Falls(maps)
    result = dissect(model, "maps", data, out=tmp_path / "run", resume=True, **CHUNKS)["maps"]
    assert model.passes == 0
    assert np.array_equal(result.counts.unit_area, whole.counts.unit_area + added)
    counts = dataclasses.replace(result.counts, unit_area=whole.counts.unit_area)
    assert same(dataclasses.replace(result, counts=counts), whole)


def test_resume_where_nothing_was_begun_and_where_all_is_done(data, maps, tmp_path):
    out = tmp_path / "run"
    first = dissect(Recall(maps), "maps", data, out=out, resume=True, **OPTIONS)
    written = (out / "run.json").stat().st_mtime_ns
    again = dissect(Recall(maps), "maps", data, out=out, resume=True, **OPTIONS)
    assert (out / "run.json").stat().st_mtime_ns == written
    assert same(first["maps"], again["maps"])


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"quantile": 0.02}, "settings quantile is 0.05, here 0.02"),
        ({"seed": 3}, "settings seed is 0, here 3"),
        ({"model": "other"}, "weights_sha256 is"),
        ({"data": "other"}, "data fingerprint is memory, here other"),
        ({"layers": "maps1"}, "layers maps is only there; layers maps1 is only here"),
    ],
)
def test_another_run_is_not_resumed(changes, message, finished, data, maps, tmp_path):
    out, model = tmp_path / "run", Falls(maps, at=0 if finished else 5)
    model.maps1 = nn.Identity()
    if finished:
        dissect(model, "maps", data, out=out, **CHUNKS)
    else:
        with pytest.raises(Killed):
            dissect(model, "maps", data, out=out, **CHUNKS)
    options = OPTIONS | {key: value for key, value in changes.items() if key in ("quantile", "seed")}
    if "model" in changes:
        model.maps.activations += 1
    if "data" in changes:
        data.fingerprint = lambda: "other"
    with pytest.raises(NetdissectError, match=message):
        dissect(model, changes.get("layers", "maps"), data, out=out, resume=True, **options)


def test_a_network_built_in_another_way_is_another_run(data, tmp_path):
    """Though its weights are the same."""
    spec, options = f"{__file__}:strided", {**OPTIONS, "out": tmp_path / "run"}
    dissect(load_model(spec), "0", data, **options)
    assert dissect(load_model(spec), "0", data, resume=True, **options).description.network.arguments == {}
    with pytest.raises(NetdissectError, match=r"network arguments is {}, here {'dilation': '2'}"):
        dissect(load_model(spec, arguments={"dilation": 2}), "0", data, resume=True, **options)


def test_a_network_that_looks_elsewhere_is_another_run(data, tmp_path):
    options = {**OPTIONS, "out": tmp_path / "run"}
    network = strided()
    dissect(network, "0", data, **options)
    network[0].padding, network[0].dilation = (0, 0), (1, 1)  # what it returns has the same shape
    with pytest.raises(NetdissectError, match="is not resumed: layers 0 is another"):
        dissect(network, "0", data, resume=True, **options)


def strided(dilation=1):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 2, 2, 2, padding=dilation - 1 or (1, 1), dilation=dilation + 1))


def test_an_unfinished_run_is_not_thrown_away_unasked(data, maps, tmp_path):
    out = tmp_path / "run"
    with pytest.raises(Killed):
        dissect(Falls(maps, at=5), "maps", data, out=out, **CHUNKS)
    with pytest.raises(NetdissectError, match="unfinished work is there: --resume goes on with it"):
        dissect(Recall(maps), "maps", data, out=out, **CHUNKS)
    dissect(Recall(maps), "maps", data, out=out, overwrite=True, **CHUNKS)
    assert out.exists() and not (tmp_path / "run.unfinished").exists()


def test_damaged_chunks_are_refused(data, maps, tmp_path):
    with pytest.raises(Killed):
        dissect(Falls(maps, at=5), "maps", data, out=tmp_path / "run", **CHUNKS)
    values = tmp_path / "run.unfinished" / "layer0.values"
    values.write_bytes(b"\x01" + values.read_bytes()[1:])
    with pytest.raises(NetdissectError, match=r"layer0\.values: is damaged"):
        dissect(Falls(maps), "maps", data, out=tmp_path / "run", resume=True, **CHUNKS)


@contextmanager
def files_of_at_most(size):
    """Files cannot be larger, as if the disk were full."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_told_and_keeps_what_is_finished(data, tmp_path):
    maps = np.random.default_rng(1).standard_normal((42, 4, 20, 20)).astype(np.float32)
    with (
        files_of_at_most(2**15),  # the values kept of some batches take more, the state less
        pytest.raises(NetdissectError, match="File too large; --resume goes on with what is finished"),
    ):
        dissect(Falls(maps), "maps", data, out=tmp_path / "run", **CHUNKS)
    model = Falls(maps)
    result = dissect(model, "maps", data, out=tmp_path / "run", resume=True, **CHUNKS)
    assert 0 < model.passes < 11
    assert same(result["maps"], dissect(Recall(maps), "maps", data, **OPTIONS)["maps"])


class Unreadable(MemoryDataset):
    """Two of the images cannot be read."""

    def image(self, index):
        if index in (3, 17):
            raise BadSampleError(f"image {index} is broken")
        return super().image(index)


def test_images_left_out_are_remembered_where_only_counting_is_left(data, maps, tmp_path):
    data = Unreadable(data._labels, data.concepts, data.label_shape)
    options = OPTIONS | {"skip_bad": True}
    whole = dissect(Recall(maps), "maps", data, **options)
    until_only_counting_is_left(Falls(maps), data, tmp_path / "run", **options)
    model = Falls(maps)
    result = dissect(model, "maps", data, out=tmp_path / "run", resume=True, **options)
    assert model.passes == 0
    assert same(result["maps"], whole["maps"])
    assert result.description.data == whole.description.data
    assert result.description.data.skipped == ("image 3 is broken", "image 17 is broken")
    assert result.notes == whole.notes


def test_two_processes_do_not_run_into_one_directory(data, maps, tmp_path):
    (tmp_path / "run.unfinished").mkdir()
    with FileLock(tmp_path / "run.unfinished" / "state.lock"):
        for options in ({}, {"resume": True}, {"overwrite": True}):
            with pytest.raises(NetdissectError, match="another process works in it"):
                dissect(Recall(maps), "maps", data, out=tmp_path / "run", **options, **OPTIONS)
    dissect(Recall(maps), "maps", data, out=tmp_path / "run", **OPTIONS)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_what_is_not_ours_is_not_removed(data, maps, tmp_path):
    mine = tmp_path / "run.unfinished" / "thesis.tex"
    mine.parent.mkdir()
    mine.write_text("years of work")
    for options in ({}, {"resume": True}, {"overwrite": True}):
        with pytest.raises(
            NetdissectError, match=r"run\.unfinished: would be used meanwhile, but holds something else"
        ):
            dissect(Recall(maps), "maps", data, out=tmp_path / "run", **options, **OPTIONS)
    assert mine.read_text() == "years of work"


def test_a_finished_run_leaves_an_unfinished_one_of_another_plan(data, maps, tmp_path):
    dissect(Recall(maps), "maps", data, out=tmp_path / "run", **CHUNKS)
    with pytest.raises(Killed):
        dissect(Falls(maps, at=5), "maps", data, out=tmp_path / "run", overwrite=True, **(CHUNKS | {"seed": 4}))
    with pytest.raises(NetdissectError, match=r"run\.unfinished: is another run"):
        dissect(Recall(maps), "maps", data, out=tmp_path / "run", resume=True, **CHUNKS)
    assert (tmp_path / "run.unfinished" / "state.npz").is_file()


def test_a_damaged_state_is_told_and_can_be_overwritten(data, maps, tmp_path):
    with pytest.raises(Killed):
        dissect(Falls(maps, at=5), "maps", data, out=tmp_path / "run", **CHUNKS)
    (tmp_path / "run.unfinished" / "state.npz").write_bytes(b"PK nonsense")
    with pytest.raises(NetdissectError, match=r"state\.npz: cannot be read"):
        dissect(Recall(maps), "maps", data, out=tmp_path / "run", resume=True, **CHUNKS)
    dissect(Recall(maps), "maps", data, out=tmp_path / "run", overwrite=True, **CHUNKS)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_inference_mode_makes_no_difference(data, maps):
    expected = dissect(Recall(maps), "maps", data, **OPTIONS)["maps"]
    with torch.inference_mode():
        assert same(dissect(Recall(maps), "maps", data, **OPTIONS)["maps"], expected)


def test_what_was_left_before_anything_was_finished_is_not_kept(data, maps, tmp_path):
    folder = tmp_path / "run.unfinished"
    folder.mkdir()
    for name in ("state.lock", "layer9.values"):
        (folder / name).write_bytes(b"left")
    dissect(Recall(maps), "maps", data, out=tmp_path / "run", resume=True, keep_activations=True, **OPTIONS)
    assert not (tmp_path / "run" / "activations" / "layer9.values").exists()
