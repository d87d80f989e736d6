"""Checkpoints to a series: their steps, what does not fit, stopping and going on, the command."""

import json
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from netdissect import NetdissectError, Result, Series, load_model
from netdissect.experiments.series.checkpoints import CheckpointSeries, check_checkpoints, find_checkpoints
from netdissect.experiments.series.steps import step_folder
from netdissect.networks.weights import read_weights
from tests.experiments.nets import OPTIONS, dataset, small
from tests.unchecked import unchecked_types

SPEC = "tests.experiments.nets:small"


@pytest.fixture(autouse=True)
def unchecked():
    with unchecked_types():
        yield


def load(path):
    return load_model(SPEC, weights=path)


def dissect_checkpoints(paths, build, layers, data, *, out, overwrite=False, resume=False, **options):
    return CheckpointSeries(paths, build, out, overwrite=overwrite, resume=resume).dissect(layers, data, **options)


def save(path, seed=0, units=4, **beside):
    state = small(units, seed).state_dict()
    torch.save({"state_dict": state, **beside} if beside else state, path)
    return path


def steps_of(paths):
    return [(checkpoint.step, checkpoint.path.name) for checkpoint in check_checkpoints(paths, load)]


@given(
    st.lists(st.integers(0, 10**12), min_size=1, max_size=3),
    st.text(st.characters(codec="ascii", categories=["L"]) | st.sampled_from("-_= ."), min_size=1, max_size=5),
    st.integers(0, 8),
    st.sampled_from([".pt", ".safetensors", ".pth", ".ckpt"]),
)
@settings(max_examples=12, deadline=None)
def test_the_step_is_the_last_number_of_the_name(tmp_path_factory, numbers, between, zeros, suffix):
    name = between.join(["net", *("0" * zeros + str(number) for number in numbers)]) + suffix
    path = tmp_path_factory.mktemp("named") / name
    state = small().state_dict()
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    assert steps_of([path]) == [(numbers[-1], name)]


@pytest.mark.parametrize(
    ("beside", "step"),
    [
        ({"step": 5, "epoch": 1}, 5),
        ({"epoch": 3}, 3),
        ({"iteration": 0, "epoch": 1}, 0),
        ({"epoch": 2, "global_step": 1200}, 1200),
        ({"step": "40"}, 40),
        ({"step": -1, "epoch": True, "global_step": 2.5, "iteration": None, "lr": 8}, 77),
        ({"step": torch.tensor(4)}, 77),
    ],
)
def test_the_step_that_a_file_tells_comes_before_its_name(tmp_path, beside, step):
    assert steps_of([save(tmp_path / "net_77.pt", **beside)]) == [(step, "net_77.pt")]


def test_the_step_in_metadata_of_safetensors(tmp_path):
    for step, metadata in ((1, {"step": "0012"}), (2, {"step": "7", "epoch": "0"})):
        save_file(small().state_dict(), tmp_path / f"net_{step}.safetensors", metadata)
    paths = find_checkpoints([str(tmp_path / "*")])
    assert steps_of(paths) == [(7, "net_2.safetensors"), (12, "net_1.safetensors")]
    assert read_weights(paths[0]).steps == {"step": 12}


def test_what_all_files_tell_is_taken(tmp_path):
    """Not the epoch of one beside the number in another's name."""
    one, other = save(tmp_path / "net_200.pt", epoch=2), save(tmp_path / "net_100.pt")
    assert steps_of([one, other]) == [(100, "net_100.pt"), (200, "net_200.pt")]
    plain, named = save(tmp_path / "net.pt", epoch=2), save(tmp_path / "net_9.pt")
    with pytest.raises(NetdissectError, match=r"net\.pt tells its step by epoch, .*net_9\.pt does not"):
        check_checkpoints([named, plain][::-1], load)


def test_files_without_a_step_or_with_the_same(tmp_path):
    plain = save(tmp_path / "net.pt")
    with pytest.raises(NetdissectError, match=r"net\.pt: tells no step of the training"):
        check_checkpoints([save(tmp_path / "net_1.pt"), plain], load)
    with pytest.raises(NetdissectError, match=r"net_01\.pt and .*net_1\.pt are both of step 1, as the name tells"):
        check_checkpoints([save(tmp_path / "net_01.pt"), tmp_path / "net_1.pt"], load)


