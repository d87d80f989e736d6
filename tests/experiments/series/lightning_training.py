"""A training with the real Trainer of Lightning; imported by the tests that need it, since Lightning takes seconds."""

import torch
from lightning.pytorch import LightningModule, Trainer, seed_everything
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tests.experiments.nets import small
from tests.unchecked import unchecked_types


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
