"""Fine-tunes a real network, and keeps checkpoints for ``netdissect series`` and ``compare``. Prints one JSON object.

uv run benchmarks/finetuning.py --network NETWORKS.py:BUILDER --textures FOLDER --out DIR

FOLDER has a folder of images per class. The network's last linear layer is replaced by one for these classes.
"""

import argparse
import json
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset
from torchvision import transforms
from torchvision.datasets import ImageFolder

from netdissect import load_model

#: Of the images, every so-many-th is kept from training, to tell how well the network does.
HELD_OUT = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", required=True)
    parser.add_argument("--textures", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--every", type=int, default=40)
    parser.add_argument("--rate", type=float, default=2e-3)
    options = parser.parse_args()
    torch.manual_seed(0)
    model = load_model(options.network).model
    training, held_out = batches(options.textures, options.size)
    replace_classifier(model, classes=len(training.dataset.dataset.classes))
    options.out.mkdir(parents=True, exist_ok=True)
    begun, found = time.perf_counter(), []
    save(model, 0, options.out)
    for step, loss in enumerate(fine_tune(model, training, options.steps, options.rate), 1):
        if step % options.every == 0 or step == options.steps:
            save(model, step, options.out)
            found.append({"step": step, "loss": round(loss, 3), "held_out": round(accuracy(model, held_out), 3)})
    seconds = round(time.perf_counter() - begun, 1)
    print(json.dumps({"benchmark": "finetuning", "seconds": seconds, "checkpoints": found}))


def batches(folder: Path, size: int) -> tuple[DataLoader, DataLoader]:
    """Training and held-out images, as the networks of TensorFlow take them: from -1 to 1."""
    normalize = [transforms.ToTensor(), transforms.Normalize([0.5] * 3, [0.5] * 3)]
    crop = transforms.RandomResizedCrop(size, scale=(0.5, 1.0))
    varied = ImageFolder(folder, transforms.Compose([crop, transforms.RandomHorizontalFlip(), *normalize]))
    plain = ImageFolder(folder, transforms.Compose([transforms.Resize((size, size)), *normalize]))
    kept = [index for index in range(len(plain)) if index % HELD_OUT]
    others = [index for index in range(len(plain)) if index % HELD_OUT == 0]
    return DataLoader(Subset(varied, kept), 32, shuffle=True, drop_last=True), DataLoader(Subset(plain, others), 32)


def replace_classifier(model: nn.Module, classes: int) -> None:
    name, last = [(name, one) for name, one in model.named_modules() if isinstance(one, nn.Linear)][-1]
    model.set_submodule(name, nn.Linear(last.in_features, classes))


def fine_tune(model: nn.Module, training: DataLoader, steps: int, rate: float):
    """Yields the loss of each step. Batch norm stays as it is: statistics of batches this small would undo it."""
    model.eval()
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=rate, total_steps=steps)
    done = 0
    while done < steps:
        for images, classes in training:
            loss = nn.functional.cross_entropy(model(images), classes)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            yield loss.item()
            done += 1
            if done == steps:
                return


@torch.no_grad()
def accuracy(model: nn.Module, images: DataLoader) -> float:
    right: list[Tensor] = [model(batch).argmax(dim=1) == classes for batch, classes in images]
    return float(torch.cat(right).float().mean())


def save(model: nn.Module, step: int, out: Path) -> None:
    torch.save({"step": step, "state_dict": model.state_dict()}, out / f"checkpoint_{step:04d}.pt")


if __name__ == "__main__":
    main()
