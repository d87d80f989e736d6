"""Train the demo network: ``python -m netdissect.networks.demo.train`` (about ten minutes on two cores).

It learns from scenes of other seeds than the demo's, each seen once, and from the concepts that each image shows.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from jaxtyping import Float
from rich.progress import track
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from netdissect.concepts.scenes import Scenes
from netdissect.networks.demo.network import DEMO_SIZE, DemoNetwork

#: ImageNet's mean and deviation of RGB in 0..1, the defaults of ``dissect``.
_MEAN = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
_STD = torch.tensor([0.229, 0.224, 0.225])[:, None, None]

#: The share of an image's pixels from which a concept counts as present.
_PRESENT = 0.002


class _Presence(Dataset[tuple[Tensor, Tensor]]):
    """Scenes as tensors, with a vector that is 1 for each concept that the scene shows."""

    def __init__(self, scenes: Scenes) -> None:
        self._scenes = scenes

    def __len__(self) -> int:
        return len(self._scenes)

    def __getitem__(self, index: int) -> tuple[Float[Tensor, "3 H W"], Float[Tensor, " c"]]:
        labels = self._scenes.labels(index)
        pixels = torch.frombuffer(bytearray(self._scenes.image(index).tobytes()), dtype=torch.uint8)
        image = pixels.reshape(DEMO_SIZE, DEMO_SIZE, 3).permute(2, 0, 1) / 255
        counts = torch.bincount(
            torch.from_numpy(labels.maps).long().flatten(), minlength=len(self._scenes.concepts) + 1
        )
        present = (counts >= _PRESENT * DEMO_SIZE**2).float()
        present[list(labels.whole)] = 1
        return (image - _MEAN) / _STD, present[1:]


def train(
    images: int,
    seed: int,
    batch_size: int = 64,
    rate: float = 3e-3,
    workers: int = 2,
    on_step: Callable[[nn.Module, int], object] = lambda model, step: None,
) -> DemoNetwork:
    """Return a network trained on ``images`` scenes of ``seed``, in evaluation mode.

    ``on_step`` is called with the network and the number of steps trained so far, from 0 to the last.
    """
    torch.manual_seed(seed)
    scenes = Scenes(images, size=(DEMO_SIZE, DEMO_SIZE), seed=seed)
    model = DemoNetwork(len(scenes.concepts))
    batches = DataLoader(_Presence(scenes), batch_size, num_workers=workers, drop_last=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=rate, total_steps=len(batches))
    for step, (pixels, present) in enumerate(track(batches, "training")):
        on_step(model, step)
        loss = nn.functional.binary_cross_entropy_with_logits(model(pixels), present)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            print(f"step {step}: loss {loss.item():.4f}")
    on_step(model, len(batches))
    return model.eval()


@torch.no_grad()
def average_precision(model: DemoNetwork, images: int, seed: int) -> float:
    """Return the mean average precision over concepts: unseen scenes are ranked by each concept's score."""
    data = _Presence(Scenes(images, size=(DEMO_SIZE, DEMO_SIZE), seed=seed))
    results = [(model(pixels), present) for pixels, present in DataLoader(data, 64)]
    scores, present = (torch.cat(parts) for parts in zip(*results, strict=True))
    ranked = present.gather(0, scores.argsort(dim=0, descending=True))
    precision = ranked.cumsum(0) / torch.arange(1, images + 1)[:, None]
    return ((precision * ranked).sum(0) / ranked.sum(0).clamp(min=1)).mean().item()


def main() -> None:
    """Train, print the average precision, and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=64_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("weights.safetensors"))
    arguments = parser.parse_args()
    model = train(arguments.images, arguments.seed)
    print(f"mean average precision on unseen scenes: {average_precision(model, 1000, arguments.seed + 1):.3f}")
    # Half precision is plenty for weights, and halves the package.
    weights = {name: value.half() if value.is_floating_point() else value for name, value in model.state_dict().items()}
    save_file({name: value.contiguous() for name, value in weights.items()}, arguments.out)


if __name__ == "__main__":
    main()
