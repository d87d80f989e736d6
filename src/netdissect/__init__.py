"""Network Dissection: which concepts the units of a vision network respond to.

import netdissect

result = netdissect.dissect(model, layers=["layer4"], data="path/to/broden1_224")
result["layer4"].labels
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netdissect.activations import KeptActivations
    from netdissect.compare.comparison_page import write_comparison
    from netdissect.concepts import BrodenDataset, ConceptDataset, FolderDataset, Scenes, open_dataset
    from netdissect.experiments.rotation.rotate import rotate
    from netdissect.experiments.series.series import Series
    from netdissect.experiments.series.training import TrainingMonitor
    from netdissect.labels import Labels
    from netdissect.networks.layers import list_layers
    from netdissect.networks.load import load_model
    from netdissect.pipeline import dissect
    from netdissect.pipeline.dream import dream
    from netdissect.pipeline.visualize import visualize
    from netdissect.report import write_report
    from netdissect.results import LayerResult, Result
    from netdissect.types import BadSampleError, Concept, NetdissectError
    from netdissect.visualization import Dreaming, Excitation, VisualizationOptions

# Imported when first asked for, so that the command's --help does not wait for torch.
_HOMES = {
    "BadSampleError": "netdissect.types",
    "BrodenDataset": "netdissect.concepts",
    "Concept": "netdissect.types",
    "ConceptDataset": "netdissect.concepts",
    "Dreaming": "netdissect.visualization",
    "Excitation": "netdissect.visualization",
    "FolderDataset": "netdissect.concepts",
    "KeptActivations": "netdissect.activations",
    "Labels": "netdissect.labels",
    "LayerResult": "netdissect.results",
    "NetdissectError": "netdissect.types",
    "Result": "netdissect.results",
    "Scenes": "netdissect.concepts",
    "Series": "netdissect.experiments.series.series",
    "TrainingMonitor": "netdissect.experiments.series.training",
    "VisualizationOptions": "netdissect.visualization",
    "dissect": "netdissect.pipeline",
    "dream": "netdissect.pipeline.dream",
    "list_layers": "netdissect.networks.layers",
    "load_model": "netdissect.networks.load",
    "open_dataset": "netdissect.concepts",
    "rotate": "netdissect.experiments.rotation.rotate",
    "visualize": "netdissect.pipeline.visualize",
    "write_comparison": "netdissect.compare.comparison_page",
    "write_report": "netdissect.report",
}

__all__ = [
    "BadSampleError",
    "BrodenDataset",
    "Concept",
    "ConceptDataset",
    "Dreaming",
    "Excitation",
    "FolderDataset",
    "KeptActivations",
    "Labels",
    "LayerResult",
    "NetdissectError",
    "Result",
    "Scenes",
    "Series",
    "TrainingMonitor",
    "VisualizationOptions",
    "dissect",
    "dream",
    "list_layers",
    "load_model",
    "open_dataset",
    "rotate",
    "visualize",
    "write_comparison",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'netdissect' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
