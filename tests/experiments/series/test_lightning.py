"""Dissecting while Lightning trains, with the real Trainer."""

import importlib
import sys

import pytest
import torch

from netdissect import NetdissectError, Series, TrainingMonitor
from tests.experiments.nets import OPTIONS, dataset, small

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning has advice for larger trainings


@pytest.fixture(scope="module")
def trained():
    """The function that trains a small network with callbacks."""
    from tests.experiments.series.lightning_training import trained

    return trained


@pytest.fixture(scope="module")
def callback():
    """The class of the callback."""
    from netdissect.experiments.series.lightning import DissectionCallback

    return DissectionCallback


def test_a_training(tmp_path, trained, callback):
    from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    without = trained(tmp_path)
    monitor = TrainingMonitor("relu", dataset(), every=4, out=tmp_path / "series", **OPTIONS)
    loggers = CSVLogger(tmp_path / "csv"), TensorBoardLogger(tmp_path / "logs")
    state = trained(tmp_path, callback(monitor, module="net"), loggers=loggers)
    assert all(torch.equal(state[name], without[name]) for name in without)
    assert Series.load(tmp_path / "series").steps == (0, 4, 5)
    assert (tmp_path / "series" / "page" / "index.html").is_file()
    counts = Series.load(tmp_path / "series").counts("relu").groupby("step")["unique_by_category"].sum()
    events = EventAccumulator(loggers[1].log_dir).Reload()
    logged = {event.step: event.value for event in events.Scalars("netdissect/relu/unique/all")}
    assert logged == counts.to_dict()


def test_a_series_that_cannot_be_read_does_not_end_a_training(tmp_path, trained, callback):
    monitor = TrainingMonitor("relu", dataset(), every=4, out=tmp_path / "series", **OPTIONS)

    class Damages(callback):
        def on_train_end(self, trainer, pl_module):
            (tmp_path / "series" / "series.json").write_text("{")
            super().on_train_end(trainer, pl_module)

    with pytest.warns(UserWarning, match=r"series\.json: cannot be read"):
        trained(tmp_path, Damages(monitor, module="net"))


def test_accumulated_gradients_and_no_logger(tmp_path, trained, callback):
    """Several batches are one step, which is dissected once; the whole module is what it says it is."""
    monitor = TrainingMonitor("net.relu", dataset(), every=1, **OPTIONS)

    class Forward(callback):
        def setup(self, trainer, pl_module, stage):
            pl_module.forward = pl_module.net.forward

    trained(tmp_path, Forward(monitor), accumulate_grad_batches=4)
    assert sorted(monitor.summaries) == [0, 1, 2, 3, 4, 5]
    assert monitor.writer is None


def test_other_processes_do_nothing(callback):
    monitor = TrainingMonitor("relu", dataset(), every=1, **OPTIONS)
    dissecting, model = callback(monitor), small()
    trainer = type("Other", (), {"is_global_zero": False, "global_step": 0, "loggers": []})
    dissecting.on_train_start(trainer, model)
    dissecting.on_train_batch_end(trainer, model, None, None, 0)
    dissecting.on_train_end(trainer, model)
    assert not monitor.summaries


@pytest.mark.parametrize("there", ["lightning.pytorch", "pytorch_lightning", None])
def test_it_takes_the_package_that_is_there(monkeypatch, there):
    monkeypatch.delitem(sys.modules, "netdissect.experiments.series.lightning")
    for package in ("lightning.pytorch", "pytorch_lightning"):
        if package != there:
            monkeypatch.setitem(sys.modules, package, None)
    if there is None:
        with pytest.raises(NetdissectError, match=r"^neither lightning .*: pip install 'netdissect\[lightning\]'$"):
            importlib.import_module("netdissect.experiments.series.lightning")
    else:
        found = importlib.import_module("netdissect.experiments.series.lightning").DissectionCallback
        assert issubclass(found, importlib.import_module(there).Callback)
