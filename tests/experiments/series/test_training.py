"""Dissecting in a training: what is found, and that the training does not notice."""
# ruff: noqa: NPY002 - a training may draw from numpy's global state

import random

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.tensorboard import SummaryWriter

from netdissect import NetdissectError, Series, TrainingMonitor, dissect
from netdissect.experiments.series.preserve_training_state import preserve_training_state
from netdissect.experiments.series.steps import read_steps, step_folder, write_steps
from tests.experiments.nets import OPTIONS, Small, dataset, small
from tests.unchecked import unchecked_types


@pytest.fixture(autouse=True)
def unchecked():
    """Checks of types draw from Python's random state, to look at items of lists by chance."""
    with unchecked_types():
        yield


def train(monitor=lambda model, step: None, steps=6):
    """The state after a training that draws from every source of chance, and its losses."""
    random.seed(1)
    np.random.seed(1)
    model = small()
    images, classes = torch.randn(12, 3, 8, 8), torch.randint(0, 2, (12,))
    batches = DataLoader(TensorDataset(images, classes), 4, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses, step = [], 0
    while step < steps:
        for pixels, wanted in batches:
            monitor(model, step)
            shift = random.random() + np.random.random()
            loss = nn.functional.cross_entropy(model(pixels + shift), wanted)
            monitor(model, step)  # between forward and backward, too
            optimizer.zero_grad()
            loss.backward()
            monitor.dissect(model, step) if step == 4 else None  # with gradients
            optimizer.step()
            losses.append(loss.item())
            step += 1
    return model.state_dict(), losses


class Odd(Small):
    """Touches whatever a network can touch when it runs, and fails when asked to."""

    def __init__(self):
        super().__init__()
        self.register_buffer("runs", torch.zeros(()))
        self.register_buffer("total", torch.zeros(()))
        self.fails = False

    def forward(self, images):
        self.runs += 1
        self.total = self.total + images.sum()
        torch.randn(1), np.random.random(), random.random()
        torch.set_num_threads(torch.get_num_threads() % 2 + 1)
        torch.backends.cudnn.benchmark = not torch.backends.cudnn.benchmark
        torch.set_grad_enabled(True)
        self.conv.requires_grad_(False)
        self.head.train()
        if self.fails and len(images) > 1:
            raise RuntimeError("it fails")
        return super().forward(images)


def traces(model):
    """All that a training may depend on."""
    return {
        "modes": [module.training for module in model.modules()],
        "state": {name: (id(tensor), tensor.tolist()) for name, tensor in model.named_buffers()},
        "weights": {
            name: (
                id(p),
                p.tolist(),
                p.requires_grad,
                p.device,
                None if p.grad is None else (id(p.grad), p.grad.tolist()),
            )
            for name, p in model.named_parameters()
        },
        "hooks": [
            len(hooks)
            for module in model.modules()
            for hooks in (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks)
        ],
        "chance": (torch.get_rng_state().tolist(), str(np.random.get_state()), random.getstate()),
        "torch": (torch.get_num_threads(), torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "autocast": (
            torch.is_autocast_enabled("cpu"),
            torch.is_autocast_cache_enabled(),
            torch.get_autocast_dtype("cpu"),
        ),
        "cudnn": (torch.backends.cudnn.enabled, torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic),
        "dtype": torch.get_default_dtype(),
    }


def test_training_ends_with_the_same_weights(tmp_path):
    without, losses = train(type("Never", (), {"__call__": lambda *_: None, "dissect": lambda *_: None})())
    monitor = TrainingMonitor("relu", dataset(), every=2, out=tmp_path / "series", **OPTIONS)
    state, own_losses = train(monitor)
    assert sorted(monitor.summaries) == [0, 2, 4]
    assert losses == own_losses and len(set(losses)) == len(losses)
    assert list(state) == list(without)
    assert all(torch.equal(state[name], without[name]) for name in state)
    assert len({str(summary) for summary in monitor.summaries.values()}) > 1


@pytest.mark.parametrize("fails", [False, True])
def test_no_trace(fails):
    model = Odd()
    model.dropout.eval()  # as where a part is frozen
    model(torch.randn(4, 3, 8, 8)).sum().backward()
    model.head.weight.requires_grad_(False)
    model.conv.requires_grad_(True)
    model.head.eval()
    model.fails = fails
    monitor = TrainingMonitor("relu", dataset(), **OPTIONS)
    before = traces(model)
    for mode in (torch.enable_grad(), torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16)):
        with mode:
            inside = traces(model)
            if fails:
                with pytest.raises(NetdissectError, match="it fails"):
                    monitor.dissect(model, 0)
            else:
                monitor.dissect(model, 0)
            assert traces(model) == inside
        assert traces(model) == before
    assert monitor.summaries == {} if fails else list(monitor.summaries) == [0]


def test_within_autocast_it_is_as_outside_and_weights_keep_their_gradients():
    model, images = small(), torch.randn(4, 3, 8, 8)
    alone = dissect(model.eval(), "relu", dataset(), progress=False, **OPTIONS)
    model.train()
    monitor = TrainingMonitor("relu", dataset(), **OPTIONS)
    lower = TrainingMonitor("relu", dataset(), precision="bfloat16", **OPTIONS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert np.array_equal(monitor.dissect(model, 0)["relu"].top.maps, alone["relu"].top.maps)
        assert not np.array_equal(lower.dissect(model, 0)["relu"].top.maps, alone["relu"].top.maps)
        model(images).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_between_forward_and_backward_of_frozen_batch_norm():
    """Its buffers are needed by backward, which refuses them once they are written."""
    model = small()
    model.norm.eval()
    loss = model(torch.randn(2, 3, 8, 8)).sum()
    TrainingMonitor("relu", dataset(), **OPTIONS).dissect(model, 0)
    loss.backward()


def test_networks_that_are_wrapped():
    model = small()
    monitor = TrainingMonitor("relu", dataset(), every=1, **OPTIONS)
    expected = monitor.dissect(model, 0)["relu"].counts.intersection
    compiled = torch.compile(model, backend="eager")
    assert np.array_equal(monitor.dissect(compiled, 1)["relu"].counts.intersection, expected)
    compiled(torch.randn(2, 3, 8, 8)).sum().backward()
    assert np.array_equal(monitor.dissect(nn.DataParallel(compiled), 2)["relu"].counts.intersection, expected)
    itself, graphs = small(), []
    itself.compile(backend=lambda graph, inputs: graphs.append(graph) or graph.forward)
    itself(torch.randn(2, 3, 8, 8))
    compiled_before = len(graphs)
    itself.load_state_dict(small().state_dict())
    assert np.array_equal(monitor.dissect(itself, 3)["relu"].counts.intersection, expected)
    assert len(graphs) == compiled_before > 0  # not anew, with our hooks


def test_steps_that_are_due():
    model, monitor = small(), TrainingMonitor("relu", dataset(), every=3, **OPTIONS)
    found = [monitor(model, step) is not None for step in (0, 0, 1, 2, 3, 3, 4, 9)]
    assert found == [True, False, False, False, True, False, False, True]
    monitor.dissect(model, 10)
    assert list(monitor.summaries) == [0, 3, 9, 10]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"quantil": 0.1}, "no option 'quantil'"),
        ({"device": "cpu"}, "no option 'device'"),
        ({"every": 0}, "number of steps is at least 1"),
    ],
)
def test_bad_options_are_told_at_once(options, said):
    with pytest.raises(NetdissectError, match=said):
        TrainingMonitor("relu", **options)


