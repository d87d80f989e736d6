"""Frozen results of dissections: tables, counts, saved and loaded. Nothing here needs a network, images or torch."""

from netdissect.results.colors import category_colors
from netdissect.results.export import table_files, write_table
from netdissect.results.images import ConceptExample, ShownImage
from netdissect.results.layer import LayerResult
from netdissect.results.parts import Activations, Counts, LayerTopImages, Pictures, Sample
from netdissect.results.published import PublishedNetwork, published_networks
from netdissect.results.run import Result, UnknownLayerError, check_free
from netdissect.results.table import open_result, read_table
from netdissect.results.visualization import Visualization

__all__ = [
    "Activations",
    "ConceptExample",
    "Counts",
    "LayerResult",
    "LayerTopImages",
    "Pictures",
    "PublishedNetwork",
    "Result",
    "Sample",
    "ShownImage",
    "UnknownLayerError",
    "Visualization",
    "category_colors",
    "check_free",
    "open_result",
    "published_networks",
    "read_table",
    "table_files",
    "write_table",
]
