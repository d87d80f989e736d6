"""Opening what a caller names: the network and the dataset."""

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from netdissect.concepts import ConceptDataset, check_dataset, open_dataset, sample
from netdissect.networks.expected import Expected
from netdissect.networks.load import LoadedModel, load_model
from netdissect.types import NetdissectError


def open_model(model: nn.Module | LoadedModel | str, seed: int) -> LoadedModel:
    """The network, opened if it is a name; ``seed`` is that of random weights."""
    if isinstance(model, str):
        return load_model(model, seed=seed)
    if isinstance(model, nn.Module):
        return LoadedModel(model, type(model).__name__, None, Expected())
    return model


def open_data(
    data: ConceptDataset | str | Path,
    size: tuple[int, int],
    ignore_index: Sequence[int],
    limit: int | None,
    seed: int,
    skip_bad: bool,
) -> ConceptDataset:
    """The dataset, opened if it is a name, and checked; at most ``limit`` images of it. Raises ``NetdissectError``."""
    if isinstance(data, str | Path):
        data = open_dataset(data, size=size, ignore_index=ignore_index, skip_bad=skip_bad, limit=limit, seed=seed)
        check_dataset(data)
        return data
    check_dataset(data)
    if ignore_index:
        raise NetdissectError(f"{data.name}: indices to ignore make sense for a folder of masks given by name alone")
    return data if limit is None else sample(data, limit, seed)
