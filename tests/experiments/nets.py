"""Small networks in training, and images to dissect them on."""

import numpy as np
import torch
from torch import nn

from netdissect import Concept
from netdissect.labels import Labels
from tests.planted import MemoryDataset

#: Quick: a few small images, all of whose positions count.
OPTIONS = {"size": 8, "mean": 0.0, "std": 1.0, "quantile": 0.2, "workers": 0, "top_images": 2}


def dataset(images=6):
    random = np.random.default_rng(0)
    labels = [Labels(random.choice([0, 1, 2], (1, 8, 8)).astype(np.int32)) for _ in range(images)]
    return MemoryDataset(labels, (Concept(1, "one", "object"), Concept(2, "two", "color")), (8, 8))


class Small(nn.Module):
    """With all that behaves otherwise in training: batch norm and dropout."""

    def __init__(self, units=4):
        super().__init__()
        self.conv = nn.Conv2d(3, units, 3, padding=1)
        self.norm = nn.BatchNorm2d(units)
        self.relu = nn.ReLU(inplace=True)
        self.dropout = nn.Dropout(0.3)
        self.head = nn.Linear(units, 2)

    def forward(self, images):
        return self.head(self.dropout(self.relu(self.norm(self.conv(images)))).mean(dim=(2, 3)))


def small(units=4, seed=0):
    torch.manual_seed(seed)
    return Small(units)
