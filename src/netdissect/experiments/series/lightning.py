"""Dissecting a network while Lightning trains it."""

import importlib
import sys
import warnings
from typing import Any

from netdissect.experiments.series.series import Series
from netdissect.experiments.series.training import TrainingMonitor
from netdissect.types import NetdissectError

#: The packages that Lightning comes as.
_PACKAGES = ("lightning.pytorch", "pytorch_lightning")


def _callback_class() -> Any:
    """Lightning's base class of callbacks, of the package that is imported already if both are there."""
    for package in sorted(_PACKAGES, key=lambda package: package not in sys.modules):
        try:
            return importlib.import_module(package).Callback
        except ImportError:
            continue
    raise NetdissectError("neither lightning nor pytorch_lightning is installed: pip install 'netdissect[lightning]'")


class DissectionCallback(_callback_class()):  # type: ignore[misc]
    """Dissects when the training starts, whenever a global step is due, and when the training ends.

    Trainer(callbacks=[DissectionCallback(TrainingMonitor("net.layer4", "broden1_224", every=500, out="series"))])

    On the process of global rank 0 alone; the others wait for it where they next exchange gradients. Without a
    ``writer`` of its own, ``monitor`` logs into the trainer's TensorBoard logger, if it has one. With an ``out``, the
    page of the series is written there in the end. What is dissected is ``module``, a name within the
    ``LightningModule``, or that itself, whose ``forward`` then takes images.
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
        except NetdissectError as error:  # the training is not to be lost for it
            warnings.warn(str(error), stacklevel=2)

    def _dissect(self, trainer: Any, pl_module: Any) -> None:
        if trainer.global_step not in self.monitor.summaries:
            self.monitor.dissect(pl_module.get_submodule(self.module), trainer.global_step)


def _tensorboard(trainer: Any) -> Any:
    """The ``SummaryWriter`` of the trainer's TensorBoard logger; None if it has none."""
    for logger in trainer.loggers:
        if any(kind.__name__ == "TensorBoardLogger" for kind in type(logger).__mro__):  # of either package
            return logger.experiment
    return None
