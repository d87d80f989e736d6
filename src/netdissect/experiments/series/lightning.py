"""Dissections of a network while Lightning trains it."""

import importlib
import sys
import warnings
from typing import Any

from netdissect.experiments.series.series import Series
from netdissect.experiments.series.training import TrainingMonitor
from netdissect.types import NetdissectError

#: The packages of Lightning.
_PACKAGES = ("lightning.pytorch", "pytorch_lightning")


def _callback_class() -> Any:
    """Return Lightning's base class of callbacks, from the package that is imported already if both are there."""
    for package in sorted(_PACKAGES, key=lambda package: package not in sys.modules):
        try:
            return importlib.import_module(package).Callback
        except ImportError:
            continue
    raise NetdissectError("neither lightning nor pytorch_lightning is installed: pip install 'netdissect[lightning]'")


class DissectionCallback(_callback_class()):  # type: ignore[misc]
    """Dissects at the start of the training, whenever a global step is due, and at the end.

    Trainer(callbacks=[DissectionCallback(TrainingMonitor("net.layer4", "broden1_224", every=500, out="series"))])

    The process of global rank 0 alone dissects; others wait for it at their next exchange of gradients. Without a
    ``writer`` of its own, ``monitor`` logs to the trainer's TensorBoard logger, if there is one. With an ``out``, the
    page of the series is written there at the end. ``module`` is the name of the network within the
    ``LightningModule``; without it the ``LightningModule`` itself is dissected, whose ``forward`` then takes images.
    """

    def __init__(self, monitor: TrainingMonitor, module: str = "") -> None:
        super().__init__()
        self.monitor = monitor
        self.module = module

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        if not trainer.is_global_zero:
            return
        if self.monitor.writer is None:
            self.monitor.writer = _tensorboard(trainer)
        self._dissect(trainer, pl_module)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if trainer.is_global_zero and self.monitor.is_due(trainer.global_step):
            self._dissect(trainer, pl_module)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        if not trainer.is_global_zero:
            return
        try:
            self._dissect(trainer, pl_module)
            if self.monitor.out is not None:
                Series.load(self.monitor.out).write_page(self.monitor.out / "page")
        except NetdissectError as error:  # an error here must not lose the training
            warnings.warn(str(error), stacklevel=2)

    def _dissect(self, trainer: Any, pl_module: Any) -> None:
        if trainer.global_step not in self.monitor.summaries:
            self.monitor.dissect(pl_module.get_submodule(self.module), trainer.global_step)


def _tensorboard(trainer: Any) -> Any:
    """Return the ``SummaryWriter`` of the trainer's TensorBoard logger; None if there is none."""
    for logger in trainer.loggers:
        if any(kind.__name__ == "TensorBoardLogger" for kind in type(logger).__mro__):  # of either package
            return logger.experiment
    return None