def test_finding_files(tmp_path):
    for name in ("b_2.pt", "a_10.pt", "[x]_3.pt", "deep/c_4.pt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder_5.pt").mkdir()
    patterns = [str(tmp_path / "*.pt"), str(tmp_path / "[x]_3.pt"), str(tmp_path / "**" / "c*")]
    assert sorted(path.name for path in find_checkpoints(patterns)) == ["[x]_3.pt", "a_10.pt", "b_2.pt", "c_4.pt"]
    assert [path.name for path in find_checkpoints([str(tmp_path / "[x]_3.pt")])] == ["[x]_3.pt"]
    for missing in ("d_*.pt", "folder_5.pt"):
        with pytest.raises(NetdissectError, match=rf"--checkpoints .*{re.escape(missing)}: no file matches"):
            find_checkpoints([str(tmp_path / "*.pt"), str(tmp_path / missing)])


@pytest.mark.parametrize("wrong", ["shape", "name", "file"])
def test_all_are_checked_before_any_is_dissected(tmp_path, wrong):
    paths = [save(tmp_path / f"net_{step}.pt", seed=step) for step in (1, 2)]
    if wrong == "shape":
        paths.append(save(tmp_path / "net_3.pt", units=5))
    elif wrong == "name":
        state = small().state_dict()
        state["extra.weight"] = state.pop("head.weight")
        torch.save(state, tmp_path / "net_3.pt")
        paths.append(tmp_path / "net_3.pt")
    else:
        (tmp_path / "net_3.pt").write_bytes(b"PK nonsense")
        paths.append(tmp_path / "net_3.pt")
    with pytest.raises(NetdissectError, match=r"net_3\.pt") as caught:
        dissect_checkpoints(paths, load, "relu", None, out=tmp_path / "series", **OPTIONS)  # nothing to dissect on
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "series").exists()


def test_a_series_that_was_stopped_is_gone_on_with(tmp_path):
    paths = [save(tmp_path / f"net_{step}.pt", seed=step) for step in (30, 4, 100)]
    options = {"progress": False, **OPTIONS}
    whole = dissect_checkpoints(paths, load, "relu", dataset(), out=tmp_path / "whole", **options)

    def stops(step, position, total):
        if position == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dissect_checkpoints(paths, load, "relu", dataset(), out=tmp_path / "series", on_step=stops, **options)
    assert Series.load(tmp_path / "series").steps == (4,)
    written = (tmp_path / "series" / step_folder(4) / "run.json").stat().st_mtime_ns
    with pytest.raises(NetdissectError, match="series: exists already"):
        dissect_checkpoints(paths, load, "relu", dataset(), out=tmp_path / "series", **options)
    again = dissect_checkpoints(paths, load, "relu", dataset(), out=tmp_path / "series", resume=True, **options)
    assert again.steps == whole.steps == (4, 30, 100)
    assert again.units("relu").equals(whole.units("relu"))
    assert again.first_detectors("relu").equals(whole.first_detectors("relu"))
    assert (tmp_path / "series" / step_folder(4) / "run.json").stat().st_mtime_ns == written

    other = [save(tmp_path / "net_4.pt", seed=9)]
    with pytest.raises(NetdissectError, match=r"000000004: is another run"):
        dissect_checkpoints(other, load, "relu", dataset(), out=tmp_path / "series", resume=True, **options)
    with pytest.raises(NetdissectError, match="no layer 'rely'"):
        dissect_checkpoints(other, load, "rely", dataset(), out=tmp_path / "series", overwrite=True, **options)
    assert Series.load(tmp_path / "series").steps == (4, 30, 100)  # what is there goes when something takes its place
    replaced = dissect_checkpoints(other, load, "relu", dataset(), out=tmp_path / "series", overwrite=True, **options)
    assert replaced.steps == (4,)
    left = sorted(path.name for path in (tmp_path / "series").iterdir())
    assert left == [step_folder(4), "series.json", "series.lock"]


