"""The whole way from a network and a dataset to a result."""

from netdissect.pipeline.directory import unfinished_folder
from netdissect.pipeline.dissect import dissect

__all__ = ["dissect", "unfinished_folder"]