def test_series_that_is_written_replaced_and_gone_on_with(tmp_path):
    out = tmp_path / "series"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    for options in ({}, {"overwrite": True}, {"resume": True}):
        with pytest.raises(NetdissectError, match="mine"):
            TrainingMonitor("relu", out=tmp_path / "mine", **options)
    first = TrainingMonitor("relu", dataset(), every=2, out=out, **OPTIONS)
    result, _, _ = [first(small(seed=step), step) for step in (2, 1, 0)]
    assert Series.load(out).steps == (0, 2)
    assert Series.load(out).results[2]["relu"].units.equals(result["relu"].units)
    with pytest.raises(NetdissectError, match=r"series: exists already"):
        TrainingMonitor("relu", dataset(), out=out, **OPTIONS)
    more = TrainingMonitor("relu", dataset(), every=2, out=out, resume=True, **OPTIONS)
    again = more.dissect(small(seed=9), 2)
    more(small(seed=3), 4)
    assert Series.load(out).steps == (0, 2, 4)
    assert Series.load(out).results[2]["relu"].units.equals(again["relu"].units)
    assert not again["relu"].units.equals(result["relu"].units)
    TrainingMonitor("relu", dataset(), out=out, overwrite=True, **OPTIONS).dissect(small(), 6)
    assert Series.load(out).steps == (6,)
    assert sorted(path.name for path in out.iterdir()) == [step_folder(6), "series.json", "series.lock"]