def test_steps_that_do_not_belong_to_a_series_do_not_get_into_it(tmp_path):
    out, options = tmp_path / "series", {"progress": False, **OPTIONS}
    one, two = (save(tmp_path / f"net_{step}.pt", seed=step) for step in (1, 2))
    dissect_checkpoints([one], load, "relu", dataset(), out=out, **options)
    with pytest.raises(NetdissectError, match="steps 1 and 2 cannot be compared: the quantile of relu differs"):
        dissect_checkpoints([two], load, "relu", dataset(), out=out, resume=True, **options | {"quantile": 0.3})
    assert Series.load(out).steps == (1,) and not (out / step_folder(2)).exists()
    epoch = save(tmp_path / "net.pt", epoch=3)
    with pytest.raises(NetdissectError, match="series: its steps are told by the name, not by epoch as these"):
        dissect_checkpoints([epoch], load, "relu", dataset(), out=out, resume=True, **options)
    assert Series.load(out).steps == (1,) and not (out / step_folder(3)).exists()
    dissect_checkpoints([two], load, "relu", dataset(), out=out, resume=True, **options)
    other = {**options, "quantile": 0.3, "overwrite": True}
    with pytest.raises(NetdissectError, match="000000002: is another run"):
        dissect_checkpoints([two], load, "relu", dataset(), out=out, resume=True, **other)
    assert Series.load(out).steps == (1, 2)


def test_replacing_removes_the_steps_and_the_page_alone(tmp_path):
    out, options = tmp_path / "series", {"progress": False, **OPTIONS}
    paths = [save(tmp_path / f"net_{step}.pt", seed=step) for step in (1, 2)]
    with pytest.raises(NetdissectError, match="no layer 'rely'"):
        dissect_checkpoints(paths[:1], load, "rely", dataset(), out=out, **options)
    dissect_checkpoints(paths[:1], load, "relu", dataset(), out=out, **options)  # nothing is in its way
    (out / "page").mkdir()
    (out / "page" / "data.json").write_text("{}")
    (out / "net_1.pt").write_text("of the user")
    dissect_checkpoints(paths[1:], load, "relu", dataset(), out=out, overwrite=True, **options)
    left = sorted(path.name for path in out.iterdir())
    assert left == [step_folder(2), "net_1.pt", "series.json", "series.lock"]


def test_the_command(tmp_path, monkeypatch, run):
    monkeypatch.chdir(tmp_path)
    for step in (2, 10):
        save(tmp_path / f"net_{step}.pt", seed=step)
    command = ("series", SPEC, "--layer", "relu", "--checkpoints", "net_*.pt", "--size", "32", "--limit", "4")
    command = (*command, "--quantile", "0.1", "--workers", "0")
    status, out, err = run(*command, "--out", "series")
    assert status == 0, err
    assert "step 2 (1 of 2)" in err and "step 10 (2 of 2)" in err
    assert re.search(r"step +object", out) and "series/page/index.html" in out
    assert (tmp_path / "series" / "page" / "index.html").is_file()
    series = Series.load("series")
    sums = series.counts("relu").groupby("step").sum(numeric_only=True)
    for step in (2, 10):
        shown = [*sums.loc[step, ["unique_by_category", "detectors_by_label", "unique_by_label"]]]
        assert re.search(rf"^ *{step} .* {' +'.join(map(str, shown))} *$", out, re.MULTILINE)
    assert Result.load(tmp_path / "series" / step_folder(10)).description.network.weights == "net_10.pt"
    status, out, _ = run(*command, "--out", "series", "--resume", "--json")
    assert status == 0 and json.loads(out) == series.summary()
    for arguments, said in (
        (("--out", "series"), "series: exists already"),
        (("--out", "other", "--weights", "net_2.pt"), "--weights: the weights of a series are those of --checkpoints"),
        (("--out", "other", "--checkpoints", "no_*.pt"), "--checkpoints no_*.pt: no file matches"),
    ):
        status, out, err = run(*command, *arguments)
        assert (status, out) == (2, "") and said in err and err.count("\n") == 1
