"""Datasets of images whose pixels are labelled with concepts: the protocol and its readers."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netdissect.concepts.base import ConceptDataset, check_dataset, sample
    from netdissect.concepts.broden import BrodenDataset
    from netdissect.concepts.folder import FolderDataset
    from netdissect.concepts.opening import open_dataset
    from netdissect.concepts.scenes import Scenes

# Imported when first asked for, so that help texts can list the kinds of datasets without PIL.
_HOMES = {
    "BrodenDataset": "netdissect.concepts.broden",
    "ConceptDataset": "netdissect.concepts.base",
    "FolderDataset": "netdissect.concepts.folder",
    "Scenes": "netdissect.concepts.scenes",
    "check_dataset": "netdissect.concepts.base",
    "open_dataset": "netdissect.concepts.opening",
    "sample": "netdissect.concepts.base",
}

__all__ = ["BrodenDataset", "ConceptDataset", "FolderDataset", "Scenes", "check_dataset", "open_dataset", "sample"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'netdissect.concepts' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
