"""Dissecting while Lightning trains, with the real Trainer."""

import importlib
import sys

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer, seed_everything
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from netdissect import NetdissectError, Series, TrainingMonitor
from netdissect.experiments.series.lightning import DissectionCallback
from tests.experiments.nets import OPTIONS, dataset, small
from tests.unchecked import unchecked_types

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning has advice for larger trainings


class Classifier(LightningModule):
    def __init__(self):
        super().__init__()
        self.net = small()

    def training_step(self, batch, index):
        images, classes = batch
        return nn.functional.cross_entropy(self.net(images), classes)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def trained(tmp_path, *callbacks, loggers=(), **options):
    seed_everything(3, verbose=False)
    images = TensorDataset(torch.randn(8, 3, 8, 8), torch.randint(0, 2, (8,)))
    model = Classifier()
    trainer = Trainer(
        default_root_dir=tmp_path,
        accelerator="cpu",
        max_steps=5,
        callbacks=list(callbacks),
        logger=list(loggers),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )
    with unchecked_types():
        trainer.fit(model, DataLoader(images, 2, shuffle=True))
    return model.state_dict()


def test_a_training(tmp_path):
    without = trained(tmp_path)
    monitor = TrainingMonitor("relu", dataset(), every=4, out=tmp_path / "series", **OPTIONS)
    loggers = CSVLogger(tmp_path / "csv"), TensorBoardLogger(tmp_path / "logs")
    state = trained(tmp_path, DissectionCallback(monitor, module="net"), loggers=loggers)
    assert all(torch.equal(state[name], without[name]) for name in without)
    assert Series.load(tmp_path / "series").steps == (0, 4, 5)
    assert (tmp_path / "series" / "page" / "index.html").is_file()
    counts = Series.load(tmp_path / "series").counts("relu").groupby("step")["unique_by_category"].sum()
    events = EventAccumulator(loggers[1].log_dir).Reload()
    logged = {event.step: event.value for event in events.Scalars("netdissect/relu/unique/all")}
    assert logged == counts.to_dict()


def test_a_series_that_cannot_be_read_does_not_end_a_training(tmp_path):
    monitor = TrainingMonitor("relu", dataset(), every=4, out=tmp_path / "series", **OPTIONS)

    class Damages(DissectionCallback):
        def on_train_end(self, trainer, pl_module):
            (tmp_path / "series" / "series.json").write_text("{")
            super().on_train_end(trainer, pl_module)

    with pytest.warns(UserWarning, match=r"series\.json: cannot be read"):
        trained(tmp_path, Damages(monitor, module="net"))


def test_accumulated_gradients_and_no_logger(tmp_path):
    """Several batches are one step, which is dissected once; the whole module is what it says it is."""
    monitor = TrainingMonitor("net.relu", dataset(), every=1, **OPTIONS)

    class Forward(DissectionCallback):
        def setup(self, trainer, pl_module, stage):
            pl_module.forward = pl_module.net.forward

    trained(tmp_path, Forward(monitor), accumulate_grad_batches=4)
    assert sorted(monitor.summaries) == [0, 1, 2, 3, 4, 5]
    assert monitor.writer is None


def test_other_processes_do_nothing():
    monitor = TrainingMonitor("relu", dataset(), every=1, **OPTIONS)
    callback, model = DissectionCallback(monitor), small()
    trainer = type("Other", (), {"is_global_zero": False, "global_step": 0, "loggers": []})
    callback.on_train_start(trainer, model)
    callback.on_train_batch_end(trainer, model, None, None, 0)
    callback.on_train_end(trainer, model)
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