def test_a_series_is_replaced_when_there_is_another_to_take_its_place(tmp_path):
    out, link = tmp_path / "series", tmp_path / "link"
    TrainingMonitor("relu", dataset(), out=out, **OPTIONS).dissect(small(), 2)
    (out / "net_2.pt").write_text("of the user")
    link.symlink_to(out)
    with pytest.raises(NetdissectError, match="no layer 'rely'"):
        TrainingMonitor("rely", dataset(), out=link, overwrite=True, **OPTIONS).dissect(small(), 4)
    assert Series.load(out).steps == (2,)
    monitor = TrainingMonitor("relu", dataset(), out=link, overwrite=True, **OPTIONS)
    for step in (4, 6):
        monitor.dissect(small(), step)
    assert Series.load(out).steps == (4, 6)
    left = sorted(path.name for path in out.iterdir())
    assert left == [step_folder(4), step_folder(6), "net_2.pt", "series.json", "series.lock"]


def test_an_attempt_that_failed_is_in_nobodys_way(tmp_path):
    with pytest.raises(NetdissectError, match="no layer 'rely'"):
        TrainingMonitor("rely", dataset(), out=tmp_path / "series", **OPTIONS).dissect(small(), 0)
    TrainingMonitor("relu", dataset(), out=tmp_path / "series", **OPTIONS).dissect(small(), 0)
    assert Series.load(tmp_path / "series").steps == (0,)


def test_a_series_is_not_gone_on_with_in_another_way(tmp_path):
    out = tmp_path / "series"
    first = TrainingMonitor("relu", dataset(), out=out, **OPTIONS)
    before = [first.dissect(small(seed=step), step) for step in (0, 2)]
    for options, what in (
        ({"quantile": 0.3}, "the quantile of relu"),
        ({"basis": np.eye(4, dtype=np.float32)}, "the basis of relu"),
    ):
        other = TrainingMonitor("relu", dataset(), out=out, resume=True, **OPTIONS | options)
        for step in (2, 4):
            with pytest.raises(NetdissectError, match=f"steps 0 and {step} cannot be compared: {what} differs"):
                other.dissect(small(seed=9), step)
        assert not other.summaries
    assert Series.load(out).results[2]["relu"].units.equals(before[1]["relu"].units)
    left = sorted(path.name for path in out.iterdir())
    assert left == [step_folder(0), step_folder(2), "series.json", "series.lock"]
    write_steps(out, read_steps(out), "epoch")
    with pytest.raises(NetdissectError, match="series: its steps are told by epoch, not by the training itself"):
        TrainingMonitor("relu", out=out, resume=True)


def test_what_is_not_a_run_is_not_replaced(tmp_path):
    out = tmp_path / "series"
    monitor = TrainingMonitor("relu", dataset(), out=out, **OPTIONS)
    (out / step_folder(3)).mkdir()
    (out / step_folder(3) / "thesis.tex").write_text("years of work")
    with pytest.raises(NetdissectError, match="is not a run"):
        monitor.dissect(small(), 3)
    assert (out / step_folder(3) / "thesis.tex").is_file()


def test_a_buffer_that_did_not_change_is_not_written():
    buffers = torch.tensor([1.0, float("nan")]), torch.tensor([1.0, float("nan")]), torch.tensor([3])
    model = nn.Module()
    for place, buffer in enumerate(buffers):
        model.register_buffer(f"b{place}", buffer)
    with preserve_training_state(model):
        buffers[1][0] = 7
    assert [buffer._version for buffer in buffers] == [0, 2, 0]  # changed, and put back
    assert buffers[1][0] == 1 and buffers[1].isnan().tolist() == [False, True]


def test_tensorboard(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        monitor = TrainingMonitor(["relu", "conv"], dataset(), every=5, writer=writer, **OPTIONS)
        for step in (0, 5):
            monitor(small(seed=step), step)
    events = EventAccumulator(str(tmp_path)).Reload()
    expected = {}
    for step, summary in monitor.summaries.items():
        for layer in summary["layers"]:
            for way, tag in (("by_category", "unique"), ("by_label", "detectors")):
                counts = {name: of[tag] for name, of in layer[way]["categories"].items()} | {"all": layer[way][tag]}
                for name, count in counts.items():
                    expected.setdefault(f"netdissect/{layer['layer']}/{tag}/{name}", []).append((step, count))
    assert len(expected) == 2 * 2 * 3
    assert {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]} == expected
    assert any(count for steps in expected.values() for _, count in steps)
