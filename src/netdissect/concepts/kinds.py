"""The kinds of datasets: a new one is a class in a file of its own and a line here."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from netdissect.registry import Registry

if TYPE_CHECKING:
    from netdissect.concepts.base import ConceptDataset


@dataclass(frozen=True)
class DatasetRequest:
    """How a caller wants a dataset to be opened; ``size`` (H, W) is that of the images the network will see.

    ``ignore_index`` lists class indices that carry no concept, ``skip_bad`` allows images without labels. ``limit`` and
    ``seed`` are for datasets that are made rather than read: of all others, ``open_dataset`` draws a sample.
    """

    size: tuple[int, int] = (224, 224)
    ignore_index: tuple[int, ...] = ()
    skip_bad: bool = False
    limit: int | None = None
    seed: int = 0


@runtime_checkable
class DatasetKind(Protocol):
    """A kind of dataset: it recognizes its own by name or path, and opens them."""

    #: Whether ``ignore_index`` means something to datasets of this kind.
    takes_ignore_index: bool

    def recognizes(self, spec: str | Path) -> bool:
        """Return whether ``spec`` names a dataset of this kind."""
        ...

    def open(self, spec: str | Path, request: DatasetRequest) -> "ConceptDataset":
        """Open the dataset. Raises ``NetdissectError``."""
        ...


#: Classes without arguments, of ``DatasetKind``. The first that recognizes a dataset opens it. Each help text is a noun
#: with its contents in brackets: errors and ``--help`` join them.
DATASET_KINDS = Registry(
    "dataset kind",
    [
        ("scenes", "netdissect.concepts.scenes:ScenesKind", "the word scenes (painted on the fly)"),
        (
            "broden",
            "netdissect.concepts.broden:BrodenKind",
            "a Broden directory (index.csv, label.csv, category.csv, images/)",
        ),
        ("folder", "netdissect.concepts.folder:FolderKind", "a folder of masks (images/, labels/, classes.csv)"),
    ],
)


def describe_kinds() -> str:
    """Return a list of the kinds, for ``--help`` and errors.

    >>> describe_kinds().partition(", a Broden directory")[0]
    'the word scenes (painted on the fly)'
    """
    *front, last = map(DATASET_KINDS.help_of, DATASET_KINDS)
    return f"{', '.join(front)}, or {last}" if front else last
